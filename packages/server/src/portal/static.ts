import { existsSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { PortalApp } from "#access";
import { isOfApi } from "./not-found.ts";

/** The built web application (packages/web/dist). Vite puts what is named by its digest under assets/. */
export async function serveWeb(app: PortalApp, root: string, notFound: (request: FastifyRequest, reply: FastifyReply) => void): Promise<void> {
  await app.register(fastifyStatic, { root, serve: false, dotfiles: "deny", cacheControl: false });

  app.route({
    method: ["GET", "HEAD"],
    url: "/*",
    config: { access: "public" },
    handler: async (request, reply) => {
      // Put together, not resolved against a base: of `//host/path` that would make another host.
      const { pathname } = new URL(`http://portal${request.url}`);
      if (isOfApi(pathname)) return notFound(request, reply);
      const path = pathname.slice(1);
      if (path.startsWith("assets/")) {
        // Named by digest: its bytes never change. A missing one is a 404, not the page, or a stale client would run HTML as script.
        return reply.header("cache-control", "public, max-age=31536000, immutable").sendFile(path);
      }
      if (/^[\w.-]+\.[a-z0-9]+$/i.test(path) && existsSync(join(root, path))) {
        return reply.header("cache-control", "public, max-age=3600").sendFile(path);
      }
      // Every other address is a page of the application, which reads it itself (INT-55: /ui/interactions/<Call Id>).
      if (!existsSync(join(root, "index.html"))) return notFound(request, reply);
      return reply.header("cache-control", "no-cache").sendFile("index.html");
    },
  });
}

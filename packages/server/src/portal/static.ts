import { existsSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { PortalApp } from "#access";
import { answerNotFound } from "./problem.ts";

/** The built web application (packages/web/dist). Vite puts what is named by its digest under assets/. */
export async function serveWeb(app: PortalApp, root: string): Promise<void> {
  await app.register(fastifyStatic, { root, serve: false, dotfiles: "deny", cacheControl: false });

  app.get("/*", { config: { access: "public" } }, async (request, reply) => {
    const path = new URL(request.url, "http://portal").pathname.slice(1);
    if (path === "api" || path.startsWith("api/")) return answerNotFound(request, reply);
    if (path.startsWith("assets/")) {
      // Named by digest: its bytes never change. A missing one is a 404, not the page, or a stale client would run HTML as script.
      return reply.header("cache-control", "public, max-age=31536000, immutable").sendFile(path);
    }
    if (/^[\w.-]+\.[a-z0-9]+$/i.test(path) && existsSync(join(root, path))) {
      return reply.header("cache-control", "public, max-age=3600").sendFile(path);
    }
    // Every other address is a page of the application, which reads it itself (INT-55: /ui/interactions/<Call Id>).
    if (!existsSync(join(root, "index.html"))) return answerNotFound(request, reply);
    return reply.header("cache-control", "no-cache").sendFile("index.html");
  });
}

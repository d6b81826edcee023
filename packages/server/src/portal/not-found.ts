import type { FastifyReply, FastifyRequest } from "fastify";
import { answerMethodNotAllowed, answerNotFound } from "./problem.ts";
import type { DescribedRoute } from "./openapi.ts";

/** Answers what no route took: 405 with `Allow` where the address is one of ours and only the method is not, else 404. */
export function createNotFound(routes: readonly DescribedRoute[]) {
  const patterns = new Map<string, RegExp>();

  function isAt(url: string, path: string): boolean {
    // The web application takes every address but the API's and the logs'.
    if (url === "/*") return !isOfApi(path);
    let pattern = patterns.get(url);
    if (pattern === undefined) patterns.set(url, (pattern = new RegExp(`^${url.replaceAll(".", "\\.").replace(/:\w+/g, "[^/]+").replace(/\*$/, ".+")}$`)));
    return pattern.test(path);
  }

  return (request: FastifyRequest, reply: FastifyReply): void => {
    const path = request.url.split("?", 1)[0] ?? "";
    const methods = new Set(routes.filter(({ url }) => isAt(url, path)).flatMap(({ method }) => method));
    if (methods.size === 0 || methods.has(request.method)) answerNotFound(request, reply);
    else answerMethodNotAllowed(request, reply, [...methods].sort());
  };
}

/** What programs read: where nothing is, they are told so, and not given a page. */
export function isOfApi(path: string): boolean {
  return path === "/api" || path.startsWith("/api/") || path.startsWith("/log/");
}

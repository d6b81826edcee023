import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import cookie from "@fastify/cookie";
import rateLimit from "@fastify/rate-limit";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, { LogController, type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Health } from "@earwitness/contract";
import type { PortalApp } from "#access";
import type { Log } from "#log";
import { guardRoutes, type GuardOptions } from "./guard.ts";
import { addMetrics, type MetricSources } from "./metrics.ts";
import { createNotFound } from "./not-found.ts";
import { describeRoutes, type DescribedRoute } from "./openapi.ts";
import { answerError, answerMalformed } from "./problem.ts";
import { addSecurityHeaders } from "./security.ts";
import { serveWeb } from "./static.ts";

interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface PortalOptions {
  readonly log: Log;
  readonly version: string;
  /** Where people reach the portal: scheme, host and port, as they type it. */
  readonly publicUrl: URL;
  /** Addresses or networks of reverse proxies whose X-Forwarded-… are believed; empty: none. */
  readonly trustedProxies: readonly string[];
  /** Directory of the built web application; null where this node serves none. */
  readonly webRoot: string | null;
  readonly authenticate: GuardOptions["authenticate"];
  /** True for the errors that say that the database cannot be reached just now. */
  readonly isDatabaseAway: (error: unknown) => boolean;
  readonly ready: () => Readiness;
  /** Whether people and scripts can be served: the database answers. */
  readonly portalReady: () => Promise<Readiness>;
  /** What keeps no call from being recorded and still has to be looked at. */
  readonly warnings?: () => readonly string[];
  readonly metrics: MetricSources;
  /** Routes of the rooms. */
  readonly routes: readonly ((app: PortalApp) => void)[];
  /** What is streamed for as long as somebody listens ends here, before open requests are waited for. */
  readonly beforeClose?: () => Promise<void>;
}

export interface Portal {
  readonly app: PortalApp;
  /** OpenAPI description of all routes. */
  describe(): ReturnType<typeof describeRoutes>;
  /** Everything that is answered, such as `GET /api/v1/trunks/:id`. */
  routes(): string[];
  listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

const bodyLimitBytes = 256 * 1024;

/** Name of the session cookie. `__Host-` keeps other hosts, paths and plain connections from setting or overwriting it. */
export function sessionCookieName(publicUrl: URL): string {
  return publicUrl.protocol === "https:" ? "__Host-earwitness" : "earwitness";
}

/** The HTTP shell. Everything it serves is registered by the room that knows it. */
export async function createPortal(options: PortalOptions): Promise<Portal> {
  const routes: DescribedRoute[] = [];
  const notFound = createNotFound(routes);
  const answer = (error: unknown, request: FastifyRequest, reply: FastifyReply) => answerError(error, request, reply, options.isDatabaseAway);
  const app: PortalApp = Fastify({
    loggerInstance: options.log.child({ room: "portal" }, { serializers: { req: describeRequest } }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "instance" }),
    genReqId: () => randomUUID(),
    requestIdHeader: false, // an instance id is ours to give
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    bodyLimit: bodyLimitBytes,
    routerOptions: { maxParamLength: 200, caseSensitive: true },
    exposeHeadRoutes: false, // a HEAD may not run what a GET streams
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    requestTimeout: 60_000,
    forceCloseConnections: "idle",
    return503OnClosing: true,
    // Bounds hold for infinity too, which a query string can say (`1e309`) and strictNumbers would let pass them.
    ajv: { customOptions: { allErrors: true, removeAdditional: false, coerceTypes: "array", strictNumbers: false } },
    frameworkErrors: answer,
    clientErrorHandler: ({ code }, socket) => answerMalformed(code, socket),
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setErrorHandler(answer);
  app.setNotFoundHandler({}, notFound);

  await addSecurityHeaders(app, options.publicUrl);
  await app.register(cookie);
  await app.register(rateLimit, { global: false });

  app.addHook("onRoute", (route) => void routes.push(route));
  guardRoutes(app, { publicUrl: options.publicUrl, sessionCookie: sessionCookieName(options.publicUrl), authenticate: options.authenticate });

  app.addHook("onSend", async (request, reply) => {
    // What the API answers is for this caller and this moment, unless a route says otherwise.
    if (request.url.startsWith("/api/") && !reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });

  addHealth(app, options);
  addMetrics(app, options.metrics);
  const describe = () => describeRoutes(routes, options.version);
  let description: string | null = null; // complete once all routes are there
  app.get(
    "/api/v1/openapi.json",
    { config: { access: "signed-in", produces: ["application/json"] }, schema: { summary: "This description", description: "OpenAPI 3.1.", tags: ["operation"] } },
    async (_request, reply) => reply.type("application/json").send((description ??= JSON.stringify(describe()))),
  );
  for (const register of options.routes) register(app);
  if (options.webRoot !== null) {
    if (existsSync(options.webRoot)) await serveWeb(app, options.webRoot, notFound);
    else options.log.warn({ webRoot: options.webRoot }, "the web application is not built: the portal serves its API only");
  }
  if (options.beforeClose !== undefined) app.addHook("preClose", options.beforeClose);
  await app.ready();

  let closing: Promise<void> | null = null;
  return {
    app,
    describe,
    routes: () => routes.flatMap(({ method, url }) => [method].flat().map((one) => `${one} ${url}`)),
    async listen({ host, port }) {
      await app.listen({ host, port });
      const address = app.server.address();
      if (address === null || typeof address === "string") throw new Error("the portal did not get a TCP port");
      return { port: address.port };
    },
    close: () => (closing ??= closeWithin(app, closeGraceMs)),
  };
}

/** Answers that are under way may finish; a download of an hour's recording may not keep the process. */
const closeGraceMs = 2_000;

async function closeWithin(app: PortalApp, graceMs: number): Promise<void> {
  const cutOff = setTimeout(() => app.server.closeAllConnections(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cutOff);
  }
}

/** Query strings hold what people search for; the log has no business with it. */
const describeRequest = (request: { method: string; url: string; ip: string }) => ({ method: request.method, path: request.url.split("?")[0], remoteAddress: request.ip });

function addHealth(app: PortalApp, { ready, portalReady, warnings = () => [] }: Pick<PortalOptions, "ready" | "portalReady" | "warnings">): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/api/v1/health",
    config: { access: "public" },
    schema: {
      summary: "May calls, or people, be sent here?",
      description: "For load balancers' and session border controllers' probes: 200 when a call sent now would be recorded, else 503. With `of=portal`: 200 when people and scripts can be served, which needs the database; calls do not.",
      tags: ["operation"],
      querystring: Type.Object({ of: Type.Optional(Type.Enum(["recording", "portal"], { default: "recording" })) }),
      response: { 200: Health, 503: Health },
    },
    handler: async (request, reply) => {
      const { ready: isReady, reasons } = request.query.of === "portal" ? await portalReady() : ready();
      return reply.code(isReady ? 200 : 503).send({ ready: isReady, reasons: [...reasons], warnings: [...warnings()] });
    },
  });
}

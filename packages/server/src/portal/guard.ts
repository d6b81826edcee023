import type { FastifyReply, FastifyRequest } from "fastify";
import { can, principalKey, type PortalApp, type Principal, type RouteAccess } from "#access";
import { Refusal } from "#errors";

/** What a request brings along to say who sends it. At most one of them counts: a key, if there is one. */
export interface Credentials {
  readonly apiKey: string | null;
  readonly session: string | null;
}

export interface GuardOptions {
  readonly publicUrl: URL;
  readonly sessionCookie: string;
  readonly authenticate: (credentials: Credentials, remoteAddress: string) => Promise<Principal | null>;
}

/** Requests of one caller in a minute: a person's pages and player need far fewer, a script's loop may not starve the others. */
const perMinute = 6_000;
/** Wrong keys and dead sessions from one address in a minute, before it has to wait. */
const failuresPerMinute = 60;

export function readCredentials(request: Pick<FastifyRequest, "headers" | "cookies">, sessionCookie: string): Credentials {
  const bearer = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? "");
  return { apiKey: bearer?.[1] ?? null, session: bearer === null ? (request.cookies[sessionCookie] ?? null) : null };
}

/** Every route says who may call it, or the server does not start; every request is held against what its route says. */
export function guardRoutes(app: PortalApp, options: GuardOptions): void {
  app.decorateRequest("principal", null);

  app.addHook("onRoute", (route) => {
    if (route.config?.access === undefined) throw new Error(`${String(route.method)} ${route.url} does not declare config.access`);
  });

  const timeWindow = 60_000;
  const failures = app.createRateLimit({ max: failuresPerMinute, timeWindow, keyGenerator: (request) => request.ip });
  const requests = app.createRateLimit({
    max: (request) => request.routeOptions.config.perMinute ?? perMinute,
    timeWindow,
    keyGenerator: (request) => {
      const caller = request.principal === null ? request.ip : principalKey(request.principal);
      // A route with a limit of its own counts by itself.
      return request.routeOptions.config.perMinute === undefined ? caller : `${caller} ${request.routeOptions.url}`;
    },
  });

  app.addHook("onRequest", async (request, reply) => {
    // What is at no route is answered 404 by the handler of that; there is nothing to guard.
    if (request.is404) return;
    const access = request.routeOptions.config.access as RouteAccess;
    if (access !== "public") request.principal = await admit(request, reply, access);
    if (access === "public" && request.routeOptions.config.perMinute === undefined) return;
    refuseBeyond(await requests(request), reply, "");
  });

  function refuseBeyond(budget: Awaited<ReturnType<typeof requests>>, reply: FastifyReply, why: string): void {
    if (budget.isAllowed || !budget.isExceeded) return;
    reply.header("retry-after", String(budget.ttlInSeconds));
    throw new Refusal("TOO_MANY_REQUESTS", 429, `${why}Try again in ${budget.ttlInSeconds} s.`);
  }

  async function admit(request: FastifyRequest, reply: FastifyReply, access: Exclude<RouteAccess, "public">): Promise<Principal> {
    const credentials = readCredentials(request, options.sessionCookie);
    if (credentials.session !== null) refuseForeignOrigin(request, options.publicUrl);
    const isAnonymous = credentials.apiKey === null && credentials.session === null;
    const principal = isAnonymous ? null : await options.authenticate(credentials, request.ip);
    if (principal === null) {
      if (!isAnonymous) refuseBeyond(await failures(request), reply, "Too many wrong credentials from this address. ");
      throw new Refusal("UNAUTHENTICATED", 401, "Sign in, or send an API key as `Authorization: Bearer …`.");
    }
    if (access !== "signed-in" && !can(principal, access.permission)) {
      throw new Refusal("FORBIDDEN", 403, `This needs the permission ${access.permission}, which ${principal.profile === "" ? "you do not have" : `${principal.profile} does not give`}.`);
    }
    return principal;
  }
}

const readOnly = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A cookie comes along with any request the browser is talked into, so a request with one has to come from our own pages
 * (CSRF). Browsers say where it comes from in Sec-Fetch-Site; older ones in Origin, on what changes something.
 */
function refuseForeignOrigin(request: FastifyRequest, publicUrl: URL): void {
  const site = request.headers["sec-fetch-site"];
  const isReading = readOnly.has(request.method);
  if (site === "same-origin" || (isReading && (site === "none" || site === undefined))) return;
  const { origin } = request.headers;
  if (site === undefined && origin !== undefined && (origin === publicUrl.origin || origin === `${request.protocol}://${request.host}`)) return;
  throw new Refusal("FOREIGN_ORIGIN", 403, "A request with a session cookie has to come from the portal's own pages.");
}

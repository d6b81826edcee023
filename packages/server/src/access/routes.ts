import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { SessionInfo } from "@earwitness/contract";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { messageOf, Refusal } from "#errors";
import { append } from "#evidence";
import { principalOf, type PortalApp } from "./http.ts";
import { createOidc, isLoopback, type OidcSettings, type PendingSignIn } from "./oidc.ts";
import type { Sessions } from "./sessions.ts";
import { createCookieSeal } from "./sealed-cookie.ts";
import { localRoutes } from "./local-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { admit, safeReturnTo, type SignInError } from "./sign-in.ts";

export interface AccessRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly sessions: Sessions;
  readonly publicUrl: URL;
  readonly sessionCookie: string;
  /** 32 random bytes of the installation, the same on every node. */
  readonly cookieSecret: Uint8Array;
  /** Null: people sign in with accounts of their own, if they were invited to one. */
  readonly oidc: OidcSettings | null;
  readonly sandbox: boolean;
}

const tags = ["session"];
const callbackPath = "/api/v1/sign-in/callback";
const pendingMs = 10 * 60_000;
const signInsPerMinute = 60;

/** What went wrong on the way, as the sign-in page says it. */
const refusals: Readonly<Record<string, SignInError>> = { CANCELLED: "cancelled", PROVIDER_AWAY: "provider_away", UNKNOWN_TENANT: "unknown_tenant", PERSONAL_ACCOUNT: "personal_account" };

export function accessRoutes({ db, clock, nodeId, sessions, publicUrl, sessionCookie, cookieSecret, oidc: settings, sandbox }: AccessRoutesOptions) {
  const oidc = settings === null ? null : createOidc(settings);
  const seal = createCookieSeal(cookieSecret, "sign-in");
  const secure = publicUrl.protocol === "https:";
  const pendingCookie = secure ? "__Host-earwitness-sign-in" : "earwitness-sign-in";
  // Lax, not strict: coming back from the identity provider is a navigation from another site.
  const cookieFlags = { httpOnly: true, sameSite: "lax", secure, path: "/" } as const;

  function refuse(reply: FastifyReply, error: SignInError): FastifyReply {
    return reply.clearCookie(pendingCookie, cookieFlags).redirect(`/sign-in?error=${error}`, 302);
  }

  /** Whoever is on the way of signing in reads a page, not a problem in JSON. */
  function errorHandler(error: FastifyError | Refusal, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const status = error instanceof Refusal ? error.status : (error.statusCode ?? (error.validation === undefined ? 500 : 400));
    if (status >= 500) request.log.error({ err: error }, "a sign-in failed");
    if (status === 429) return reply.redirect("/sign-in?error=too_many", 302);
    return refuse(reply, status >= 500 ? "unavailable" : "refused");
  }

  async function start(request: FastifyRequest, reply: FastifyReply, returnTo: string): Promise<FastifyReply> {
    if (oidc === null) return refuse(reply, "not_configured");
    // Who came as 127.0.0.1 would come back as localhost, without the cookie that was set on the other name.
    if (isLoopback(publicUrl.hostname) && isLoopback(request.hostname) && request.hostname !== publicUrl.hostname) {
      const there = new URL("/api/v1/sign-in", publicUrl);
      there.searchParams.set("returnTo", returnTo);
      return reply.redirect(there.href, 302);
    }
    try {
      const { url, pending } = await oidc.start(new URL(callbackPath, publicUrl).href, returnTo);
      const goodUntil = new Date(clock.now().getTime() + pendingMs);
      return reply.setCookie(pendingCookie, seal.seal(pending, goodUntil), { ...cookieFlags, maxAge: pendingMs / 1000 }).redirect(url.href, 302);
    } catch (error) {
      request.log.warn({ error: messageOf(error) }, "sign-in could not start");
      return refuse(reply, "provider_away");
    }
  }

  async function finish(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const pending = seal.open(request.cookies[pendingCookie] ?? "", clock.now()) as PendingSignIn | null;
    if (oidc === null || pending === null) return refuse(reply, "expired");
    let identity;
    try {
      identity = await oidc.finish(new URL(request.url, publicUrl), pending);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      request.log.warn({ code: error.code, error: error.message }, "sign-in was refused");
      return refuse(reply, refusals[error.code] ?? "refused");
    }
    const origin = { occurredAt: clock.now(), nodeId, remoteAddress: request.ip };
    const admission = await admit(db, identity, origin);
    if (admission.kind === "error") {
      request.log.warn({ tenant: identity.tenant, error: admission.error }, "sign-in was refused");
      const { error, tried } = admission;
      if (tried !== null) {
        const { tenantId, id, name } = tried;
        await withTenant(db, tenantId, (tx) => append(tx, { ...origin, actor: { kind: "person", id, name }, action: "Login Failed", item: "Session", detail: { why: error } }));
      }
      return refuse(reply, error);
    }
    // Always a session of its own: one that was there before, whoever put it there, is not taken over.
    const session = await sessions.create(admission.tenantId, admission.personId, { remoteAddress: request.ip, userAgent: request.headers["user-agent"], begunBy: pending.state });
    if (session === null) return refuse(reply, "expired");
    return reply
      .clearCookie(pendingCookie, cookieFlags)
      .setCookie(sessionCookie, session.cookie, { ...cookieFlags, expires: session.expiresAt })
      .redirect(pending.returnTo, 302);
  }

  return (app: PortalApp): void => {
    sessionRoutes(app, { db, clock, nodeId, sessionCookie, cookieFlags });
    localRoutes(app, { db, clock, nodeId, sessions, publicUrl, sessionCookie, cookieFlags, cookieSecret, hasProvider: oidc !== null });

    app.get(
      "/api/v1/sign-in",
      {
        config: { access: "public", perMinute: signInsPerMinute },
        errorHandler,
        schema: {
          summary: "Sign in",
          description: "Sends the browser to the identity provider, and after that to `returnTo`, a path of this portal.",
          tags,
          querystring: Type.Object({ returnTo: Type.Optional(Type.String({ maxLength: 2_000, description: "Path to go to when signed in." })) }),
          response: { 302: Type.Null() },
        },
      },
      async (request, reply) => await start(request, reply, safeReturnTo(request.query.returnTo)),
    );

    app.get(
      callbackPath,
      {
        config: { access: "public", perMinute: signInsPerMinute },
        errorHandler,
        schema: { summary: "Return from the identity provider", description: "Sets the session cookie; a refusal goes to the sign-in page with its reason.", tags, response: { 302: Type.Null() } },
      },
      async (request, reply) => await finish(request, reply),
    );

    app.post(
      "/api/v1/sign-out",
      { config: { access: "signed-in" }, schema: { summary: "Sign out", description: "Ends the session of the cookie. An API key is revoked, not signed out.", tags, response: { 204: Type.Null() } } },
      async (request, reply) => {
        const cookie = request.cookies[sessionCookie];
        if (principalOf(request).kind !== "person" || cookie === undefined) throw new Refusal("NOT_A_SESSION", 409, "An API key has no session to end; revoke the key instead.");
        await sessions.end(cookie, { remoteAddress: request.ip });
        return reply.clearCookie(sessionCookie, cookieFlags).code(204).send(null);
      },
    );

    app.get(
      "/api/v1/session",
      {
        config: { access: "signed-in" },
        schema: { summary: "Who am I?", description: "The signed-in person, or the name of the API key.", tags, response: { 200: SessionInfo } },
      },
      async (request): Promise<SessionInfo> => {
        const principal = principalOf(request);
        return await withTenant(db, principal.tenantId, async (tx) => {
          const tenant = await tx.selectFrom("tenants").select(["tenant_id", "slug", "display_name"]).executeTakeFirstOrThrow();
          const person =
            principal.personId === null ? undefined : await tx.selectFrom("people").select("upn").where("person_id", "=", principal.personId).executeTakeFirst();
          return {
            person: { name: principal.name, upn: person?.upn ?? "" },
            tenant: { id: tenant.tenant_id, name: tenant.display_name, slug: tenant.slug },
            profile: principal.profile,
            permissions: [...principal.permissions],
            level: principal.rights.level,
            sandbox,
          };
        });
      },
    );
  };
}

/** Signing in without a provider, and how somebody comes to an account for that. */
import type { CookieSerializeOptions } from "@fastify/cookie";
import type { FastifyReply, FastifyRequest } from "fastify";
import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import { Enrollment, EnrollmentAccept, EnrollmentLook, EnrollmentText, LocalSignIn, SignedIn, SignInWays } from "@earwitness/contract";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { createAttemptLimit } from "./attempt-limit.ts";
import { originOf, principalOf, type PortalApp } from "./http.ts";
import { enroll } from "./enrollments.ts";
import { createLocalAccounts } from "./local-accounts.ts";
import { createCookieSeal } from "./sealed-cookie.ts";
import { newSecret } from "./secret.ts";
import type { Sessions } from "./sessions.ts";
import type { SignInError } from "./sign-in.ts";

interface LocalRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly sessions: Sessions;
  readonly publicUrl: URL;
  readonly sessionCookie: string;
  readonly cookieFlags: CookieSerializeOptions;
  readonly cookieSecret: Uint8Array;
  readonly hasProvider: boolean;
}

const Params = Type.Object({ id: Type.String({ format: "uuid" }) });
const giveAccess = { permission: "access.manage" } as const;
/** Of one address; a person needs one or two. */
const triesPerMinute = 20;
/** Every answer that something was wrong takes at least this long, whatever it was: what differs in the work, some milliseconds, does not show. */
const wrongAfterMs = 500;
const deviceDays = 365;

export function localRoutes(app: PortalApp, { db, clock, nodeId, sessions, publicUrl, sessionCookie, cookieFlags, cookieSecret, hasProvider }: LocalRoutesOptions): void {
  const accounts = createLocalAccounts({ db, clock, nodeId, secret: cookieSecret });
  const attempts = createAttemptLimit(clock);
  const devices = createCookieSeal(cookieSecret, "device");
  const deviceCookie = cookieFlags.secure === true ? "__Host-earwitness-device" : "earwitness-device";
  const source = { clock, nodeId };
  const tags = ["session"];

  async function signedIn(request: FastifyRequest, reply: FastifyReply, who: { readonly tenantId: string; readonly personId: string }): Promise<boolean> {
    const session = await sessions.create(who.tenantId, who.personId, { remoteAddress: request.ip, userAgent: request.headers["user-agent"] });
    if (session === null) return false;
    const goodUntil = new Date(clock.now().getTime() + deviceDays * 86_400_000);
    reply.setCookie(sessionCookie, session.cookie, { ...cookieFlags, expires: session.expiresAt });
    // Whoever guesses slows down strangers' browsers; the owner's own, which was let in before, is counted by itself.
    reply.setCookie(deviceCookie, devices.seal({ ...who, device: newSecret() }, goodUntil), { ...cookieFlags, sameSite: "strict", expires: goodUntil });
    return true;
  }

  /** By what the tries of this request count: the name that is tried, or the browser that this very person was let in with before. */
  async function keyOf(request: FastifyRequest, tenant: string, upn: string): Promise<string> {
    const device = devices.open(request.cookies[deviceCookie] ?? "", clock.now()) as { tenantId: string; personId: string; device: string } | null;
    if (device !== null) {
      const own = await withTenant(db, device.tenantId, (tx) => tx.selectFrom("people").innerJoin("tenants", "tenants.tenant_id", "people.tenant_id").select(["people.upn", "tenants.slug"]).where("people.person_id", "=", device.personId).executeTakeFirst());
      if (own?.slug === tenant && own.upn.toLowerCase() === upn.toLowerCase()) return `device ${device.device}`;
    }
    return `name ${tenant} ${upn.toLowerCase()}`;
  }

  app.get(
    "/api/v1/sign-in/ways",
    { config: { access: "public", perMinute: 120 }, schema: { summary: "Ways to sign in", description: "Whether there is an identity provider. By password and one-time code somebody can sign in who was enrolled to.", tags, response: { 200: SignInWays } } },
    async () => ({ provider: hasProvider }),
  );

  app.post(
    "/api/v1/sign-in/local",
    {
      config: { access: "public", perMinute: triesPerMinute },
      schema: { summary: "Sign in with password and one-time code", description: "For people who were enrolled to an account of their own (USR-21). Sets the session cookie. What was wrong is not said.", tags, body: LocalSignIn, response: { 200: SignedIn } },
    },
    async (request, reply) => {
      const begun = performance.now();
      const { tenant, upn, password, code } = request.body;
      const key = await keyOf(request, tenant, upn);
      const waitMs = attempts.begin(key);
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1_000);
        reply.header("retry-after", String(seconds));
        throw new Refusal("TOO_MANY_REQUESTS", 429, `There were too many attempts with this name. Try again in ${seconds} s.`);
      }
      const proven = await accounts.prove({ tenant, upn, password, code }, { remoteAddress: request.ip });
      if (proven.kind === "wrong") {
        await sleep(Math.max(0, wrongAfterMs - (performance.now() - begun)));
        throw new Refusal("WRONG_SIGN_IN", 401, "Organization, name, password or code is wrong. A code works once.");
      }
      attempts.succeed(key);
      if (proven.kind === "refused") throw refusalOf(proven.error);
      if (!(await signedIn(request, reply, proven))) throw refusalOf("unknown_person");
      return { signedIn: true };
    },
  );

  app.post(
    "/api/v1/enrollments/look",
    { config: { access: "public", perMinute: triesPerMinute }, schema: { summary: "Open an enrollment", description: "Whose it is, and what an authenticator app makes one-time codes of. Nothing is changed by it.", tags, body: EnrollmentText, response: { 200: EnrollmentLook } } },
    async (request) => await accounts.look(request.body.enrollment),
  );

  app.post(
    "/api/v1/enrollments/accept",
    { config: { access: "public", perMinute: triesPerMinute }, schema: { summary: "Accept an enrollment", description: "Sets password and one-time codes, uses the enrollment up, ends sessions of before, and signs in if the person may see anything.", tags, body: EnrollmentAccept, response: { 200: SignedIn } } },
    async (request, reply) => {
      const who = await accounts.accept(request.body, { remoteAddress: request.ip });
      return { signedIn: await signedIn(request, reply, who) };
    },
  );

  const people = ["people"];
  app.post(
    "/api/v1/people/:id/enrollments",
    { config: { access: giveAccess }, schema: { summary: "Enroll a person to an account of their own", description: "The link is answered this once; it works once, for three days, and takes the place of the one before. Not for people who sign in with the identity provider.", tags: people, params: Params, response: { 201: Enrollment } } },
    async (request, reply) => {
      const { text, expiresAt } = await withTenant(db, principalOf(request).tenantId, (tx) => enroll(tx, request.params.id, originOf(request, source), false));
      return await reply.code(201).send({ url: enrollmentUrl(publicUrl, text), expiresAt: expiresAt.toISOString() });
    },
  );

  app.delete(
    "/api/v1/people/:id/local-account",
    { config: { access: giveAccess }, schema: { summary: "Take a person's own account away", description: "Password, one-time codes and an open enrollment are gone, sessions end. Who lost their telephone is enrolled anew after this.", tags: people, params: Params, response: { 204: Type.Null() } } },
    async (request, reply) => {
      await withTenant(db, principalOf(request).tenantId, (tx) => accounts.forget(tx, request.params.id, originOf(request, source)));
      return await reply.code(204).send(null);
    },
  );
}

/** Behind the `#`: browsers send that to nobody, so it stands in no log on the way. */
export const enrollmentUrl = (publicUrl: URL, text: string): string => new URL(`/enrollment#${text}`, publicUrl).href;

/** Said to whoever proved to be that person. */
function refusalOf(error: SignInError): Refusal {
  return new Refusal(error.toUpperCase(), 403, reasons[error] ?? "You may not sign in. An administrator of your organization knows more.");
}

const reasons: Partial<Record<SignInError, string>> = {
  no_access: "You are known here, but you may see nothing yet. An administrator of your organization can give you access.",
  no_portal_access: "Your access to this portal is switched off. An administrator of your organization can switch it on.",
  valid_till_over: "Your access to this portal has ended. An administrator of your organization can extend it.",
};

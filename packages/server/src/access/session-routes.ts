/** Sessions: one's own, a person's, how long they last, and whether a person may sign in at all. */
import type { CookieSerializeOptions } from "@fastify/cookie";
import { Type } from "typebox";
import { EndedSessions, OpenSessions, PersonSignIn, PortalEntrySettings, SessionLimits } from "@earwitness/contract";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { appendOnce } from "#evidence";
import { entityTag } from "./entity-tag.ts";
import { originOf, principalOf, type PortalApp } from "./http.ts";
import { endSessions, readOpenSessions } from "./open-sessions.ts";
import { changePortalEntry, forgetAccounts, personOf, readPersonSignIn } from "./person-sign-in.ts";
import { changeSessionLimits, readSessionLimits } from "./session-limits.ts";
import { sessionIdOf } from "./sessions.ts";

interface SessionRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly sessionCookie: string;
  readonly cookieFlags: CookieSerializeOptions;
}

const Params = Type.Object({ id: Type.String({ format: "uuid" }) });
const SessionParams = Type.Object({ id: Type.String({ format: "uuid" }), sessionId: Type.String({ format: "uuid" }) });
const ifMatch = Type.Object({ "if-match": Type.Optional(Type.String({ maxLength: 500, description: "The `ETag` of what was changed; 412 when somebody else has changed it since." })) });
const manage = { permission: "tenant.manage" } as const;
/** Who may sign in is what people may see (CON-07). */
const giveAccess = { permission: "access.manage" } as const;

export function sessionRoutes(app: PortalApp, { db, clock, nodeId, sessionCookie, cookieFlags }: SessionRoutesOptions): void {
  const source = { clock, nodeId };
  const gone = () => new Refusal("SESSION_NOT_FOUND", 404, "There is no such session in force.");
  const own = ["session"];

  app.get(
    "/api/v1/sessions",
    { config: { access: "signed-in" }, schema: { summary: "My sessions", description: "Those in force of the signed-in person, the newest first. An API key has none.", tags: own, response: { 200: OpenSessions } } },
    async (request) => {
      const { tenantId, personId } = principalOf(request);
      if (personId === null) return { sessions: [] };
      const current = sessionIdOf(request.cookies[sessionCookie]);
      return { sessions: await withTenant(db, tenantId, (tx) => readOpenSessions(tx, personId, clock.now(), current)) };
    },
  );

  app.delete(
    "/api/v1/sessions/:id",
    { config: { access: "signed-in" }, schema: { summary: "End one of my sessions", description: "The next request with it is refused; an open stream closes within 5 s.", tags: own, params: Params, response: { 204: Type.Null() } } },
    async (request, reply) => {
      const { tenantId, personId, name } = principalOf(request);
      if (personId === null) throw gone();
      const ended = await withTenant(db, tenantId, (tx) => endSessions(tx, { person_id: personId, display_name: name }, originOf(request, source), "by the person", request.params.id));
      if (ended === 0) throw gone();
      if (sessionIdOf(request.cookies[sessionCookie]) === request.params.id) reply.clearCookie(sessionCookie, cookieFlags);
      return await reply.code(204).send(null);
    },
  );

  app.delete(
    "/api/v1/sessions",
    { config: { access: "signed-in" }, schema: { summary: "Sign out everywhere", description: "Ends every session of the signed-in person, this one as well.", tags: own, response: { 200: EndedSessions } } },
    async (request, reply) => {
      const { tenantId, personId, name } = principalOf(request);
      if (personId === null) throw new Refusal("NOT_A_SESSION", 409, "An API key has no session to end; revoke the key instead.");
      const ended = await withTenant(db, tenantId, (tx) => endSessions(tx, { person_id: personId, display_name: name }, originOf(request, source), "everywhere"));
      return await reply.clearCookie(sessionCookie, cookieFlags).send({ ended });
    },
  );

  const people = ["people"];
  app.get(
    "/api/v1/people/:id/sign-in",
    { config: { access: manage }, schema: { summary: "How a person signs in", description: "Whether they may, by which accounts they came, and their sessions in force. The `ETag` is that of the settings.", tags: people, params: Params, response: { 200: PersonSignIn } } },
    async (request, reply) => {
      const current = sessionIdOf(request.cookies[sessionCookie]);
      const found = await withTenant(db, principalOf(request).tenantId, async (tx) => {
        const person = await personOf(tx, request.params.id);
        await appendOnce(tx, { ...originOf(request, source), action: "View", item: "User", subject: person.person_id, detail: { name: person.display_name, part: "sign-in" } });
        return await readPersonSignIn(tx, person, clock.now(), current);
      });
      return await reply.header("etag", entityTag(found.settings)).send(found);
    },
  );

  app.put(
    "/api/v1/people/:id/sign-in",
    { config: { access: giveAccess }, schema: { summary: "Let a person sign in, or not", description: "Portal access, and until which day. Where neither lets them in any more, their sessions end.", tags: people, params: Params, headers: ifMatch, body: PortalEntrySettings, response: { 200: PersonSignIn } } },
    async (request, reply) => {
      const principal = principalOf(request);
      const { id } = request.params;
      const found = await withTenant(db, principal.tenantId, async (tx) => {
        await changePortalEntry(tx, id, request.body, originOf(request, source), request.headers["if-match"]);
        return await readPersonSignIn(tx, await personOf(tx, id), clock.now(), sessionIdOf(request.cookies[sessionCookie]));
      });
      return await reply.header("etag", entityTag(found.settings)).send(found);
    },
  );

  app.delete(
    "/api/v1/people/:id/accounts",
    { config: { access: giveAccess }, schema: { summary: "Forget a person's accounts", description: "Whoever comes next by the person's name becomes the person: for somebody whose account at the identity provider was made anew. Sessions end.", tags: people, params: Params, response: { 204: Type.Null() } } },
    async (request, reply) => {
      await withTenant(db, principalOf(request).tenantId, (tx) => forgetAccounts(tx, request.params.id, originOf(request, source)));
      return await reply.code(204).send(null);
    },
  );

  app.delete(
    "/api/v1/people/:id/sessions",
    { config: { access: manage }, schema: { summary: "Sign a person out everywhere", description: "Ends every session of the person.", tags: people, params: Params, response: { 200: EndedSessions } } },
    async (request) => ({ ended: await withTenant(db, principalOf(request).tenantId, async (tx) => await endSessions(tx, await personOf(tx, request.params.id), originOf(request, source), "by an administrator")) }),
  );

  app.delete(
    "/api/v1/people/:id/sessions/:sessionId",
    { config: { access: manage }, schema: { summary: "End a person's session", description: "The next request with it is refused; an open stream closes within 5 s.", tags: people, params: SessionParams, response: { 204: Type.Null() } } },
    async (request, reply) => {
      const ended = await withTenant(db, principalOf(request).tenantId, async (tx) => await endSessions(tx, await personOf(tx, request.params.id), originOf(request, source), "by an administrator", request.params.sessionId));
      if (ended === 0) throw gone();
      return await reply.code(204).send(null);
    },
  );

  const limits = ["tenant"];
  app.get(
    "/api/v1/session-limits",
    { config: { access: manage }, schema: { summary: "How long sessions last", description: "The `ETag` goes into `If-Match` of a change.", tags: limits, response: { 200: SessionLimits } } },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const found = await withTenant(db, tenantId, async (tx) => {
        const { name, limits: read } = await readSessionLimits(tx);
        await appendOnce(tx, { ...originOf(request, source), action: "View", item: "Tenant", subject: tenantId, detail: { name, part: "session limits" } });
        return read;
      });
      return await reply.header("etag", entityTag(found)).send(found);
    },
  );

  app.put(
    "/api/v1/session-limits",
    { config: { access: manage }, schema: { summary: "Set how long sessions last", description: "Shorter limits hold for open sessions at once; a longer whole time for those that begin from now on.", tags: limits, headers: ifMatch, body: SessionLimits, response: { 200: SessionLimits } } },
    async (request, reply) => {
      const changed = await withTenant(db, principalOf(request).tenantId, (tx) => changeSessionLimits(tx, request.body, originOf(request, source), request.headers["if-match"]));
      return await reply.header("etag", entityTag(changed)).send(changed);
    },
  );
}

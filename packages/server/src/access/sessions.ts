import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { append, fingerprintOf } from "#evidence";
import { newUuid } from "#ids";
import { endSessions } from "./open-sessions.ts";
import { noEntryFor } from "./portal-entry.ts";
import { actorOf, makePrincipal, type Principal } from "./principal.ts";
import { rightsOfPerson } from "./read-rights.ts";
import { digestOf, isSecret, newSecret, secretForm } from "./secret.ts";

export interface SessionStart {
  readonly remoteAddress: string;
  /** As the browser names itself. */
  readonly userAgent?: string | undefined;
  /** What the sign-in was known by while it went on: it makes one session, also where its answer is sent twice. */
  readonly begunBy?: string | undefined;
}

export interface Sessions {
  /** For a person who just proved to be who they are. Null when there is no such person who may enter (any more), or when the sign-in made its session already. */
  create(tenantId: string, personId: string, from: SessionStart): Promise<{ cookie: string; expiresAt: Date; principal: Principal } | null>;
  /**
   * Null for anything that is not a session in force. Rights are read afresh each time. A look that is nobody's doing, such
   * as at an open stream's rights, is no use: a page left open does not keep its session from going idle.
   */
  verify(cookie: string, isUse?: boolean): Promise<Principal | null>;
  /** Does nothing for a session that ended already. */
  end(cookie: string, from: { remoteAddress: string }): Promise<void>;
}

const minuteMs = 60_000;
/** How exactly the idle time is kept; a row written for every request would be a high price for more. */
const seenStepMs = 60_000;
/** Browsers name themselves in some 150 characters; what is longer comes from none. */
const mostOfUserAgent = 300;

const uuidForm = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const form = new RegExp(`^(${uuidForm})\\.(${uuidForm})\\.(${secretForm})$`);

/** Which session a cookie names; whether it is one is not said. */
export const sessionIdOf = (cookie: string | undefined): string | null => form.exec(cookie ?? "")?.[2] ?? null;

export function createSessions({ db, clock, nodeId }: { db: Db; clock: Clock; nodeId: string }): Sessions {
  /** The session in force that the cookie names, in its tenant's transaction. */
  async function open<T>(cookie: string, work: (tx: TenantTransaction, session: { sessionId: string; seenAt: Date; principal: Principal }) => Promise<T>): Promise<T | null> {
    const [, tenantId, sessionId, secret] = form.exec(cookie) ?? [];
    if (tenantId === undefined || sessionId === undefined || secret === undefined) return null;
    const now = clock.now();
    return await withTenant(db, tenantId, async (tx) => {
      const row = await tx
        .selectFrom("portal_sessions as session")
        .innerJoin("people as person", (join) => join.onRef("person.tenant_id", "=", "session.tenant_id").onRef("person.person_id", "=", "session.person_id"))
        .innerJoin("tenants as tenant", "tenant.tenant_id", "session.tenant_id")
        .select(["session.secret_sha256", "session.created_at", "session.seen_at", "session.expires_at", "session.ended_at"])
        .select(["person.person_id", "person.display_name", "person.role", "person.deleted_at", "person.portal_access", "person.valid_till"])
        .select(["tenant.session_idle_minutes as idle", "tenant.session_whole_minutes as whole"])
        .where("session.session_id", "=", sessionId)
        .executeTakeFirst();
      if (row === undefined || !isSecret(secret, row.secret_sha256)) return null;
      // Limits hold from the moment they are set, also for sessions that began under longer ones.
      const isOver = row.ended_at !== null || row.expires_at <= now || now.getTime() - row.created_at.getTime() >= row.whole * minuteMs || now.getTime() - row.seen_at.getTime() >= row.idle * minuteMs;
      if (isOver) return null;
      const why = noEntryFor(row, now);
      if (why !== null) {
        // Ended for good: it is not to come back with the person's next valid day.
        await endSessions(tx, row, { actor: { kind: "machine", id: "sign-in", name: "Earwitness" }, occurredAt: now, nodeId }, why, sessionId);
        return null;
      }
      const principal = makePrincipal({ kind: "person", id: row.person_id, name: row.display_name, tenantId, personId: row.person_id }, await rightsOfPerson(tx, row.person_id, row.role, now));
      return await work(tx, { sessionId, seenAt: row.seen_at, principal });
    });
  }

  return {
    async create(tenantId, personId, { remoteAddress, userAgent, begunBy }) {
      const now = clock.now();
      const sessionId = newUuid();
      const secret = newSecret();
      const secretSha256 = digestOf(secret);
      return await withTenant(db, tenantId, async (tx) => {
        const person = await tx.selectFrom("people").select(["display_name", "role", "portal_access", "valid_till", "deleted_at"]).where("person_id", "=", personId).executeTakeFirst();
        if (person === undefined || noEntryFor(person, now) !== null) return null;
        const { session_whole_minutes: whole } = await tx.selectFrom("tenants").select("session_whole_minutes").executeTakeFirstOrThrow();
        const expiresAt = new Date(now.getTime() + whole * minuteMs);
        const principal = makePrincipal({ kind: "person", id: personId, name: person.display_name, tenantId, personId }, await rightsOfPerson(tx, personId, person.role, now));
        const [browser, beginning] = [userAgent?.toWellFormed().replaceAll("\0", "").slice(0, mostOfUserAgent) ?? null, begunBy === undefined ? null : digestOf(begunBy)];
        const row = { tenant_id: tenantId, session_id: sessionId, secret_sha256: secretSha256, person_id: personId, created_at: now, seen_at: now, expires_at: expiresAt, remote_address: remoteAddress, user_agent: browser, begun_by: beginning };
        const made = await tx.insertInto("portal_sessions").values(row).onConflict((conflict) => conflict.columns(["tenant_id", "begun_by"]).doNothing()).returning("session_id").executeTakeFirst();
        if (made === undefined) return null;
        await append(tx, { actor: actorOf(principal), action: "Login", item: "Session", subject: sessionId, occurredAt: now, nodeId, remoteAddress, detail: { expiresAt: expiresAt.toISOString(), userAgent: browser, fingerprint: fingerprintOf(secretSha256, ...(beginning === null ? [] : [beginning])) } });
        return { cookie: `${tenantId}.${sessionId}.${secret}`, expiresAt, principal };
      });
    },

    async verify(cookie, isUse = true) {
      return await open(cookie, async (tx, { sessionId, seenAt, principal }) => {
        const now = clock.now();
        if (isUse && now.getTime() - seenAt.getTime() >= seenStepMs) await tx.updateTable("portal_sessions").set({ seen_at: now }).where("session_id", "=", sessionId).execute();
        return principal;
      });
    },

    async end(cookie, { remoteAddress }) {
      await open(cookie, async (tx, { sessionId, principal }) => {
        const now = clock.now();
        const { numUpdatedRows } = await tx.updateTable("portal_sessions").set({ ended_at: now }).where("session_id", "=", sessionId).where("ended_at", "is", null).executeTakeFirst();
        // Two tabs may sign out at once; it is one sign-out.
        if (numUpdatedRows > 0n) await append(tx, { actor: actorOf(principal), action: "Logout", item: "Session", subject: sessionId, occurredAt: now, nodeId, remoteAddress });
      });
    },
  };
}

import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { append, fingerprintOf } from "#evidence";
import { newUuid } from "#ids";
import { actorOf, makePrincipal, type Principal } from "./principal.ts";
import { rightsOfPerson } from "./read-rights.ts";
import { digestOf, isSecret, newSecret, secretForm } from "./secret.ts";

export interface Sessions {
  /** For a person who just proved to be who they are. Null when there is no such person (any more). */
  create(tenantId: string, personId: string, from: { remoteAddress: string }): Promise<{ cookie: string; expiresAt: Date; principal: Principal } | null>;
  /**
   * Null for anything that is not a session in force. Rights are read afresh each time. A look that is nobody's doing, such
   * as at an open stream's rights, is no use: a page left open does not keep its session from going idle.
   */
  verify(cookie: string, isUse?: boolean): Promise<Principal | null>;
  /** Does nothing for a session that ended already. */
  end(cookie: string, from: { remoteAddress: string }): Promise<void>;
}

const idleMs = 8 * 3_600_000;
const wholeMs = 24 * 3_600_000;
/** How exactly the idle time is kept; a row written for every request would be a high price for more. */
const seenStepMs = 60_000;

const uuidForm = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const form = new RegExp(`^(${uuidForm})\\.(${uuidForm})\\.(${secretForm})$`);

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
        .select(["session.secret_sha256", "session.seen_at", "session.expires_at", "session.ended_at", "person.person_id", "person.display_name", "person.role", "person.deleted_at"])
        .where("session.session_id", "=", sessionId)
        .executeTakeFirst();
      if (row === undefined || !isSecret(secret, row.secret_sha256)) return null;
      const isOver = row.ended_at !== null || row.deleted_at !== null || row.expires_at <= now || now.getTime() - row.seen_at.getTime() >= idleMs;
      if (isOver) return null;
      const rights = await rightsOfPerson(tx, row.person_id, row.role, now);
      const principal = makePrincipal({ kind: "person", id: row.person_id, name: row.display_name, tenantId, personId: row.person_id }, rights);
      return await work(tx, { sessionId, seenAt: row.seen_at, principal });
    });
  }

  return {
    async create(tenantId, personId, { remoteAddress }) {
      const now = clock.now();
      const expiresAt = new Date(now.getTime() + wholeMs);
      const sessionId = newUuid();
      const secret = newSecret();
      const secretSha256 = digestOf(secret);
      return await withTenant(db, tenantId, async (tx) => {
        const person = await tx.selectFrom("people").select(["display_name", "role"]).where("person_id", "=", personId).where("deleted_at", "is", null).executeTakeFirst();
        if (person === undefined) return null;
        const principal = makePrincipal({ kind: "person", id: personId, name: person.display_name, tenantId, personId }, await rightsOfPerson(tx, personId, person.role, now));
        await tx.insertInto("portal_sessions").values({ tenant_id: tenantId, session_id: sessionId, secret_sha256: secretSha256, person_id: personId, seen_at: now, expires_at: expiresAt }).execute();
        await append(tx, { actor: actorOf(principal), action: "Login", item: "Session", subject: sessionId, occurredAt: now, nodeId, remoteAddress, detail: { expiresAt: expiresAt.toISOString(), fingerprint: fingerprintOf(secretSha256) } });
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

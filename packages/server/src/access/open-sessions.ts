/** The sessions of a person that are in force: which there are, and ending them. */
import { sql } from "kysely";
import type { OpenSession } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { appendMany, type EvidenceEntry } from "#evidence";

/** A person who has more than these signs in by a program. */
const mostListed = 200;

/** `current`: id of the session that asks. The newest come first. */
export async function readOpenSessions(tx: TenantTransaction, personId: string, now: Date, current: string | null): Promise<OpenSession[]> {
  const rows = await tx
    .selectFrom("portal_sessions as session")
    .innerJoin("tenants as tenant", "tenant.tenant_id", "session.tenant_id")
    .select(["session.session_id", "session.created_at", "session.seen_at", "session.expires_at", "session.remote_address", "session.user_agent"])
    .where("session.person_id", "=", personId)
    .where("session.ended_at", "is", null)
    .where("session.expires_at", ">", now)
    .where(sql<boolean>`session.seen_at > ${now}::timestamptz - make_interval(mins => tenant.session_idle_minutes)`)
    .where(sql<boolean>`session.created_at > ${now}::timestamptz - make_interval(mins => tenant.session_whole_minutes)`)
    .orderBy("session.created_at", "desc")
    .orderBy("session.session_id")
    .limit(mostListed)
    .execute();
  return rows.map((row) => ({
    id: row.session_id,
    since: row.created_at.toISOString(),
    lastSeen: row.seen_at.toISOString(),
    until: row.expires_at.toISOString(),
    remoteAddress: row.remote_address,
    userAgent: row.user_agent,
    current: row.session_id === current,
  }));
}

/**
 * Ends the person's sessions, or one of them, each with its row; answers how many there were. Whoever is told so can rely on
 * it: the next request is refused, and an open stream closes within 5 s (core decision 15).
 */
export async function endSessions(
  tx: TenantTransaction,
  person: { readonly person_id: string; readonly display_name: string },
  origin: Pick<EvidenceEntry, "actor" | "occurredAt" | "nodeId" | "remoteAddress">,
  why: string,
  sessionId: string | null = null,
): Promise<number> {
  let ending = tx.updateTable("portal_sessions").set({ ended_at: origin.occurredAt }).where("person_id", "=", person.person_id).where("ended_at", "is", null).where("expires_at", ">", origin.occurredAt);
  if (sessionId !== null) ending = ending.where("session_id", "=", sessionId);
  const ended = await ending.returning("session_id").execute();
  if (ended.length > 0) await appendMany(tx, ended.map(({ session_id: subject }) => ({ ...origin, action: "Logout" as const, item: "Session" as const, subject, detail: { person: person.display_name, why } })));
  return ended.length;
}

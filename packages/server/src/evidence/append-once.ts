import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { TenantTransaction } from "#db";
import { append, type EvidenceEntry } from "./append.ts";

/** How long looking at the same thing is one act: a page asks again by itself, and a list is read in many pages. */
const oneActMs = 15 * 60_000;

/**
 * Writes the row of an act of looking, unless the same was written for the same actor within the last quarter of an hour
 * (docs/decisions/0014). Requests that come at the same moment wait for each other at the row of `recent_acts`: one of
 * them writes.
 */
export async function appendOnce(tx: TenantTransaction, entry: EvidenceEntry): Promise<void> {
  const { action, item, subject = null, detail = {} } = entry;
  const principal = `${entry.actor.kind}:${entry.actor.id}`;
  const act = createHash("sha256").update(JSON.stringify([action, item, subject, detail])).digest("base64url");
  const now = entry.occurredAt;
  const over = new Date(now.getTime() - oneActMs);
  const ahead = new Date(now.getTime() + oneActMs);
  const opened = await tx
    .insertInto("recent_acts")
    .values({ tenant_id: tx.tenantId, principal, act, opened_at: now })
    // Requests of one moment may come in any order. What is further ahead was left behind by a clock that was set back: it is over.
    .onConflict((conflict) => conflict.columns(["tenant_id", "principal", "act"]).doUpdateSet({ opened_at: now }).where(sql<boolean>`recent_acts.opened_at <= ${over} or recent_acts.opened_at >= ${ahead}`))
    .returning("act")
    .executeTakeFirst();
  if (opened === undefined) return;
  await append(tx, entry);
  // What another transaction is opening again at this moment is left alone: the two would wait for each other.
  const isOver = tx.selectFrom("recent_acts").select("act").where("principal", "=", principal).where("opened_at", "<=", over).forUpdate().skipLocked();
  await tx.deleteFrom("recent_acts").where("principal", "=", principal).where("act", "in", isOver).execute();
}

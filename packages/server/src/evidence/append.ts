import type { Action, Item } from "@earwitness/contract";
import { canonicalJson } from "@earwitness/verify";
import { insertRows, type NewRow, type TenantTransaction } from "#db";
import { newEvidenceId } from "./evidence-id.ts";

export interface Actor {
  readonly kind: "person" | "api_key" | "machine" | "job";
  readonly id: string;
  readonly name: string;
}

export interface EvidenceEntry {
  readonly actor: Actor;
  /** What was done, in the words of the audit trail (MON-23). */
  readonly action: Action;
  /** Kind of thing it was done to (MON-24). */
  readonly item: Item;
  readonly subject?: string;
  /** When it happened; when it is written down is the transaction's time. They differ when the database was away. */
  readonly occurredAt: Date;
  readonly nodeId: string;
  readonly remoteAddress?: string;
  readonly reason?: string;
  /** `name`: what the thing was called at that moment. `change`: what was corrected, `{field: {from, to}}`. Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Writes the act's one evidence row, in the act's own transaction (core decision 13). */
export async function append(tx: TenantTransaction, entry: EvidenceEntry): Promise<string> {
  const row = rowOf(tx, entry);
  await insertRows(tx, "evidence", [row]);
  return row.evidence_id;
}

/** The rows of many acts that are one transaction, such as an import's. */
export async function appendMany(tx: TenantTransaction, entries: readonly EvidenceEntry[]): Promise<void> {
  await insertRows(tx, "evidence", entries.map((entry) => rowOf(tx, entry)));
}

function rowOf(tx: TenantTransaction, entry: EvidenceEntry): NewRow<"evidence"> {
  const recordedAt = new Date();
  return {
    tenant_id: tx.tenantId,
    recorded_at: recordedAt,
    evidence_id: newEvidenceId(recordedAt),
    occurred_at: entry.occurredAt,
    node_id: entry.nodeId,
    actor_kind: entry.actor.kind,
    actor_id: entry.actor.id,
    actor_name: entry.actor.name,
    action: entry.action,
    item: entry.item,
    subject: entry.subject ?? null,
    remote_address: entry.remoteAddress ?? null,
    reason: entry.reason ?? null,
    detail: committable(entry.detail ?? {}),
  };
}

/** Nested so deep that it could not be committed to: so much text it has at least. */
const shortestTooDeep = 120;

/** What the log could not take later on is refused now, together with its act. */
function committable(detail: NonNullable<EvidenceEntry["detail"]>): NonNullable<EvidenceEntry["detail"]> {
  const text = JSON.stringify(detail);
  if (text.length > shortestTooDeep) canonicalJson({ detail: JSON.parse(text) as unknown });
  return detail;
}

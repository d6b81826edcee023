import { changingActions } from "@earwitness/contract";
import { sql } from "kysely";
import { asEraser, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, type EvidenceEntry } from "./append.ts";
import { matches, type RowFilter } from "./stored-row.ts";

export interface Erasing extends Pick<EvidenceEntry, "actor" | "occurredAt" | "nodeId" | "remoteAddress"> {
  readonly which: RowFilter;
  /** Why, as it stands in the row that says so for good. */
  readonly reason: string;
}

const changes: ReadonlySet<string> = new Set(changingActions);
/** Of a session its login and its end are all that is ever told. */
const isTold = (action: string, item: string): boolean => changes.has(action) || item === "Session";

/** What an `Erase` row holds of each row that it erased: enough to hold the empty one against. */
export type ErasedRow = readonly [place: number, evidenceId: string, recordedAt: string];

/** What an `Erase` row says of the rows that it erased beyond that: at which places what kind of thing was changed, or told of. Nothing of whom. */
type Changed = Record<string, number[]>;

/** So many rows are named by one `Erase` row; more make more of them. */
const rowsPerCertificate = 500;

/**
 * Takes content and salt out of rows (docs/decisions/0012-the-log.md): what they said cannot be read again, and cannot be tried out
 * against their leaves. Their places, leaves and times stay, and rows `Erase` in the same transaction say which they were, and why.
 */
export async function erase(tx: TenantTransaction, { which, reason, ...act }: Erasing): Promise<{ erased: number; certificates: string[] }> {
  const { rows } = await sql<{ evidence_id: string; recorded_at: Date; tree_index: number | null; action: string; item: string; kept: boolean }>`
    select evidence_id, recorded_at, tree_index, action, item, (action = 'Erase' and item = 'Evidence') or item = 'Log' as kept
      from evidence where ${matches(tx, which)} and erased_by is null order by tree_index`.execute(tx);
  if (rows.some(({ tree_index }) => tree_index === null)) throw new Refusal("EVIDENCE_NOT_PLACED", 409, "Some of these rows have no place in the log yet, so nothing would be left of them. Try again in a second.");
  // Rows that say what was erased, and what was done to the log, are what everything else is checked by.
  const erased = rows.filter(({ kept }) => !kept);
  const certificates: string[] = [];
  for (let at = 0; at < erased.length; at += rowsPerCertificate) {
    const some = erased.slice(at, at + rowsPerCertificate);
    const named: ErasedRow[] = some.map((row) => [row.tree_index!, row.evidence_id, row.recorded_at.toISOString()]);
    const changed: Changed = {};
    for (const { action, item, tree_index } of some) if (isTold(action, item)) (changed[item] ??= []).push(tree_index!);
    const certificate = await append(tx, { ...act, action: "Erase", item: "Evidence", reason, detail: { rows: named, changed } });
    const emptied = await asEraser(tx, (eraser) =>
      sql`update evidence e
             set salt = null, erased_by = ${certificate}, occurred_at = e.recorded_at, node_id = '', actor_kind = 'machine', actor_id = '', actor_name = '', action = '', item = '',
                 subject = null, remote_address = null, reason = null, detail = '{}'
            from unnest(${some.map((row) => row.recorded_at)}::timestamptz[], ${some.map((row) => row.evidence_id)}::uuid[]) as given (recorded_at, evidence_id)
           where e.tenant_id = ${tx.tenantId} and e.recorded_at = given.recorded_at and e.evidence_id = given.evidence_id`.execute(eraser),
    );
    if (emptied.numAffectedRows !== BigInt(some.length)) throw new Error(`${some.length} rows should have been erased, and ${emptied.numAffectedRows} were`);
    certificates.push(certificate);
  }
  return { erased: erased.length, certificates };
}

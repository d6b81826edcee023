/** Rows of evidence that the log does not cover: those that claim a place beyond its head, and those that wait for one. */
import { sql } from "kysely";
import type { TenantTransaction } from "#db";
import { readRow, rowColumns, type RawRow, type StoredRow } from "./stored-row.ts";

/** Rows whose place the log does not have; what it has is read with them, so that one that was placed just now is none of them. */
export async function rowsBeyondHead(tx: TenantTransaction, limit: number): Promise<StoredRow[]> {
  const { rows } = await sql<RawRow>`
    select ${rowColumns} from evidence
     where tenant_id = ${tx.tenantId} and tree_index is not null and (tree_index < 0 or tree_index >= coalesce((select size from logs where tenant_id = ${tx.tenantId}), 0))
     order by evidence.tree_index, evidence_id limit ${limit}`.execute(tx);
  return rows.map((raw) => readRow(tx.tenantId, raw));
}

/** Rows without a place, in the order in which they get it, behind `after`. */
export async function unplacedRows(tx: TenantTransaction, after: StoredRow | null, limit: number): Promise<StoredRow[]> {
  const behind = after === null ? sql`` : sql`and (recorded_at, evidence_id) > (${after.row.recordedAt}::timestamptz, ${after.row.evidenceId}::uuid)`;
  const { rows } = await sql<RawRow>`select ${rowColumns} from evidence where tenant_id = ${tx.tenantId} and tree_index is null ${behind} order by recorded_at, evidence_id limit ${limit}`.execute(tx);
  return rows.map((raw) => readRow(tx.tenantId, raw));
}

import { sql } from "kysely";
import type { LogsTransaction } from "#db";
import type { StoredRow } from "./stored-row.ts";
import type { GrownTile, TreeEdge } from "./tree-edge.ts";

/** What a batch of rows makes of a log. */
export interface GrownLog {
  readonly tenantId: string;
  /** In the order of their places, which are the last ones of the new tree. */
  readonly rows: readonly StoredRow[];
  readonly tiles: readonly GrownTile[];
  readonly edge: TreeEdge;
  /** The new head, signed. */
  readonly note: string;
}

/** All of it is one statement, however many logs and rows there are. */
export async function writeLogs(tx: LogsTransaction, logs: readonly GrownLog[], signedAt: Date): Promise<void> {
  if (logs.length === 0) return;
  const [rows, tiles] = [logs.flatMap((log) => log.rows), logs.flatMap((log) => log.tiles)];
  await sql`select write_logs(
    ${logs.map(({ tenantId }) => tenantId)}::uuid[], ${logs.map(({ edge }) => edge.size)}::bigint[], ${logs.map(({ edge }) => Buffer.from(edge.root))}::bytea[], ${logs.map(({ note }) => note)}::text[], ${signedAt},
    ${logs.map((log) => log.rows.length)}::int[], ${rows.map(({ row }) => row.recordedAt)}::timestamptz[], ${rows.map(({ row }) => row.evidenceId)}::uuid[],
    ${logs.map((log) => log.tiles.length)}::int[], ${tiles.map(({ level }) => level)}::int[], ${tiles.map(({ index }) => index)}::bigint[], ${tiles.map(({ hashes }) => Buffer.from(hashes))}::bytea[])`.execute(tx);
}

import { hashBytes, rowCommitment, tileWidth } from "@earwitness/verify";
import type { TenantTransaction } from "#db";
import { readTiles } from "./log-tiles.ts";
import { sha256 } from "./sha256.ts";
import type { StoredRow } from "./stored-row.ts";
import { entryLevel } from "./tree-edge.ts";

/** Which of these rows, wherever they stand, are the ones that the log was given at their places: not changed, not emptied, not moved. */
export async function intactRows(tx: TenantTransaction, rows: readonly StoredRow[]): Promise<ReadonlySet<StoredRow>> {
  const whole = rows.filter(({ treeIndex, erasedBy, flaw, salt }) => treeIndex !== null && erasedBy === null && flaw === null && salt !== null);
  const bundles = [...new Set(whole.map(({ treeIndex }) => Math.floor(treeIndex! / tileWidth)))];
  const tiles = await readTiles(tx, bundles.map((index) => ({ level: entryLevel, index, width: tileWidth })));
  const entriesOf = new Map(bundles.map((index, at) => [index, tiles[at]!]));
  return new Set(
    whole.filter(({ row, salt, treeIndex }) => {
      const start = (treeIndex! % tileWidth) * hashBytes;
      const entry = entriesOf.get(Math.floor(treeIndex! / tileWidth))!.subarray(start, start + hashBytes);
      return Buffer.compare(rowCommitment(sha256, row, salt!), entry) === 0;
    }),
  );
}

/** Those that are intact, and those that wait for their place: nothing vouches for these yet, and they are believed meanwhile. */
export async function believableRows(tx: TenantTransaction, rows: readonly StoredRow[]): Promise<ReadonlySet<StoredRow>> {
  const intact = await intactRows(tx, rows);
  return new Set(rows.filter((row) => intact.has(row) || (row.treeIndex === null && row.erasedBy === null && row.flaw === null)));
}

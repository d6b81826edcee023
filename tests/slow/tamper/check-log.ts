/** A tenant's log as an operator would look at it, all of it: head, keys, what the node remembers, checkpoints, tiles, rows. For logs that fit into memory. */
import { createMerkleTree, hashBytes, leafHash, parseCheckpoint, parseNote } from "@earwitness/verify";
import { sql } from "kysely";
import { checkRows, openHead, sha256, type Difference, type LogHead } from "../../../packages/server/src/evidence/index.ts";
import { emptyEdge, entryLevel, growTree, type GrownTile } from "../../../packages/server/src/evidence/tree-edge.ts";
import type { TenantTransaction } from "../../../packages/server/src/db/index.ts";

export type LogDifference =
  | Difference
  | { readonly kind: "head"; readonly why: string }
  | { readonly kind: "keys"; readonly why: string }
  | { readonly kind: "set back"; readonly why: string }
  | { readonly kind: "checkpoint"; readonly size: number; readonly why: string }
  | { readonly kind: "tile"; readonly level: number; readonly index: number; readonly why: string }
  | { readonly kind: "beyond"; readonly place: number };

/** What whoever checks has from elsewhere. */
export interface Trust {
  readonly vkeys: readonly string[];
  /** The head that the node wrote down on its own disk. */
  readonly remembered: string;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export async function checkLog(tx: TenantTransaction, { vkeys, remembered }: Trust): Promise<LogDifference[]> {
  const log = await tx.selectFrom("logs").selectAll().executeTakeFirst();
  if (log === undefined) return [{ kind: "head", why: "there is no log" }];
  const found: LogDifference[] = [];
  let head: LogHead | null = null;
  try {
    head = openHead(log.head ?? "", log.origin, vkeys);
    if (head.size !== log.size || !same(head.root, log.root)) found.push({ kind: "head", why: `it was signed at ${head.size} rows, and the log says ${log.size}` });
  } catch (error) {
    found.push({ kind: "head", why: String(error) });
  }
  const keys = (await tx.selectFrom("log_keys").select("vkey").execute()).map(({ vkey }) => vkey);
  if (JSON.stringify(keys.toSorted()) !== JSON.stringify([...vkeys].toSorted())) found.push({ kind: "keys", why: "they are not the keys of the log" });

  const { rows: stored } = await sql<GrownTile>`select level, index, hashes from log_tiles where tenant_id = ${tx.tenantId} order by level, index`.execute(tx);
  const entries = stored.filter(({ level }) => level === entryLevel).flatMap(({ hashes }) => Array.from({ length: Math.floor(hashes.length / hashBytes) }, (_, at) => hashes.subarray(at * hashBytes, (at + 1) * hashBytes)));
  const { rows: [last] } = await sql<{ last: number | null }>`select max(tree_index) as last from evidence where tenant_id = ${tx.tenantId}`.execute(tx);
  const size = head?.size ?? entries.length;
  if ((last?.last ?? -1) >= size) found.push({ kind: "beyond", place: last!.last! });

  const tiles = new Map((await growTree(emptyEdge, entries)).tiles.map((tile) => [`${tile.level} ${tile.index}`, tile]));
  for (const { level, index, hashes } of stored) {
    const made = tiles.get(`${level} ${index}`);
    if (made === undefined || !same(made.hashes, hashes)) found.push({ kind: "tile", level, index, why: "it is not what the entries make" });
    tiles.delete(`${level} ${index}`);
  }
  for (const { level, index } of tiles.values()) found.push({ kind: "tile", level, index, why: "it is missing" });

  const heads = rootsOf(entries);
  const holds = ({ size: at, root }: LogHead): boolean => at <= entries.length && same(root, heads[at]!);
  if (head !== null && !holds(head)) found.push({ kind: "head", why: `the log does not make up the head that was signed at ${head.size} rows` });
  const known = parseCheckpoint(parseNote(remembered).text); // from our own disk
  if (known.size > size) found.push({ kind: "set back", why: `${known.size} rows were signed, and ${size} are there` });
  else if (!holds(known)) found.push({ kind: "set back", why: `the log is not the one that was signed at ${known.size} rows` });
  for (const { size: at, note } of await tx.selectFrom("checkpoints").select(["size", "note"]).orderBy("size").execute()) {
    try {
      const kept = openHead(note, log.origin, vkeys);
      if (kept.size !== at) found.push({ kind: "checkpoint", size: at, why: `it is one of ${kept.size} rows` });
      else if (!holds(kept)) found.push({ kind: "checkpoint", size: at, why: "the log does not begin like that" });
    } catch (error) {
      found.push({ kind: "checkpoint", size: at, why: String(error) });
    }
  }
  found.push(...(await checkRows(tx, 0, Math.min(size, Math.max(entries.length, (last?.last ?? 0) + 1)))).differences);
  return found;
}

/** The root at every size from 0 on. */
export function rootsOf(entries: readonly Uint8Array[]): Uint8Array[] {
  const tree = createMerkleTree(sha256);
  return [tree.root(), ...entries.map((entry) => (tree.append(leafHash(sha256, entry)), tree.root()))];
}

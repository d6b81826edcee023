import { sql } from "kysely";
import { hashBytes, readFromTiles, type ReadHashes, type Subtree, type Tile } from "@earwitness/verify";
import type { TenantTransaction } from "#db";
import { sha256 } from "./sha256.ts";
import { entryLevel } from "./tree-edge.ts";

/** First hashes of tiles, as wide as asked for; shorter, or nothing, where the database holds less. */
export async function readTiles(tx: TenantTransaction, tiles: readonly Tile[]): Promise<Uint8Array[]> {
  if (tiles.length === 0) return [];
  const { rows } = await sql<{ hashes: Uint8Array | null }>`
    select substr(t.hashes, 1, ${hashBytes} * asked.width) as hashes
      from unnest(${tiles.map(({ level }) => level)}::int[], ${tiles.map(({ index }) => index)}::bigint[], ${tiles.map(({ width }) => width)}::int[]) with ordinality as asked (level, index, width, at)
      left join log_tiles t on t.tenant_id = ${tx.tenantId} and t.level = asked.level and t.index = asked.index
     order by asked.at`.execute(tx);
  return rows.map(({ hashes }) => hashes ?? new Uint8Array(0));
}

/** Entries (commitments to rows) of one bundle of 256; `width` as in tiles. */
export const readEntries = (tx: TenantTransaction, index: number, width: number): Promise<Uint8Array> =>
  readTiles(tx, [{ level: entryLevel, index, width }]).then(([hashes]) => hashes!);

/** Reads hashes of the tenant's tree, for proofs: what is asked for together is one query. `size`: as the tree was then. */
export function readHashes(tx: TenantTransaction, size?: number): ReadHashes {
  let reading: Promise<ReadHashes> | null = null;
  async function open(): Promise<ReadHashes> {
    return readFromTiles(sha256, size ?? (await tx.selectFrom("logs").select("size").executeTakeFirst())?.size ?? 0, gathered(tx));
  }
  return async (subtrees: readonly Subtree[]) => (await (reading ??= open()))(subtrees);
}

function gathered(tx: TenantTransaction): (tile: Tile) => Promise<Uint8Array> {
  let waiting: { readonly tile: Tile; readonly found: PromiseWithResolvers<Uint8Array> }[] = [];
  async function read(): Promise<void> {
    const asked = waiting;
    waiting = [];
    try {
      const hashes = await readTiles(tx, asked.map(({ tile }) => tile));
      asked.forEach(({ found }, at) => found.resolve(hashes[at]!));
    } catch (error) {
      for (const { found } of asked) found.reject(error);
    }
  }
  return (tile) => {
    const found = Promise.withResolvers<Uint8Array>();
    waiting.push({ tile, found });
    if (waiting.length === 1) queueMicrotask(() => void read());
    return found.promise;
  };
}

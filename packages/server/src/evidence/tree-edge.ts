/**
 * What has to be known of a tree to let it grow: of every level the hashes behind its last full tile (C2SP tlog-tiles), at most 255.
 * Level -1 holds the entries themselves.
 */
import { hashBytes, leafHash, readFromTiles, tileWidth, treeRoot, type Tile } from "@earwitness/verify";
import { sha256 } from "./sha256.ts";

export const entryLevel = -1;

export interface TreeEdge {
  readonly size: number;
  readonly root: Uint8Array;
  /** By level from -1 up; levels without such hashes hold none. */
  readonly partial: ReadonlyMap<number, Uint8Array>;
}

/** A tile as it is kept: partial ones grow in place. */
export interface GrownTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Uint8Array;
}

export const emptyEdge: TreeEdge = { size: 0, root: sha256(new Uint8Array(0)), partial: new Map() };

/** How many hashes the tree has at a level. */
const countAt = (level: number, size: number): number => Math.floor(size / tileWidth ** Math.max(level, 0));

/** The partial tiles of a tree of this size, entries included. */
export function edgeTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = entryLevel; countAt(level, size) > 0; level += 1) {
    const count = countAt(level, size);
    if (count % tileWidth > 0) tiles.push({ level, index: Math.floor(count / tileWidth), width: count % tileWidth });
  }
  return tiles;
}

/** The edge that these partial tiles make up; its root is computed from them. */
export async function edgeOf(size: number, partial: ReadonlyMap<number, Uint8Array>): Promise<TreeEdge> {
  // The subtrees that a root is folded from lie in partial tiles, every one: a full tile is a hash of the level above.
  const read = readFromTiles(sha256, size, async ({ level }) => partial.get(level) ?? new Uint8Array(0));
  return { size, root: await treeRoot(sha256, size, read), partial };
}

/** The tree with these entries behind its own, and the tiles that changed. */
export async function growTree(edge: TreeEdge, entries: readonly Uint8Array[]): Promise<{ edge: TreeEdge; tiles: GrownTile[] }> {
  const size = edge.size + entries.length;
  const partial = new Map(edge.partial);
  const tiles: GrownTile[] = [];
  function grow(level: number, added: readonly Uint8Array[]): void {
    if (added.length === 0) return;
    const before = countAt(level, edge.size);
    const hashes = [partial.get(level) ?? new Uint8Array(0), ...added];
    const bytes = Buffer.concat(hashes);
    const above: Uint8Array[] = [];
    let index = Math.floor(before / tileWidth);
    let at = 0;
    for (; at + tileWidth * hashBytes <= bytes.length; at += tileWidth * hashBytes) {
      const full = bytes.subarray(at, at + tileWidth * hashBytes);
      tiles.push({ level, index, hashes: full });
      index += 1;
      if (level !== entryLevel) above.push(tileRoot(full));
    }
    partial.set(level, bytes.subarray(at));
    if (at < bytes.length) tiles.push({ level, index, hashes: bytes.subarray(at) });
    if (level !== entryLevel) grow(level + 1, above);
  }
  grow(entryLevel, entries);
  grow(0, entries.map((entry) => leafHash(sha256, entry)));
  return { edge: await edgeOf(size, partial), tiles };
}

/** Root of a full tile. One buffer, hashed over and over: a tile is 255 nodes. */
export function tileRoot(tile: Uint8Array): Uint8Array {
  let level = tile;
  const node = new Uint8Array(1 + 2 * hashBytes);
  node[0] = 1;
  while (level.length > hashBytes) {
    const above = new Uint8Array(level.length / 2);
    for (let at = 0; at < above.length; at += hashBytes) {
      node.set(level.subarray(2 * at, 2 * at + 2 * hashBytes), 1);
      above.set(sha256(node), at);
    }
    level = above;
  }
  return level;
}

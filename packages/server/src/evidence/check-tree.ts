/** Walks a log's tiles from its leaves up: whoever changed, cut or took out a hash of the tree shows here, and the root at any size comes out. */
import { hashBytes, tileWidth, type Tile } from "@earwitness/verify";
import type { TenantTransaction } from "#db";
import { readTiles } from "./log-tiles.ts";
import { edgeOf, tileRoot } from "./tree-edge.ts";

/** How far a walk has come: of every level the hashes behind its last full tile. A value, so that a walk can go on another day. */
export interface TreeWalk {
  readonly size: number;
  /** From the leaves up. */
  readonly levels: readonly Uint8Array[];
}

export type TileDifference =
  /** The tile is gone, or holds fewer hashes than the log has. */
  | { readonly kind: "missing"; readonly level: number; readonly index: number; readonly holds: number; readonly needs: number }
  /** The tile's hashes do not make up the one that stands for it in the level above. */
  | { readonly kind: "altered"; readonly level: number; readonly index: number };

export interface TreeWalked {
  readonly walk: TreeWalk;
  /** By the sizes that were asked for; null where hashes that it is made of are missing. */
  readonly roots: ReadonlyMap<number, Uint8Array | null>;
  readonly differences: readonly TileDifference[];
}

export const startOfWalk: TreeWalk = { size: 0, levels: [] };

/** So many leaves are walked over at once: 64 tiles, half a megabyte. */
export const walkedLeaves = 64 * tileWidth;

/**
 * Goes on to `to`, at most `walkedLeaves` further. Where a tile is not what the level above says, that level is gone on with: one changed
 * tile is one difference, and what follows is told by the signed heads alone. `rootsAt`: sizes in between, ascending.
 */
export async function walkTree(tx: TenantTransaction, { size: from, levels: before }: TreeWalk, to: number, rootsAt: readonly number[]): Promise<TreeWalked> {
  const differences: TileDifference[] = [];
  const roots = new Map<number, Uint8Array | null>();
  const levels = before.map((hashes) => Buffer.from(hashes));
  const stored = await readWalked(tx, from, to);
  let isBroken = false;

  async function rootAt(size: number): Promise<Uint8Array | null> {
    if (isBroken) return null;
    return (await edgeOf(size, new Map(levels.map((hashes, level) => [level, hashes])))).root;
  }

  /** One more hash at a level; a tile that it fills is a hash of the level above. */
  function rise(level: number, index: number, hash: Uint8Array): void {
    const hashes = Buffer.concat([levels[level] ?? Buffer.alloc(0), hash]);
    levels[level] = hashes;
    if (hashes.length === tileWidth * hashBytes) fill(level, index, tileRoot(hashes));
  }

  function fill(level: number, index: number, root: Uint8Array | null): void {
    levels[level] = Buffer.alloc(0);
    const above = hashAt(stored.get(`${level + 1}/${Math.floor(index / tileWidth)}`), index % tileWidth);
    if (above === null) differences.push({ kind: "missing", level: level + 1, index: Math.floor(index / tileWidth), holds: held(stored.get(`${level + 1}/${Math.floor(index / tileWidth)}`)), needs: (index % tileWidth) + 1 });
    else if (root !== null && Buffer.compare(root, above) !== 0) differences.push({ kind: "altered", level, index });
    const known = above ?? root;
    if (known === null) throw new TreeGone();
    rise(level + 1, Math.floor(index / tileWidth), known);
  }

  const stops = rootsAt.filter((size) => size > from && size <= to);
  let at = from;
  try {
    while (at < to) {
      const index = Math.floor(at / tileWidth);
      const end = Math.min(to, (index + 1) * tileWidth);
      const leaves = stored.get(`0/${index}`) ?? new Uint8Array(0);
      const has = Math.min(held(leaves), end - index * tileWidth);
      isBroken = has < end - index * tileWidth;
      if (isBroken) differences.push({ kind: "missing", level: 0, index, holds: held(leaves), needs: end - index * tileWidth });
      for (const stop of stops.filter((size) => size > at && size <= end && size % tileWidth !== 0)) {
        levels[0] = Buffer.from(leaves.subarray(0, (stop % tileWidth) * hashBytes));
        roots.set(stop, await rootAt(stop));
      }
      if (end % tileWidth === 0) {
        fill(0, index, isBroken ? null : tileRoot(leaves.subarray(0, tileWidth * hashBytes)));
        isBroken = false;
        if (stops.includes(end)) roots.set(end, await rootAt(end));
      } else levels[0] = Buffer.from(leaves.subarray(0, (end % tileWidth) * hashBytes));
      at = end;
    }
  } catch (error) {
    if (!(error instanceof TreeGone)) throw error;
  }
  for (const stop of stops) if (!roots.has(stop)) roots.set(stop, null);
  return { walk: { size: at < to ? from : to, levels }, roots, differences: [...new Map(differences.map((difference) => [`${difference.kind} ${difference.level}/${difference.index}`, difference])).values()] };
}

/** Neither a tile nor the hash that stands for it is there: nothing behind it can be made up. */
class TreeGone extends Error {}

const held = (hashes: Uint8Array | undefined): number => Math.floor((hashes?.length ?? 0) / hashBytes);

function hashAt(hashes: Uint8Array | undefined, at: number): Uint8Array | null {
  return hashes === undefined || hashes.length < (at + 1) * hashBytes ? null : hashes.subarray(at * hashBytes, (at + 1) * hashBytes);
}

/** Every tile that leaves `[from, to)` lie in or under, as far as the database has it. */
async function readWalked(tx: TenantTransaction, from: number, to: number): Promise<ReadonlyMap<string, Uint8Array>> {
  const tiles: Tile[] = [];
  for (let level = 0, width = tileWidth; level === 0 || Math.floor(to / (width / tileWidth)) > 0; level += 1, width *= tileWidth) {
    for (let index = Math.floor(from / width); index * width < to; index += 1) tiles.push({ level, index, width: tileWidth });
  }
  const found = await readTiles(tx, tiles);
  return new Map(tiles.map(({ level, index }, at) => [`${level}/${index}`, found[at]!]));
}

/**
 * Tiles (C2SP tlog-tiles): the hashes of a log in files of up to 256, which never change once full. A tile of level L holds roots of
 * complete subtrees of 256^L leaves; what lies between is computed.
 */
import { nodeHash, type Hash } from "./merkle.ts";
import type { ReadHashes, Subtree } from "./merkle-proof.ts";

export const tileWidth = 256;
const tileHeight = 8;
export const hashBytes = 32;

export interface Tile {
  readonly level: number;
  readonly index: number;
  /** 1 to 256; less than 256 only at the right edge of the tree. */
  readonly width: number;
}

/** `tile/<level>/<index>[.p/<width>]`, the index in groups of three digits, all but the last with an `x`. */
export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${indexPath(index)}${width === tileWidth ? "" : `.p/${width}`}`;
}

function indexPath(index: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0");
  const groups = digits.match(/.{3}/g)!;
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}

/** Null for anything but the one spelling of a tile that can exist. */
export function parseTilePath(path: string): Tile | null {
  const [, level, groups, width] = /^tile\/(0|[1-5]?[0-9]|6[0-3])\/((?:x[0-9]{3}\/){0,4}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path) ?? [];
  if (level === undefined || groups === undefined) return null;
  const tile = { level: Number(level), index: Number(groups.replaceAll(/[x/]/g, "")), width: width === undefined ? tileWidth : Number(width) };
  return tile.width <= tileWidth && tilePath(tile) === path ? tile : null;
}

/** How many hashes there are at a level of a tree. */
const hashesAt = (level: number, size: number): number => Math.floor(size / tileWidth ** level);

/** The tiles that a log has at `size` and did not have at `before`: what has to be written when it grows. */
export function newTiles(before: number, size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; hashesAt(level, size) > 0; level += 1) {
    const [from, to] = [hashesAt(level, before), hashesAt(level, size)];
    for (let index = Math.floor(from / tileWidth); index * tileWidth < to; index += 1) {
      const width = Math.min(tileWidth, to - index * tileWidth);
      if (index * tileWidth + width > from) tiles.push({ level, index, width });
    }
  }
  return tiles;
}

/** The tile of a log of `size` that has the subtree's hash in it, or under it. */
function tileOf({ level, index }: Subtree, size: number): Tile {
  const tileLevel = Math.floor(level / tileHeight);
  const first = index * 2 ** (level - tileLevel * tileHeight);
  const tile = Math.floor(first / tileWidth);
  const width = Math.min(tileWidth, hashesAt(tileLevel, size) - tile * tileWidth);
  if (width <= 0) throw new RangeError(`a log of ${size} has no subtree ${level}/${index}`);
  return { level: tileLevel, index: tile, width };
}

/** Reads hashes of a log of `size` out of its tiles, each tile once. `readTile` answers the tile's bytes; a wrong length throws. */
export function readFromTiles(hash: Hash, size: number, readTile: (tile: Tile) => Promise<Uint8Array>): ReadHashes {
  const kept = new Map<string, Promise<Uint8Array>>();
  async function bytesOf(tile: Tile): Promise<Uint8Array> {
    const bytes = await readTile(tile);
    if (bytes.length !== tile.width * hashBytes) throw new Error(`${tilePath(tile)} holds ${bytes.length} bytes instead of ${tile.width * hashBytes}`);
    return bytes;
  }
  return async (subtrees) =>
    await Promise.all(
      subtrees.map(async (subtree) => {
        const tile = tileOf(subtree, size);
        const path = tilePath(tile);
        const reading = kept.get(path) ?? bytesOf(tile);
        kept.set(path, reading);
        const bytes = await reading;
        const span = 2 ** (subtree.level - tile.level * tileHeight);
        const first = subtree.index * span - tile.index * tileWidth;
        return subtreeRoot(hash, bytes, first, span);
      }),
    );
}

function subtreeRoot(hash: Hash, tile: Uint8Array, first: number, span: number): Uint8Array {
  if (span === 1) return tile.slice(first * hashBytes, (first + 1) * hashBytes);
  return nodeHash(hash, subtreeRoot(hash, tile, first, span / 2), subtreeRoot(hash, tile, first + span / 2, span / 2));
}

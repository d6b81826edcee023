/**
 * Proofs about a Merkle tree (RFC 6962 §2.1, RFC 9162 §2.1.4), computed from any source of its hashes: leaves in memory, or tiles
 * (C2SP tlog-tiles). The source is asked for the roots of complete subtrees only: `(level, index)` covers the leaves
 * `[index·2^level, (index+1)·2^level)`.
 */
import { nodeHash, sameBytes, type Hash } from "./merkle.ts";

export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** Reads hashes of complete subtrees, in the order asked for. */
export type ReadHashes = (subtrees: readonly Subtree[]) => Promise<readonly Uint8Array[]>;

/** Complete subtrees that make up leaves `[from, to)`, left to right; `from` lies at a boundary of all of them. */
function cover(from: number, to: number): Subtree[] {
  const parts: Subtree[] = [];
  for (let at = from; at < to; ) {
    const level = largestPower(to - at);
    parts.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return parts;
}

/** Largest `level` with 2^level ≤ count. */
function largestPower(count: number): number {
  let level = 0;
  while (2 ** (level + 1) <= count) level += 1;
  return level;
}

/** Where RFC 6962 splits a range of more than one leaf: the largest power of two smaller than its length. */
const splitAt = (from: number, to: number): number => from + 2 ** largestPower(to - from - 1);

/** Root of a range that is covered by these complete subtrees. */
const fold = (hash: Hash, parts: readonly Uint8Array[]): Uint8Array => parts.reduceRight((right, left) => nodeHash(hash, left, right));

/** Root of the tree of the first `size` leaves. */
export async function treeRoot(hash: Hash, size: number, read: ReadHashes): Promise<Uint8Array> {
  return size === 0 ? hash(new Uint8Array(0)) : fold(hash, await read(cover(0, size)));
}

/** From leaf `index` to the root of the first `size` leaves, lowest first. */
export async function proveInclusion(hash: Hash, index: number, size: number, read: ReadHashes): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  const siblings: [from: number, to: number][] = [];
  for (let from = 0, to = size; to - from > 1; ) {
    const split = splitAt(from, to);
    if (index < split) {
      siblings.push([split, to]);
      to = split;
    } else {
      siblings.push([from, split]);
      from = split;
    }
  }
  return await readRanges(hash, siblings.toReversed(), read);
}

/** That the tree of `first` leaves is a beginning of the tree of `second`. Empty where one of them says nothing about the other: equal sizes, or none. */
export async function proveConsistency(hash: Hash, first: number, second: number, read: ReadHashes): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 0 || first > second) throw new RangeError(`no proof from ${first} leaves to ${second}`);
  if (first === 0 || first === second) return [];
  const ranges: [from: number, to: number][] = [];
  let from = 0;
  let to = second;
  // Down to the subtree of the larger tree that ends where the smaller tree ends; what branches off on the way is the proof.
  while (to !== first) {
    const split = splitAt(from, to);
    if (first <= split) {
      ranges.push([split, to]);
      to = split;
    } else {
      ranges.push([from, split]);
      from = split;
    }
  }
  // A subtree that is the whole smaller tree is known to whoever checks: its root.
  if (from !== 0) ranges.push([from, to]);
  return await readRanges(hash, ranges.toReversed(), read);
}

async function readRanges(hash: Hash, ranges: readonly (readonly [from: number, to: number])[], read: ReadHashes): Promise<Uint8Array[]> {
  const covers = ranges.map(([from, to]) => cover(from, to));
  const hashes = await read(covers.flat());
  let at = 0;
  return covers.map((parts) => fold(hash, hashes.slice(at, (at += parts.length))));
}

/** Whether the proof shows that the tree with `firstRoot` is a beginning of the one with `secondRoot` (RFC 9162 §2.1.4.2). Every argument may come from an attacker. */
export function verifyConsistency(
  hash: Hash,
  claim: { readonly first: number; readonly second: number; readonly firstRoot: Uint8Array; readonly secondRoot: Uint8Array; readonly proof: readonly Uint8Array[] },
): boolean {
  const { first, second, firstRoot, secondRoot, proof } = claim;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 0 || first > second) return false;
  if (first === 0) return proof.length === 0 && sameBytes(firstRoot, hash(new Uint8Array(0)));
  if (first === second) return proof.length === 0 && sameBytes(firstRoot, secondRoot);

  let at = first - 1;
  let last = second - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  // Where the smaller tree is one complete subtree, its root is where the way up begins.
  const steps = at === 0 ? [firstRoot, ...proof] : [...proof];
  const start = steps.shift();
  if (start === undefined) return false;
  let ofFirst = start;
  let ofSecond = start;
  for (const step of steps) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      ofFirst = nodeHash(hash, step, ofFirst);
      ofSecond = nodeHash(hash, step, ofSecond);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      ofSecond = nodeHash(hash, ofSecond, step);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && sameBytes(ofFirst, firstRoot) && sameBytes(ofSecond, secondRoot);
}

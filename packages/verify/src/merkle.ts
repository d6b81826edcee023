/**
 * The Merkle tree of RFC 6962 (certificate transparency; RFC 9162 keeps it): leaves and nodes are hashed under different
 * prefixes, so that no node can be passed off as a leaf. The hash function is handed in: node:crypto on a server, `sha256`
 * of this package in a browser.
 */

export type Hash = (bytes: Uint8Array) => Uint8Array;

export function leafHash(hash: Hash, leaf: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + leaf.length);
  input.set(leaf, 1);
  return hash(input);
}

export function nodeHash(hash: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + left.length + right.length);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + left.length);
  return hash(input);
}

export interface MerkleTree {
  readonly size: number;
  /** Appends a leaf by its hash (see `leafHash`). */
  append(hashOfLeaf: Uint8Array): void;
  /** Appends 2^level leaves by the root of their complete subtree. Throws RangeError where no such subtree can begin. */
  appendSubtree(level: number, root: Uint8Array): void;
  root(): Uint8Array;
}

/** Keeps only the roots of the complete subtrees: memory and the cost of `root()` grow with the logarithm of the size. */
export function createMerkleTree(hash: Hash): MerkleTree {
  /** Largest subtree first; their sizes are the binary digits of `size`. */
  const frontier: Uint8Array[] = [];
  let size = 0;

  function appendSubtree(level: number, root: Uint8Array): void {
    const span = 2 ** level;
    if (!Number.isInteger(level) || level < 0 || size % span !== 0 || !Number.isSafeInteger(size + span)) throw new RangeError(`no complete subtree of 2^${level} leaves begins at leaf ${size}`);
    let node = root;
    for (let bits = size / span; bits % 2 === 1; bits = Math.floor(bits / 2)) node = nodeHash(hash, frontier.pop()!, node);
    frontier.push(node);
    size += span;
  }

  return {
    get size() {
      return size;
    },
    append: (hashOfLeaf) => appendSubtree(0, hashOfLeaf),
    appendSubtree,
    root() {
      if (size === 0) return hash(new Uint8Array(0));
      return frontier.reduceRight((right, left) => nodeHash(hash, left, right));
    },
  };
}

/** The hashes that lead from leaf `index` to the root of all `leaves` (given by their hashes), lowest first. */
export function inclusionProof(hash: Hash, leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError(`no leaf ${index} in a tree of ${leaves.length}`);
  const proof: Uint8Array[] = [];
  // Level by level from the leaves up: a node without a right neighbor rises unchanged, which is the same tree as
  // splitting at the largest power of two.
  let level = leaves;
  let at = index;
  while (level.length > 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) proof.push(sibling);
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const right = level[i + 1];
      above.push(right === undefined ? level[i]! : nodeHash(hash, level[i]!, right));
    }
    level = above;
    at = at >> 1;
  }
  return proof;
}

/** Whether the proof leads from the leaf to the root of a tree of `size` leaves (RFC 9162, 2.1.3.2). Every argument may come from an attacker. */
export function verifyInclusion(
  hash: Hash,
  claim: { readonly leaf: Uint8Array; readonly index: number; readonly size: number; readonly proof: readonly Uint8Array[]; readonly root: Uint8Array },
): boolean {
  const { index, size } = claim;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let at = index;
  let last = size - 1;
  let node = claim.leaf;
  for (const sibling of claim.proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      node = nodeHash(hash, sibling, node);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      node = nodeHash(hash, node, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && sameBytes(node, claim.root);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** The fewest complete subtrees that stand for the leaves (given by their hashes) of a tree from `first` on: what takes the place of leaves that are not told. */
export function coverLeaves(hash: Hash, leaves: readonly Uint8Array[], first: number): { readonly level: number; readonly root: Uint8Array }[] {
  const cover: { level: number; root: Uint8Array }[] = [];
  for (let at = 0; at < leaves.length; ) {
    let level = 0;
    while ((first + at) % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= leaves.length) level += 1;
    const tree = createMerkleTree(hash);
    for (const leaf of leaves.slice(at, at + 2 ** level)) tree.append(leaf);
    cover.push({ level, root: tree.root() });
    at += 2 ** level;
  }
  return cover;
}

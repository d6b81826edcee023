import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createMerkleTree,
  hashBytes,
  inclusionProof,
  leafHash,
  newTiles,
  nodeHash,
  parseTilePath,
  proveConsistency,
  proveInclusion,
  readFromTiles,
  tilePath,
  tileWidth,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
  type ReadHashes,
  type Tile,
} from "./index.ts";

const hash = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const leaves = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => leafHash(hash, Buffer.from(`leaf ${i}`)));

function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  const tree = createMerkleTree(hash);
  for (const one of hashes) tree.append(one);
  return tree.root();
}

/** All complete subtrees of leaves in memory. */
function inMemory(hashes: readonly Uint8Array[]): ReadHashes {
  const read = (level: number, index: number): Uint8Array => (level === 0 ? hashes[index]! : nodeHash(hash, read(level - 1, 2 * index), read(level - 1, 2 * index + 1)));
  return (subtrees) => Promise.resolve(subtrees.map(({ level, index }) => read(level, index)));
}

/** A log as files: what `newTiles` asks for is written as the log grows, nothing else. */
function tiledLog(hashes: readonly Uint8Array[], growth: readonly number[]): (tile: Tile) => Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const all = inMemory(hashes);
  return async (tile) => {
    let size = 0;
    for (const step of files.size > 0 ? [] : growth) {
      const next = Math.min(hashes.length, size + step);
      for (const one of newTiles(size, next)) {
        const levels = one.level * 8;
        const roots = await all(Array.from({ length: one.width }, (_, i) => ({ level: levels, index: one.index * tileWidth + i })));
        files.set(tilePath(one), Buffer.concat(roots));
      }
      size = next;
    }
    const bytes = files.get(tilePath(tile));
    if (bytes === undefined) throw new Error(`no ${tilePath(tile)}`);
    return bytes;
  };
}

describe("proofs from complete subtrees", () => {
  test("inclusion is the same proof as from all leaves, and leads to the root, for every leaf of every tree to 40", async () => {
    for (let size = 1; size <= 40; size += 1) {
      const hashes = leaves(size);
      const root = rootOf(hashes);
      expect(hex(await treeRoot(hash, size, inMemory(hashes)))).toBe(hex(root));
      for (let index = 0; index < size; index += 1) {
        const proof = await proveInclusion(hash, index, size, inMemory(hashes));
        expect(proof.map(hex)).toEqual(inclusionProof(hash, hashes, index).map(hex));
        expect(verifyInclusion(hash, { leaf: hashes[index]!, index, size, proof, root })).toBe(true);
      }
    }
  });

  test("consistency holds between every two sizes to 40, and between no others", async () => {
    const hashes = leaves(40);
    const roots = Array.from({ length: 41 }, (_, size) => rootOf(hashes.slice(0, size)));
    for (let second = 0; second <= 40; second += 1) {
      for (let first = 0; first <= second; first += 1) {
        const proof = await proveConsistency(hash, first, second, inMemory(hashes));
        const claim = { first, second, firstRoot: roots[first]!, secondRoot: roots[second]!, proof };
        expect(verifyConsistency(hash, claim), `${first} to ${second}`).toBe(true);
        if (first === 0) continue;
        expect(verifyConsistency(hash, { ...claim, firstRoot: hash(Buffer.from("other")) })).toBe(false);
        expect(verifyConsistency(hash, { ...claim, proof: [...proof, hashes[0]!] })).toBe(false);
        if (first < second) {
          expect(verifyConsistency(hash, { ...claim, secondRoot: hash(Buffer.from("other")) })).toBe(false);
          expect(verifyConsistency(hash, { ...claim, proof: proof.slice(1) })).toBe(false);
        }
      }
    }
  });

  test("the published consistency proof of the certificate-transparency project, 6 leaves to 8", async () => {
    const published = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((text) => leafHash(hash, Buffer.from(text, "hex")));
    expect((await proveConsistency(hash, 6, 8, inMemory(published))).map(hex)).toEqual([
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
  });

  test("a history that was rewritten has no proof: any bent byte of it is noticed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), fc.nat(7), async (second, pickFirst, pickByte, bit) => {
        const hashes = leaves(second);
        const first = 1 + (pickFirst % (second - 1));
        const proof = (await proveConsistency(hash, first, second, inMemory(hashes))).map((one) => Uint8Array.from(one));
        const claim = { first, second, firstRoot: rootOf(hashes.slice(0, first)), secondRoot: rootOf(hashes), proof };
        expect(verifyConsistency(hash, claim)).toBe(true);
        const bent = proof.length * 32;
        proof[Math.floor((pickByte % bent) / 32)]![pickByte % 32]! ^= 1 << bit;
        expect(verifyConsistency(hash, claim)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe("tiles (C2SP tlog-tiles)", () => {
  test("the paths of the document", () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe("tile/0/x001/x234/067");
    expect(tilePath({ level: 3, index: 0, width: 17 })).toBe("tile/3/000.p/17");
    expect(parseTilePath("tile/0/x001/x234/067")).toEqual({ level: 0, index: 1_234_067, width: 256 });
    for (const wrong of ["tile/0/67", "tile/00/067", "tile/0/x000/067", "tile/64/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/257", "tile/0/000.p/017", "tile/0/../067", "tile/0/000/"]) {
      expect(parseTilePath(wrong), wrong).toBeNull();
    }
  });

  test("a log of 70,000 has the tiles that the document counts", () => {
    const tiles = newTiles(0, 70_000);
    const at = (level: number) => tiles.filter((tile) => tile.level === level).map(({ width }) => width);
    expect(at(0)).toEqual([...Array.from({ length: 273 }, () => 256), 112]);
    expect(at(1)).toEqual([256, 17]);
    expect(at(2)).toEqual([1]);
    expect(newTiles(0, 256)).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
  });

  test("however the log grew, its tiles give the same roots and proofs as its leaves", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(), async (growth, pick, older) => {
        const size = growth.reduce((sum, step) => sum + step, 0);
        const hashes = leaves(size);
        const read = readFromTiles(hash, size, tiledLog(hashes, growth));
        expect(hex(await treeRoot(hash, size, read))).toBe(hex(rootOf(hashes)));
        const index = pick % size;
        const proof = await proveInclusion(hash, index, size, read);
        expect(verifyInclusion(hash, { leaf: hashes[index]!, index, size, proof, root: rootOf(hashes) })).toBe(true);
        const first = older % (size + 1);
        const between = await proveConsistency(hash, first, size, read);
        expect(verifyConsistency(hash, { first, second: size, firstRoot: rootOf(hashes.slice(0, first)), secondRoot: rootOf(hashes), proof: between })).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("a tile that is too short is said, not read past", async () => {
    const read = readFromTiles(hash, 300, () => Promise.resolve(new Uint8Array(hashBytes)));
    await expect(proveInclusion(hash, 5, 300, read)).rejects.toThrow(/holds 32 bytes/);
  });
});

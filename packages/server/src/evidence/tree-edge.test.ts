import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMerkleTree, leafHash, newTiles } from "@earwitness/verify";
import { sha256 } from "./sha256.ts";
import { edgeOf, edgeTiles, emptyEdge, growTree } from "./tree-edge.ts";

describe("a tree that grows by its edge", () => {
  test("has the root of the whole tree and the tiles of the specification, in whatever portions it grows", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 12 }), async (portions) => {
        let edge = emptyEdge;
        const whole = createMerkleTree(sha256);
        const stored = new Map<string, Uint8Array>();
        for (const count of portions) {
          const entries = Array.from({ length: count }, () => randomBytes(32));
          for (const entry of entries) whole.append(leafHash(sha256, entry));
          const grown = await growTree(edge, entries);
          const wanted = newTiles(edge.size, edge.size + count).map(({ level, index, width }) => [level, index, width]);
          expect(grown.tiles.filter(({ level }) => level >= 0).map(({ level, index, hashes }) => [level, index, hashes.length / 32]).toSorted()).toEqual(wanted.toSorted());
          for (const { level, index, hashes } of grown.tiles) stored.set(`${level}/${index}`, hashes);
          edge = grown.edge;
          expect(edge.size).toBe(whole.size);
          expect(Buffer.compare(edge.root, whole.root())).toBe(0);
          // What a process that starts now would find.
          const found = await edgeOf(edge.size, new Map(edgeTiles(edge.size).map(({ level, index }) => [level, stored.get(`${level}/${index}`)!])));
          expect(Buffer.compare(found.root, edge.root)).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("grows over 65,536 leaves, where a third level begins", async () => {
    const whole = createMerkleTree(sha256);
    let edge = emptyEdge;
    for (let size = 0; size < 66_000; size += 1_000) {
      const entries = Array.from({ length: 1_000 }, () => randomBytes(32));
      for (const entry of entries) whole.append(leafHash(sha256, entry));
      ({ edge } = await growTree(edge, entries));
    }
    expect(Buffer.compare(edge.root, whole.root())).toBe(0);
    expect(edgeTiles(edge.size)).toEqual([
      { level: -1, index: 257, width: 208 },
      { level: 0, index: 257, width: 208 },
      { level: 1, index: 1, width: 1 },
      { level: 2, index: 0, width: 1 },
    ]);
  });
});

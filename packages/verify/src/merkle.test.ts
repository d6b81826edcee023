import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMerkleTree, inclusionProof, leafHash, nodeHash, sha256, verifyInclusion } from "./index.ts";

const hash = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The reference vectors of the certificate-transparency project (its merkle tree tests). */
const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((text) => Buffer.from(text, "hex"));
const roots = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

describe("RFC 6962 Merkle tree", () => {
  test("has the published roots for 0 to 8 leaves", () => {
    const tree = createMerkleTree(hash);
    expect(hex(tree.root())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    leaves.forEach((leaf, i) => {
      tree.append(leafHash(hash, leaf));
      expect(hex(tree.root())).toBe(roots[i]);
    });
    expect(tree.size).toBe(8);
  });

  test("gives the published inclusion proofs", () => {
    const hashes = leaves.map((leaf) => leafHash(hash, leaf));
    expect(inclusionProof(hash, hashes.slice(0, 1), 0)).toEqual([]);
    expect(inclusionProof(hash, hashes, 0).map(hex)).toEqual([
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]);
    expect(inclusionProof(hash, hashes.slice(0, 3), 2).map(hex)).toEqual(["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
    expect(inclusionProof(hash, hashes.slice(0, 5), 1).map(hex)).toEqual([
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]);
  });

  test("the root is the one that RFC 9162 defines by splitting at the largest power of two", () => {
    const defined = (hashes: readonly Uint8Array[]): Uint8Array => {
      if (hashes.length === 0) return hash(new Uint8Array(0));
      if (hashes.length === 1) return hashes[0]!;
      const split = 2 ** Math.floor(Math.log2(hashes.length - 1));
      return nodeHash(hash, defined(hashes.slice(0, split)), defined(hashes.slice(split)));
    };
    const tree = createMerkleTree(hash);
    const hashes: Uint8Array[] = [];
    for (let n = 0; n < 130; n += 1) {
      expect(hex(tree.root())).toBe(hex(defined(hashes)));
      hashes.push(leafHash(hash, Buffer.from(`leaf ${n}`)));
      tree.append(hashes[n]!);
    }
  });

  test("every leaf of every tree proves itself, and nothing else passes for it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), fc.nat(), (size, pick, bend, bit) => {
        const hashes = Array.from({ length: size }, (_, i) => leafHash(hash, Buffer.from([i])));
        const tree = createMerkleTree(hash);
        for (const one of hashes) tree.append(one);
        const index = pick % size;
        const proof = inclusionProof(hash, hashes, index);
        const claim = { leaf: hashes[index]!, index, size, proof, root: tree.root() };
        expect(verifyInclusion(hash, claim)).toBe(true);
        expect(verifyInclusion(hash, { ...claim, leaf: leafHash(hash, Buffer.from("other")) })).toBe(false);
        expect(verifyInclusion(hash, { ...claim, proof: [...proof, hashes[0]!] })).toBe(false);
        expect(verifyInclusion(hash, { ...claim, index: size })).toBe(false);
        if (size > 1) {
          expect(verifyInclusion(hash, { ...claim, proof: proof.slice(1) })).toBe(false);
          expect(verifyInclusion(hash, { ...claim, index: (index + 1) % size })).toBe(false);
          const bent = proof.map((one) => Uint8Array.from(one));
          bent[bend % bent.length]![bit % 32]! ^= 1;
          expect(verifyInclusion(hash, { ...claim, proof: bent })).toBe(false);
        }
      }),
    );
  });
});

test("sha256 without dependencies agrees with the platform's", () => {
  expect(hex(sha256(Buffer.from("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void expect(hex(sha256(bytes))).toBe(hex(hash(bytes)))));
});

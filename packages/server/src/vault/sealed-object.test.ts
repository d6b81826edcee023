import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NotAuthentic, type MintedKey } from "./envelope.ts";
import { chunkBytes, headerBytes, openRange, plaintextSize, sealObject } from "./sealed-object.ts";

const key: MintedKey = { origin: "minted", keyId: "k1", bytes: randomBytes(32) };
const identity = { tenantId: "t1", name: "t1/a" };
const sealedChunk = chunkBytes + 16;

function open(sealed: Uint8Array, offset: number, length: number, as = identity): Promise<Buffer> {
  const read = async (from: number, count: number): Promise<Uint8Array> => sealed.subarray(from, from + count);
  return openRange(key, as, { storedBytes: sealed.length, read }, offset, length);
}

describe("sealed object", () => {
  const sizes = [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 3 * chunkBytes + 77];

  test.each(sizes)("%i bytes come back whole and in any range", async (size) => {
    const plaintext = randomBytes(size);
    const sealed = sealObject(key, identity, plaintext);
    expect(plaintextSize(sealed.length, "it")).toBe(size);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: size + 10 }), fc.nat({ max: size + 10 }), async (offset, length) => {
        expect(Buffer.compare(await open(sealed, offset, length), plaintext.subarray(offset, offset + length))).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test("reads no more chunks than the range touches", async () => {
    const sealed = sealObject(key, identity, randomBytes(10 * chunkBytes));
    let bytesRead = 0;
    const read = async (from: number, count: number): Promise<Uint8Array> => {
      bytesRead += count;
      return sealed.subarray(from, from + count);
    };
    await openRange(key, identity, { storedBytes: sealed.length, read }, 5 * chunkBytes + 10, 100);
    expect(bytesRead).toBe(headerBytes + sealedChunk);
  });

  test("truncated, extended, reordered, repeated or renamed: not authentic", async () => {
    const plaintext = randomBytes(3 * chunkBytes + 5);
    const sealed = sealObject(key, identity, plaintext);
    const chunk = (index: number): Buffer => sealed.subarray(headerBytes + index * sealedChunk, headerBytes + (index + 1) * sealedChunk);
    const header = sealed.subarray(0, headerBytes);
    const broken = {
      "last chunk missing": sealed.subarray(0, headerBytes + 3 * sealedChunk),
      "cut inside a chunk": sealed.subarray(0, headerBytes + 2 * sealedChunk + 500),
      "one byte more": Buffer.concat([sealed, Buffer.from([0])]),
      "a chunk more": Buffer.concat([sealed, chunk(0)]),
      "two chunks swapped": Buffer.concat([header, chunk(1), chunk(0), chunk(2), chunk(3)]),
      "a chunk repeated": Buffer.concat([header, chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)]),
      "another header": Buffer.concat([Buffer.from("EWO1"), randomBytes(16), sealed.subarray(headerBytes)]),
      "only a header": header,
    };
    for (const [title, bytes] of Object.entries(broken)) await expect(open(bytes, 0, bytes.length), title).rejects.toThrow(NotAuthentic);
    await expect(open(sealed, 0, 10, { ...identity, name: "t1/b" })).rejects.toThrow(NotAuthentic);
    await expect(open(sealed, 0, 10, { ...identity, tenantId: "t2" })).rejects.toThrow(NotAuthentic);
  });

  test("an answer that ends early has proved the end, even where nothing is left to read", async () => {
    const sealed = sealObject(key, identity, randomBytes(2 * chunkBytes + 5));
    const truncated = sealed.subarray(0, headerBytes + 2 * sealedChunk);
    await expect(open(truncated, 2 * chunkBytes, 5)).rejects.toThrow(NotAuthentic);
    await expect(open(truncated, 2 * chunkBytes - 1, 5)).rejects.toThrow(NotAuthentic);
  });
});

import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createOpeningKey, createSealingKey, deriveSubkey, NotAuthentic, type MintedKey, type Purpose, type StoredKey } from "./envelope.ts";

const mint = (): MintedKey => ({ origin: "minted", keyId: "k1", bytes: randomBytes(32) });
const stored = (key: MintedKey): StoredKey => ({ ...key, origin: "stored" });
const position = Buffer.from("tenant recording 1 2 3");

describe("envelope", () => {
  test("opens what was sealed, at its position only", () => {
    const key = mint();
    const { nonce, ciphertext } = createSealingKey(key, "vault").seal(Buffer.from("speech"), position);
    const opening = createOpeningKey(stored(key), "vault");
    expect(opening.open(nonce, ciphertext, position).toString()).toBe("speech");
    expect(() => opening.open(nonce, ciphertext, Buffer.from("tenant recording 1 2 4"))).toThrow(NotAuthentic);
    expect(() => createOpeningKey(stored(key), "journal").open(nonce, ciphertext, position)).toThrow(NotAuthentic);
    expect(() => createOpeningKey(stored(mint()), "vault").open(nonce, ciphertext, position)).toThrow(NotAuthentic);
  });

  test("no bit of nonce or ciphertext can be bent", () => {
    const key = mint();
    const { nonce, ciphertext } = createSealingKey(key, "vault").seal(Buffer.from("0123456789"), position);
    const opening = createOpeningKey(stored(key), "vault");
    fc.assert(
      fc.property(fc.nat({ max: (nonce.length + ciphertext.length) * 8 - 1 }), (bit) => {
        const bent = Buffer.concat([nonce, ciphertext]);
        bent[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => opening.open(bent.subarray(0, 12), bent.subarray(12), position)).toThrow(NotAuthentic);
      }),
    );
    expect(() => opening.open(nonce, ciphertext.subarray(0, 15), position)).toThrow(NotAuthentic);
  });

  test("no nonce ever comes twice under one key, whatever is sealed for whatever purpose in whatever order", () => {
    const uses = fc.array(fc.tuple(fc.constantFrom<Purpose>("journal", "vault", "object", "salt"), fc.nat({ max: 3 }), fc.nat({ max: 40 })), { maxLength: 60 });
    fc.assert(
      fc.property(uses, (sequence) => {
        const key = mint();
        const sealing = new Map<string, ReturnType<typeof createSealingKey>>();
        const seen = new Set<string>();
        for (const [purpose, context, times] of sequence) {
          const of = Buffer.from([context]);
          const name = `${purpose}${context}`;
          const one = sealing.get(name) ?? createSealingKey(key, purpose, of);
          sealing.set(name, one);
          const subkey = deriveSubkey(key, purpose, of).export().toString("hex");
          for (let i = 0; i < times; i += 1) {
            const use = `${subkey} ${Buffer.from(one.seal(position, position).nonce).toString("hex")}`;
            expect(seen.has(use)).toBe(false);
            seen.add(use);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test("a second sealing key for the same use is refused: it would count from 0 again", () => {
    const key = mint();
    createSealingKey(key, "journal");
    expect(() => createSealingKey(key, "journal")).toThrow(/already/);
    createSealingKey(key, "vault");
  });

  test("even the same data key in another thread draws other nonces", () => {
    const key = mint();
    const elsewhere: MintedKey = structuredClone(key);
    const first = createSealingKey(key, "journal").seal(position, position).nonce;
    const second = createSealingKey(elsewhere, "journal").seal(position, position).nonce;
    expect(Buffer.compare(first, second)).not.toBe(0);
  });

  test("a key read back from the keystore cannot seal: it does not compile", () => {
    const key = stored(mint());
    const attempt = (): unknown =>
      // @ts-expect-error a StoredKey only opens
      createSealingKey(key, "vault");
    expect(attempt).toBeTypeOf("function");
  });
});

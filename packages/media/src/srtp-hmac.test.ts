import { createCipheriv, createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createHmacSha1, NO_TRAILER } from "./srtp-hmac.ts";
import { createKeystream } from "./srtp-keystream.ts";

/** Bytes that look random and are the same each time. */
function noise(length: number, seed: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 20) }, (_, at) => createHash("sha1").update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describe("HMAC-SHA1", () => {
  test("RFC 2202 case 1 and 2", () => {
    for (const [key, text, mac] of [[Buffer.alloc(20, 0x0b), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"], [Buffer.from("Jefe"), "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"]] as const) {
      const bytes = Buffer.concat([Buffer.from(text), Buffer.alloc(20)]);
      createHmacSha1(key).sign(bytes, 0, text.length, NO_TRAILER, text.length, 20);
      expect(bytes.subarray(text.length).toString("hex")).toBe(mac);
    }
  });

  test("every length around the block borders, with and without trailer, as node:crypto has it", () => {
    const key = noise(20, 1);
    const hmac = createHmacSha1(key);
    for (let length = 0; length < 400; length++) {
      for (const trailer of [NO_TRAILER, 0, 0xffff_fffe]) {
        const bytes = Buffer.concat([noise(length, length), Buffer.alloc(20)]);
        const expected = createHmac("sha1", key).update(bytes.subarray(0, length)).update(trailer === NO_TRAILER ? "" : word(trailer)).digest();
        hmac.sign(bytes, 0, length, trailer, length, 20);
        expect(bytes.subarray(length).equals(expected)).toBe(true);
        expect(hmac.verify(bytes, 0, length, trailer, length, 20)).toBe(true);
      }
    }
  });

  test("thousands of random packets at any place of a buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.uint8Array({ maxLength: 1500 }), fc.nat(40), fc.nat({ max: 0xffff_ffff }), (key, message, before, trailer) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 7), message, Buffer.alloc(10)]);
        const to = before + message.length;
        createHmac("sha1", key).update(message).update(word(trailer)).digest().copy(bytes, to, 0, 10);
        expect(createHmacSha1(key).verify(bytes, before, to, trailer, to, 10)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("one wrong bit anywhere is seen, in the message, the trailer or the tag", () => {
    const hmac = createHmacSha1(noise(20, 2));
    const bytes = Buffer.concat([noise(100, 3), Buffer.alloc(4)]);
    hmac.sign(bytes, 0, 100, 5, 100, 4);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(hmac.verify(bytes, 0, 100, 5, 100, 4)).toBe(false);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(hmac.verify(bytes, 0, 100, 6, 100, 4)).toBe(false);
    expect(hmac.verify(bytes, 0, 100, 5, 100, 4)).toBe(true);
  });
});

describe("the AES-CM keystream", () => {
  /** RFC 3711 §4.1.1, by its formula. */
  function counterMode(key: Uint8Array, salt: Uint8Array, ssrc: number, index: number, payload: Uint8Array): Buffer {
    const iv = ((BigInt(`0x${Buffer.from(salt).toString("hex")}`) << 16n) ^ (BigInt(ssrc) << 64n) ^ (BigInt(index) << 16n)).toString(16).padStart(32, "0");
    return createCipheriv("aes-128-ctr", key, Buffer.from(iv, "hex")).update(payload);
  }

  const packetOf = fc.record({ step: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, fc.integer({ min: -3, max: 20 }), fc.integer({ min: 1000, max: 70_000 })), length: fc.oneof(fc.constant(160), fc.nat(1500)), other: fc.boolean() });

  test("thousands of packets of any length, in and out of order, of two sources, over the roll-over, as node:crypto has them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ minLength: 14, maxLength: 14 }), fc.integer({ min: 0, max: 2 ** 47 }), fc.array(packetOf, { minLength: 1, maxLength: 60 }), (key, salt, start, packets) => {
        const ahead = createKeystream(key, salt, true);
        const single = createKeystream(key, salt, false);
        let index = start;
        for (const { step, length, other } of packets) {
          index = Math.max(0, index + step);
          const ssrc = other ? 0xdead_beef : 0x0123_4567;
          const [high, low] = [Math.floor(index / 65_536), index % 65_536];
          const packet = Buffer.concat([Buffer.alloc(12, 9), noise(length, index), Buffer.alloc(3, 9)]);
          const expected = Buffer.concat([packet.subarray(0, 12), counterMode(key, salt, ssrc, index, packet.subarray(12, 12 + length)), packet.subarray(12 + length)]);
          for (const keystream of [ahead, single]) {
            const bytes = Buffer.from(packet);
            keystream.apply(bytes, 12, 12 + length, ssrc, high, low);
            expect(bytes.equals(expected)).toBe(true);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

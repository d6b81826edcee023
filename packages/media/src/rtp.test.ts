import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildRtp, createRtpFields, parseRtp, readRtp } from "./rtp.ts";

const PAYLOAD = Uint8Array.of(1, 2, 3, 4);
const PLAIN = buildRtp({ payloadType: 8, marker: true, sequence: 65_535, timestamp: 4_294_967_295, ssrc: 0xdeadbeef, payload: PAYLOAD });

describe("a packet", () => {
  test("header fields and payload", () => {
    const result = parseRtp(PLAIN);
    expect(result).toEqual({
      ok: true,
      value: { payloadType: 8, marker: true, sequence: 65_535, timestamp: 4_294_967_295, ssrc: 0xdeadbeef, csrcs: [], extension: null, payload: PAYLOAD },
    });
  });

  test("CSRCs, extension and padding are taken off the payload", () => {
    const packet = Uint8Array.of(0xb2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 11, 0xbe, 0xde, 0, 1, 9, 8, 7, 6, 42, 0, 0, 3);
    expect(parseRtp(packet)).toEqual({
      ok: true,
      value: {
        payloadType: 0,
        marker: false,
        sequence: 1,
        timestamp: 2,
        ssrc: 3,
        csrcs: [10, 11],
        extension: { profile: 0xbede, data: Uint8Array.of(9, 8, 7, 6) },
        payload: Uint8Array.of(42),
      },
    });
  });

  test("is read in the middle of a larger buffer", () => {
    const slab = new Uint8Array(100).fill(0xff);
    slab.set(PLAIN, 33);
    const out = createRtpFields();
    expect(readRtp(slab, 33, PLAIN.length, out)).toBe(true);
    expect([out.payloadOffset, out.payloadLength, out.sequence, out.ssrc]).toEqual([45, 4, 65_535, 0xdeadbeef]);
  });

  test("counters are sent modulo their width", () => {
    const packet = parseRtp(buildRtp({ payloadType: 0, sequence: 65_536 + 5, timestamp: 2 ** 32 + 7, ssrc: 1, payload: PAYLOAD }));
    expect(packet.ok && [packet.value.sequence, packet.value.timestamp]).toEqual([5, 7]);
  });
});

describe("what is no packet", () => {
  test.each([
    ["too short", PLAIN.subarray(0, 11)],
    ["another version", Uint8Array.of(0x40, ...PLAIN.subarray(1))],
    ["more CSRCs than bytes", Uint8Array.of(0x8f, ...PLAIN.subarray(1))],
    ["an extension that is not there", Uint8Array.of(0x90, ...PLAIN.subarray(1, 12))],
    ["an extension longer than the packet", Uint8Array.of(0x90, ...PLAIN.subarray(1, 12), 0, 0, 0xff, 0xff)],
    ["padding of nothing", Uint8Array.of(0xa0, ...PLAIN.subarray(1, 15), 0)],
    ["more padding than packet", Uint8Array.of(0xa0, ...PLAIN.subarray(1, 15), 200)],
  ])("%s", (_what, bytes) => {
    expect(parseRtp(bytes).ok).toBe(false);
  });

  test("a length beyond the buffer", () => {
    expect(readRtp(PLAIN, 4, PLAIN.length, createRtpFields())).toBe(false);
  });
});

test("any bytes give a payload inside them, or nothing", () => {
  const out = createRtpFields();
  const packet = fc.uint8Array({ maxLength: 80 }).map((bytes) => Uint8Array.of(0x80 | (bytes[0] ?? 0), ...bytes.subarray(1)));
  fc.assert(
    fc.property(packet, fc.nat(20), (bytes, offset) => {
      const buffer = new Uint8Array(offset + bytes.length + 7);
      buffer.set(bytes, offset);
      if (!readRtp(buffer, offset, bytes.length, out)) return;
      expect(out.payloadOffset).toBeGreaterThanOrEqual(offset + 12);
      expect(out.payloadLength).toBeGreaterThanOrEqual(0);
      expect(out.payloadOffset + out.payloadLength).toBeLessThanOrEqual(offset + bytes.length);
    }),
    { numRuns: 5000 },
  );
});

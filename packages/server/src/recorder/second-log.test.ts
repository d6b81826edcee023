import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePacketLog, encodePacketLog, lost, type LogEntry } from "./packet-log.ts";
import { SecondLog } from "./second-log.ts";

const rate = 8_000;
const entryIn = (second: number): fc.Arbitrary<LogEntry> =>
  fc.record({ atSample: fc.integer({ min: second * rate, max: second * rate + rate - 1 }), codec: fc.constantFrom(1, 2, 16), payload: fc.uint8Array({ maxLength: 700 }) });

function filled(second: number, entries: readonly LogEntry[]): SecondLog {
  const log = new SecondLog(second, rate);
  for (const { atSample, codec, payload } of entries) {
    const packet = new Uint8Array(payload.length + 12).fill(0xee); // the payload lies in a packet that is only lent
    packet.set(payload, 12);
    log.add(atSample, codec, packet, 12, payload.length);
    packet.fill(0);
  }
  return log;
}

const plain = (entries: readonly LogEntry[]): LogEntry[] => entries.map(({ atSample, codec, payload }) => ({ atSample, codec, payload: Uint8Array.from(payload) }));

describe("the log of a second", () => {
  it("holds what came, in the order in which it came, however much that is", () => {
    fc.assert(
      fc.property(fc.array(entryIn(7), { maxLength: 60 }), (entries) => {
        const log = filled(7, entries);
        expect(plain(decodePacketLog(log.bytes, 7 * rate))).toEqual(plain(entries));
        log.letGo();
      }),
    );
  });

  it("frames take each entry once, also beside those of another second", () => {
    fc.assert(
      fc.property(fc.array(entryIn(3), { minLength: 1, maxLength: 40 }), fc.array(entryIn(4), { minLength: 1, maxLength: 40 }), fc.nat(40), (before, after, cut) => {
        const first = filled(3, before.slice(0, cut));
        const frame = Buffer.alloc(200_000);
        const framed = first.copyUnframed(frame, 0, 3 * rate);
        expect(plain(decodePacketLog(frame.subarray(0, framed), 3 * rate))).toEqual(plain(before.slice(0, cut)));
        expect(first.hasUnframed).toBe(false);
        for (const { atSample, codec, payload } of before.slice(cut)) first.add(atSample, codec, payload, 0, payload.length);
        const second = filled(4, after);
        const end = second.copyUnframed(frame, first.copyUnframed(frame, 0, 3 * rate), 3 * rate);
        expect(plain(decodePacketLog(frame.subarray(0, end), 3 * rate))).toEqual(plain([...before.slice(cut), ...after]));
        expect([first.unframedBytes, second.unframedBytes]).toEqual([0, 0]);
      }),
    );
  });

  it("is plain while sound comes in order, each place once, and nothing else", () => {
    const at = (...places: readonly number[]): LogEntry[] => places.map((atSample) => ({ atSample, codec: 1, payload: new Uint8Array(160) }));
    expect(filled(0, at(0, 160, 320)).isPlain).toBe(true);
    expect(filled(0, at(0, 320, 160)).isPlain).toBe(false);
    expect(filled(0, at(0, 160, 160)).isPlain).toBe(false);
    expect(filled(0, [...at(0), lost(160, 160), ...at(320)]).isPlain).toBe(false);
    expect(filled(0, [...at(0), { atSample: 200, codec: 16, payload: new Uint8Array(3) }]).isPlain).toBe(false);
  });

  it("what was let go of serves another second and says nothing any more", () => {
    const log = filled(0, [{ atSample: 0, codec: 1, payload: new Uint8Array(160).fill(7) }]);
    const { bytes } = log;
    log.letGo();
    expect(log.bytes).toHaveLength(0);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    const next = filled(1, [{ atSample: rate, codec: 2, payload: new Uint8Array(160).fill(9) }]);
    expect(decodePacketLog(next.bytes, rate)).toHaveLength(1);
    expect(bytes.subarray(7, 167).every((byte) => byte === 9)).toBe(true); // the same memory
    expect(Buffer.compare(next.bytes, encodePacketLog([{ atSample: rate, codec: 2, payload: new Uint8Array(160).fill(9) }], rate))).toBe(0);
  });
});

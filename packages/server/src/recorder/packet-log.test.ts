import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lostEntry } from "./codecs.ts";
import { decodePacketLog, encodePacketLog, lost, samplesOf, type LogEntry } from "./packet-log.ts";
import { settleSecond } from "./settle.ts";

const packet = fc.record({ atSample: fc.integer({ min: 8_000, max: 15_999 }), codec: fc.constantFrom(1, 2), payload: fc.uint8Array({ minLength: 1, maxLength: 400 }) });
const hole = fc.tuple(fc.integer({ min: 8_000, max: 15_999 }), fc.integer({ min: 1, max: 2_000 })).map(([at, samples]) => lost(at, samples));

describe("packet log", () => {
  test("holds what it was given, by place, whatever the order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(packet, { selector: (entry) => entry.atSample, maxLength: 60 }), (entries) => {
        const read = decodePacketLog(encodePacketLog(entries, 8_000), 8_000);
        const expected = entries.toSorted((a, b) => a.atSample - b.atSample);
        expect(read.map((entry) => ({ ...entry, payload: Uint8Array.from(entry.payload) }))).toEqual(expected);
      }),
    );
  });

  test("a log that ends inside an entry is an error, not silence", () => {
    const bytes = encodePacketLog([{ atSample: 0, codec: 1, payload: Buffer.alloc(160) }], 0);
    expect(() => decodePacketLog(bytes.subarray(0, 100), 0)).toThrow(/ends inside/);
    expect(() => decodePacketLog(bytes.subarray(0, 5), 0)).toThrow(/ends inside/);
  });
});

describe("settling a second", () => {
  /** Sample by sample: the slow way, to compare with. */
  const marked = (entries: readonly LogEntry[], ofLoss: boolean): Set<number> =>
    new Set(entries.filter((entry) => (entry.codec === lostEntry) === ofLoss).flatMap((entry) => Array.from({ length: samplesOf(entry, 8_000) }, (_, i) => entry.atSample + i)));

  test("loss is exactly what was reported lost and no packet covers; packets stay as they are", () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 12 }), fc.array(hole, { maxLength: 5 }), (packets, holes) => {
        const settled = settleSecond([...holes, ...packets], 8_000);
        const sound = settled.filter((entry) => entry.codec !== lostEntry);
        expect(new Set(sound.map((entry) => entry.atSample))).toEqual(new Set(packets.map((entry) => entry.atSample)));
        const kept = marked(sound, false);
        const expected = [...marked(holes, true)].filter((sample) => !kept.has(sample));
        expect(marked(settled, true)).toEqual(new Set(expected));
        // Written and read again it is the same: nothing of it shares a place.
        expect(decodePacketLog(encodePacketLog(settled, 8_000), 8_000)).toHaveLength(settled.length);
      }),
      { numRuns: 60 },
    );
  });
});

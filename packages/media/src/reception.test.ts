import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createReception } from "./reception.ts";

/** Packets of 20 ms as a clean network delivers them. */
function receiveRun(reception: ReturnType<typeof createReception>, from: number, count: number, startMs = 0): number[] {
  return Array.from({ length: count }, (_, index) => reception.receive((from + index) & 0xffff, ((from + index) * 160) >>> 0, startMs + index * 20));
}

const make = (): ReturnType<typeof createReception> => createReception({ ssrc: 7, clockRateHz: 8000 });

test("a clean stream loses nothing and has no jitter", () => {
  const reception = make();
  receiveRun(reception, 100, 500);
  expect([reception.received, reception.expected, reception.lost, reception.jitterMs]).toEqual([500, 500, 0, 0]);
});

test("numbers go on over the wrap, and the report's cycles with them", () => {
  const reception = make();
  const extended = receiveRun(reception, 65_530, 12);
  expect(extended.map((number) => number - (extended[0] ?? 0))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(reception.report(0).extendedSequence).toBe(0x0001_0005);
  expect(reception.expected).toBe(12);
});

test("fraction counts from the report before, the sum from the beginning", () => {
  const reception = make();
  receiveRun(reception, 0, 100);
  expect(reception.report(0).fractionLost).toBe(0);
  receiveRun(reception, 125, 75);
  expect(reception.report(0)).toMatchObject({ fractionLost: 64, cumulativeLost: 25 });
  expect(reception.report(0)).toMatchObject({ fractionLost: 0, cumulativeLost: 25 });
});

test("late packets fill their holes and duplicates count below zero", () => {
  const reception = make();
  const first = reception.receive(10, 0, 0);
  expect(reception.receive(12, 320, 40) - first).toBe(2);
  expect(reception.lost).toBe(1);
  expect(reception.receive(11, 160, 41) - first).toBe(1);
  expect(reception.lost).toBe(0);
  reception.receive(11, 160, 42);
  expect(reception.lost).toBe(-1);
  expect(reception.report(0)).toMatchObject({ cumulativeLost: -1, fractionLost: 0 });
});

test("a packet from before the first one has the number before it, across the wrap too", () => {
  const reception = make();
  const first = reception.receive(0, 160, 0);
  expect(reception.receive(65_535, 0, 1)).toBe(first - 1);
});

test("a sender that begins again is believed at its second packet, and loses nothing by it", () => {
  const reception = make();
  receiveRun(reception, 1000, 100);
  const before = reception.highest ?? 0;
  receiveRun(reception, 40_000, 1);
  expect(reception.highest).toBe(before);
  receiveRun(reception, 40_001, 99);
  expect(reception.highest).toBeGreaterThan(before);
  expect(reception.lost).toBe(-1); // the first of them was one more than expected
});

test("jitter is that of RFC 3550 A.8", () => {
  const reception = make();
  reception.receive(0, 0, 0);
  reception.receive(1, 160, 36); // 16 ms late: 128 ticks, of which a sixteenth counts
  expect(reception.report(0).jitter).toBe(8);
  expect(reception.jitterMs).toBe(1);
});

test("timestamps that wrap or jump are no jitter", () => {
  const reception = make();
  reception.receive(0, 2 ** 32 - 160, 0);
  reception.receive(1, 0, 20);
  reception.receive(2, 0x7fff_ffff, 40);
  expect(reception.jitterMs).toBe(0);
});

test("the delay since the sender's report, in 1/65536 s", () => {
  const reception = make();
  expect(reception.report(500)).toMatchObject({ lastSenderReport: 0, delaySinceLastSenderReport: 0 });
  reception.senderReport(0xe100_1234, 0x5678_9abc, 1000);
  expect(reception.report(3500)).toMatchObject({ lastSenderReport: 0x1234_5678, delaySinceLastSenderReport: 163_840 });
});

describe("any packets", () => {
  test("keep every figure of a report inside its field", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0xffff), fc.nat(0xffff_ffff), fc.nat(1_000_000)), { maxLength: 200 }), (all) => {
        const reception = make();
        for (const [sequence, timestamp, arrivalMs] of all) {
          expect(reception.receive(sequence, timestamp, arrivalMs) & 0xffff).toBe(sequence);
        }
        const report = reception.report(2_000_000);
        expect(report.fractionLost).toBeGreaterThanOrEqual(0);
        expect(report.fractionLost).toBeLessThanOrEqual(255);
        for (const figure of [report.extendedSequence, report.jitter, report.delaySinceLastSenderReport]) {
          expect(Number.isInteger(figure) && figure >= 0 && figure <= 0xffff_ffff).toBe(true);
        }
        expect(reception.received).toBe(all.length);
      }),
      { numRuns: 1000 },
    );
  });
});

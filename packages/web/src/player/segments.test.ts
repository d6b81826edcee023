import fc from "fast-check";
import { expect, test } from "vitest";
import { groupGaps, lengthOf, mergeSpans, nextSegment, previousSegment, type Span } from "./segments.ts";

const adele: Span[] = [
  [1_000, 3_000],
  [10_000, 14_000],
];
const alex: Span[] = [
  [3_500, 6_000],
  [20_000, 21_000],
];

test("INT-30 next segment is the next start of any shown speaker", () => {
  expect(nextSegment([adele, alex], 0)).toBe(1_000);
  expect(nextSegment([adele, alex], 1_000)).toBe(3_500);
  expect(nextSegment([adele], 1_000)).toBe(10_000);
  expect(nextSegment([adele, alex], 20_000)).toBeNull();
  expect(nextSegment([], 0)).toBeNull();
});

test("INT-30 previous segment restarts the one that plays, then goes to the one before", () => {
  expect(previousSegment([adele, alex], 12_000)).toBe(10_000);
  expect(previousSegment([adele, alex], 10_400)).toBe(3_500);
  expect(previousSegment([adele, alex], 10_000)).toBe(3_500);
  expect(previousSegment([adele, alex], 1_200)).toBe(1_000);
  expect(previousSegment([adele, alex], 500)).toBeNull();
});

test("INT-30 going on from segment to segment visits every start once", () => {
  const spans = fc.array(fc.tuple(fc.integer({ min: 1_000, max: 500_000 }), fc.integer({ min: 300, max: 9_000 })), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(spans, { minLength: 1, maxLength: 4 }), (lanes) => {
      const speech = lanes.map((lane) => mergeSpans(lane.map(([from, length]) => [from, from + length]), 200));
      const starts = [...new Set(speech.flat().map(([from]) => from))].toSorted((one, two) => one - two);
      const visited: number[] = [];
      for (let at: number | null = nextSegment(speech, 0); at !== null; at = nextSegment(speech, at)) visited.push(at);
      // Two people who begin within 80 ms are one stop.
      const stops = starts.filter((start, n) => visited.includes(start) || starts.slice(0, n).some((before) => start - before <= 80 && visited.includes(before)));
      expect(visited).toEqual(visited.toSorted((one, two) => one - two));
      expect(stops).toEqual(starts);
    }),
  );
});

test("merged spans neither overlap nor lose a moment", () => {
  const random = fc.array(fc.tuple(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 1, max: 200 })));
  fc.assert(
    fc.property(random, (raw) => {
      const spans = raw.map(([from, length]): Span => [from, from + length]);
      const merged = mergeSpans(spans);
      const covered = new Set(spans.flatMap(([from, to]) => Array.from({ length: to - from }, (_, n) => from + n)));
      expect(lengthOf(merged)).toBe(covered.size);
      for (const [n, span] of merged.entries()) if (n > 0) expect(span[0]).toBeGreaterThan(merged[n - 1]?.[1] ?? 0);
    }),
  );
});

test("gaps too close to point at become one, with every reason and the true loss; a hold stays apart from a loss", () => {
  const groups = groupGaps(
    [
      { fromMs: 1_000, toMs: 1_200, reason: "loss" },
      { fromMs: 1_300, toMs: 1_400, reason: "disk" },
      { fromMs: 1_350, toMs: 5_000, reason: "hold" },
      { fromMs: 9_000, toMs: 9_500, reason: "loss" },
    ],
    500,
  );
  expect(groups).toEqual([
    { fromMs: 1_000, toMs: 1_400, missingMs: 300, count: 2, reasons: ["loss", "disk"] },
    { fromMs: 1_350, toMs: 5_000, missingMs: 3_650, count: 1, reasons: ["hold"] },
    { fromMs: 9_000, toMs: 9_500, missingMs: 500, count: 1, reasons: ["loss"] },
  ]);
});

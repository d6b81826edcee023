import { expect, test } from "vitest";
import { compareSamples, sentAt } from "./sent-audio.ts";

const turns = [{ atMs: 100, sent: 0 }, { atMs: 101, sent: 40 }, { atMs: 105, sent: 90 }, { atMs: 106, sent: 200 }];

test("what a turn sends counts as soon as the turn has begun, and nothing of the next", () => {
  expect([99, 100, 101, 104, 105, 106].map((atMs) => sentAt(turns, atMs))).toEqual([0, 40, 90, 90, 200, 200]);
});

test("all of it was sent by the end, and nothing before there was a turn", () => {
  expect(sentAt(turns, Infinity)).toBe(200);
  expect(sentAt([], 5)).toBe(0);
});

const sent = Int16Array.from({ length: 4_000 }, (_, at) => 1 + ((at * 7_919) % 1_000));

test("a recording that begins up to a millisecond before its first sample is the same", () => {
  for (const late of [0, 3, 8]) expect(compareSamples(sent, Int16Array.from([...new Int16Array(late), ...sent]))).toEqual({ wrong: 0, missing: 0 });
  expect(compareSamples(sent, Int16Array.from([...new Int16Array(9), ...sent])).wrong).toBeGreaterThan(3_000);
});

test("what is missing at the end is missing, and neither it nor silence after the end is wrong", () => {
  expect(compareSamples(sent, sent.subarray(0, 3_840))).toEqual({ wrong: 0, missing: 160 });
  expect(compareSamples(sent, Int16Array.from([...sent, 0, 0, 0]))).toEqual({ wrong: 0, missing: 0 });
});

test("each sample that is another is counted, and each that was never sent", () => {
  const recorded = Int16Array.from([...sent, 5, 0, 6]);
  recorded[10] = 0;
  recorded[3_999] = 0;
  expect(compareSamples(sent, recorded)).toEqual({ wrong: 4, missing: 0 });
});

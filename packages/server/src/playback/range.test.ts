import { expect, test } from "vitest";
import { matchesAny, parseRange, rangeStillMeansTheSame } from "./range.ts";

test.each([
  [undefined, { kind: "whole" }],
  ["bytes=0-", { kind: "part", span: { from: 0, to: 100 } }],
  ["bytes=0-0", { kind: "part", span: { from: 0, to: 1 } }],
  ["bytes=10-19", { kind: "part", span: { from: 10, to: 20 } }],
  ["bytes=90-1000", { kind: "part", span: { from: 90, to: 100 } }],
  ["bytes=-5", { kind: "part", span: { from: 95, to: 100 } }],
  ["bytes=-500", { kind: "part", span: { from: 0, to: 100 } }],
  ["bytes=-0", { kind: "unsatisfiable" }],
  ["bytes=100-", { kind: "unsatisfiable" }],
  ["bytes=100-200", { kind: "unsatisfiable" }],
  ["bytes=20-10", { kind: "whole" }],
  ["bytes=0-1,5-6", { kind: "whole" }],
  ["seconds=0-1", { kind: "whole" }],
  ["bytes=-", { kind: "whole" }],
  ["bytes=a-b", { kind: "whole" }],
  ["bytes=99999999999999999999-", { kind: "whole" }],
])("Range %s of 100 bytes", (header, answer) => {
  expect(parseRange(header, 100)).toEqual(answer);
});

test("nothing of an empty file can be had", () => {
  expect(parseRange("bytes=0-", 0)).toEqual({ kind: "unsatisfiable" });
  expect(parseRange("bytes=-1", 0)).toEqual({ kind: "unsatisfiable" });
});

test("entity tags", () => {
  expect(matchesAny('"a", W/"b"', '"b"')).toBe(true);
  expect(matchesAny("*", '"b"')).toBe(true);
  expect(matchesAny('"a"', '"b"')).toBe(false);
  expect(matchesAny(undefined, '"b"')).toBe(false);
  expect(rangeStillMeansTheSame(undefined, '"b"')).toBe(true);
  expect(rangeStillMeansTheSame('"b"', '"b"')).toBe(true);
  expect(rangeStillMeansTheSame('W/"b"', '"b"')).toBe(false);
  expect(rangeStillMeansTheSame("Wed, 21 Oct 2015 07:28:00 GMT", '"b"')).toBe(false);
});

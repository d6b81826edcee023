import { expect, test } from "vitest";
import { createSourceGuard } from "./source-guard.ts";

test("a source gets its burst at once, then its rate; others are not touched", () => {
  let nowMs = 0;
  const guard = createSourceGuard(() => ({ perSecond: 10, burst: 3 }), () => nowMs);
  const admitted = (address: string): number => Array.from({ length: 5 }, () => guard.admit(address)).filter(Boolean).length;
  expect(admitted("a")).toBe(3);
  expect(admitted("b")).toBe(3);
  nowMs = 200;
  expect(admitted("a")).toBe(2);
  nowMs = 10_000;
  expect(admitted("a")).toBe(3);
});

test("a trunk that was added gets its rate as soon as it is quiet for a moment", () => {
  let nowMs = 0;
  let known = false;
  const guard = createSourceGuard(() => (known ? { perSecond: 100, burst: 50 } : { perSecond: 10, burst: 1 }), () => nowMs);
  const admitted = (): number => Array.from({ length: 60 }, () => guard.admit("a")).filter(Boolean).length;
  expect(admitted()).toBe(1);
  known = true;
  nowMs = 100;
  expect(admitted()).toBe(50);
});

test("forged sources cannot make it grow: the one unused the longest is forgotten", () => {
  const guard = createSourceGuard(() => ({ perSecond: 1, burst: 1 }), () => 0, 2);
  expect(["a", "a", "b", "a", "c", "a", "b"].map((address) => guard.admit(address))).toEqual([true, false, true, false, true, false, true]);
});

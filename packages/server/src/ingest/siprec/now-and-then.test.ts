import { expect, test } from "vitest";
import { createNowAndThen } from "./now-and-then.ts";

test("one line in a minute for each source, and one for all that are too many", () => {
  let now = 0;
  const worth = createNowAndThen(() => now);
  expect([worth("a"), worth("a"), worth("b")]).toEqual([true, false, true]);
  now = 59_999;
  expect(worth("a")).toBe(false);
  now = 60_000;
  expect(worth("a")).toBe(true);
  const flood = Array.from({ length: 50_000 }, (_, source) => worth(`192.0.2.${source}`));
  expect(flood.filter(Boolean).length).toBe(1_000);
  now = 120_000;
  expect(Array.from({ length: 50_000 }, (_, source) => worth(`198.51.100.${source}`)).filter(Boolean).length).toBe(1_001);
});

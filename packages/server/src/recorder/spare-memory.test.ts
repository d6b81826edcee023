import { expect, test } from "vitest";
import { createSpareMemory } from "./spare-memory.ts";

test("memory is used again; what a rush needed and nothing has needed since is given back", () => {
  let now = 0;
  const spare = createSpareMemory({ bytesEach: 1_000, most: 100_000, now: () => now });
  const rush = Array.from({ length: 150 }, () => spare.take());
  for (const memory of rush) spare.give(memory);
  expect(spare.count).toBe(100);

  // From then on ten are wanted at a time.
  const beat = (): void => {
    const taken = Array.from({ length: 10 }, () => spare.take());
    for (const memory of taken) expect(rush).toContain(memory);
    for (const memory of taken) spare.give(memory);
  };
  const seen: number[] = [];
  for (; now < 500_000; now += 10_000) {
    beat();
    seen.push(spare.count);
  }
  expect(seen[0]).toBe(100);
  expect(spare.count).toBe(10);
});

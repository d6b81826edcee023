import { describe, expect, test } from "vitest";
import { createPortRange, splitPorts } from "./port-range.ts";

describe("port range", () => {
  test("gives even ports whose pair lies in the range, each once, and a released one only after its rest", () => {
    let now = 0;
    const range = createPortRange(4_001, 4_007, 2_000, () => now);
    expect([range.take(), range.take(), range.take()]).toEqual([4_002, 4_004, 4_006]);
    expect(range.take()).toBeNull();
    range.release(4_004);
    now = 1_999;
    expect(range.take()).toBeNull();
    now = 2_000;
    expect(range.take()).toBe(4_004);
  });

  test("is cut into parts that share nothing and leave nothing out", () => {
    const parts = splitPorts([20_000, 20_019], 3);
    const pairs = parts.flatMap(([from, to]) => {
      const range = createPortRange(from, to);
      return Array.from({ length: range.free }, () => range.take());
    });
    expect(pairs).toEqual(Array.from({ length: 10 }, (_, i) => 20_000 + 2 * i));
    expect(() => splitPorts([20_000, 20_003], 3)).toThrow(/fewer than 3/);
  });
});

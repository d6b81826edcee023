import { describe, expect, it } from "vitest";
import { createSlabs, joinNeighbours } from "./slabs.ts";

const bytes = (length: number, value: number): Buffer => Buffer.alloc(length, value);

describe("slabs", () => {
  it("what was put lies as it was, side by side, until it is let go of", () => {
    const slabs = createSlabs();
    const first = slabs.put(bytes(5_000, 1), bytes(16, 2));
    const others = Array.from({ length: 30 }, (_, i) => slabs.put(bytes(5_000, i + 3)));
    slabs.cut();
    // A later run does not touch an earlier one that nobody has let go of.
    slabs.put(bytes(60_000, 99));
    expect(first.equals(Buffer.concat([bytes(5_000, 1), bytes(16, 2)]))).toBe(true);
    for (const [i, part] of others.entries()) expect(part.equals(bytes(5_000, i + 3))).toBe(true);
  });

  it("memory that was let go of is used again, once for each time", () => {
    const [one, two, three] = [createSlabs(), createSlabs(), createSlabs()];
    const old = one.put(bytes(10, 1));
    const letGo = one.cut();
    letGo();
    letGo();
    const [second, third] = [two.put(bytes(10, 2)), three.put(bytes(10, 3))];
    expect(second.buffer).toBe(old.buffer);
    expect(third.buffer).not.toBe(second.buffer);
    expect(second.equals(bytes(10, 2))).toBe(true);
  });

  it("takes what is larger than a slab, and nothing at all", () => {
    const slabs = createSlabs();
    expect(slabs.put(bytes(100_000, 7)).equals(bytes(100_000, 7))).toBe(true);
    expect(slabs.put()).toHaveLength(0);
    expect(slabs.put(bytes(3, 1))).toHaveLength(3);
  });

  it("parts that lie side by side become one, in their order, and no others", () => {
    const slabs = createSlabs();
    const parts = Array.from({ length: 40 }, (_, i) => slabs.put(bytes(4_000, i)));
    const [apart, last] = [bytes(10, 200), bytes(10, 201)];
    const all = [...parts, apart, parts[0]!, last];
    const joined = joinNeighbours(all);
    expect(Buffer.concat(joined).equals(Buffer.concat(all))).toBe(true);
    expect(joined.length).toBeLessThan(8);
    expect(joinNeighbours([])).toEqual([]);
  });
});

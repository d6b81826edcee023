import { describe, expect, test } from "vitest";
import { createSlices } from "./in-slices.ts";

/** Time passes only by work; turns of the loop happen when they are asked for. */
function fakeLoop() {
  let nowMs = 0;
  const turns: (() => void)[] = [];
  const done: number[] = [];
  const slices = createSlices(20, { now: () => nowMs, nextTurn: (slice) => void turns.push(slice) });
  const add = (count: number, ms: number): void => {
    for (let at = 0; at < count; at += 1) {
      const number = done.length + at;
      slices.add(() => {
        nowMs += ms;
        done.push(number);
      });
    }
  };
  const pass = (ms: number): void => void (nowMs += ms);
  return { slices, done, add, pass, turns, turn: () => turns.shift()?.() };
}

describe("work in slices", () => {
  test("after 20 ms the loop turns, and what is left goes on in its order", () => {
    const { done, add, turns, turn } = fakeLoop();
    add(10, 7);
    expect(done).toEqual([]); // nothing within the call that brings it
    turn();
    expect(done).toEqual([0, 1, 2]);
    turn();
    turn();
    expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    turn();
    expect(done).toHaveLength(10);
    expect(turns).toHaveLength(0);
  });

  test("where other work takes most of a turn the next slice is as long, up to ten times its own", () => {
    const { done, add, pass, turn } = fakeLoop();
    pass(1_000); // nothing waited: this is not counted
    add(100, 10);
    const counts = [0, 60, 5, 100_000].map((betweenMs) => {
      const before = done.length;
      pass(betweenMs);
      turn();
      return done.length - before;
    });
    expect(counts).toEqual([2, 6, 2, 20]);
  });

  test("what is added by work stands behind what waits; each turn does one at least", () => {
    const { slices, done, turns, turn } = fakeLoop();
    const order: string[] = [];
    slices.add(() => {
      order.push("first");
      slices.add(() => order.push("added"));
    });
    slices.add(() => order.push("second"));
    turn();
    turn();
    expect(order).toEqual(["first", "second", "added"]);
    const late = fakeLoop();
    late.add(2, 5_000);
    late.turn();
    expect(late.done).toEqual([0]);
    late.turn();
    expect(late.done).toEqual([0, 1]);
    expect([...turns, ...done]).toEqual([]);
  });

  test("work that throws does not hold up what stands behind it", () => {
    const { slices, done, add, turn } = fakeLoop();
    slices.add(() => {
      throw new Error("a defect");
    });
    add(1, 1);
    expect(turn).toThrow("a defect");
    turn();
    expect(done).toEqual([0]);
  });
});

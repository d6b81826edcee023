import fc from "fast-check";
import { expect, test } from "vitest";
import { paperFor, follow, lengthOfView, pan, roomFor, ticks, zoom } from "./view.ts";

const whole = { fromMs: 0, toMs: 600_000 };

test("zooming keeps the moment under the pointer where it is", () => {
  const view = zoom(whole, 4, 150_000, whole);
  expect(view).toEqual({ fromMs: 112_500, toMs: 262_500 });
  expect((150_000 - view.fromMs) / lengthOfView(view)).toBeCloseTo(0.25);
});

test("no way of moving leaves the recording or turns the view inside out", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("zoom" as const), factor: fc.double({ min: 0.05, max: 40, noNaN: true }), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant("pan" as const), byMs: fc.integer({ min: -900_000, max: 900_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 7_200_000 }), (steps, length) => {
      const all = { fromMs: 1_000, toMs: 1_000 + length };
      let view = all;
      for (const one of steps) {
        view = one.kind === "zoom" ? zoom(view, one.factor, view.fromMs + one.at * lengthOfView(view), all) : pan(view, one.byMs, all);
        expect(view.fromMs).toBeGreaterThanOrEqual(all.fromMs - 1e-6);
        expect(view.toMs).toBeLessThanOrEqual(all.toMs + 1e-6);
        expect(lengthOfView(view)).toBeGreaterThan(0);
      }
    }),
  );
});

test("the shown part turns like a page when the playhead leaves it", () => {
  const view = { fromMs: 0, toMs: 100_000 };
  expect(follow(view, 99_000, whole)).toBe(view);
  expect(follow(view, 100_500, whole)).toEqual({ fromMs: 92_500, toMs: 192_500 });
  expect(follow(view, 599_000, whole)).toEqual({ fromMs: 500_000, toMs: 600_000 });
});

test("ticks stand apart enough to be read", () => {
  const { stepMs, atMs } = ticks(whole, 800);
  expect(stepMs).toBe(120_000);
  expect(atMs).toEqual([0, 120_000, 240_000, 360_000, 480_000, 600_000]);
  expect(ticks({ fromMs: 0, toMs: 2_000 }, 800).stepMs).toBe(500);
});

test("a running call always has room, and the picture changes seldom", () => {
  const rooms = Array.from({ length: 3_600 }, (_, second) => roomFor(second * 1_000));
  rooms.forEach((room, second) => expect(room).toBeGreaterThan(second * 1_000));
  expect(new Set(rooms).size).toBeLessThanOrEqual(12);
});

test("sound keeps its scale beside a gap of hours: no more than 15 % of it, or five seconds, is drawn of what is missing", () => {
  expect(paperFor(60_000, 4 * 3_600_000)).toBe(69_000);
  expect(paperFor(10_000, 4 * 3_600_000)).toBe(15_000);
  expect(paperFor(60_000, 63_000)).toBe(63_000);
  expect(paperFor(60_000, 60_400)).toBe(60_000);
  expect(paperFor(60_000, 0)).toBe(60_000);
});

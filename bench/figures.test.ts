import fc from "fast-check";
import { expect, test } from "vitest";
import { exponentOf, median, quantile, slopeOf } from "./figures.ts";

test("a quantile is a sample, the last one at most", () => {
  const samples = [5, 1, 4, 2, 3];
  expect([0, 0.5, 0.99, 1].map((share) => quantile(samples, share))).toEqual([1, 3, 5, 5]);
  expect(median([7])).toBe(7);
  expect(quantile([], 0.5)).toBeNaN();
});

test("the slope of a line is found without error, wherever the line lies", () => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -1_000, max: 1_000 }), fc.integer({ min: 3, max: 40 }), (perX, level, count) => {
      const slope = slopeOf(Array.from({ length: count }, (_, x) => ({ x, y: level + perX * x })));
      expect(slope.perX).toBeCloseTo(perX, 6);
      expect(slope.error).toBeCloseTo(0, 4);
    }),
  );
});

test("the error is that of a known example", () => {
  // By hand: x̄ 3, ȳ 3, Sxx 10, Sxy 8, Syy 10; what is left is 10 − 0.8 · 8, over 3 degrees of freedom.
  const { perX, error } = slopeOf([[1, 2], [2, 1], [3, 4], [4, 3], [5, 5]].map(([x, y]) => ({ x: x!, y: y! })));
  expect(perX).toBeCloseTo(0.8, 10);
  expect(error).toBeCloseTo(Math.sqrt((10 - 0.8 * 8) / 3 / 10), 10);
});

test("stretches on different levels have one slope, and the step between them is none", () => {
  const points = [0, 1, 2, 3].flatMap((x) => [{ x, y: 100 + 2 * x, stretch: 0 }, { x: x + 4, y: 7 + 2 * (x + 4), stretch: 1 }]);
  expect(slopeOf(points).perX).toBeCloseTo(2, 10);
  expect(slopeOf(points.map(({ x, y }) => ({ x, y }))).perX).toBeLessThan(0);
});

test("two points make a slope whose error nobody knows", () => {
  expect(slopeOf([{ x: 0, y: 1 }, { x: 2, y: 5 }])).toEqual({ perX: 2, error: Number.NaN });
});

test("what doubles with the load grows with its first power, what quadruples with its second", () => {
  const costs = (power: number) => [1, 2, 4].map((load) => ({ load: 250 * load, cost: 3 * load ** power }));
  expect(exponentOf(costs(1)).perX).toBeCloseTo(1, 10);
  expect(exponentOf(costs(2)).perX).toBeCloseTo(2, 10);
  expect(exponentOf(costs(0)).perX).toBeCloseTo(0, 10);
});

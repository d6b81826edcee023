import { expect, test } from "vitest";
import { createResampler } from "./resample.ts";

const tone = (hz: number, rate: number, count: number): Int16Array => Int16Array.from({ length: count }, (_, at) => Math.round(12_000 * Math.sin((2 * Math.PI * hz * at) / rate)));

/** Signal to everything else, in dB, leaving out the first and last samples. */
function fidelity(ours: Int16Array, wanted: Int16Array): number {
  let [signal, noise] = [0, 0];
  for (let at = 200; at < ours.length - 200; at += 1) {
    signal += wanted[at]! ** 2;
    noise += (ours[at]! - wanted[at]!) ** 2;
  }
  return 10 * Math.log10(signal / Math.max(1, noise));
}

test.each([
  [8_000, 16_000],
  [8_000, 48_000],
  [16_000, 48_000],
  [16_000, 8_000],
  [48_000, 8_000],
  [48_000, 16_000],
])("%i Hz to %i Hz: a tone is the same tone in the same place, in one push", (from, to) => {
  const ours = createResampler(from, to).push(tone(700, from, from));
  expect(ours.length).toBe(to);
  expect(fidelity(ours, tone(700, to, to))).toBeGreaterThan(40);
});

test("packet by packet it stays a clean tone", () => {
  const resampler = createResampler(8_000, 16_000);
  const input = tone(700, 8_000, 8_000);
  const parts: number[] = [];
  for (let at = 0; at < input.length; at += 160) parts.push(...resampler.push(input.subarray(at, at + 160)));
  expect(parts.length).toBe(16_000);
  expect(fidelity(Int16Array.from(parts), tone(700, 16_000, 16_000))).toBeGreaterThan(20);
});

test("what would fold over is filtered out on the way down", () => {
  const ours = createResampler(16_000, 8_000).push(tone(6_500, 16_000, 16_000));
  expect(Math.max(...ours.subarray(200, -200).map(Math.abs))).toBeLessThan(1_200);
});

test("rates that are no multiples are refused", () => {
  expect(() => createResampler(44_100, 8_000)).toThrow(/no whole multiple/);
});

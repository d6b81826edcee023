import { expect, test } from "vitest";
import { spectralDistance } from "./spectral-distance.ts";

const noise = (samples: number, level: number): Int16Array => {
  let state = 1;
  return Int16Array.from({ length: samples }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.round((state / 2 ** 31 - 1) * level);
  });
};
const tone = (hz: number, rate: number, level: number): Int16Array => Int16Array.from({ length: rate }, (_, at) => Math.round(level * Math.sin((2 * Math.PI * hz * at) / rate)));

test("a sound is at no distance from itself", () => {
  for (const rate of [8_000, 16_000, 48_000]) expect(spectralDistance(noise(rate, 8_000), noise(rate, 8_000), rate)).toBe(0);
});

test("half the amplitude is 6 dB in every band", () => {
  for (const rate of [8_000, 16_000, 48_000]) expect(spectralDistance(noise(rate, 16_000), noise(rate, 8_000), rate)).toBeCloseTo(6.02, 1);
});

test("a band that is gone counts down to the floor, however far below it it lies", () => {
  const silent = spectralDistance(noise(8_000, 10_000), new Int16Array(8_000), 8_000);
  const nearly = spectralDistance(noise(8_000, 10_000), noise(8_000, 3), 8_000);
  expect(silent).toBeGreaterThan(20);
  expect(nearly).toBeCloseTo(silent, 5);
});

test("what nobody hears in the original is not looked at", () => {
  const spoken = Int16Array.from([...tone(1_000, 8_000, 10_000), ...new Int16Array(8_000)]);
  const hissing = Int16Array.from([...tone(1_000, 8_000, 10_000), ...noise(8_000, 20_000)]);
  expect(spectralDistance(spoken, hissing, 8_000)).toBeLessThan(1);
});

test("a wrong tone is far away, a shift of the wave is not", () => {
  const original = tone(1_000, 8_000, 10_000);
  const shifted = Int16Array.from([...original.subarray(4), ...original.subarray(0, 4)]); // half a period
  expect(spectralDistance(original, shifted, 8_000)).toBeLessThan(0.5);
  expect(spectralDistance(original, tone(2_500, 8_000, 10_000), 8_000)).toBeGreaterThan(10);
});

/**
 * How far one sound lies from another to an ear that hears bands and not waves: the difference of the energy in each critical band of each
 * 32 ms, in decibels (root mean square over the bands, mean over the frames in which the original is heard). No listening test: it ranks
 * settings of one encoder, and 1 dB is about what a listener begins to notice.
 */

/** Edges of Zwicker's critical bands (Hz). */
const barkHz = [100, 200, 300, 400, 510, 630, 770, 920, 1_080, 1_270, 1_480, 1_720, 2_000, 2_320, 2_700, 3_150, 3_700, 4_400, 5_300, 6_400, 7_700, 9_500, 12_000, 15_500];
const frameSeconds = 0.032;
/** Below this of full scale nothing is heard of the original, and below it no difference counts. */
const floorDb = -60;

/** Decibels; both of one rate, and in step. */
export function spectralDistance(original: Int16Array, other: Int16Array, sampleRate: number): number {
  const size = 2 ** Math.ceil(Math.log2(sampleRate * frameSeconds));
  const bands = barkHz.slice(0, -1).map((from, at) => [Math.ceil((from * size) / sampleRate), Math.ceil((barkHz[at + 1]! * size) / sampleRate)] as const).filter(([, to]) => to <= size / 2);
  const hop = size / 2;
  let [sum, frames] = [0, 0];
  for (let at = 0; at + size <= original.length; at += hop) {
    const mine = bandEnergies(original, at, size, bands);
    if (mine.every((db) => db <= floorDb)) continue;
    const theirs = bandEnergies(other, at, size, bands);
    sum += Math.sqrt(mine.reduce((total, db, band) => total + (db - theirs[band]!) ** 2, 0) / bands.length);
    frames += 1;
  }
  return sum / frames;
}

/** Decibels of full scale, not below the floor. */
function bandEnergies(samples: Int16Array, at: number, size: number, bands: readonly (readonly [from: number, to: number])[]): number[] {
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  for (let i = 0; i < size; i += 1) re[i] = ((samples[at + i] ?? 0) / 32_768) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  transform(re, im);
  return bands.map(([from, to]) => {
    let energy = 0;
    for (let bin = from; bin < to; bin += 1) energy += re[bin]! ** 2 + im[bin]! ** 2;
    return Math.max(floorDb, 10 * Math.log10((energy * 16) / size ** 2 + 1e-12)); // a full-scale sine is 0 dB
  });
}

/** Fourier's, in place; the length is a power of two. */
function transform(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  for (let i = 1, j = 0; i < size; i += 1) {
    let bit = size >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j]!, re[i]!, im[j]!, im[i]!];
  }
  for (let length = 2; length <= size; length *= 2) {
    const half = length / 2;
    for (let from = 0; from < size; from += length) {
      for (let k = 0; k < half; k += 1) {
        const angle = (-2 * Math.PI * k) / length;
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        const [a, b] = [from + k, from + k + half];
        const [x, y] = [re[b]! * cos - im[b]! * sin, re[b]! * sin + im[b]! * cos];
        [re[b], im[b]] = [re[a]! - x, im[a]! - y];
        [re[a], im[a]] = [re[a]! + x, im[a]! + y];
      }
    }
  }
}

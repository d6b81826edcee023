/**
 * From one sample rate to another, where one is a whole multiple of the other (8, 16 and 48 kHz). Windowed sinc, its images and aliases
 * about 60 dB down; a delay of half the filter is taken out again, so that sounds stay in their place.
 */

export interface Resampler {
  /** Goes on where the last samples ended; answers exactly `samples.length · to / from` samples (whole packets are whole multiples). */
  push(samples: Int16Array): Int16Array;
}

/** Samples of the lower rate on each side of a sample that have a say. */
const reach = 12;

const kernels = new Map<number, Float64Array>();

/** One side is `reach` samples of the lower rate; `factor` steps between two of them. Sums to 1 at the lower rate. */
function kernelOf(factor: number): Float64Array {
  const known = kernels.get(factor);
  if (known !== undefined) return known;
  const half = reach * factor;
  const kernel = Float64Array.from({ length: 2 * half + 1 }, (_, at) => {
    const x = (at - half) / factor;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return sinc * (0.42 + 0.5 * Math.cos((Math.PI * (at - half)) / half) + 0.08 * Math.cos((2 * Math.PI * (at - half)) / half)); // Blackman
  });
  kernels.set(factor, kernel);
  return kernel;
}

const clip = (value: number): number => Math.max(-32_768, Math.min(32_767, Math.round(value)));

/** A packet is heard without its followers: the last `reach` samples lean on those before alone, which is inaudible, and nothing comes late. */
export function createResampler(fromHz: number, toHz: number): Resampler {
  if (fromHz === toHz) return { push: (samples) => samples };
  const up = toHz > fromHz;
  const factor = up ? toHz / fromHz : fromHz / toHz;
  if (!Number.isInteger(factor)) throw new RangeError(`${fromHz} Hz is no whole multiple of ${toHz} Hz, nor the other way`);
  const kernel = kernelOf(factor);
  const half = reach * factor;
  const kept = up ? reach : half;
  let before = new Int16Array(kept);

  return {
    push(samples) {
      const all = new Int16Array(kept + samples.length);
      all.set(before);
      all.set(samples, kept);
      before = all.slice(-kept);
      const out = new Int16Array(up ? samples.length * factor : Math.floor(samples.length / factor));
      for (let at = 0; at < out.length; at += 1) {
        // Where the sample lies among those that came, in steps of the kernel.
        const center = up ? at : at * factor;
        let [sum, weight] = [0, 0];
        const spacing = up ? factor : 1;
        const first = up ? Math.ceil((center - half) / factor) : center - half;
        const last = up ? Math.floor((center + half) / factor) : center + half;
        for (let source = Math.max(first, -kept); source <= last && source < samples.length; source += 1) {
          const tap = kernel[center - source * spacing + half]!;
          sum += tap * all[kept + source]!;
          weight += tap;
        }
        out[at] = clip(weight === 0 ? 0 : sum / weight);
      }
      return out;
    },
  };
}

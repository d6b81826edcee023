import { synthesisRateHz } from "./klatt.ts";

export const telephoneRateHz = 8000;

const tapCount = 129;

/** Kaiser-windowed band-pass, 300–3400 Hz as on a telephone line, for samples at the synthesis rate. */
const taps: Float64Array = (() => {
  const bessel = (x: number): number => {
    let sum = 1;
    let term = 1;
    for (let k = 1; k < 20; k++) {
      term *= (x / (2 * k)) ** 2;
      sum += term;
    }
    return sum;
  };
  const lowPass = (hz: number, at: number): number => {
    const omega = (2 * hz) / synthesisRateHz;
    return at === 0 ? omega : Math.sin(Math.PI * omega * at) / (Math.PI * at);
  };
  const middle = (tapCount - 1) / 2;
  return Float64Array.from({ length: tapCount }, (_, index) => {
    const at = index - middle;
    return (lowPass(3450, at) - lowPass(260, at)) * (bessel(5 * Math.sqrt(1 - (at / middle) ** 2)) / bessel(5));
  });
})();

/** Filters to the telephone band and halves the rate; the filter's delay is taken out. */
function toTelephoneRate(samples: Float32Array): Float64Array {
  const middle = (tapCount - 1) / 2;
  const ratio = synthesisRateHz / telephoneRateHz;
  const result = new Float64Array(Math.floor(samples.length / ratio));
  for (let at = 0; at < result.length; at++) {
    const first = at * ratio - middle;
    let sum = 0;
    const from = Math.max(0, -first);
    const to = Math.min(tapCount, samples.length - first);
    for (let tap = from; tap < to; tap++) sum += (taps[tap] as number) * (samples[first + tap] as number);
    result[at] = sum;
  }
  return result;
}

const targetRms = 10 ** (-20 / 20);
const ceiling = 0.89;

/** Level of the parts in which something is said: 20 ms windows within 30 dB of the loudest. */
function activeRms(samples: Float64Array): number {
  const window = telephoneRateHz / 50;
  const energies: number[] = [];
  for (let from = 0; from + window <= samples.length; from += window) {
    let energy = 0;
    for (let at = from; at < from + window; at++) energy += (samples[at] as number) ** 2;
    energies.push(energy / window);
  }
  const loudest = energies.reduce((most, each) => Math.max(most, each), 0);
  const active = energies.filter((energy) => energy > loudest / 1000);
  return active.length === 0 ? 0 : Math.sqrt(active.reduce((sum, each) => sum + each, 0) / active.length);
}

/** Bends what exceeds the knee so that it stays under the ceiling; a glottal peak more or less is not heard, clipping is. */
function limited(value: number): number {
  const knee = 0.6;
  const size = Math.abs(value);
  if (size <= knee) return value;
  return Math.sign(value) * (knee + (ceiling - knee) * Math.tanh((size - knee) / (ceiling - knee)));
}

/** A handset's microphone favors the consonants: about 9 dB from 300 Hz to 3 kHz, as the send curve of ITU-T P.48 does. */
function throughMicrophone(samples: Float32Array): Float32Array {
  const result = new Float32Array(samples.length);
  let before = 0;
  for (let at = 0; at < samples.length; at++) {
    const value = samples[at] as number;
    result[at] = value - 0.6 * before;
    before = value;
  }
  return result;
}

/** Samples of the synthesizer as a telephone would carry them: 8 kHz, 300–3400 Hz, −20 dBFS while speaking, no clipping. */
export function toTelephone(samples: Float32Array): Int16Array {
  const band = toTelephoneRate(throughMicrophone(samples));
  const rms = activeRms(band);
  const gain = rms === 0 ? 0 : targetRms / rms;
  const result = new Int16Array(band.length);
  const fade = Math.min(80, Math.floor(band.length / 2));
  for (let at = 0; at < result.length; at++) {
    const edge = Math.min(1, (at + 1) / fade, (result.length - at) / fade);
    result[at] = Math.round(limited((band[at] as number) * gain) * edge * 32767);
  }
  return result;
}

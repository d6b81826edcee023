import { frameMs, type Track } from "./track.ts";
import type { Voice } from "./voices.ts";

/** The synthesizer runs at twice the telephone's rate, so that what it makes above 4 kHz can be filtered away instead of folding back. */
export const synthesisRateHz = 16_000;
const samplesPerFrame = (synthesisRateHz * frameMs) / 1000;

/** Sections of the vocal tract: F1–F6, the nose's pole. Then the nose's zero, and two resonances of the noise. */
const cascadeCount = 7;
const noseZero = 7;
const noiseFirst = 8;
const sections = 10;

/**
 * A cascade formant synthesizer after Klatt (1980) with the glottal pulse of Klatt and Klatt (1990): the voice is a polynomial pulse, bent
 * by a tilt filter, sent through resonators in series; frication goes through two resonators in parallel.
 * `random` gives -1 to 1. Answers samples at `synthesisRateHz`, around ±1, not yet leveled.
 */
export function synthesize(track: Track, voice: Voice, random: () => number): Float32Array {
  const output = new Float32Array(track.frames * samplesPerFrame);
  const gain = new Float64Array(sections);
  const near = new Float64Array(sections);
  const far = new Float64Array(sections);
  const last = new Float64Array(sections);
  const previous = new Float64Array(sections);

  /** Resonator with unit gain at 0 Hz: y = gain·x + near·y₁ + far·y₂. */
  const tune = (section: number, hz: number, widthHz: number): void => {
    const radius = Math.exp((-Math.PI * widthHz) / synthesisRateHz);
    far[section] = -radius * radius;
    near[section] = 2 * radius * Math.cos((2 * Math.PI * hz) / synthesisRateHz);
    gain[section] = 1 - (near[section] ?? 0) - (far[section] ?? 0);
  };
  /** Resonator with unit gain at its peak, so that a level says how loud the noise is, not how loud it would be at 0 Hz. */
  const tunePeak = (section: number, hz: number, widthHz: number): void => {
    tune(section, hz, widthHz);
    const radius = Math.exp((-Math.PI * widthHz) / synthesisRateHz);
    gain[section] = (1 - radius) * Math.sqrt(1 + radius * radius - 2 * radius * Math.cos((4 * Math.PI * hz) / synthesisRateHz));
  };

  tune(3, Math.min(3300 * voice.formantScale, 3900), 250);
  tune(4, Math.min(3850 * voice.formantScale, 4600), 300);
  tune(5, Math.min(4900 * voice.formantScale, 5700), 900);
  tune(6, 270, 100);

  // One-pole low-pass that loses `tiltDb` at 3 kHz.
  const loss = 10 ** (-voice.tiltDb / 20);
  const cosine = Math.cos((2 * Math.PI * 3000) / synthesisRateHz);
  const square = loss * loss;
  const bend = square >= 0.999 ? 0 : (1 - square * cosine - Math.sqrt((1 - square * cosine) ** 2 - (1 - square) ** 2)) / (1 - square);

  const open = voice.openQuotient;
  let phase = 0;
  let jitter = 1;
  let shimmer = 1;
  let tilted = 0;
  let zeroNear = 0;
  let zeroFar = 0;
  let position = 0;

  for (let frame = 0; frame < track.frames; frame++) {
    for (let which = 0; which < 3; which++) tune(which, track.formantsHz[which as 0 | 1 | 2][frame] ?? 500, (track.widthsHz[which as 0 | 1 | 2][frame] ?? 100) * (1 + 0.15 * voice.breath));
    const nasal = track.nasality[frame] ?? 0;
    tune(noseZero, 270 + 190 * nasal, 100);
    tunePeak(noiseFirst, track.fricationHz[0][frame] || 2000, track.fricationWidthHz[0][frame] ?? 800);
    tunePeak(noiseFirst + 1, track.fricationHz[1][frame] || 3000, track.fricationWidthHz[1][frame] ?? 800);
    const following = Math.min(frame + 1, track.frames - 1);
    const step = 1 / samplesPerFrame;
    const voicing = track.voicing[frame] ?? 0;
    const voicingStep = ((track.voicing[following] ?? 0) - voicing) * step;
    const breath = track.aspiration[frame] ?? 0;
    const breathStep = ((track.aspiration[following] ?? 0) - breath) * step;
    const hiss = track.frication[frame] ?? 0;
    const hissStep = ((track.frication[following] ?? 0) - hiss) * step;
    const second = track.fricationSecond[frame] ?? 0;
    const flat = track.fricationFlat[frame] ?? 0;
    const pitchHz = track.pitchHz[frame] ?? voice.pitchHz;
    const zeroGain = 1 / (gain[noseZero] ?? 1);

    for (let sample = 0; sample < samplesPerFrame; sample++) {
      const advance = (pitchHz * jitter) / synthesisRateHz;
      phase += advance;
      if (phase >= 1) {
        phase -= 1;
        jitter = 1 + 0.006 * random();
        shimmer = 1 + 0.04 * random();
      }
      // Derivative of the flow: rises, then plunges until the folds shut at `open`, where it jumps back to zero.
      let pulse = 0;
      if (phase < open) {
        const share = phase / open;
        pulse = 2 * share - 3 * share * share;
      }
      // The jump is rounded over two samples; a bare one would fold back as a buzz.
      const beyond = (phase - open) / advance;
      if (beyond >= 0 && beyond < 1) pulse -= ((1 - beyond) * (1 - beyond)) / 2;
      else if (beyond < 0 && beyond > -1) pulse += ((1 + beyond) * (1 + beyond)) / 2;

      const white = random();
      tilted = (1 - bend) * pulse * shimmer + bend * tilted;
      const level = voicing + voicingStep * sample;
      const air = breath + breathStep * sample;
      // Breath is loudest while the folds are open.
      const windy = white * (phase < open ? 1 : 0.5);
      let value = level * (tilted + voice.breath * 0.12 * windy) + air * windy * 0.5;

      // The nose: its zero cancels its pole until the velum opens.
      const antinasal = zeroGain * (value - (near[noseZero] ?? 0) * zeroNear - (far[noseZero] ?? 0) * zeroFar);
      zeroFar = zeroNear;
      zeroNear = value;
      value = antinasal;
      for (let section = cascadeCount - 1; section >= 0; section--) {
        const result = (gain[section] as number) * value + (near[section] as number) * (last[section] as number) + (far[section] as number) * (previous[section] as number);
        previous[section] = last[section] as number;
        last[section] = result;
        value = result;
      }

      const noise = white * (hiss + hissStep * sample) * (level > 0.02 && phase >= open ? 0.5 : 1) * 2.2;
      let hissing = noise * flat * 0.35;
      for (let section = noiseFirst; section < sections; section++) {
        const result = (gain[section] as number) * noise * (section === noiseFirst ? 1 : second) + (near[section] as number) * (last[section] as number) + (far[section] as number) * (previous[section] as number);
        previous[section] = last[section] as number;
        last[section] = result;
        hissing += section === noiseFirst ? result : -result;
      }
      output[position++] = value + hissing;
    }
  }
  return output;
}

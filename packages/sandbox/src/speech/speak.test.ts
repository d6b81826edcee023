import { expect, test } from "vitest";
import { synthesize, synthesisRateHz } from "./klatt.ts";
import { phoneme, phonemeNames } from "./phonemes.ts";
import { speak } from "./speak.ts";
import { toTelephone } from "./telephone.ts";
import { buildTrack } from "./track.ts";
import type { Sound, Utterance } from "./utterance.ts";
import { voiceNames, voices } from "./voices.ts";

function noise(): () => number {
  let state = 20_261_121;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2_147_483_648;
  };
}

const sound = (name: string, durationMs: number): Sound => ({ phoneme: phoneme(name), stressed: true, durationMs, aspirationMs: 0, released: true });

/** A sound held for a while at one pitch. */
function sustained(name: string): Utterance {
  const sounds = [sound("_", 20), sound(name, 400), sound("_", 20)];
  return { sounds, pitch: [{ atMs: 0, semitones: 0 }], durationMs: 440 };
}

/** Resonances of a stretch of speech by linear prediction (autocorrelation, Levinson–Durbin), as peaks of its envelope in Hz. */
function formants(samples: ArrayLike<number>, rateHz: number, order: number): number[] {
  const length = samples.length;
  const windowed = Float64Array.from({ length }, (_, at) => ((samples[at] ?? 0) - 0.9 * (samples[at - 1] ?? 0)) * (0.54 - 0.46 * Math.cos((2 * Math.PI * at) / (length - 1))));
  const correlation = Array.from({ length: order + 1 }, (_, lag) => {
    let sum = 0;
    for (let at = lag; at < length; at++) sum += (windowed[at] ?? 0) * (windowed[at - lag] ?? 0);
    return sum;
  });
  let coefficients = [1];
  let error = correlation[0] ?? 1;
  for (let stage = 1; stage <= order; stage++) {
    let sum = 0;
    for (let at = 0; at < stage; at++) sum += (coefficients[at] ?? 0) * (correlation[stage - at] ?? 0);
    const reflection = -sum / error;
    const padded = [...coefficients, 0];
    coefficients = padded.map((each, at) => each + reflection * (padded[stage - at] ?? 0));
    error *= 1 - reflection * reflection;
  }
  const level = (hz: number): number => {
    let real = 0;
    let imaginary = 0;
    coefficients.forEach((each, at) => {
      real += each * Math.cos((-2 * Math.PI * hz * at) / rateHz);
      imaginary += each * Math.sin((-2 * Math.PI * hz * at) / rateHz);
    });
    return -(real * real + imaginary * imaginary);
  };
  const peaks: number[] = [];
  for (let hz = 150; hz < 4000; hz += 10) if (level(hz) > level(hz - 10) && level(hz) >= level(hz + 10)) peaks.push(hz);
  return peaks;
}

const nearest = (peaks: readonly number[], hz: number): number => peaks.reduce((best, each) => (Math.abs(each - hz) < Math.abs(best - hz) ? each : best), Number.POSITIVE_INFINITY);

/** Averages of 33 men by Peterson and Barney (1952): what a listener takes for that vowel. */
const textbook: Record<string, readonly [number, number]> = {
  IY: [270, 2290], IH: [390, 1990], EH: [530, 1840], AE: [660, 1720], AH: [640, 1190], AA: [730, 1090], UH: [440, 1020], UW: [300, 870], ER: [490, 1350],
};

for (const [name, [first, second]] of Object.entries(textbook)) {
  test(`vowel ${name} has the first two formants of the textbook`, () => {
    const samples = synthesize(buildTrack(sustained(name), voices.milo, noise()), voices.milo, noise());
    const middle = samples.subarray(synthesisRateHz * 0.15, synthesisRateHz * 0.3);
    const peaks = formants(middle, synthesisRateHz, 20);
    expect(Math.abs(nearest(peaks, first) - first)).toBeLessThan(first * 0.2 + 45);
    expect(Math.abs(nearest(peaks, second) - second)).toBeLessThan(second * 0.2);
  });
}

test("vowels differ from one another as heard over the telephone", () => {
  const place = (name: string): number[] => {
    const samples = toTelephone(synthesize(buildTrack(sustained(name), voices.milo, noise()), voices.milo, noise()));
    const peaks = formants(samples.subarray(1200, 2400), 8000, 10);
    return [nearest(peaks, phoneme(name).startHz[0]), nearest(peaks, phoneme(name).startHz[1])];
  };
  const places = Object.keys(textbook).map(place);
  for (const [at, one] of places.entries()) {
    for (const other of places.slice(at + 1)) {
      const apart = Math.hypot(((one[0] ?? 0) - (other[0] ?? 0)) / 60, ((one[1] ?? 0) - (other[1] ?? 0)) / 120);
      expect(apart).toBeGreaterThan(1);
    }
  }
});

const rms = (samples: ArrayLike<number>): number => Math.sqrt(Array.from(samples).reduce((sum, each) => sum + each * each, 0) / Math.max(1, samples.length));

/** Power at a frequency (Goertzel). */
function power(samples: ArrayLike<number>, hz: number, rateHz = 8000): number {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / rateHz);
  let one = 0;
  let two = 0;
  for (let at = 0; at < samples.length; at++) [one, two] = [(samples[at] ?? 0) + turn * one - two, one];
  return one * one + two * two - turn * one * two;
}

const band = (samples: ArrayLike<number>, from: number, to: number): number => {
  let sum = 0;
  for (let hz = from; hz < to; hz += 25) sum += power(samples, hz);
  return sum;
};

const sentence = "Good morning, this is Contoso Care. Which question may I answer for you today?";

test("all voices speak at the telephone's level and in its band, without clipping and without clicks", () => {
  for (const name of voiceNames) {
    const samples = speak(sentence, name);
    const seconds = samples.length / 8000;
    expect(seconds).toBeGreaterThan(3.5);
    expect(seconds).toBeLessThan(9);
    const peak = samples.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    expect(peak).toBeLessThan(32_767 * 0.9);
    const level = 20 * Math.log10(rms(samples) / 32_768);
    expect(level).toBeGreaterThan(-25);
    expect(level).toBeLessThan(-18);
    // A click is a jump that the band does not allow: more between two samples than the loudest partial at its top could make.
    let jump = 0;
    for (let at = 1; at < samples.length; at++) jump = Math.max(jump, Math.abs((samples[at] ?? 0) - (samples[at - 1] ?? 0)));
    expect(jump).toBeLessThan(32_768 * 0.75);
    expect(Math.abs(samples[0] ?? 0) + Math.abs(samples.at(-1) ?? 0)).toBeLessThan(50);
    const part = samples.subarray(800, 800 + 16_000);
    const inside = band(part, 300, 3400);
    expect(band(part, 0, 150) / inside).toBeLessThan(0.01);
    expect(band(part, 3700, 4000) / inside).toBeLessThan(0.01);
  }
});

test("sentences are parted by silence", () => {
  const samples = speak("Yes. No.", "clara");
  const quiet: number[] = [];
  for (let from = 0; from + 160 <= samples.length; from += 160) if (rms(samples.subarray(from, from + 160)) < 60) quiet.push(from);
  const inside = quiet.filter((from) => from > 2000 && from < samples.length - 2400);
  expect(inside.length).toBeGreaterThan(12);
});

test("s hisses above sh, sh above the vowel's second formant, and a nasal lies low", () => {
  const spectrumOf = (name: string): { low: number; middle: number; high: number } => {
    const voice = voices.milo;
    const utterance: Utterance = { sounds: [sound("_", 20), sound("AA", 200), sound(name, 250), sound("AA", 200), sound("_", 20)], pitch: [{ atMs: 0, semitones: 0 }], durationMs: 690 };
    const samples = toTelephone(synthesize(buildTrack(utterance, voice, noise()), voice, noise())).subarray(8 * 280, 8 * 410);
    return { low: band(samples, 200, 1000), middle: band(samples, 1800, 2800), high: band(samples, 3000, 3500) };
  };
  const s = spectrumOf("S");
  const sh = spectrumOf("SH");
  const n = spectrumOf("N");
  expect(s.high / s.middle).toBeGreaterThan(3);
  expect(sh.middle / sh.high).toBeGreaterThan(1.5);
  expect(s.high / s.low).toBeGreaterThan(10);
  expect(n.low / n.high).toBeGreaterThan(30);
});

/** Pitch by normalized autocorrelation; of several periods that fit, the shortest. */
function pitch(samples: Int16Array): number {
  const likeness = (lag: number): number => {
    let sum = 0;
    let one = 0;
    let other = 0;
    for (let at = lag; at < samples.length; at++) {
      const [now, then] = [samples[at] ?? 0, samples[at - lag] ?? 0];
      sum += now * then;
      one += now * now;
      other += then * then;
    }
    return sum / Math.sqrt(one * other + 1);
  };
  const lags = Array.from({ length: 110 }, (_, at) => 24 + at);
  const best = Math.max(...lags.map(likeness));
  const lag = lags.find((each) => likeness(each) > 0.85 * best && likeness(each) >= likeness(each + 1) && likeness(each) >= likeness(each - 1)) ?? 1;
  return 8000 / lag;
}

test("voices sound apart: each keeps its own pitch", () => {
  for (const name of voiceNames) {
    const voice = voices[name];
    const samples = toTelephone(synthesize(buildTrack(sustained("AA"), voice, noise()), voice, noise()));
    expect(Math.abs(pitch(samples.subarray(1200, 2400)) - voice.pitchHz)).toBeLessThan(voice.pitchHz * 0.06);
  }
  expect(new Set(voiceNames.map((name) => voices[name].pitchHz)).size).toBe(voiceNames.length);
});

test("a question rises at its end, a statement falls", () => {
  // The last vowel of both is AW, some 300 ms long: pitch in its last third against its first.
  const ends = (text: string): number => {
    const samples = speak(text, "clara");
    const end = samples.length - 480;
    return pitch(samples.subarray(end - 640, end)) / pitch(samples.subarray(end - 2000, end - 1360));
  };
  expect(ends("Are you here now?")).toBeGreaterThan(1.1);
  expect(ends("You are here now.")).toBeLessThan(0.97);
});

test("the same words in the same voice are the same samples; nothing to say is silence of no length", () => {
  expect(speak("Hello there.", "emil")).toEqual(speak("Hello there.", "emil"));
  expect(speak("… !", "emil")).toHaveLength(0);
});

test("speech is made at least fifty times as fast as it is spoken", () => {
  speak(sentence, "clara"); // compiled and dictionary read
  // Time of this thread, not of the wall: other tests run beside.
  const from = process.threadCpuUsage();
  let seconds = 0;
  for (let round = 0; round < 5; round++) seconds += speak(sentence, "greta").length / 8000;
  const { user, system } = process.threadCpuUsage(from);
  expect((seconds * 1_000_000) / (user + system)).toBeGreaterThan(50);
});

test("every phoneme can stand between any others without the filters running away", () => {
  for (const name of phonemeNames) {
    const utterance: Utterance = { sounds: [sound("_", 10), sound(name, 90), sound("IY", 80), sound(name, 60), sound("AO", 80), sound(name, 90), sound("_", 20)], pitch: [{ atMs: 0, semitones: 0 }], durationMs: 430 };
    const samples = synthesize(buildTrack(utterance, voices.kira, noise()), voices.kira, noise());
    expect(samples.every((each) => Math.abs(each) < 40)).toBe(true);
  }
});

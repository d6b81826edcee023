import { isVowel, type Frication, type Phoneme } from "./phonemes.ts";
import type { Sound, Utterance } from "./utterance.ts";
import type { Voice } from "./voices.ts";

/** Length of one frame of parameters. */
export const frameMs = 5;

/** What the synthesizer is told, one value per frame. Levels are linear. */
export interface Track {
  readonly frames: number;
  readonly pitchHz: Float64Array;
  readonly voicing: Float64Array;
  readonly aspiration: Float64Array;
  readonly formantsHz: readonly [Float64Array, Float64Array, Float64Array];
  readonly widthsHz: readonly [Float64Array, Float64Array, Float64Array];
  /** 0: mouth, 1: nasal murmur. */
  readonly nasality: Float64Array;
  readonly frication: Float64Array;
  readonly fricationHz: readonly [Float64Array, Float64Array];
  readonly fricationWidthHz: readonly [Float64Array, Float64Array];
  readonly fricationSecond: Float64Array;
  readonly fricationFlat: Float64Array;
}

export const amplitude = (db: number): number => (db <= -90 ? 0 : 10 ** (db / 20));
/** Voicing levels are stated as in Klatt's tables, where a vowel has 60. */
const voicingLevel = (db: number): number => (db <= 0 ? 0 : amplitude(db - 60));

interface Placed {
  readonly sound: Sound;
  readonly phoneme: Phoneme;
  readonly from: number;
  readonly to: number;
}

function smoothed(values: Float64Array, reach: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let at = 0; at < values.length; at++) {
    let sum = 0;
    let count = 0;
    for (let near = Math.max(0, at - reach); near <= Math.min(values.length - 1, at + reach); near++) {
      sum += values[near] ?? 0;
      count++;
    }
    result[at] = sum / count;
  }
  return result;
}

function fillLine(values: Float64Array, points: readonly { at: number; value: number }[]): void {
  let next = 0;
  for (let at = 0; at < values.length; at++) {
    while (next < points.length && (points[next]?.at ?? 0) <= at) next++;
    const left = points[next - 1];
    const right = points[next];
    if (left === undefined) values[at] = right?.value ?? 0;
    else if (right === undefined) values[at] = left.value;
    else values[at] = left.value + ((right.value - left.value) * (at - left.at)) / Math.max(1e-9, right.at - left.at);
  }
}

/** H, silence and the like have no place of their own: they take the mouth's shape from what comes next, else from what was. */
const transparent = (sound: Phoneme): boolean => sound.manner === "aspirate" || sound.manner === "silence";

function shapeOf(placed: readonly Placed[], at: number, which: 0 | 1 | 2, edge: "start" | "end"): number {
  const sound = placed[at]?.phoneme;
  if (sound === undefined) return 500 + 1000 * which;
  if (!transparent(sound)) return (edge === "start" ? sound.startHz : sound.endHz)[which];
  const after = placed[at + 1]?.phoneme;
  if (after !== undefined && !transparent(after)) return after.startHz[which];
  const before = placed[at - 1]?.phoneme;
  return before !== undefined && !transparent(before) ? before.endHz[which] : sound.startHz[which];
}

function formantTrack(placed: readonly Placed[], which: 0 | 1 | 2, frames: number): Float64Array {
  const points: { at: number; value: number }[] = [];
  // For each boundary: its value, and how far it reaches to either side.
  const boundaries = placed.slice(1).map((right, index) => {
    const left = placed[index] as Placed;
    const leftHz = shapeOf(placed, index, which, "end");
    const rightHz = shapeOf(placed, index + 1, which, "start");
    const leftRules = left.phoneme.rank >= right.phoneme.rank;
    const ruler = leftRules ? left.phoneme : right.phoneme;
    const locus = ruler.locus;
    const equals = left.phoneme.rank === right.phoneme.rank || locus === null || transparent(leftRules ? right.phoneme : left.phoneme);
    if (equals) return { value: (leftHz + rightHz) / 2, before: 40 / frameMs, after: 40 / frameMs };
    const share = locus.share[which];
    const value = locus.hz[which] * (1 - share) + (leftRules ? rightHz : leftHz) * share;
    return { value, before: (leftRules ? locus.insideMs : locus.outsideMs) / frameMs, after: (leftRules ? locus.outsideMs : locus.insideMs) / frameMs };
  });
  placed.forEach((each, at) => {
    const length = each.to - each.from;
    const left = boundaries[at - 1];
    const right = boundaries[at];
    if (left !== undefined) points.push({ at: each.from, value: left.value });
    let rise = left?.after ?? 0;
    let fall = right?.before ?? 0;
    let startHz = shapeOf(placed, at, which, "start");
    let endHz = shapeOf(placed, at, which, "end");
    const room = length / Math.max(1e-9, rise + fall);
    if (room < 1) {
      // Too short to arrive: the target is undershot, as in quick natural speech, though never by more than half.
      const reach = 0.5 + 0.5 * room;
      const meet = ((left?.value ?? startHz) + (right?.value ?? endHz)) / 2;
      startHz = meet + (startHz - meet) * reach;
      endHz = meet + (endHz - meet) * reach;
      rise *= room;
      fall *= room;
    }
    if (length > 0) {
      points.push({ at: each.from + rise, value: startHz });
      if (each.to - fall > each.from + rise + 1e-6) points.push({ at: each.to - fall, value: endHz });
    }
  });
  const values = new Float64Array(frames);
  fillLine(values, points);
  return smoothed(values, 2);
}

/** Turns sounds into the course of every parameter. `wobble` is where the small irregularities of a living voice come from: -1 to 1. */
export function buildTrack(utterance: Utterance, voice: Voice, wobble: () => number): Track {
  const placed: Placed[] = [];
  let atMs = 0;
  for (const sound of utterance.sounds) {
    const from = atMs / frameMs;
    atMs += sound.durationMs;
    placed.push({ sound, phoneme: sound.phoneme, from, to: atMs / frameMs });
  }
  const frames = Math.ceil(atMs / frameMs) + 1;
  const zeros = (): Float64Array => new Float64Array(frames);
  const voicing = zeros();
  const aspiration = zeros();
  const nasality = zeros();
  const frication = zeros();
  const fricationHz = [zeros(), zeros()] as const;
  const fricationWidthHz = [zeros().fill(800), zeros().fill(800)] as const;
  const fricationSecond = zeros();
  const fricationFlat = zeros();
  const formants = ([0, 1, 2] as const).map((which) => formantTrack(placed, which, frames));
  const widths = [zeros(), zeros(), zeros()] as const;

  const fill = (values: Float64Array, from: number, to: number, value: number): void => {
    values.fill(value, Math.max(0, Math.round(from)), Math.min(frames, Math.max(Math.round(to), Math.round(from))));
  };
  const hiss = (source: Frication, from: number, to: number, level: number, velarAt: number | null): void => {
    fill(frication, from, to, level);
    const at = velarAt === null ? null : Math.min(frames - 1, Math.max(0, Math.round(velarAt)));
    // A velar's noise resonates in the cavity that is the neighbor's second formant.
    fill(fricationHz[0], from, to, at === null ? source.centersHz[0] : (formants[1]?.[at] ?? source.centersHz[0]));
    fill(fricationHz[1], from, to, at === null ? source.centersHz[1] : (formants[2]?.[at] ?? source.centersHz[1]) + 300);
    fill(fricationWidthHz[0], from, to, source.widthsHz[0]);
    fill(fricationWidthHz[1], from, to, source.widthsHz[1]);
    fill(fricationSecond, from, to, amplitude(source.secondDb));
    fill(fricationFlat, from, to, amplitude(source.flatDb));
  };

  placed.forEach((each, at) => {
    const sound = each.phoneme;
    const { from, to } = each;
    const after = placed[at + 1];
    for (const which of [0, 1, 2] as const) fill(widths[which], from, to, sound.widthsHz[which]);
    const loud = each.sound.stressed ? 0 : isVowel(sound) ? -1.5 : 0;
    switch (sound.manner) {
      case "vowel":
      case "glide":
      case "liquid":
      case "flap":
        fill(voicing, from, to, voicingLevel(sound.voicingDb + loud));
        break;
      case "nasal":
        fill(voicing, from, to, voicingLevel(sound.voicingDb));
        fill(nasality, from, to, 1);
        break;
      case "fricative":
        fill(voicing, from, to, voicingLevel(sound.voicingDb));
        if (sound.frication !== null) hiss(sound.frication, from, to, amplitude(sound.frication.levelDb), null);
        break;
      case "aspirate":
        fill(aspiration, from, to, amplitude(-13));
        break;
      case "stop": {
        if (sound.frication === null) break;
        const breath = each.sound.aspirationMs / frameMs;
        const burst = each.sound.released ? (sound.voiced ? 8 : 12) / frameMs : 0;
        const open = Math.max(from, to - breath - burst);
        fill(voicing, from, open, voicingLevel(sound.voicingDb));
        const velar = sound.name === "K" || sound.name === "G";
        const weaker = after === undefined || after.phoneme.manner === "silence" ? -6 : 0;
        if (burst > 0) hiss(sound.frication, open, to - breath, amplitude(sound.frication.levelDb + weaker), velar ? to : null);
        if (breath > 0 && each.sound.released) {
          fill(aspiration, to - breath, to, amplitude(-15 + weaker));
          hiss(sound.frication, to - breath, to - breath / 2, amplitude(sound.frication.levelDb - 12 + weaker), velar ? to : null);
        }
        break;
      }
      case "affricate": {
        if (sound.frication === null) break;
        const open = from + (to - from) * 0.45;
        fill(voicing, from, open, voicingLevel(sound.voicingDb));
        if (sound.voiced) fill(voicing, open, to, voicingLevel(46));
        hiss(sound.frication, open, to, amplitude(sound.frication.levelDb), null);
        break;
      }
      case "silence":
        break;
    }
  });

  // Noise rises within 10 ms in fricatives, but a burst must stay one.
  const softFrication = zeros();
  const soft = smoothed(frication, 2);
  placed.forEach((each) => {
    const burst = each.phoneme.manner === "stop" || each.phoneme.manner === "affricate";
    for (let frame = Math.round(each.from); frame < Math.min(frames, Math.round(each.to)); frame++) softFrication[frame] = (burst ? frication : soft)[frame] ?? 0;
  });

  const pitch = zeros();
  fillLine(pitch, utterance.pitch.map((point) => ({ at: point.atMs / frameMs, value: point.semitones })));
  const pitchHz = smoothed(pitch, 6);
  let drift = 0;
  for (let at = 0; at < frames; at++) {
    drift = drift * 0.92 + wobble() * 0.04;
    pitchHz[at] = voice.pitchHz * 2 ** (((pitchHz[at] ?? 0) + drift) / 12);
  }
  // The lowest formant depends less on the length of the tract than the others do.
  const scale = [1 + (voice.formantScale - 1) * 0.75, voice.formantScale, voice.formantScale];
  formants.forEach((values, which) => {
    for (let at = 0; at < frames; at++) values[at] = (values[at] ?? 0) * (scale[which] ?? 1);
  });
  return {
    frames,
    pitchHz,
    voicing: smoothed(voicing, 1),
    aspiration: smoothed(aspiration, 1),
    formantsHz: formants as [Float64Array, Float64Array, Float64Array],
    widthsHz: widths.map((values) => smoothed(values, 2)) as [Float64Array, Float64Array, Float64Array],
    // The velum opens early: the vowel before a nasal is a little nasal itself.
    nasality: smoothed(nasality, 4),
    frication: softFrication,
    fricationHz,
    fricationWidthHz,
    fricationSecond,
    fricationFlat,
  };
}

import type { Clause } from "./clauses.ts";
import { isVowel, phoneme, type Phoneme } from "./phonemes.ts";
import type { Voice } from "./voices.ts";

/** One sound with its place in time. */
export interface Sound {
  readonly phoneme: Phoneme;
  readonly stressed: boolean;
  readonly durationMs: number;
  /** Breath between the burst of a voiceless stop and the voice that follows. */
  readonly aspirationMs: number;
  /** Whether a stop is let go audibly. */
  readonly released: boolean;
}

/** A point that the pitch moves through, in semitones from the voice's middle. */
export interface PitchPoint {
  readonly atMs: number;
  readonly semitones: number;
}

export interface Utterance {
  readonly sounds: readonly Sound[];
  readonly pitch: readonly PitchPoint[];
  readonly durationMs: number;
}

interface Draft {
  phoneme: Phoneme;
  stress: 0 | 1 | 2;
  word: number;
  weak: boolean;
  wordFinal: boolean;
  syllablesOfWord: number;
}

const reduced: Record<string, string> = { AH: "AX", IH: "IX", ER: "AXR" };

function draft(clause: Clause): Draft[] {
  const drafts: Draft[] = [];
  clause.words.forEach((word, index) => {
    const syllablesOfWord = word.sounds.filter((sound) => /\d$/.test(sound)).length;
    word.sounds.forEach((sound, at) => {
      const name = sound.replace(/\d$/, "");
      const mark = /\d$/.test(sound) ? (Number(sound.slice(-1)) as 0 | 1 | 2) : 0;
      const stress = word.weak ? 0 : mark;
      drafts.push({
        phoneme: phoneme(mark === 0 && /\d$/.test(sound) && reduced[name] !== undefined ? reduced[name] : name),
        stress,
        word: index,
        weak: word.weak,
        wordFinal: at === word.sounds.length - 1,
        syllablesOfWord,
      });
    });
  });
  // American speakers flap a T or D between vowels when the second is unstressed: "water", "city".
  drafts.forEach((each, at) => {
    const before = drafts[at - 1];
    const after = drafts[at + 1];
    const between = before !== undefined && after !== undefined && (isVowel(before.phoneme) || before.phoneme.name === "R") && isVowel(after.phoneme);
    if ((each.phoneme.name === "T" || each.phoneme.name === "D") && between && after.stress === 0 && after.word === each.word) each.phoneme = phoneme("DX");
  });
  return drafts;
}

/** Duration by Klatt's rules: each stretches or shrinks what exceeds the shortest the sound can be. */
function durationOf(drafts: readonly Draft[], at: number, lastVowel: number, voice: Voice): number {
  const each = drafts[at] as Draft;
  const before = drafts[at - 1];
  const after = drafts[at + 1];
  const sound = each.phoneme;
  let share = 1;
  const phraseFinal = at >= lastVowel;
  if (isVowel(sound)) {
    if (phraseFinal) share *= 1.4;
    else if (!each.wordFinal) share *= 0.9;
    if (each.stress === 0) share *= 0.65;
    else if (each.stress === 2) share *= 0.85;
    if (each.syllablesOfWord > 2) share *= 0.85;
    if (each.weak && !phraseFinal) share *= 0.5;
    if (after !== undefined && !isVowel(after.phoneme)) {
      const follower = after.phoneme;
      const strength = phraseFinal ? 1 : 0.4;
      if (!follower.voiced && (follower.manner === "stop" || follower.manner === "affricate")) share *= 1 - 0.3 * strength;
      else if (follower.voiced && follower.manner === "fricative") share *= 1 + 0.35 * strength;
      else if (follower.voiced && follower.manner === "stop") share *= 1 + 0.2 * strength;
    }
  } else {
    if (phraseFinal && sound.manner !== "stop") share *= 1.25;
    const cluster = (before !== undefined && !isVowel(before.phoneme)) || (after !== undefined && !isVowel(after.phoneme));
    if (cluster) share *= 0.75;
    if (each.weak) share *= 0.8;
  }
  return ((sound.durationMs - sound.shortestMs) * share + sound.shortestMs) / voice.rate;
}

function aspirationOf(drafts: readonly Draft[], at: number): number {
  const each = drafts[at] as Draft;
  const after = drafts[at + 1];
  if (each.phoneme.manner !== "stop" || each.phoneme.voiced) return 0;
  if (after === undefined) return 25;
  if (drafts[at - 1]?.phoneme.name === "S" && drafts[at - 1]?.word === each.word) return 8;
  if (isVowel(after.phoneme)) return after.stress > 0 ? 45 : 25;
  return after.phoneme.manner === "liquid" || after.phoneme.manner === "glide" ? 40 : 12;
}

/** Sounds, durations and pitch of one clause, starting at `startMs`. */
function speakClause(clause: Clause, voice: Voice, startMs: number): { sounds: Sound[]; pitch: PitchPoint[]; endMs: number } {
  const drafts = draft(clause);
  const lastVowel = drafts.findLastIndex((each) => isVowel(each.phoneme));
  const sounds: Sound[] = [];
  const accents: { atMs: number; endMs: number }[] = [];
  let atMs = startMs;
  drafts.forEach((each, at) => {
    const after = drafts[at + 1];
    const durationMs = durationOf(drafts, at, lastVowel, voice);
    const aspirationMs = aspirationOf(drafts, at);
    const stop = each.phoneme.manner === "stop";
    const released = stop && (after === undefined || (after.phoneme.manner !== "stop" && after.phoneme.manner !== "affricate" && after.phoneme.manner !== "nasal"));
    sounds.push({ phoneme: each.phoneme, stressed: each.stress > 0, durationMs: durationMs + aspirationMs, aspirationMs, released });
    if (isVowel(each.phoneme) && each.stress === 1) accents.push({ atMs: atMs + durationMs * 0.35, endMs: atMs + durationMs });
    atMs += durationMs + aspirationMs;
  });
  return { sounds, pitch: contour(accents, clause.ending, voice, startMs, atMs), endMs: atMs };
}

function contour(accents: readonly { atMs: number; endMs: number }[], ending: Clause["ending"], voice: Voice, startMs: number, endMs: number): PitchPoint[] {
  const spanMs = Math.max(1, endMs - startMs);
  // The base line sinks by four semitones over an ordinary clause, and no faster in a short one.
  const sink = Math.min(4, spanMs / 450);
  const base = (at: number): number => 1 - (sink * (at - startMs)) / spanMs;
  const points: PitchPoint[] = [{ atMs: startMs, semitones: base(startMs) }];
  accents.forEach((accent, index) => {
    const nuclear = index === accents.length - 1;
    const height = (nuclear ? 3.4 : index === 0 ? 3.2 : 2.4) * voice.liveliness;
    const before = Math.max(accent.atMs - 110, (points.at(-1)?.atMs ?? startMs) + 1);
    if (before < accent.atMs) points.push({ atMs: before, semitones: base(before) });
    if (nuclear && ending === "rise") points.push({ atMs: accent.atMs, semitones: base(accent.atMs) - 1 });
    else points.push({ atMs: accent.atMs, semitones: base(accent.atMs) + height });
    const after = accent.atMs + 130;
    const next = accents[index + 1];
    if (!nuclear && next !== undefined && after < next.atMs - 110) points.push({ atMs: after, semitones: base(after) });
  });
  const low = base(endMs);
  const final = ending === "rise" ? low + 7 * voice.liveliness : ending === "continue" ? low + 1.8 * voice.liveliness : low - 2.5;
  const dip = (points.at(-1)?.atMs ?? startMs) + Math.min(160, (endMs - (points.at(-1)?.atMs ?? startMs)) * 0.7);
  if (ending !== "rise" && accents.length > 0 && dip < endMs - 20) points.push({ atMs: dip, semitones: ending === "fall" ? low - 1 : low - 0.3 });
  points.push({ atMs: endMs, semitones: final });
  return points;
}

const silence = (durationMs: number): Sound => ({ phoneme: phoneme("_"), stressed: false, durationMs, aspirationMs: 0, released: false });

export function buildUtterance(clauses: readonly Clause[], voice: Voice): Utterance {
  // A short silence at both ends lets the filters start and ring out.
  const sounds: Sound[] = [silence(20)];
  const pitch: PitchPoint[] = [];
  let atMs = 20;
  clauses.forEach((clause, index) => {
    const spoken = speakClause(clause, voice, atMs);
    sounds.push(...spoken.sounds);
    pitch.push(...spoken.pitch);
    const pauseMs = index === clauses.length - 1 ? 50 : clause.pauseMs / voice.rate;
    if (pauseMs > 0) sounds.push(silence(pauseMs));
    atMs = spoken.endMs + pauseMs;
  });
  return { sounds, pitch, durationMs: atMs };
}

/**
 * What is known of a track besides its audio: codec, extent, loss, speech, peaks, gaps. Fed second by second while the call
 * runs, so that the end of a call costs nothing; fed by recovery from pieces with the same result.
 */
import type { Gap } from "@earwitness/contract";
import { createSpeechDetector } from "@earwitness/media";
import { codecById, keyPressEntry, lostEntry } from "./codecs.ts";
import { readKeyPress, samplesOf, type LogEntry } from "./packet-log.ts";
import { copyInto, createTrackDecoder } from "./pcm.ts";
import type { TrackState } from "./recording-state.ts";
import type { KeyPress, TrackSummary } from "./media.ts";

export interface TrackAnalysis {
  /** The settled entries of one second; seconds come in rising order and may be left out. */
  add(second: number, entries: readonly LogEntry[]): void;
  readonly endMs: number;
  /** `untilMs`: end of the recording, where an open sending span ends. */
  summary(state: TrackState, untilMs: number): Omit<TrackSummary, "merkleRoot" | "chunks">;
}

/** A sender that sends nothing for this long is missing, not pausing. */
const noMediaMs = 2_000;

type Span = { from: number; to: number };

export function createTrackAnalysis(sampleRate: number): TrackAnalysis {
  const speech = createSpeechDetector({ sampleRate });
  let codec = "";
  let first = -1;
  let end = 0;
  let packets = 0;
  let packetSamples = 0;
  let lostSamples = 0;
  const losses: Span[] = [];
  /** Where anything came, or is known to have been lost; shorter silences on the wire are joined. */
  const wire: Span[] = [];
  const decoder = createTrackDecoder(sampleRate);
  /** Sound of the packet that runs over into the next second. */
  let carried: { readonly atSample: number; readonly pcm: Int16Array } | null = null;
  const keyPresses: KeyPress[] = [];
  const ms = (samples: number): number => (samples * 1000) / sampleRate;

  return {
    add(second, entries) {
      for (const entry of entries) {
        const samples = samplesOf(entry, sampleRate);
        const to = entry.atSample + samples;
        if (entry.codec === keyPressEntry) {
          const press = readKeyPress(entry);
          if (press !== null) keyPresses.push({ atMs: Math.floor(ms(entry.atSample)), ...press });
        } else if (entry.codec === lostEntry) {
          lostSamples += samples;
          join(losses, { from: entry.atSample, to }, 0);
        } else {
          codec = codecById(entry.codec)?.name ?? codec;
          packets += 1;
          packetSamples = samples;
          if (first < 0) first = entry.atSample;
          end = Math.max(end, to);
        }
        join(wire, { from: entry.atSample, to }, (noMediaMs * sampleRate) / 1000);
      }
      const from = second * sampleRate;
      const pcm = new Int16Array(sampleRate);
      if (carried !== null) copyInto(carried.pcm, carried.atSample, pcm, from);
      carried = null;
      for (const entry of entries) {
        const runsOver = entry.atSample + samplesOf(entry, sampleRate) > from + sampleRate;
        if (!runsOver || entry.codec === lostEntry) decoder.decodeInto(entry, pcm, from);
        else {
          const sound = decoder.decode(entry);
          if (sound === null) continue;
          copyInto(sound, entry.atSample, pcm, from);
          carried = { atSample: entry.atSample, pcm: sound };
        }
      }
      if (first < 0) return;
      // Of the first and the last second only what is really there.
      const soundFrom = Math.max(from, first);
      speech.push(pcm.subarray(soundFrom - from, Math.max(0, end - from)), soundFrom);
    },
    get endMs() {
      return Math.ceil(ms(end));
    },
    summary(state, untilMs) {
      const offsetMs = first < 0 ? 0 : Math.floor(ms(first));
      const lossGaps = losses.map((span): Gap => ({ fromMs: Math.floor(ms(span.from)), toMs: Math.ceil(ms(span.to)), reason: "loss" }));
      const onWire = wire.map((span) => ({ from: ms(span.from), to: ms(span.to) }));
      // What the sender left out on purpose (comfort noise, discontinuous transmission) is silence, not missing.
      const quiet = (state.quiet ?? []).map(({ fromMs, toMs }) => ({ from: fromMs, to: toMs }));
      const silent = state.sending.flatMap(({ fromMs, toMs }) => without({ from: fromMs, to: toMs ?? untilMs }, onWire)).flatMap((span) => without(span, quiet));
      // Where packets came all the while that no key fitted, audio was there and could not be decrypted. A few are anybody's.
      const refused = (state.refused ?? []).map(({ fromMs, toMs }) => ({ from: fromMs, to: toMs }));
      const undecrypted = silent.flatMap((span) => within(span, refused)).filter(isLong);
      const noMedia = silent.flatMap((span) => without(span, undecrypted)).filter(isLong);
      return {
        track: state.track,
        codec,
        sampleRate,
        offsetMs,
        durationMs: first < 0 ? 0 : Math.ceil(ms(end)) - offsetMs,
        packets,
        packetsLost: packetSamples === 0 ? 0 : Math.round(lostSamples / packetSamples),
        speech: speech.segments(),
        gaps: [...lossGaps, ...noMedia.map(gapOf("no_media")), ...undecrypted.map(gapOf("decrypt")), ...state.gaps].toSorted((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs),
        peaks: speech.peaks(),
        keyPresses,
      };
    },
  };
}

/** Appends the span, or lengthens the last one when it follows within `reach`. */
function join(spans: Span[], span: Span, reach: number): void {
  const last = spans.at(-1);
  if (last !== undefined && span.from <= last.to + reach) last.to = Math.max(last.to, span.to);
  else spans.push(span);
}

const isLong = (span: Span): boolean => span.to - span.from > noMediaMs;

function gapOf(reason: Gap["reason"]): (span: Span) => Gap {
  return ({ from, to }) => ({ fromMs: Math.floor(from), toMs: Math.ceil(to), reason });
}

/** What of `whole` one of the parts covers. */
function within(whole: Span, parts: readonly Span[]): Span[] {
  return parts.map(({ from, to }) => ({ from: Math.max(from, whole.from), to: Math.min(to, whole.to) })).filter(({ from, to }) => from < to);
}

/** What of `whole` none of the (ordered) `parts` covers. */
function without(whole: Span, parts: readonly Span[]): Span[] {
  const left: Span[] = [];
  let at = whole.from;
  for (const part of parts) {
    if (part.to <= at) continue;
    if (part.from >= whole.to) break;
    if (part.from > at) left.push({ from: at, to: part.from });
    at = part.to;
  }
  if (at < whole.to) left.push({ from: at, to: whole.to });
  return left;
}

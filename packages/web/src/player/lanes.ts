import type { CallEvent, Gap, Track } from "@earwitness/contract";
import { clipSpans, lengthOf, mergeSpans, type Span } from "./segments.ts";

/** One speaker's lane. A person may have had several tracks: before and after a transfer, or on two devices. */
export interface Lane {
  readonly aor: string;
  readonly name: string | null;
  readonly tracks: readonly Track[];
  /** Where the person was present. */
  readonly present: readonly Span[];
  readonly speech: readonly Span[];
  readonly gaps: readonly Gap[];
  readonly spokenMs: number;
  /** Nobody can be said to have been silent of whom nothing arrived. */
  readonly heard: boolean;
  /** Number of the speaker's color; follows the tracks, so it stays whatever is shown and whoever speaks first. */
  readonly color: number;
  /** Several people whom the sender put on one stream. */
  readonly mixed: boolean;
}

/** Two devices' clocks may differ by less; nobody is there for so short. */
const shortestStayMs = 500;

/**
 * Lanes of those who were there between the two moments, who spoke first on top; whoever never spoke follows in the order of
 * joining. Who had left before a call was passed on has no lane in what came after.
 */
export function lanesOf(tracks: readonly Track[], within: Span = [0, Number.POSITIVE_INFINITY]): Lane[] {
  const speakers = new Map<string, Track[]>();
  for (const track of tracks.toSorted((one, two) => one.track - two.track)) {
    speakers.set(track.participant.aor, [...(speakers.get(track.participant.aor) ?? []), track]);
  }
  return [...speakers]
    .map(([aor, own], color): Lane => {
      const speech = clipSpans(mergeSpans(own.flatMap((track) => track.speech)), within);
      return {
        aor,
        name: own.find((track) => track.participant.name)?.participant.name ?? null,
        tracks: own,
        present: clipSpans(mergeSpans(own.map((track) => [track.offsetMs, track.offsetMs + track.durationMs])), within),
        speech,
        gaps: own.flatMap((track) => track.gaps.filter((gap) => gap.toMs > within[0])).toSorted((one, two) => one.fromMs - two.fromMs),
        spokenMs: lengthOf(speech),
        heard: own.some(hasSound),
        color,
        mixed: own.some((track) => track.mixed),
      };
    })
    .filter((lane) => lane.speech.length > 0 || lengthOf(lane.present) >= shortestStayMs || !isCut(lane))
    .toSorted((one, two) => firstMs(one.speech) - firstMs(two.speech) || firstMs(one.present) - firstMs(two.present) || one.color - two.color);
}

/** Whether anything of the track is not a gap. */
const hasSound = ({ offsetMs, durationMs, gaps }: Track): boolean =>
  durationMs > lengthOf(clipSpans(mergeSpans(gaps.map(({ fromMs, toMs }) => [fromMs, toMs])), [offsetMs, offsetMs + durationMs]));

/** Whether more of the lane's tracks lies outside than inside. */
const isCut = (lane: Lane): boolean => lengthOf(mergeSpans(lane.tracks.map((track) => [track.offsetMs, track.offsetMs + track.durationMs]))) > 2 * lengthOf(lane.present);

// Not infinity: the difference of two infinities is no number, and the order would be left to chance.
const firstMs = (spans: readonly Span[]): number => spans[0]?.[0] ?? Number.MAX_SAFE_INTEGER;

/** A speaker on hold is dotted: no sound of theirs is missing, but who listens should know why none comes. */
export function withHolds(lanes: readonly Lane[], events: readonly CallEvent[], endMs: number): Lane[] {
  return lanes.map((lane) => {
    const holds: Gap[] = [];
    let sinceMs: number | null = null;
    for (const { kind, participant, atMs } of events) {
      if (participant !== lane.aor) continue;
      if (kind === "hold") sinceMs ??= atMs;
      else if (sinceMs !== null && (kind === "retrieve" || kind === "leave")) {
        holds.push({ fromMs: sinceMs, toMs: atMs, reason: "hold" });
        sinceMs = null;
      }
    }
    if (sinceMs !== null) holds.push({ fromMs: sinceMs, toMs: endMs, reason: "hold" });
    return holds.length === 0 ? lane : { ...lane, gaps: [...lane.gaps, ...holds].toSorted((one, two) => one.fromMs - two.fromMs) };
  });
}

/** Levels of a running call make speech that is drawn until the recorder's own arrives. A breath does not end a segment. */
export function extendSpeech(spans: readonly Span[], atMs: number, breathMs = 700): Span[] {
  const last = spans.at(-1);
  if (last && atMs - last[1] <= breathMs) return [...spans.slice(0, -1), [last[0], Math.max(last[1], atMs)]];
  return [...spans, [Math.max(0, atMs - 200), atMs]];
}

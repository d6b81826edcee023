import type { Gap, Track } from "@earwitness/contract";
import { lengthOf, mergeSpans, type Span } from "./segments.ts";

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
  /** Number of the speaker's color; follows the tracks, so it stays whatever is shown and whoever speaks first. */
  readonly color: number;
}

/** Lanes, who spoke first on top; whoever never spoke follows in the order of joining. */
export function lanesOf(tracks: readonly Track[]): Lane[] {
  const speakers = new Map<string, Track[]>();
  for (const track of tracks.toSorted((one, two) => one.track - two.track)) {
    speakers.set(track.participant.aor, [...(speakers.get(track.participant.aor) ?? []), track]);
  }
  return [...speakers]
    .map(([aor, own], color): Lane => {
      const speech = mergeSpans(own.flatMap((track) => track.speech));
      return {
        aor,
        name: own.find((track) => track.participant.name)?.participant.name ?? null,
        tracks: own,
        present: mergeSpans(own.map((track) => [track.offsetMs, track.offsetMs + track.durationMs])),
        speech,
        gaps: own.flatMap((track) => track.gaps).toSorted((one, two) => one.fromMs - two.fromMs),
        spokenMs: lengthOf(speech),
        color,
      };
    })
    .toSorted((one, two) => firstMs(one.speech) - firstMs(two.speech) || firstMs(one.present) - firstMs(two.present) || one.color - two.color);
}

// Not infinity: the difference of two infinities is no number, and the order would be left to chance.
const firstMs = (spans: readonly Span[]): number => spans[0]?.[0] ?? Number.MAX_SAFE_INTEGER;

/** Levels of a running call make speech that is drawn until the recorder's own arrives. A breath does not end a segment. */
export function extendSpeech(spans: readonly Span[], atMs: number, breathMs = 700): Span[] {
  const last = spans.at(-1);
  if (last && atMs - last[1] <= breathMs) return [...spans.slice(0, -1), [last[0], Math.max(last[1], atMs)]];
  return [...spans, [Math.max(0, atMs - 200), atMs]];
}

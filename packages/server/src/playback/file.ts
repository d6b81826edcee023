/** The files that can be played of a recording, as the arithmetic that renders them. */
import { createHash } from "node:crypto";
import type { TrackRow } from "#interactions";
import type { ObjectRow, Playable } from "./playable.ts";
import type { Rendering, TrackPart } from "./render.ts";

export type Layout = "mixed" | "channels";

/** Rate everything is rendered in. Telephone codecs are all of this rate; a recording with a wider one is rendered in that. */
export function sampleRateOf(tracks: readonly TrackRow[]): number {
  return Math.max(8_000, ...tracks.map((track) => track.sample_rate));
}

/** All speakers, over the whole timeline of the recording; silent outside the person's part (CAP-51). */
export function everyone(playable: Playable, layout: Layout): Rendering {
  const rate = sampleRateOf(playable.tracks);
  return {
    layout,
    tracks: playable.tracks.map((track) => partOf(playable, track, rate)),
    fromSample: 0,
    frames: samples(playable.part.media.duration_ms ?? playable.part.durationMs, rate),
  };
}

/** One speaker alone, from their first sample to their last. */
export function oneSpeaker(playable: Playable, track: TrackRow): Rendering {
  const rate = sampleRateOf(playable.tracks);
  return { layout: "mixed", tracks: [partOf(playable, track, rate)], fromSample: samples(track.offset_ms, rate), frames: samples(track.duration_ms, rate) };
}

/** The stretch of a wire track that is this speaker's and lies inside the person's part. */
function partOf({ part }: Playable, track: TrackRow, rate: number): TrackPart {
  return {
    track: track.source_track,
    fromSample: samples(Math.max(track.from_ms, part.fromMs), rate),
    toSample: samples(Math.min(track.to_ms, part.toMs), rate),
  };
}

const samples = (ms: number, rate: number): number => Math.round((ms * rate) / 1_000);

/**
 * A strong entity tag: the same text means the same bytes. The manifest's digest stands for what was recorded. Once only
 * the compacted Opus of it is left, the sound is a little different, and so is the tag.
 */
export function entityTag(playable: Playable, rendering: Rendering, objects: readonly ObjectRow[]): string {
  const { media } = playable.part;
  const isOriginal = objects.some((object) => object.kind === "piece");
  const source = isOriginal ? "as recorded" : objects.map((object) => object.sha256.toString("hex"));
  const says = JSON.stringify([media.media_id, media.manifest_sha256?.toString("hex") ?? null, source, sampleRateOf(playable.tracks), rendering]);
  return `"${createHash("sha256").update(says).digest("base64url").slice(0, 32)}"`;
}

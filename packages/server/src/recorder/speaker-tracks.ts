/**
 * From wire tracks to speakers. A stream usually carries one person, but a transfer may put another on it: each span of a
 * stream that belongs to one speaker becomes a track of its own, so that a lane, a legend entry and a download are always
 * one voice (CAP-69).
 */
import type { SpeakerAssigned, SpeakerTrack } from "./facts.ts";
import type { RecordingSummary, TrackSummary } from "./media.ts";

export const peakStepMs = 100;

interface Span {
  readonly speaker: SpeakerAssigned | null;
  readonly fromMs: number;
  readonly toMs: number;
}

export function speakerTracks(summary: RecordingSummary, speakers: readonly SpeakerAssigned[]): SpeakerTrack[] {
  const tracks: Omit<SpeakerTrack, "track">[] = [];
  for (const source of summary.tracks.toSorted((a, b) => a.track - b.track)) {
    const spans = spansOf(speakers.filter((speaker) => speaker.sourceTrack === source.track), endOf(source));
    const audible = spans.filter((span) => overlap(span, source) > 0);
    for (const span of audible.length > 0 ? audible : spans.slice(0, 1)) tracks.push(cut(source, span));
  }
  return tracks.map((track, index) => ({ track: index + 1, ...track }));
}

/** Peaks of a speaker's track, cut from the wire track's; both in steps of 100 ms. */
export function peaksOf(track: SpeakerTrack, source: TrackSummary): number[] {
  const first = Math.floor((track.offsetMs - source.offsetMs) / peakStepMs);
  return [...source.peaks.subarray(first, first + Math.ceil(track.durationMs / peakStepMs))];
}

function endOf(source: TrackSummary): number {
  return source.gaps.reduce((latest, gap) => Math.max(latest, gap.toMs), source.offsetMs + source.durationMs);
}

function spansOf(speakers: readonly SpeakerAssigned[], endMs: number): Span[] {
  if (speakers.length === 0) return [{ speaker: null, fromMs: 0, toMs: endMs }];
  const merged = speakers.filter((speaker, index) => index === 0 || speaker.address !== speakers[index - 1]!.address);
  return merged.map((speaker, index) => ({
    // The name may have become known after the address did.
    speaker: speakers.findLast((other) => other.address === speaker.address) ?? speaker,
    fromMs: index === 0 ? 0 : speaker.fromMs,
    toMs: merged[index + 1]?.fromMs ?? Math.max(endMs, speaker.fromMs),
  }));
}

function overlap(span: Span, source: TrackSummary): number {
  return Math.min(span.toMs, source.offsetMs + source.durationMs) - Math.max(span.fromMs, source.offsetMs);
}

function cut(source: TrackSummary, span: Span): Omit<SpeakerTrack, "track"> {
  const offsetMs = Math.max(span.fromMs, source.offsetMs);
  const durationMs = Math.max(0, overlap(span, source));
  const within = (fromMs: number, toMs: number) => [Math.max(fromMs, span.fromMs), Math.min(toMs, span.toMs)] as const;
  return {
    sourceTrack: source.track,
    label: span.speaker?.label ?? "",
    name: span.speaker?.name ?? null,
    address: span.speaker?.address ?? "",
    codec: source.codec,
    sampleRate: source.sampleRate,
    fromMs: span.fromMs,
    toMs: span.toMs,
    offsetMs: durationMs === 0 ? span.fromMs : offsetMs,
    durationMs,
    packets: source.packets,
    packetsLost: source.packetsLost,
    speech: source.speech.map(([fromMs, toMs]) => within(fromMs, toMs)).filter(([fromMs, toMs]) => fromMs < toMs),
    gaps: source.gaps
      .map((gap) => {
        const [fromMs, toMs] = within(gap.fromMs, gap.toMs);
        return { ...gap, fromMs, toMs };
      })
      .filter((gap) => gap.fromMs < gap.toMs),
  };
}

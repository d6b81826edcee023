/** What the database tells of a recording, its tracks and events, against what was sealed of them when it ended. In words. */
import type { Manifest } from "@earwitness/verify";
import type { StoredRecording, TrackRow } from "./recording-as-stored.ts";
import type { SealedFacts } from "./sealed-facts.ts";
import { isHeard } from "./sealed-sound.ts";
import { fieldOf, momentText, valueText } from "./stored-value.ts";

/** One fact, as both say it; null where they agree, and where there is nothing that it could be held against. */
export function fact(name: string, database: unknown, sealed: unknown, by = "the manifest"): string | null {
  if (sealed === undefined) return null;
  const [here, there] = [valueText(database), valueText(sealed)];
  if (here !== there) return `${name}: the database says ${short(here)}, ${by} ${short(there)}`;
  // The text “null” is not nothing, and “[]” no list; a moment is what its text says.
  if (isText(database) === isText(sealed)) return null;
  return `${name}: the database says ${quoted(database)}, ${by} ${quoted(sealed)}`;
}

const isText = (value: unknown): boolean => typeof value === "string" || value instanceof Date;
const quoted = (value: unknown): string => short(typeof value === "string" ? JSON.stringify(value) : valueText(value));
const short = (text: string): string => (text.length <= 200 ? text : `${text.slice(0, 200)}…`);

export const finer = "times: the database has one that is finer than a millisecond, and a recorder writes none";

export const isDifferent = (text: string | null): text is string => text !== null;

export function factsThatDiffer({ media, tracks, events, startedBy }: StoredRecording, manifest: Manifest, facts: SealedFacts): string[] {
  const isAvailable = manifest.interactions.some((part) => isHeard(part, manifest));
  const said = [
    fact("recording", media.media_id, manifest.recordingId),
    fact("tenant", media.tenant_id, manifest.tenantId),
    startedBy === null ? fact("node", media.node_id, facts.node) : fact("node", media.node_id, startedBy, "the row that says that it was started"),
    fact("state", media.state, isAvailable ? "available" : "failed"),
    media.times_whole ? null : finer,
    fact("start", momentText(media.started_at), manifest.startedAt),
    fact("end", momentText(media.ended_at), momentText(new Date(Date.parse(manifest.startedAt) + manifest.durationMs))),
    fact("length in ms", media.duration_ms, manifest.durationMs),
    fact("how it ended", media.end_reason ?? "", manifest.endReason),
    fact("recovered", media.recovered, manifest.recovered),
    fact("tracks", tracks.map(({ track }) => track), manifest.tracks.map(({ track }) => track).toSorted((a, b) => a - b)),
    facts.events === null ? null : fact("events", inAnyOrder(events.map(({ at_ms, kind, participant, body }) => [at_ms, kind, participant, body])), inAnyOrder(facts.events.map((event) => ["atMs", "kind", "participant", "text"].map((name) => fieldOf(event, name))))),
  ];
  for (const { track } of manifest.tracks) {
    const row = tracks.find((one) => one.track === track);
    if (row !== undefined) said.push(...trackFacts(row, facts.tracks.get(track))); // a missing one is told above
  }
  return said.filter(isDifferent);
}

function trackFacts(row: TrackRow, sealed: unknown): (string | null)[] {
  const of = (name: string): string => `${name} of track ${row.track}`;
  const those = (...names: string[]): unknown => (names.every((name) => fieldOf(sealed, name) !== undefined) ? names.map((name) => fieldOf(sealed, name)) : undefined);
  return [
    fact(of("speaker"), [row.participant_name, row.participant_aor], those("name", "address")),
    fact(of("label"), row.label, fieldOf(sealed, "label")),
    fact(of("stream"), row.source_track, fieldOf(sealed, "sourceTrack")),
    fact(of("codec and rate"), [row.codec, row.sample_rate], those("codec", "sampleRate")),
    fact(of("span"), [row.from_ms, row.to_ms, row.offset_ms, row.duration_ms], those("fromMs", "toMs", "offsetMs", "durationMs")),
    fact(of("packets"), [row.packets, row.packets_lost], those("packets", "packetsLost")),
    fact(of("speech"), row.speech, fieldOf(sealed, "speech")),
    fact(of("gaps"), row.gaps, fieldOf(sealed, "gaps")),
  ];
}

const inAnyOrder = (values: readonly unknown[]): string[] => values.map(valueText).toSorted();

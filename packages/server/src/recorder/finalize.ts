/**
 * The end of a recording: everything that belongs to it is sealed and one fact says so. Cheap on purpose, because a thousand
 * calls may end in the same second: peaks, speech and digests were made while the call ran.
 */
import { hash } from "node:crypto";
import { sealObject, type MintedKey } from "#vault";
import type { InteractionState, RecordingFinalized, SpeakerTrack, StoredObject } from "./facts.ts";
import type { LedgerEntry } from "./ledger.ts";
import { unanswered } from "./legs.ts";
import type { RecordingSummary, SealedPiece } from "./media.ts";
import { objectPrefix } from "./object-prefix.ts";
import { peaksOf, peakStepMs, speakerTracks } from "./speaker-tracks.ts";

export interface FinalizeOptions {
  readonly nodeId: string;
  /** Made for the recording or for its end, and its bytes are wiped here. */
  readonly key: MintedKey;
  readonly now: Date;
}

export interface Finalized {
  /** To be in the store, behind the pieces, before the fact is told. */
  readonly objects: readonly { readonly name: string; readonly bytes: Buffer }[];
  readonly fact: RecordingFinalized;
}

export function finalize(entry: LedgerEntry, summary: RecordingSummary, options: FinalizeOptions): Finalized {
  const { key } = options;
  const { opened } = entry;
  const { recordingId, tenantId } = opened;
  const tracks = speakerTracks(summary, entry.speakers);
  const interactions = [...entry.interactions.values()].map((interaction) => settle(interaction, summary, tracks, entry.ended === null ? null : entry.ended.atMs - opened.atMs));
  const endReason = entry.ended?.endReason ?? "recorder_restart";

  const objects: { name: string; bytes: Buffer }[] = [];
  const seal = (kind: StoredObject["kind"], content: string): StoredObject => {
    const objectName = `${objectPrefix(tenantId, recordingId)}/${kind}-${key.keyId}`;
    const bytes = sealObject(key, { tenantId, name: objectName }, Buffer.from(content));
    objects.push({ name: objectName, bytes });
    return { objectName, kind, seq: 1, keyId: key.keyId, sizeBytes: bytes.length, sha256: sha256(bytes), fromMs: null, toMs: null };
  };

  const allPeaks = {
    stepMs: peakStepMs,
    tracks: tracks.map((track) => {
      const source = summary.tracks.find((one) => one.track === track.sourceTrack)!;
      return { track: track.track, peaks: peaksOf(track, source), keyPresses: source.keyPresses.filter(({ atMs }) => atMs >= track.fromMs && atMs < track.toMs) };
    }),
  };
  const bodies = entry.bodies.map(({ atMs, contentType, sha256: digest, origin }) => ({ receivedAt: iso(atMs), contentType, sha256: digest, ...(origin === undefined ? {} : { origin }) }));
  const metadata = entry.bodies.map(({ bodyBase64 }, at) => ({ ...bodies[at], bodyBase64 }));
  const sealed = [seal("peaks", JSON.stringify(allPeaks)), seal("metadata", JSON.stringify(metadata))];
  const pieces = new Map([...summary.pieces.map(objectOf), ...entry.pieces.map(({ object }) => object)].map((piece) => [piece.objectName, piece]));
  const manifest = JSON.stringify({
    manifest: "earwitness/1",
    revision: 1,
    tenantId,
    recordingId,
    node: options.nodeId,
    startedAt: iso(opened.atMs),
    durationMs: summary.durationMs,
    endReason,
    recovered: summary.recovered,
    finalizedAt: options.now.toISOString(),
    sipCallId: opened.sipCallId,
    trunk: { id: opened.trunkId, name: opened.trunkName },
    decision: opened.decision,
    ...(opened.continuesRecordingId === undefined ? {} : { continuesRecordingId: opened.continuesRecordingId }),
    interactions: interactions.map(({ interactionId, user, fromMs, toMs, participants }) => ({ interactionId, user, fromMs, toMs, participants })),
    // A stream that the sender mixed is one track with all of its speakers.
    tracks: tracks.map((track) => ({ ...track, mixed: track.address.includes(" ") })),
    sources: summary.tracks.map(({ track, codec, sampleRate, offsetMs, durationMs, packets, packetsLost, packetsUndecodable, gaps, merkleRoot, chunks }) => ({ track, codec, sampleRate, offsetMs, durationMs, packets, packetsLost, ...(packetsUndecodable > 0 && { packetsUndecodable }), gaps, merkleRoot, chunks })),
    pieces: [...pieces.values()].toSorted((a, b) => a.seq - b.seq),
    objects: sealed,
    bodies,
    events: entry.events.map(({ mediaMs, event, participant, text }) => ({ atMs: mediaMs, kind: event, participant, text })),
  });
  const stored = [...sealed, seal("manifest", manifest)];
  key.bytes.fill(0);
  const fact: RecordingFinalized = {
    kind: "recording.finalized",
    tenantId,
    recordingId,
    atMs: options.now.getTime(),
    startedAtMs: opened.atMs,
    durationMs: summary.durationMs,
    endReason,
    recovered: summary.recovered,
    manifestSha256: sha256(manifest),
    tracks,
    objects: stored,
    interactions,
  };
  return { objects, fact };
}

/** A piece as its object in the store. */
export function objectOf({ objectName, seq, keyId, sizeBytes, sha256: digest, fromMs, toMs }: SealedPiece): StoredObject {
  return { objectName, kind: "piece", seq, keyId, sizeBytes, sha256: digest, fromMs, toMs };
}

const sha256 = (bytes: Uint8Array | string): string => hash("sha256", bytes);

/** The last word on an interaction: whether its audio is there, and what the call ended as. */
export function settle(interaction: InteractionState, summary: RecordingSummary, tracks: readonly SpeakerTrack[], endedMs: number | null): InteractionState {
  // Cut off: what the person's part would have been is not known; it reaches to where the recorder came back.
  const endMs = partEnd(interaction.toMs, endedMs, summary.durationMs) ?? tracks.flatMap((track) => track.gaps).reduce((latest, gap) => Math.max(latest, gap.toMs), summary.durationMs);
  const mine = (fromMs: number, toMs: number) => Math.min(toMs, endMs) > Math.max(fromMs, interaction.fromMs);
  const hasAudio = tracks.some((track) => track.durationMs > 0 && mine(track.offsetMs, track.offsetMs + track.durationMs));
  const hasGaps = tracks.some((track) => track.gaps.some((gap) => mine(gap.fromMs, gap.toMs)));

  const crashed = interaction.releasedAtMs === null;
  const releasedAtMs = interaction.releasedAtMs ?? Math.max(interaction.startedAtMs, summary.startedAtMs + summary.durationMs);
  // Senders that name one party only never show an answer; audio shows it.
  const answeredAtMs = interaction.answeredAtMs ?? (hasAudio ? Math.min(releasedAtMs, Math.max(interaction.startedAtMs, summary.startedAtMs)) : null);
  const cause = crashed ? "Failure" : interaction.releaseCause;
  return {
    ...interaction,
    answeredAtMs,
    releasedAtMs,
    toMs: endMs,
    hasGaps,
    mediaStatus: hasAudio ? "Available" : answeredAtMs === null ? "Unavailable" : "Failed",
    releaseCause: hasAudio ? (cause === "Missed" || cause === "Abandoned" ? "Normal" : cause) : answeredAtMs === null ? unanswered(interaction.direction) : cause === "Transferred" ? cause : "Failure",
  };
}

/** The message that ends a call says that its parties left, a moment before the end itself. */
const partingMs = 250;

/** Audio may lie later than the message that ended the call, on its way or sent ahead: who stayed to the end has all of it. */
function partEnd(toMs: number | null, endedMs: number | null, durationMs: number): number | null {
  return toMs !== null && endedMs !== null && endedMs - toMs <= partingMs ? Math.max(toMs, durationMs) : toMs;
}

const iso = (ms: number) => new Date(ms).toISOString();

/**
 * The end of a recording: everything that belongs to it is sealed into the vault and one fact says so. Cheap on purpose,
 * because a thousand calls may end in the same second: peaks, speech and digests were made while the call ran.
 */
import { createHash } from "node:crypto";
import type { MintedKey, Vault } from "#vault";
import type { InteractionState, RecordingFinalized, SpeakerTrack, StoredObject } from "./facts.ts";
import type { LedgerEntry } from "./ledger.ts";
import { unanswered } from "./legs.ts";
import type { RecordingSummary } from "./media.ts";
import { objectPrefix } from "./object-prefix.ts";
import { peaksOf, peakStepMs, speakerTracks } from "./speaker-tracks.ts";

export interface FinalizeOptions {
  readonly vault: Vault;
  readonly nodeId: string;
  /** Made for this. */
  readonly key: MintedKey;
  readonly now: Date;
}

/** All pieces of the summary are in the store and named by `piece.stored` facts before this is called. */
export async function finalize(entry: LedgerEntry, summary: RecordingSummary, options: FinalizeOptions): Promise<RecordingFinalized> {
  const { vault, key } = options;
  const { opened } = entry;
  const { recordingId, tenantId } = opened;
  const tracks = speakerTracks(summary, entry.speakers);
  const interactions = [...entry.interactions.values()].map((interaction) => settle(interaction, summary, tracks, entry.ended === null ? null : entry.ended.atMs - opened.atMs));
  const endReason = entry.ended?.endReason ?? "recorder_restart";

  const seal = async (kind: StoredObject["kind"], content: unknown): Promise<StoredObject> => {
    const objectName = `${objectPrefix(tenantId, recordingId)}/${kind}-${key.keyId}`;
    const stored = await vault.putSealed(objectName, key, tenantId, Buffer.from(JSON.stringify(content)));
    return { objectName, kind, seq: 1, keyId: key.keyId, ...stored, fromMs: null, toMs: null };
  };

  const sealingPeaks = seal("peaks", {
    stepMs: peakStepMs,
    tracks: tracks.map((track) => {
      const source = summary.tracks.find((one) => one.track === track.sourceTrack)!;
      return { track: track.track, peaks: peaksOf(track, source), keyPresses: source.keyPresses.filter(({ atMs }) => atMs >= track.fromMs && atMs < track.toMs) };
    }),
  });
  const sealingMetadata = seal("metadata", entry.bodies.map(({ atMs, contentType, bodyBase64, sha256, origin }) => ({ receivedAt: iso(atMs), contentType, bodyBase64, sha256, ...(origin === undefined ? {} : { origin }) })));
  const [peaks, metadata] = await Promise.all([sealingPeaks, sealingMetadata]);
  const manifest = {
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
    pieces: entry.pieces.map(({ object }) => object).toSorted((a, b) => a.seq - b.seq),
    objects: [peaks, metadata],
    bodies: entry.bodies.map(({ atMs, contentType, sha256, origin }) => ({ receivedAt: iso(atMs), contentType, sha256, ...(origin === undefined ? {} : { origin }) })),
    events: entry.events.map(({ mediaMs, event, participant, text }) => ({ atMs: mediaMs, kind: event, participant, text })),
  };
  return {
    kind: "recording.finalized",
    tenantId,
    recordingId,
    atMs: options.now.getTime(),
    startedAtMs: opened.atMs,
    durationMs: summary.durationMs,
    endReason,
    recovered: summary.recovered,
    manifestSha256: createHash("sha256").update(JSON.stringify(manifest)).digest("hex"),
    tracks,
    objects: [peaks, metadata, await seal("manifest", manifest)],
    interactions,
  };
}

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

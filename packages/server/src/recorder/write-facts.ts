/**
 * Facts as rows: one statement for each table, however many facts. Facts say what is, not what changed, so the last word on a thing
 * inside a batch is the only one that needs to be written.
 */
import { sql } from "kysely";
import { insertRows, putRows, type TenantTransaction } from "#db";
import { mintedAt, momentsOf } from "#ids";
import type { Fact, InteractionChanged, InteractionState, RecordingFinalized, SpeakerAssigned } from "./facts.ts";
import { partyText } from "./party-text.ts";
import { writeObjects } from "./write-objects.ts";

type Kind<Of extends Fact["kind"]> = Extract<Fact, { kind: Of }>;

export async function writeFacts(tx: TenantTransaction, facts: readonly Fact[], nodeId: string, sandboxTrunks: ReadonlySet<string>): Promise<void> {
  const of = <Of extends Fact["kind"]>(kind: Of): Kind<Of>[] => facts.filter((fact): fact is Kind<Of> => fact.kind === kind);
  // `body.received` and `call.not-recorded` are kept as evidence; the bodies themselves come with the finished recording.
  const finalized = of("recording.finalized");
  await writeMedia(tx, of("recording.opened"), nodeId);
  await writeInteractions(tx, lastWords(of("interaction.changed"), finalized), nodeId, sandboxTrunks);
  await writeEvents(tx, of("call.event"));
  await writeObjects(tx, [...of("piece.stored").map((fact) => ({ ...fact, objects: [fact.object] })), ...finalized]);
  await writeSpeakers(tx, of("speaker.assigned"));
  await writeEnds(tx, [...of("recording.ended").map(endOf), ...finalized.map(finalEndOf)]);
  await writeTracks(tx, finalized);
}

const mediaKey = (fact: { tenantId: string; recordingId: string }) => ({ tenant_id: fact.tenantId, minted_at: mintedAt(fact.recordingId), media_id: fact.recordingId });

async function writeMedia(tx: TenantTransaction, opened: readonly Kind<"recording.opened">[], nodeId: string): Promise<void> {
  await insertRows(tx, "media", opened.map((fact) => ({ ...mediaKey(fact), node_id: nodeId, state: "recording", started_at: new Date(fact.atMs), ended_at: null, duration_ms: null, end_reason: null })));
}

async function writeEvents(tx: TenantTransaction, events: readonly Kind<"call.event">[]): Promise<void> {
  await insertRows(tx, "media_events", events.map((fact) => ({ ...mediaKey(fact), seq: fact.seq, at_ms: fact.mediaMs, kind: fact.event, participant: fact.participant, body: fact.text })));
}

/** What the end of a recording makes of its row; null leaves what is there. */
interface End {
  readonly recordingId: string;
  readonly state: string;
  readonly endedAtMs: number;
  readonly endReason: string;
  readonly durationMs: number | null;
  readonly manifestSha256: string | null;
  readonly recovered: boolean | null;
}

const endOf = ({ recordingId, atMs, endReason }: Kind<"recording.ended">): End => ({ recordingId, state: "finalizing", endedAtMs: atMs, endReason, durationMs: null, manifestSha256: null, recovered: null });

function finalEndOf({ recordingId, interactions, startedAtMs, durationMs, endReason, manifestSha256, recovered }: RecordingFinalized): End {
  const state = interactions.some(({ mediaStatus }) => mediaStatus === "Available") ? "available" : "failed";
  return { recordingId, state, endedAtMs: startedAtMs + durationMs, endReason, durationMs, manifestSha256, recovered };
}

async function writeEnds(tx: TenantTransaction, ends: readonly End[]): Promise<void> {
  const last = [...new Map(ends.map((end) => [end.recordingId, end])).values()];
  if (last.length === 0) return;
  const column = (read: (end: End) => unknown): unknown[] => last.map(read);
  await sql`
    update media set
      state = ends.state, ended_at = ends.ended_at, end_reason = ends.end_reason,
      duration_ms = coalesce(ends.duration_ms, media.duration_ms), recovered = coalesce(ends.recovered, media.recovered),
      manifest_sha256 = coalesce(decode(ends.manifest_sha256, 'hex'), media.manifest_sha256)
    from unnest(
      ${column(({ recordingId }) => recordingId)}::text[], ${column(({ recordingId }) => mintedAt(recordingId).toISOString())}::timestamptz[],
      ${column(({ state }) => state)}::text[], ${column(({ endedAtMs }) => new Date(endedAtMs).toISOString())}::timestamptz[], ${column(({ endReason }) => endReason)}::text[],
      ${column(({ durationMs }) => durationMs)}::integer[], ${column(({ manifestSha256 }) => manifestSha256)}::text[], ${column(({ recovered }) => recovered)}::boolean[]
    ) as ends (media_id, minted_at, state, ended_at, end_reason, duration_ms, manifest_sha256, recovered)
    where media.tenant_id = ${tx.tenantId} and media.minted_at = ends.minted_at and media.media_id = ends.media_id`.execute(tx);
}

/** While the call runs, a track is only a name on a lane; the finished recording brings the rest. */
async function writeSpeakers(tx: TenantTransaction, assigned: readonly SpeakerAssigned[]): Promise<void> {
  const last = [...new Map(assigned.map((fact) => [`${fact.recordingId}/${fact.track}`, fact])).values()];
  const rows = last.map((fact) => ({ ...mediaKey(fact), track: fact.track, participant_name: fact.name, participant_aor: fact.address, label: fact.label, source_track: fact.sourceTrack, from_ms: fact.fromMs, to_ms: fact.fromMs, offset_ms: fact.fromMs }));
  await putRows(tx, "media_tracks", ["tenant_id", "minted_at", "media_id", "track"], rows, ["participant_name", "participant_aor"]);
}

async function writeTracks(tx: TenantTransaction, finalized: readonly RecordingFinalized[]): Promise<void> {
  if (finalized.length === 0) return;
  const ids = finalized.map(({ recordingId }) => recordingId);
  await sql`delete from media_tracks where minted_at = any(${momentsOf(ids)}::timestamptz[]) and media_id = any(${ids}::text[])`.execute(tx);
  const tracks = finalized.flatMap((fact) =>
    fact.tracks.map((track) => ({
      ...mediaKey(fact),
      track: track.track,
      label: track.label,
      participant_name: track.name,
      participant_aor: track.address,
      source_track: track.sourceTrack,
      from_ms: track.fromMs,
      to_ms: track.toMs,
      codec: track.codec,
      sample_rate: track.sampleRate,
      offset_ms: track.offsetMs,
      duration_ms: track.durationMs,
      speech: track.speech,
      gaps: track.gaps,
      packets: track.packets,
      packets_lost: track.packetsLost,
    })),
  );
  await insertRows(tx, "media_tracks", tracks);
}

interface InteractionOfRecording {
  readonly state: InteractionState;
  readonly recordingId: string;
  /** When the fact happened that says so, as its row of evidence tells it. */
  readonly atMs: number;
}

/** The state of each interaction after all facts; a finished recording has the last word on its own. */
function lastWords(changed: readonly InteractionChanged[], finalized: readonly RecordingFinalized[]): InteractionOfRecording[] {
  const last = new Map<string, InteractionOfRecording>();
  for (const { interaction, recordingId, atMs } of changed) last.set(interaction.interactionId, { state: interaction, recordingId, atMs });
  for (const { interactions, recordingId, atMs } of finalized) for (const state of interactions) last.set(state.interactionId, { state, recordingId, atMs });
  return [...last.values()];
}

async function writeInteractions(tx: TenantTransaction, interactions: readonly InteractionOfRecording[], nodeId: string, sandboxTrunks: ReadonlySet<string>): Promise<void> {
  const keyOf = ({ state }: InteractionOfRecording) => ({ tenant_id: tx.tenantId, minted_at: mintedAt(state.interactionId), interaction_id: state.interactionId });
  const rows = interactions.map((one) => ({ ...keyOf(one), ...rowOf(one, nodeId, sandboxTrunks.has(one.state.trunkId)) }));
  const key = ["tenant_id", "minted_at", "interaction_id"] as const;
  await putRows(tx, "interactions", key, rows);
  const parts = interactions.map((one) => ({ ...keyOf(one), media_id: one.recordingId, from_ms: one.state.fromMs, to_ms: one.state.toMs }));
  await putRows(tx, "interaction_media", [...key, "media_id"], parts);
}

function rowOf({ state, atMs }: InteractionOfRecording, nodeId: string, sandbox: boolean) {
  return {
    node_id: nodeId,
    trunk_id: state.trunkId,
    person_id: state.personId,
    user_name: state.user.name ?? state.user.address,
    user_upn: state.user.upn,
    user_address: state.user.address,
    media_status: state.mediaStatus,
    started_at: new Date(state.startedAtMs),
    answered_at: dateOf(state.answeredAtMs),
    released_at: dateOf(state.releasedAtMs),
    direction: state.direction,
    call_type: state.callType,
    release_cause: state.releaseCause,
    calling: state.calling,
    called: state.called,
    answering: state.answering,
    transferred_by: state.transferredBy,
    transferred_to: state.transferredTo,
    participants: state.participants,
    sip_call_id: state.sipCallId,
    sys_call_id: state.sysCallId,
    chain_id: state.chainId,
    has_gaps: state.hasGaps,
    sandbox,
    decision: state.decision,
    party_text: partyText([state.user, ...state.participants]),
    updated_at: new Date(atMs),
  };
}

const dateOf = (ms: number | null) => (ms === null ? null : new Date(ms));

/**
 * What can happen to a call, as values that survive a restart. Every fact is complete in itself and may be applied twice
 * without harm; the projector writes each to the database with exactly one evidence row.
 */
import type { CallType, Direction, Gap, MediaStatus, Party, ReleaseCause } from "@earwitness/contract";

interface OfRecording {
  readonly tenantId: string;
  readonly recordingId: string;
  /** When it happened, epoch milliseconds. */
  readonly atMs: number;
}

export interface RecordingOpened extends OfRecording {
  readonly kind: "recording.opened";
  readonly sipCallId: string;
  readonly trunkId: string;
  readonly trunkName: string;
  readonly remoteAddress: string;
  readonly keyId: string;
  readonly decision: { readonly record: boolean; readonly reasons: readonly string[]; readonly ruleVersion: string };
  /** By which a recording that goes on after this one was cut off is known. */
  readonly conversationIds?: readonly string[];
  /** The recording of the same conversation that was cut off. */
  readonly continuesRecordingId?: string;
}

/** The whole interaction as it stands after this fact. */
export interface InteractionState {
  readonly interactionId: string;
  readonly personId: string | null;
  readonly trunkId: string;
  readonly user: Party;
  readonly mediaStatus: MediaStatus;
  readonly startedAtMs: number;
  readonly answeredAtMs: number | null;
  readonly releasedAtMs: number | null;
  readonly direction: Direction;
  readonly callType: CallType;
  readonly releaseCause: ReleaseCause | null;
  readonly calling: Party | null;
  readonly called: Party | null;
  readonly answering: Party | null;
  readonly transferredBy: Party | null;
  readonly transferredTo: Party | null;
  readonly participants: readonly Party[];
  readonly sipCallId: string;
  readonly sysCallId: string | null;
  readonly chainId: string | null;
  readonly hasGaps: boolean;
  readonly decision: { readonly record: boolean; readonly reasons: readonly string[]; readonly ruleVersion: string };
  /** The person's part of the recording, media time; null while they are still in the call. */
  readonly fromMs: number;
  readonly toMs: number | null;
}

export interface InteractionChanged extends OfRecording {
  readonly kind: "interaction.changed";
  readonly change: "opened" | "changed" | "released";
  readonly interaction: InteractionState;
}

export interface CallEventHappened extends OfRecording {
  readonly kind: "call.event";
  readonly seq: number;
  readonly mediaMs: number;
  readonly event: "join" | "leave" | "hold" | "retrieve" | "transfer";
  readonly participant: string | null;
  readonly text: string;
}

/** SDP or metadata as it came, keys masked, kept word for word until it is sealed beside the recording. The digest is that of what is kept. */
export interface BodyReceived extends OfRecording {
  readonly kind: "body.received";
  readonly contentType: string;
  /** Null: the sender had sent more than a call may keep. What came is then known by its digest only. */
  readonly bodyBase64: string | null;
  readonly sha256: string;
  /** Our own, as it was sent. Absent: the sender's. */
  readonly origin?: "recorder";
}

/** Whose voice a wire track carries from now on (a transfer can put another person on the same stream). */
export interface SpeakerAssigned extends OfRecording {
  readonly kind: "speaker.assigned";
  /** Number of the speaker's track while the call runs; the finished recording numbers anew. */
  readonly track: number;
  readonly sourceTrack: number;
  readonly label: string;
  readonly name: string | null;
  readonly address: string;
  readonly fromMs: number;
}

export interface StoredObject {
  readonly objectName: string;
  readonly kind: "piece" | "opus" | "peaks" | "manifest" | "metadata";
  readonly seq: number;
  readonly keyId: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

export interface PieceStored extends OfRecording {
  readonly kind: "piece.stored";
  readonly object: StoredObject;
}

/** One speaker's part of one wire track, ready to be shown and played. */
export interface SpeakerTrack {
  readonly track: number;
  readonly sourceTrack: number;
  readonly label: string;
  readonly name: string | null;
  readonly address: string;
  readonly codec: string;
  readonly sampleRate: number;
  /** Only audio of [fromMs, toMs) of the wire track is this speaker's. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly offsetMs: number;
  readonly durationMs: number;
  readonly packets: number;
  readonly packetsLost: number;
  readonly speech: readonly (readonly [number, number])[];
  readonly gaps: readonly Gap[];
}

export interface RecordingEnded extends OfRecording {
  readonly kind: "recording.ended";
  readonly endReason: string;
}

export interface RecordingFinalized extends OfRecording {
  readonly kind: "recording.finalized";
  readonly durationMs: number;
  readonly endReason: string;
  readonly recovered: boolean;
  readonly manifestSha256: string;
  readonly tracks: readonly SpeakerTrack[];
  /** Everything stored except pieces that a `piece.stored` fact has already named. */
  readonly objects: readonly StoredObject[];
  /** Final state of every interaction of the recording. */
  readonly interactions: readonly InteractionState[];
  readonly startedAtMs: number;
}

/** A call that policy told us not to record, or that could not be. */
export interface CallNotRecorded {
  readonly kind: "call.not-recorded";
  readonly tenantId: string;
  readonly atMs: number;
  readonly why: "ignored" | "unavailable";
  readonly sipCallId: string;
  readonly trunkId: string;
  readonly trunkName: string;
  readonly remoteAddress: string;
  readonly parties: readonly string[];
  readonly reasons: readonly string[];
}

export type Fact =
  | RecordingOpened
  | InteractionChanged
  | CallEventHappened
  | BodyReceived
  | SpeakerAssigned
  | PieceStored
  | RecordingEnded
  | RecordingFinalized
  | CallNotRecorded;

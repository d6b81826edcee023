/**
 * What passes between the recorder's control (main thread) and its media workers, and what a finished recording is.
 * Media time counts from `startedAtMs` of the recording; it never shares a variable with wall time.
 */
import type { Gap } from "@earwitness/contract";
import type { MintedKey } from "#vault";
import type { LocalPorts, StreamOffer } from "./call.ts";

export interface OpenRecording {
  readonly recordingId: string;
  readonly tenantId: string;
  readonly startedAtMs: number;
  /** Made for this recording in this process (core decision 12). Its worker seals frames and chunks with it, the end of the call its objects. */
  readonly key: MintedKey;
}

/** A sealed piece: at most 60 s of every track, encrypted, self-describing, synced to the spool. */
export interface SealedPiece {
  readonly recordingId: string;
  readonly tenantId: string;
  readonly seq: number;
  readonly keyId: string;
  /** File in the spool; gone once the piece is in the store and its row is in the database. */
  readonly path: string;
  /** Name it gets in the store. */
  readonly objectName: string;
  readonly sizeBytes: number;
  readonly sha256: string; // hex, of the whole file
  readonly fromMs: number;
  readonly toMs: number;
}

export interface TrackSummary {
  readonly track: number;
  readonly codec: string; // as on the wire, each that came, in their order: `PCMU, OPUS`; '' if nothing ever came
  readonly sampleRate: number;
  readonly offsetMs: number;
  readonly durationMs: number;
  readonly packets: number;
  readonly packetsLost: number;
  /** Came and are kept, but nobody can decode them; they are gaps too. */
  readonly packetsUndecodable: number;
  readonly speech: readonly (readonly [fromMs: number, toMs: number])[];
  readonly gaps: readonly Gap[];
  /** RFC 6962 tree over the track's one-second chunks: root (hex) and number of leaves (core decision 14). */
  readonly merkleRoot: string;
  readonly chunks: number;
  /** Largest sample of each 100 ms from `offsetMs`, 0…255. */
  readonly peaks: Uint8Array;
  /** Keys pressed on the stream (RFC 4733). They may be card numbers: only ever written sealed. */
  readonly keyPresses: readonly KeyPress[];
}

export interface KeyPress {
  /** Media time. */
  readonly atMs: number;
  /** `0`…`9`, `*`, `#`, `A`…`D`. */
  readonly key: string;
  readonly durationMs: number;
}

export interface RecordingSummary {
  readonly recordingId: string;
  readonly tenantId: string;
  readonly startedAtMs: number;
  readonly durationMs: number; // end of the last sample of any track
  readonly tracks: readonly TrackSummary[];
  readonly pieces: readonly SealedPiece[];
  readonly recovered: boolean;
}

export type MediaEvent =
  /** The first frame of the track is synced to disk: only now may anything say "recording" (core decision 10). */
  | { readonly kind: "first-frame"; readonly recordingId: string; readonly track: number; readonly atMs: number }
  | { readonly kind: "piece"; readonly piece: SealedPiece }
  | { readonly kind: "activity"; readonly recordings: readonly { recordingId: string; tracks: readonly { track: number; level: number; speaking: boolean }[] }[] }
  /** Nothing arrived on any sending track for the configured time. */
  | { readonly kind: "silent"; readonly recordingId: string; readonly forMs: number }
  /** The recording cannot go on (spool full, worker died). What is on disk stays and is finished by recovery. */
  | { readonly kind: "fault"; readonly recordingIds: readonly string[]; readonly code: "SPOOL" | "WORKER_DIED"; readonly message: string };

export interface MediaStats {
  readonly recordings: number;
  readonly tracks: number;
  readonly packets: number;
  readonly packetsLost: number;
  readonly packetsLate: number; // came, or were read, when their second was sealed
  readonly packetsDropped: number; // wrong source, malformed, unknown payload type, timestamp that fits nothing
  readonly packetsRefusedSrtp: number; // did not authenticate, or came again
  readonly gaps: number;
  readonly journalBytes: number; // not yet freed
  readonly journalLagMs: number; // age of the oldest frame not yet synced
  readonly lastSyncMs: number; // how long the last fdatasync took
}

export interface MediaPool {
  open(recording: OpenRecording): Promise<void>;
  addTrack(recordingId: string, track: number, stream: StreamOffer, atMs: number): Promise<LocalPorts>;
  changeTrack(recordingId: string, track: number, stream: StreamOffer, atMs: number): Promise<LocalPorts>;
  removeTrack(recordingId: string, track: number, atMs: number): Promise<void>;
  /**
   * Seals what is left and answers the summary; cheap: O(tracks) plus the last minute. Where the disk refuses, the worker
   * keeps the recording and may be asked again.
   */
  finish(recordingId: string, atMs: number): Promise<RecordingSummary>;
  /** Whether a living worker has the recording: nobody else may then touch what it has in the spool. */
  holds(recordingId: string): boolean;
  /** The recording's pieces are in the store and finalized in the database: spool files may go. */
  release(tenantId: string, recordingId: string): Promise<void>;
  onEvent(listener: (event: MediaEvent) => void): void;
  /** Media workers that are alive; with none nothing can be recorded. */
  workers(): number;
  stats(): MediaStats;
  close(): Promise<void>;
}

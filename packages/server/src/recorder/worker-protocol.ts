/** What the pool (main thread) and a media worker say to each other. Everything here survives a structured clone. */
import type { LocalPorts, StreamOffer } from "./call.ts";
import type { MediaEvent, MediaStats, OpenRecording, RecordingSummary } from "./media.ts";
import type { OpenDescriptors } from "./udp-batch.ts";
import type { UdpBackEnd } from "./udp-choice.ts";

export interface WorkerOptions {
  /** `<incarnation>-<worker>`: names its journal segments. */
  readonly owner: string;
  readonly bindAddress: string;
  readonly rtpPorts: readonly [number, number];
  readonly spoolDir: string;
  readonly pieceMs: number;
  readonly segmentBytes: number;
  /** 0: never say `silent`. */
  readonly silentMs: number;
}

export interface ThreadOptions extends WorkerOptions {
  readonly udp: UdpBackEnd;
  /** Where it notes what the pool has to close should it die. */
  readonly openDescriptors: OpenDescriptors;
}

export type Command =
  | { readonly kind: "open"; readonly recording: OpenRecording }
  | { readonly kind: "addTrack"; readonly recordingId: string; readonly track: number; readonly stream: StreamOffer; readonly atMs: number }
  | { readonly kind: "changeTrack"; readonly recordingId: string; readonly track: number; readonly stream: StreamOffer; readonly atMs: number }
  | { readonly kind: "removeTrack"; readonly recordingId: string; readonly track: number; readonly atMs: number }
  | { readonly kind: "finish"; readonly recordingId: string; readonly atMs: number }
  | { readonly kind: "close" };

export interface Answers {
  readonly open: null;
  readonly addTrack: LocalPorts;
  readonly changeTrack: LocalPorts;
  readonly removeTrack: null;
  readonly finish: RecordingSummary;
  readonly close: null;
}

export interface Request {
  readonly id: number;
  readonly command: Command;
}

export type FromWorker =
  | { readonly kind: "answer"; readonly id: number; readonly value: Answers[Command["kind"]] }
  | { readonly kind: "refusal"; readonly id: number; readonly message: string; /** The worker does not have the recording any more. */ readonly isLeft: boolean }
  | { readonly kind: "event"; readonly event: MediaEvent }
  | { readonly kind: "stats"; readonly stats: MediaStats };

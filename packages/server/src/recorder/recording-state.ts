/**
 * What recovery must know of a recording besides its audio. Written whole into every journal mark and every piece (sealed:
 * a label may say who speaks), so the newest one found (by its revision) is the truth and no older one is needed.
 */
import type { Gap } from "@earwitness/contract";
import type { RefusedSpan } from "./refusals.ts";
import type { AnalysisPart } from "./track-analysis.ts";

export interface TrackState {
  readonly track: number;
  readonly label: string;
  readonly sampleRate: number;
  /** When the sender was to send, media time: hold, and the time before and after the stream, lie outside. `to` null: still. */
  readonly sending: readonly { readonly fromMs: number; readonly toMs: number | null }[];
  /** Audio that was there and could not be kept or read back: `disk`, `decrypt`, `recorder_restart`, `late`; and `loss` that showed too late. */
  readonly gaps: readonly Gap[];
  /** When packets came that none of the stream's SRTP keys fitted; absent: never. */
  readonly refused?: readonly RefusedSpan[];
  /** When the sender left packets out on purpose, for a second or more; absent: never. `toMs` null: still, as its last word was comfort noise. */
  readonly quiet?: readonly { readonly fromMs: number; readonly toMs: number | null }[];
}

export interface RecordingState {
  /** Rises with every writing: of two states the higher one counts. */
  readonly revision: number;
  readonly startedAtMs: number;
  readonly tracks: readonly TrackState[];
  /** Null while it runs. `recovered`: the process that recorded it died. */
  readonly ended: { readonly atMs: number; readonly recovered: boolean } | null;
}

/** By track, what a piece says beside the state: what was heard in its seconds. Pieces of earlier versions say nothing of it. */
export type Heard = ReadonlyMap<number, AnalysisPart>;

export function encodeState(state: RecordingState, heard: Heard = new Map()): Buffer {
  return Buffer.from(JSON.stringify(heard.size === 0 ? state : { ...state, heard: [...heard] }));
}

/** Only ever called on bytes that were authenticated as ours. */
export function decodeState(bytes: Uint8Array): { readonly state: RecordingState; readonly heard: Heard } {
  const { heard = [], ...state } = JSON.parse(Buffer.from(bytes).toString()) as RecordingState & { readonly heard?: readonly (readonly [track: number, part: AnalysisPart])[] };
  return { state, heard: new Map(heard) };
}

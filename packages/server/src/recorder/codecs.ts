/** The numbers under which codecs are written into packet logs. They are on disk for years: never change or reuse one. */
import { OPUS_RATE_HZ, opusPacketSamples } from "@earwitness/media";
import type { CodecName } from "./call.ts";

export interface Codec {
  readonly id: number;
  readonly name: CodecName;
  /** Of its sound. A track counts in its own rate, which may be another (`packet-log`). */
  readonly sampleRate: number;
  /** Of its RTP timestamps: 8000 for G.722, which samples at 16000 (RFC 3551 §4.5.2). */
  readonly clockRateHz: number;
  /** How many samples, at `sampleRate`, a payload of `length` bytes from `from` on holds. */
  samplesIn(bytes: Uint8Array, from: number, length: number): number;
  /** Largest payload that is still a packet of this codec; anything longer is not speech but an attack or a mistake. */
  readonly maxPayloadBytes: number;
}

/** Not a codec: an entry that says so many samples were sent and never came (RTP sequence numbers are missing). */
export const lostEntry = 0;
/** Not a codec: a key that was pressed (RFC 4733). It has a place and no sound. */
export const keyPressEntry = 16;
/** Not a codec either: a packet that nobody can read. Counted in the sequence, never written. */
export const noSound = -1;
/** Comfort noise (RFC 3389): the sender says that it has nothing to say. Never written. */
export const comfortNoise = -2;

/** Whether an entry of this number is sound. */
export const isSound = (id: number): boolean => id > lostEntry && id < keyPressEntry;

const byLength = (samplesPerByte: number): Codec["samplesIn"] => (_bytes, _from, length) => length * samplesPerByte;
/** A packet that says nonsense of its length is kept, and heard as 20 ms of silence. */
const opusSamples: Codec["samplesIn"] = (bytes, from, length) => opusPacketSamples(bytes.subarray(from, from + length)) || (OPUS_RATE_HZ * 20) / 1000;

const codecs: readonly Codec[] = [
  { id: 1, name: "PCMU", sampleRate: 8_000, clockRateHz: 8_000, samplesIn: byLength(1), maxPayloadBytes: 1_600 },
  { id: 2, name: "PCMA", sampleRate: 8_000, clockRateHz: 8_000, samplesIn: byLength(1), maxPayloadBytes: 1_600 },
  { id: 3, name: "G722", sampleRate: 16_000, clockRateHz: 8_000, samplesIn: byLength(2), maxPayloadBytes: 1_600 },
  { id: 4, name: "OPUS", sampleRate: OPUS_RATE_HZ, clockRateHz: OPUS_RATE_HZ, samplesIn: opusSamples, maxPayloadBytes: 7_662 },
];

const byId = new Map(codecs.map((codec) => [codec.id, codec]));
const byName = new Map<string, Codec>(codecs.map((codec) => [codec.name, codec]));

export const codecById = (id: number): Codec | undefined => byId.get(id);
/** Of G.711, whose every byte is a sample by itself. */
export const isG711 = (codec: Codec): codec is Codec & { readonly name: "PCMU" | "PCMA" } => codec.name === "PCMU" || codec.name === "PCMA";

export function codecByName(name: string): Codec {
  const codec = byName.get(name);
  if (codec === undefined) throw new Error(`no codec ${name}`);
  return codec;
}

/** A track's rate: the highest of what its stream was offered with, so that the sender may change between its codecs. */
export const rateOfTrack = (names: readonly CodecName[]): number => Math.max(8_000, ...names.map((name) => codecByName(name).sampleRate));

/** Rates that Opus codes at. */
export type OpusRate = 8000 | 12000 | 16000 | 24000 | 48000;
export const isOpusRate = (rate: number): rate is OpusRate => [8000, 12000, 16000, 24000, 48000].includes(rate);

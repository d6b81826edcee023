/** Sound of packet-log entries. */
import { Decoder } from "@evan/opus";
import { createG722Decoder, createResampler, decodeG711, decodeG711Into } from "@earwitness/media";
import { codecById, isG711, isOpusRate, isSound, type Codec } from "./codecs.ts";
import { samplesOf, type LogEntry } from "./packet-log.ts";

/** What G.722 and Opus make of a packet depends on those before: after this much of them, nobody hears or measures where one began. */
export const preRollMs = 200;

export interface TrackDecoder {
  /** Sound of the entry, as long as it is on the track; null where it has none. Entries are given in order. Never throws: what cannot be decoded is silence. */
  decode(entry: LogEntry): Int16Array | null;
  /** Writes it into `target`, whose first sample lies at `targetAt` on the timeline. What lies outside is left out. */
  decodeInto(entry: LogEntry, target: Int16Array, targetAt: number): void;
}

type Stage = (payload: Uint8Array) => Int16Array;

/** One for each run through a track: decoders remember. */
export function createTrackDecoder(sampleRate: number): TrackDecoder {
  const stages = new Map<number, Stage>();

  function stageOf(codec: Codec): Stage {
    const known = stages.get(codec.id);
    if (known !== undefined) return known;
    const made = createStage(codec, sampleRate);
    stages.set(codec.id, made);
    return made;
  }

  function decode(entry: LogEntry): Int16Array | null {
    const codec = isSound(entry.codec) ? codecById(entry.codec) : undefined;
    if (codec === undefined) return null;
    const wanted = samplesOf(entry, sampleRate);
    let pcm: Int16Array;
    try {
      pcm = stageOf(codec)(entry.payload);
    } catch {
      return new Int16Array(wanted); // its bytes are kept; nobody can hear them
    }
    if (pcm.length === wanted) return pcm;
    const fitted = new Int16Array(wanted);
    fitted.set(pcm.subarray(0, wanted));
    return fitted;
  }

  return {
    decode,
    decodeInto(entry, target, targetAt) {
      const codec = codecById(entry.codec);
      if (codec !== undefined && isG711(codec) && codec.sampleRate === sampleRate) return g711Into(codec.name, entry, target, targetAt);
      const pcm = decode(entry);
      if (pcm !== null) copyInto(pcm, entry.atSample, target, targetAt);
    },
  };
}

/** Lays sound at its place; what lies outside is left out. */
export function copyInto(pcm: Int16Array, atSample: number, target: Int16Array, targetAt: number): void {
  const skip = Math.max(0, targetAt - atSample);
  const count = Math.min(pcm.length - skip, targetAt + target.length - (atSample + skip));
  if (count > 0) target.set(pcm.subarray(skip, skip + count), atSample + skip - targetAt);
}

/** G.711 remembers nothing: only what is wanted is decoded. */
function g711Into(name: "PCMU" | "PCMA", entry: LogEntry, target: Int16Array, targetAt: number): void {
  const skip = Math.max(0, targetAt - entry.atSample);
  decodeG711Into(name, entry.payload, target, entry.atSample + skip - targetAt, skip);
}

function createStage(codec: Codec, sampleRate: number): Stage {
  if (codec.name === "OPUS") {
    // Opus decodes to any of its rates by itself.
    const decoder = new Decoder({ channels: 1, sample_rate: isOpusRate(sampleRate) ? sampleRate : 48_000 });
    return (payload) => {
      const bytes = decoder.decode(payload);
      return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    };
  }
  const resampler = createResampler(codec.sampleRate, sampleRate);
  if (isG711(codec)) return (payload) => resampler.push(decodeG711(codec.name, payload));
  const g722 = createG722Decoder();
  return (payload) => resampler.push(g722.decode(payload));
}

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const loudness = new Map((["PCMU", "PCMA"] as const).map((name) => [name as string, decodeG711(name, everyByte).map((sample) => Math.abs(sample))] as const));

/** Loudest sample of a payload, 0…1, looking at every fourth: for the moving level in the portal, once per packet, at the lowest rate. */
export type LevelMeter = (codecId: number, bytes: Uint8Array, from: number, length: number) => number;

export function createLevelMeter(): LevelMeter {
  const decoder = createTrackDecoder(8_000);
  return (codecId, bytes, from, length) => {
    const codec = codecById(codecId);
    const table = codec === undefined ? undefined : loudness.get(codec.name);
    let loudest = 0;
    if (table !== undefined) {
      for (let i = from; i < from + length; i += 4) loudest = Math.max(loudest, table[bytes[i]!]!);
    } else {
      const pcm = decoder.decode({ atSample: 0, codec: codecId, payload: bytes.subarray(from, from + length) }) ?? new Int16Array(0);
      for (let i = 0; i < pcm.length; i += 4) loudest = Math.max(loudest, Math.abs(pcm[i]!));
    }
    return loudest / 32_768;
  };
}

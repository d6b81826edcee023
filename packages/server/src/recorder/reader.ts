/**
 * Reads the sound of a finished recording, whatever it lies in: the pieces, or the Opus that compaction made of them. Only
 * what is asked for is read, decrypted and decoded. Bytes that are not what was sealed raise NotAuthentic, naming object and
 * second; silence is only ever returned where nothing was recorded.
 */
import type { Vault } from "#vault";
import type { ChunkIndex, OpenPiece } from "./piece.ts";
import { openPiece, readPieceHead, type PieceSource } from "./piece.ts";
import { openOpusTrack, type OpusTrack } from "./opus-track.ts";
import { byPlace, type LogEntry } from "./packet-log.ts";
import { createResampler } from "@earwitness/media";
import { createTrackDecoder, preRollMs } from "./pcm.ts";
import { createSoundBlocks, type SoundBlocks } from "./sound-blocks.ts";

export interface ReadableObject {
  readonly objectName: string;
  readonly kind: string;
  readonly keyId: string;
  readonly seq: number;
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly sizeBytes: number;
}

export interface RecordingReader {
  readonly durationMs: number;
  readonly sampleRate: number;
  readonly tracks: readonly number[];
  /** `count` samples of the wire track from `fromSample`, both at the recording's `sampleRate`; zeros where there is no audio. */
  readPcm(track: number, fromSample: number, count: number): Promise<Int16Array>;
  close(): Promise<void>;
}

/** The pieces' own reader also gives the packets themselves. */
export interface PacketReader extends RecordingReader {
  /** What the wire track holds of this second, in order. */
  readEntries(track: number, second: number): Promise<readonly LogEntry[]>;
}

export interface ReaderOptions {
  readonly vault: Vault;
  readonly tenantId: string;
  readonly recordingId: string;
  readonly objects: readonly ReadableObject[];
  readonly tracks: readonly { readonly track: number; readonly sampleRate: number }[];
}

/** A range of a player covers a second or two of each speaker; the packets of these stay decrypted meanwhile. */
const cachedSeconds = 64;
/** No packet is longer: where one that began in the second before may reach into this one. */
const longestPacketMs = 200;
const seamSamples = 32;

export async function openRecordingReader({ vault, tenantId, recordingId, objects, tracks }: ReaderOptions): Promise<PacketReader> {
  const identity = { tenantId, recordingId };
  const pieces = objects.filter((object) => object.kind === "piece").toSorted((a, b) => a.seq - b.seq);
  const opus = new Map(objects.filter((object) => object.kind === "opus").map((object) => [object.seq, object]));
  const sampleRate = Math.max(8000, ...tracks.map((track) => track.sampleRate));
  const opened = new Map<string, Promise<OpenPiece>>();
  const openedOpus = new Map<number, Promise<OpusTrack>>();
  const seconds = new Map<string, Promise<LogEntry[]>>();
  const sounds = new Map<number, SoundBlocks>();

  function open(object: ReadableObject): Promise<OpenPiece> {
    let piece = opened.get(object.objectName);
    if (piece === undefined) {
      piece = (async () => {
        const source: PieceSource = { name: object.objectName, size: () => vault.store.size(object.objectName), read: (offset, length) => vault.store.read(object.objectName, offset, length), close: async () => undefined };
        return openPiece(source, await readPieceHead(source), await vault.openDataKey(tenantId, object.keyId), identity);
      })();
      piece.catch(() => opened.delete(object.objectName));
      opened.set(object.objectName, piece);
    }
    return piece;
  }

  /** What the second holds over all pieces; usually one, two where recovery finished what a crash cut. */
  async function readSecond(track: number, second: number, rate: number): Promise<LogEntry[]> {
    const name = `${track}/${second}`;
    let entries = seconds.get(name);
    if (entries === undefined) {
      entries = (async () => {
        const found: LogEntry[] = [];
        for (const object of pieces) {
          if ((object.fromMs ?? 0) >= (second + 1) * 1000 || (object.toMs ?? Infinity) < second * 1000) continue;
          const piece = await open(object);
          const chunk = chunksOf(piece).get(name);
          if (chunk !== undefined) found.push(...(await piece.readSecond(chunk, rate)));
        }
        return found.sort(byPlace);
      })();
      entries.catch(() => seconds.delete(name));
      seconds.set(name, entries);
      if (seconds.size > cachedSeconds) seconds.delete(seconds.keys().next().value!);
    }
    return entries;
  }

  const rateOf = (track: number): number => tracks.find((candidate) => candidate.track === track)?.sampleRate ?? sampleRate;

  async function decodeSecond(track: number, rate: number, second: number): Promise<Int16Array> {
    const pcm = new Int16Array(rate);
    const decoder = createTrackDecoder(rate);
    const from = second * rate;
    const begin = from - (Math.max(longestPacketMs, preRollMs) * rate) / 1000;
    for (let one = Math.max(0, second - 1); one <= second; one += 1) {
      for (const entry of await readSecond(track, one, rate)) {
        if (entry.atSample >= begin) decoder.decodeInto(entry, pcm, from);
      }
    }
    return pcm;
  }

  function openOpus(track: number, object: ReadableObject, rate: number): Promise<OpusTrack> {
    let sound = openedOpus.get(track);
    if (sound === undefined) {
      sound = openOpusTrack({ vault, tenantId, object, sampleRate: rate });
      sound.catch(() => openedOpus.delete(track));
      openedOpus.set(track, sound);
    }
    return sound;
  }

  function soundOf(track: number, rate: number): SoundBlocks {
    let sound = sounds.get(track);
    if (sound === undefined) {
      const compacted = opus.get(track);
      sound = createSoundBlocks(rate, async (second) => (pieces.length > 0 || compacted === undefined ? decodeSecond(track, rate, second) : (await openOpus(track, compacted, rate)).decodeSecond(second)));
      sounds.set(track, sound);
    }
    return sound;
  }

  return {
    durationMs: Math.max(0, ...objects.map((object) => (object.kind === "piece" || object.kind === "opus" ? (object.toMs ?? 0) : 0))),
    sampleRate,
    tracks: tracks.map((track) => track.track),
    readEntries: (track, second) => readSecond(track, second, rateOf(track)),
    async readPcm(track, fromSample, count) {
      const rate = rateOf(track);
      const factor = sampleRate / rate;
      const sound = soundOf(track, rate);
      if (factor === 1) return sound.readPcm(fromSample, count);
      // A track of a lower rate than the recording's highest; a little more on both sides, so that no seam is heard.
      const first = Math.max(0, Math.floor(fromSample / factor) - seamSamples);
      const own = await sound.readPcm(first, Math.ceil((fromSample + count) / factor) + seamSamples - first);
      const at = fromSample - first * factor;
      return createResampler(rate, sampleRate).push(own).slice(at, at + count);
    },
    async close() {
      opened.clear();
      openedOpus.clear();
      sounds.clear();
      seconds.clear();
    },
  };
}

const chunkIndexes = new WeakMap<OpenPiece, Map<string, ChunkIndex>>();

function chunksOf(piece: OpenPiece): Map<string, ChunkIndex> {
  let index = chunkIndexes.get(piece);
  if (index === undefined) {
    index = new Map(piece.header.chunks.map((chunk) => [`${chunk.track}/${chunk.second}`, chunk]));
    chunkIndexes.set(piece, index);
  }
  return index;
}

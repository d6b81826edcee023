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

export async function openRecordingReader({ vault, tenantId, recordingId, objects, tracks }: ReaderOptions): Promise<RecordingReader> {
  const identity = { tenantId, recordingId };
  const pieces = objects.filter((object) => object.kind === "piece").toSorted((a, b) => a.seq - b.seq);
  const opus = new Map(objects.filter((object) => object.kind === "opus").map((object) => [object.seq, object]));
  const sampleRate = Math.max(8000, ...tracks.map((track) => track.sampleRate));
  const opened = new Map<string, Promise<OpenPiece>>();
  const openedOpus = new Map<number, Promise<OpusTrack>>();
  const seconds = new Map<string, Promise<LogEntry[]>>();

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
        return found;
      })();
      entries.catch(() => seconds.delete(name));
      seconds.set(name, entries);
      if (seconds.size > cachedSeconds) seconds.delete(seconds.keys().next().value!);
    }
    return entries;
  }

  async function readFromPieces(track: number, rate: number, from: number, count: number): Promise<Int16Array> {
    const pcm = new Int16Array(count);
    const decoder = createTrackDecoder(rate);
    const begin = from - (Math.max(longestPacketMs, preRollMs) * rate) / 1000;
    for (let second = Math.max(0, Math.floor(begin / rate)); second * rate < from + count; second += 1) {
      for (const entry of (await readSecond(track, second, rate)).toSorted(byPlace)) {
        if (entry.atSample >= begin && entry.atSample < from + count) decoder.decodeInto(entry, pcm, from);
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

  async function readAtOwnRate(track: number, rate: number, from: number, count: number): Promise<Int16Array> {
    const compacted = opus.get(track);
    if (pieces.length > 0 || compacted === undefined) return readFromPieces(track, rate, from, count);
    return (await openOpus(track, compacted, rate)).readPcm(from, count);
  }

  return {
    durationMs: Math.max(0, ...objects.map((object) => (object.kind === "piece" || object.kind === "opus" ? (object.toMs ?? 0) : 0))),
    sampleRate,
    tracks: tracks.map((track) => track.track),
    async readPcm(track, fromSample, count) {
      const rate = tracks.find((candidate) => candidate.track === track)?.sampleRate ?? sampleRate;
      const factor = sampleRate / rate;
      if (factor === 1) return readAtOwnRate(track, rate, fromSample, count);
      // A track of a lower rate than the recording's highest; a little more on both sides, so that no seam is heard.
      const first = Math.max(0, Math.floor(fromSample / factor) - seamSamples);
      const own = await readAtOwnRate(track, rate, first, Math.ceil((fromSample + count) / factor) + seamSamples - first);
      const at = fromSample - first * factor;
      return createResampler(rate, sampleRate).push(own).slice(at, at + count);
    },
    async close() {
      opened.clear();
      openedOpus.clear();
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

/**
 * Packets as they came from the wire, in the order of their place in time: the plaintext of a journal frame and of a
 * one-second chunk of a piece. Nothing is decoded, joined or filled, so silence suppression, mixed codecs and loss stay
 * what they were; loss is an entry of its own.
 *
 *   entry = offset in samples u32 | codec u8 | length u16 | payload        (lost: codec 0, payload = samples u32)
 *
 * Samples are those of the track. A codec of another rate counts for as many as it sounds; 8, 16 and 48 kHz are multiples.
 */
import { codecById, keyPressEntry, lostEntry } from "./codecs.ts";

export interface LogEntry {
  /** Media time of the first sample, counted from the start of the recording. */
  readonly atSample: number;
  readonly codec: number;
  readonly payload: Uint8Array;
}

const entryHead = 7;

export function lost(atSample: number, samples: number): LogEntry {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(samples);
  return { atSample, codec: lostEntry, payload };
}

/** Samples of a track that the entry stands for; 0 for a key press, and for a codec that this version does not know. */
export function samplesOf(entry: LogEntry, sampleRate: number): number {
  if (entry.codec === lostEntry) return Buffer.from(entry.payload.buffer, entry.payload.byteOffset, entry.payload.length).readUInt32BE(0);
  const codec = codecById(entry.codec);
  return codec === undefined ? 0 : Math.floor((codec.samplesIn(entry.payload) * sampleRate) / codec.sampleRate);
}

/** A key that somebody pressed: number of the event (RFC 4733 table 3), how long. */
export function keyPress(atSample: number, event: number, durationMs: number): LogEntry {
  const payload = Buffer.alloc(3);
  payload.writeUInt8(event);
  payload.writeUInt16BE(Math.min(Math.round(durationMs), 0xffff), 1);
  return { atSample, codec: keyPressEntry, payload };
}

const keys = "0123456789*#ABCD";

/** The key of an entry as a telephone shows it; null for events that are no keys (tones of modems and the network). */
export function readKeyPress(entry: LogEntry): { readonly key: string; readonly durationMs: number } | null {
  const [event, high, low] = entry.payload;
  const key = entry.codec === keyPressEntry && event !== undefined ? keys[event] : undefined;
  return key === undefined || high === undefined || low === undefined ? null : { key, durationMs: high * 256 + low };
}

/** Sorts by place. `baseSample` is where offsets count from. */
export function encodePacketLog(entries: readonly LogEntry[], baseSample: number): Buffer {
  const ordered = entries.toSorted(byPlace);
  let length = 0;
  for (const entry of ordered) length += entryHead + entry.payload.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const entry of ordered) {
    bytes.writeUInt32BE(entry.atSample - baseSample, at);
    bytes.writeUInt8(entry.codec, at + 4);
    bytes.writeUInt16BE(entry.payload.length, at + 5);
    bytes.set(entry.payload, at + entryHead);
    at += entryHead + entry.payload.length;
  }
  return bytes;
}

export const byPlace = (a: LogEntry, b: LogEntry): number => a.atSample - b.atSample;

/** The bytes were authenticated, so anything malformed is a defect of the writer and throws. Payloads are views. */
export function decodePacketLog(bytes: Uint8Array, baseSample: number): LogEntry[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: LogEntry[] = [];
  let at = 0;
  while (at < view.length) {
    if (at + entryHead > view.length) throw new Error("packet log ends inside an entry");
    const length = view.readUInt16BE(at + 5);
    const payload = view.subarray(at + entryHead, at + entryHead + length);
    if (payload.length !== length) throw new Error("packet log ends inside an entry");
    entries.push({ atSample: baseSample + view.readUInt32BE(at), codec: view.readUInt8(at + 4), payload });
    at += entryHead + length;
  }
  return entries;
}

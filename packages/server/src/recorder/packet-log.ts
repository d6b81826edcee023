/**
 * Packets as they came from the wire: in the order of their place in time the plaintext of a one-second chunk of a piece, in that
 * of their arrival the plaintext of a journal frame. Nothing is decoded, joined or filled, so silence suppression, mixed codecs
 * and loss stay what they were; loss is an entry of its own.
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

export const entryHead = 7;

export function lost(atSample: number, samples: number): LogEntry {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(samples);
  return { atSample, codec: lostEntry, payload };
}

/** Samples of a track that the entry stands for; 0 for a key press, and for a codec that this version does not know. */
export function samplesOf(entry: LogEntry, sampleRate: number): number {
  if (entry.codec === lostEntry) return Buffer.from(entry.payload.buffer, entry.payload.byteOffset, entry.payload.length).readUInt32BE(0);
  return samplesOfSound(entry.codec, entry.payload, 0, entry.payload.length, sampleRate);
}

/** The same of an entry that lies among other bytes. */
export function samplesAt(id: number, bytes: Buffer, from: number, length: number, sampleRate: number): number {
  return id === lostEntry ? bytes.readUInt32BE(from) : samplesOfSound(id, bytes, from, length, sampleRate);
}

/** The same of a payload of sound. */
export function samplesOfSound(id: number, bytes: Uint8Array, from: number, length: number, sampleRate: number): number {
  const codec = codecById(id);
  return codec === undefined ? 0 : Math.floor((codec.samplesIn(bytes, from, length) * sampleRate) / codec.sampleRate);
}

/**
 * A key that somebody pressed: number of the event (RFC 4733 table 3), how long. It may lie later than it began by
 * `samplesBack`, because the second in which it began is sealed by then: the longest that is told of a press counts.
 */
export function keyPress(atSample: number, event: number, durationMs: number, samplesBack = 0): LogEntry {
  const ms = Math.min(Math.round(durationMs), 0xffff_ffff);
  const isShort = ms <= 0xffff && samplesBack === 0;
  const payload = Buffer.alloc(isShort ? 3 : 9);
  payload.writeUInt8(event);
  if (isShort) payload.writeUInt16BE(ms, 1);
  else {
    payload.writeUInt32BE(ms, 1);
    payload.writeUInt32BE(samplesBack, 5);
  }
  return { atSample, codec: keyPressEntry, payload };
}

export interface LoggedPress {
  readonly event: number;
  readonly fromSample: number;
  readonly durationMs: number;
}

export function readPress(entry: LogEntry): LoggedPress {
  const payload = Buffer.from(entry.payload.buffer, entry.payload.byteOffset, entry.payload.length);
  if (payload.length === 3) return { event: payload.readUInt8(0), fromSample: entry.atSample, durationMs: payload.readUInt16BE(1) };
  return { event: payload.readUInt8(0), fromSample: entry.atSample - payload.readUInt32BE(5), durationMs: payload.readUInt32BE(1) };
}

const keys = "0123456789*#ABCD";

/** The key as a telephone shows it; null for events that are no keys (tones of modems and the network). */
export const keyOf = ({ event }: Pick<LoggedPress, "event">): string | null => keys[event] ?? null;

let lent = Buffer.allocUnsafeSlow(16 * 1024);

/** Sorts by place. `baseSample` is where offsets count from. The bytes are lent: the next call writes over them. */
export function encodePacketLog(entries: readonly LogEntry[], baseSample: number): Buffer {
  const ordered = isOrdered(entries) ? entries : entries.toSorted(byPlace);
  let length = 0;
  for (const entry of ordered) length += entryHead + entry.payload.length;
  if (length > lent.length) lent = Buffer.allocUnsafeSlow(2 * length);
  const bytes = lent.subarray(0, length);
  let at = 0;
  for (const entry of ordered) {
    writeEntryHead(bytes, at, entry.atSample - baseSample, entry.codec, entry.payload.length);
    bytes.set(entry.payload, at + entryHead);
    at += entryHead + entry.payload.length;
  }
  return bytes;
}

/** No checks: once for each packet that comes. */
export function writeEntryHead(bytes: Uint8Array, at: number, offset: number, codec: number, length: number): void {
  bytes[at] = offset >>> 24;
  bytes[at + 1] = offset >>> 16;
  bytes[at + 2] = offset >>> 8;
  bytes[at + 3] = offset;
  bytes[at + 4] = codec;
  bytes[at + 5] = length >>> 8;
  bytes[at + 6] = length;
}

/** Lets offsets of a whole log count from so many samples earlier. */
export function moveEntries(bytes: Buffer, samples: number): void {
  for (let at = 0; at < bytes.length; at += entryHead + bytes.readUInt16BE(at + 5)) bytes.writeUInt32BE(bytes.readUInt32BE(at) + samples, at);
}

export const byPlace = (a: LogEntry, b: LogEntry): number => a.atSample - b.atSample;

export function isOrdered(entries: readonly LogEntry[]): boolean {
  for (let i = 1; i < entries.length; i += 1) if (entries[i]!.atSample < entries[i - 1]!.atSample) return false;
  return true;
}

/** The bytes were authenticated, so anything malformed is a defect of the writer and throws. Payloads are views. */
export function decodePacketLog(bytes: Uint8Array, baseSample: number): LogEntry[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from(entriesOf(view), ({ at, codec, payloadAt, length }) => ({ atSample: baseSample + at, codec, payload: view.subarray(payloadAt, payloadAt + length) }));
}

/** The log in parts of at most so many bytes, cut between entries; an entry is never as long. */
export function cutLog(log: Buffer, most: number): Buffer[] {
  if (log.length <= most) return [log];
  const parts: Buffer[] = [];
  let from = 0;
  let end = 0;
  for (const { payloadAt, length } of entriesOf(log)) {
    if (payloadAt + length - from > most) {
      parts.push(log.subarray(from, end));
      from = end;
    }
    end = payloadAt + length;
  }
  return [...parts, log.subarray(from, end)];
}

/** Where each entry's place, codec and payload are, without a view on them. The answer is the same object each time. */
export function* entriesOf(log: Buffer): Generator<{ readonly at: number; readonly codec: number; readonly payloadAt: number; readonly length: number }> {
  const entry = { at: 0, codec: 0, payloadAt: 0, length: 0 };
  for (let from = 0; from < log.length; from = entry.payloadAt + entry.length) {
    if (from + entryHead > log.length) throw new Error("packet log ends inside an entry");
    entry.at = log.readUInt32BE(from);
    entry.codec = log.readUInt8(from + 4);
    entry.payloadAt = from + entryHead;
    entry.length = log.readUInt16BE(from + 5);
    if (entry.payloadAt + entry.length > log.length) throw new Error("packet log ends inside an entry");
    yield entry;
  }
}

/**
 * A wire track in an evidence bundle: its seconds in the order of their leaves, with what their leaves are made of. Seconds that are not
 * in the bundle, because whoever asked for it has no right to them, leave the roots of complete subtrees in their place: the track's
 * Merkle root comes out all the same.
 *
 *   "EWTRACK1" | record …
 *   record = 1 u8 | second u32 | digest of the ciphertext, 32 | salt, 32 | length u32 | packet log
 *          | 2 u8 | level u8 | root of 2^level leaves, 32
 */
import type { ByteStream } from "./byte-stream.ts";
import { createMerkleTree, sameBytes, type Hash } from "./merkle.ts";
import { Malformed } from "./note.ts";
import { chunkLeaf, chunkSaltBytes, saltedDigest } from "./packet-chunk.ts";

export interface SecondRecord {
  readonly kind: "second";
  readonly second: number;
  readonly ciphertextDigest: Uint8Array;
  readonly salt: Uint8Array;
  readonly plaintext: Uint8Array;
}

export interface WithheldRecord {
  readonly kind: "withheld";
  /** Stands for 2^level leaves. */
  readonly level: number;
  readonly root: Uint8Array;
}

export type TrackRecord = SecondRecord | WithheldRecord;

export const trackFileHead: Uint8Array = new TextEncoder().encode("EWTRACK1");
/** No second of one voice is longer: 1,000 packets of 64 kB could not be sent in it. */
const mostPlaintextBytes = 16 * 1024 * 1024;
/** A recording of 2^40 seconds is none. */
const mostLevel = 40;

export function encodeTrackRecord(record: TrackRecord): Uint8Array {
  if (record.kind === "withheld") return Uint8Array.of(2, record.level, ...record.root);
  const bytes = new Uint8Array(secondHead + record.plaintext.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setUint32(1, record.second);
  bytes.set(record.ciphertextDigest, 5);
  bytes.set(record.salt, 37);
  view.setUint32(secondHead - 4, record.plaintext.length);
  bytes.set(record.plaintext, secondHead);
  return bytes;
}

/** Throws Malformed. */
export async function* readTrackFile(stream: ByteStream): AsyncGenerator<TrackRecord> {
  const reader = createTrackReader();
  for await (const bytes of stream) yield* reader.push(bytes);
  reader.end();
}

/** Records as their bytes come, in pieces of any length. Both throw Malformed. */
export function createTrackReader(): { push(bytes: Uint8Array): TrackRecord[]; end(): void } {
  let rest: Uint8Array = new Uint8Array(0);
  let hasHead = false;
  return {
    push(bytes) {
      const all = new Uint8Array(rest.length + bytes.length);
      all.set(rest);
      all.set(bytes, rest.length);
      let at = 0;
      if (!hasHead && all.length >= trackFileHead.length) {
        if (!sameBytes(all.subarray(0, trackFileHead.length), trackFileHead)) throw new Malformed("this is no file of a track");
        hasHead = true;
        at = trackFileHead.length;
      }
      const records: TrackRecord[] = [];
      for (let read = hasHead ? readRecord(all, at) : null; read !== null; read = readRecord(all, at)) {
        records.push(read.record);
        at = read.next;
      }
      rest = all.subarray(at);
      return records;
    },
    end() {
      if (!hasHead || rest.length > 0) throw new Malformed("the file of the track ends too early");
    },
  };
}

const secondHead = 1 + 4 + 32 + chunkSaltBytes + 4;
const withheldLength = 1 + 1 + 32;

/** Null where the record is not all there yet. */
function readRecord(bytes: Uint8Array, at: number): { readonly record: TrackRecord; readonly next: number } | null {
  const kind = bytes[at];
  if (kind === undefined) return null;
  if (kind === 2) {
    if (at + withheldLength > bytes.length) return null;
    const level = bytes[at + 1]!;
    if (level > mostLevel) throw new Malformed("a track cannot be that long");
    return { record: { kind: "withheld", level, root: bytes.subarray(at + 2, at + withheldLength) }, next: at + withheldLength };
  }
  if (kind !== 1) throw new Malformed("the file of the track holds a record of a kind that is not known");
  if (at + secondHead > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, secondHead);
  const length = view.getUint32(secondHead - 4);
  if (length > mostPlaintextBytes) throw new Malformed(`a second of ${length} bytes cannot be`);
  const next = at + secondHead + length;
  if (next > bytes.length) return null;
  const part = (from: number, to: number): Uint8Array => bytes.subarray(at + from, at + to);
  return { record: { kind: "second", second: view.getUint32(1), ciphertextDigest: part(5, 37), salt: part(37, 37 + chunkSaltBytes), plaintext: bytes.subarray(at + secondHead, next) }, next };
}

export interface TrackRoot {
  readonly root: Uint8Array;
  /** Leaves in all. */
  readonly chunks: number;
  readonly seconds: number;
  readonly withheld: number;
}

/** The root that the records of a track lead to. Hands each second on while it passes. Throws Malformed for seconds out of order. */
export async function rootOfTrack(hash: Hash, records: AsyncIterable<TrackRecord>, each: (second: SecondRecord) => void = () => undefined): Promise<TrackRoot> {
  const tree = createMerkleTree(hash);
  let seconds = 0;
  let latest = -1;
  for await (const record of records) {
    if (record.kind === "withheld") {
      if (tree.size % 2 ** record.level !== 0) throw new Malformed("what stands for seconds that are not told does not fit its place");
      tree.appendSubtree(record.level, record.root);
      continue;
    }
    if (record.second < latest) throw new Malformed(`second ${record.second} comes after second ${latest}`);
    latest = record.second;
    seconds += 1;
    tree.append(chunkLeaf(hash, { saltedDigest: saltedDigest(hash, record), ciphertextDigest: record.ciphertextDigest }));
    each(record);
  }
  return { root: tree.root(), chunks: tree.size, seconds, withheld: tree.size - seconds };
}

/** Bytes that come in pieces of any length. */
import { Malformed } from "./note.ts";

export type ByteStream = AsyncIterable<Uint8Array>;

/** All of it, as one. Throws Malformed where it is longer than `most`. */
export async function readAll(stream: ByteStream, most: number, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    length += part.length;
    if (length > most) throw new Malformed(`${what} is longer than the ${most} bytes that are read of such a file`);
    parts.push(part);
  }
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Where two streams differ first, counted in bytes; null where they are the same to the end. */
export async function firstDifference(one: ByteStream, other: ByteStream): Promise<number | null> {
  const [a, b] = [one[Symbol.asyncIterator](), other[Symbol.asyncIterator]()];
  let [ofA, ofB]: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
  let at = 0;
  try {
    for (;;) {
      while (ofA.length === 0) {
        const next = await a.next();
        if (next.done === true) break;
        ofA = next.value;
      }
      while (ofB.length === 0) {
        const next = await b.next();
        if (next.done === true) break;
        ofB = next.value;
      }
      const length = Math.min(ofA.length, ofB.length);
      if (length === 0) return ofA.length === ofB.length ? null : at;
      const differs = differenceIn(ofA, ofB, length);
      if (differs !== null) return at + differs;
      at += length;
      [ofA, ofB] = [ofA.subarray(length), ofB.subarray(length)];
    }
  } finally {
    await a.return?.();
    await b.return?.();
  }
}

function differenceIn(a: Uint8Array, b: Uint8Array, length: number): number | null {
  for (let i = sameWords(a, b, length); i < length; i += 1) if (a[i] !== b[i]) return i;
  return null;
}

/** So many bytes at the beginning are the same, looked at four at a time; 0 where they do not lie so in memory. */
function sameWords(a: Uint8Array, b: Uint8Array, length: number): number {
  if (a.byteOffset % 4 !== 0 || b.byteOffset % 4 !== 0) return 0;
  const [ofA, ofB] = [new Uint32Array(a.buffer, a.byteOffset, length >> 2), new Uint32Array(b.buffer, b.byteOffset, length >> 2)];
  for (let i = 0; i < ofA.length; i += 1) if (ofA[i] !== ofB[i]) return 4 * i;
  return 4 * ofA.length;
}

export async function* streamOf(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

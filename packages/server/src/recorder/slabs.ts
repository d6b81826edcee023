/**
 * Memory that is filled, written to disk and used again. Bytes that wait for a write (frames for a moment, a piece for a minute)
 * would each be memory outside V8's heap that lives just long enough to be expensive: growth there makes V8 mark the whole heap,
 * once a second under 500 calls (decision 0011).
 */
import { createSpareMemory } from "./spare-memory.ts";

export interface Slabs {
  /** Copies the parts one behind the other; answers where they lie, until what was put since the last `cut` is let go of. */
  put(...parts: readonly Uint8Array[]): Buffer;
  /** What was put until now belongs together: call the answer when nobody looks at it any more. */
  cut(): () => void;
}

const slabBytes = 64 * 1024;
/** Of a thread. */
const spare = createSpareMemory({ bytesEach: slabBytes, most: 64 * 1024 * 1024 });

export function createSlabs(): Slabs {
  let filled: Buffer[] = [];
  let used = 0;
  return {
    put(...parts) {
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      if (length > slabBytes) return Buffer.concat(parts, length);
      let slab = filled.at(-1);
      if (slab === undefined || used + length > slabBytes) {
        slab = spare.take();
        filled.push(slab);
        used = 0;
      }
      const from = used;
      for (const part of parts) {
        slab.set(part, used);
        used += part.length;
      }
      return slab.subarray(from, used);
    },
    cut() {
      const mine = filled;
      filled = [];
      return () => {
        for (const slab of mine.splice(0)) spare.give(slab);
      };
    },
  };
}

/** The same bytes in fewer parts: those that lie side by side become one. */
export function joinNeighbours(parts: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    const isNext = last !== undefined && last.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset;
    if (isNext) joined[joined.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + part.length);
    else joined.push(part);
  }
  return joined;
}

/** A sequence of numbers that a seed decides (mulberry32): small, fast, and the same on every machine. Nothing secret hangs on it. */
export interface Random {
  /** A whole number from 0 to `below` − 1. */
  below(below: number): number;
  /** True once in `every` times. */
  once(every: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** From 1 to `most`, small ones more often: as likely between 1 and 2 as between 1,024 and 2,048. */
  size(most: number): number;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function fraction(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (most: number): number => Math.floor(fraction() * most);
  return {
    below,
    once: (every) => below(every) === 0,
    pick: (from) => {
      if (from.length === 0) throw new RangeError("nothing to pick from");
      return from[below(from.length)] as (typeof from)[number];
    },
    size: (most) => Math.max(1, Math.min(most, Math.floor(2 ** (fraction() * Math.log2(most + 1))))),
  };
}

/** A number that the bytes decide (FNV-1a), for choices that must be the same whenever the same input comes again. */
export function hashOf(bytes: Uint8Array, from = 0x811c9dc5): number {
  let hash = from;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** What was tried, kind by kind, and what came of it. */

/** A change that somebody made unseen; what the check said of it. */
export interface Tried {
  readonly noticed: boolean;
  /** It says where: the row, the tile, the file, the head. */
  readonly named: boolean;
  readonly what: string;
}

export interface Tally {
  readonly kind: string;
  tried: number;
  noticed: number;
  named: number;
  honest: number;
  falseAlarms: number;
}

export interface Tallies {
  tried(kind: string, found: Tried): void;
  /** A check of something that nobody touched, and what it found nevertheless. */
  honest(kind: string, alarms: readonly unknown[]): void;
  add(others: readonly Tally[], wrong: readonly string[]): void;
  readonly all: readonly Tally[];
  /** Misses, places without a name and false alarms, in words. */
  readonly wrong: readonly string[];
}

export function createTallies(): Tallies {
  const tallies = new Map<string, Tally>();
  const wrong: string[] = [];
  const of = (kind: string): Tally => {
    const tally = tallies.get(kind) ?? { kind, tried: 0, noticed: 0, named: 0, honest: 0, falseAlarms: 0 };
    tallies.set(kind, tally);
    return tally;
  };
  return {
    tried(kind, { noticed, named, what }) {
      const tally = of(kind);
      tally.tried += 1;
      if (noticed) tally.noticed += 1;
      if (named) tally.named += 1;
      if (!noticed || !named) wrong.push(`${noticed ? "NOT NAMED" : "MISSED"} ${kind}: ${what}`);
    },
    honest(kind, alarms) {
      const tally = of(kind);
      tally.honest += 1;
      if (alarms.length === 0) return;
      tally.falseAlarms += 1;
      wrong.push(`FALSE ALARM ${kind}: ${JSON.stringify(alarms).slice(0, 500)}`);
    },
    add(others, words) {
      for (const { kind, ...counts } of others) {
        const tally = of(kind);
        for (const [name, count] of Object.entries(counts) as [Exclude<keyof Tally, "kind">, number][]) tally[name] += count;
      }
      wrong.push(...words);
    },
    get all() {
      return [...tallies.values()];
    },
    wrong,
  };
}

export interface Random {
  /** A whole number from 0 to below `bound`. */
  below(bound: number): number;
  pick<T>(list: readonly T[]): T;
  bytes(count: number): Buffer;
}

/** The same numbers for the same seed, on every machine (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return { below, pick: (list) => list[below(list.length)]!, bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))) };
}

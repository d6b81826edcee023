/**
 * Where packets that were given up would have lain. One that comes after all is put there and nowhere else: its timestamp is
 * the word of whoever sent it, and a false one must not throw it hours away or onto its neighbors.
 */
export interface LatePlaces {
  /** The `count` packets before number `next` never came; the samples from one to the other are where they belong. */
  add(next: number, count: number, fromSample: number, toSample: number): void;
  /** Place of a packet that came late, which is then no longer free; null where it has none. `byClock`: where its timestamp puts it. */
  take(sequence: number, samples: number, byClock: number): number | null;
}

interface Hole {
  readonly next: number;
  readonly count: number;
  readonly fromSample: number;
  readonly toSample: number;
}

/** Further back than `createReorder` calls a packet late, nothing is looked for. */
const MAX_HOLES = 32;

export function createLatePlaces(): LatePlaces {
  let holes: Hole[] = [];

  return {
    add(next, count, fromSample, toSample) {
      holes.push({ next, count, fromSample, toSample });
      if (holes.length > MAX_HOLES) holes.shift();
    },
    take(sequence, samples, byClock) {
      for (const hole of holes) {
        const behind = (hole.next - sequence) & 0xffff;
        if (behind === 0 || behind > hole.count) continue;
        const before = hole.count - behind;
        // Where the missing packets fill the hole, the sequence alone says which part of it is this one's.
        const isFull = hole.toSample - hole.fromSample === hole.count * samples;
        const at = isFull ? hole.fromSample + before * samples : byClock;
        if (at < hole.fromSample || at + samples > hole.toSample) return null;
        const left: Hole = { next: sequence, count: before, fromSample: hole.fromSample, toSample: at };
        const right: Hole = { next: hole.next, count: behind - 1, fromSample: at + samples, toSample: hole.toSample };
        holes = holes.flatMap((one) => (one === hole ? [left, right].filter(({ count }) => count > 0) : [one]));
        return at;
      }
      return null;
    },
  };
}

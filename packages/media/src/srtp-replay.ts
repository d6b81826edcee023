/** Which numbers of one source came already (RFC 3711 §3.3.2), and what number a packet has that carries only half of it. */

/** 512 packets are ten seconds of 20 ms: the recorder takes late ones for three. RFC 3711 asks for 64 at least. */
export const REPLAY_WINDOW = 512;
const WORDS = 2 * (REPLAY_WINDOW / 32); // a power of two; twice as many as needed, so that those beyond the window can be cleared by whole words
const WRAP = 0x1_0000;

export interface ReplayWindow {
  /** -1 before the first. */
  readonly highest: number;
  check(index: number): "new" | "seen" | "old";
  /** Only for what was authentic. */
  mark(index: number): void;
}

export function createReplayWindow(): ReplayWindow {
  const bits = new Int32Array(WORDS);
  let highest = -1;
  return {
    get highest() {
      return highest;
    },
    check(index) {
      if (index > highest) return "new";
      if (highest - index >= REPLAY_WINDOW) return "old";
      return (((bits[(index >>> 5) & (WORDS - 1)] as number) >>> (index & 31)) & 1) === 1 ? "seen" : "new";
    },
    mark(index) {
      if (index > highest) {
        const from = Math.floor(highest / 32) + 1;
        const to = Math.floor(index / 32);
        if (to - from >= WORDS) bits.fill(0);
        else for (let word = from; word <= to; word++) bits[word & (WORDS - 1)] = 0;
        highest = index;
      }
      const at = (index >>> 5) & (WORDS - 1);
      bits[at] = (bits[at] as number) | (1 << (index & 31));
    },
  };
}

/** The roll-over counter that brings the number nearest to the highest one so far (RFC 3711 §3.3.1); never below 0. */
export function nearestRollovers(highest: number, sequence: number): number {
  const rollovers = Math.floor(highest / WRAP);
  const last = highest % WRAP;
  if (last < WRAP / 2) return sequence - last > WRAP / 2 ? Math.max(0, rollovers - 1) : rollovers;
  return last - WRAP / 2 > sequence ? rollovers + 1 : rollovers;
}

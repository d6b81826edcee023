/** Puts the packets of one stream into the order of their sequence numbers, waiting a little for those that are missing. */

export interface ReorderOptions<T> {
  /** How long a missing packet is waited for, counted from the first one that came past it. */
  readonly depthMs?: number;
  /** More than this many packets are never held back. */
  readonly maxPackets?: number;
  /** Makes of a pushed item one that may be held back; it is only lent to `push` otherwise. */
  readonly keep?: (item: T) => T;
  /**
   * Called for each packet, in order: `missing` packets just before it never came; `restarted` when its number has nothing
   * to do with those before.
   */
  readonly release: (item: T, arrivalMs: number, missing: number, restarted: boolean) => void;
}

/** What became of a pushed packet. `late`: it was waited for and given up. */
export type Pushed = "released" | "held" | "duplicate" | "late";

export interface Reorder<T> {
  /** `sequence` may be the 16-bit number or an extended one; only the lower 16 bits count. */
  push(sequence: number, item: T, arrivalMs: number): Pushed;
  /** Gives up what has been waited for long enough; to be called now and then, because a stream may simply stop. */
  drain(nowMs: number): void;
  /** Gives up everything that is missing and releases the rest. */
  flush(): void;
  readonly duplicates: number;
  readonly late: number;
  readonly missing: number;
  readonly restarts: number;
}

/** RFC 3550 A.1: further ahead than a minute, or further back than two seconds (of 20 ms packets), is another numbering. */
const MAX_AHEAD = 3000;
const MAX_BEHIND = 100;
/** Remembers which of the last packets were released, to tell a late one from a duplicate. Power of two above MAX_BEHIND. */
const MEMORY = 128;

export function createReorder<T>({ depthMs = 200, maxPackets = 50, keep = (item) => item, release }: ReorderOptions<T>): Reorder<T> {
  /** Next number in order; -1 before the first packet. */
  let next = -1;
  const held = new Map<number, { readonly item: T; readonly arrivalMs: number }>();
  /** When the first packet past the present hole came. */
  let waitingSinceMs = 0;
  const released = new Uint8Array(MEMORY);
  let duplicates = 0;
  let late = 0;
  let missing = 0;
  let restarts = 0;

  function pass(sequence: number, item: T, arrivalMs: number, missed: number, restarted: boolean): void {
    for (let gone = Math.min(missed, MEMORY); gone > 0; gone -= 1) released[(sequence - gone) & (MEMORY - 1)] = 0;
    released[sequence & (MEMORY - 1)] = 1;
    next = (sequence + 1) & 0xffff;
    missing += missed;
    release(item, arrivalMs, missed, restarted);
  }

  /** Releases what follows `next` without a hole, then starts the wait for the hole that is left. */
  function passHeld(): void {
    if (held.size === 0) return;
    for (let entry = held.get(next); entry !== undefined; entry = held.get(next)) {
      held.delete(next);
      pass(next, entry.item, entry.arrivalMs, 0, false);
    }
    waitingSinceMs = Infinity;
    for (const { arrivalMs } of held.values()) waitingSinceMs = Math.min(waitingSinceMs, arrivalMs);
  }

  function giveUpHole(): void {
    let missed = 0xffff;
    for (const sequence of held.keys()) missed = Math.min(missed, (sequence - next) & 0xffff);
    const sequence = (next + missed) & 0xffff;
    const entry = held.get(sequence);
    if (entry === undefined) return;
    held.delete(sequence);
    pass(sequence, entry.item, entry.arrivalMs, missed, false);
    passHeld();
  }

  function restart(sequence: number, item: T, arrivalMs: number): Pushed {
    while (held.size > 0) giveUpHole();
    const first = next < 0;
    if (!first) restarts += 1;
    released.fill(0);
    pass(sequence, item, arrivalMs, 0, !first);
    return "released";
  }

  const overdue = (nowMs: number): boolean => held.size > 0 && nowMs - waitingSinceMs >= depthMs;

  function drain(nowMs: number): void {
    while (overdue(nowMs)) giveUpHole();
  }

  return {
    push(extended, item, arrivalMs) {
      const sequence = extended & 0xffff;
      const ahead = next < 0 ? MAX_AHEAD + 1 : ((sequence - next) << 16) >> 16;
      if (ahead === 0) {
        pass(sequence, item, arrivalMs, 0, false);
        passHeld();
        drain(arrivalMs);
        return "released";
      }
      if (ahead > MAX_AHEAD || ahead < -MAX_BEHIND) return restart(sequence, item, arrivalMs);
      if (ahead < 0) {
        const known = released[sequence & (MEMORY - 1)] === 1;
        if (known) duplicates += 1;
        else late += 1;
        released[sequence & (MEMORY - 1)] = 1;
        return known ? "duplicate" : "late";
      }
      if (held.has(sequence)) {
        duplicates += 1;
        return "duplicate";
      }
      if (held.size === 0) waitingSinceMs = arrivalMs;
      held.set(sequence, { item: keep(item), arrivalMs });
      drain(arrivalMs);
      if (held.size > maxPackets) giveUpHole();
      return held.has(sequence) ? "held" : "released";
    },
    drain,
    flush() {
      while (held.size > 0) giveUpHole();
    },
    get duplicates() {
      return duplicates;
    },
    get late() {
      return late;
    },
    get missing() {
      return missing;
    },
    get restarts() {
      return restarts;
    },
  };
}

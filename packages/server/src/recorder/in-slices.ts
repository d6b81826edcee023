/**
 * Work that comes in crowds, in slices between which the loop turns. Node hands a thread up to a thousand messages in one turn, as long
 * as more come while it works on them: a media worker that opened two hundred calls a second came to neither its timers nor its
 * sockets for five seconds (measured), and what it heard meanwhile was in no journal.
 */
export interface Slices {
  /** In the order in which it comes, and never at once. */
  add(work: () => void): void;
}

/** What tests replace. */
export interface SliceTimes {
  readonly now?: () => number;
  readonly nextTurn?: (slice: () => void) => void;
}

/** Where the rest of a turn takes longer than a slice, the next slice may last as long, up to so many: a loop whose timers are always due must not leave this work behind. */
const longest = 10;

/** A slice begins no more work once it has lasted so long. */
export function createSlices(sliceMs: number, { now = performance.now.bind(performance), nextTurn = setImmediate }: SliceTimes = {}): Slices {
  let waiting: (() => void)[] = [];
  let isSet = false;
  /** When the slice ended that this one continues. */
  let endedAt: number | null = null;

  function set(): void {
    isSet = true;
    nextTurn(slice);
  }

  function slice(): void {
    const began = now();
    const until = began + Math.min(Math.max(sliceMs, began - (endedAt ?? began)), longest * sliceMs);
    const all = waiting;
    let done = 0;
    waiting = [];
    try {
      while (done < all.length && (done === 0 || now() < until)) {
        done += 1;
        all[done - 1]!();
      }
    } finally {
      // What was added meanwhile stands behind what was not reached.
      if (done < all.length) waiting = [...all.slice(done), ...waiting];
      isSet = false;
      endedAt = waiting.length > 0 ? now() : null;
      if (waiting.length > 0) set();
    }
  }

  return {
    add(work) {
      waiting.push(work);
      if (!isSet) set();
    },
  };
}

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

/** A slice begins no more work once it has lasted this long. */
const sliceMs = 20;

export function createSlices({ now = performance.now.bind(performance), nextTurn = setImmediate }: SliceTimes = {}): Slices {
  let waiting: (() => void)[] = [];
  let isSet = false;

  function set(): void {
    isSet = true;
    nextTurn(slice);
  }

  function slice(): void {
    const until = now() + sliceMs;
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

/** So many at once; the others wait, and begin in the order in which they came. */
export function atMost(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < most) running += 1;
    // Whoever ends hands its place on, so that nobody who comes now takes it first.
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** Timers as an argument, so that tests run RFC 3261's 32 seconds in none. */
export interface Timers {
  after(delayMs: number, run: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemTimers: Timers = {
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** RFC 3261 §17.1.1.1: an estimate of the round trip, the longest pause between retransmissions, how long a message may wander. */
export const t1Ms = 500;
export const t2Ms = 4_000;
export const t4Ms = 5_000;
/** Timers B, F, H, J, L: how long a transaction lives on. */
export const lifetimeMs = 64 * t1Ms;

/** Runs `again` after T1, 2·T1, 4·T1 … and never further apart than T2 (timers E and G, and the 200 of RFC 3261 §13.3.1.4). */
export function retransmit(timers: Timers, again: () => void): Timer {
  let pauseMs = t1Ms;
  let timer = timers.after(pauseMs, beat);
  function beat(): void {
    pauseMs = Math.min(2 * pauseMs, t2Ms);
    timer = timers.after(pauseMs, beat);
    again();
  }
  return { cancel: () => timer.cancel() };
}

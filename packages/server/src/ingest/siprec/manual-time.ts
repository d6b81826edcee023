import type { Clock } from "#clock";
import type { Timers } from "./timers.ts";

/** Test time: stands still until it is told to go on, and then runs what is due in order. */
export interface ManualTime extends Clock, Timers {
  advance(ms: number): void;
  readonly waiting: number;
}

export function createManualTime(startMs = Date.UTC(2026, 10, 20, 9, 15)): ManualTime {
  let nowMs = startMs;
  const waiting = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    now: () => new Date(nowMs),
    after(delayMs, run) {
      const entry = { atMs: nowMs + delayMs, run };
      waiting.add(entry);
      return { cancel: () => void waiting.delete(entry) };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const due = [...waiting].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        waiting.delete(due);
        nowMs = Math.max(nowMs, due.atMs);
        due.run();
      }
      nowMs = untilMs;
    },
    get waiting() {
      return waiting.size;
    },
  };
}

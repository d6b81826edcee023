import type { Clock } from "#clock";

/**
 * Slows guessing at one thing down: five tries are free, then each failure doubles the wait, up to a quarter of an hour. Nothing is ever
 * locked for good. Who waits is told so before anything is looked at, so that tries in the meantime cost nothing and prolong nothing.
 */
export interface AttemptLimit {
  /** Counts a try, before it is known what comes of it: many at once are many. Answers the milliseconds that have to pass first; then it does not count. */
  begin(key: string): number;
  /** The try was right: what went before is forgotten. */
  succeed(key: string): void;
}

const freeTries = 5;
const firstWaitMs = 1_000;
const longestWaitMs = 15 * 60_000;
const forgottenMs = 24 * 3_600_000;
/** Names that strangers make up are kept too; the oldest go first. 50,000 of them are some 10 MB. */
const mostKeys = 50_000;

export function createAttemptLimit(clock: Clock): AttemptLimit {
  const tries = new Map<string, { readonly count: number; readonly atMs: number }>();
  return {
    begin(key) {
      const now = clock.now().getTime();
      const before = tries.get(key);
      const isForgotten = before === undefined || now - before.atMs >= forgottenMs;
      const count = isForgotten ? 0 : before.count;
      const waitMs = count < freeTries ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(30, count - freeTries));
      const leftMs = isForgotten ? 0 : before.atMs + waitMs - now;
      if (leftMs > 0) return leftMs;
      tries.delete(key);
      tries.set(key, { count: count + 1, atMs: now });
      for (const oldest of tries.keys()) {
        if (tries.size <= mostKeys) break;
        tries.delete(oldest);
      }
      return 0;
    },
    succeed: (key) => void tries.delete(key),
  };
}

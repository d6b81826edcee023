/**
 * Pairs of ports for streams: RTP on the even one, RTCP on the next (RFC 3550, 11). A stream has its pair to itself, so a
 * packet can never be taken for another call's. A released pair rests before it is used again: the old sender may not know
 * yet that its call is over, and its last packets must not land in the next call.
 */

export interface PortRange {
  /** The RTP port of a pair; null when all are in use or resting. */
  take(): number | null;
  release(rtpPort: number): void;
  readonly free: number;
}

export const portRestMs = 2_000;

export function createPortRange(from: number, to: number, restMs = portRestMs, now: () => number = performance.now.bind(performance)): PortRange {
  const first = from + (from % 2);
  /** Longest unused first. */
  const free: { port: number; restsUntil: number }[] = [];
  for (let port = first; port + 1 <= to; port += 2) free.push({ port, restsUntil: 0 });
  return {
    take() {
      const next = free[0];
      if (next === undefined || next.restsUntil > now()) return null;
      free.shift();
      return next.port;
    },
    release(port) {
      free.push({ port, restsUntil: now() + restMs });
    },
    get free() {
      return free.length;
    },
  };
}

/** Cuts a range into one for each worker, none sharing a pair. */
export function splitPorts([from, to]: readonly [number, number], parts: number): (readonly [number, number])[] {
  const first = from + (from % 2);
  const pairs = Math.floor((to - first + 1) / 2);
  if (pairs < parts) throw new Error(`ports ${from}-${to} give ${Math.max(0, pairs)} pairs, fewer than ${parts} workers`);
  const each = Math.floor(pairs / parts);
  return Array.from({ length: parts }, (_, i) => [first + 2 * each * i, i === parts - 1 ? to : first + 2 * each * (i + 1) - 1] as const);
}

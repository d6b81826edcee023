/** How many messages one source may send: a bucket of `burst`, refilled at `perSecond`. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface SourceGuard {
  /** False: this source has used up its share, drop the message unread. */
  admit(address: string): boolean;
}

/**
 * Keeps a flood from one address from starving the others: what is refused here was not parsed. Sources over UDP can be forged, so
 * the number of buckets is bounded; the one unused the longest makes room, and its owner starts again with a full bucket.
 */
export function createSourceGuard(rateOf: (address: string) => Rate, nowMs: () => number, maxSources = 10_000): SourceGuard {
  const buckets = new Map<string, { tokens: number; atMs: number; readonly rate: Rate }>();
  return {
    admit(address) {
      const atMs = nowMs();
      const known = buckets.get(address);
      // A bucket that would be full again is a new bucket: the rate is looked up afresh, so a trunk added meanwhile counts.
      const full = known === undefined || known.tokens + ((atMs - known.atMs) / 1000) * known.rate.perSecond >= known.rate.burst;
      const rate = full ? rateOf(address) : known.rate;
      const tokens = full ? rate.burst : known.tokens + (Math.max(0, atMs - known.atMs) / 1000) * rate.perSecond;
      const admitted = tokens >= 1;
      buckets.delete(address);
      buckets.set(address, { tokens: admitted ? tokens - 1 : tokens, atMs, rate });
      if (buckets.size > maxSources) buckets.delete(buckets.keys().next().value!);
      return admitted;
    },
  };
}

/** So many requests a second for each address, and ten times that at once. Bounded: at most so many addresses are remembered, the oldest go. */

const burst = 10;
const remembered = 10_000;

export function createRateLimit(perSecond: number, nowMs: () => number): (address: string) => boolean {
  const buckets = new Map<string, { left: number; at: number }>();
  return (address) => {
    const at = nowMs();
    const before = buckets.get(address) ?? { left: perSecond * burst, at };
    const left = Math.min(perSecond * burst, before.left + (Math.max(0, at - before.at) / 1000) * perSecond);
    buckets.delete(address); // set again, it is the youngest
    buckets.set(address, { left: Math.max(0, left - 1), at });
    if (buckets.size > remembered) buckets.delete(buckets.keys().next().value!);
    return left >= 1;
  };
}

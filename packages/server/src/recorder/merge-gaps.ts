import type { Gap } from "@earwitness/contract";

/** In order, overlapping and touching ones of one reason joined: the same after any number of runs. */
export function mergeGaps(gaps: readonly Gap[]): Gap[] {
  const merged: Gap[] = [];
  for (const gap of gaps.toSorted((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs)) {
    const last = merged.findLast((other) => other.reason === gap.reason);
    if (last !== undefined && gap.fromMs <= last.toMs) merged[merged.indexOf(last)] = { ...last, toMs: Math.max(last.toMs, gap.toMs) };
    else merged.push(gap);
  }
  return merged;
}

/** Arithmetic on spans of a recording, in milliseconds from its start. Pure. */
import type { Gap, GapReason } from "@earwitness/contract";

export type Span = readonly [fromMs: number, toMs: number];

export function mergeSpans(spans: readonly (readonly number[])[], nearerThanMs = 0): Span[] {
  const merged: [number, number][] = [];
  for (const [from = 0, to = 0] of spans.toSorted((one, two) => (one[0] ?? 0) - (two[0] ?? 0))) {
    const last = merged.at(-1);
    if (last && from <= last[1] + nearerThanMs) last[1] = Math.max(last[1], to);
    else if (to > from) merged.push([from, to]);
  }
  return merged;
}

/** What of them lies inside. */
export const clipSpans = (spans: readonly Span[], [from, to]: Span): Span[] =>
  spans.flatMap((span): Span[] => (span[1] > from && span[0] < to ? [[Math.max(span[0], from), Math.min(span[1], to)]] : []));

export const lengthOf = (spans: readonly Span[]): number => spans.reduce((sum, [from, to]) => sum + to - from, 0);

export const isInside = (spans: readonly Span[], atMs: number): boolean => spans.some(([from, to]) => from <= atMs && atMs < to);

/** A little past a start still counts as being at it: audio elements seek to the nearest sample, not to ours. */
const atStartMs = 80;
/** As on every player: within this time "previous" goes to the segment before, later to the start of the one that plays. */
const restartAfterMs = 1_500;

const startsOf = (lanes: readonly (readonly Span[])[]): number[] => [...new Set(lanes.flatMap((spans) => spans.map(([from]) => from)))].toSorted((one, two) => one - two);

export function nextSegment(lanes: readonly (readonly Span[])[], atMs: number): number | null {
  return startsOf(lanes).find((from) => from > atMs + atStartMs) ?? null;
}

export function previousSegment(lanes: readonly (readonly Span[])[], atMs: number): number | null {
  const before = startsOf(lanes).filter((from) => from < atMs - atStartMs);
  const last = before.at(-1);
  if (last === undefined) return null;
  return atMs - last > restartAfterMs ? last : (before.at(-2) ?? last);
}

/** What gaps look like: a hold or a pause was meant and is dotted, anything else is a loss and is hatched. */
export const isMeant = (reason: GapReason): boolean => reason === "hold" || reason === "paused";

export interface GapGroup {
  readonly fromMs: number;
  readonly toMs: number;
  readonly missingMs: number;
  readonly count: number;
  readonly reasons: readonly GapReason[];
}

/** Neighbours too close to be pointed at one by one are one thing to point at. Meant gaps and losses stay apart. */
export function groupGaps(gaps: readonly Gap[], nearerThanMs: number): GapGroup[] {
  const groups: GapGroup[] = [];
  for (const meant of [true, false]) {
    const alike: GapGroup[] = [];
    for (const gap of gaps.filter((one) => isMeant(one.reason) === meant).toSorted((one, two) => one.fromMs - two.fromMs)) {
      const last = alike.at(-1);
      const alone = { fromMs: gap.fromMs, toMs: gap.toMs, missingMs: gap.toMs - gap.fromMs, count: 1, reasons: [gap.reason] };
      if (!last || gap.fromMs > last.toMs + nearerThanMs) alike.push(alone);
      else alike[alike.length - 1] = join(last, alone);
    }
    groups.push(...alike);
  }
  return groups.toSorted((one, two) => one.fromMs - two.fromMs);
}

const join = (one: GapGroup, two: GapGroup): GapGroup => ({
  fromMs: one.fromMs,
  toMs: Math.max(one.toMs, two.toMs),
  missingMs: one.missingMs + two.missingMs,
  count: one.count + two.count,
  reasons: [...new Set([...one.reasons, ...two.reasons])],
});

import type { LaneEvent } from "./lane-event.ts";

/** Where marks of events go when there are more than places for them. Pure. */

/** What a group of events at one place is called after: what changed most for who listens. */
const rank: readonly LaneEvent["kind"][] = ["transfer", "hold", "retrieve", "leave", "join", "key", "metadata"];

export const leading = (group: readonly LaneEvent[]): LaneEvent | undefined => group.toSorted((one, two) => rank.indexOf(one.kind) - rank.indexOf(two.kind))[0];

/** Marks that would cover each other become one. */
export function groupEvents(events: readonly LaneEvent[], xOf: (ms: number) => number, apartPx: number): LaneEvent[][] {
  const groups: LaneEvent[][] = [];
  for (const event of events) {
    const open = groups.at(-1);
    if (open?.[0] && xOf(event.atMs) - xOf(open[0].atMs) < apartPx) open.push(event);
    else groups.push([event]);
  }
  return groups;
}

export interface LabelPlace {
  readonly side: "left" | "right";
  readonly roomPx: number;
}

/** No word is shorter. */
const leastPx = 32;

/**
 * Room for words beside each mark: at its right as far as the next mark reaches, at its left where the lane ends first. What
 * lies between two marks is shared if both need it.
 */
export function placeLabels(xs: readonly number[], widthPx: number, markPx: number): (LabelPlace | null)[] {
  const last = xs.length - 1;
  const atEnd = (xs[last] ?? 0) + markPx + leastPx > widthPx;
  const between = last > 0 ? (xs[last] ?? 0) - (xs[last - 1] ?? 0) - 2 * markPx : 0;
  const shared = atEnd && between >= 2 * leastPx;
  return xs.map((x, n): LabelPlace | null => {
    if (n === last && atEnd) {
      const roomPx = last === 0 ? x - markPx : shared ? between / 2 : 0;
      return roomPx >= leastPx ? { side: "left", roomPx } : null;
    }
    const roomPx = n === last ? widthPx - x - markPx : n === last - 1 && shared ? between / 2 : (xs[n + 1] ?? 0) - x - 2 * markPx;
    return roomPx >= leastPx ? { side: "right", roomPx } : null;
  });
}

/** Wider than nearly every letter at this size: a word that is said to fit is never cut. */
const letterPx = 6;

/** The longest of the words that fits. */
export const fitting = (words: readonly string[], roomPx: number): string | null => words.find((word) => word.length * letterPx + 8 <= roomPx) ?? null;

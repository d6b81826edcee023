/** The part of a recording that the timeline shows, and how it moves. Pure. */

export interface View {
  readonly fromMs: number;
  readonly toMs: number;
}

const narrowestMs = 2_000;

export const lengthOfView = (view: View): number => view.toMs - view.fromMs;
export const isFit = (view: View, whole: View): boolean => view.fromMs <= whole.fromMs && view.toMs >= whole.toMs;

function inside(view: View, whole: View): View {
  const length = Math.min(lengthOfView(view), lengthOfView(whole));
  const fromMs = Math.max(whole.fromMs, Math.min(view.fromMs, whole.toMs - length));
  return { fromMs, toMs: fromMs + length };
}

/** `factor` above 1 looks closer. The moment `aroundMs` stays where it is on the screen. */
export function zoom(view: View, factor: number, aroundMs: number, whole: View): View {
  const length = Math.max(Math.min(narrowestMs, lengthOfView(whole)), Math.min(lengthOfView(whole), lengthOfView(view) / factor));
  const share = (aroundMs - view.fromMs) / lengthOfView(view);
  const fromMs = aroundMs - share * length;
  return inside({ fromMs, toMs: fromMs + length }, whole);
}

export const pan = (view: View, byMs: number, whole: View): View => inside({ fromMs: view.fromMs + byMs, toMs: view.toMs + byMs }, whole);

/** While it plays, the page turns when the playhead reaches its end; a jump elsewhere brings the new place into view. */
export function follow(view: View, atMs: number, whole: View): View {
  if (isFit(view, whole) || (atMs >= view.fromMs && atMs <= view.toMs)) return view;
  return pan(view, atMs - view.fromMs - lengthOfView(view) * 0.08, whole);
}

const stepsMs = [500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000];

export function ticks(view: View, widthPx: number, apartPx = 84): { stepMs: number; atMs: number[] } {
  const perPx = lengthOfView(view) / Math.max(1, widthPx);
  const stepMs = stepsMs.find((step) => step / perPx >= apartPx) ?? 14_400_000;
  const atMs: number[] = [];
  for (let at = Math.ceil(view.fromMs / stepMs) * stepMs; at <= view.toMs; at += stepMs) atMs.push(at);
  return { stepMs, atMs };
}

/** More of nothing tells nobody more. */
const mostGapMs = (soundMs: number): number => Math.max(5_000, soundMs * 0.15);

/** How much is drawn of a call that is over: its sound, and the beginning of what is missing after it. A recorder may have been down for hours. */
export const paperFor = (soundMs: number, missingUntilMs: number): number =>
  missingUntilMs - soundMs < 1_000 ? soundMs : Math.min(missingUntilMs, soundMs + mostGapMs(soundMs));

const ends = [30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000, 2_700_000, 3_600_000];

/** A running call is drawn on paper with room left, so that the picture stands still between two larger sheets. */
export function roomFor(runningMs: number): number {
  const wanted = runningMs * 1.08;
  return ends.find((end) => end >= wanted) ?? Math.ceil(wanted / 1_800_000) * 1_800_000;
}

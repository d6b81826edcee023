import { useText } from "../text.ts";
import { gapWords, laneName, type WallClock } from "./gap-words.ts";
import type { Lane } from "./lanes.ts";
import { groupGaps } from "./segments.ts";
import { lengthOfView, type View } from "./view.ts";
import s from "./timeline.module.css";

/** Narrower could not be pointed at. */
const narrowestPx = 10;

interface GapMarksProps {
  readonly lane: Lane;
  readonly view: View;
  readonly perPx: number;
  readonly wallClock: WallClock;
  readonly onSeek: (toMs: number) => void;
}

/** Places to point at over the hatching, each with its reason. */
export function GapMarks({ lane, view, perPx, wallClock, onSeek }: GapMarksProps) {
  const text = useText();
  const groups = groupGaps(
    lane.gaps.filter((gap) => gap.toMs >= view.fromMs && gap.fromMs <= view.toMs),
    narrowestPx * perPx,
  );
  return groups.map((group) => {
    const words = gapWords(group, laneName(lane), text, wallClock);
    const fromMs = Math.max(group.fromMs, view.fromMs);
    const widthMs = Math.max(Math.min(group.toMs, view.toMs) - fromMs, narrowestPx * perPx);
    return (
      <button
        key={`${group.fromMs} ${group.reasons[0]}`}
        type="button"
        className={s.gap}
        aria-label={words}
        data-tip={words}
        style={{ left: `${((fromMs - view.fromMs) / lengthOfView(view)) * 100}%`, width: `${(widthMs / lengthOfView(view)) * 100}%` }}
        onClick={() => onSeek(group.fromMs)}
      />
    );
  });
}

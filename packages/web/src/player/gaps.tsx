import { useText, type Text } from "../text.ts";
import { formatPosition } from "../time.ts";
import type { Lane } from "./lanes.ts";
import { groupGaps, type GapGroup } from "./segments.ts";
import { lengthOfView, type View } from "./view.ts";
import s from "./timeline.module.css";

/** Narrower could not be pointed at. */
const narrowestPx = 10;

export function gapWords(group: GapGroup, who: string, text: Text): string {
  const reason = group.reasons.map((one) => text(`gap.${one}`)).join(", ");
  const from = formatPosition(group.fromMs, true);
  const to = formatPosition(group.toMs, true);
  return group.count === 1
    ? text("gap.one", { who, reason, from, to })
    : text("gap.many", { who, reason, from, to, count: group.count, missing: formatPosition(group.missingMs, true) });
}

/** Places to point at over the hatching, each with its reason. */
export function GapMarks({ lane, name, view, perPx, onSeek }: { lane: Lane; name: string; view: View; perPx: number; onSeek: (toMs: number) => void }) {
  const text = useText();
  const groups = groupGaps(
    lane.gaps.filter((gap) => gap.toMs >= view.fromMs && gap.fromMs <= view.toMs),
    narrowestPx * perPx,
  );
  return groups.map((group) => {
    const words = gapWords(group, name, text);
    const widthMs = Math.max(group.toMs - group.fromMs, narrowestPx * perPx);
    return (
      <button
        key={`${group.fromMs} ${group.reasons[0]}`}
        type="button"
        className={s.gap}
        aria-label={words}
        data-tip={words}
        style={{ left: `${((group.fromMs - view.fromMs) / lengthOfView(view)) * 100}%`, width: `${(widthMs / lengthOfView(view)) * 100}%` }}
        onClick={() => onSeek(group.fromMs)}
      />
    );
  });
}

import type { CallEvent } from "@earwitness/contract";
import { ArrowEnterRegular } from "@fluentui/react-icons/svg/arrow-enter";
import { ArrowExitRegular } from "@fluentui/react-icons/svg/arrow-exit";
import { CallTransferRegular } from "@fluentui/react-icons/svg/call-transfer";
import { InfoRegular } from "@fluentui/react-icons/svg/info";
import { PauseRegular } from "@fluentui/react-icons/svg/pause";
import { PlayRegular } from "@fluentui/react-icons/svg/play";
import type { ReactElement } from "react";
import { useText, type Text } from "../text.ts";
import { formatPosition } from "../time.ts";
import { lengthOfView, type View } from "./view.ts";
import s from "./timeline.module.css";

const icons: Readonly<Record<CallEvent["kind"], ReactElement>> = {
  join: <ArrowEnterRegular />,
  leave: <ArrowExitRegular />,
  hold: <PauseRegular />,
  retrieve: <PlayRegular />,
  transfer: <CallTransferRegular />,
  metadata: <InfoRegular />,
};

/** Room for a mark with a number. */
const apartPx = 38;

export const eventWords = (event: CallEvent, nameOf: (aor: string | null) => string, text: Text): string =>
  event.kind === "metadata" && event.text ? event.text : text(`event.${event.kind}`, { who: nameOf(event.participant) });

/** Marks that would cover each other become one with a number; its words name them all. */
export function EventMarks({ events, view, widthPx, nameOf, onSeek }: { events: readonly CallEvent[]; view: View; widthPx: number; nameOf: (aor: string | null) => string; onSeek: (toMs: number) => void }) {
  const text = useText();
  const xOf = (ms: number) => ((ms - view.fromMs) / lengthOfView(view)) * widthPx;
  const groups: CallEvent[][] = [];
  for (const event of events.filter((one) => one.atMs >= view.fromMs - 500 && one.atMs <= view.toMs + 500)) {
    const open = groups.at(-1);
    if (open?.[0] && xOf(event.atMs) - xOf(open[0].atMs) < apartPx) open.push(event);
    else groups.push([event]);
  }
  return groups.map((group) => {
    const [first] = group;
    if (!first) return null;
    const words = group.map((event) => text("event.at", { at: formatPosition(event.atMs), what: eventWords(event, nameOf, text) })).join("; ");
    const same = group.every((event) => event.kind === first.kind);
    return (
      <button
        key={`${first.atMs} ${first.kind} ${first.participant}`}
        type="button"
        className={s.event}
        aria-label={words}
        data-tip={words}
        style={{ left: Math.max(11, Math.min(widthPx - 11, xOf(first.atMs))) }}
        onClick={() => onSeek(first.atMs)}
      >
        {same ? icons[first.kind] : null}
        {group.length > 1 && <span className={s.number} data-number={same ? group.length : `• ${group.length}`} />}
      </button>
    );
  });
}

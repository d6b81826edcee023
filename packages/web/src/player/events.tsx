import { ArrowEnterRegular } from "@fluentui/react-icons/svg/arrow-enter";
import { ArrowExitRegular } from "@fluentui/react-icons/svg/arrow-exit";
import { CallTransferRegular } from "@fluentui/react-icons/svg/call-transfer";
import { DialpadRegular } from "@fluentui/react-icons/svg/dialpad";
import { InfoRegular } from "@fluentui/react-icons/svg/info";
import { PauseRegular } from "@fluentui/react-icons/svg/pause";
import { PlayRegular } from "@fluentui/react-icons/svg/play";
import type { ReactElement } from "react";
import { useText, type Text } from "../text.ts";
import { formatPosition } from "../time.ts";
import { fitting, groupEvents, leading, placeLabels } from "./event-layout.ts";
import type { LaneEvent } from "./lane-event.ts";
import { lengthOfView, type View } from "./view.ts";
import s from "./timeline.module.css";

const icons: Readonly<Record<LaneEvent["kind"], ReactElement>> = {
  join: <ArrowEnterRegular />,
  leave: <ArrowExitRegular />,
  hold: <PauseRegular />,
  retrieve: <PlayRegular />,
  transfer: <CallTransferRegular />,
  metadata: <InfoRegular />,
  key: <DialpadRegular />,
};

/** Room for a mark with a number, and half a mark with its distance from the words beside it. */
const apartPx = 44;
const markPx = 16;
const numberPx = 24;

type NameOf = (aor: string | null) => string;

/** The recorder names both sides of a transfer; the event itself only who made it. */
export const eventWords = (event: LaneEvent, nameOf: NameOf, text: Text): string =>
  event.kind === "key" ? text("event.key", { who: nameOf(event.participant), key: event.text }) :
  (event.kind === "metadata" || event.kind === "transfer") && event.text ? event.text : text(`event.${event.kind}`, { who: nameOf(event.participant) });

/** What may stand beside the mark of a group, the best first. */
function groupWords(group: readonly LaneEvent[], first: LaneEvent, nameOf: NameOf, text: Text): string[] {
  const others = group.filter((event) => event.kind !== first.kind).length;
  const same = group.length - others;
  // Several keys in a row are read as the number that was typed.
  const typed = group.every((event) => event.kind === "key") ? group.map((event) => event.text).join("") : null;
  if (typed !== null) return [text("event.keys", { who: nameOf(first.participant), keys: typed }), typed];
  const also = others > 0 ? ` +${others}` : "";
  const number = also || (same > 1 ? String(same) : "");
  if (same > 1 && (first.kind === "join" || first.kind === "leave")) return [text(`event.several.${first.kind}`, { count: same }) + also, number];
  const short = first.kind === "key" ? first.text : text(`event.short.${first.kind}`);
  return [eventWords(first, nameOf, text) + also, short + also, number];
}

interface EventMarksProps {
  readonly events: readonly LaneEvent[];
  readonly view: View;
  readonly widthPx: number;
  /** Words stay on this side of it: there a running call has its playhead. */
  readonly untilMs: number;
  readonly nameOf: NameOf;
  readonly onSeek: (toMs: number) => void;
}

/** Marks that would cover each other become one with a number; its name says them all. Words stand beside it where there is room. */
export function EventMarks({ events, view, widthPx, untilMs, nameOf, onSeek }: EventMarksProps) {
  const text = useText();
  const xOf = (ms: number) => Math.max(11, Math.min(widthPx - 11, ((ms - view.fromMs) / lengthOfView(view)) * widthPx));
  const shown = events.filter((one) => one.atMs >= view.fromMs - 500 && one.atMs <= view.toMs + 500);
  const groups = groupEvents(shown, xOf, apartPx);
  const places = placeLabels(groups.map(([first]) => xOf(first?.atMs ?? 0)), xOf(untilMs) + markPx, markPx);
  return groups.map((group, n) => {
    const first = leading(group);
    if (!first) return null;
    const words = group.map((event) => text("event.at", { at: formatPosition(event.atMs), what: eventWords(event, nameOf, text) })).join("; ");
    const x = xOf(group[0]?.atMs ?? 0);
    const place = places[n] ?? { side: x > xOf(untilMs) / 2 ? "left" : "right", roomPx: numberPx };
    // The name says what is read beside the mark, so that it can also be asked for by voice.
    const label = fitting(groupWords(group, first, nameOf, text), place.roomPx);
    return (
      <button
        key={`${first.atMs} ${first.kind} ${first.participant}`}
        type="button"
        className={s.event}
        aria-label={label && !words.includes(label) ? `${label}: ${words}` : words}
        data-tip={words}
        data-side={place.side}
        style={{ left: x }}
        onClick={() => onSeek(group[0]?.atMs ?? 0)}
      >
        <span className={s.mark}>{icons[first.kind]}</span>
        {label && <span className={s.label}>{label}</span>}
      </button>
    );
  });
}

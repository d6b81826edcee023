import { ArrowDownLeftRegular } from "@fluentui/react-icons/svg/arrow-down-left";
import { ArrowUpRightRegular } from "@fluentui/react-icons/svg/arrow-up-right";
import { PeopleRegular } from "@fluentui/react-icons/svg/people";
import type { Direction, Interaction } from "@earwitness/contract";
import { Link } from "@tanstack/react-router";
import { memo, type ReactElement } from "react";
import type { MessageId } from "../messages/en.ts";
import { isConference, otherParty, partyName, partyTip } from "../party.ts";
import { pages } from "../paths.ts";
import { canBundle, SealMark } from "../proof/seal-mark.tsx";
import { useReader, useText, type Text } from "../text.ts";
import { formatClock, formatDate, formatMoment } from "../time.ts";
import { GapsMark } from "./gaps-mark.tsx";
import { Others } from "./others.tsx";
import type { Row } from "./rows.ts";
import { CallDuration, Status } from "./status.tsx";
import s from "./row.module.css";

export const columns = ["status", "user", "date", "start", "duration", "direction", "called", "calling", "answering", "release", "type"] as const;

export const directionIcons: Readonly<Record<Direction, ReactElement>> = {
  Incoming: <ArrowDownLeftRegular />,
  Outgoing: <ArrowUpRightRegular />,
  None: <PeopleRegular />,
};

export const answeringName = (call: Interaction, text: Text): string =>
  isConference(call) && call.answeredAt ? text("party.conference") : partyName(call.answering);

export interface RowProps {
  readonly row: Row;
  /** Whether Tab reaches this row; the others are reached with j and k. */
  readonly current: boolean;
  readonly onFocus: (id: string) => void;
  /** Null where nothing can be done with a selection. */
  readonly ticked: boolean | null;
  readonly onTick: (id: string, wanted: boolean) => void;
}

function Tick({ row, current, ticked, onTick, label }: Pick<RowProps, "row" | "current" | "ticked" | "onTick"> & { label: string }) {
  const text = useText();
  return <input type="checkbox" className={s.tick} checked={ticked === true} disabled={!canBundle(row)} tabIndex={current ? 0 : -1} aria-label={text("bundle.tick", { row: label })} onChange={({ target }) => onTick(row.id, target.checked)} />;
}

function useRowLabel(row: Row): string {
  const text = useText();
  const reader = useReader();
  return text("list.row", {
    user: row.user.name,
    direction: text(`direction.${row.direction}`),
    date: formatDate(row.startedAt, reader),
    time: formatClock(row.startedAt, reader),
    status: text(`status.${row.mediaStatus}`),
  });
}

function RowLink({ row, current, onFocus, className, label }: Pick<RowProps, "row" | "current" | "onFocus"> & { className: string | undefined; label: string }) {
  return (
    <Link
      {...pages.interaction(row.id)}
      className={className}
      tabIndex={current ? 0 : -1}
      data-row-link={row.id}
      onFocus={() => onFocus(row.id)}
      data-tip={partyTip(row.user)}
      aria-label={label}
    >
      {row.user.name}
    </Link>
  );
}

/** Scrolling draws the list at every frame; a row that did not change is not drawn with it. */
export const TableRow = memo(function TableRow(props: RowProps) {
  const { row } = props;
  const text = useText();
  const reader = useReader();
  const type = text(`type.${row.type}` satisfies MessageId);
  const label = useRowLabel(row);
  return (
    <>
      {props.ticked !== null && (
        <div role="cell" className={s.cell}>
          <Tick {...props} label={label} />
        </div>
      )}
      <div role="cell" className={s.cell}>
        <Status status={row.mediaStatus} quiet />
        {row.hasGaps && <GapsMark />}
        <SealMark call={row} />
      </div>
      <div role="cell" className={s.cell}>
        <RowLink {...props} label={label} className={s.link} />
      </div>
      <div role="cell" className={s.cell} data-soft>
        {formatDate(row.startedAt, reader)}
      </div>
      <div role="cell" className={s.cell}>
        {formatClock(row.startedAt, reader)}
      </div>
      <div role="cell" className={s.cell} data-column="duration">
        <CallDuration call={row} />
      </div>
      <div role="cell" className={s.cell} data-soft>
        <span className={s.direction}>
          {directionIcons[row.direction]}
          <span className={s.clip}>{text(`direction.${row.direction}`)}</span>
        </span>
      </div>
      <div role="cell" className={s.cell}>
        <span className={s.clip} data-tip={partyTip(row.called)}>
          {partyName(row.called)}
        </span>
      </div>
      <div role="cell" className={s.cell}>
        <span className={s.clip} data-tip={partyTip(row.calling)}>
          {partyName(row.calling)}
        </span>
        <Others call={row} />
      </div>
      <div role="cell" className={s.cell} data-column="answering">
        <span className={s.clip} data-tip={isConference(row) ? undefined : partyTip(row.answering)}>
          {answeringName(row, text)}
        </span>
      </div>
      <div role="cell" className={s.cell} data-column="release" data-soft>
        {row.releaseCause && text(`release.${row.releaseCause}`)}
      </div>
      <div role="cell" className={s.cell} data-column="type" data-soft>
        <span className={s.clip} data-tip={type}>
          {type}
        </span>
      </div>
    </>
  );
});

/** The same facts where a table has no room. */
export const CardRow = memo(function CardRow(props: RowProps) {
  const { row } = props;
  const text = useText();
  const reader = useReader();
  const label = useRowLabel(row);
  return (
    <div role="cell" className={s.card} data-ticks={props.ticked === null ? undefined : true}>
      {props.ticked !== null && <Tick {...props} label={label} />}
      <div className={s.line}>
        <Status status={row.mediaStatus} quiet />
        <RowLink {...props} label={label} className={s.link} />
        <span className={s.when}>
          {formatMoment(row.startedAt, reader, new Date())}
        </span>
      </div>
      <div className={s.line} data-soft>
        <span className={s.direction}>
          {directionIcons[row.direction]}
          <span className="unseen">{text(`direction.${row.direction}`)}</span>
        </span>
        <span className={s.clip}>{isConference(row) ? text("party.conference") : partyName(otherParty(row))}</span>
        <Others call={row} />
        {row.hasGaps && <GapsMark />}
        <SealMark call={row} />
        <span className={s.when} data-column="duration">
          {row.releaseCause && row.releaseCause !== "Normal" && <span>{text(`release.${row.releaseCause}`)}</span>}
          <CallDuration call={row} />
        </span>
      </div>
    </div>
  );
});

import type { AuditEntry } from "@earwitness/contract";
import { memo, type MouseEvent } from "react";
import { useReader, useText } from "../text.ts";
import { formatAuditTime } from "../time.ts";
import { ActorMark } from "./actor.tsx";
import s from "./audit.module.css";

export const auditColumns = ["tick", "at", "name", "action", "item", "description"] as const;

interface AuditRowProps {
  readonly entry: AuditEntry;
  readonly cards: boolean;
  /** Whether Tab reaches it; the others are reached with j and k. */
  readonly current: boolean;
  readonly ticked: boolean;
  readonly open: boolean;
  readonly onFocus: (id: string) => void;
  readonly onTick: (id: string, wanted: boolean) => void;
  readonly onOpen: (id: string) => void;
}

export const AuditRow = memo(function AuditRow({ entry, cards, current, ticked, open, onFocus, onTick, onOpen }: AuditRowProps) {
  const text = useText();
  const reader = useReader();
  const at = formatAuditTime(entry.at, reader);
  const { actor, action, item, description } = entry;
  const tick = (
    <input
      type="checkbox"
      className={s.tick}
      checked={ticked}
      tabIndex={current ? 0 : -1}
      aria-label={text("audit.tick", { description })}
      onChange={({ target }) => onTick(entry.id, target.checked)}
    />
  );
  const link = (
    <button
      type="button"
      className={s.link}
      tabIndex={current ? 0 : -1}
      data-row-link={entry.id}
      aria-expanded={open}
      aria-label={text("audit.row", { description, at })}
      onFocus={() => onFocus(entry.id)}
      onClick={(event: MouseEvent) => {
        event.preventDefault();
        onOpen(entry.id);
      }}
    >
      {description}
    </button>
  );
  const name = (
    <>
      <ActorMark actor={actor} />
      <span className={s.clip} data-tip={actor.upn ?? actor.name}>
        {actor.name}
      </span>
    </>
  );
  if (cards) {
    return (
      <div role="cell" className={s.card} data-open={open || undefined}>
        {tick}
        <div className={s.line}>{link}</div>
        <div className={s.line} data-soft>
          {name}
          <span className={s.word}>{action}</span>
          <span className={s.when}>{at}</span>
        </div>
      </div>
    );
  }
  return (
    <>
      <div role="cell" className={s.cell} data-open={open || undefined}>
        {tick}
      </div>
      <div role="cell" className={s.cell}>
        {at}
      </div>
      <div role="cell" className={s.cell}>
        {name}
      </div>
      <div role="cell" className={s.cell}>
        <span className={s.word} data-action={action}>
          {action}
        </span>
      </div>
      <div role="cell" className={s.cell} data-soft>
        {item}
      </div>
      <div role="cell" className={s.cell}>
        {link}
      </div>
    </>
  );
});

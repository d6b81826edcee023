import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { TipRegion } from "../frame/tip.tsx";
import { isTyping } from "../keyboard.ts";
import { useMedia } from "../media.ts";
import { canBundle } from "../proof/seal-mark.tsx";
import { useText } from "../text.ts";
import { CardRow, columns, TableRow } from "./row.tsx";
import r from "./row.module.css";
import type { Row } from "./rows.ts";
import s from "./table.module.css";

const rowPx = 32;
const cardPx = 66;

/** Where each list was left, so that coming back shows what was being read. */
const leftAtPx = new Map<string, number>();

export interface Column {
  readonly key: string;
  readonly label: string;
  /** In place of the label. */
  readonly head?: ReactNode;
}

interface TableProps<R extends { readonly id: string }> {
  /** Names the list whose place is remembered. */
  readonly name: string;
  readonly label: string;
  /** How wide the columns are (table.module.css). */
  readonly layout: "interactions" | "audit";
  readonly columns: readonly Column[];
  readonly rows: readonly R[];
  readonly statusOf?: (row: R) => string | undefined;
  /** Cells of a row, or the card that stands for it. `current`: whether Tab reaches it; the others are reached with j and k. */
  readonly children: (row: R, cards: boolean, current: boolean, onFocus: (id: string) => void) => ReactNode;
  readonly total: number | null;
  readonly hasMore: boolean;
  readonly onNeedMore: () => void;
  /** Told whether the reader is at the top and touches nothing, so that new rows may come in there. */
  readonly onRest: (resting: boolean) => void;
  readonly footer: ReactNode;
  readonly pill: ReactNode;
}

/** What is ticked in a list, where something can be done with it. */
export interface Ticks {
  readonly ticked: ReadonlySet<string>;
  readonly onTick: (id: string, wanted: boolean) => void;
  readonly onTickAll: (wanted: boolean) => void;
}

export function InteractionTable({ ticks, ...props }: Pick<TableProps<Row>, "name" | "rows" | "total" | "hasMore" | "onNeedMore" | "onRest" | "footer" | "pill"> & { readonly ticks: Ticks | null }) {
  const text = useText();
  const tickable = ticks === null ? [] : props.rows.filter(canBundle);
  const head = ticks !== null && <input type="checkbox" className={r.tick} checked={tickable.length > 0 && tickable.every(({ id }) => ticks.ticked.has(id))} disabled={tickable.length === 0} aria-label={text("bundle.tickAll")} onChange={({ target }) => ticks.onTickAll(target.checked)} />;
  const facts = useInteractionColumns();
  const shown: readonly Column[] = ticks === null ? facts : [{ key: "tick", label: text("list.column.tick"), head }, ...facts];
  return (
    <ListTable {...props} label={text("list.page")} layout="interactions" columns={shown} statusOf={statusOf}>
      {(row, cards, current, onFocus) => {
        const cells = { row, current, onFocus, ticked: ticks === null ? null : ticks.ticked.has(row.id), onTick: ticks?.onTick ?? ignore };
        return cards ? <CardRow {...cells} /> : <TableRow {...cells} />;
      }}
    </ListTable>
  );
}

const ignore = (): void => undefined;

const statusOf = (row: Row): string => row.mediaStatus;

function useInteractionColumns(): readonly Column[] {
  const text = useText();
  return columns.map((key) => ({ key, label: text(`list.column.${key}`) }));
}

/** A list of any length: only what is in sight is drawn, and the keyboard moves from row to row. */
export function ListTable<R extends { readonly id: string }>({ name, label, layout, columns: shown, rows, statusOf: stateOf, children: cells, total, hasMore, onNeedMore, onRest, footer, pill }: TableProps<R>) {
  const cards = useMedia("(max-width: 900px)");
  const scroller = useRef<HTMLDivElement>(null);
  const [currentId, setCurrentId] = useState<string | null>(null);
  const heightPx = cards ? cardPx : rowPx;

  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => heightPx,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 14,
    initialOffset: leftAtPx.get(name) ?? 0,
  });
  useLayoutEffect(() => virtualizer.measure(), [virtualizer, heightPx]);

  const items = virtualizer.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastSeen >= rows.length - 40) onNeedMore();
  }, [hasMore, lastSeen, rows.length, onNeedMore]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let lastMoved = 0;
    const tell = () => {
      leftAtPx.set(name, element.scrollTop);
      const reading = element.scrollTop > 4 || element.querySelector("[data-row-link]:focus-visible, :popover-open") !== null;
      // A pointer on its way to a row must meet that row.
      onRest(!reading && performance.now() - lastMoved > 1_500);
    };
    const moved = () => {
      lastMoved = performance.now();
    };
    element.addEventListener("scroll", tell, { passive: true });
    element.addEventListener("pointermove", moved, { passive: true });
    const timer = setInterval(tell, 500);
    tell();
    return () => {
      element.removeEventListener("scroll", tell);
      element.removeEventListener("pointermove", moved);
      clearInterval(timer);
    };
  }, [name, onRest]);

  useEffect(() => {
    const move = (by: number) => {
      if (rows.length === 0) return;
      const at = rows.findIndex((row) => row.id === currentId);
      const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
      if (!next) return;
      setCurrentId(next.id);
      virtualizer.scrollToIndex(rows.indexOf(next), { align: "auto" });
      requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-row-link="${next.id}"]`)?.focus({ preventScroll: true }));
    };
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const inRows = scroller.current?.contains(document.activeElement) ?? false;
      if (event.key === "j" || (inRows && event.key === "ArrowDown")) move(1);
      else if (event.key === "k" || (inRows && event.key === "ArrowUp")) move(-1);
      else if (inRows && event.key === "Home") move(-rows.length);
      else if (inRows && event.key === "End") move(rows.length);
      // The current row may have been scrolled away, and with it the link that had the focus.
      else if (event.key === "Enter" && document.activeElement === document.body && currentId)
        scroller.current?.querySelector<HTMLElement>(`[data-row-link="${currentId}"]`)?.click();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [rows, currentId, virtualizer]);

  const currentIndex = rows.findIndex((row) => row.id === currentId);
  const tabStop = items.some((item) => item.index === currentIndex) ? currentIndex : (items.find((item) => item.start >= (virtualizer.scrollOffset ?? 0))?.index ?? 0);

  return (
    <div className={s.frame} data-layout={layout} data-ticks={shown[0]?.key === "tick" || undefined}>
      {pill}
      <TipRegion className={s.region}>
        <div ref={scroller} className={s.scroller} data-list-scroller>
          <div role="table" aria-label={label} aria-rowcount={total === null ? -1 : total + 1} aria-colcount={cards ? 1 : shown.length} className={s.table}>
            <div role="rowgroup" className={s.head}>
              <div role="row" aria-rowindex={1} className={s.headRow}>
                {cards ? (
                  <div role="columnheader" className="unseen">
                    {label}
                  </div>
                ) : (
                  shown.map((column) => (
                    <div key={column.key} role="columnheader" className={s.headCell} data-column={column.key} data-tip={column.head === undefined ? column.label : undefined}>
                      {column.head ?? column.label}
                    </div>
                  ))
                )}
              </div>
            </div>
            <div role="rowgroup" className={s.rows} style={{ height: virtualizer.getTotalSize() }}>
              {items.map((item) => {
                const row = rows[item.index];
                if (!row) return null;
                return (
                  <div
                    key={row.id}
                    role="row"
                    aria-rowindex={item.index + 2}
                    className={s.row}
                    data-cards={cards || undefined}
                    data-status={stateOf?.(row)}
                    style={{ height: item.size, transform: `translateY(${item.start}px)` }}
                  >
                    {cells(row, cards, item.index === tabStop, setCurrentId)}
                  </div>
                );
              })}
            </div>
          </div>
          {footer}
        </div>
      </TipRegion>
    </div>
  );
}

/** The shape of what comes. */
export function TableSkeleton({ ticks }: { ticks: boolean }) {
  const facts = useInteractionColumns();
  return <ListSkeleton layout="interactions" columns={ticks ? [{ key: "tick", label: "" }, ...facts] : facts} />;
}

export function ListSkeleton({ layout, columns: shown }: { layout: TableProps<Row>["layout"]; columns: readonly Column[] }) {
  const text = useText();
  const cards = useMedia("(max-width: 900px)");
  return (
    <div className={s.frame} data-layout={layout} data-ticks={shown[0]?.key === "tick" || undefined} role="status" aria-label={text("list.loading")}>
      <div className={s.scroller} data-still aria-hidden="true">
        <div className={s.head}>
          <div className={s.headRow}>
            {!cards &&
              shown.map((column) => (
                <div key={column.key} className={s.headCell} data-column={column.key}>
                  {column.label}
                </div>
              ))}
          </div>
        </div>
        {Array.from({ length: 24 }, (_, n) => (
          <div key={n} className={s.row} data-cards={cards || undefined} data-skeleton style={{ height: cards ? cardPx : rowPx, opacity: 1 - n / 26 }}>
            {cards ? (
              <div className={s.bones}>
                <span className={s.bone} style={{ width: `${45 + ((n * 7) % 20)}%` }} />
                <span className={s.bone} style={{ width: `${30 + ((n * 11) % 25)}%` }} />
              </div>
            ) : (
              shown.map((column, m) => (
                <div key={column.key} className={s.boneCell} data-column={column.key}>
                  <span className={s.bone} style={{ width: column.key === "status" || column.key === "tick" ? 18 : `${55 + ((n * 13 + m * 29) % 35)}%` }} />
                </div>
              ))
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

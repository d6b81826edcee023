import { Button, Spinner } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons/svg/arrow-download";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import { ShieldKeyholeRegular } from "@fluentui/react-icons/svg/shield-keyhole";
import { ShieldTaskRegular } from "@fluentui/react-icons/svg/shield-task";
import { useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState } from "react";
import { api, problemOf } from "../api.ts";
import { Fault, Notice, useProblemWords } from "../frame/notice.tsx";
import { Pill } from "../frame/pill.tsx";
import { Title } from "../frame/title.tsx";
import { isTyping } from "../keyboard.ts";
import { FilterChips } from "../list/filter-chips.tsx";
import { ListSkeleton, ListTable, type Column } from "../list/table.tsx";
import type { AuditSearch } from "../paths.ts";
import { save } from "../proof/receive.ts";
import { sessionQuery } from "../queries.ts";
import { useReader, useText } from "../text.ts";
import { formatAuditTime, formatZone } from "../time.ts";
import { actionsOf, byOf, filterOf, itemsOf } from "./audit-filter.ts";
import { AuditFilters } from "./audit-filters.tsx";
import { auditColumns, AuditRow } from "./audit-row.tsx";
import { Details } from "./details.tsx";
import { entryQuery, useAudit } from "./use-audit.ts";
import page from "../pages/interactions.module.css";
import s from "./audit.module.css";

export function AuditPage() {
  const text = useText();
  const { data: session } = useSuspenseQuery(sessionQuery);
  if (session.permissions.includes("audit.read")) return <Trail />;
  return (
    <>
      <Title page={text("audit.page")} />
      <Notice alone icon={<ShieldKeyholeRegular />} title={text("fault.forbidden.title")}>
        <p>{text("audit.forbidden")}</p>
        <p>{text("fault.forbidden", { profile: session.profile, tenant: session.tenant.name })}</p>
      </Notice>
    </>
  );
}

const nothing: ReadonlySet<string> = new Set();

function Trail() {
  const text = useText();
  const reader = useReader();
  const navigate = useNavigate({ from: "/audit" });
  const search = useSearch({ from: "/signed-in/audit" });
  const { open, ...asked } = search;
  const askedText = JSON.stringify(asked);
  const filter = useMemo(() => filterOf(JSON.parse(askedText) as AuditSearch), [askedText]);
  const { list, rows, name, arrivals, settle, onRest } = useAudit(filter);

  const change = useCallback((next: AuditSearch) => void navigate({ search: (before) => ({ ...before, ...next, ...("open" in next ? {} : { open: undefined }) }), replace: true, resetScroll: false }), [navigate]);
  const onOpen = useCallback((id: string) => void navigate({ search: (before) => ({ ...before, open: before.open === id ? undefined : id }), replace: true, resetScroll: false }), [navigate]);
  const close = useCallback(() => {
    const id = open;
    change({ open: undefined });
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-row-link="${id}"]`)?.focus());
  }, [change, open]);

  // What was ticked belongs to one question; another begins with nothing.
  const [held, setHeld] = useState<{ name: string; ticked: ReadonlySet<string>; all: boolean }>({ name, ticked: nothing, all: false });
  const { ticked, all } = held.name === name ? held : { ticked: nothing, all: false };
  const onTick = useCallback(
    (id: string, wanted: boolean) =>
      setHeld((before) => {
        const next = new Set(before.name === name ? before.ticked : nothing);
        if (wanted) next.add(id);
        else next.delete(id);
        return { name, ticked: next, all: false };
      }),
    [name],
  );
  const allLoaded = rows.length > 0 && rows.every(({ id }) => all || ticked.has(id));
  const tickLoaded = (wanted: boolean) => setHeld({ name, ticked: wanted ? new Set(rows.map(({ id }) => id)) : nothing, all: false });

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && open !== undefined && !event.defaultPrevented) return close();
      if (event.key !== "x" || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const id = document.activeElement?.closest("[role=row]")?.querySelector<HTMLElement>("[data-row-link]")?.dataset["rowLink"];
      if (id === undefined) return;
      event.preventDefault();
      onTick(id, !ticked.has(id));
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [close, onTick, open, ticked]);

  const total = list.data?.pages[0]?.total;
  const searchedTo = list.data?.pages.at(-1)?.searchedTo ?? null;
  const { fetchNextPage, isFetchingNextPage, isFetchNextPageError, hasNextPage } = list;
  const needMore = useCallback(() => {
    if (!isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage, isFetchNextPageError]);
  // A search in descriptions that found nothing so far has no last row to come near to.
  useEffect(() => {
    if (searchedTo !== null && hasNextPage && rows.length < 40) needMore();
  }, [searchedTo, hasNextPage, rows.length, needMore]);

  const columns: readonly Column[] = auditColumns.map((key) => ({
    key,
    label: text(`audit.column.${key}`),
    ...(key === "tick" && {
      head: <input type="checkbox" className={s.tick} checked={allLoaded} disabled={rows.length === 0} aria-label={text("audit.tickAll")} onChange={({ target }) => tickLoaded(target.checked)} />,
    }),
  }));
  const chips = useChips(search, change);
  const count = rows.length;
  const counted = total === undefined ? text(hasNextPage ? "audit.count.searching" : "audit.count", { count }) : text(total.exact ? "audit.count" : "audit.countOpen", { count: total.count });
  const filtered = chips.some(({ isDefault }) => !isDefault);

  return (
    <div className={s.trail} data-open={open !== undefined || undefined}>
      <Title page={text("audit.page")} />
      <div className={`${page.page} ${s.page}`}>
        <header className={`${page.header} ${s.header}`}>
          <div className={page.heading}>
            <h1>{text("audit.page")}</h1>
            <span className={page.count} role="status">
              {list.data ? counted : "\u00a0"}
            </span>
          </div>
          <div className={`${page.tools} ${s.tools}`}>
            <AuditFilters search={search} onChange={change} />
          </div>
          <div className={page.below}>
            <span className={page.zone}>{text("list.zone", { zone: formatZone(reader, new Date()) })}</span>
            <FilterChips chips={chips} onClear={filtered ? () => void navigate({ search: {}, replace: true }) : undefined} />
          </div>
          {(all || ticked.size > 0) && (
            <Selection
              label={all ? text("audit.selected.all") : text("audit.selected", { count: ticked.size })}
              more={all || (allLoaded && !hasNextPage) ? null : text("audit.selectMatching", { exact: String(total?.exact ?? false), count: total?.count ?? 0 })}
              onMore={() => setHeld({ name, ticked: nothing, all: true })}
              onNone={() => setHeld({ name, ticked: nothing, all: false })}
              wanted={all ? { filter } : { ids: [...ticked] }}
            />
          )}
        </header>

        {list.isPending ? (
          <ListSkeleton layout="audit" columns={columns} />
        ) : list.isError && !list.data ? (
          <Fault error={list.error} icon={problemOf(list.error).status === 403 ? <ShieldKeyholeRegular /> : <PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
        ) : rows.length === 0 && !hasNextPage ? (
          <Notice
            icon={filtered ? <SearchRegular /> : <ShieldTaskRegular />}
            title={text(filtered ? "audit.none.title" : "audit.empty.title")}
            actions={filtered && <Button onClick={() => void navigate({ search: {}, replace: true })}>{text("list.filter.clear")}</Button>}
          >
            <p>{text(filtered ? "audit.none.detail" : "audit.empty.detail")}</p>
          </Notice>
        ) : (
          <ListTable
            key={name}
            name={`audit ${name}`}
            label={text("audit.page")}
            layout="audit"
            columns={columns}
            rows={rows}
            total={total?.exact ? total.count : null}
            hasMore={hasNextPage}
            onNeedMore={needMore}
            onRest={onRest}
            pill={
              <div className={page.pillPlace} role="status">
                {arrivals.length > 0 && (
                  <Pill
                    onClick={() => {
                      settle();
                      document.querySelector("[data-list-scroller]")?.scrollTo({ top: 0 });
                    }}
                  >
                    <span aria-hidden="true">{text("audit.new", { count: arrivals.length })}</span>
                    <span className="unseen">{text("audit.new.announce", { count: arrivals.length })}</span>
                  </Pill>
                )}
              </div>
            }
            footer={
              <div className={page.footer} role="status">
                {isFetchNextPageError ? (
                  <>
                    {text("audit.moreFailed")}{" "}
                    <Button size="small" onClick={() => void fetchNextPage()}>
                      {text("app.retry")}
                    </Button>
                  </>
                ) : hasNextPage && searchedTo !== null ? (
                  text("audit.searching", { at: formatAuditTime(searchedTo, reader) })
                ) : (
                  text(hasNextPage ? "audit.loadingMore" : "audit.end")
                )}
              </div>
            }
          >
            {(entry, cards, current, onFocus) => <AuditRow entry={entry} cards={cards} current={current} ticked={all || ticked.has(entry.id)} open={entry.id === open} onFocus={onFocus} onTick={onTick} onOpen={onOpen} />}
          </ListTable>
        )}
      </div>
      {open !== undefined && <Opened id={open} loaded={rows.find(({ id }) => id === open)} onClose={close} />}
    </div>
  );
}

/** From the list where it is loaded; by itself where a link led to it. */
function Opened({ id, loaded, onClose }: { id: string; loaded: Parameters<typeof Details>[0]["entry"] | undefined; onClose: () => void }) {
  const alone = useQuery({ ...entryQuery(id), enabled: loaded === undefined });
  const entry = loaded ?? alone.data;
  if (entry) return <Details entry={entry} onClose={onClose} />;
  return <aside className={s.opening}>{alone.isError ? <Fault error={alone.error} icon={<SearchRegular />} /> : <Spinner size="small" />}</aside>;
}

function Selection({ label, more, onMore, onNone, wanted }: { label: string; more: string | null; onMore: () => void; onNone: () => void; wanted: Parameters<typeof api.exportAudit>[0] }) {
  const text = useText();
  const words = useProblemWords();
  const exporting = useMutation({
    mutationFn: () => api.exportAudit(wanted),
    onSuccess: ({ file, name }) => save(file, name),
  });
  return (
    <div className={page.selection} role="status">
      <strong>{label}</strong>
      {more !== null && (
        <button type="button" className={page.clear} onClick={onMore}>
          {more}
        </button>
      )}
      <button type="button" className={page.clear} onClick={onNone}>
        {text("audit.selectNone")}
      </button>
      <Button appearance="primary" size="small" icon={exporting.isPending ? <Spinner size="extra-tiny" /> : <ArrowDownloadRegular />} disabled={exporting.isPending} onClick={() => exporting.mutate()}>
        {text(exporting.isPending ? "audit.exporting" : "audit.export")}
      </Button>
      {exporting.isError && <span role="alert">{text("audit.export.failed", { why: words(problemOf(exporting.error)).detail })}</span>}
    </div>
  );
}

function useChips(search: AuditSearch, change: (next: AuditSearch) => void) {
  const text = useText();
  const { name, description, from, to, subject, actor } = search;
  const by = byOf(search);
  const without = (values: readonly string[], one: string) => values.filter((value) => value !== one).join(",") || undefined;
  const [actions, items] = [actionsOf(search), itemsOf(search)];
  return [
    ...(by === "all" ? [] : [{ label: text("audit.by.chip", { who: text(`audit.by.${by}`) }), remove: () => change({ by: "all" }), isDefault: by === "people" }]),
    ...(description === undefined ? [] : [{ label: text("audit.chip.description", { text: description }), remove: () => change({ description: undefined }), isDefault: false }]),
    ...(name === undefined ? [] : [{ label: text("audit.chip.name", { text: name }), remove: () => change({ name: undefined }), isDefault: false }]),
    ...actions.map((one) => ({ label: text("audit.chip.action", { text: one }), remove: () => change({ action: without(actions, one) }), isDefault: false })),
    ...items.map((one) => ({ label: text("audit.chip.item", { text: one }), remove: () => change({ item: without(items, one) }), isDefault: false })),
    ...(from === undefined ? [] : [{ label: text("audit.chip.from", { text: usDay(from) }), remove: () => change({ from: undefined }), isDefault: false }]),
    ...(to === undefined ? [] : [{ label: text("audit.chip.to", { text: usDay(to) }), remove: () => change({ to: undefined }), isDefault: false }]),
    ...(subject === undefined ? [] : [{ label: text("audit.chip.subject"), remove: () => change({ subject: undefined }), isDefault: false }]),
    ...(actor === undefined ? [] : [{ label: text("audit.chip.actor"), remove: () => change({ actor: undefined }), isDefault: false }]),
  ];
}

/** MON-25: `MM/DD/YYYY`. */
const usDay = (day: string): string => day.replace(/^(\d{4})-(\d\d)-(\d\d)$/, "$2/$3/$1");

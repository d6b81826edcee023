import { Button } from "@fluentui/react-components";
import { ArchiveRegular } from "@fluentui/react-icons/svg/archive";
import { CallRegular } from "@fluentui/react-icons/svg/call";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import { ShieldKeyholeRegular } from "@fluentui/react-icons/svg/shield-keyhole";
import { useInfiniteQuery, useQueryClient, useSuspenseQuery, type InfiniteData } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { problemOf } from "../api.ts";
import { Fault, Notice } from "../frame/notice.tsx";
import { Pill } from "../frame/pill.tsx";
import { Title } from "../frame/title.tsx";
import { isTyping } from "../keyboard.ts";
import { FilterChips } from "../list/filter-chips.tsx";
import { SearchField, StatusFilter } from "../list/filters.tsx";
import { rememberList } from "../list/neighbors.ts";
import { applyLive, flatten, insertArrivals, seen, totalOf, type Row, type RowPage } from "../list/rows.ts";
import { isStatus } from "../list/status.tsx";
import { InteractionTable, TableSkeleton } from "../list/table.tsx";
import { useLiveEvents, useLiveState } from "../live.ts";
import type { ListSearch } from "../paths.ts";
import { canBundle } from "../proof/seal-mark.tsx";
import { filterOf, interactionsKey, interactionsQuery, sessionQuery } from "../queries.ts";
import { useReader, useText } from "../text.ts";
import { formatZone } from "../time.ts";
import s from "./interactions.module.css";

const BundleDialog = lazy(async () => ({ default: (await import("../proof/bundle-dialog.tsx")).BundleDialog }));

const nothing: ReadonlySet<string> = new Set();

type Pages = InfiniteData<RowPage, string | null>;

export function InteractionsPage() {
  const text = useText();
  const reader = useReader();
  const navigate = useNavigate({ from: "/interactions" });
  const search = useSearch({ from: "/signed-in/interactions" });
  const { data: session } = useSuspenseQuery(sessionQuery);
  const filter = useMemo(() => filterOf(search), [search]);
  const name = JSON.stringify(interactionsKey(filter));
  const filtered = filter.q !== undefined || filter.status.length > 0;
  const list = useInfiniteQuery(interactionsQuery(filter));
  const { arrivals, show, onRest } = useLiveRows(name, filter);
  useEffect(() => rememberList(search), [search]);

  const rows = useMemo(() => flatten(list.data), [list.data]);
  const total = totalOf(list.data, arrivals.length);
  const change = useCallback(
    (next: ListSearch) => void navigate({ search: (before) => ({ ...before, ...next }), replace: true }),
    [navigate],
  );
  const clear = () => change({ q: undefined, status: undefined });
  const { fetchNextPage, isFetchingNextPage, isFetchNextPageError } = list;
  const needMore = useCallback(() => {
    if (!isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage, isFetchNextPageError]);

  // A selection holds across pages and filters, until it is cleared: it is a list of calls, not a question.
  const [ticked, setTicked] = useState<ReadonlySet<string>>(nothing);
  const [asking, setAsking] = useState(false);
  const onTick = useCallback(
    (id: string, wanted: boolean) =>
      setTicked((before) => {
        const next = new Set(before);
        if (wanted) next.add(id);
        else next.delete(id);
        return next;
      }),
    [],
  );
  const onTickAll = (wanted: boolean) => setTicked(wanted ? new Set(rows.filter(canBundle).map(({ id }) => id)) : nothing);
  const ticks = session.permissions.includes("evidence.export") ? { ticked, onTick, onTickAll } : null;
  useTickKey(ticks !== null, rows, ticked, onTick);

  const countId = filtered ? (total.exact ? "list.countMatching" : "list.countMatchingOpen") : total.exact ? "list.count" : "list.countOpen";
  const chips = [
    ...(filter.q ? [{ label: text("list.filter.contains", { text: filter.q }), remove: () => change({ q: undefined }) }] : []),
    ...filter.status.filter(isStatus).map((status) => ({
      label: text("list.filter.status", { status: text(`status.${status}`) }),
      remove: () => change({ status: filter.status.filter((one) => one !== status).join(",") || undefined }),
    })),
  ];

  return (
    <div className={s.page}>
      <Title page={text("list.page")} />
      <header className={s.header}>
        <div className={s.heading}>
          <h1>{text("list.page")}</h1>
          <span className={s.count} role="status">
            {list.data ? text(countId, { count: total.count }) : "\u00a0"}
          </span>
        </div>
        <div className={s.tools}>
          <SearchField value={filter.q ?? ""} label={text("list.search")} onChange={(q) => change({ q: q || undefined })} />
          <StatusFilter chosen={filter.status} onChange={(status) => change({ status: status.join(",") || undefined })} />
        </div>
        <div className={s.below}>
          <span className={s.zone}>{text("list.zone", { zone: formatZone(reader, new Date()) })}</span>
          <FilterChips chips={chips} onClear={clear} />
          <LiveLost />
        </div>
        {ticks !== null && ticks.ticked.size > 0 && (
          <div className={s.selection} role="status">
            <strong>{text("bundle.selected", { count: ticks.ticked.size })}</strong>
            <button type="button" className={s.clear} onClick={() => setTicked(nothing)}>
              {text("audit.selectNone")}
            </button>
            <Button appearance="primary" size="small" icon={<ArchiveRegular />} onClick={() => setAsking(true)}>
              {text("bundle.ask")}
            </Button>
          </div>
        )}
        <Suspense fallback={null}>{asking && <BundleDialog ids={[...ticked]} tenant={session.tenant} onClose={() => setAsking(false)} />}</Suspense>
      </header>

      {list.isPending ? (
        <TableSkeleton ticks={ticks !== null} />
      ) : list.isError && !list.data ? (
        <Fault error={list.error} icon={problemOf(list.error).status === 403 ? <ShieldKeyholeRegular /> : <PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : rows.length === 0 && arrivals.length === 0 ? (
        filtered ? (
          <Notice icon={<SearchRegular />} title={text("list.none.title")} actions={<Button onClick={clear}>{text("list.filter.clear")}</Button>}>
            <p>{text("list.none.detail")}</p>
          </Notice>
        ) : (
          <Notice icon={<CallRegular />} title={text("list.empty.title")}>
            <p>{text("list.empty.detail")}</p>
            {session.sandbox && (
              <p>
                {text("list.empty.sandbox")} <code className={s.code}>npm run call</code>
              </p>
            )}
          </Notice>
        )
      ) : (
        <InteractionTable
          key={name}
          name={name}
          ticks={ticks}
          rows={rows}
          total={total.exact ? total.count : null}
          hasMore={list.hasNextPage}
          onNeedMore={needMore}
          onRest={onRest}
          pill={
            <div className={s.pillPlace} role="status">
              {arrivals.length > 0 && (
                <Pill onClick={show}>
                  <span aria-hidden="true">{text("list.new", { count: arrivals.length })}</span>
                  <span className="unseen">{text("list.new.announce", { count: arrivals.length })}</span>
                </Pill>
              )}
            </div>
          }
          footer={
            <div className={s.footer} role="status">
              {isFetchNextPageError ? (
                <>
                  {text("list.moreFailed")}{" "}
                  <Button size="small" onClick={() => void fetchNextPage()}>
                    {text("app.retry")}
                  </Button>
                </>
              ) : (
                text(list.hasNextPage ? "list.loadingMore" : "list.end")
              )}
            </div>
          }
        />
      )}
    </div>
  );
}

/** `x` on a row. */
function useTickKey(enabled: boolean, rows: readonly Row[], ticked: ReadonlySet<string>, onTick: (id: string, wanted: boolean) => void): void {
  useEffect(() => {
    if (!enabled) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "x" || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const id = document.activeElement?.closest("[role=row]")?.querySelector<HTMLElement>("[data-row-link]")?.dataset["rowLink"];
      const row = rows.find((one) => one.id === id);
      if (row === undefined || !canBundle(row)) return;
      event.preventDefault();
      onTick(row.id, !ticked.has(row.id));
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [enabled, rows, ticked, onTick]);
}

/** Keeps the rows up to date without moving what is being read: new ones wait as arrivals until the reader rests at the top. */
function useLiveRows(name: string, filter: ReturnType<typeof filterOf>) {
  const queryClient = useQueryClient();
  const [held, setHeld] = useState<{ name: string; rows: readonly Row[] }>({ name, rows: [] });
  const [resting, setResting] = useState(true);
  // Arrivals belong to one list; another filter begins with none.
  const arrivals = held.name === name ? held.rows : [];
  const key = useMemo(() => interactionsKey(filter), [filter]);

  useLiveEvents((event) => {
    if (event.kind === "reset") {
      // What waits comes with the pages that are read again.
      setHeld({ name, rows: [] });
      return void queryClient.invalidateQueries({ queryKey: ["interactions"] });
    }
    if (event.kind !== "interaction") return;
    const row = seen(event.interaction, Date.now());
    // Lists that nobody looks at are read again when somebody does.
    void queryClient.invalidateQueries({ queryKey: ["interactions"], refetchType: "none", predicate: (query) => JSON.stringify(query.queryKey) !== name });
    const data = queryClient.getQueryData<Pages>(key);
    if (!data) return;
    const change = applyLive(data, row, filter);
    if (change.kind === "known") queryClient.setQueryData<Pages>(key, change.data as Pages);
    // Both ends of a call arrive in one breath, before anything is drawn again: each adds to what the other left.
    setHeld((before) => {
      const others = before.name === name ? before.rows.filter((one) => one.id !== row.id) : [];
      return { name, rows: change.kind === "new" ? [...others, row] : others };
    });
  });

  const settle = useCallback(() => {
    if (arrivals.length === 0) return;
    queryClient.setQueryData<Pages>(key, (data) => data && (insertArrivals(data, arrivals) as Pages));
    setHeld((before) => ({ name, rows: before.name === name ? before.rows.filter((row) => !arrivals.includes(row)) : [] }));
  }, [arrivals, key, name, queryClient]);

  useEffect(() => {
    if (resting) settle();
  }, [resting, settle]);

  const show = () => {
    settle();
    document.querySelector("[data-list-scroller]")?.scrollTo({ top: 0 });
  };
  return { arrivals: resting ? [] : arrivals, show, onRest: setResting };
}

function LiveLost() {
  const text = useText();
  const lost = useLiveState() === "lost";
  return (
    <span role="status" className={lost ? s.lost : "unseen"}>
      {lost && text("frame.live.lost")}
    </span>
  );
}

import type { AsOfQuery, AuditEntry, AuditFilter, AuditPage } from "@earwitness/contract";
import { infiniteQueryOptions, queryOptions, useInfiniteQuery, useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { api } from "../api.ts";

const rowsPerPage = 100;
/** How often a page that somebody looks at asks for what is new. Asking again is no new act (docs/decisions/0014). */
const watchMs = 4_000;

const keyOf = (filter: AuditFilter) => ["audit", JSON.stringify(filter)] as const;

const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: keyOf(filter),
    queryFn: ({ pageParam, signal }): Promise<AuditPage> => api.audit({ filter, after: pageParam, limit: rowsPerPage }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });

export const entryQuery = (id: string) => queryOptions({ queryKey: ["audit entry", id], queryFn: ({ signal }) => api.auditEntry(id, signal), staleTime: Number.POSITIVE_INFINITY });

export const asOfQuery = (query: AsOfQuery) => queryOptions({ queryKey: ["audit as of", query], queryFn: ({ signal }) => api.auditAsOf(query, signal), staleTime: 60_000, refetchOnWindowFocus: false });

/** The last few entries of one thing. */
export const historyQuery = (subject: string) => queryOptions({ queryKey: ["audit history", subject], queryFn: ({ signal }) => api.audit({ filter: { subject }, limit: 20 }, signal), staleTime: 2_000 });

/** Entries as they are, and those that came in since and wait until the reader rests at the top. */
export function useAudit(filter: AuditFilter) {
  const queryClient = useQueryClient();
  const list = useInfiniteQuery(auditQuery(filter));
  const name = keyOf(filter)[1];
  const [resting, setResting] = useState(true);
  const rows = useMemo(() => list.data?.pages.flatMap(({ items }) => items) ?? [], [list.data]);
  const newest = rows[0]?.id;

  const head = useQuery({
    queryKey: ["audit head", name],
    queryFn: ({ signal }) => api.audit({ filter, limit: rowsPerPage }, signal),
    enabled: list.isSuccess && filter.to === undefined,
    refetchInterval: watchMs,
    staleTime: watchMs,
  });
  const arrivals = useMemo(() => newerThan(head.data?.items ?? [], new Set(rows.slice(0, rowsPerPage).map(({ id }) => id)), rows[0]), [head.data, rows]);

  const settle = useCallback(() => {
    if (arrivals.length === 0) return;
    queryClient.setQueryData<InfiniteData<AuditPage, string | null>>(keyOf(filter), (data) => {
      const [first, ...others] = data?.pages ?? [];
      if (data === undefined || first === undefined) return data;
      const total = first.total?.exact ? { ...first.total, count: first.total.count + arrivals.length } : first.total;
      return { ...data, pages: [{ ...first, items: [...arrivals, ...first.items], ...(total && { total }) }, ...others] };
    });
  }, [arrivals, filter, queryClient]);
  useEffect(() => {
    if (resting || newest === undefined) settle();
  }, [resting, newest, settle]);

  return { list, rows, name, arrivals: resting ? [] : arrivals, settle, onRest: setResting };
}

/** What of the newest page is not shown yet and stands above what is. */
function newerThan(head: readonly AuditEntry[], shown: ReadonlySet<string>, top: AuditEntry | undefined): AuditEntry[] {
  const end = head.findIndex(({ id }) => shown.has(id));
  return head.slice(0, end === -1 ? head.length : end).filter(({ at }) => top === undefined || at >= top.at);
}

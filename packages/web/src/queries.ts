import { infiniteQueryOptions, keepPreviousData, QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { api, problemOf } from "./api.ts";
import { inOwnTime } from "./call/own-time.ts";
import { seen, type Filter, type RowPage } from "./list/rows.ts";
import type { ListSearch } from "./paths.ts";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => api.session(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const filterOf = (search: ListSearch): Filter => ({ q: search.q?.trim() || undefined, status: search.status?.split(",").filter(Boolean).toSorted() ?? [] });

export const interactionsKey = (filter: Filter) => ["interactions", filter.q ?? "", ...filter.status] as const;

export const interactionsQuery = (filter: Filter) =>
  infiniteQueryOptions({
    queryKey: interactionsKey(filter),
    queryFn: async ({ pageParam, signal }): Promise<RowPage> => {
      const page = await api.interactions({ q: filter.q, status: filter.status, after: pageParam, limit: 100 }, signal);
      const nowMs = Date.now();
      return { ...page, items: page.items.map((one) => seen(one, nowMs)) };
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    // The live stream keeps it fresh; a reset of the stream reads it again.
    staleTime: Number.POSITIVE_INFINITY,
  });

export const interactionQuery = (id: string) =>
  queryOptions({
    queryKey: ["interaction", id],
    queryFn: async ({ signal }) => ({ ...inOwnTime(await api.interaction(id, signal)), seenAtMs: Date.now() }),
    staleTime: 10_000,
  });

export const peaksQuery = (id: string) =>
  queryOptions({ queryKey: ["peaks", id], queryFn: ({ signal }) => api.peaks(id, signal), staleTime: Number.POSITIVE_INFINITY });

/** Looked at while somebody waits for a call to come in; a page that nobody sees asks for nothing. */
const watchMs = 2_000;

/** Of the node that answers; also where it cannot be reached nothing is claimed. */
export const healthQuery = queryOptions({ queryKey: ["health"], queryFn: ({ signal }) => api.health(signal), refetchInterval: 8_000, retry: false });

export const trunksQuery = queryOptions({ queryKey: ["trunks"], queryFn: ({ signal }) => api.trunks(signal), refetchInterval: 5_000 });

export const trunkQuery = (id: string) => queryOptions({ queryKey: ["trunk", id], queryFn: ({ signal }) => api.trunk(id, signal), staleTime: 5_000, refetchInterval: 10_000 });

const invitationsAtATime = 50;

export const invitationsQuery = (trunk: string | undefined, outcomes: readonly string[] = []) =>
  infiniteQueryOptions({
    queryKey: ["invitations", trunk ?? "", ...outcomes],
    queryFn: ({ pageParam, signal }) => api.invitations({ trunk, outcomes, after: pageParam, limit: invitationsAtATime }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => (page.invitations.length < invitationsAtATime ? undefined : page.invitations.at(-1)?.id),
    // All pages are read again each time: the more there are, the less often.
    refetchInterval: (query) => watchMs * Math.max(1, query.state.data?.pages.length ?? 1),
  });

export const traceQuery = (id: string) => queryOptions({ queryKey: ["trace", id], queryFn: ({ signal }) => api.trace(id, signal), staleTime: watchMs, refetchInterval: watchMs });

export const peopleQuery = (q: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["people", q ?? ""],
    queryFn: ({ pageParam, signal }) => api.people({ q, after: pageParam ?? undefined, limit: 100 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });

export const personQuery = (id: string) => queryOptions({ queryKey: ["person", id], queryFn: ({ signal }) => api.person(id, signal), staleTime: 5_000, refetchInterval: 10_000 });

export const groupsQuery = queryOptions({ queryKey: ["groups"], queryFn: ({ signal }) => api.groups(signal), staleTime: 5_000 });

/** Groups, and people who fit what is typed, for a choice. */
export const accessChoicesQuery = (q: string) => queryOptions({ queryKey: ["accessChoices", q.trim()], queryFn: ({ signal }) => api.accessChoices(q.trim(), signal), placeholderData: keepPreviousData, staleTime: 5_000 });

export const rolesQuery = queryOptions({ queryKey: ["roles"], queryFn: ({ signal }) => api.roles(signal), staleTime: Number.POSITIVE_INFINITY });

export const accessProfilesQuery = queryOptions({ queryKey: ["accessProfiles"], queryFn: ({ signal }) => api.accessProfiles(signal), staleTime: 5_000 });

export const accessProfileQuery = (id: string) => queryOptions({ queryKey: ["accessProfile", id], queryFn: ({ signal }) => api.accessProfile(id, signal), staleTime: 5_000, refetchInterval: 10_000 });

export const accessGrantsQuery = queryOptions({ queryKey: ["accessGrants"], queryFn: ({ signal }) => api.accessGrants(signal), staleTime: 5_000 });

export const accessQuery = (personId: string, interaction: string) => queryOptions({ queryKey: ["access", personId, interaction], queryFn: ({ signal }) => api.personAccess(personId, interaction, signal), placeholderData: keepPreviousData, retry: false });
/** Somebody looks in order to end one: what is gone should not stand there. */
const sessionsMs = 10_000;

export const signInWaysQuery = queryOptions({ queryKey: ["sign-in-ways"], queryFn: ({ signal }) => api.signInWays(signal), staleTime: Number.POSITIVE_INFINITY });

export const ownSessionsQuery = queryOptions({ queryKey: ["own-sessions"], queryFn: ({ signal }) => api.sessions(signal), refetchInterval: sessionsMs });

export const personSignInQuery = (id: string) => queryOptions({ queryKey: ["person-sign-in", id], queryFn: ({ signal }) => api.personSignIn(id, signal), refetchInterval: sessionsMs });

export const sessionLimitsQuery = queryOptions({ queryKey: ["session-limits"], queryFn: ({ signal }) => api.sessionLimits(signal), staleTime: 5_000 });

/** While somebody waits for a run, often; else it changes by itself every few minutes. */
export const directoryQuery = queryOptions({
  queryKey: ["directory"],
  queryFn: ({ signal }) => api.directory(signal),
  refetchInterval: ({ state }) => (state.data?.last?.state === "waiting" || state.data?.last?.state === "running" ? watchMs : 15_000),
});

const runsAtATime = 20;

export const directoryRunsQuery = infiniteQueryOptions({
  queryKey: ["directory", "runs"],
  queryFn: ({ pageParam, signal }) => api.directoryRuns({ limit: runsAtATime, before: pageParam }, signal),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => (page.runs.length < runsAtATime ? undefined : page.runs.at(-1)?.askedAt),
});

export const directoryGroupsQuery = (q: string) => queryOptions({ queryKey: ["directory", "groups", q], queryFn: ({ signal }) => api.findDirectoryGroups(q, signal), staleTime: 60_000, enabled: q !== "", retry: false });

/** `onSignInRequired` is called when any request finds the session gone. */
export function createQueryClient(onSignInRequired: () => void): QueryClient {
  const client = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        // Before the first session there is none to end: the route itself leads to the sign-in.
        if (problemOf(error).status === 401 && client.getQueryData(sessionQuery.queryKey)) onSignInRequired();
      },
    }),
    defaultOptions: {
      queries: {
        refetchOnWindowFocus: false,
        // What the server refused it will refuse again; only silence and its own faults are worth another try.
        retry: (failures, error) => failures < 2 && (problemOf(error).status === 0 || problemOf(error).status >= 502),
        retryDelay: 600,
      },
    },
  });
  return client;
}

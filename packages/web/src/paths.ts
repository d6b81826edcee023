/** Every address of the portal and of its API, so that a typo is a compile error. */
import type { AsOfQuery, AuditFilter } from "@earwitness/contract";

const api = "/api/v1";

/** What the address of the list holds. */
export interface ListSearch {
  readonly q?: string | undefined;
  /** Media states, separated by commas. */
  readonly status?: string | undefined;
}

/** What the address of a list of invitations holds. */
export interface InvitationsSearch {
  /** Id of a trunk; `none`: those that could be given to none. */
  readonly trunk?: string | undefined;
  /** What became of them, separated by commas. */
  readonly outcome?: string | undefined;
  /** The one whose messages are shown. */
  readonly open?: string | undefined;
}

export interface InvitationsQuery {
  readonly trunk?: string | undefined;
  readonly outcomes: readonly string[];
  readonly after?: string | undefined;
  readonly limit: number;
}

/** What the address of a new person holds: what a call said of them. */
export interface NewPersonSearch {
  readonly address?: string | undefined;
  readonly name?: string | undefined;
}

/** What the address of the audit trail holds; several values of one filter are separated by commas. */
export interface AuditSearch {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly action?: string | undefined;
  readonly item?: string | undefined;
  /** Kinds of actors, `provider`, or `all`; absent: people and their programs. */
  readonly by?: string | undefined;
  /** Days, such as 2026-11-27, in the reader's zone. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Id of the thing it was done to. */
  readonly subject?: string | undefined;
  /** Id of who did it. */
  readonly actor?: string | undefined;
  /** The entry that is open. */
  readonly open?: string | undefined;
}

export const pages = {
  interactions: (search: ListSearch = {}) => ({ to: "/interactions", search }) as const,
  interaction: (id: string) => ({ to: "/interactions/$id", params: { id } }) as const,
  trunks: () => ({ to: "/settings/trunks" }) as const,
  newTrunk: () => ({ to: "/settings/trunks/new" }) as const,
  trunk: (id: string, search: Pick<InvitationsSearch, "open"> = {}) => ({ to: "/settings/trunks/$id", params: { id }, search }) as const,
  invitations: (search: InvitationsSearch = {}) => ({ to: "/settings/invitations", search }) as const,
  people: (search: { q?: string } = {}) => ({ to: "/settings/people", search }) as const,
  newPerson: (search: NewPersonSearch = {}) => ({ to: "/settings/people/new", search }) as const,
  importPeople: () => ({ to: "/settings/people/import" }) as const,
  person: (id: string) => ({ to: "/settings/people/$id", params: { id } }) as const,
  groups: () => ({ to: "/settings/groups" }) as const,
  accessProfiles: () => ({ to: "/settings/access-profiles" }) as const,
  newAccessProfile: () => ({ to: "/settings/access-profiles/new" }) as const,
  accessProfile: (id: string, search: { edit?: string } = {}) => ({ to: "/settings/access-profiles/$id", params: { id }, search }) as const,
  roles: () => ({ to: "/settings/roles" }) as const,
  sessionLimits: () => ({ to: "/settings/sessions" }) as const,
  sessions: () => ({ to: "/account/sessions" }) as const,
  directory: () => ({ to: "/settings/directory" }) as const,
  audit: (search: AuditSearch = {}) => ({ to: "/audit", search }) as const,
  signIn: (search: { returnTo?: string; error?: string; signedOut?: string } = {}) => ({ to: "/sign-in", search }) as const,
};

export const apiPaths = {
  session: `${api}/session`,
  health: `${api}/health`,
  live: `${api}/live`,
  signIn: (returnTo: string) => `${api}/sign-in?${new URLSearchParams({ returnTo })}`,
  signOut: `${api}/sign-out`,
  signInWays: `${api}/sign-in/ways`,
  localSignIn: `${api}/sign-in/local`,
  enrollments: `${api}/enrollments`,
  sessions: `${api}/sessions`,
  ownSession: (id: string) => `${api}/sessions/${encodeURIComponent(id)}`,
  sessionLimits: `${api}/session-limits`,
  interactions: (query: { q?: string | undefined; status?: readonly string[]; after?: string | null; limit: number }) => {
    const search = new URLSearchParams({ limit: String(query.limit) });
    if (query.q) search.set("q", query.q);
    for (const status of query.status ?? []) search.append("status", status);
    if (query.after) search.set("after", query.after);
    return `${api}/interactions?${search}`;
  },
  audit: (query: { filter: AuditFilter; after?: string | null; limit: number }) => {
    const search = new URLSearchParams({ limit: String(query.limit) });
    for (const [name, value] of Object.entries(query.filter)) for (const one of [value].flat()) search.append(name, String(one));
    if (query.after) search.set("after", query.after);
    return `${api}/audit?${search}`;
  },
  auditEntry: (id: string) => `${api}/audit/${encodeURIComponent(id)}`,
  auditAsOf: (query: AsOfQuery) => `${api}/audit/as-of?${new URLSearchParams(query)}`,
  exportAudit: `${api}/audit/export`,
  trunks: `${api}/trunks`,
  trunk: (id: string) => `${api}/trunks/${encodeURIComponent(id)}`,
  invitations: ({ outcomes, ...query }: InvitationsQuery) => `${api}/trunks/invitations?${new URLSearchParams([...present(query), ...outcomes.map((one) => ["outcome", one] as [string, string])])}`,
  trace: (id: string) => `${api}/trunks/invitations/${encodeURIComponent(id)}/trace`,
  allPeople: `${api}/people`,
  people: (query: { q?: string | undefined; after?: string | undefined; limit: number }) => `${api}/people?${present(query)}`,
  person: (id: string) => `${api}/people/${encodeURIComponent(id)}`,
  personSignIn: (id: string) => `${api}/people/${encodeURIComponent(id)}/sign-in`,
  personAccounts: (id: string) => `${api}/people/${encodeURIComponent(id)}/accounts`,
  personEnrollments: (id: string) => `${api}/people/${encodeURIComponent(id)}/enrollments`,
  personLocalAccount: (id: string) => `${api}/people/${encodeURIComponent(id)}/local-account`,
  personSessions: (id: string) => `${api}/people/${encodeURIComponent(id)}/sessions`,
  exportPeople: `${api}/people/export`,
  groups: `${api}/groups`,
  directory: `${api}/directory`,
  directoryRuns: (query: { limit: number; before?: string | undefined }) => `${api}/directory/runs?${present(query)}`,
  directoryGroups: (q: string) => `${api}/directory/groups?${new URLSearchParams({ q })}`,
  group: (id: string) => `${api}/groups/${encodeURIComponent(id)}`,
  roles: `${api}/roles`,
  accessProfiles: `${api}/access-profiles`,
  accessProfile: (id: string) => `${api}/access-profiles/${encodeURIComponent(id)}`,
  accessChoices: (q: string) => `${api}/access-profiles/choices?${present({ q })}`,
  accessGrants: `${api}/access-grants`,
  accessGrant: (id: string) => `${api}/access-grants/${encodeURIComponent(id)}`,
  personAccess: (id: string, interaction: string) => `${api}/people/${encodeURIComponent(id)}/access?${present({ interaction })}`,
  interaction: (id: string) => `${api}/interactions/${encodeURIComponent(id)}`,
  peaks: (id: string) => `${api}/interactions/${encodeURIComponent(id)}/peaks`,
  proof: (id: string) => `${api}/interactions/${encodeURIComponent(id)}/proof`,
  verifications: (id: string) => `${api}/interactions/${encodeURIComponent(id)}/verifications`,
  evidenceBundles: `${api}/evidence-bundles`,
  /** Keys of a log and the notes by which each handed over to the next; open to everybody. */
  logKeys: (tenantId: string) => `/log/${encodeURIComponent(tenantId)}/keys`,
  plays: (id: string) => `${api}/interactions/${encodeURIComponent(id)}/plays`,
  /** WAV with one channel for each track, in the order of `tracks`. */
  media: (id: string, playId: string) =>
    `${api}/interactions/${encodeURIComponent(id)}/media?${new URLSearchParams({ layout: "channels", play: playId })}`,
};

const present = (query: Readonly<Record<string, string | number | undefined>>): URLSearchParams =>
  new URLSearchParams(Object.entries(query).flatMap(([key, value]) => (value === undefined || value === "" ? [] : [[key, String(value)]])));

/** Only an address of this portal is followed after sign-in; anything else could lead away from it. */
export function safeReturnTo(returnTo: string | undefined): string {
  if (!returnTo?.startsWith("/") || returnTo.startsWith("//") || returnTo.includes("\\") || returnTo.startsWith("/sign-in")) return "/interactions";
  return returnTo;
}

/** Whose interactions a principal may see, as a condition on rows and on queries (ACC-02). All of them say the same. */
import { sql, type RawBuilder } from "kysely";
import { scopeOf, type Principal, type Scope } from "#access";
import { withTenant, type Db, type InteractionSearch, type TenantTransaction } from "#db";

/** People of a scope that are named in a query one by one; of more than that the query looks at each call's person (foundations, section 4, rule 2). */
const mostNamed = 500;

/** What a search is narrowed by: everybody, nobody, these people, or whoever is in these groups. */
export type Reach = Exclude<Scope, { kind: "some" }> | { readonly kind: "people"; readonly ids: readonly string[] } | Extract<Scope, { kind: "some" }>;

/** Asked once for a search: whether the people are few enough to be named. */
export async function reachOf(db: Db, principal: Principal): Promise<Reach> {
  const scope = scopeOf(principal);
  if (scope.kind !== "some") return scope;
  if (scope.groupIds.length === 0) return { kind: "people", ids: own(scope) };
  const ids = await withTenant(db, principal.tenantId, (tx) => membersOf(tx, scope, mostNamed + 1));
  return ids.length > mostNamed ? scope : { kind: "people", ids };
}

export function visibleOnly(search: InteractionSearch, reach: Reach): InteractionSearch {
  switch (reach.kind) {
    case "all":
      return search;
    case "people":
      return reach.ids.length === 1 ? search.where("person_id", "=", reach.ids[0]!) : search.where(sql<boolean>`person_id in (select unnest(${reach.ids}::uuid[]))`);
    case "some":
      return search.where(ofScope(reach, "interactions"));
    case "none":
      return search.where(sql<boolean>`false`);
  }
}

/** The same for rows that are read by their key. */
export function isVisible(principal: Principal): RawBuilder<boolean> {
  const scope = scopeOf(principal);
  return scope.kind === "some" ? ofScope(scope, "interactions") : scope.kind === "all" ? sql<boolean>`true` : sql<boolean>`false`;
}

function ofScope({ personId, groupIds }: Extract<Scope, { kind: "some" }>, table: string): RawBuilder<boolean> {
  const person = sql.ref(`${table}.person_id`);
  const isOwn = sql<boolean>`${person} = ${personId}::uuid`;
  if (groupIds.length === 0) return isOwn;
  return sql<boolean>`(${isOwn} or exists (select from group_members m where m.tenant_id = ${sql.ref(`${table}.tenant_id`)} and m.person_id = ${person} and m.group_id = any(${groupIds}::uuid[])))`;
}

const own = ({ personId }: { readonly personId: string | null }): string[] => (personId === null ? [] : [personId]);

async function membersOf(tx: TenantTransaction, scope: Extract<Scope, { kind: "some" }>, most: number): Promise<string[]> {
  const rows = await tx.selectFrom("group_members").select("person_id").distinct().where("group_id", "in", scope.groupIds).limit(most).execute();
  return [...new Set([...own(scope), ...rows.map(({ person_id }) => person_id)])].sort();
}

/** Who somebody sees, at one moment: for what is told to open streams, where no query is made for each of them. */
export interface Seen {
  /** The same for all principals of a tenant that see the same rows. */
  readonly key: string;
  has(row: { readonly person_id: string | null }): boolean;
}

/** Anybody's list of people goes in here; a tenant has no more of them (people, import). */
const mostPeople = 100_000;

export async function whoIsSeen(db: Db, principal: Principal): Promise<Seen> {
  const scope = scopeOf(principal);
  if (scope.kind === "all") return { key: "all", has: () => true };
  if (scope.kind === "none") return { key: "none", has: () => false };
  const ids = new Set(scope.groupIds.length === 0 ? own(scope) : await withTenant(db, principal.tenantId, (tx) => membersOf(tx, scope, mostPeople)));
  return { key: [...ids].join(" "), has: ({ person_id }) => person_id !== null && ids.has(person_id) };
}

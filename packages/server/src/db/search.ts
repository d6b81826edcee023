import { sql, type Kysely, type SelectQueryBuilder } from "kysely";
import { pooled, type Db } from "./pool.ts";
import type { Database } from "./schema.ts";
import { statementTimeout } from "./tenant.ts";

/** What a search may look at; migration 0002 grants the search role these columns and no others. */
export const searchColumns = [
  "tenant_id",
  "minted_at",
  "interaction_id",
  "trunk_id",
  "person_id",
  "media_status",
  "started_at",
  "answered_at",
  "released_at",
  "direction",
  "call_type",
  "release_cause",
  "sip_call_id",
  "sys_call_id",
  "chain_id",
  "has_gaps",
  "sandbox",
  "party_text",
] as const;

interface Searchable {
  interactions: Pick<Database["interactions"], (typeof searchColumns)[number]>;
}

/** A search over one tenant's interactions, to be narrowed, ordered and limited. */
export type InteractionSearch = SelectQueryBuilder<Searchable, "interactions", object>;

export interface FoundInteraction {
  readonly interaction_id: string;
  readonly minted_at: Date;
  readonly started_at: Date;
}

/*
 * Why a role of its own: trigram and full-text operators are not leakproof, so under a row policy PostgreSQL will not use
 * their indexes (a contains-search over 800,000 rows took 105 ms instead of 5). The search role's policy is open; in return
 * it may read few columns, and nothing runs under it but the two functions below.
 *
 * The tenant is chosen in a derived table, inside, so that nothing the caller adds outside (an OR without parentheses, a
 * cleared WHERE) can reach over it. PostgreSQL flattens it; the plan is that of a plain WHERE.
 */
async function withSearch<T>(db: Db, tenantId: string, work: (search: InteractionSearch, searchable: Kysely<Searchable>) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    await sql`select set_config('role', 'earwitness_search', true), set_config('statement_timeout', ${statementTimeout}, true)`.execute(tx);
    const searchable = tx as unknown as Kysely<Searchable>;
    const ofTenant = searchable.selectFrom("interactions").select([...searchColumns]).where("tenant_id", "=", tenantId);
    return await work(searchable.selectFrom(ofTenant.as("interactions")) as unknown as InteractionSearch, searchable);
  });
}

/** Ids of the tenant's interactions that `build` asks for, in its order. The rows themselves are read by key, under `withTenant`. */
export async function searchInteractionIds(db: Db, tenantId: string, build: (search: InteractionSearch) => InteractionSearch): Promise<FoundInteraction[]> {
  return await withSearch(db, tenantId, (search) => build(search).select(["interaction_id", "minted_at", "started_at"]).execute());
}

/** How many there are, counted no further than `atMost`: an exact count of a large tenant takes a second, a capped one milliseconds. */
export async function countInteractions(db: Db, tenantId: string, atMost: number, build: (search: InteractionSearch) => InteractionSearch): Promise<number> {
  return await withSearch(db, tenantId, async (search, searchable) => {
    const some = build(search).select("interaction_id").limit(atMost);
    const { found } = await searchable.selectFrom(some.as("some")).select((eb) => eb.fn.countAll<number>().as("found")).executeTakeFirstOrThrow();
    return found;
  });
}

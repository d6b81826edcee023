import { sql, type Transaction } from "kysely";
import { pooled, type Db } from "./pool.ts";
import type { Database } from "./schema.ts";

/** A transaction that can see and touch one tenant's rows and no others: the server holds it, not the query. */
export type TenantTransaction = Transaction<Database> & { readonly tenantId: string };

/** Sees the directory of all tenants, for nodes; may change nothing but `nodes`. */
export type SystemTransaction = Transaction<Pick<Database, "tenants" | "people" | "person_addresses" | "person_extensions" | "trunks" | "nodes">>;

/**
 * Every transaction is a short one, and a statement that takes longer waits for something that will not come. Said in each,
 * because a pooler takes no such setting at the start of a connection.
 */
export const statementTimeout = "20s";

/** The only way to a tenant's rows. Commits when `work` resolves, rolls back when it throws. */
export async function withTenant<T>(db: Db, tenantId: string, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    // These settings die with the transaction, so that a pooled connection never carries them on.
    await sql`select set_config('role', 'earwitness_app', true), set_config('earwitness.tenant', ${tenantId}, true), set_config('statement_timeout', ${statementTimeout}, true)`.execute(tx);
    return await work(Object.assign(tx, { tenantId }));
  });
}

/**
 * Looks at the directory of all tenants from inside a tenant's transaction: what must be unique over all of them is seen by
 * none of them alone.
 */
export async function asSystem<T>(tx: TenantTransaction, look: (system: SystemTransaction) => Promise<T>): Promise<T> {
  await sql`select set_config('role', 'none', true), set_config('role', 'earwitness_system', true)`.execute(tx);
  const seen = await look(tx as unknown as SystemTransaction);
  await sql`select set_config('role', 'none', true), set_config('role', 'earwitness_app', true)`.execute(tx);
  return seen;
}

export async function withSystem<T>(db: Db, work: (tx: SystemTransaction) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    await sql`select set_config('role', 'earwitness_system', true), set_config('statement_timeout', ${statementTimeout}, true)`.execute(tx);
    return await work(tx as unknown as SystemTransaction);
  });
}

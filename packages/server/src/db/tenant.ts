import { sql, type Transaction } from "kysely";
import { pooled, type Db } from "./pool.ts";
import type { Database } from "./schema.ts";

/** A transaction that can see and touch one tenant's rows and no others: the server holds it, not the query. */
export type TenantTransaction = Transaction<Database> & { readonly tenantId: string };

/** Sees the directory of all tenants, for nodes; may change nothing but `nodes`. */
export type SystemTransaction = Transaction<Pick<Database, "tenants" | "people" | "person_addresses" | "person_extensions" | "trunks" | "nodes"> & { directory_connections: Pick<Database["directory_connections"], "tenant_id"> }>;

/** Sees one tenant's evidence and its log; may give rows their place, and write tiles, heads, keys and checkpoints. */
export type LogTransaction = TenantTransaction & { readonly writesLog: true };

/** Sees nothing by itself: it writes logs of several tenants through functions that go from one to the next. */
export type LogsTransaction = Pick<Transaction<Database>, "getExecutor">;

/** Finds rows of one tenant's evidence by their place, and empties them. */
export type EraseTransaction = Transaction<Pick<Database, "evidence">> & { readonly tenantId: string };

/** Sees of all tenants which of their rows have no place in their log, and how far their logs were kept. */
export type PendingTransaction = Transaction<{
  evidence: Pick<Database["evidence"], "tenant_id" | "recorded_at" | "tree_index">;
  logs: Pick<Database["logs"], "tenant_id" | "size">;
  checkpoints: Pick<Database["checkpoints"], "tenant_id" | "size">;
}>;

/**
 * Every transaction is a short one, and a statement that takes longer waits for something that will not come. Said in each,
 * because a pooler takes no such setting at the start of a connection.
 */
export const statementTimeout = "20s";

/** The only way to a tenant's rows. Commits when `work` resolves, rolls back when it throws. */
export async function withTenant<T>(db: Db, tenantId: string, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    await enter(tx, "earwitness_app", tenantId);
    return await work(Object.assign(tx, { tenantId }));
  });
}

/** The only way to write a tenant's log; for the rooms that keep it. */
export async function withLog<T>(db: Db, tenantId: string, work: (tx: LogTransaction) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    await enter(tx, "earwitness_log", tenantId);
    return await work(Object.assign(tx, { tenantId, writesLog: true as const }));
  });
}

/** What one tenant's log waits for in a transaction with others, it waits for alone after this. */
const lockTimeout = "1s";

/** Writes logs of several tenants at once. No tenant is set: only `lock_logs`, `unplaced_evidence` and `write_logs` find anything, one tenant at a time. */
export async function withLogs<T>(db: Db, work: (tx: LogsTransaction) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    await enter(tx, "earwitness_log", "");
    await sql`select set_config('lock_timeout', ${lockTimeout}, true)`.execute(tx);
    return await work(tx);
  });
}

export async function withPending<T>(db: Db, work: (tx: PendingTransaction) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    await enter(tx, "earwitness_pending", "");
    return await work(tx as unknown as PendingTransaction);
  });
}

/** These settings die with the transaction, so that a pooled connection never carries them on. */
async function enter(tx: Transaction<Database>, role: string, tenantId: string): Promise<void> {
  await sql`select set_config('role', ${role}, true), set_config('earwitness.tenant', ${tenantId}, true), set_config('statement_timeout', ${statementTimeout}, true)`.execute(tx);
}

/**
 * Looks at the directory of all tenants from inside a tenant's transaction: what must be unique over all of them is seen by
 * none of them alone.
 */
export async function asSystem<T>(tx: TenantTransaction, look: (system: SystemTransaction) => Promise<T>): Promise<T> {
  return await underRole(tx, "earwitness_system", () => look(tx as unknown as SystemTransaction));
}

/** Empties rows of evidence from inside a tenant's transaction, where the row stands that says so. */
export async function asEraser<T>(tx: TenantTransaction, erase: (eraser: EraseTransaction) => Promise<T>): Promise<T> {
  return await underRole(tx, "earwitness_erase", () => erase(tx as unknown as EraseTransaction));
}

/** Writes a tenant's log from inside a tenant's transaction, where the row stands that says so. */
export async function asLog<T>(tx: TenantTransaction, write: (log: LogTransaction) => Promise<T>): Promise<T> {
  return await underRole(tx, "earwitness_log", () => write(Object.assign(tx, { writesLog: true as const })));
}

async function underRole<T>(tx: TenantTransaction, role: string, work: () => Promise<T>): Promise<T> {
  await sql`select set_config('role', 'none', true), set_config('role', ${role}, true)`.execute(tx);
  const done = await work();
  await sql`select set_config('role', 'none', true), set_config('role', 'earwitness_app', true)`.execute(tx);
  return done;
}

export async function withSystem<T>(db: Db, work: (tx: SystemTransaction) => Promise<T>): Promise<T> {
  return await db[pooled].transaction().execute(async (tx) => {
    await enter(tx, "earwitness_system", "");
    return await work(tx as unknown as SystemTransaction);
  });
}

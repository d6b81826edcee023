import { sql } from "kysely";
import { pooled, type Db } from "./pool.ts";

const made = new WeakMap<Db, Set<string>>();

const quarterOf = (at: Date): string => `${at.getUTCFullYear()}q${Math.floor(at.getUTCMonth() / 3) + 1}`;

/**
 * Makes sure that every partitioned table takes rows of this moment. Partitions are made ahead; this is for the row that
 * comes from outside them, such as a fact that waited for the database over a quarter's end. Call it before the
 * transaction that writes, not inside. Costs nothing after the first time.
 */
export async function ensurePartitions(db: Db, at: Date): Promise<void> {
  const known = made.get(db) ?? new Set();
  made.set(db, known);
  const quarter = quarterOf(at);
  if (known.has(quarter)) return;
  // As the owner, in the login role: the roles of the transactions may create nothing.
  await sql`select make_partitions(${at.toISOString()}::timestamptz)`.execute(db[pooled]);
  known.add(quarter);
}

/** From the previous quarter to two ahead. Done at boot and once a day. */
export async function makePartitionsAhead(db: Db, now: Date): Promise<void> {
  for (let quarter = -1; quarter <= 2; quarter++) {
    await ensurePartitions(db, new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - (now.getUTCMonth() % 3) + quarter * 3, 1)));
  }
}

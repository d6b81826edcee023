/** `earwitness fsck` inside of a transaction that is rolled back: it sees what was changed there, and nobody else ever does. */
import { sql, type Transaction } from "kysely";
import { systemClock } from "../../../packages/server/src/clock/index.ts";
import { pooled, type Db } from "../../../packages/server/src/db/pool.ts";
import type { Database } from "../../../packages/server/src/db/schema.ts";
import type { RememberedHeads } from "../../../packages/server/src/evidence/index.ts";
import { checkInstallation, parts, type CheckedTenant, type Finding } from "../../../packages/server/src/fsck/index.ts";
import { verdictOf } from "../../../packages/server/src/fsck/finding.ts";
import { quietLog, type TestLogs } from "../../../packages/server/src/testing/index.ts";
import type { Vault } from "../../../packages/server/src/vault/index.ts";

/** What is checked, and what whoever checks has from elsewhere. */
export interface Checked {
  readonly tenant: CheckedTenant;
  readonly vault: Vault;
  readonly logs: TestLogs;
  /** The head that the node wrote down on its own disk. */
  readonly remembered: string;
}

export const nodeId = "n1";

export const fsckIn = (tx: Transaction<Database>, checked: Checked): Promise<readonly Finding[]> => fsckOn(nested(tx), checked);

/** What differs or could not be checked. Nothing is waited for: nobody else works here. */
export async function fsckOn(db: Db, { tenant, vault, logs, remembered }: Checked): Promise<readonly Finding[]> {
  const heads: RememberedHeads = { list: async () => [tenant.tenantId], read: async () => remembered, write: async () => undefined };
  const { findings } = await checkInstallation({
    db,
    vault,
    seeds: logs.seeds,
    heads,
    witnesses: [],
    trusted: [],
    nodeId,
    clock: systemClock,
    twice: (look) => look(),
    youngMs: 0,
    tenants: [tenant],
    parts: [...parts],
    progressFile: { read: async () => null, write: async () => undefined, remove: async () => undefined },
    goesOn: false,
    found: () => undefined,
    howFar: () => undefined,
    keepMs: Infinity,
  });
  return findings.filter((finding) => verdictOf(finding) !== "note");
}

/** A database whose transactions are savepoints of this one, one after the other. */
function nested(tx: Transaction<Database>): Db {
  let before: Promise<unknown> = Promise.resolve();
  async function savepoint<T>(work: (inner: Transaction<Database>) => Promise<T>): Promise<T> {
    await sql`savepoint fsck`.execute(tx);
    try {
      return await work(tx);
    } finally {
      // Role and tenant with it; the row that says that it was checked is not kept either.
      await sql`rollback to savepoint fsck`.execute(tx);
      await sql`release savepoint fsck`.execute(tx);
    }
  }
  const execute = <T>(work: (inner: Transaction<Database>) => Promise<T>): Promise<T> => {
    const done = before.then(() => savepoint(work));
    before = done.catch(() => undefined);
    return done;
  };
  return { url: "", log: quietLog, [pooled]: { transaction: () => ({ execute }) } as unknown as Db[typeof pooled], close: async () => undefined };
}

/** Rows of several tenants get their places in one transaction: a handful of round trips and one sync, however many tenants there are. */
import { sql } from "kysely";
import type { Clock } from "#clock";
import { withLogs, type Db } from "#db";
import { rowColumns, type RawRow } from "./stored-row.ts";
import type { Placing, TenantLog } from "./tenant-log.ts";
import { writeLogs } from "./write-logs.ts";

/** Of one tenant in one transaction; whoever has more is given a transaction of its own. */
const shareRows = 64;

interface LockedLog {
  readonly tenant_id: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly vkey: string | null;
}

/**
 * What became of each log; one that is not among them has to be looked at alone. Nothing of anybody's is kept when it throws, and then
 * none of these logs is taken to be as it was.
 */
export async function placeTogether({ db, clock, batchRows }: { readonly db: Db; readonly clock: Clock; readonly batchRows: number }, logs: readonly TenantLog[]): Promise<Map<TenantLog, Placing>> {
  const atMost = Math.min(shareRows, batchRows);
  try {
    const batches = await withLogs(db, async (tx) => {
      const locked = new Map((await sql<LockedLog>`select * from lock_logs(${logs.map(({ tenantId }) => tenantId)}::uuid[])`.execute(tx)).rows.map((log) => [log.tenant_id, log]));
      const known = logs.filter((log) => log.continues(locked.get(log.tenantId)));
      const passedOver = known.flatMap((log) => [...log.unplaceable().keys()]);
      const { rows } = await sql<RawRow & { readonly tenant_id: string }>`select tenant_id, ${rowColumns} from unplaced_evidence(${known.map(({ tenantId }) => tenantId)}::uuid[], ${passedOver}::uuid[], ${atMost})`.execute(tx);
      const rowsOf = Map.groupBy(rows, ({ tenant_id }) => tenant_id);
      const grown = await Promise.all(known.map(async (log) => ({ log, batch: await log.grow(rowsOf.get(log.tenantId) ?? [], atMost) })));
      await writeLogs(tx, grown.flatMap(({ batch }) => batch.grown ?? []), clock.now());
      return grown;
    });
    return new Map(batches.map(({ log, batch }) => [log, log.settle(batch)]));
  } catch (error) {
    for (const log of logs) log.mistrust();
    throw error;
  }
}

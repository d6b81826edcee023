import { sql } from "kysely";
import { withPending, type Db } from "#db";

export interface Pending {
  readonly tenantId: string;
  /** When the oldest of its rows without a place was recorded. */
  readonly oldest: Date;
}

/** Tenants that have rows without a place, whoever waits longest first. One look into the index for each of them, however many rows wait. */
export async function pendingTenants(db: Db): Promise<Pending[]> {
  return await withPending(db, async (tx) => {
    const { rows } = await sql<{ tenant_id: string; recorded_at: Date }>`
      with recursive pending as (
        (select tenant_id, recorded_at from evidence where tree_index is null order by tenant_id, recorded_at limit 1)
        union all
        select next.* from pending, lateral (
          select tenant_id, recorded_at from evidence where tree_index is null and tenant_id > pending.tenant_id order by tenant_id, recorded_at limit 1
        ) next
      )
      select tenant_id, recorded_at from pending order by recorded_at`.execute(tx);
    return rows.map(({ tenant_id, recorded_at }) => ({ tenantId: tenant_id, oldest: recorded_at }));
  });
}

/** Tenants whose newest head was not kept as a checkpoint. */
export async function unkeptTenants(db: Db): Promise<string[]> {
  return await withPending(db, async (tx) => {
    const rows = await tx
      .selectFrom("logs")
      .select("tenant_id")
      .where("size", ">", (eb) => eb.fn.coalesce(eb.selectFrom("checkpoints").whereRef("checkpoints.tenant_id", "=", "logs.tenant_id").select((max) => max.fn.max("checkpoints.size").as("size")), eb.val(0)))
      .execute();
    return rows.map(({ tenant_id }) => tenant_id);
  });
}

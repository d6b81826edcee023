/** How far a reading of the directory is: kept with what was read, in one transaction, so that it goes on where it was stopped. */
import type { Database, TenantTransaction } from "#db";
import { Refusal } from "#errors";

export type WalkName = Database["directory_walks"]["walk"];

export interface Walk<Counts> {
  /** The next page, or where the next reading begins; null: with everything. */
  readonly link: string | null;
  readonly finished: boolean;
  /** false: what changed since the reading before. */
  readonly everything: boolean;
  /** How often everything was begun to be read. */
  readonly pass: number;
  readonly begunAt: Date;
  readonly counts: Counts;
}

export async function readWalk<Counts>(tx: TenantTransaction, name: WalkName, parse: (stored: unknown) => Counts): Promise<Walk<Counts> | null> {
  const row = await tx.selectFrom("directory_walks").selectAll().where("walk", "=", name).executeTakeFirst();
  if (row === undefined) return null;
  const { link, finished, everything, pass, begun_at: begunAt, counts } = row;
  return { link, finished, everything, pass, begunAt, counts: parse(counts) };
}

export async function keepWalk(tx: TenantTransaction, name: WalkName, { link, finished, everything, pass, begunAt, counts }: Walk<object>): Promise<void> {
  const row = { link, finished, everything, pass, begun_at: begunAt, counts: JSON.stringify(counts) };
  await tx.insertInto("directory_walks").values({ tenant_id: tx.tenantId, walk: name, ...row }).onConflict((conflict) => conflict.columns(["tenant_id", "walk"]).doUpdateSet(row)).execute();
}

/** Nobody else has gone on since. */
export function refuseOvertaken(stored: Walk<unknown> | null, known: Walk<unknown> | null): void {
  if (stored?.link !== known?.link || stored?.pass !== known?.pass) throw new Refusal("REPLICATION_RUNNING", 409, "The directory is being read by another run.");
}

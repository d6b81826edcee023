/** Which groups of the directory are read, and in which question: Graph answers for at most fifty at once, and has no word for groups in groups. */
import { sql } from "kysely";
import { putRows, type TenantTransaction } from "#db";
import { mostGroupsInDelta } from "#directory";
import { chunks } from "./person-rows.ts";

/** All that are reached from the chosen ones: through groups in groups, as far as those were read. A circle ends where it began. */
async function reached(tx: TenantTransaction): Promise<string[]> {
  const { rows } = await sql<{ object_id: string }>`
    with recursive reached (object_id) as (
      select object_id from directory_groups where tenant_id = ${tx.tenantId}
      union select m.member_object_id from reached r join directory_members m on m.tenant_id = ${tx.tenantId} and m.group_object_id = r.object_id where m.is_group)
    select object_id from reached order by object_id`.execute(tx);
  return rows.map(({ object_id }) => object_id);
}

/**
 * Every group that is reached has a place in a batch, and no other. A batch that gets one more is read from its beginning, since its link
 * holds the groups that it was begun with. `anew`: places are given again, so that what came one by one is read together.
 */
export async function placeWatches(tx: TenantTransaction, anew: boolean): Promise<number[]> {
  const wanted = await reached(tx);
  const rows = await tx.selectFrom("directory_watches").select(["object_id", "batch"]).execute();
  const isWanted = new Set(wanted);
  const gone = rows.filter(({ object_id }) => !isWanted.has(object_id)).map(({ object_id }) => object_id);
  for (const ids of chunks(gone)) {
    await tx.deleteFrom("directory_watches").where("object_id", "in", ids).execute();
    await tx.deleteFrom("directory_members").where("group_object_id", "in", ids).execute();
  }
  const placed = new Map(anew ? [] : rows.filter(({ object_id }) => isWanted.has(object_id)).map(({ object_id, batch }) => [object_id, batch] as const));
  const sizes = new Map<number, number>();
  for (const batch of placed.values()) sizes.set(batch, (sizes.get(batch) ?? 0) + 1);
  const changed = new Set<number>();
  let batch = 0;
  for (const objectId of wanted) {
    if (placed.has(objectId)) continue;
    while ((sizes.get(batch) ?? 0) >= mostGroupsInDelta) batch++;
    placed.set(objectId, batch);
    sizes.set(batch, (sizes.get(batch) ?? 0) + 1);
    changed.add(batch);
  }
  const added = [...placed].filter(([, batch]) => changed.has(batch)).map(([objectId, batch]) => ({ tenant_id: tx.tenantId, object_id: objectId, batch, pass: 0, missing: false }));
  for (const some of chunks(added)) await putRows(tx, "directory_watches", ["tenant_id", "object_id"], some, ["batch"]);
  for (const batch of changed) await tx.updateTable("directory_walks").set({ link: null, finished: true }).where("walk", "=", `groups ${batch}`).execute();
  const batches = [...sizes.keys()].toSorted((a, b) => a - b);
  await tx.deleteFrom("directory_walks").where("walk", "not in", ["users", ...batches.map((batch) => `groups ${batch}` as const)]).execute();
  return batches;
}

export async function groupsOfBatch(tx: TenantTransaction, batch: number): Promise<string[]> {
  return (await tx.selectFrom("directory_watches").select("object_id").where("batch", "=", batch).orderBy("object_id").execute()).map(({ object_id }) => object_id);
}

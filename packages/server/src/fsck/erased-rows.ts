/** An erased row names nothing any more: it may have been the one that is looked for. */
import type { TenantTransaction } from "#db";

const erased = (tx: TenantTransaction) => tx.selectFrom("evidence").where("erased_by", "is not", null);

/** `since` null: ever. */
export async function isSomethingErased(tx: TenantTransaction, since: Date | null): Promise<boolean> {
  const rows = since === null ? erased(tx) : erased(tx).where("recorded_at", ">=", since);
  return (await rows.select("evidence_id").limit(1).executeTakeFirst()) !== undefined;
}

/** Which of the rows from one place to before another. */
export async function erasedPlaces(tx: TenantTransaction, from: number, to: number): Promise<number[]> {
  const rows = await erased(tx).select("tree_index").where("tree_index", ">=", from).where("tree_index", "<", to).execute();
  return rows.flatMap(({ tree_index }) => tree_index ?? []);
}

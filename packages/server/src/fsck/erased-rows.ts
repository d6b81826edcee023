/** An erased row names nothing any more: it may have been the one that is looked for. */
import type { TenantTransaction } from "#db";
import { rowsOf } from "#evidence";
import { fieldOf } from "./stored-value.ts";

const erased = (tx: TenantTransaction) => tx.selectFrom("evidence").where("erased_by", "is not", null);

/** `since` null: ever. */
export async function isSomethingErased(tx: TenantTransaction, since: Date | null): Promise<boolean> {
  const rows = since === null ? erased(tx) : erased(tx).where("recorded_at", ">=", since);
  return (await rows.select("evidence_id").limit(1).executeTakeFirst()) !== undefined;
}

/** Places from one to before another of rows that may have told what became of a call: an erasure's row says which of those it emptied did. */
export async function erasedTellings(tx: TenantTransaction, from: number, to: number): Promise<number[]> {
  const rows = await erased(tx).select(["tree_index", "erased_by"]).where("tree_index", ">=", from).where("tree_index", "<", to).execute();
  if (rows.length === 0) return [];
  const certificates = new Map((await rowsOf(tx, { evidenceIds: [...new Set(rows.map(({ erased_by }) => erased_by!))] })).map(({ row }) => [row.evidenceId, fieldOf(row.detail, "changed")]));
  return rows.flatMap(({ tree_index: place, erased_by }) => {
    const changed = certificates.get(erased_by!);
    const ofCalls = fieldOf(changed, "Call");
    return place === null || (changed !== undefined && !(Array.isArray(ofCalls) && ofCalls.includes(place))) ? [] : [place];
  });
}

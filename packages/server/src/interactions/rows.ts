import type { Principal } from "#access";
import type { TenantTransaction } from "#db";
import { isId, momentsOf } from "#ids";
import type { InteractionRow } from "./row.ts";
import { isVisible } from "./scope.ts";
import { latestVerifications } from "./verifications.ts";

/** Rows by key, in the order of the ids; what is not there, or not for this principal, is left out. */
export async function readRows(tx: TenantTransaction, principal: Principal, ids: readonly string[]): Promise<InteractionRow[]> {
  const known = ids.filter(isId);
  if (known.length === 0) return [];
  const rows = await tx.selectFrom("interactions").selectAll().where("minted_at", "in", momentsOf(known)).where("interaction_id", "in", known).where(isVisible(principal)).execute();
  const verifications = await latestVerifications(tx, rows.map((row) => row.interaction_id));
  const byId = new Map(rows.map((row) => [row.interaction_id, { ...row, verification: verifications.get(row.interaction_id) ?? null }]));
  return known.map((id) => byId.get(id)).filter((row) => row !== undefined);
}

/** One row, or null where there is none for this principal: another tenant's, out of scope and unknown look the same (OVR-14). */
export async function findRow(tx: TenantTransaction, principal: Principal, id: string): Promise<InteractionRow | null> {
  const [row] = await readRows(tx, principal, [id]);
  return row ?? null;
}

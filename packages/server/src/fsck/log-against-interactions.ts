/** What the log says was begun and finished is there: no interaction and no recording went away without a row. */
import type { TenantTransaction } from "#db";
import { isId, momentsOf } from "#ids";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { logInPortions } from "./log-in-portions.ts";
import { fieldOf, momentText } from "./stored-value.ts";

export async function* logAgainstInteractions(checking: Checking, tenant: CheckedTenant, size: number, from: number): AsyncGenerator<Portion<number>> {
  const finding = finder("manifests", tenant);
  yield* logInPortions(checking, tenant, size, from, missing);

  async function missing(tx: TenantTransaction, start: number, end: number): Promise<Finding[]> {
    const rows = await tx
      .selectFrom("evidence")
      .select(["tree_index", "action", "subject", "detail"])
      .where("tree_index", ">=", start)
      .where("tree_index", "<", end)
      .where("action", "in", ["Recording Finalized", "Interaction Opened"])
      .orderBy("tree_index")
      .execute();
    const named = rows.flatMap(({ subject, ...row }) => (subject !== null && isId(subject) ? [{ ...row, id: subject }] : []));
    const of = (action: string): string[] => named.filter((row) => row.action === action).map(({ id }) => id);
    const recordings = await recordingsOf(tx, of("Recording Finalized"));
    const interactions = await interactionsOf(tx, of("Interaction Opened"));
    const gone = named.filter(({ action, id }) => !(action === "Recording Finalized" ? recordings : interactions).has(id)).map(({ id }) => id);
    const deleted = gone.length === 0 ? new Set() : new Set((await tx.selectFrom("evidence").select("subject").where("subject", "in", gone).where("action", "=", "Delete").execute()).map(({ subject }) => subject));
    return named.flatMap(({ action, id, tree_index, detail }): Finding[] => {
      if (deleted.has(id)) return [];
      if (action === "Recording Finalized") {
        const state = recordings.get(id);
        if (state === undefined) return [finding("RECORDING_MISSING", `recording ${id}`, `Row ${tree_index} says that it was finished, and the database does not have it.`)];
        return !["available", "failed", "deleted"].includes(state) ? [finding("RECORDING_MISSING", `recording ${id}`, `Row ${tree_index} says that it was finished, and the database says “${state}”.`)] : [];
      }
      const startedAt = interactions.get(id);
      if (startedAt === undefined) return [finding("INTERACTION_MISSING", `interaction ${id}`, `Row ${tree_index} says that it was opened, and the database does not have it.`)];
      const said = fieldOf(detail, "startedAt");
      return typeof said === "string" && said !== startedAt ? [finding("FACTS_DIFFER", `interaction ${id}`, `start: the database says ${startedAt}, row ${tree_index} ${said.slice(0, 40)}.`)] : [];
    });
  }
}

async function recordingsOf(tx: TenantTransaction, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  return new Map((await tx.selectFrom("media").select(["media_id", "state"]).where("minted_at", "in", momentsOf(ids)).where("media_id", "in", ids).execute()).map(({ media_id, state }) => [media_id, state]));
}

async function interactionsOf(tx: TenantTransaction, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const found = await tx.selectFrom("interactions").select(["interaction_id", "started_at"]).where("minted_at", "in", momentsOf(ids)).where("interaction_id", "in", ids).execute();
  return new Map(found.map(({ interaction_id, started_at }) => [interaction_id, momentText(started_at)]));
}

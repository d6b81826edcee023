/** No interaction that no row of evidence opened: one that somebody wrote into the database past Earwitness. */
import { sql } from "kysely";
import { withTenant } from "#db";
import { momentsOf } from "#ids";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import { isSomethingErased } from "./erased-rows.ts";
import type { Finding } from "./finding.ts";
import { isMinted, mintedBehind, strangeIds } from "./ids-as-stored.ts";

const pageInteractions = 500;

/** `from`: id of the last that was looked at. */
export async function* interactionsAgainstLog(checking: Checking, tenant: CheckedTenant, before: Date, from: string): AsyncGenerator<Portion<string>> {
  const { db, twice } = checking;
  const { tenantId } = tenant;
  const finding = finder("manifests", tenant);
  const behind = (id: string) => sql<boolean>`${isMinted("interaction_id")} and ${mintedBehind("interaction_id", id, before)}`;
  const of = await withTenant(db, tenantId, (tx) => tx.selectFrom("interactions").select((eb) => eb.fn.countAll<number>().as("count")).where(behind(from)).executeTakeFirstOrThrow());
  let done = 0;
  let last = from;
  for (;;) {
    const after = last;
    const page = await withTenant(db, tenantId, (tx) => tx.selectFrom("interactions").select("interaction_id").where(behind(after)).orderBy("minted_at").orderBy("interaction_id").limit(pageInteractions).execute());
    const ids = page.map(({ interaction_id }) => interaction_id);
    const isLast = page.length < pageInteractions;
    const { findings } = await twice(async () => ({ findings: [...(await unopened(ids)), ...(isLast ? await strangeIds(db, tenant, "interactions", before) : [])] }));
    last = ids.at(-1) ?? after;
    done += ids.length;
    yield { cursor: last, findings, done, of: Math.max(of.count, done) };
    if (isLast) break;
  }

  async function unopened(ids: readonly string[]): Promise<Finding[]> {
    if (ids.length === 0) return [];
    return await withTenant(db, tenantId, async (tx) => {
      const opened = new Set((await tx.selectFrom("evidence").select("subject").distinct().where("subject", "in", ids).where("action", "=", "Interaction Opened").execute()).map(({ subject }) => subject));
      const strange = ids.filter((id) => !opened.has(id));
      if (strange.length === 0) return [];
      // An erased row names nothing any more: it may have been the one that is looked for. But every interaction is written together
      // with its part of a recording, whose manifest has to know it: one without any was made up.
      const mayBeErased = await isSomethingErased(tx, null);
      const tied = new Set((await tx.selectFrom("interaction_media").select("interaction_id").distinct().where("minted_at", "in", momentsOf(strange)).where("interaction_id", "in", strange).execute()).map(({ interaction_id }) => interaction_id));
      return strange.map((id) => (mayBeErased && tied.has(id) ? finding("MANIFEST_MAYBE_ERASED", `interaction ${id}`, "No row of evidence says that it was opened, and rows were erased.") : finding("INTERACTION_ADDED", `interaction ${id}`, "No row of evidence says that it was opened.")));
    });
  }
}

/**
 * Checkpoints are not numbered: of one that was deleted nothing is missing. So each check writes into the log how many there were, and
 * the next one counts again. Where a row says that one was asked for, one that covers the row has to be there.
 */
import { sql } from "kysely";
import type { TenantTransaction } from "#db";
import { intactRows, rowsOf, type StoredRow } from "#evidence";
import type { Finder } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { fieldOf } from "./stored-value.ts";

/** Of the log's first `size` rows. */
export async function countCheckpoints(tx: TenantTransaction, size: number): Promise<number> {
  return (await tx.selectFrom("checkpoints").select((eb) => eb.fn.countAll<number>().as("count")).where("size", "<=", size).executeTakeFirstOrThrow()).count;
}

export async function missingCheckpoints(tx: TenantTransaction, size: number, finding: Finder): Promise<Finding[]> {
  const rows = await rowsOf(tx, { subject: tx.tenantId });
  const intact = await intactRows(tx, rows);
  const placed = rows.filter((row) => intact.has(row) && row.treeIndex! < size && row.row.item === "Log");
  return [...(await fewer(tx, placed, finding)), ...(await unkept(tx, placed, finding))];
}

async function fewer(tx: TenantTransaction, rows: readonly StoredRow[], finding: Finder): Promise<Finding[]> {
  const counts = rows.flatMap(({ row, treeIndex }) => {
    const [upTo, checkpoints] = [fieldOf(row.detail, "size"), fieldOf(row.detail, "checkpoints")];
    return row.action === "Verify" && Number.isSafeInteger(upTo) && Number.isSafeInteger(checkpoints) ? [{ place: treeIndex!, upTo: Number(upTo), counted: Number(checkpoints) }] : [];
  });
  if (counts.length === 0) return [];
  const { rows: now } = await sql<{ count: number }>`
    select (select count(*) from checkpoints where tenant_id = ${tx.tenantId} and size <= said.up_to) as count
      from unnest(${counts.map(({ upTo }) => upTo)}::bigint[]) with ordinality as said (up_to, at) order by said.at`.execute(tx);
  const gone = counts.map((said, at) => ({ ...said, kept: now[at]!.count })).find(({ kept, counted }) => kept < counted);
  return gone === undefined ? [] : [finding("CHECKPOINT_MISSING", `checkpoints up to ${gone.upTo}`, `Row ${gone.place} says that ${gone.counted} were kept of the first ${gone.upTo} rows, and ${gone.kept} are there.`)];
}

async function unkept(tx: TenantTransaction, rows: readonly StoredRow[], finding: Finder): Promise<Finding[]> {
  const asked = rows.filter(({ row }) => row.action === "Add" && fieldOf(row.detail, "name") === "checkpoint");
  const last = asked.at(-1)?.treeIndex ?? null;
  if (last === null) return [];
  const covering = await tx.selectFrom("checkpoints").select("tenant_id").where("size", ">", last).limit(1).executeTakeFirst();
  return covering === undefined ? [finding("CHECKPOINT_NOT_FOUND", `row ${last}`, `It says that a checkpoint was asked for, and none of more than ${last} rows is kept.`)] : [];
}

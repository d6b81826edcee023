/** Ids begin with their second of birth, which is what their rows are kept by. One that does not would lead a check past all others. */
import { sql, type RawBuilder } from "kysely";
import { withTenant, type Db } from "#db";
import { mintedAt } from "#ids";
import { finder, type CheckedTenant } from "./checking.ts";
import type { Finding } from "./finding.ts";

type IdColumn = "media_id" | "interaction_id";

const columns = { media: { id: "media_id", what: "recording" }, interactions: { id: "interaction_id", what: "interaction" } } as const;
const mostIds = 100;
/** Clocks of nodes differ by less. */
const aheadMs = 24 * 60 * 60_000;

/** Of the form that Earwitness gives, and kept by its own second. The database has a rule for this, which a superuser can take away. */
export const isMinted = (column: IdColumn): RawBuilder<boolean> => sql<boolean>`case when ${sql.ref(column)} ~ '^[0-9a-f]{24}$' then minted_at = minted_at(${sql.ref(column)}) else false end`;

/** Behind this id and not younger than `before`, in the order of ids. */
export const mintedBehind = (column: IdColumn, id: string, before: Date): RawBuilder<boolean> => sql<boolean>`${sql.ref(column)} > ${id} and minted_at >= ${id === "" ? new Date(0) : mintedAt(id)} and minted_at <= ${before}`;

/** Rows that no check of recordings or interactions comes by: with an id that is none, or one of tomorrow. */
export async function strangeIds(db: Db, tenant: CheckedTenant, table: keyof typeof columns, now: Date): Promise<Finding[]> {
  const { id, what } = columns[table];
  const finding = finder("manifests", tenant);
  const { rows } = await withTenant(db, tenant.tenantId, (tx) =>
    sql<{ id: string; is_ahead: boolean }>`
      select ${sql.ref(id)} as id, ${isMinted(id)} as is_ahead from ${sql.table(table)}
       where tenant_id = ${tx.tenantId} and (minted_at > ${new Date(now.getTime() + aheadMs)} or not ${isMinted(id)})
       order by minted_at, ${sql.ref(id)} limit ${mostIds}`.execute(tx),
  );
  return rows.map((row) => finding("ID_NOT_OURS", `${what} ${JSON.stringify(row.id)}`, row.is_ahead ? "It says that it began on a day that has not come." : "Ids are 24 hexadecimal digits that begin with the second of the beginning, and this is none."));
}

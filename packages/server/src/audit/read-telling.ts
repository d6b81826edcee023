/** The entries that say what a thing was, held against the log. */
import { sql } from "kysely";
import { changingActions, type RecordKind } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { believableRows, rowsOf } from "#evidence";
import { formatEntryId } from "./entry-id.ts";
import type { Telling } from "./record-as-of.ts";
import { stepOf } from "./record-kinds.ts";

/** Null where no entry says anything of it. */
export async function readTelling(tx: TenantTransaction, item: RecordKind, subject: string, at: Date): Promise<Telling | null> {
  const own = await tx.selectFrom("evidence").select(["evidence_id", "recorded_at"]).where("subject", "=", subject).where("item", "=", item).where("action", "in", changingActions).execute();
  if (own.length === 0) return null;
  // A group that goes leaves its people: its own entry says who they were.
  const groups = item === "User" ? await tx.selectFrom("evidence").select("evidence_id").where("item", "=", "Group").where("action", "=", "Delete").where(sql<boolean>`detail -> 'was' -> 'people' ? ${subject}`).execute() : [];
  const rows = await rowsOf(tx, { evidenceIds: [...own, ...groups].map(({ evidence_id }) => evidence_id) });
  const believable = await believableRows(tx, rows);
  const told = rows.map((stored) => {
    const { evidenceId, recordedAt } = stored.row;
    const written = new Date(recordedAt);
    return { ...stepOf(item, stored.row), entry: formatEntryId({ recordedAt: written, evidenceId }), at: written, intact: believable.has(stored) };
  });
  return { item, subject, told, erasedAt: await newestErased(tx, item, at) };
}

/** When the newest of the rows was written, until then, that were erased and may have changed such a thing, or told of such a session. `at` null: ever. */
export async function newestErased(tx: TenantTransaction, item: RecordKind | "Session", at: Date | null): Promise<Date | null> {
  const kinds = item === "User" ? [item, "Group"] : [item];
  // What was erased before certificates said which kinds of things were changed may have been anything.
  const { rows } = await sql<{ newest: Date | null }>`
    select max(gone.recorded_at) as newest
      from evidence gone left join evidence certificate on certificate.tenant_id = gone.tenant_id and certificate.evidence_id = gone.erased_by
     where gone.tenant_id = ${tx.tenantId} and gone.erased_by is not null and gone.recorded_at <= coalesce(${at}::timestamptz, 'infinity')
       and (certificate.detail -> 'changed' is null
            or exists (select from unnest(${kinds}::text[]) as kind (name) where certificate.detail -> 'changed' -> kind.name @> to_jsonb(gone.tree_index)))`.execute(tx);
  return rows[0]?.newest ?? null;
}

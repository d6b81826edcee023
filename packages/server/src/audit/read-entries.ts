/** Rows as the API and the portal show them: in words, and with where the thing can be looked at. */
import type { AuditEntry } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { isOperator } from "#evidence";
import { isId, momentsOf } from "#ids";
import { descriptionOf, keyOf, type EvidenceRow } from "./find-entries.ts";
import { formatEntryId } from "./entry-id.ts";

type Thing = NonNullable<AuditEntry["thing"]>;

const uuidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export async function readEntries(tx: TenantTransaction, rows: readonly EvidenceRow[]): Promise<AuditEntry[]> {
  const upns = await readUpns(tx, rows);
  const things = await readThings(tx, rows);
  return rows.map((row) => {
    const { change, ...detail } = row.detail;
    const isPerson = row.actor_kind === "person";
    return {
      id: formatEntryId(keyOf(row)),
      at: row.recorded_at.toISOString(),
      happenedAt: row.occurred_at.toISOString(),
      actor: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name, upn: (isPerson ? upns.get(row.actor_id) : undefined) ?? null, provider: isOperator({ kind: row.actor_kind, id: row.actor_id }) },
      action: row.action,
      item: row.item,
      description: descriptionOf(row),
      subject: row.subject,
      thing: (row.subject === null ? undefined : things.get(`${row.item} ${row.subject}`)) ?? null,
      remoteAddress: row.remote_address,
      reason: row.reason,
      node: row.node_id,
      change: changesOf(change),
      detail,
      place: row.tree_index,
      erased: row.erased_by !== null,
    };
  });
}

/** What was corrected, field by field. Rows are read as they are: what has another shape is no correction. */
function changesOf(change: unknown): AuditEntry["change"] {
  if (change === null || typeof change !== "object") return [];
  return Object.entries(change).map(([field, value]) => {
    const { from = null, to = null } = (value ?? {}) as { from?: unknown; to?: unknown };
    return { field, from, to };
  });
}

const subjectsOf = (rows: readonly EvidenceRow[], item: string, isForm: (text: string) => boolean): string[] => [...new Set(rows.flatMap((row) => (row.item === item && row.subject !== null && isForm(row.subject) ? [row.subject] : [])))];

/** Also of those who were taken out of the directory since. */
async function readUpns(tx: TenantTransaction, rows: readonly EvidenceRow[]): Promise<Map<string, string>> {
  const ids = [...new Set(rows.flatMap((row) => (row.actor_kind === "person" && uuidForm.test(row.actor_id) ? [row.actor_id] : [])))];
  if (ids.length === 0) return new Map();
  const people = await tx.selectFrom("people").select(["person_id", "upn"]).where("person_id", "in", ids).execute();
  return new Map(people.map(({ person_id, upn }) => [person_id, upn]));
}

/** Those of the rows' things that are still there, by item and subject. */
async function readThings(tx: TenantTransaction, rows: readonly EvidenceRow[]): Promise<Map<string, Thing>> {
  const found = new Map<string, Thing>();
  const put = (item: string, kind: Thing["kind"], ids: readonly { readonly id: string; readonly subject?: string }[]): void => {
    for (const { id, subject = id } of ids) found.set(`${item} ${subject}`, { kind, id });
  };
  const calls = subjectsOf(rows, "Call", isId);
  if (calls.length > 0) {
    // A recording that several people share leads to the first of their interactions.
    put("Call", "interaction", await tx.selectFrom("interaction_media").select(["interaction_id as id", "media_id as subject"]).where("media_id", "in", calls).orderBy("interaction_id", "desc").execute());
    put("Call", "interaction", await tx.selectFrom("interactions").select("interaction_id as id").where("minted_at", "in", momentsOf(calls)).where("interaction_id", "in", calls).execute());
  }
  const isUuid = (text: string): boolean => uuidForm.test(text);
  const [users, trunks, groups] = [subjectsOf(rows, "User", isUuid), subjectsOf(rows, "Trunk", isUuid), subjectsOf(rows, "Group", isUuid)];
  if (users.length > 0) put("User", "person", await tx.selectFrom("people").select("person_id as id").where("person_id", "in", users).where("deleted_at", "is", null).execute());
  if (trunks.length > 0) put("Trunk", "trunk", await tx.selectFrom("trunks").select("trunk_id as id").where("trunk_id", "in", trunks).execute());
  if (groups.length > 0) put("Group", "group", await tx.selectFrom("people_groups").select("group_id as id").where("group_id", "in", groups).execute());
  return found;
}

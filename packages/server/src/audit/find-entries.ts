/** Searching the trail: under the tenant's own policies, newest first, each page from the last row of the one before. */
import { sql, type Selectable } from "kysely";
import type { AuditFilter } from "@earwitness/contract";
import type { Database, TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { commandLine, provisionFile } from "#evidence";
import { isId, mintedAt } from "#ids";
import { describeEntry } from "./describe-entry.ts";
import type { EntryKey } from "./entry-id.ts";

export type EvidenceRow = Omit<Selectable<Database["evidence"]>, "tenant_id" | "salt">;

const columns = ["recorded_at", "evidence_id", "occurred_at", "node_id", "actor_kind", "actor_id", "actor_name", "action", "item", "subject", "remote_address", "reason", "detail", "tree_index", "erased_by"] as const;

/** Counting goes no further: beyond it the number is of no use to anybody. */
const countedAtMost = 10_000;
/** Descriptions are made, not stored (the row is what is committed to): to search them is to make them, so many at a time. */
const describedAtATime = 1_000;

export interface Found {
  readonly rows: EvidenceRow[];
  /** Whether there may be more behind the last row, or behind `searchedTo`. */
  readonly hasMore: boolean;
  /** Where a search in descriptions gave up for now. */
  readonly searchedTo: EntryKey | null;
}

/** At most `limit` rows after `after`; a search in descriptions looks at `mostDescribed` rows and no more. */
export async function findEntries(tx: TenantTransaction, filter: AuditFilter, { after, limit, mostDescribed }: { after: EntryKey | null; limit: number; mostDescribed: number }): Promise<Found> {
  const subjects = await subjectsOf(tx, filter.subject);
  const page = (from: EntryKey | null, rows: number) => behind(matching(tx, filter, subjects), from).select(columns).orderBy("recorded_at", "desc").orderBy("evidence_id", "desc").limit(rows).execute();
  const wanted = filter.description?.trim().toLowerCase();
  if (wanted === undefined) {
    const rows = await page(after, limit + 1);
    return { rows: rows.slice(0, limit), hasMore: rows.length > limit, searchedTo: null };
  }
  const found: EvidenceRow[] = [];
  let from = after;
  for (let described = 0; described < mostDescribed; described += describedAtATime) {
    const rows = await page(from, describedAtATime);
    for (const row of rows) {
      if (!descriptionOf(row).toLowerCase().includes(wanted)) continue;
      if (found.length === limit) return { rows: found, hasMore: true, searchedTo: null };
      found.push(row);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < describedAtATime) return { rows: found, hasMore: false, searchedTo: null };
    from = keyOf(last);
  }
  return { rows: found, hasMore: true, searchedTo: from };
}

export async function countEntries(tx: TenantTransaction, filter: AuditFilter): Promise<{ count: number; exact: boolean }> {
  const subjects = await subjectsOf(tx, filter.subject);
  const some = matching(tx, filter, subjects).select("evidence_id").limit(countedAtMost + 1);
  const { count } = await tx.selectFrom(some.as("some")).select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
  return { count: Math.min(count, countedAtMost), exact: count <= countedAtMost };
}

export async function findByKeys(tx: TenantTransaction, keys: readonly EntryKey[]): Promise<EvidenceRow[]> {
  if (keys.length === 0) return [];
  const moments = [...new Set(keys.map(({ recordedAt }) => recordedAt.getTime()))].map((ms) => new Date(ms));
  return await tx.selectFrom("evidence").select(columns).where("recorded_at", "in", moments).where("evidence_id", "in", keys.map(({ evidenceId }) => evidenceId)).orderBy("recorded_at", "desc").orderBy("evidence_id", "desc").execute();
}

export const keyOf = (row: EvidenceRow): EntryKey => ({ recordedAt: row.recorded_at, evidenceId: row.evidence_id });

export const descriptionOf = (row: EvidenceRow): string => describeEntry({ action: row.action, item: row.item, actorName: row.actor_name, subject: row.subject, detail: row.detail });

function matching(tx: TenantTransaction, { from, to, name, action = [], item = [], actor = [], actorId, provider }: AuditFilter, subjects: readonly string[] | null) {
  let query = tx.selectFrom("evidence");
  if (from !== undefined) query = query.where("recorded_at", ">=", momentOf("from", from));
  if (to !== undefined) query = query.where("recorded_at", "<=", momentOf("to", to));
  if (name !== undefined) query = query.where("actor_name", "ilike", `%${name.trim().replace(/[\\%_]/g, (character) => `\\${character}`)}%`);
  if (action.length > 0) query = query.where("action", "in", action);
  if (item.length > 0) query = query.where("item", "in", item);
  // What people and their programs do has an index of its own, which the planner finds by these very words.
  if (actor.length > 0 && actor.every((kind) => kind === "person" || kind === "api_key")) query = query.where(sql<boolean>`actor_kind in ('person', 'api_key')`);
  if (actor.length > 0) query = query.where("actor_kind", "in", actor);
  if (actorId !== undefined) query = query.where("actor_id", "=", actorId);
  if (provider === true) query = query.where("actor_kind", "=", "machine").where("actor_id", "in", [commandLine.id, provisionFile.id]);
  if (subjects !== null) query = query.where("subject", "in", subjects);
  return query;
}

type Matching = ReturnType<typeof matching>;

function behind(query: Matching, after: EntryKey | null): Matching {
  return after === null ? query : query.where(sql<boolean>`(recorded_at, evidence_id) < (${after.recordedAt}, ${after.evidenceId}::uuid)`);
}

/** What was done to an interaction's recording was done to the interaction. */
async function subjectsOf(tx: TenantTransaction, subject: string | undefined): Promise<string[] | null> {
  if (subject === undefined) return null;
  if (!isId(subject)) return [subject];
  const recordings = await tx.selectFrom("interaction_media").select("media_id").where("minted_at", "=", mintedAt(subject)).where("interaction_id", "=", subject).execute();
  return [subject, ...recordings.map(({ media_id }) => media_id)];
}

/** What the form allows and no clock of ours can say: a leap second. */
export function momentOf(name: string, text: string): Date {
  const moment = new Date(text);
  if (!Number.isNaN(moment.getTime())) return moment;
  const message = "is not a moment that can be compared";
  throw new Refusal("VALIDATION", 400, `\`${name}\` ${message}.`, [{ where: `query.${name}`, message }]);
}

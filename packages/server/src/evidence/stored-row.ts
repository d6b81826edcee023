import { sql, type RawBuilder } from "kysely";
import { canonicalRow, saltBytes, type EvidenceRow } from "@earwitness/verify";
import type { TenantTransaction } from "#db";
import { recordedAtOf } from "./evidence-id.ts";

/** A row of evidence as it lies in the database. */
export interface StoredRow {
  readonly row: EvidenceRow;
  /** Null in a row that was erased. */
  readonly salt: Uint8Array | null;
  /** Null as long as the sequencer has not given it one. */
  readonly treeIndex: number | null;
  /** Id of the row that says who erased this one, and why. */
  readonly erasedBy: string | null;
  /** What is in it that we could not have written, in words; null for every honest row. Its commitment does not cover that. */
  readonly flaw: string | null;
}

/** Which rows; all that is named has to hold. */
export interface RowFilter {
  readonly evidenceIds?: readonly string[];
  /** Places from the first to before the second. */
  readonly places?: readonly [from: number, to: number];
  readonly subject?: string;
  readonly actorId?: string;
}

export interface RawRow {
  readonly evidence_id: string;
  /** Not a Date where a superuser wrote `infinity`. */
  readonly recorded_at: Date | number;
  readonly occurred_at: Date | number;
  readonly times_whole: boolean;
  readonly node_id: string;
  readonly actor_kind: string;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly action: string;
  readonly item: string;
  readonly subject: string | null;
  readonly remote_address: string | null;
  readonly reason: string | null;
  readonly detail_text: string;
  readonly tree_index: number | null;
  readonly salt: Uint8Array | null;
  readonly erased_by: string | null;
}

/** What a row is read by: everything that `readRow` looks at, and that a commitment could leave out. A place that no number can hold is the last that one can. */
export const rowColumns: RawBuilder<unknown> = sql`evidence_id, recorded_at, occurred_at,
  recorded_at = date_trunc('milliseconds', recorded_at) and occurred_at = date_trunc('milliseconds', occurred_at) as times_whole,
  node_id, actor_kind, actor_id, actor_name, action, item, subject, remote_address, reason, detail::text as detail_text, case when tree_index > ${Number.MAX_SAFE_INTEGER} then ${Number.MAX_SAFE_INTEGER} else tree_index end as tree_index, salt, erased_by`;

/** The tenant's rows, in the order of their places; those that have none come last. */
export async function rowsOf(tx: TenantTransaction, filter: RowFilter): Promise<StoredRow[]> {
  const { rows } = await sql<RawRow>`select ${rowColumns} from evidence where ${matches(tx, filter)} order by evidence.tree_index, recorded_at, evidence_id`.execute(tx);
  return rows.map((raw) => readRow(tx.tenantId, raw));
}

export function matches({ tenantId }: TenantTransaction, { evidenceIds, places, subject, actorId }: RowFilter): RawBuilder<boolean> {
  const conditions = [sql`tenant_id = ${tenantId}`];
  if (evidenceIds !== undefined) conditions.push(hasId(evidenceIds));
  if (places !== undefined) conditions.push(sql`tree_index >= ${places[0]} and tree_index < ${places[1]}`);
  if (subject !== undefined) conditions.push(sql`subject = ${subject}`);
  if (actorId !== undefined) conditions.push(sql`actor_id = ${actorId}`);
  return sql<boolean>`${sql.join(conditions, sql` and `)}`;
}

/** By primary key, where the ids say when their rows were recorded. */
export function hasId(evidenceIds: readonly string[]): RawBuilder<boolean> {
  const times = evidenceIds.map(recordedAtOf).filter((at) => at !== null);
  const isKnown = times.length === evidenceIds.length ? sql`recorded_at = any(${times}::timestamptz[])` : sql`true`;
  return sql<boolean>`${isKnown} and evidence_id = any(${[...evidenceIds]}::uuid[])`;
}

export function readRow(tenantId: string, raw: RawRow): StoredRow {
  const row: EvidenceRow = {
    tenantId,
    evidenceId: raw.evidence_id,
    recordedAt: timeText(raw.recorded_at),
    occurredAt: timeText(raw.occurred_at),
    nodeId: raw.node_id,
    actor: { kind: raw.actor_kind, id: raw.actor_id, name: raw.actor_name },
    action: raw.action,
    item: raw.item,
    subject: raw.subject,
    remoteAddress: raw.remote_address,
    reason: raw.reason,
    detail: JSON.parse(raw.detail_text) as unknown,
  };
  return { row, salt: raw.salt, treeIndex: raw.tree_index, erasedBy: raw.erased_by, flaw: flawOf(row, raw) };
}

/** PostgreSQL knows times that JavaScript does not. */
const timeText = (at: Date | number): string => (at instanceof Date && !Number.isNaN(at.getTime()) ? at.toISOString() : "");

/**
 * A commitment is made from what JavaScript reads: times in milliseconds, numbers as doubles. What a superuser could write beyond that
 * (a microsecond, the twentieth digit of a number) would change nothing in it, so it is looked for.
 */
function flawOf(row: EvidenceRow, raw: RawRow): string | null {
  if (row.recordedAt === "" || row.occurredAt === "") return "a time of it is none";
  if (!raw.times_whole) return "a time of it is finer than milliseconds";
  if (!numbersAreOurs(raw.detail_text)) return "a number in its detail is written as we do not write it";
  if (raw.erased_by === null && raw.salt?.length !== saltBytes) return "its salt is missing";
  try {
    canonicalRow(row);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Every number of a jsonb text is the one that PostgreSQL makes of a JavaScript number. */
export function numbersAreOurs(json: string): boolean {
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g)) {
    if (!token.startsWith('"') && plainDecimal(Number(token)) !== token) return false;
  }
  return true;
}

/** A number as jsonb writes it once it was handed in as JSON: without an exponent. */
function plainDecimal(value: number): string {
  const [, sign = "", whole = "", fraction = "", exponent] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(JSON.stringify(value)) ?? [];
  if (exponent === undefined) return JSON.stringify(value);
  const shift = Number(exponent);
  if (shift < 0) return `${sign}0.${"0".repeat(-shift - 1)}${whole}${fraction}`;
  const digits = fraction.padEnd(shift, "0");
  return `${sign}${whole}${digits.slice(0, shift)}${digits.length > shift ? `.${digits.slice(shift)}` : ""}`;
}

/** What the log's rows say of an interaction, name by name: each name as the last row has it that says it. */
import type { StoredRow } from "#evidence";
import { toldOnce } from "#recorder";
import { said } from "./recording-as-stored.ts";
import { fieldOf, fieldsOf } from "./stored-value.ts";

/** What one row says under one name. */
export interface Saying {
  readonly value: unknown;
  /** Which row. */
  readonly by: string;
  /** A row behind it was erased, which may have said something else. */
  readonly isMaybeOver: boolean;
}

export interface ToldOfInteraction {
  /** While the call went on. */
  readonly changed: ReadonlyMap<string, Saying>;
  /** When its recording was finished; empty where rows of an earlier version did not say it. */
  readonly settled: ReadonlyMap<string, Saying>;
  /** The row that says that its recording was finished: who wrote it, and when, wrote the interaction. */
  readonly finished: StoredRow | undefined;
}

/** No row that follows can have said otherwise. */
const fixed: ReadonlySet<string> = new Set(toldOnce);
const interactionActs: ReadonlySet<string> = new Set(["Interaction Opened", "Interaction Changed", "Interaction Released"]);

/** `rows`: about the interaction, in their order. A recorder writes none of them behind the end; `erased`: places of rows that may have been such. */
export function toldOfInteraction(interactionId: string, rows: readonly StoredRow[], finished: StoredRow | undefined, erased: readonly number[]): ToldOfInteraction {
  const endsAt = finished?.treeIndex ?? Infinity;
  const changed = new Map<string, Saying>();
  for (const row of rows) {
    const place = row.treeIndex ?? Infinity;
    if (place > endsAt) continue;
    // The database did not take what happened then; the end brought it, and nothing that may change holds any more.
    if (row.row.action === "Fact Rejected") for (const name of changed.keys()) if (!fixed.has(name)) changed.delete(name);
    if (!interactionActs.has(row.row.action)) continue;
    const isMaybeOver = erased.some((one) => one > place && one < endsAt);
    for (const [name, value] of fieldsOf(row.row.detail)) changed.set(name, { value, by: nameOfRow(row), isMaybeOver: isMaybeOver && !fixed.has(name) });
  }
  const ends = finished === undefined ? undefined : said(finished, "interactions");
  const end: unknown = Array.isArray(ends) ? ends.find((one) => fieldOf(one, "interactionId") === interactionId) : undefined;
  const settled = new Map(fieldsOf(end).map(([name, value]): [string, Saying] => [name, { value, by: nameOfRow(finished!), isMaybeOver: false }]));
  return { changed, settled, finished };
}

export const nameOfRow = ({ treeIndex, row }: StoredRow): string => `row ${treeIndex ?? row.evidenceId}`;

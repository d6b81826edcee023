/** What looking at calls leaves in the evidence. */
import type { InteractionQuery } from "@earwitness/contract";
import type { Origin } from "#access";
import type { EvidenceEntry } from "#evidence";
import type { InteractionRow } from "./row.ts";

/** A call as a row of evidence names it, so that the row can be read when the call is gone. */
export const callName = (row: InteractionRow) => ({ name: row.user_name, startedAt: row.started_at.toISOString() });

/** Page, peaks and state of a call are one look at it. */
export function viewOf(row: InteractionRow, origin: Origin, part?: "manifest"): EvidenceEntry {
  return { ...origin, action: "View", item: "Call", subject: row.interaction_id, detail: { ...callName(row), ...(part === undefined ? {} : { part }) } };
}

/** The pages of one list are one look; another filter is another. */
export function searchOf({ q, status = [], direction = [], sipCallId, from, to }: InteractionQuery, origin: Origin): EvidenceEntry {
  const filter = {
    ...(q === undefined ? {} : { q }),
    ...(status.length === 0 ? {} : { status: status.toSorted() }),
    ...(direction.length === 0 ? {} : { direction: direction.toSorted() }),
    ...(sipCallId === undefined ? {} : { sipCallId }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  return Object.keys(filter).length === 0 ? { ...origin, action: "Access", item: "Interactions" } : { ...origin, action: "Search", item: "Interactions", detail: { filter } };
}

import { sql } from "kysely";
import type { InteractionPage, InteractionQuery } from "@earwitness/contract";
import type { Origin, Principal } from "#access";
import { countInteractions, searchInteractionIds, withTenant, type Db, type InteractionSearch } from "#db";
import { Refusal } from "#errors";
import { appendOnce } from "#evidence";
import { formatCursor, parseCursor } from "./cursor.ts";
import { searchOf } from "./looks.ts";
import { searchPattern } from "./search-pattern.ts";
import { readRows } from "./rows.ts";
import { toInteraction } from "./row.ts";
import { reachOf, visibleOnly, type Reach } from "./scope.ts";

const defaultLimit = 50;
/** Counting goes no further: beyond it the number is of no use to anybody, and costs (foundations, section 4). */
const countedAtMost = 10_000;

/**
 * One page, newest first. The ids are found under the search role, the rows then read by key under the tenant's own
 * policies (core decision 2); a page is continued after its last row, never by counting rows off.
 */
export async function listInteractions(db: Db, principal: Principal, query: InteractionQuery, origin: Origin): Promise<InteractionPage> {
  const limit = query.limit ?? defaultLimit;
  // One more than asked for tells whether there is a next page.
  const reach = await reachOf(db, principal);
  const found = await searchInteractionIds(db, principal.tenantId, (search) => onPage(matching(search, reach, query), query).limit(limit + 1));
  const shown = found.slice(0, limit);
  const rows = await withTenant(db, principal.tenantId, async (tx) => {
    await appendOnce(tx, searchOf(query, origin));
    return await readRows(tx, principal, shown.map((row) => row.interaction_id));
  });
  const last = shown.at(-1);
  const count = query.after === undefined ? await countInteractions(db, principal.tenantId, countedAtMost + 1, (search) => matching(search, reach, query)) : null;
  return {
    items: rows.map((row) => toInteraction(row, origin.occurredAt)),
    next: last !== undefined && found.length > limit ? formatCursor({ startedAt: last.started_at, id: last.interaction_id }) : null,
    ...(count === null ? {} : { total: { count: Math.min(count, countedAtMost), exact: count <= countedAtMost } }),
  };
}

/** Ids of all that match, newest first; one more than `most` where there are more. */
export async function findInteractions(db: Db, principal: Principal, query: InteractionQuery, most: number): Promise<string[]> {
  const reach = await reachOf(db, principal);
  const found = await searchInteractionIds(db, principal.tenantId, (search) => onPage(matching(search, reach, query), query).limit(most + 1));
  return found.map((row) => row.interaction_id);
}

/** Newest first, from where the page before ended. */
function onPage(search: InteractionSearch, { after }: InteractionQuery): InteractionSearch {
  const ordered = search.orderBy("started_at", "desc").orderBy("interaction_id", "desc");
  if (after === undefined) return ordered;
  const cursor = parseCursor(after);
  return ordered.where(sql<boolean>`(started_at, interaction_id) < (${cursor.startedAt}, ${cursor.id})`);
}

/** Everything that the caller may see and asked for. */
function matching(search: InteractionSearch, reach: Reach, query: InteractionQuery): InteractionSearch {
  let narrowed = visibleOnly(search, reach);
  const { status, direction, q, sipCallId, from, to } = query;
  if (status !== undefined && status.length > 0) narrowed = narrowed.where("media_status", "in", status);
  if (direction !== undefined && direction.length > 0) narrowed = narrowed.where("direction", "in", direction);
  if (sipCallId !== undefined) narrowed = narrowed.where("sip_call_id", "=", sipCallId);
  if (from !== undefined) narrowed = narrowed.where("started_at", ">=", parseMoment("from", from));
  if (to !== undefined) narrowed = narrowed.where("started_at", "<=", parseMoment("to", to));
  if (q !== undefined) narrowed = narrowed.where("party_text", "like", searchPattern(q));
  return narrowed;
}

/** What the form allows and no clock of ours can say: a leap second. */
function parseMoment(name: string, text: string): Date {
  const moment = new Date(text);
  if (!Number.isNaN(moment.getTime())) return moment;
  const message = "is not a moment that can be compared";
  throw new Refusal("VALIDATION", 400, `\`${name}\` ${message}.`, [{ where: `query.${name}`, message }]);
}

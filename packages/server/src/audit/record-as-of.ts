/** A thing as it stood, out of what entries say of it. Nothing but values in and out. */
import { canonicalJson } from "@earwitness/verify";
import type { Doubt, RecordAsOf, RecordKind } from "@earwitness/contract";
import { kinds, type Step } from "./record-kinds.ts";

/** A step with the entry that it is from, in the order of the log. */
export interface Told extends Step {
  readonly entry: string;
  readonly at: Date;
  /** Whether the entry is the one that the log was given; one that has no place yet is taken as it is. */
  readonly intact: boolean;
}

export interface Telling {
  readonly item: RecordKind;
  readonly subject: string;
  readonly told: readonly Told[];
  /** When the newest entry was written, until then, that may have changed such a thing and can be read no more. */
  readonly erasedAt: Date | null;
}

interface Known {
  readonly value: unknown;
  readonly by: Told;
}

export function recordAsOf({ item, subject, told, erasedAt }: Telling, at: Date): RecordAsOf {
  const kind = kinds[item];
  const then = told.filter((one) => one.at <= at);
  const later = told.filter((one) => one.at > at);
  const known = new Map<string, Known>();
  let state: RecordAsOf["state"] | null = null;
  for (const one of then) {
    // What was let go of is not there when it comes back; what no entry ever told is still not told.
    if (one.life === "begins" && state === "deleted") for (const [field, value] of Object.entries(kind.released)) if (known.has(field)) known.set(field, { value, by: one });
    if (one.life !== null) state = one.life === "begins" ? "there" : "deleted";
    for (const [field, { to }] of one.mentions) known.set(field, { value: to, by: one });
    const groups = known.get("group_ids");
    if (one.leavesGroup !== undefined && Array.isArray(groups?.value)) known.set("group_ids", { value: groups.value.filter((id) => id !== one.leavesGroup), by: one });
  }
  state ??= then.length > 0 ? "there" : later.find(({ life }) => life !== null)?.life === "begins" ? "not yet" : "unknown";
  const answer = { item, subject, at: at.toISOString(), state, next: later[0]?.entry ?? null };
  if (state === "not yet") return { ...answer, name: null, fields: [] };

  const fields: RecordAsOf["fields"] = [...known].map(([field, { value, by }]) => ({ field, value, doubt: doubtOf(by), entry: by.entry }));
  // What a later entry says that it was: it agrees, it does not, or nobody else says it.
  const seen = new Set<string>();
  for (const one of state === "deleted" ? [] : later) {
    for (const [field, mention] of one.mentions) {
      if (seen.has(field)) continue;
      seen.add(field);
      if (!("from" in mention)) continue;
      const own = fields.find((other) => other.field === field);
      if (own === undefined) fields.push({ field, value: mention.from, doubt: "later", entry: one.entry });
      else if (canonicalJson(own.value) !== canonicalJson(valueBefore(one, field, mention.from, later))) own.doubt = "contradicted";
    }
  }
  for (const field of kind.secret) fields.push({ field, value: null, doubt: "secret", entry: null });
  for (const field of kind.unwritten) if (!known.has(field)) fields.push({ field, value: null, doubt: "unwritten", entry: null });
  const name = fields.find(({ field }) => field === "display_name" || field === "name")?.value;
  return { ...answer, name: typeof name === "string" ? name : null, fields };

  function doubtOf(by: Told): Doubt | null {
    if (!by.intact) return "altered";
    return erasedAt !== null && erasedAt > by.at ? "erased" : null;
  }
}

/** What a field was at the moment that is asked for, by the next entry that says it: groups that were deleted in between were still there. */
function valueBefore(one: Told, field: string, from: unknown, later: readonly Told[]): unknown {
  if (field !== "group_ids" || !Array.isArray(from)) return from;
  const gone = later.slice(0, later.indexOf(one)).flatMap(({ leavesGroup }) => (leavesGroup === undefined ? [] : [leavesGroup]));
  return [...from, ...gone].toSorted();
}

import { actorKinds, allActions, items, type ActorKind, type AuditFilter } from "@earwitness/contract";
import type { AuditSearch } from "../paths.ts";

export type By = ActorKind | "provider" | "people" | "all";
export const bys = ["people", "person", "api_key", "provider", "job", "machine", "all"] as const satisfies readonly By[];

/** Whose doing is shown. What recorders write down by themselves buries what people do: it comes when asked for. */
export const byOf = ({ by, subject }: AuditSearch): By => bys.find((one) => one === by) ?? (subject === undefined ? "people" : "all");

const listOf = <T extends string>(text: string | undefined, known: readonly T[]): T[] => known.filter((one) => text?.split(",").includes(one));
export const actionsOf = (search: AuditSearch) => listOf(search.action, allActions);
export const itemsOf = (search: AuditSearch) => listOf(search.item, items);

/** The question that the address asks. Days are the reader's own, from their first moment to their last. */
export function filterOf(search: AuditSearch): AuditFilter {
  const by = byOf(search);
  const actor = by === "people" ? (["person", "api_key"] as const) : actorKinds.filter((kind) => kind === by);
  const [action, item] = [actionsOf(search), itemsOf(search)];
  const [from, to] = [dayStart(search.from, 0), dayStart(search.to, 1)];
  return {
    ...(search.name === undefined ? {} : { name: search.name }),
    ...(search.description === undefined ? {} : { description: search.description }),
    ...(action.length === 0 ? {} : { action }),
    ...(item.length === 0 ? {} : { item }),
    ...(actor.length === 0 ? {} : { actor: [...actor] }),
    ...(by === "provider" ? { provider: true } : {}),
    ...(from === null ? {} : { from: from.toISOString() }),
    ...(to === null ? {} : { to: new Date(to.getTime() - 1).toISOString() }),
    ...(search.subject === undefined ? {} : { subject: search.subject }),
    ...(search.actor === undefined ? {} : { actorId: search.actor }),
  };
}

/** The first moment of a day in the browser's zone, or of the day after; null for what is no day. */
function dayStart(day: string | undefined, after: 0 | 1): Date | null {
  const [, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day ?? "") ?? [];
  if (year === undefined) return null;
  const start = new Date(Number(year), Number(month) - 1, Number(date) + after);
  return Number.isNaN(start.getTime()) ? null : start;
}

import type { Interaction, InteractionPage } from "@earwitness/contract";

/** An interaction and when we were told, by our own clock: a running duration counts on from there. */
export type Row = Interaction & { readonly seenAtMs: number };
export interface RowPage {
  readonly items: readonly Row[];
  readonly next: string | null;
  readonly total?: InteractionPage["total"];
}
export interface RowPages {
  readonly pages: readonly RowPage[];
  readonly pageParams: readonly unknown[];
}

export interface Filter {
  readonly q?: string | undefined;
  readonly status: readonly string[];
}

export const seen = (interaction: Interaction, nowMs: number): Row => ({ ...interaction, seenAtMs: nowMs });

/** Newest first; the id decides between calls of the same millisecond, as it does on the server. */
export function compareNewest(one: Interaction, two: Interaction): number {
  return Date.parse(two.startedAt) - Date.parse(one.startedAt) || (one.id < two.id ? 1 : one.id > two.id ? -1 : 0);
}

/** Case and accents do not matter (INT-18). */
const plain = (text: string): string => text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();

/** Whether a row that came live belongs to the list on the screen. The server decides for rows it is asked for; this keeps live rows to the same rule. */
export function matches(row: Interaction, filter: Filter): boolean {
  if (filter.status.length > 0 && !filter.status.includes(row.mediaStatus)) return false;
  if (!filter.q) return true;
  const wanted = plain(filter.q);
  const parties = [row.user, row.calling, row.called, row.answering, row.onBehalfOf, row.transferredBy, row.transferredTo, ...row.participants];
  return parties.some((party) => party && [party.name, party.address, party.upn].some((text) => text && plain(text).includes(wanted)));
}

export type LiveChange = { kind: "known"; data: RowPages } | { kind: "new" } | { kind: "elsewhere" };

/**
 * Where a live row goes: over the one it replaces, in place; out, when it no longer matches; to the arrivals, when it is new;
 * nowhere, when it is older than everything loaded and will come with its page.
 */
export function applyLive(data: RowPages, row: Row, filter: Filter): LiveChange {
  const belongs = matches(row, filter);
  if (data.pages.some((page) => page.items.some((one) => one.id === row.id))) {
    const pages = data.pages.map((page, n) => {
      const items = page.items.some((one) => one.id === row.id)
        ? page.items.flatMap((one) => (one.id !== row.id ? [one] : belongs ? [row] : []))
        : page.items;
      return n === 0 && !belongs ? count({ ...page, items }, -1) : { ...page, items };
    });
    return { kind: "known", data: { ...data, pages } };
  }
  if (!belongs) return { kind: "elsewhere" };
  const last = data.pages.at(-1);
  const oldest = last?.items.at(-1);
  if (oldest && last?.next && compareNewest(oldest, row) < 0) return { kind: "elsewhere" };
  return { kind: "new" };
}

/** Puts arrivals where they belong in time: nearly always at the top. */
export function insertArrivals(data: RowPages, arrivals: readonly Row[]): RowPages {
  const known = new Set(data.pages.flatMap((page) => page.items.map((one) => one.id)));
  const added = arrivals.filter((row) => !known.has(row.id));
  let waiting = added.toSorted(compareNewest);
  const pages = data.pages.map((page, n) => {
    const oldest = page.items.at(-1);
    const here = n === data.pages.length - 1 ? waiting : waiting.filter((row) => oldest && compareNewest(row, oldest) < 0);
    waiting = waiting.filter((row) => !here.includes(row));
    return here.length === 0 ? page : { ...page, items: [...page.items, ...here].toSorted(compareNewest) };
  });
  const first = pages[0];
  return { ...data, pages: first ? [count(first, added.length), ...pages.slice(1)] : pages };
}

const count = (page: RowPage, change: number): RowPage =>
  page.total?.exact ? { ...page, total: { ...page.total, count: Math.max(0, page.total.count + change) } } : page;

/** How many there are in all, those that wait to be shown included. The server counts them with the first page. */
export function totalOf(data: RowPages | undefined, waiting: number): { count: number; exact: boolean } {
  const known = data?.pages[0]?.total ?? { count: flatten(data).length, exact: !data?.pages.at(-1)?.next };
  return known.exact ? { count: known.count + waiting, exact: true } : known;
}

/** Pages overlap where rows arrived between two requests; a row is shown once. */
export function flatten(data: RowPages | undefined): Row[] {
  const ids = new Set<string>();
  return (data?.pages ?? []).flatMap((page) => page.items.filter((row) => !ids.has(row.id) && ids.add(row.id)));
}

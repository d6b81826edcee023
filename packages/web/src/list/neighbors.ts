import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { ListSearch } from "../paths.ts";
import { filterOf, interactionsKey } from "../queries.ts";
import { flatten, type RowPage } from "./rows.ts";

let last: ListSearch = {};

/** The list that a reader came from, for the way back and for the results beside the one that is open. */
export const rememberList = (search: ListSearch): void => {
  last = search;
};
export const lastList = (): ListSearch => last;

/** Ids of the results before and after this one in that list, as far as it is loaded. */
export function neighborsOf(queryClient: QueryClient, id: string): { previous: string | null; next: string | null } {
  const rows = flatten(queryClient.getQueryData<InfiniteData<RowPage>>(interactionsKey(filterOf(last))));
  const at = rows.findIndex((row) => row.id === id);
  return at < 0 ? { previous: null, next: null } : { previous: rows[at - 1]?.id ?? null, next: rows[at + 1]?.id ?? null };
}

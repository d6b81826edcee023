/** Whose interactions a principal may see, as a condition on rows and on queries (ACC-02). The two say the same. */
import { sql } from "kysely";
import { scopeOf, type Principal } from "#access";
import type { InteractionSearch } from "#db";

export function visibleOnly(search: InteractionSearch, principal: Principal): InteractionSearch {
  const scope = scopeOf(principal);
  switch (scope.kind) {
    case "all":
      return search;
    case "own":
      return search.where("person_id", "=", scope.personId);
    case "none":
      return search.where(sql<boolean>`false`);
  }
}

export function maySee(principal: Principal, row: { readonly person_id: string | null }): boolean {
  const scope = scopeOf(principal);
  switch (scope.kind) {
    case "all":
      return true;
    case "own":
      return row.person_id === scope.personId;
    case "none":
      return false;
  }
}

/** The same for all principals of a tenant that see the same rows. */
export function scopeKey(principal: Principal): string {
  const scope = scopeOf(principal);
  return scope.kind === "own" ? `own ${scope.personId}` : scope.kind;
}

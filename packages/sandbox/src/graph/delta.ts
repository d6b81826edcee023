import type { GraphDirectory, Kept } from "./directory.ts";
import type { OpaqueTokens } from "./opaque-token.ts";
import { assertKnown, idsIn, project, selectOf, topOf } from "./query.ts";
import { badRequest, GraphRefusal } from "./reply.ts";
import { groupProperties, userProperties } from "./properties.ts";

/** Directory tokens live seven days. */
const livesMs = 7 * 86_400_000;

/** Where a walk is: everything after `since` up to `until` that was not shown yet. Stands in the link, so that the server keeps nothing. */
interface Place {
  readonly kind: "users" | "groups";
  /** 0: a first reading, of everything that is there. */
  readonly since: number;
  readonly until: number;
  readonly select: readonly string[];
  /** The groups that are watched; null: all. */
  readonly ids: readonly string[] | null;
  readonly top: number;
  /** The last object that was shown, and of its members the last; both empty at the beginning. */
  readonly after: string;
  readonly afterMember: string;
  readonly issuedAtMs: number;
  readonly generation: number;
}

export interface Delta {
  /** Answers `/users/delta` and `/groups/delta`. */
  answer(kind: "users" | "groups", query: URLSearchParams): object;
  /** All links that were given out are too old from now on. */
  expire(): void;
}

export function createDelta({ graphUrl, directory, tokens, mostOnPage, now }: { graphUrl: string; directory: GraphDirectory; tokens: OpaqueTokens; mostOnPage: number; now: () => Date }): Delta {
  let generation = 0;

  function begin(kind: Place["kind"], query: URLSearchParams): Place {
    assertKnown(query, ["$select", "$filter", "$top"]);
    const filter = query.get("$filter");
    const select = kind === "users" ? selectOf(query, "user", userProperties, userProperties) : selectOf(query, "group", [...groupProperties, "members"], [...groupProperties, "members"]);
    return {
      kind, select, since: 0, until: directory.sequence(), ids: filter === null ? null : idsIn(filter), top: Math.min(topOf(query), mostOnPage), after: "", afterMember: "", issuedAtMs: now().getTime(), generation,
    };
  }

  function resume(kind: Place["kind"], query: URLSearchParams): Place {
    const token = query.get("$deltatoken") ?? query.get("$skiptoken") ?? "";
    const place = tokens.read(token) as Place | null;
    if (place?.kind !== kind) throw badRequest("Badly formed token.");
    if (place.generation !== generation || now().getTime() - place.issuedAtMs > livesMs) {
      throw new GraphRefusal(410, "syncStateNotFound", "The sync state generation is not found; continuing with it would miss changes. Start a full synchronization.", {
        location: `${graphUrl}/${kind}/delta?$deltatoken=`,
      });
    }
    return query.has("$deltatoken") ? { ...place, since: place.until, until: directory.sequence(), after: "", afterMember: "", issuedAtMs: now().getTime() } : place;
  }

  /** What changed later than `until` is left to the next walk; a first reading shows what is there now, whenever it came. */
  const isShown = (place: Place, sequence: number, removed: boolean): boolean => (place.since === 0 ? !removed : sequence > place.since && sequence <= place.until);

  function users(place: Place): { value: object[]; next: Place | null } {
    const value: object[] = [];
    for (const user of directory.users()) {
      const { id } = user.object;
      if (id <= place.after || !isShown(place, user.sequence, user.removed !== null)) continue;
      if (value.length === place.top) return { value, next: { ...place, after: (value.at(-1) as { id: string }).id } };
      value.push(show(user, place.select));
    }
    return { value, next: null };
  }

  /** A page holds `top` groups and members together; a large group goes on on the next page, under the same id. */
  function groups(place: Place): { value: object[]; next: Place | null } {
    const value: object[] = [];
    let room = place.top;
    for (const group of directory.groups()) {
      const { id } = group.object;
      const goesOn = id === place.after && place.afterMember !== "";
      if ((id <= place.after && !goesOn) || (place.ids !== null && !place.ids.includes(id))) continue;
      const members = !place.select.includes("members") || group.removed !== null ? [] : [...directory.memberships(id)]
        .filter(([memberId, member]) => isShown(place, member.sequence, member.removed) && !(goesOn && memberId <= place.afterMember))
        .sort(([a], [b]) => (a < b ? -1 : 1));
      if (members.length === 0 && (goesOn || !isShown(place, group.sequence, group.removed !== null))) continue;
      if (room <= 0) return { value, next: { ...place, after: (value.at(-1) as { id: string }).id, afterMember: "" } };
      const now = members.slice(0, room);
      room -= 1 + now.length;
      value.push({
        ...show(group, place.select),
        ...(now.length === 0 ? {} : { "members@delta": now.map(([memberId, { removed }]) => ({ "@odata.type": directory.group(memberId) === undefined ? "#microsoft.graph.user" : "#microsoft.graph.group", id: memberId, ...(removed ? { "@removed": { reason: "deleted" } } : {}) })) }),
      });
      if (now.length < members.length) return { value, next: { ...place, after: id, afterMember: now.at(-1)?.[0] ?? "" } };
    }
    return { value, next: null };
  }

  return {
    answer(kind, query) {
      const place = query.has("$deltatoken") || query.has("$skiptoken") ? resume(kind, query) : begin(kind, query);
      const { value, next } = kind === "users" ? users(place) : groups(place);
      const link = next === null ? { "@odata.deltaLink": `${graphUrl}/${kind}/delta?$deltatoken=${tokens.write(place)}` } : { "@odata.nextLink": `${graphUrl}/${kind}/delta?$skiptoken=${tokens.write(next)}` };
      return { "@odata.context": `${graphUrl}/$metadata#${kind}`, ...link, value };
    },
    expire: () => void generation++,
  };
}

function show(kept: Kept<{ readonly id: string }>, select: readonly string[]): object {
  if (kept.removed !== null) return { id: kept.object.id, "@removed": { reason: kept.removed } };
  return project(kept.object, select);
}

import { Type, type Static } from "typebox";
import type { Asking, DeltaPage, GraphClient, Page } from "./graph-client.ts";

/* What is read of a Microsoft 365 directory, and how it is asked for (M365-58). */

const guidPattern = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
const guid = Type.String({ pattern: guidPattern });
const text = Type.Optional(Type.Union([Type.String(), Type.Null()]));
/** `changed`: deleted, and can be restored for 30 days; `deleted`: for good. Of a membership: `deleted` is all there is. */
const Removed = Type.Object({ reason: Type.String() });

export const DirectoryUser = Type.Object({
  id: guid,
  displayName: text,
  userPrincipalName: text,
  mail: text,
  accountEnabled: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
});
export type DirectoryUser = Static<typeof DirectoryUser>;

/** Of a user that was seen before, what did not change may be absent. */
export const UserChange = Type.Object({ ...DirectoryUser.properties, "@removed": Type.Optional(Removed) });
export type UserChange = Static<typeof UserChange>;

export const DirectoryGroup = Type.Object({ id: guid, displayName: text, mail: text, securityEnabled: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])) });
export type DirectoryGroup = Static<typeof DirectoryGroup>;

/** A large group comes several times, with other members each time. */
export const GroupChange = Type.Object({
  id: guid,
  displayName: text,
  "@removed": Type.Optional(Removed),
  "members@delta": Type.Optional(Type.Array(Type.Object({ "@odata.type": Type.Optional(Type.String()), id: guid, "@removed": Type.Optional(Removed) }))),
});
export type GroupChange = Static<typeof GroupChange>;

const userFields = "id,displayName,userPrincipalName,mail,accountEnabled";
const pageSize = 999;
/** Graph's own limit for the groups of one delta query. */
export const mostGroupsInDelta = 50;

/** Everything, and from then on what changed. The selected fields are baked into the links. */
export function readUsers(graph: GraphClient, link: string | null, asking?: Asking): AsyncGenerator<DeltaPage<UserChange>> {
  return graph.delta(`/users/delta?$select=${userFields}&$top=${pageSize}`, link, UserChange, asking);
}

/**
 * Names and direct members of at most fifty groups, and from then on what changed. Of nested groups there is no delta:
 * each has to be among the fifty, and its members are then put together from what was read.
 */
export function readGroups(graph: GraphClient, groupIds: readonly string[], link: string | null, asking?: Asking): AsyncGenerator<DeltaPage<GroupChange>> {
  if (groupIds.length === 0 || groupIds.length > mostGroupsInDelta) throw new RangeError(`a delta query takes 1 to ${mostGroupsInDelta} groups, not ${groupIds.length}`);
  const filter = groupIds.map((id) => `id eq '${idOf(id)}'`).join(" or ");
  return graph.delta(`/groups/delta?$select=displayName,members&$filter=${encodeURIComponent(filter)}`, link, GroupChange, asking);
}

/**
 * The users in a group. `direct`: those that stand in it, which is what Teams' policies by group go by. `nested`: also those
 * of the groups in it, each once, which is what access by group goes by (CON-35).
 */
export function readMembers(graph: GraphClient, groupId: string, which: "direct" | "nested", link: string | null = null, asking: Asking = {}): AsyncGenerator<Page<DirectoryUser>> {
  const path = `/groups/${idOf(groupId)}/${which === "direct" ? "members" : "transitiveMembers"}/microsoft.graph.user?$count=true&$select=${userFields}&$top=${pageSize}`;
  return graph.pages(link ?? path, DirectoryUser, { ...asking, eventual: true });
}

/** Up to 25 groups whose name has words that begin like the given ones; for choosing one. */
export async function findGroups(graph: GraphClient, words: string, asking: Asking = {}): Promise<readonly DirectoryGroup[]> {
  const search = `"displayName:${words.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  const path = `/groups?$search=${encodeURIComponent(search)}&$count=true&$select=id,displayName,mail,securityEnabled&$top=25`;
  const { value } = await graph.get(path, Type.Object({ value: Type.Array(DirectoryGroup) }), { ...asking, eventual: true });
  return value;
}

function idOf(id: string): string {
  if (new RegExp(guidPattern).test(id)) return id;
  throw new RangeError("an object id of Microsoft 365 is a GUID");
}

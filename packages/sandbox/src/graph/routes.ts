import type { Delta } from "./delta.ts";
import type { GraphDirectory } from "./directory.ts";
import type { OpaqueTokens } from "./opaque-token.ts";
import { groupProperties, unaskedUserProperties, userProperties } from "./properties.ts";
import { assertKnown, filterOf, project, searchOf, selectOf, topOf } from "./query.ts";
import { badRequest, GraphRefusal, notFound, ok, unsupportedQuery, type Reply } from "./reply.ts";
import { unitsOf, type Throttle } from "./throttle.ts";

/** A request within Graph, alone or out of a batch. */
export interface Asked {
  readonly method: string;
  /** Without the version: `/users`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The `ConsistencyLevel: eventual` that advanced queries need. */
  readonly eventual: boolean;
  readonly body: unknown;
}

export interface Stage {
  readonly graphUrl: string;
  readonly directory: GraphDirectory;
  readonly tokens: OpaqueTokens;
  readonly delta: Delta;
  readonly throttle: Throttle;
  readonly mostOnPage: number;
}

interface Context extends Stage {
  readonly asked: Asked;
  readonly permissions: ReadonlySet<string>;
}

interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: RegExp;
  /** Any of them is enough. */
  readonly needs: readonly string[];
  /** Resource units, by Microsoft's table. */
  readonly cost: number;
  readonly answer: (context: Context, parts: readonly string[]) => Reply;
}

const readsUsers = ["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const readsGroups = ["GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const changesMembers = ["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"];
const guid = "([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})";

const routes: readonly Route[] = [
  { method: "GET", path: /^\/users$/, needs: readsUsers, cost: 2, answer: listUsers },
  { method: "GET", path: /^\/users\/delta$/, needs: readsUsers, cost: 2, answer: ({ delta, asked }) => ok(delta.answer("users", asked.query)) },
  { method: "GET", path: /^\/users\/([^/]+)$/, needs: readsUsers, cost: 1, answer: oneUser },
  { method: "POST", path: new RegExp(`^/users/${guid}/checkMemberGroups$`), needs: readsGroups, cost: 1, answer: checkMemberGroups },
  { method: "GET", path: /^\/groups$/, needs: readsGroups, cost: 2, answer: listGroups },
  { method: "GET", path: /^\/groups\/delta$/, needs: readsGroups, cost: 3, answer: ({ delta, asked }) => ok(delta.answer("groups", asked.query)) },
  { method: "GET", path: new RegExp(`^/groups/${guid}$`), needs: readsGroups, cost: 1, answer: oneGroup },
  { method: "GET", path: new RegExp(`^/groups/${guid}/members(?:/(microsoft\\.graph\\.(?:user|group)))?$`), needs: readsGroups, cost: 3, answer: (context, parts) => listMembers(context, parts, false) },
  { method: "GET", path: new RegExp(`^/groups/${guid}/transitiveMembers(?:/(microsoft\\.graph\\.(?:user|group)))?$`), needs: readsGroups, cost: 5, answer: (context, parts) => listMembers(context, parts, true) },
  { method: "DELETE", path: new RegExp(`^/groups/${guid}/members/${guid}/\\$ref$`), needs: changesMembers, cost: 1, answer: removeMember },
];

/** Answers or refuses in Graph's order: is it there, may this app, is it too much, and then what it says. */
export function answerAsked(stage: Stage, asked: Asked, permissions: ReadonlySet<string>): Reply {
  const here = routes.filter(({ path }) => path.test(asked.path));
  if (here.length === 0) throw new GraphRefusal(400, "BadRequest", `Resource not found for the segment '${asked.path.split("/")[1] ?? ""}'.`);
  const route = here.find(({ method }) => method === asked.method);
  if (route === undefined) throw new GraphRefusal(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
  if (!route.needs.some((permission) => permissions.has(permission))) throw new GraphRefusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
  const units = unitsOf(route.cost, asked.query);
  stage.throttle.take(units);
  const reply = route.answer({ ...stage, asked, permissions }, route.path.exec(asked.path)?.slice(1) ?? []);
  return { ...reply, headers: { ...reply.headers, "x-ms-resource-unit": String(units) } };
}

const context = ({ graphUrl }: Stage, what: string): object => ({ "@odata.context": `${graphUrl}/$metadata#${what}` });
const listOptions = ["$select", "$filter", "$top", "$count", "$search", "$skiptoken"];

function listUsers(given: Context): Reply {
  const { asked, directory } = given;
  const names = selectOf(asked.query, "user", userProperties, unaskedUserProperties);
  return pageOf(given, "users", directory.users().flatMap(({ object, removed }) => (removed === null ? [object] : [])), (user) => project(user, names));
}

function listGroups(given: Context): Reply {
  const { asked, directory } = given;
  const names = selectOf(asked.query, "group", groupProperties, groupProperties);
  return pageOf(given, "groups", directory.groups().flatMap(({ object, removed }) => (removed === null ? [object] : [])), (group) => project(group, names));
}

function oneUser(given: Context, [asked = ""]: readonly string[]): Reply {
  assertKnown(given.asked.query, ["$select"]);
  const name = decodeURIComponent(asked).toLowerCase();
  const user = given.directory.user(name) ?? given.directory.users().find(({ object }) => object.userPrincipalName.toLowerCase() === name);
  if (user === undefined || user.removed !== null) throw notFound(name);
  return ok({ ...context(given, "users/$entity"), ...project(user.object, selectOf(given.asked.query, "user", userProperties, unaskedUserProperties)) });
}

function oneGroup(given: Context, [id = ""]: readonly string[]): Reply {
  assertKnown(given.asked.query, ["$select"]);
  const group = given.directory.group(id.toLowerCase());
  if (group === undefined || group.removed !== null) throw notFound(id);
  return ok({ ...context(given, "groups/$entity"), ...project(group.object, selectOf(given.asked.query, "group", groupProperties, groupProperties)) });
}

function removeMember({ directory }: Context, [groupId = "", memberId = ""]: readonly string[]): Reply {
  const [group, member] = [groupId.toLowerCase(), memberId.toLowerCase()];
  if (directory.group(group)?.removed !== null || !directory.members(group, false).includes(member)) throw notFound(memberId);
  directory.removeMember(group, member);
  return { status: 204, headers: {}, body: null };
}

function checkMemberGroups(given: Context, [userId = ""]: readonly string[]): Reply {
  const { directory, asked } = given;
  const user = directory.user(userId.toLowerCase());
  if (user === undefined || user.removed !== null) throw notFound(userId);
  const ids: unknown = typeof asked.body === "object" && asked.body !== null && "groupIds" in asked.body ? asked.body.groupIds : null;
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > 20 || !ids.every((id) => typeof id === "string")) throw badRequest("groupIds has to hold 1 to 20 ids.");
  return ok({ ...context(given, "Collection(Edm.String)"), value: ids.filter((id: string) => directory.members(id.toLowerCase(), true).includes(user.object.id)) });
}

interface Member {
  readonly "@odata.type": string;
  readonly id: string;
}

function listMembers(given: Context, [id = "", cast]: readonly string[], nested: boolean): Reply {
  const { directory, asked, permissions } = given;
  const group = directory.group(id.toLowerCase());
  if (group === undefined || group.removed !== null) throw notFound(id);
  if (cast !== undefined && !(asked.eventual && asked.query.get("$count") === "true")) {
    throw unsupportedQuery("The specified OData cast requires the header 'ConsistencyLevel: eventual' and '$count=true'.");
  }
  const isUserOnly = cast === "microsoft.graph.user";
  const names = selectOf(asked.query, isUserOnly ? "user" : "directoryObject", [...userProperties, ...groupProperties], [...unaskedUserProperties, ...groupProperties]);
  const seesUsers = readsUsers.some((permission) => permissions.has(permission));
  const members = directory.members(group.object.id, nested).flatMap((memberId): readonly Member[] => {
    const user = directory.user(memberId);
    if (user !== undefined) return cast === "microsoft.graph.group" ? [] : [{ "@odata.type": "#microsoft.graph.user", ...user.object }];
    const nestedGroup = directory.group(memberId);
    return nestedGroup === undefined || isUserOnly ? [] : [{ "@odata.type": "#microsoft.graph.group", ...nestedGroup.object }];
  });
  return pageOf(given, "directoryObjects", members, (member) => {
    // Without the right to read users they are there all the same, and say nothing of themselves.
    const isHidden = member["@odata.type"] === "#microsoft.graph.user" && !seesUsers;
    const shown = project(member, names);
    return { ...(cast === undefined ? { "@odata.type": member["@odata.type"] } : {}), ...(isHidden ? Object.fromEntries(Object.keys(shown).map((name) => [name, name === "id" ? member.id : null])) : shown) };
  });
}

/** One page of a list, which is in order of id: the token in the nextLink says after whom it goes on. */
function pageOf<T extends { readonly id: string }>({ graphUrl, tokens, mostOnPage, asked }: Context, what: string, all: readonly T[], show: (object: T) => object): Reply {
  const { query, path, eventual } = asked;
  assertKnown(query, listOptions);
  if ((query.has("$search") || query.has("$count")) && !eventual) throw unsupportedQuery("Request with $search or $count query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'");
  const top = Math.min(topOf(query), mostOnPage);
  const token = query.get("$skiptoken");
  const place = token === null ? { path, after: "" } : tokens.read(token);
  if (place?.["path"] !== path) throw badRequest("Badly formed token.");
  const [isFiltered, isFound] = [filterOf(query), searchOf(query)];
  const fitting = all.filter((object) => isFiltered(object) && isFound(object));
  const rest = fitting.filter(({ id }) => id > String(place["after"]));
  const shown = rest.slice(0, top);
  const next = new URLSearchParams(query);
  next.set("$skiptoken", tokens.write({ path, after: shown.at(-1)?.id ?? "" }));
  return ok({
    "@odata.context": `${graphUrl}/$metadata#${what}`,
    ...(query.get("$count") === "true" && token === null ? { "@odata.count": fitting.length } : {}),
    ...(rest.length > top ? { "@odata.nextLink": `${graphUrl}${path}?${next.toString()}` } : {}),
    value: shown.map(show),
  });
}

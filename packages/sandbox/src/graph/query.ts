import { badRequest, GraphRefusal, unsupportedQuery } from "./reply.ts";

/** How many come on a page: 100 unless asked, at most 999. */
export function topOf(query: URLSearchParams): number {
  const written = query.get("$top");
  if (written === null) return 100;
  const top = Number(written);
  if (!/^\d{1,6}$/.test(written) || top < 1) throw badRequest(`Invalid page size specified: '${written}'. Must be between 1 and 999 inclusive.`);
  if (top > 999) throw badRequest(`Invalid page size specified: '${written}'. Must be between 1 and 999 inclusive.`);
  return top;
}

/** The properties that were asked for, each of which has to exist; without $select those that Graph returns unasked. */
export function selectOf(query: URLSearchParams, type: string, known: readonly string[], otherwise: readonly string[]): readonly string[] {
  const written = query.get("$select");
  if (written === null) return otherwise;
  const names = written.split(",").map((name) => name.trim());
  for (const name of names) if (!known.includes(name)) throw new GraphRefusal(400, "BadRequest", `Could not find a property named '${name}' on type 'microsoft.graph.${type}'.`);
  return [...new Set(["id", ...names])];
}

export function project(object: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

/** Only the options that are known here; Graph has more, and refuses those that it has not. */
export function assertKnown(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (name === "$skip") throw unsupportedQuery("'$skip' is not supported by the service.");
    if (!known.includes(name)) throw badRequest(`The query parameter '${name}' is not supported here.`);
  }
}

/** `id eq 'a' or id eq 'b'`, at most fifty. */
export function idsIn(filter: string): readonly string[] {
  const parts = filter.split(/ or /i).map((part) => /^\s*\(?\s*id eq '([0-9a-f-]{36})'\s*\)?\s*$/i.exec(part)?.[1]?.toLowerCase());
  if (parts.some((part) => part === undefined)) throw unsupportedQuery("Unsupported or invalid query filter clause specified for delta: only 'id eq' joined by 'or'.");
  if (parts.length > 50) throw badRequest("Too many filter clauses: at most 50 ids.");
  return parts as string[];
}

/** `displayName eq 'x'` and `startswith(displayName,'x')`, and the same of userPrincipalName and mail; quotes are doubled. */
export function filterOf(query: URLSearchParams): (object: object) => boolean {
  const written = query.get("$filter");
  if (written === null) return () => true;
  const [, equalName, equal] = /^(displayName|userPrincipalName|mail|id) eq '((?:[^']|'')*)'$/.exec(written) ?? [];
  const [, startName, start] = /^startswith\((displayName|userPrincipalName|mail),\s*'((?:[^']|'')*)'\)$/.exec(written) ?? [];
  const name = equalName ?? startName;
  const wanted = (equal ?? start)?.replaceAll("''", "'").toLowerCase();
  if (name === undefined || wanted === undefined) throw unsupportedQuery("Unsupported or invalid query filter clause specified for property of resource.");
  return (object) => {
    const value = String((object as Record<string, unknown>)[name] ?? "").toLowerCase();
    return equal === undefined ? value.startsWith(wanted) : value === wanted;
  };
}

/** `"displayName:words"`: every word has to begin one of the name's. */
export function searchOf(query: URLSearchParams): (object: object) => boolean {
  const written = query.get("$search");
  if (written === null) return () => true;
  const [, name, words] = /^"(displayName|description):((?:[^"\\]|\\.)*)"$/.exec(written) ?? [];
  if (name === undefined || words === undefined) throw badRequest(`Syntax error: '${written}' is no search expression; it has to be quoted, as in "displayName:words".`);
  const tokens = tokensOf(words.replaceAll(/\\(.)/g, "$1"));
  return (object) => {
    const have = tokensOf(String((object as Record<string, unknown>)[name] ?? ""));
    return tokens.every((token) => have.some((each) => each.startsWith(token)));
  };
}

const tokensOf = (text: string): string[] => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((token) => token !== "");

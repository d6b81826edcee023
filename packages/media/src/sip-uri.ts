import { parseParams, parseWhole } from "./header-text.ts";
import type { Params } from "./header-text.ts";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

export interface SipUri {
  readonly scheme: "sip" | "sips" | "tel";
  /** As written, percent escapes kept; for `tel:` the number. `""` where there is none. */
  readonly user: string;
  /** Lower case; IPv6 without brackets; `""` for `tel:`. */
  readonly host: string;
  readonly port: number | null;
  readonly params: Params;
  /** Parameters inside the user part (`+49301;ext=5@host`), the way gateways carry a number's own. */
  readonly userParams: Params;
}

export function parseSipUri(text: string): Parsed<SipUri> {
  const colon = text.indexOf(":");
  const scheme = text.slice(0, Math.max(0, colon)).trim().toLowerCase();
  if (scheme !== "sip" && scheme !== "sips" && scheme !== "tel") return refused("not a sip, sips or tel URI");
  const rest = text.slice(colon + 1).trim();

  if (scheme === "tel") {
    const semicolon = rest.indexOf(";");
    const user = semicolon < 0 ? rest : rest.slice(0, semicolon);
    if (user === "") return refused("tel URI without a number");
    const params = parseParams(semicolon < 0 ? "" : rest.slice(semicolon));
    return parsed({ scheme, user, host: "", port: null, params, userParams: new Map() });
  }

  // The user part may hold ';' and '?', so the '@' is looked for first; header fields after '?' are of no use to a recorder.
  const at = rest.lastIndexOf("@", firstOf(rest, "?", rest.indexOf("@") + 1));
  const userinfo = at < 0 ? "" : rest.slice(0, at);
  const afterUser = rest.slice(at + 1, firstOf(rest, "?", at + 1));
  const paramsAt = firstOf(afterUser, ";", 0);
  const hostPort = splitHostPort(afterUser.slice(0, paramsAt).trim());
  if (hostPort === null) return refused("URI without a usable host");

  const userWithParams = userinfo.slice(0, firstOf(userinfo, ":", 0)); // a password has no use either
  const userEnd = firstOf(userWithParams, ";", 0);
  return parsed({
    scheme,
    user: userWithParams.slice(0, userEnd),
    ...hostPort,
    params: parseParams(afterUser.slice(paramsAt)),
    userParams: parseParams(userWithParams.slice(userEnd)),
  });
}

/** `host`, `host:port`, `[v6]`, `[v6]:port`; null where it is none of them. */
export function splitHostPort(text: string): { host: string; port: number | null } | null {
  const bracket = text.startsWith("[") ? text.indexOf("]") : -1;
  if (text.startsWith("[") && bracket < 0) return null;
  const colon = text.indexOf(":", bracket + 1);
  const host = bracket > 0 ? text.slice(1, bracket) : text.slice(0, colon < 0 ? text.length : colon);
  if (bracket > 0 && text.length > bracket + 1 && colon !== bracket + 1) return null;
  if (!/^[A-Za-z0-9._:%-]+$/.test(host)) return null;
  const port = colon < 0 ? null : parseWhole(text.slice(colon + 1).trim(), 65_535);
  if (colon >= 0 && port === null) return null;
  return { host: host.toLowerCase(), port };
}

/** Index of `char` at or after `from`, else the length of the text. */
function firstOf(text: string, char: string, from: number): number {
  const at = text.indexOf(char, from);
  return at < 0 ? text.length : at;
}

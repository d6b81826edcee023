/** Readers of single header values. Each value is the sender's word; none of them throws. */
import { isToken, parseParams, parseWhole, splitOutsideQuotes, unquote } from "./header-text.ts";
import type { Params } from "./header-text.ts";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";
import { splitHostPort } from "./sip-uri.ts";

export interface Via {
  /** Upper case: `UDP`, `TCP`, `TLS` … */
  readonly transport: string;
  readonly host: string;
  readonly port: number | null;
  readonly params: Params;
}

/** One Via element, as `headers.list("Via")` gives them. */
export function parseVia(value: string): Parsed<Via> {
  const semicolon = value.indexOf(";");
  const sent = (semicolon < 0 ? value : value.slice(0, semicolon)).trim();
  // "SIP / 2.0 / UDP host" with spaces around the slashes is legal (RFC 4475 3.1.1.1).
  const [name = "", version = "", transportAndHost = ""] = sent.split("/", 3).map((piece) => piece.trim());
  // Another version is answered 505, and the answer needs this Via (RFC 4475 3.1.2.16).
  if (name.toUpperCase() !== "SIP" || !isToken(version)) return refused("Via of an unknown protocol");
  const space = transportAndHost.search(/\s/);
  if (space < 0) return refused("Via without sent-by");
  const transport = transportAndHost.slice(0, space);
  const hostPort = splitHostPort(transportAndHost.slice(space).replaceAll(/\s/g, ""));
  if (!isToken(transport) || hostPort === null) return refused("malformed Via");
  const params = parseParams(semicolon < 0 ? "" : value.slice(semicolon));
  return parsed({ transport: transport.toUpperCase(), ...hostPort, params });
}

export interface NameAddr {
  readonly displayName: string;
  /** As written; `parseSipUri` reads it. `*` for the wildcard Contact. */
  readonly uri: string;
  /** Parameters of the header, not of the URI: `tag`, `+sip.src` … */
  readonly params: Params;
}

/** From, To, Contact, Route, P-Asserted-Identity …: `"Name" <uri>;params`, `Name <uri>`, or a bare `uri;params`. */
export function parseNameAddr(value: string): Parsed<NameAddr> {
  const text = value.trim();
  const open = indexOutsideQuotes(text, "<");
  if (open < 0) {
    // Without brackets everything after the first semicolon belongs to the header (RFC 3261 20).
    const semicolon = text.indexOf(";");
    const uri = (semicolon < 0 ? text : text.slice(0, semicolon)).trim();
    if (uri === "") return refused("address without a URI");
    // A quote that is never closed hides the bracket; what it was to end at is anybody's guess (RFC 4475 3.1.2.6).
    if (uri.includes('"')) return refused("address with an unclosed quote");
    return parsed({ displayName: "", uri, params: parseParams(semicolon < 0 ? "" : text.slice(semicolon)) });
  }
  const close = text.indexOf(">", open);
  const uri = close < 0 ? "" : text.slice(open + 1, close).trim();
  if (uri === "") return refused("address without a URI");
  const displayName = unquote(text.slice(0, open).trim()).trim();
  return parsed({ displayName, uri, params: parseParams(text.slice(close + 1)) });
}

export interface CSeq {
  readonly sequence: number;
  readonly method: string;
}

export function parseCSeq(value: string): Parsed<CSeq> {
  const [number = "", method = "", ...rest] = value.trim().split(/\s+/, 3);
  const sequence = parseWhole(number, 2 ** 32 - 1);
  if (sequence === null || !isToken(method) || rest.length > 0) return refused("malformed CSeq");
  return parsed({ sequence, method });
}

export interface SessionExpires {
  readonly seconds: number;
  readonly refresher: "uac" | "uas" | null;
}

/** RFC 4028; also reads Min-SE, which has the same form. */
export function parseSessionExpires(value: string): Parsed<SessionExpires> {
  const semicolon = value.indexOf(";");
  const seconds = parseWhole((semicolon < 0 ? value : value.slice(0, semicolon)).trim(), 2 ** 32 - 1);
  if (seconds === null) return refused("malformed Session-Expires");
  const refresher = parseParams(semicolon < 0 ? "" : value.slice(semicolon))
    .get("refresher")
    ?.toLowerCase();
  return parsed({ seconds, refresher: refresher === "uac" || refresher === "uas" ? refresher : null });
}

/** Require, Supported, Allow …: the tokens as written, without parameters; what is no token is left out. */
export function parseTokenList(values: string | readonly string[]): string[] {
  const lines = typeof values === "string" ? [values] : values;
  return lines
    .flatMap((line) => splitOutsideQuotes(line, ","))
    .map((element) => element.split(";", 1)[0]?.trim() ?? "")
    .filter(isToken);
}

/** RFC 3262: 1 … 2^32 − 1. */
export function parseRSeq(value: string): Parsed<number> {
  const sequence = parseWhole(value.trim(), 2 ** 32 - 1);
  return sequence === null || sequence === 0 ? refused("malformed RSeq") : parsed(sequence);
}

export interface RAck {
  readonly rseq: number;
  readonly sequence: number;
  readonly method: string;
}

/** What a PRACK acknowledges (RFC 3262 7.2): RSeq, then the CSeq of the request. */
export function parseRAck(value: string): Parsed<RAck> {
  const text = value.trim();
  const space = text.search(/\s/);
  const rseq = parseRSeq(text.slice(0, Math.max(0, space)));
  const cseq = parseCSeq(text.slice(Math.max(0, space)));
  return rseq.ok && cseq.ok ? parsed({ rseq: rseq.value, ...cseq.value }) : refused("malformed RAck");
}

function indexOutsideQuotes(text: string, char: string): number {
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"') quoted = !quoted;
    else if (quoted && text[at] === "\\") at += 1;
    else if (!quoted && text[at] === char) return at;
  }
  return -1;
}

/** Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): reading what a client claims, and computing what it should have claimed. */
import { createHash } from "node:crypto";
import { isToken, splitOutsideQuotes, unquote } from "./header-text.ts";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

export type DigestAlgorithm = "MD5" | "SHA-256";

export interface DigestAuthorization {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  /** Lower case hex, as it must be; anything else never equals ours. */
  readonly response: string;
  /** Upper case; absent it is MD5 (RFC 7616 §3.3). What we do not compute is told by name. */
  readonly algorithm: string;
  /** Lower case; null for a client of RFC 2069, which knows neither count nor cnonce. */
  readonly qop: string | null;
  /** How often the client has used the nonce. Null exactly where `qop` is. */
  readonly nonceCount: number | null;
  readonly cnonce: string | null;
  /** The name is a hash (RFC 7616 §3.4.4). */
  readonly hashedName: boolean;
}

/** Real ones are below 1 kB; this is what a sender may have us take apart before he has shown who he is. */
const maxLength = 4_096;
const maxParameters = 40;

/** One `Authorization` value. Every parameter may stand once: two would let two readers see two users. */
export function parseDigestAuthorization(value: string): Parsed<DigestAuthorization> {
  if (value.length > maxLength) return refused("Authorization is too long");
  const text = value.trim();
  const space = text.search(/[ \t]/);
  if (space < 0 || text.slice(0, space).toLowerCase() !== "digest") return refused("Authorization of another scheme than Digest");
  const elements = splitOutsideQuotes(text.slice(space), ",");
  if (elements.length > maxParameters) return refused("Authorization has too many parameters");
  const given = new Map<string, string>();
  for (const element of elements) {
    const equals = element.indexOf("=");
    const name = element.slice(0, Math.max(0, equals)).trim().toLowerCase();
    if (!isToken(name)) return refused("malformed Authorization");
    if (given.has(name)) return refused("Authorization names a parameter twice");
    const content = element.slice(equals + 1).trim();
    if (content.startsWith('"') && (content.length < 2 || !content.endsWith('"'))) return refused("malformed Authorization");
    given.set(name, unquote(content));
  }

  for (const name of ["username", "realm", "nonce", "uri", "response"]) {
    if (!given.has(name)) return refused(`Authorization without ${name}`);
  }
  const qop = given.get("qop")?.toLowerCase() ?? null;
  const cnonce = given.get("cnonce") ?? null;
  const count = given.get("nc") ?? null;
  if (qop !== null && (cnonce === null || cnonce === "")) return refused("Authorization with qop and without cnonce");
  if (qop !== null && (count === null || !/^[0-9a-f]{8}$/i.test(count))) return refused("Authorization with qop and without a count of eight digits");
  return parsed({
    username: given.get("username") ?? "",
    realm: given.get("realm") ?? "",
    nonce: given.get("nonce") ?? "",
    uri: given.get("uri") ?? "",
    response: given.get("response") ?? "",
    algorithm: given.get("algorithm")?.toUpperCase() ?? "MD5",
    qop,
    nonceCount: qop === null || count === null ? null : Number.parseInt(count, 16),
    cnonce,
    hashedName: given.get("userhash")?.toLowerCase() === "true",
  });
}

/** `H(username:realm:password)`: as good as the password for this realm, and all that has to be kept of it. */
export function digestHa1(algorithm: DigestAlgorithm, username: string, realm: string, password: string): string {
  return hash(algorithm, `${username}:${realm}:${password}`);
}

/** What the client's `response` must be for the request of this method. */
export function digestResponse(
  algorithm: DigestAlgorithm,
  ha1: string,
  method: string,
  { nonce, uri, qop, nonceCount, cnonce }: Pick<DigestAuthorization, "nonce" | "uri" | "qop" | "nonceCount" | "cnonce">,
): string {
  const ha2 = hash(algorithm, `${method}:${uri}`);
  if (qop === null) return hash(algorithm, `${ha1}:${nonce}:${ha2}`); // RFC 2069
  return hash(algorithm, `${ha1}:${nonce}:${(nonceCount ?? 0).toString(16).padStart(8, "0")}:${cnonce ?? ""}:${qop}:${ha2}`);
}

export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  /** The credentials were right for a nonce that is used up: try again without asking a person. */
  readonly stale: boolean;
}

/** One `WWW-Authenticate` value. */
export function digestChallenge({ realm, nonce, algorithm, stale }: DigestChallenge): string {
  const quoted = realm.replaceAll(/[^\x20-\x7e\u0080-\uffff]/g, " ").replaceAll(/["\\]/g, String.raw`\$&`);
  return `Digest realm="${quoted}", nonce="${nonce}", qop="auth", algorithm=${algorithm}${stale ? ", stale=true" : ""}`;
}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm === "MD5" ? "md5" : "sha256").update(text, "utf8").digest("hex");
}

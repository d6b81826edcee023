/** MIME bodies (RFC 2046 5.1) as SIP carries them, read as tolerantly as the clients in the field need it. */
import { parseMediaType } from "./media-type.ts";
import type { Params } from "./header-text.ts";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";
import { findHeadEnd, readHeaderLines } from "./sip-head.ts";
import { SipHeaders } from "./sip-headers.ts";

export interface BodyPart {
  /** Lower case, without parameters. */
  readonly contentType: string;
  readonly params: Params;
  /** Lower case, without parameters: `session`, `recording-session`; null where none is given. */
  readonly disposition: string | null;
  readonly headers: SipHeaders;
  /** A view, not a copy. */
  readonly body: Uint8Array;
}

const MAX_PARTS = 64;
const MAX_NESTING = 3;
/** What goes beyond is not read; real ones have a few hundred bytes. */
const MAX_PART_HEAD = 16 * 1024;
const MAX_BOUNDARY = 200;
const decoder = new TextDecoder();
const LF = 10;
const CR = 13;
const DASH = 45;

/**
 * The parts of a `multipart/…` body. Tolerates a boundary that is not the announced one, a missing final boundary, spaces after a boundary, header lines without a
 * space after the colon, a preamble, an epilogue, and lines ended by LF alone.
 */
export function parseMultipart(contentType: string, body: Uint8Array): Parsed<BodyPart[]> {
  const type = parseMediaType(contentType);
  if (type === null || !type.type.startsWith("multipart/")) return refused("not a multipart body");
  const boundary = type.params.get("boundary") ?? "";
  const usable = boundary !== "" && boundary.length <= MAX_BOUNDARY;
  const parts = usable ? splitAt(boundary, body) : null;
  if (parts !== null) return parts;
  // A boundary that is not announced, or another one than announced, still stands at the top of the body.
  const found = firstBoundary(body);
  if (found !== null && found !== boundary) return splitAt(found, body) ?? refused("boundary does not occur in the body");
  return refused(usable ? "boundary does not occur in the body" : "multipart without a usable boundary");
}

/** Null where the boundary does not occur. */
function splitAt(boundary: string, body: Uint8Array): Parsed<BodyPart[]> | null {
  const delimiter = new TextEncoder().encode(`--${boundary}`);
  const parts: BodyPart[] = [];
  let partStart = -1;
  for (let lineStart = 0; lineStart < body.length; ) {
    const lineFeed = body.indexOf(LF, lineStart);
    const lineEnd = lineFeed < 0 ? body.length : lineFeed;
    const kind = delimiterKind(body, lineStart, lineEnd, delimiter);
    if (kind !== null) {
      if (partStart >= 0) {
        if (parts.length === MAX_PARTS) return refused("too many body parts");
        parts.push(readPart(body.subarray(partStart, withoutLineEnd(body, partStart, lineStart))));
      }
      partStart = Math.min(lineEnd + 1, body.length);
      if (kind === "final") return parsed(parts);
    }
    lineStart = lineEnd + 1;
  }
  if (partStart < 0) return null;
  if (partStart < body.length) parts.push(readPart(body.subarray(partStart)));
  return parsed(parts);
}

/** The first line, where it looks like a boundary and a header of a part follows it. */
function firstBoundary(body: Uint8Array): string | null {
  const start = new TextDecoder("latin1").decode(body.subarray(0, 2 * MAX_BOUNDARY));
  return /^\s*--([^\r\n]{1,200}?)[ \t]*\r?\nContent-[A-Za-z]+[ \t]*:/i.exec(start)?.[1] ?? null;
}

/** The line is `--boundary` or `--boundary--`, white space after it allowed; null for any other line. */
function delimiterKind(body: Uint8Array, from: number, to: number, delimiter: Uint8Array): "next" | "final" | null {
  if (to - from < delimiter.length) return null;
  for (const [index, byte] of delimiter.entries()) if (body[from + index] !== byte) return null;
  let at = from + delimiter.length;
  const final = body[at] === DASH && body[at + 1] === DASH && at + 2 <= to;
  if (final) at += 2;
  for (; at < to; at += 1) if (body[at] !== 32 && body[at] !== 9 && body[at] !== CR) return null;
  return final ? "final" : "next";
}

/** The line end before a delimiter belongs to the delimiter. */
function withoutLineEnd(body: Uint8Array, from: number, to: number): number {
  let end = to;
  if (end > from && body[end - 1] === LF) end -= 1;
  if (end > from && body[end - 1] === CR) end -= 1;
  return end;
}

function readPart(bytes: Uint8Array): BodyPart {
  const leading = bytes[0] === LF ? 1 : bytes[0] === CR && bytes[1] === LF ? 2 : 0;
  if (leading > 0) return describePart(new SipHeaders(), bytes.subarray(leading));
  const end = findHeadEnd(bytes, 0);
  const head = decoder.decode(bytes.subarray(0, Math.min(end?.headEnd ?? bytes.length, MAX_PART_HEAD)));
  return describePart(readHeaderLines(head) ?? new SipHeaders(), bytes.subarray(end?.bodyStart ?? bytes.length));
}

function describePart(headers: SipHeaders, body: Uint8Array): BodyPart {
  const written = headers.get("Content-Type") ?? "text/plain";
  // One module leaves out the first half of `application/rs-metadata+xml`.
  const type = parseMediaType(/^\s*rs-metadata/i.test(written) ? `application/${written.trim()}` : written);
  const disposition = headers.get("Content-Disposition")?.split(";", 1)[0]?.trim().toLowerCase();
  return {
    contentType: type?.type ?? "application/octet-stream",
    params: type?.params ?? new Map(),
    disposition: disposition || null,
    headers,
    body,
  };
}

export interface SplitBody {
  readonly sdp: BodyPart | null;
  readonly metadata: BodyPart | null;
  readonly other: readonly BodyPart[];
}

/** Both names of the type are in use (RFC 9806 corrects RFC 7866). */
const METADATA_TYPES: ReadonlySet<string> = new Set(["application/rs-metadata+xml", "application/rs-metadata"]);

/**
 * What a recording client's message carries, bare or in parts, parts in any order. Of two of a kind the first counts; the
 * second is among `other`.
 */
export function splitBody(contentType: string | undefined, body: Uint8Array): Parsed<SplitBody> {
  if (body.length === 0) return parsed({ sdp: null, metadata: null, other: [] });
  const headers = new SipHeaders(contentType === undefined ? [] : [["Content-Type", contentType]]);
  const whole = describePart(headers, body);
  const parts: BodyPart[] = [];
  const refusal = flatten(whole, 0, parts);
  if (refusal !== null) return refused(refusal);
  if (parts.length > MAX_PARTS) return refused("too many body parts");

  const sdp = parts.find((part) => part.contentType === "application/sdp") ?? null;
  const metadata =
    parts.find((part) => METADATA_TYPES.has(part.contentType)) ??
    parts.find((part) => part !== sdp && part.disposition === "recording-session") ??
    null;
  return parsed({ sdp, metadata, other: parts.filter((part) => part !== sdp && part !== metadata) });
}

/** Adds the parts that have none inside; says why where the body is none of parts. Parts of parts count with all others, and beyond the limit none is opened. */
function flatten(part: BodyPart, depth: number, leaves: BodyPart[]): string | null {
  const opened = part.contentType.startsWith("multipart/") && depth < MAX_NESTING && leaves.length <= MAX_PARTS;
  const parts = opened ? parseMultipart(part.headers.get("Content-Type") ?? "", part.body) : parsed([]);
  if (!parts.ok && depth === 0) return parts.reason;
  if (!opened || !parts.ok) leaves.push(part);
  else for (const inner of parts.value) flatten(inner, depth + 1, leaves);
  return null;
}

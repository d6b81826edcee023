/** Where the head of a message ends and what its lines are: shared by whole messages and the cutting of a stream. */
import { isToken, parseWhole } from "./header-text.ts";
import { SipHeaders } from "./sip-headers.ts";

/** Header lines of real calls are below 100, and all of them together some kilobytes. */
const MAX_HEADER_LINES = 1000;
export const MAX_HEAD_BYTES = 64 * 1024;

const LF = 10;
const CR = 13;

export interface SipHead {
  readonly startLine: string;
  readonly headers: SipHeaders;
}

const decoder = new TextDecoder();

/** Start line and headers; null when there are too many lines. Of a head that is too large, the beginning: enough to answer it by. */
export function readHead(bytes: Uint8Array): SipHead | null {
  const text = decoder.decode(bytes.subarray(0, MAX_HEAD_BYTES));
  const lineFeed = text.indexOf("\n");
  const headers = lineFeed < 0 ? new SipHeaders() : readHeaderLines(text.slice(lineFeed + 1));
  return headers && { startLine: text.slice(0, lineFeed < 0 ? text.length : lineFeed).trimEnd(), headers };
}

/** Lines that are no header are passed over (RFC 3261 8.2: ignore what is malformed and not needed); null when there are too many. */
export function readHeaderLines(text: string): SipHeaders | null {
  const lines = unfold(text);
  if (lines === null) return null;
  const headers = new SipHeaders();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim();
    if (isToken(name)) headers.add(name, line.slice(colon + 1).trim());
  }
  return headers;
}

/** Continuation lines joined to those they continue; null when there are too many. */
function unfold(text: string): string[] | null {
  const lines: string[] = [];
  for (let at = 0; at < text.length; ) {
    const lineFeed = text.indexOf("\n", at);
    const end = lineFeed < 0 ? text.length : lineFeed;
    const line = text.slice(at, end > at && text[end - 1] === "\r" ? end - 1 : end);
    const last = lines.length - 1;
    if (last >= 0 && (line.startsWith(" ") || line.startsWith("\t"))) lines[last] += ` ${line.trim()}`;
    else lines.push(line);
    if (lines.length > MAX_HEADER_LINES) return null;
    at = end + 1;
  }
  return lines;
}

/** Two lengths that disagree are how one message is smuggled inside another, so they are as bad as no number. */
export function readContentLength(headers: SipHeaders): number | null | "malformed" {
  const values = new Set(headers.all("Content-Length"));
  if (values.size === 0) return null;
  const [value = ""] = values;
  return values.size > 1 ? "malformed" : (parseWhole(value) ?? "malformed");
}

export function skipLineEnds(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === CR || bytes[at] === LF) at += 1;
  return at;
}

/** The empty line after the headers; both CRLF and bare LF are met in the field. */
export function findHeadEnd(bytes: Uint8Array, from: number): { headEnd: number; bodyStart: number } | null {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return { headEnd: at + 1, bodyStart: at + 2 };
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return { headEnd: at + 1, bodyStart: at + 3 };
  }
  return null;
}

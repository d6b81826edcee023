import { isToken, parseWhole } from "./header-text.ts";
import { parseCSeq, parseVia } from "./sip-fields.ts";
import { findHeadEnd, MAX_HEAD_BYTES, readContentLength, readHead, skipLineEnds } from "./sip-head.ts";
import type { SipHeaders } from "./sip-headers.ts";

export interface SipRequest {
  readonly kind: "request";
  readonly method: string;
  readonly uri: string;
  readonly headers: SipHeaders;
  readonly body: Uint8Array;
}

export interface SipResponse {
  readonly kind: "response";
  readonly status: number;
  readonly reason: string;
  readonly headers: SipHeaders;
  readonly body: Uint8Array;
}

export type SipMessage = SipRequest | SipResponse;

export type SipParseResult =
  | { readonly ok: true; readonly message: SipMessage }
  | {
      readonly ok: false;
      readonly reason: string;
      /** The request as far as it could be read, with enough headers to answer it with 400; absent where no answer is possible. */
      readonly partial?: { readonly method: string; readonly headers: SipHeaders };
      /** All that is wrong is the version: the answer is 505. */
      readonly otherVersion?: true;
    };

type Refusal = Extract<SipParseResult, { ok: false }>;

/** Metadata of a large conference is some 100 kB. */
const MAX_MESSAGE_BYTES = 1 << 20;

/** A request comes over 70 hops as a rule (RFC 3261 8.1.1.6), and each adds one. */
const MAX_VIAS = 200;

/** Each of these stands exactly once in every message (RFC 3261 8.1.1); Via at least once. */
const REQUIRED_ONCE = ["From", "To", "Call-ID", "CSeq"];

/** A whole message: one datagram, or what the stream framer cut. Everything in it is the sender's word. */
export function parseSipMessage(bytes: Uint8Array): SipParseResult {
  if (bytes.length > MAX_MESSAGE_BYTES) return { ok: false, reason: "message too large" };
  const start = skipLineEnds(bytes, 0);
  const end = findHeadEnd(bytes.subarray(0, start + MAX_HEAD_BYTES + 3), start);
  const head = readHead(bytes.subarray(start, end?.headEnd ?? bytes.length));
  if (head === null) return { ok: false, reason: "too many header lines" };
  const { startLine, headers } = head;

  const line = parseStartLine(startLine);
  const method = startLine.split(" ", 1)[0] ?? "";
  const fail = (reason: string): Refusal => {
    const isRequest = (line === null || line === "other version" || line.kind === "request") && isToken(method);
    const answerable = isRequest && ["Via", ...REQUIRED_ONCE].every((name) => headers.has(name));
    return answerable ? { ok: false, reason, partial: { method, headers } } : { ok: false, reason };
  };

  if (line === "other version") return { ...fail("SIP version not supported"), otherVersion: true };
  if (line === null) return fail("malformed start line");
  if ((end?.headEnd ?? bytes.length) - start > MAX_HEAD_BYTES) return fail(`head of more than ${MAX_HEAD_BYTES} bytes`);
  if (end === null) return fail("headers are not ended by an empty line");
  const vias = headers.list("Via");
  if (vias.length === 0) return fail(headers.has("Via") ? "malformed Via" : "no Via");
  if (vias.length > MAX_VIAS) return { ok: false, reason: `more than ${MAX_VIAS} Via` };
  // Every one: an answer repeats them all, and the next to read it would refuse it (RFC 4475 3.1.2.1).
  if (!vias.every((via) => parseVia(via).ok)) return fail("malformed Via");
  for (const name of REQUIRED_ONCE) {
    const count = headers.all(name).length;
    if (count === 0) return fail(`no ${name}`);
    if (count > 1) return fail(`more than one ${name}`);
  }
  const cseq = parseCSeq(headers.get("CSeq") ?? "");
  if (!cseq.ok) return fail(cseq.reason);
  if (line.kind === "request" && cseq.value.method !== line.method) return fail("CSeq names another method");

  const rest = bytes.subarray(end.bodyStart);
  const length = readContentLength(headers);
  if (length === "malformed") return fail("malformed Content-Length");
  if (length !== null && length > rest.length) return fail("body is shorter than Content-Length"); // RFC 3261 18.3
  const body = length === null ? rest : rest.subarray(0, length);
  return { ok: true, message: { ...line, headers, body } };
}

/** The bytes to send; Content-Length is always that of the body. */
export function serializeSip(message: SipMessage): Uint8Array {
  const startLine =
    message.kind === "request"
      ? `${message.method} ${message.uri} SIP/2.0`
      : `SIP/2.0 ${message.status} ${message.reason}`;
  let head = `${oneLine(startLine)}\r\n`;
  for (const [name, value] of message.headers) {
    if (name.toLowerCase() === "content-length" || name.toLowerCase() === "l") continue;
    head += `${oneLine(name)}: ${oneLine(value)}\r\n`;
  }
  head += `Content-Length: ${message.body.length}\r\n\r\n`;
  const headBytes = new TextEncoder().encode(head);
  const bytes = new Uint8Array(headBytes.length + message.body.length);
  bytes.set(headBytes);
  bytes.set(message.body, headBytes.length);
  return bytes;
}

/** Values often come from the other side: none may begin a line of its own. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, " ");
}

type StartLine = Pick<SipRequest, "kind" | "method" | "uri"> | Pick<SipResponse, "kind" | "status" | "reason">;

function parseStartLine(line: string): StartLine | "other version" | null {
  if (line.slice(0, 8).toUpperCase() === "SIP/2.0 ") {
    const status = parseWhole(line.slice(8, 11));
    if (status === null || status < 100 || status > 699 || (line.length > 11 && line[11] !== " ")) return null;
    return { kind: "response", status, reason: line.slice(12).trim() };
  }
  const [method = "", uri = "", version = "", ...rest] = line.trim().split(/ +/, 4);
  // Brackets and quotes belong to addresses in headers, never to a request line (RFC 4475 3.1.2.7).
  const isUri = /^[!-~\u0080-\uffff]+$/.test(uri) && !/[<>"]/.test(uri);
  if (rest.length > 0 || !isUri || !isToken(method)) return null;
  if (version.toUpperCase() !== "SIP/2.0") return /^SIP\/[0-9]+\.[0-9]+$/i.test(version) ? "other version" : null;
  return { kind: "request", method, uri };
}

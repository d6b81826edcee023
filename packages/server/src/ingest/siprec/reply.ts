import { SipHeaders } from "@earwitness/media";
import type { InvitationReason, UnknownParty } from "@earwitness/contract";
import type { SipHeaderField, SipResponse } from "@earwitness/media";
import type { Incoming } from "./incoming.ts";
import type { Flow } from "./transport.ts";

/** Every status we send, with RFC 3261's phrase. */
const phrases = {
  100: "Trying",
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  405: "Method Not Allowed",
  413: "Request Entity Too Large",
  415: "Unsupported Media Type",
  416: "Unsupported URI Scheme",
  420: "Bad Extension",
  422: "Session Interval Too Small",
  481: "Call/Transaction Does Not Exist",
  482: "Loop Detected",
  487: "Request Terminated",
  488: "Not Acceptable Here",
  500: "Server Internal Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "Version Not Supported",
  603: "Decline",
} as const;

export type Status = keyof typeof phrases;

export interface Answer {
  readonly status: Status;
  readonly headers?: readonly SipHeaderField[];
  readonly body?: Uint8Array;
  /** Why, for the trunk's page; where it is left out, what the status usually means. */
  readonly reason?: InvitationReason;
  /** Whom the directory does not know, where that is why. */
  readonly unknownParties?: readonly UnknownParty[];
}

const nothing = new Uint8Array();

/**
 * A response per RFC 3261 §8.2.6.2. `localTag` goes on a To that has none; 100 has no tag. The topmost Via is told where the request
 * really came from (§18.2.1, RFC 3581).
 */
export function replyTo(incoming: Pick<Incoming, "request" | "flow">, answer: Answer, localTag: string, agent: string): SipResponse {
  const { request, flow } = incoming;
  const headers = new SipHeaders();
  request.headers.list("Via").forEach((via, index) => headers.add("Via", index === 0 ? annotateVia(via, flow) : via));
  headers.add("From", request.headers.get("From") ?? "");
  const to = request.headers.get("To") ?? "";
  headers.add("To", answer.status === 100 || hasTag(to) ? to : `${to};tag=${localTag}`);
  headers.add("Call-ID", request.headers.get("Call-ID") ?? "");
  headers.add("CSeq", request.headers.get("CSeq") ?? "");
  const timestamp = request.headers.get("Timestamp");
  if (answer.status === 100 && timestamp !== undefined) headers.add("Timestamp", timestamp);
  headers.add("Server", agent);
  for (const [name, value] of answer.headers ?? []) headers.add(name, value);
  return { kind: "response", status: answer.status, reason: phrases[answer.status], headers, body: answer.body ?? nothing };
}

function annotateVia(via: string, flow: Flow): string {
  const [sentBy = "", ...params] = via.split(";");
  const kept = params.filter((param) => !/^\s*(received|rport)\s*(=|$)/i.test(param));
  // `received` is written always, not only where sent-by differs: RFC 3581 wants it with rport, and it never harms.
  kept.push(`received=${flow.remote.address}`);
  if (/;\s*rport\s*(=|;|$)/i.test(via)) kept.push(`rport=${flow.remote.port}`);
  return [sentBy, ...kept].join(";");
}

function hasTag(to: string): boolean {
  return /;\s*tag\s*=/i.test(to.slice(to.lastIndexOf(">") + 1));
}

/** Why, for the person who reads the trace at the other end (RFC 3261 §20.43). Codes: 305 media format, 399 anything else. */
export function warning(code: 305 | 399, text: string): SipHeaderField {
  return ["Warning", `${code} earwitness "${text.replace(/[“”"]/g, "'").replace(/[^\x20-\x7e]|\\/g, " ")}"`];
}

export const methodsKnown = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK"] as const;
export const methodsRefused: readonly string[] = ["REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"];
/**
 * Option tags we understand; whatever else is required is answered 420. `100rel` (RFC 3262) binds the provisional responses above 100 that
 * we send, and we send none: a client that requires it gets its final answer, and a PRACK, having nothing to acknowledge, 481 (§3).
 */
export const supported = ["siprec", "timer", "100rel", "replaces"] as const;
const acceptedTypes = ["application/sdp", "multipart/mixed", "application/rs-metadata", "application/rs-metadata+xml"] as const;

export const allowHeader: SipHeaderField = ["Allow", methodsKnown.join(", ")];
export const acceptHeader: SipHeaderField = ["Accept", acceptedTypes.join(", ")];
/** What we can do, for OPTIONS and for every 2xx that may begin or change a session. */
export const capabilities: readonly SipHeaderField[] = [allowHeader, acceptHeader, ["Supported", supported.join(", ")]];


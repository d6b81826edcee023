/**
 * What went wrong with Microsoft Graph or with signing in to it.
 *
 * - `unreachable`: no answer came; the network, a name, a proxy
 * - `timeout`: it did not answer in time
 * - `throttled`: it asked to wait for longer, or more often, than we do; `retryAfterMs` says for how long
 * - `failed`: it failed, as it says itself (5xx)
 * - `credentials`: client id, secret or tenant are not accepted
 * - `forbidden`: a permission is missing
 * - `missing`: what was asked for is not there
 * - `resync`: the delta link is too old: everything has to be read again
 * - `refused`: it does not accept the request; a defect of ours, or a limit that was passed
 * - `malformed`: the answer is none that we understand, or one that we must not follow
 */
export type GraphErrorKind = "unreachable" | "timeout" | "throttled" | "failed" | "credentials" | "forbidden" | "missing" | "resync" | "refused" | "malformed";

/** Whether the same request may succeed later without anybody doing anything. */
const passing: ReadonlySet<GraphErrorKind> = new Set(["unreachable", "timeout", "throttled", "failed"]);

const advice: Record<GraphErrorKind, string> = {
  unreachable: "Check that this machine reaches it.",
  timeout: "It will be tried again at the next run.",
  throttled: "Try again later.",
  failed: "It will be tried again at the next run.",
  credentials: "Check tenant id, client id and client secret, and whether the secret has expired.",
  forbidden: "Let an administrator of the Microsoft 365 tenant consent to the missing permission; a new consent takes minutes to count.",
  missing: "It may have been deleted.",
  resync: "Everything has to be read again.",
  refused: "This is a defect: report it with the request id.",
  malformed: "Something between us and Microsoft may have answered in its place.",
};

export interface GraphErrorDetail {
  /** HTTP status; null where there was no answer. */
  readonly status?: number | null;
  /** Graph's or Entra's own code, such as `Request_ResourceNotFound` or `AADSTS7000215`. */
  readonly code?: string | null;
  /** What Microsoft's support asks for. */
  readonly requestId?: string | null;
  readonly retryAfterMs?: number | null;
}

/** `where` is method and path without its query, which may hold tokens. The message holds no secret. */
export class GraphError extends Error {
  readonly kind: GraphErrorKind;
  readonly where: string;
  readonly status: number | null;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  readonly retry: boolean;

  constructor(kind: GraphErrorKind, where: string, what: string, { status = null, code = null, requestId = null, retryAfterMs = null }: GraphErrorDetail = {}) {
    super(`${where}: ${what}${requestId === null ? "" : ` (request id ${requestId})`}. ${advice[kind]}`);
    this.name = "GraphError";
    this.kind = kind;
    this.where = where;
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
    this.retry = passing.has(kind);
  }
}

/** Text of an answer, fit for one line of a log: whoever answered wrote it. Whatever looks like a token is left out. */
export function foreignText(text: string, most = 300): string {
  const line = text
    .slice(0, most * 4)
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .replaceAll(/[\w~.-]{60,}/g, "[left out]")
    .trim()
    .replace(/\.+$/, "");
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

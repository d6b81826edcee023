/** What becomes of every INVITE outside a dialog, and the messages of the dialog it begins: told to the trunk's page, and to nobody else. */
import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type { InvitationReason, UnknownParty } from "@earwitness/contract";
import type { SipResponse } from "@earwitness/media";
import type { Clock } from "#clock";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { InvitationLog, TraceEntry } from "#trunks";
import type { Incoming } from "./incoming.ts";
import { createSourceGuard } from "./source-guard.ts";
import { lifetimeMs } from "./timers.ts";
import type { Timer, Timers } from "./timers.ts";
import { printable, traceText } from "./trace-text.ts";
import type { Endpoint, TransportKind } from "./transport.ts";

/** Why an INVITE was answered as it was; what is left out follows from the response. */
export interface Why {
  readonly reason?: InvitationReason;
  readonly explanation?: string;
  readonly recordingId?: string;
  readonly unknownParties?: readonly UnknownParty[];
}

export interface InvitationRecord {
  /** Whose it is; null: nobody's. */
  readonly owner: Owner | null;
  readonly remoteAddress: string;
  note(direction: "in" | "out", transport: TransportKind, remote: Endpoint, bytes: Uint8Array): void;
  answered(response: SipResponse, why: Why): void;
}

export interface Owner {
  readonly tenantId: string;
  readonly trunkId: string | null;
}

/** What has to be known of an INVITE to tell of it: malformed ones have no more. */
export type Invite = Pick<Incoming, "request" | "flow" | "callId"> & { readonly from: Pick<Incoming["from"], "params"> };

export interface InvitationRecords {
  /** `key`: of the dialog that the INVITE may begin; null where it cannot begin one. `remark`: what else there is to say of it, whatever is answered. */
  open(incoming: Invite, bytes: Uint8Array, owner: Owner | null, key: string | null, remark?: string): InvitationRecord;
  of(key: string): InvitationRecord | null;
  /** The dialog is over; late messages of it are still noted for a while. */
  ended(key: string): void;
  /** Tells what was held back. */
  close(): void;
}

const maxMessages = 200;
const maxBytes = 256 * 1024;
/** Of all messages that wait for the answer to their INVITE. */
const maxWaitingBytes = 32 * 1024 * 1024;
const maxRecords = 20_000;
/** 401 and 422 are steps: who can go on does within a round trip, and then there is one invitation to tell of, not two. */
const stepMs = 5_000;
const maxSteps = 1_000;
/** INVITEs that are no trunk's: of a flood a page needs to show only that there is one. */
const strangersRate = { perSecond: 20, burst: 100 };

export interface InvitationRecordsOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly invitations: InvitationLog;
}

export function createInvitationRecords({ log, clock, timers, invitations }: InvitationRecordsOptions): InvitationRecords {
  const records = new Map<string, InvitationRecord>();
  /** Keys of dialogs that are over, oldest first. */
  const over = new Map<string, number>();
  const steps = new Map<string, { readonly tell: () => void; readonly take: () => readonly TraceEntry[]; readonly timer: Timer }>();
  const guard = createSourceGuard(() => strangersRate, () => clock.now().getTime());
  let waitingBytes = 0;

  function forget(): void {
    const nowMs = clock.now().getTime();
    for (const [key, atMs] of over) {
      if (nowMs - atMs < 2 * lifetimeMs && over.size < maxRecords) break;
      over.delete(key);
      records.delete(key);
    }
    if (records.size >= maxRecords) records.delete(records.keys().next().value!);
  }

  function ended(key: string): void {
    if (records.has(key)) over.set(key, clock.now().getTime());
  }

  function open(incoming: Invite, bytes: Uint8Array, owner: Owner | null, key: string | null, remark?: string): InvitationRecord {
    forget();
    const { flow, callId, request } = incoming;
    const at = clock.now();
    const remote = remoteText(flow.remote);
    // The same client's next try after a 401 or a 422 goes on with the trace of the one before.
    const stepKey = JSON.stringify([callId, incoming.from.params.get("tag"), flow.remote.address]);
    const step = steps.get(stepKey);
    let waiting: TraceEntry[] = [...(step?.take() ?? [])];
    const seen = new Set<string>();
    let messages = waiting.length;
    let length = waiting.reduce((sum, { text }) => sum + text.length, 0);
    let sink: { continue(entry: TraceEntry): void } | null = null;
    waitingBytes += length;

    function tell(response: SipResponse, why: Why): void {
      waitingBytes -= waiting.reduce((sum, { text }) => sum + text.length, 0);
      const trace = waiting;
      waiting = [];
      if ((owner === null || owner.trunkId === null) && !guard.admit("")) return;
      const reason = why.reason ?? reasons[response.status] ?? "INTERNAL";
      try {
        sink = invitations.answered({
          at,
          tenantId: owner?.tenantId ?? null,
          trunkId: owner?.trunkId ?? null,
          remote,
          transport: flow.kind,
          sipCallId: printable(callId.slice(0, 500)),
          client: printable(request.headers.get("User-Agent") ?? "").slice(0, 200) || null,
          status: response.status,
          outcome: reason === "RECORDING" ? "recorded" : reason === "NOT_TO_BE_RECORDED" ? "ignored" : "refused",
          reason,
          explanation: [why.explanation ?? explain(reason, response), ...(remark === undefined ? [] : [remark])].join(" "),
          recordingId: why.recordingId ?? null,
          unknownParties: why.unknownParties ?? [],
          trace,
        });
      } catch (thrown) {
        log.error({ err: messageOf(thrown) }, "an answered invitation could not be noted");
      }
    }

    const record: InvitationRecord = {
      owner,
      remoteAddress: flow.remote.address,
      note(direction, transport, to, message) {
        if (messages >= maxMessages) return;
        // Retransmissions are the same bytes; the first is enough.
        const hash = createHash("sha256").update(direction).update(message).digest("base64url").slice(0, 16);
        if (seen.has(hash)) return;
        seen.add(hash);
        const text = traceText(message);
        if (length + text.length > maxBytes || (sink === null && waitingBytes + text.length > maxWaitingBytes)) return;
        messages += 1;
        length += text.length;
        const entry: TraceEntry = { at: clock.now(), direction, transport, remote: remoteText(to), text };
        if (sink === null) {
          waiting.push(entry);
          waitingBytes += text.length;
          return;
        }
        try {
          sink.continue(entry);
        } catch (thrown) {
          log.error({ err: messageOf(thrown) }, "a message of an invitation could not be noted");
        }
      },
      answered(response, why) {
        if (key !== null && response.status >= 300) ended(key);
        if (response.status !== 401 && response.status !== 422) return tell(response, why);
        const hold = {
          tell() {
            steps.delete(stepKey);
            hold.timer.cancel();
            tell(response, why);
          },
          take() {
            steps.delete(stepKey);
            hold.timer.cancel();
            waitingBytes -= waiting.reduce((sum, { text }) => sum + text.length, 0);
            return waiting.splice(0);
          },
          timer: timers.after(stepMs, () => hold.tell()),
        };
        steps.get(stepKey)?.tell();
        steps.set(stepKey, hold);
        if (steps.size > maxSteps) steps.values().next().value!.tell();
      },
    };
    record.note("in", flow.kind, flow.remote, bytes);
    if (key !== null) records.set(key, record);
    return record;
  }

  return {
    open,
    of: (key) => records.get(key) ?? null,
    ended,
    close() {
      for (const step of steps.values()) step.tell();
    },
  };
}

/** What a status means where its sender did not say. */
const reasons: Readonly<Record<number, InvitationReason>> = {
  200: "RECORDING",
  400: "MALFORMED",
  401: "CREDENTIALS_MISSING",
  403: "SOURCE_NOT_ALLOWED",
  413: "TOO_LARGE",
  415: "NO_OFFER",
  416: "MALFORMED",
  420: "EXTENSION_REQUIRED",
  422: "MALFORMED",
  482: "MALFORMED",
  483: "MALFORMED",
  487: "CANCELLED",
  488: "NO_USABLE_MEDIA",
  500: "INTERNAL",
  503: "CANNOT_RECORD_NOW",
  505: "MALFORMED",
  603: "NOT_TO_BE_RECORDED",
};

const sentences: Readonly<Record<InvitationReason, string>> = {
  RECORDING: "The call is recorded.",
  NOT_TO_BE_RECORDED: "Nobody in this call is to be recorded.",
  SOURCE_NOT_ALLOWED: "The client's address is not among those that may send for a trunk.",
  TRUNK_OFF: "The trunk is off.",
  TLS_REQUIRED: "The trunk takes calls over TLS alone.",
  CERTIFICATE_MISSING: "The client showed no certificate, and the trunk asks for one.",
  CERTIFICATE_UNKNOWN: "The client's certificate is none of those that the trunk takes.",
  CREDENTIALS_MISSING: "The client was asked for a user name and a password and did not give them. Set those of the trunk in the client.",
  CREDENTIALS_WRONG: "The client's user name or password is not the trunk's. Set them again in the client, or make a new password.",
  SRTP_REQUIRED: "The client offers its media in the clear, and the trunk takes SRTP alone.",
  NO_USABLE_MEDIA: "Nothing in the client's offer can be recorded. Choose a codec that is.",
  NO_OFFER: "The INVITE brings no SDP offer that can be read. A recording client has to send its offer in the INVITE.",
  EXTENSION_REQUIRED: "The client requires an extension of SIP that a recorder does not serve. Turn it off in the client.",
  MALFORMED: "The INVITE is not as SIP wants it.",
  TOO_LARGE: "The INVITE is larger than any message may be.",
  CANNOT_RECORD_NOW: "The recorder cannot take calls now; the client should ask another one, or again later.",
  CANCELLED: "The client canceled the INVITE before it was answered.",
  INTERNAL: "The recorder failed at this INVITE; its log says more.",
};

function explain(reason: InvitationReason, { status, headers }: SipResponse): string {
  const said = /"((?:[^"\\]|\\.)*)"/.exec(headers.get("Warning") ?? "")?.[1];
  const detail =
    status === 420
      ? `not served: ${headers.get("Unsupported") ?? ""}`
      : status === 422
        ? `Session-Expires is below ${headers.get("Min-SE") ?? ""} seconds`
        : status === 482
          ? "it came twice along different ways"
          : status === 416
            ? "Request-URI of a scheme that is not sip, sips or tel"
            : said;
  return detail === undefined || detail === "" ? sentences[reason] : `${sentences[reason]} (${printable(detail)})`;
}

export const remoteText = ({ address, port }: Endpoint): string => (isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`);

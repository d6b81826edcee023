import type { SipRequest, SipResponse } from "@earwitness/media";
import { parseCSeq } from "@earwitness/media";
import { fromTag, topVia } from "./incoming.ts";
import type { Incoming } from "./incoming.ts";
import type { Why } from "./invitation-record.ts";
import { lifetimeMs, retransmit, t4Ms } from "./timers.ts";
import type { Timer, Timers } from "./timers.ts";

/** One request of the other side and our answer to it (RFC 3261 §17.2). Its owner answers; retransmissions never reach the owner. */
export interface ServerTransaction {
  readonly incoming: Incoming;
  /** A final response was given. */
  readonly answered: boolean;
  /** `why` is for `onFinal` alone; the other side reads the response. */
  respond(response: SipResponse, why?: Why): void;
  /** Told once, when the final response has been sent. */
  onFinal: ((response: SipResponse, why: Why) => void) | null;
  /** INVITE only: what to do when a CANCEL comes before the final response. */
  onCancel: (() => void) | null;
}

/** What a request of ours came to. */
export type Outcome = { readonly kind: "answered"; readonly response: SipResponse } | { readonly kind: "timeout" };

export interface Transactions {
  /** The request belongs to a transaction that lives, which has dealt with it. Asked before anything that may be done only once. */
  absorb(incoming: Incoming): boolean;
  /** Answers null where the request belongs to a transaction that already lives (a retransmission, an ACK to an error). */
  open(incoming: Incoming): ServerTransaction | null;
  /** An ACK to an error of ours ends its retransmission; false: it belongs to a 200, or to nothing. */
  acknowledge(ack: Incoming): boolean;
  /** The INVITE that this CANCEL means (RFC 3261 §9.2). */
  inviteOf(cancel: Incoming): ServerTransaction | null;
  /** Another transaction runs for the same request that came along another path (RFC 3261 §8.2.2.2). */
  isMerged(incoming: Incoming): boolean;
  receiveResponse(response: SipResponse): boolean;
  /** A client transaction for anything but INVITE (§17.1.2); `send` is repeated over UDP until there is an answer. */
  request(branch: string, request: SipRequest, reliable: boolean, send: () => void): Promise<Outcome>;
  count(): number;
  close(): void;
}

interface Server extends ServerTransaction {
  readonly key: string;
  receiveAgain(): void;
  /** True where our answer was an error. */
  acknowledge(): boolean;
  drop(): void;
}

interface Client {
  receive(response: SipResponse): void;
  drop(): void;
}

export function createTransactions(timers: Timers, send: (response: SipResponse, incoming: Incoming) => void): Transactions {
  const servers = new Map<string, Server>();
  const clients = new Map<string, Client>();
  /** Requests outside a dialog, by what they have in common however they travelled. */
  const originals = new Map<string, string>();

  function openServer(incoming: Incoming): Server {
    const key = serverKey(incoming, incoming.request.method);
    const original = originalKey(incoming);
    const invite = incoming.request.method === "INVITE";
    const { reliable } = incoming.flow;
    let last: SipResponse | null = null;
    let acknowledged = false;
    let again: Timer | null = null;
    let end: Timer | null = null;

    const server: Server = {
      key,
      incoming,
      onCancel: null,
      onFinal: null,
      get answered() {
        return last !== null && last.status >= 200;
      },
      respond(response, why = {}) {
        if (server.answered) return;
        last = response;
        send(response, incoming);
        if (response.status < 200) return;
        server.onCancel = null;
        // An error to an INVITE is repeated until its ACK (timer G), on UDP; 2xx is repeated by the dialog (RFC 6026).
        if (invite && response.status >= 300 && !reliable) again = retransmit(timers, () => send(response, incoming));
        server.onFinal?.(response, why);
        server.onFinal = null;
        // Timers H, J and L. A non-INVITE over a stream is never repeated, so nothing has to be remembered.
        end = timers.after(invite || !reliable ? lifetimeMs : 0, server.drop);
      },
      receiveAgain() {
        // In the Accepted state INVITEs are swallowed: the dialog repeats its 200 on its own (RFC 6026 §7.1).
        const accepted = invite && server.answered && last!.status < 300;
        if (last !== null && !accepted && !acknowledged) send(last, incoming);
      },
      acknowledge() {
        if (last === null || last.status < 300) return false;
        if (!acknowledged) {
          acknowledged = true;
          again?.cancel();
          end?.cancel();
          end = timers.after(reliable ? 0 : t4Ms, server.drop); // timer I
        }
        return true;
      },
      drop() {
        again?.cancel();
        end?.cancel();
        servers.delete(key);
        if (originals.get(original) === key) originals.delete(original);
      },
    };
    servers.set(key, server);
    if (!originals.has(original)) originals.set(original, key);
    return server;
  }

  function absorb(incoming: Incoming): boolean {
    const known = servers.get(serverKey(incoming, incoming.request.method));
    known?.receiveAgain();
    return known !== undefined;
  }

  return {
    absorb,
    open: (incoming) => (absorb(incoming) ? null : openServer(incoming)),
    acknowledge: (ack) => servers.get(serverKey(ack, "INVITE"))?.acknowledge() ?? false,
    inviteOf(other) {
      return servers.get(serverKey(other, "INVITE")) ?? null;
    },
    isMerged(incoming) {
      const key = originals.get(originalKey(incoming));
      return key !== undefined && key !== serverKey(incoming, incoming.request.method);
    },
    receiveResponse(response) {
      const via = topVia(response.headers);
      const cseq = parseCSeq(response.headers.get("CSeq") ?? "");
      const client = via === null || !cseq.ok ? undefined : clients.get(clientKey(via.params.get("branch") ?? "", cseq.value.method));
      client?.receive(response);
      return client !== undefined;
    },
    request(branch, request, reliable, sendRequest) {
      const key = clientKey(branch, request.method);
      return new Promise((resolve) => {
        let again = reliable ? null : retransmit(timers, sendRequest); // timer E
        let end = timers.after(lifetimeMs, () => finish({ kind: "timeout" })); // timer F
        function finish(outcome: Outcome): void {
          again?.cancel();
          again = null;
          end.cancel();
          // Timer K: late copies of the response still find their transaction.
          if (outcome.kind === "answered" && !reliable) end = timers.after(t4Ms, drop);
          else drop();
          resolve(outcome);
        }
        function drop(): void {
          again?.cancel();
          end.cancel();
          clients.delete(key);
        }
        clients.set(key, {
          receive(response) {
            if (response.status >= 200) finish({ kind: "answered", response });
          },
          drop() {
            drop();
            resolve({ kind: "timeout" });
          },
        });
        sendRequest();
      });
    },
    count: () => servers.size + clients.size,
    close() {
      for (const server of servers.values()) server.drop();
      for (const client of clients.values()) client.drop();
    },
  };
}

/**
 * RFC 3261 §17.2.3. A branch without the magic cookie comes from an RFC 2543 client and is not unique; there the request itself is the key
 * (the To tag is left out: the ACK has one, its INVITE has none).
 */
function serverKey(incoming: Incoming, method: string): string {
  const { via, callId, cseq } = incoming;
  const sentBy = `${via.host}:${via.port ?? 5060}`;
  const branch = via.params.get("branch") ?? "";
  // The cookie alone makes nothing unique (RFC 4475 3.2.1).
  const unique = branch.length > "z9hG4bK".length && branch.startsWith("z9hG4bK") ? branch : `2543 ${callId} ${cseq.sequence} ${fromTag(incoming)} ${incoming.request.uri}`;
  return `${method} ${sentBy} ${unique}`;
}

function originalKey(incoming: Incoming): string {
  return `${incoming.cseq.sequence} ${incoming.request.method} ${fromTag(incoming)} ${incoming.callId}`;
}

const clientKey = (branch: string, method: string): string => `${method} ${branch}`;

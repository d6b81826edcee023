import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { SipHeaders, parseNameAddr, parseSipUri, serializeSip } from "@earwitness/media";
import type { SipHeaderField, SipRequest } from "@earwitness/media";
import type { Log } from "#log";
import { messageOf } from "#errors";
import { fromTag, toTag } from "./incoming.ts";
import type { Incoming } from "./incoming.ts";
import type { Answer } from "./reply.ts";
import { lifetimeMs, retransmit } from "./timers.ts";
import type { Timer, Timers } from "./timers.ts";
import type { Outcome, Transactions } from "./transaction.ts";
import { defaultPort } from "./transport.ts";
import type { Endpoint, Flow, Transport } from "./transport.ts";

/** Our end of a dialog that an INVITE began (RFC 3261 §12): how requests in it are ordered, and where ours go. */
export interface Dialog {
  readonly key: string;
  readonly localTag: string;
  /** `<sip:…>;+sip.srs`: how the other side reaches us inside the dialog. */
  readonly contact: string;
  /** Where the last request in order came from. */
  readonly flow: Flow;
  /** Takes the request's place in the order of CSeq (§12.2.2) and the new remote target it may bring; an answer means it was out of order. */
  take(incoming: Incoming): Answer | null;
  /** Repeats a 200 until `acknowledge`; `lost` when no ACK came for 64·T1 (§13.3.1.4). `came`: with the ACK itself, which may answer our offer. */
  awaitAck(invite: Incoming, sendAgain: () => void, lost: () => void, came?: (ack: Incoming) => void): void;
  acknowledge(ack: Incoming): void;
  request(method: "BYE" | "UPDATE" | "OPTIONS", headers: readonly SipHeaderField[], body?: Uint8Array): Promise<Outcome>;
  /** Stops what the dialog still repeats. Requests under way come to their own end. */
  close(): void;
}

export interface DialogOptions {
  readonly invite: Incoming;
  readonly localTag: string;
  /** Our address as the other side reaches it. */
  readonly host: string;
  readonly port: number;
  readonly agent: string;
  readonly transport: Transport;
  readonly transactions: Transactions;
  readonly timers: Timers;
  readonly newBranch: () => string;
  readonly log: Log;
}

export const dialogKey = (callId: string, localTag: string, remoteTag: string): string => JSON.stringify([callId, localTag, remoteTag]);

/** Key of the dialog that a request inside one belongs to. */
export const dialogKeyOf = (incoming: Incoming): string => dialogKey(incoming.callId, toTag(incoming), fromTag(incoming));

/** RFC 3261 §14.2: a whole number of seconds between 0 and 10, by chance, so that two sides do not collide again. */
export const retryLater = (): SipHeaderField => ["Retry-After", String(Math.floor(Math.random() * 11))];

export function createDialog(options: DialogOptions): Dialog {
  const { invite, localTag, timers, transport, transactions, log, agent } = options;
  const hostPort = `${isIP(options.host) === 6 ? `[${options.host}]` : options.host}:${options.port}`;
  // Who called a SIPS URI gets one back (RFC 3261 §12.1.1); it says TLS by itself.
  const secure = invite.flow.kind === "tls" && /^sips:/i.test(invite.request.uri);
  const contact = `<${secure ? `sips:srs@${hostPort}` : `sip:srs@${hostPort};transport=${invite.flow.kind}`}>;+sip.srs`;
  const routes = invite.request.headers.list("Record-Route");
  const remote = invite.request.headers.get("From") ?? "";
  const local = `${invite.request.headers.get("To") ?? ""};tag=${localTag}`;

  let flow = invite.flow;
  let target = contactUri(invite) ?? invite.from.uri;
  let remoteSequence = invite.cseq.sequence;
  let localSequence = 0;
  /** The 200 whose ACK is awaited, by the INVITE's CSeq; one at a time. */
  let unacknowledged: { readonly sequence: number; readonly stop: () => void; readonly came: (ack: Incoming) => void } | null = null;

  function acknowledged(): void {
    unacknowledged?.stop();
    unacknowledged = null;
  }

  return {
    key: dialogKey(invite.callId, localTag, fromTag(invite)),
    localTag,
    contact,
    get flow() {
      return flow;
    },
    take(incoming) {
      const { sequence, method } = incoming.cseq;
      if (sequence <= remoteSequence) return { status: 500, headers: [retryLater()] };
      remoteSequence = sequence;
      flow = incoming.flow;
      // Only these refresh the target (RFC 3261 §12.2.2, RFC 3311 §5.1).
      if (method === "INVITE" || method === "UPDATE") target = contactUri(incoming) ?? target;
      // Who sends the next INVITE has had our 200; its ACK was lost (RFC 5407 §3.1.4).
      if (method === "INVITE") acknowledged();
      return null;
    },
    awaitAck(accepted, sendAgain, lost, came = () => undefined) {
      acknowledged();
      const again = retransmit(timers, sendAgain);
      const end = timers.after(lifetimeMs, () => {
        acknowledged();
        lost();
      });
      unacknowledged = { sequence: accepted.cseq.sequence, stop: () => [again, end].forEach((timer: Timer) => timer.cancel()), came };
    },
    acknowledge(ack) {
      if (ack.cseq.sequence !== unacknowledged?.sequence) return;
      const { came } = unacknowledged;
      acknowledged();
      came(ack);
    },
    async request(method, extra, body = new Uint8Array()) {
      localSequence += 1;
      const { kind, reliable } = flow;
      const branch = options.newBranch();
      const headers = new SipHeaders([["Via", `SIP/2.0/${kind.toUpperCase()} ${hostPort};branch=${branch};rport`]]);
      headers.add("Max-Forwards", "70");
      headers.add("From", local).add("To", remote).add("Call-ID", invite.callId).add("CSeq", `${localSequence} ${method}`);
      for (const [name, value] of extra) headers.add(name, value);
      headers.add("User-Agent", agent);

      const { uri, hop } = route(target, routes, headers);
      const request: SipRequest = { kind: "request", method, uri, headers, body };
      const to = await resolveHop(hop, flow, log);
      const bytes = serializeSip(request);
      return transactions.request(branch, request, reliable, () => transport.sendRequest(bytes, kind, to, flow));
    },
    close: acknowledged,
  };
}

/**
 * RFC 3261 §12.2.1.1: what the request line says, the Route headers, and the URI whose host gets the request. A first route without
 * `lr` is a strict router of old: it takes the place of the target, which moves to the end of the list.
 */
function route(target: string, routes: readonly string[], headers: SipHeaders): { readonly uri: string; readonly hop: string } {
  const first = parseNameAddr(routes[0] ?? "");
  if (!first.ok) return { uri: target, hop: target };
  const loose = parseSipUri(first.value.uri);
  const strict = loose.ok && !loose.value.params.has("lr");
  for (const each of strict ? [...routes.slice(1), `<${target}>`] : routes) headers.add("Route", each);
  return { uri: strict ? first.value.uri : target, hop: first.value.uri };
}

/** Numbers are taken as they are, names are asked for once per request. Where the name says nothing, the last request's source is the best guess. */
async function resolveHop(hop: string, flow: Flow, log: Log): Promise<Endpoint> {
  const uri = parseSipUri(hop);
  if (!uri.ok || uri.value.host === "") return flow.remote;
  const secure = uri.value.scheme === "sips" || uri.value.params.get("transport")?.toLowerCase() === "tls";
  const port = uri.value.port ?? defaultPort(secure ? "tls" : flow.kind);
  if (isIP(uri.value.host) !== 0) return { address: uri.value.host, port };
  try {
    const { address } = await lookup(uri.value.host, { family: isIP(flow.remote.address) });
    return { address, port };
  } catch (thrown) {
    log.info({ host: uri.value.host, reason: messageOf(thrown) }, "SIP next hop has no address, answering its last source");
    return flow.remote;
  }
}

function contactUri(incoming: Incoming): string | null {
  const [first] = incoming.request.headers.list("Contact");
  const contact = parseNameAddr(first ?? "");
  return contact.ok && parseSipUri(contact.value.uri).ok ? contact.value.uri : null;
}

import { randomBytes } from "node:crypto";
import { parseSipMessage, parseTokenList, serializeSip } from "@earwitness/media";
import type { SipHeaders, SipRequest, SipResponse } from "@earwitness/media";
import { systemClock } from "#clock";
import type { Clock } from "#clock";
import type { Log } from "#log";
import type { Recorder } from "#recorder";
import { dialogKeyOf } from "./dialog.ts";
import { fromTag, readIncoming, toTag, topVia } from "./incoming.ts";
import type { Incoming } from "./incoming.ts";
import { allowHeader, capabilities, methodsKnown, methodsRefused, replyTo, supported, warning } from "./reply.ts";
import type { Answer } from "./reply.ts";
import { openSession } from "./session.ts";
import type { Session, SessionContext, Trunk } from "./session.ts";
import { systemTimers } from "./timers.ts";
import type { Timers } from "./timers.ts";
import { createTransactions } from "./transaction.ts";
import type { ServerTransaction } from "./transaction.ts";
import { createTransport, defaultLimits } from "./transport.ts";
import type { Endpoint, Flow, TransportLimits, TransportStats } from "./transport.ts";

export interface SiprecServerOptions {
  readonly host: string;
  /** UDP and TCP alike; 0 lets the kernel choose. */
  readonly port: number;
  /** What SDP and Contact say instead of the bound address, behind NAT or in a container. */
  readonly advertisedAddress?: string;
  readonly recorder: Recorder;
  /** Whose trunk sends from this address; null: nobody's, and the request is refused. */
  readonly matchTrunk: (remoteAddress: string) => Trunk | null;
  readonly log: Log;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Server and User-Agent header. */
  readonly userAgent?: string;
  readonly limits?: Partial<TransportLimits>;
}

export interface SiprecStats {
  /** By method; methods we do not know count as `other`. */
  readonly requests: Readonly<Record<string, number>>;
  /** By class: `2xx` … */
  readonly responses: Readonly<Record<string, number>>;
  readonly dialogs: number;
  readonly transactions: number;
  readonly malformed: number;
  /** ACKs and responses that belonged to nothing. */
  readonly stray: number;
  /** ACKs to a 200 that never came: the call was ended. */
  readonly acksLost: number;
  readonly timersExpired: number;
  readonly transport: TransportStats;
}

export interface SiprecServer {
  readonly address: Endpoint;
  stats(): SiprecStats;
  /** New calls are answered 503 from now on, so that the clients go elsewhere; running ones go on. */
  drain(): void;
  /** Drains, says BYE to the running calls and waits for the answers, but not long. */
  close(): Promise<void>;
}

/** A transaction keeps its request, some 10 kB with metadata, for at most 32 s; beyond this many we answer 503 and remember nothing. */
const maxTransactions = 30_000;
const byeWaitMs = 2_000;

export async function createSiprecServer(options: SiprecServerOptions): Promise<SiprecServer> {
  const { recorder, matchTrunk, log } = options;
  const timers = options.timers ?? systemTimers;
  const clock = options.clock ?? systemClock;
  const agent = options.userAgent ?? "Earwitness";
  const sessions = new Map<string, Session>();
  /** INVITEs that the recorder has not decided on. */
  const opening = new Set<Promise<void>>();
  const requests: Record<string, number> = {};
  const responses: Record<string, number> = {};
  const count = { malformed: 0, stray: 0, acksLost: 0, timersExpired: 0 };
  let draining = false;
  let closing: Promise<void> | null = null;

  const transport = await createTransport({
    host: options.host,
    port: options.port,
    limits: { ...defaultLimits, ...options.limits },
    timers,
    nowMs: () => clock.now().getTime(),
    isTrunk: (address) => matchTrunk(address) !== null,
    onMessage: receive,
    log,
  });
  const transactions = createTransactions(timers, (response, incoming) => send(response, incoming));

  const context: SessionContext = {
    recorder,
    log,
    clock,
    timers,
    transport,
    transactions,
    agent,
    advertisedAddress: options.advertisedAddress ?? null,
    newToken: () => randomBytes(9).toString("base64url"),
    send,
    isDraining: () => draining,
    add: (session) => void sessions.set(session.dialog.key, session),
    remove: (session) => void sessions.delete(session.dialog.key),
    onAckLost: () => void (count.acksLost += 1),
    onExpired: () => void (count.timersExpired += 1),
  };

  function send(response: SipResponse, to: Pick<Incoming, "via" | "flow">): void {
    const group = `${Math.floor(response.status / 100)}xx`;
    responses[group] = (responses[group] ?? 0) + 1;
    transport.sendResponse(serializeSip(response), to.flow, to.via);
  }

  /** Answers without a transaction: a retransmission gets the same again, and nothing is remembered (RFC 3261 §8.2.7). */
  function answerStateless(incoming: Pick<Incoming, "request" | "flow" | "via">, answer: Answer): void {
    if (incoming.request.method === "ACK") return;
    send(replyTo(incoming, answer, "0", agent), incoming);
  }

  function receive(bytes: Uint8Array, flow: Flow, oversized: boolean): void {
    const result = parseSipMessage(bytes);
    if (!result.ok) {
      count.malformed += 1;
      log.debug({ remote: flow.remote.address, reason: result.reason }, "SIP message refused");
      if (result.partial !== undefined && matchTrunk(flow.remote.address) !== null) answerMalformed(result.partial, flow, result.reason, result.otherVersion ? 505 : 400);
    } else if (result.message.kind === "response") {
      if (!transactions.receiveResponse(result.message)) count.stray += 1;
    } else receiveRequest(result.message, flow, oversized);
  }

  function answerMalformed({ method, headers }: { readonly method: string; readonly headers: SipHeaders }, flow: Flow, reason: string, status: 400 | 505 = 400): void {
    const via = topVia(headers);
    const request: SipRequest = { kind: "request", method, uri: "", headers, body: new Uint8Array() };
    if (via !== null) answerStateless({ request, flow, via }, { status, headers: [warning(399, reason)] });
  }

  function receiveRequest(request: SipRequest, flow: Flow, oversized: boolean): void {
    const { method } = request;
    const known = (methodsKnown as readonly string[]).includes(method);
    requests[known ? method : "other"] = (requests[known ? method : "other"] ?? 0) + 1;
    const trunk = matchTrunk(flow.remote.address);
    const incoming = readIncoming(request, flow);
    if (incoming === null) {
      count.malformed += 1;
      if (trunk !== null) answerMalformed(request, flow, "malformed Via, From, To or CSeq");
      return;
    }

    if (method === "ACK") {
      const session = sessions.get(dialogKeyOf(incoming));
      session?.dialog.acknowledge(incoming);
      if (!transactions.acknowledge(incoming) && session === undefined) count.stray += 1;
      return;
    }
    const session = sessionOf(incoming, trunk);
    if (session === null && trunk === null && !recorder.ready().ready) {
      // Without a snapshot nobody's trunk is known: the sender must go elsewhere, not take it for a refusal.
      return answerStateless(incoming, { status: 503, headers: [["Retry-After", "5"]] });
    }
    if (session === null && trunk === null) {
      if (method === "INVITE") log.info({ remote: flow.remote.address, callId: incoming.callId }, "INVITE refused: this address belongs to no trunk");
      return answerStateless(incoming, { status: 403, headers: [warning(399, "this address belongs to no trunk")] });
    }
    if (transactions.count() >= maxTransactions) return answerStateless(incoming, { status: 503, headers: [["Retry-After", "10"]] });
    if (method === "CANCEL") return cancel(incoming);

    const merged = toTag(incoming) === "" && transactions.isMerged(incoming);
    const transaction = transactions.open(incoming);
    if (transaction === null) return;
    const localTag = context.newToken();
    const answer = (given: Answer): void => transaction.respond(replyTo(incoming, given, localTag, agent));

    try {
      const refusal = oversized ? ({ status: 413 } as const) : merged ? ({ status: 482 } as const) : refuse(incoming);
      if (refusal !== null) answer(refusal);
      else if (session !== null) receiveInDialog(session, transaction, answer);
      else if (toTag(incoming) === "" && method === "OPTIONS") answer(options200());
      else if (toTag(incoming) === "" && method === "INVITE" && trunk !== null) open(transaction, trunk, localTag, answer);
      else answer({ status: 481 });
    } catch (thrown) {
      // A defect on one message: this request fails, every other call goes on.
      log.error({ err: thrown, callId: incoming.callId, method }, "SIP request could not be handled");
      answer({ status: 500 });
    }
  }

  function open(transaction: ServerTransaction, trunk: Trunk, localTag: string, answer: (given: Answer) => void): void {
    const opened = openSession(context, transaction, trunk, localTag)
      .catch((thrown: unknown) => {
        log.error({ err: thrown, callId: transaction.incoming.callId }, "recording session could not be opened");
        answer({ status: 503, headers: [["Retry-After", "10"], warning(399, "internal error")] });
      })
      .finally(() => opening.delete(opened));
    opening.add(opened);
  }

  function receiveInDialog(session: Session, transaction: ServerTransaction, answer: (given: Answer) => void): void {
    const outOfOrder = session.dialog.take(transaction.incoming);
    if (outOfOrder === null) session.receive(transaction);
    else answer(outOfOrder);
  }

  /** A dialog belongs to its trunk: another trunk's client cannot end or change it, whatever tags it knows. */
  function sessionOf(incoming: Incoming, trunk: Trunk | null): Session | null {
    if (toTag(incoming) === "") return null;
    const session = sessions.get(dialogKeyOf(incoming));
    if (session === undefined) return null;
    // The trunk may have been deleted meanwhile: its calls still end properly.
    const sameSource = session.dialog.flow.remote.address === incoming.flow.remote.address;
    return sameSource || trunk?.trunkId === session.trunk.trunkId ? session : null;
  }

  /** What is wrong with the request as such, whatever it is about (RFC 3261 §8.2.1 to §8.2.2). */
  function refuse({ request }: Incoming): Answer | null {
    const { method, headers } = request;
    if (!(methodsKnown as readonly string[]).includes(method)) {
      return methodsRefused.includes(method) ? { status: 405, headers: [allowHeader] } : { status: 501, headers: [allowHeader] };
    }
    if (!/^(sips?|tel):/i.test(request.uri)) return { status: 416 };
    const unknown = parseTokenList(headers.all("Require")).filter((tag) => !(supported as readonly string[]).includes(tag.toLowerCase()));
    return unknown.length === 0 ? null : { status: 420, headers: [["Unsupported", unknown.join(", ")]] };
  }

  function cancel(incoming: Incoming): void {
    const invite = transactions.inviteOf(incoming);
    const transaction = transactions.open(incoming);
    if (transaction === null) return;
    const found = invite !== null && fromTag(invite.incoming) === fromTag(incoming);
    transaction.respond(replyTo(incoming, { status: found ? 200 : 481 }, context.newToken(), agent));
    if (found) invite.onCancel?.();
  }

  /** Clients ask their whole list of recorders all the time and send calls to those that answer 200. */
  function options200(): Answer {
    const state = recorder.ready();
    if (draining || !state.ready) {
      return { status: 503, headers: [["Retry-After", "30"], warning(399, draining ? "draining" : state.reasons.join(", "))] };
    }
    return { status: 200, headers: capabilities };
  }

  async function close(): Promise<void> {
    draining = true;
    const said = Promise.allSettled([...opening, ...[...sessions.values()].map((session) => session.shutdown())]);
    const { promise: waited, resolve: stopWaiting } = Promise.withResolvers<void>();
    const wait = timers.after(byeWaitMs, stopWaiting);
    await Promise.race([said, waited]);
    wait.cancel();
    transactions.close();
    await said;
    await transport.close();
  }

  return {
    address: transport.address,
    stats: () => ({
      requests: { ...requests },
      responses: { ...responses },
      dialogs: sessions.size,
      transactions: transactions.count(),
      ...count,
      transport: transport.stats(),
    }),
    drain() {
      draining = true;
    },
    close: () => (closing ??= close()),
  };
}

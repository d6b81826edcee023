import { randomBytes } from "node:crypto";
import { parseNameAddr, parseSipMessage, parseSipUri, parseTokenList, serializeSip } from "@earwitness/media";
import type { SipHeaders, SipMessage, SipRequest, SipResponse } from "@earwitness/media";
import { systemClock } from "#clock";
import type { Clock } from "#clock";
import type { Log } from "#log";
import type { Recorder } from "#recorder";
import type { Claim, Identified, IdentifiedTrunk, InvitationLog } from "#trunks";
import { createAuthenticator } from "./authenticator.ts";
import { dialogKey, dialogKeyOf } from "./dialog.ts";
import { fromTag, readIncoming, toTag, topVia } from "./incoming.ts";
import type { Incoming } from "./incoming.ts";
import { createInvitationRecords } from "./invitation-record.ts";
import type { InvitationRecord, Why } from "./invitation-record.ts";
import { createJointCalls } from "./joint-calls.ts";
import { systemSdes } from "./protection.ts";
import type { Sdes } from "./protection.ts";
import { allowHeader, capabilities, methodsKnown, methodsRefused, replyTo, supported, warning } from "./reply.ts";
import type { Answer } from "./reply.ts";
import { createNowAndThen } from "./now-and-then.ts";
import { openServerCertificate } from "./server-certificate.ts";
import type { CertificateFiles } from "./server-certificate.ts";
import { openSession } from "./session.ts";
import type { Session, SessionContext } from "./session.ts";
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
  /** SIP over TLS on a port of its own; null: none. */
  readonly tls: ({ readonly port: number } & CertificateFiles) | null;
  /** What SDP and Contact say instead of the bound address, behind NAT or in a container. */
  readonly advertisedAddress?: string;
  readonly recorder: Recorder;
  /** Whose trunk sends, or why it is refused. Asked for every request. */
  readonly identify: (claim: Claim) => Identified;
  /** Whether any trunk may send from this address: what share of us it has before a byte of it is read. */
  readonly isTrunkAddress: (address: string) => boolean;
  readonly invitations: InvitationLog;
  /** Reads and answers keys of SRTP. */
  readonly sdes?: Sdes;
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
  /** Null: there is no TLS. */
  readonly tls: { readonly certificateExpiresAt: Date; readonly certificateReloads: number; readonly certificateProblem: string | null } | null;
}

export interface SiprecServer {
  readonly address: Endpoint;
  readonly tlsAddress: Endpoint | null;
  stats(): SiprecStats;
  /** New calls are answered 503 from now on, so that the clients go elsewhere; running ones go on. */
  drain(): void;
  /** Drains, says BYE to the running calls and waits for the answers, but not long. */
  close(): Promise<void>;
}

/** A transaction keeps its request, some 10 kB with metadata, for at most 32 s; beyond this many we answer 503 and remember nothing. */
const maxTransactions = 30_000;
const byeWaitMs = 2_000;

/** A session, with who it is: what an INVITE proved, which later requests are measured by. */
interface Running {
  readonly session: Session;
  readonly trunk: IdentifiedTrunk;
  /** Requests inside the dialog call our Contact instead. */
  readonly recordingUser: string | null;
}

/** Whether it comes from who sent last in the dialog, in the same way. */
function isSentLikeLast({ dialog }: Session, flow: Flow): boolean {
  const last = dialog.flow;
  const [shown, before] = [flow.certificates[0], last.certificates[0]];
  const sameCertificate = shown === before || (shown !== undefined && before !== undefined && Buffer.from(shown).equals(before));
  return last.remote.address === flow.remote.address && last.kind === flow.kind && sameCertificate;
}

/** For the trace at the other end. */
const refusals = {
  SOURCE_NOT_ALLOWED: "this address belongs to no trunk",
  TRUNK_OFF: "the trunk is off",
  TLS_REQUIRED: "the trunk takes TLS alone",
  CERTIFICATE_MISSING: "the trunk needs a client certificate",
  CERTIFICATE_UNKNOWN: "the client certificate is not the trunk's",
} as const;

export async function createSiprecServer(options: SiprecServerOptions): Promise<SiprecServer> {
  const { recorder, identify, log } = options;
  const timers = options.timers ?? systemTimers;
  const clock = options.clock ?? systemClock;
  const agent = options.userAgent ?? "Earwitness";
  const sessions = new Map<string, Running>();
  const records = createInvitationRecords({ log, clock, timers, invitations: options.invitations });
  /** Which messages of ours, and of the other side, belong into whose trace. */
  const recordOf = new WeakMap<object, InvitationRecord>();
  const authenticator = createAuthenticator(() => clock.now().getTime());
  /** INVITEs that the recorder has not decided on. */
  const opening = new Set<Promise<void>>();
  const requests: Record<string, number> = {};
  const responses: Record<string, number> = {};
  const count = { malformed: 0, stray: 0, acksLost: 0, timersExpired: 0 };
  const worthALine = createNowAndThen(() => clock.now().getTime());
  let draining = false;
  let closing: Promise<void> | null = null;

  const certificate = options.tls === null ? null : await openServerCertificate({ ...options.tls, clock, timers, log });
  const transport = await createTransport({
    host: options.host,
    port: options.port,
    tls: options.tls === null || certificate === null ? null : { port: options.tls.port, certificate },
    limits: { ...defaultLimits, ...options.limits },
    timers,
    nowMs: () => clock.now().getTime(),
    isTrunk: options.isTrunkAddress,
    onMessage: receive,
    onBroken: receiveBroken,
    log,
  }).catch((thrown: unknown) => {
    certificate?.close();
    throw thrown;
  });
  const transactions = createTransactions(timers, (response, incoming) => send(response, incoming));

  const context: SessionContext = {
    recorder,
    log,
    clock,
    timers,
    transport: {
      ...transport,
      sendRequest(bytes, kind, to, flow) {
        noteOurs(bytes, kind, to);
        transport.sendRequest(bytes, kind, to, flow);
      },
    },
    transactions,
    jointCalls: createJointCalls(),
    sdes: options.sdes ?? systemSdes,
    agent,
    advertisedAddress: options.advertisedAddress ?? null,
    newToken: () => randomBytes(9).toString("base64url"),
    send,
    isDraining: () => draining,
    add: () => undefined, // each INVITE has its own, which knows who sent it
    remove(session) {
      sessions.delete(session.dialog.key);
      records.ended(session.dialog.key);
    },
    onAckLost: () => void (count.acksLost += 1),
    onExpired: () => void (count.timersExpired += 1),
  };

  function send(response: SipResponse, to: Pick<Incoming, "via" | "flow">): void {
    const group = `${Math.floor(response.status / 100)}xx`;
    responses[group] = (responses[group] ?? 0) + 1;
    const bytes = serializeSip(response);
    recordOf.get(to)?.note("out", to.flow.kind, to.flow.remote, bytes);
    transport.sendResponse(bytes, to.flow, to.via);
  }

  /** A request of ours into the trace of its dialog. */
  function noteOurs(bytes: Uint8Array, kind: Flow["kind"], to: Endpoint): void {
    const read = parseSipMessage(bytes);
    if (read.ok) records.of(ourKey(read.message))?.note("out", kind, to, bytes);
  }

  /** Answers without a transaction: a retransmission gets the same again, and nothing is remembered (RFC 3261 §8.2.7). `why` null: it is no invitation. */
  function answerStateless(incoming: Pick<Incoming, "request" | "flow" | "via">, answer: Answer, why: Why | null = answer): void {
    if (incoming.request.method === "ACK") return;
    const response = replyTo(incoming, answer, "0", agent);
    send(response, incoming);
    if (why !== null) recordOf.get(incoming)?.answered(response, why);
  }

  function receive(bytes: Uint8Array, flow: Flow, oversized: boolean): void {
    const result = parseSipMessage(bytes);
    if (!result.ok) {
      count.malformed += 1;
      log.debug({ remote: flow.remote.address, reason: result.reason }, "SIP message refused");
      if (result.partial !== undefined) answerMalformed(result.partial, flow, bytes, { status: result.otherVersion ? 505 : 400, headers: [warning(399, result.reason)] });
    } else if (result.message.kind === "response") receiveResponse(result.message, bytes, flow);
    else receiveRequest(result.message, bytes, flow, oversized);
  }

  /** Of a stream that breaks off at this message: it is answered as far as it can be read. */
  function receiveBroken(head: Uint8Array, flow: Flow, reason: string): void {
    count.malformed += 1;
    const result = parseSipMessage(head);
    const readable = result.ok ? (result.message.kind === "request" ? result.message : undefined) : result.partial;
    if (readable !== undefined) answerMalformed(readable, flow, head, { status: reason === "message too large" ? 413 : !result.ok && result.otherVersion ? 505 : 400, headers: [warning(399, reason)] });
  }

  function answerMalformed({ method, headers }: { readonly method: string; readonly headers: SipHeaders }, flow: Flow, bytes: Uint8Array, answer: Answer): void {
    if (!options.isTrunkAddress(flow.remote.address)) return;
    const via = topVia(headers);
    if (via === null) return;
    const to = parseNameAddr(headers.get("To") ?? "");
    const request: SipRequest = { kind: "request", method, uri: "", headers, body: new Uint8Array() };
    const asked = { request, flow, via, callId: headers.get("Call-ID") ?? "", from: { params: new Map<string, string>() } };
    if (method === "INVITE" && !(to.ok && to.value.params.has("tag"))) recordOf.set(asked, records.open(asked, bytes, ownerOf(identify(claimOf(flow, null))), null));
    answerStateless(asked, answer);
  }

  function receiveResponse(response: SipResponse, bytes: Uint8Array, flow: Flow): void {
    if (!transactions.receiveResponse(response)) count.stray += 1;
    else records.of(ourKey(response))?.note("in", flow.kind, flow.remote, bytes);
  }

  function receiveRequest(request: SipRequest, bytes: Uint8Array, flow: Flow, oversized: boolean): void {
    const { method } = request;
    const known = (methodsKnown as readonly string[]).includes(method);
    requests[known ? method : "other"] = (requests[known ? method : "other"] ?? 0) + 1;
    const incoming = readIncoming(request, flow);
    if (incoming === null) {
      count.malformed += 1;
      return answerMalformed(request, flow, bytes, { status: 400, headers: [warning(399, "malformed Via, From, To or CSeq")] });
    }

    if (method === "ACK") return receiveAck(incoming, bytes);
    const inside = toTag(incoming) === "" ? undefined : sessions.get(dialogKeyOf(incoming));
    const identified = identify(claimOf(flow, inside === undefined ? userOf(request.uri) : inside.recordingUser));
    const standing = inside === undefined ? null : standingOf(inside, incoming, identified);
    const sender: Identified = standing === null ? identified : { kind: "trunk", trunk: standing };
    if (sender.kind === "refused") return turnAway(incoming, bytes, sender);
    const { trunk } = sender;

    if (method === "CANCEL") return cancel(incoming, bytes);
    if (transactions.absorb(incoming)) return;
    const begins = method === "INVITE" && toTag(incoming) === "";
    const localTag = context.newToken();
    const key = dialogKey(incoming.callId, localTag, fromTag(incoming));
    const record = begins ? records.open(incoming, bytes, trunk, key, identified.kind === "trunk" ? identified.unknownAddress : undefined) : standing === null ? null : records.of(dialogKeyOf(incoming));
    if (record !== null) recordOf.set(incoming, record);
    if (!begins) record?.note("in", flow.kind, flow.remote, bytes);
    // What comes inside a dialog is in the trace of its INVITE, and no invitation itself.
    const refuseAtOnce = (given: Answer): void => answerStateless(incoming, given, begins ? given : null);
    if (transactions.count() >= maxTransactions) return refuseAtOnce({ status: 503, headers: [["Retry-After", "10"], warning(399, "too many requests at once")] });

    const merged = toTag(incoming) === "" && transactions.isMerged(incoming);
    const refusal = oversized ? ({ status: 413 } as const) : merged ? ({ status: 482 } as const) : refuse(incoming);
    // Asked before anything is remembered or changed, and without a transaction (RFC 3261 §26.3.2.4): who cannot answer costs nothing.
    const challenge = refusal === null ? challengeTo(incoming, trunk, standing === null ? undefined : inside) : null;
    if (challenge !== null) return refuseAtOnce(challenge);

    const transaction = transactions.open(incoming);
    if (transaction === null) return;
    if (begins) transaction.onFinal = (response, why) => record?.answered(response, why);
    const answer = (given: Answer): void => transaction.respond(replyTo(incoming, given, localTag, agent), given);
    try {
      if (refusal !== null) answer(refusal);
      else if (inside !== undefined && standing !== null) receiveInDialog(inside.session, transaction, answer);
      else if (toTag(incoming) === "" && method === "OPTIONS") answer(options200());
      else if (begins) open(transaction, trunk, localTag, answer);
      else answer({ status: 481 });
    } catch (thrown) {
      // A defect on one message: this request fails, every other call goes on.
      log.error({ err: thrown, callId: incoming.callId, method }, "SIP request could not be handled");
      answer({ status: 500 });
    }
  }

  function receiveAck(ack: Incoming, bytes: Uint8Array): void {
    const key = dialogKeyOf(ack);
    const running = sessions.get(key);
    running?.session.dialog.acknowledge(ack);
    if (!transactions.acknowledge(ack) && running === undefined) count.stray += 1;
    const record = records.of(key);
    if (record?.remoteAddress === ack.flow.remote.address) record.note("in", ack.flow.kind, ack.flow.remote, bytes);
  }

  /** Nobody's, or not as the trunk wants it. Who may not send from there learns no more than that. */
  function turnAway(incoming: Incoming, bytes: Uint8Array, refused: Extract<Identified, { kind: "refused" }>): void {
    const { request, flow, callId } = incoming;
    const begins = request.method === "INVITE" && toTag(incoming) === "";
    if (begins) recordOf.set(incoming, records.open(incoming, bytes, refused.concerns, null));
    if (!recorder.ready().ready && !options.isTrunkAddress(flow.remote.address)) {
      // Without a snapshot nobody's trunk is known: the sender must go elsewhere, not take it for a refusal.
      return answerStateless(incoming, { status: 503, headers: [["Retry-After", "5"]] });
    }
    const words = options.isTrunkAddress(flow.remote.address) ? refusals[refused.reason] : refusals.SOURCE_NOT_ALLOWED;
    if (begins && worthALine(`${flow.remote.address} ${refused.reason}`)) log.info({ remote: flow.remote.address, callId, reason: refused.reason }, `INVITE refused: ${words}`);
    answerStateless(incoming, { status: 403, headers: [warning(399, words)] }, { reason: refused.reason, explanation: refused.explanation });
  }

  /**
   * 401, where the trunk wants credentials and these are none (RFC 3261 §22). Inside a dialog whose INVITE was asked, every request is but
   * ACK, CANCEL, and a BYE from where the dialog's last request came: many clients give no credentials for a BYE, and their calls would wait for
   * a timeout. Who could end others' calls with it has read both tags and the Call-ID on the way and sends from that very address: they
   * could also keep back the media. From any other address, also one of the trunk's, a BYE needs the password.
   */
  function challengeTo(incoming: Incoming, trunk: IdentifiedTrunk, inside: Running | undefined): Answer | null {
    const { method } = incoming.request;
    // OPTIONS outside of a dialog is not asked: clients ask that of their whole list all the time, most without credentials, and it gives nothing away.
    const asked = inside === undefined ? method === "INVITE" && toTag(incoming) === "" : inside.trunk.digest !== null && !(method === "BYE" && isSentLikeLast(inside.session, incoming.flow));
    return asked && trunk.digest !== null ? authenticator.challenge(incoming, trunk.digest) : null;
  }

  function open(transaction: ServerTransaction, identified: IdentifiedTrunk, localTag: string, answer: (given: Answer) => void): void {
    const { request } = transaction.incoming;
    const { tenantId, trunkId, trunkName, media } = identified;
    const add = (session: Session): void => void sessions.set(session.dialog.key, { session, trunk: identified, recordingUser: userOf(request.uri) });
    const opened = openSession({ ...context, add }, transaction, { tenantId, trunkId, trunkName, media }, localTag)
      .catch((thrown: unknown) => {
        log.error({ err: thrown, callId: transaction.incoming.callId }, "recording session could not be opened");
        answer({ status: 503, headers: [["Retry-After", "10"], warning(399, "internal error")], reason: "INTERNAL" });
      })
      .finally(() => opening.delete(opened));
    opening.add(opened);
  }

  function receiveInDialog(session: Session, transaction: ServerTransaction, answer: (given: Answer) => void): void {
    const outOfOrder = session.dialog.take(transaction.incoming);
    if (outOfOrder !== null) answer(outOfOrder);
    // We send nothing that a PRACK could acknowledge (RFC 3262 §3).
    else if (transaction.incoming.request.method === "PRACK") answer({ status: 481 });
    else session.receive(transaction);
  }

  /**
   * As whom the sender of a request inside a dialog stands. A dialog belongs to its trunk: another trunk's client cannot end or change it,
   * whatever tags it knows. The trunk may have been deleted, turned off or made stricter meanwhile: its calls still end properly, by who
   * sent last, in the same way.
   */
  function standingOf({ session, trunk }: Running, { flow }: Incoming, identified: Identified): IdentifiedTrunk | null {
    if (identified.kind === "trunk") return identified.trunk.trunkId === trunk.trunkId ? identified.trunk : null;
    return isSentLikeLast(session, flow) ? trunk : null;
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

  function cancel(incoming: Incoming, bytes: Uint8Array): void {
    const invite = transactions.inviteOf(incoming);
    const transaction = transactions.open(incoming);
    if (transaction === null) return;
    // From hop to hop (RFC 3261 §9.1): who sent the INVITE takes it back, nobody else.
    const found = invite !== null && fromTag(invite.incoming) === fromTag(incoming) && invite.incoming.flow.remote.address === incoming.flow.remote.address;
    const record = found ? recordOf.get(invite.incoming) : undefined;
    if (record !== undefined) {
      recordOf.set(incoming, record);
      record.note("in", incoming.flow.kind, incoming.flow.remote, bytes);
    }
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
    const said = Promise.allSettled([...opening, ...[...sessions.values()].map(({ session }) => session.shutdown())]);
    const { promise: waited, resolve: stopWaiting } = Promise.withResolvers<void>();
    const wait = timers.after(byeWaitMs, stopWaiting);
    await Promise.race([said, waited]);
    wait.cancel();
    transactions.close();
    await said;
    records.close();
    certificate?.close();
    await transport.close();
  }

  return {
    address: transport.address,
    tlsAddress: transport.tlsAddress,
    stats: () => ({
      requests: { ...requests },
      responses: { ...responses },
      dialogs: sessions.size,
      transactions: transactions.count(),
      ...count,
      transport: transport.stats(),
      tls: certificate && { certificateExpiresAt: certificate.expiresAt, certificateReloads: certificate.reloads, certificateProblem: certificate.problem },
    }),
    drain() {
      draining = true;
    },
    close: () => (closing ??= close()),
  };
}

const claimOf = (flow: Flow, recordingUser: string | null): Claim => ({ remoteAddress: flow.remote.address, transport: flow.kind, recordingUser, certificates: flow.certificates });

const ownerOf = (identified: Identified) => (identified.kind === "trunk" ? identified.trunk : identified.concerns);

function userOf(uri: string): string | null {
  const parsed = parseSipUri(uri);
  return parsed.ok && parsed.value.scheme !== "tel" && parsed.value.user !== "" ? parsed.value.user : null;
}

/** Key of the dialog of a request that we sent, or of the answer to one. */
function ourKey({ headers }: SipMessage): string {
  const tagOf = (name: "From" | "To"): string => {
    const read = parseNameAddr(headers.get(name) ?? "");
    return (read.ok ? read.value.params.get("tag") : undefined) ?? "";
  };
  return dialogKey(headers.get("Call-ID") ?? "", tagOf("From"), tagOf("To"));
}

import { answerSdp, mergeRecordingMetadata } from "@earwitness/media";
import type { RecordingMetadata, SdpSession, SipHeaderField, SipResponse } from "@earwitness/media";
import type { Clock } from "#clock";
import type { Log } from "#log";
import type { CallFacts, EndCause, OpenResult, RecordedCall, Recorder } from "#recorder";
import { readContent } from "./body.ts";
import type { Content } from "./body.ts";
import { createDialog, retryLater } from "./dialog.ts";
import type { Dialog } from "./dialog.ts";
import { describeCall } from "./facts.ts";
import type { Incoming } from "./incoming.ts";
import { labelOf, readLines } from "./lines.ts";
import type { Line } from "./lines.ts";
import { acceptHeader, capabilities, replyTo, warning } from "./reply.ts";
import type { Answer } from "./reply.ts";
import { agreeOnInterval, createSessionTimer, intervalHeaders, readPeer } from "./session-timer.ts";
import type { Peer, SessionInterval } from "./session-timer.ts";
import { createStreams, streamLabels, streamsOf } from "./streams.ts";
import type { Streams } from "./streams.ts";
import type { Timers } from "./timers.ts";
import type { ServerTransaction, Transactions } from "./transaction.ts";
import type { Transport } from "./transport.ts";

/** Who may send to us from an address. */
export interface Trunk {
  readonly tenantId: string;
  readonly trunkId: string;
  readonly trunkName: string;
  /** `srtp`: an offer of media in the clear is refused. */
  readonly media: "any" | "srtp";
}

/** What every session of a server shares. */
export interface SessionContext {
  readonly recorder: Recorder;
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly transport: Transport;
  readonly transactions: Transactions;
  readonly agent: string;
  readonly advertisedAddress: string | null;
  readonly newToken: () => string;
  readonly send: (response: SipResponse, to: Incoming) => void;
  readonly isDraining: () => boolean;
  readonly add: (session: Session) => void;
  readonly remove: (session: Session) => void;
  readonly onAckLost: () => void;
  readonly onExpired: () => void;
}

/** A running recording session: one dialog, one recorded call. */
export interface Session {
  readonly trunk: Trunk;
  readonly dialog: Dialog;
  /** A request inside the dialog, in order. */
  receive(transaction: ServerTransaction): void;
  /** Ends the recording and tells the client. */
  shutdown(): Promise<void>;
}

/** A recorder that has not answered by then has a disk that hangs; the client had better ask another one. */
const openWaitMs = 10_000;

/** Answers an INVITE that asks for a new recording session. Resolves when it is decided; rejects, unanswered, where the recorder fails. */
export async function openSession(context: SessionContext, transaction: ServerTransaction, trunk: Trunk, localTag: string): Promise<void> {
  const { recorder, log, timers } = context;
  const { incoming } = transaction;
  const receivedAt = context.clock.now();
  const answer = (given: Answer): void => transaction.respond(replyTo(incoming, given, localTag, context.agent), given);

  if (context.isDraining()) return answer(unavailable("draining", 30));
  const content = readContent(incoming.request, receivedAt);
  if ("status" in content) return answer(content);
  const { sdp } = content;
  if (sdp === null) return answer({ status: 488, headers: [warning(399, "an INVITE without an offer is not served")], reason: "NO_OFFER" });
  const peer = readPeer("INVITE", incoming.request.headers, null);
  const interval = agreeOnInterval(incoming.request.headers, peer);
  if (interval !== null && "status" in interval) return answer(interval);
  const lines = readLines(sdp, []);
  const unusable = refusalOf(lines, () => false);
  if (unusable !== null) return answer(unusable);

  answer({ status: 100 });
  transaction.onCancel = () => answer({ status: 487 });
  const late = timers.after(openWaitMs, () => {
    log.error({ callId: incoming.callId }, "the recorder did not answer in time");
    answer(unavailable("the recorder does not answer", 30));
  });
  try {
    await open(content, sdp, interval);
  } finally {
    late.cancel();
  }

  async function open(brought: Content, offer: SdpSession, agreed: SessionInterval | null): Promise<void> {
    const metadata = brought.metadata === null ? null : mergeRecordingMetadata(null, brought.metadata, receivedAt);
    const labels = streamLabels(lines);
    const facts = describeCall({ metadata, labels, invite: incoming, before: null, at: receivedAt });
    noteProblems(log, incoming, brought);
    const host = context.advertisedAddress ?? (await context.transport.localAddress(incoming.flow));
    let gaveUp = false;
    let session: OpenedSession | null = null;
    const result = await recorder.open({
      tenantId: trunk.tenantId,
      trunkId: trunk.trunkId,
      trunkName: trunk.trunkName,
      sipCallId: incoming.callId,
      remoteAddress: incoming.flow.remote.address,
      receivedAt,
      streams: streamsOf(lines),
      facts,
      raw: brought.raw,
      onEnded() {
        gaveUp = true;
        void session?.gaveUp();
      },
    });
    if (result.kind !== "recording") return answer(refusalFor(result));
    if (gaveUp) answer(unavailable("the recorder cannot go on with the call", 10));
    if (context.isDraining()) answer(unavailable("draining", 30));
    // We said no meanwhile: there was a CANCEL, the wait was too long, or we are about to stop.
    if (transaction.answered) return result.call.end(context.isDraining() ? "shutdown" : "cancelled", context.clock.now());

    try {
      const dialog = createDialog({
        ...context,
        invite: incoming,
        localTag,
        host,
        port: context.transport.portOf(incoming.flow.kind),
        newBranch: () => `z9hG4bK${context.newToken()}`,
      });
      const streams = createStreams(result.call, lines, result.ports, log);
      session = createSession(context, { trunk, dialog, call: result.call, streams, labels, host, metadata, facts, peer, invite: incoming, openedAt: receivedAt });
      session.accept(transaction, offer, agreed);
      context.add(session);
    } catch (thrown) {
      await result.call.end("fault", context.clock.now()); // nobody else knows of it, and it would run for ever
      throw thrown;
    }
  }
}

interface Start {
  readonly trunk: Trunk;
  readonly dialog: Dialog;
  readonly call: RecordedCall;
  readonly streams: Streams;
  readonly labels: readonly string[];
  /** Our address in SDP. */
  readonly host: string;
  readonly metadata: RecordingMetadata | null;
  readonly facts: CallFacts;
  readonly peer: Peer;
  readonly invite: Incoming;
  readonly openedAt: Date;
}

interface OpenedSession extends Session {
  /** The recorder ended the call by itself: a client that goes on sending must not believe that it is recorded. */
  gaveUp(): Promise<void>;
  /** 200 to the request that carried `offer` (none: an UPDATE about metadata or the session timer). */
  accept(transaction: ServerTransaction, offer: SdpSession | null, interval: SessionInterval | null): void;
}

function createSession(context: SessionContext, start: Start): OpenedSession {
  const { log, clock, timers } = context;
  const { trunk, dialog, call, streams, host, invite } = start;
  const sdpSessionId = String(start.openedAt.getTime());
  const contact: SipHeaderField = ["Contact", dialog.contact];
  let { metadata, facts, peer } = start;
  /** Every label there has been, in order. */
  let { labels } = start;
  let sdpVersion = 0;
  let ended = false;
  /** Requests that are being worked on. */
  const pending = new Set<{ readonly transaction: ServerTransaction; readonly offers: boolean }>();
  /** What the messages ask of the recorder is done one after the other, in the order they came. */
  let queue: Promise<void> = Promise.resolve();

  const timer = createSessionTimer({
    timers,
    refresh: (headers) => dialog.request("UPDATE", [contact, ...headers, ...capabilities]),
    probe: () => dialog.request("OPTIONS", []),
    expired: () => {
      log.warn({ callId: invite.callId, recordingId: call.recordingId }, "recording session expired: the client is gone");
      context.onExpired();
      void hangUp("timeout");
    },
  });

  function answer(transaction: ServerTransaction, given: Answer): void {
    transaction.respond(replyTo(transaction.incoming, given, dialog.localTag, context.agent), given);
  }

  function enqueue(work: () => Promise<void>): Promise<void> {
    queue = queue.then(work).catch((thrown: unknown) => log.error({ err: thrown, recordingId: call.recordingId }, "recording session step failed"));
    return queue;
  }

  function accept(transaction: ServerTransaction, offer: SdpSession | null, interval: SessionInterval | null): void {
    const { incoming } = transaction;
    const { method, headers } = incoming.request;
    const recordRoutes = headers.all("Record-Route").map((value): SipHeaderField => ["Record-Route", value]);
    const common = [...recordRoutes, contact, ...capabilities, ...intervalHeaders(interval)];
    sdpVersion += 1;
    const body = offer === null ? null : new TextEncoder().encode(answerSdp(offer, streams.decisions(), { address: host, sessionId: sdpSessionId, version: sdpVersion }));
    const response = replyTo(
      incoming,
      body === null ? { status: 200, headers: common } : { status: 200, headers: [...common, ["Content-Type", "application/sdp"]], body },
      dialog.localTag,
      context.agent,
    );
    transaction.respond(response, { recordingId: call.recordingId });
    timer.restart(interval);
    if (method !== "INVITE") return;
    dialog.awaitAck(
      incoming,
      () => context.send(response, incoming),
      () => {
        log.warn({ callId: invite.callId, recordingId: call.recordingId }, "no ACK to our 200");
        context.onAckLost();
        void hangUp("timeout");
      },
    );
  }

  /** A re-INVITE, or an UPDATE with or without an offer. */
  function change(transaction: ServerTransaction): void {
    const { incoming } = transaction;
    const { method, headers } = incoming.request;
    const at = clock.now();
    const content = readContent(incoming.request, at);
    if ("status" in content) return answer(transaction, content);
    const { sdp } = content;
    if (method === "INVITE" && sdp === null) return answer(transaction, { status: 488, headers: [warning(399, "a re-INVITE without an offer is not served")] });
    const offers = sdp !== null;
    // One offer at a time, one INVITE at a time, one UPDATE at a time (RFC 3261 §14.2, RFC 3311 §5.2). 491 is for who has an offer of his
    // own under way; a recorder never offers.
    if ([...pending].some((one) => (offers && one.offers) || one.transaction.incoming.request.method === method)) {
      return answer(transaction, { status: 500, headers: [retryLater()] });
    }
    peer = readPeer(method, headers, peer);
    const interval = agreeOnInterval(headers, peer);
    if (interval !== null && "status" in interval) return answer(transaction, interval);

    if (method === "INVITE") answer(transaction, { status: 100 });
    // A CANCEL from here on is too late: the recorder may have followed the offer already, so it gets its 200.
    const working = { transaction, offers };
    pending.add(working);
    void enqueue(async () => {
      const refused = sdp === null ? null : await followOffer(sdp, at);
      if (refused === null) await followFacts(content, at);
      pending.delete(working);
      if (transaction.answered) return; // BYE came meanwhile
      if (refused === null) accept(transaction, sdp, interval);
      else answer(transaction, refused);
    });
  }

  /** Brings the recorder's streams to what an offer says. */
  async function followOffer(sdp: SdpSession, at: Date): Promise<Answer | null> {
    const lines = readLines(sdp, streams.labels);
    const refused = refusalOf(lines, streams.isOpen);
    if (refused !== null) return refused;
    await streams.apply(lines, at);
    labels = [...new Set([...labels, ...streamLabels(lines)])];
    return null;
  }

  /** Tells the recorder who is there now. Never fails: the streams go on, whatever is known of the people. */
  async function followFacts(content: Content, at: Date): Promise<void> {
    if (content.raw.length === 0) return; // a refresh of the session timer
    noteProblems(log, invite, content);
    try {
      if (content.metadata !== null) metadata = mergeRecordingMetadata(metadata, content.metadata, at);
      facts = describeCall({ metadata, labels, invite, before: facts, at });
      await call.update(facts, at, content.raw);
    } catch (thrown) {
      log.error({ err: thrown, recordingId: call.recordingId }, "the recorder could not be told who is there now");
    }
  }

  /** The client hangs up. By RFC 8068 its BYE may bring a last document, which counts before the end. */
  function bye(transaction: ServerTransaction): void {
    const at = clock.now();
    answer(transaction, { status: 200 });
    const content = readContent(transaction.incoming.request, at);
    if (!("status" in content) && content.metadata !== null) void enqueue(() => followFacts(content, at));
    void finish("released", at);
  }

  /** The one way to the end. What the queue holds is done first. */
  function finish(cause: EndCause, at: Date): Promise<void> {
    if (ended) return queue;
    ended = true;
    timer.stop();
    dialog.close();
    context.remove(session);
    for (const { transaction } of pending) answer(transaction, { status: 487 });
    return enqueue(() => call.end(cause, at));
  }

  async function hangUp(cause: EndCause): Promise<void> {
    if (ended) return queue;
    const said = dialog.request("BYE", []);
    await Promise.all([finish(cause, clock.now()), said.catch((thrown: unknown) => log.info({ err: thrown }, "BYE could not be sent"))]);
  }

  const session: OpenedSession = {
    trunk,
    dialog,
    accept,
    receive(transaction) {
      switch (transaction.incoming.request.method) {
        case "INVITE":
        case "UPDATE":
          return change(transaction);
        case "BYE":
          return bye(transaction);
        // INFO carries DTMF or a vendor's own; OPTIONS asks whether we live. Both are told yes.
        default:
          return answer(transaction, { status: 200, headers: capabilities });
      }
    },
    shutdown: () => hangUp("shutdown"),
    gaveUp: () => hangUp("fault"),
  };
  return session;
}

function unavailable(reason: string, retryAfterSeconds: number): Answer {
  return { status: 503, headers: [["Retry-After", String(retryAfterSeconds)], warning(399, reason)] };
}

/**
 * "Ignored" is answered 603. A 4xx would send the client to the next recorder of its list, which decides the same; 6xx says that no other
 * place will do either (RFC 3261 §21.6), and 603 is its one for "reached, and not wanted".
 */
function refusalFor(result: Exclude<OpenResult, { kind: "recording" }>): Answer {
  if (result.kind === "unavailable") return unavailable(result.reason, result.retryAfterSeconds);
  return { status: 603, headers: [warning(399, result.reasons.join(", ") || "not to be recorded")] };
}

/**
 * 488 where nothing of a first offer can be recorded, or where a running stream would change to something that cannot: refused as a
 * whole, such an offer leaves the stream as it was (RFC 3261 §14.2), and the client may try another codec. An offer with no stream at
 * all is served: a persistent session begins and idles that way.
 */
function refusalOf(lines: readonly Line[], isOpen: (label: string) => boolean): Answer | null {
  const unusable = lines.flatMap((line) => (line.kind === "unusable" ? [line] : []));
  const running = unusable.find((line) => isOpen(line.label));
  const nothing = lines.some((line) => line.kind === "stream" || isOpen(labelOf(line))) ? undefined : unusable[0];
  const reason = (running ?? nothing)?.reason;
  return reason === undefined ? null : { status: 488, headers: [warning(305, reason), acceptHeader] };
}

/** A document we cannot read costs names, never the recording; somebody should know. */
function noteProblems(log: Log, invite: Incoming, content: Content): void {
  const problems = content.metadataProblem === null ? (content.metadata?.problems ?? []) : [content.metadataProblem];
  if (problems.length > 0) log.warn({ callId: invite.callId, remote: invite.flow.remote.address, problems: problems.slice(0, 5) }, "recording metadata has problems");
}

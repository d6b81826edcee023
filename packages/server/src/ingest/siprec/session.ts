import { answerSdp, mergeRecordingMetadata, parseSdp } from "@earwitness/media";
import type { RecordingMetadata, SdpSession, SipHeaderField, SipHeaders, SipResponse } from "@earwitness/media";
import type { Clock } from "#clock";
import type { Log } from "#log";
import type { CallFacts, Conversation, EndCause, LocalPorts, OpenResult, RawBody, Recorder } from "#recorder";
import type { IdentifiedTrunk } from "#trunks";
import { readContent, wholeBody } from "./body.ts";
import type { Content } from "./body.ts";
import { createDialog, dialogKey, retryLater } from "./dialog.ts";
import type { Dialog } from "./dialog.ts";
import { describeCall } from "./facts.ts";
import type { Incoming } from "./incoming.ts";
import { readHints } from "./invite-hints.ts";
import type { InviteHints } from "./invite-hints.ts";
import { conversationKeys } from "./joint-calls.ts";
import type { JointCall, JointCalls } from "./joint-calls.ts";
import { labelOf, readLines } from "./lines.ts";
import type { Line } from "./lines.ts";
import { maskKeys } from "./mask-keys.ts";
import { createProtection } from "./protection.ts";
import type { Protection, Sdes } from "./protection.ts";
import { acceptHeader, capabilities, replyTo, warning } from "./reply.ts";
import type { Answer } from "./reply.ts";
import { agreeOnInterval, createSessionTimer, intervalHeaders, readPeer } from "./session-timer.ts";
import type { Peer, SessionInterval } from "./session-timer.ts";
import { createSnapshots } from "./snapshots.ts";
import { createStreams, streamLabels, streamsOf } from "./streams.ts";
import type { Streams } from "./streams.ts";
import type { Timers } from "./timers.ts";
import { isPlaceholder } from "./vendor-metadata.ts";
import type { ServerTransaction, Transactions } from "./transaction.ts";
import type { Transport } from "./transport.ts";

/** Whose call it is, and whether its media may come in the clear. */
export type Trunk = Pick<IdentifiedTrunk, "tenantId" | "trunkId" | "trunkName" | "media">;

/** What every session of a server shares. */
export interface SessionContext {
  readonly recorder: Recorder;
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly transport: Transport;
  readonly transactions: Transactions;
  readonly jointCalls: JointCalls;
  readonly sdes: Sdes;
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
/** Of a call that policy cannot decide on yet. */
const maxWaitingBodies = 40;

/** Answers an INVITE that asks for a new recording session. Resolves when it is decided; rejects, unanswered, where the recorder fails. */
export async function openSession(context: SessionContext, transaction: ServerTransaction, trunk: Trunk, localTag: string): Promise<void> {
  const { log, timers } = context;
  const { incoming } = transaction;
  const receivedAt = context.clock.now();
  const answer = (given: Answer): void => transaction.respond(replyTo(incoming, given, localTag, context.agent), given);

  if (context.isDraining()) return answer(unavailable("draining", 30));
  const content = readContent(incoming.request, receivedAt);
  if ("status" in content) return answer(content);
  const { sdp } = content;
  // How many streams there are only the client knows, and RFC 7866 §7.1 has it offer them.
  if (sdp === null) return answer({ status: 488, reason: "NO_OFFER", headers: [warning(399, "an INVITE without an offer is not served: the client offers its streams")] });
  const peer = readPeer("INVITE", incoming.request.headers, null);
  const interval = agreeOnInterval(incoming.request.headers, peer);
  if (interval !== null && "status" in interval) return answer(interval);
  const protection = createProtection(context.sdes, trunk.media === "srtp");
  const lines = readLines(sdp, [], protection);
  const unusable = refusalOf(lines, () => false);
  if (unusable !== null) return answer(unusable);

  answer({ status: 100 });
  transaction.onCancel = () => answer({ status: 487, reason: "CANCELLED" });
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
    const hints = readHints(incoming.request.headers, incoming.from, brought.other);
    const facts = describeCall({ metadata, labels, invite: incoming, hints, before: null, at: receivedAt });
    noteProblems(log, incoming, brought);
    if (lines.some((line) => line.kind === "stream" && line.crypto !== null) && incoming.flow.kind !== "tls") {
      // Private networks are run this way; who can read the signaling can read the calls.
      log.warn({ callId: incoming.callId, remote: incoming.flow.remote.address }, "keys of SRTP came over signaling in the clear");
    }
    const host = context.advertisedAddress ?? (await context.transport.localAddress(incoming.flow));
    const key = dialogKey(incoming.callId, localTag, incoming.from.params.get("tag") ?? "");
    const carrier = createCarrier(context, { trunk, invite: incoming, hints, key });
    const result = await carrier.open(lines, facts, brought.raw, receivedAt);
    const waits = result.kind === "ignored" && isIncomplete(metadata, facts);
    if (result.kind !== "recording" && !waits) return answer(refusalFor(result));
    const opened = result.kind === "recording" ? result : nothingYet;
    if (carrier.hasGivenUp()) answer(unavailable("the recorder cannot go on with the call", 10));
    if (context.isDraining()) answer(unavailable("draining", 30));
    // We said no meanwhile: there was a CANCEL, the wait was too long, or we are about to stop.
    if (transaction.answered) return opened.call.end(context.isDraining() ? "shutdown" : "cancelled", context.clock.now());

    try {
      const dialog = createDialog({
        ...context,
        invite: incoming,
        localTag,
        host,
        port: context.transport.portOf(incoming.flow.kind),
        newBranch: () => `z9hG4bK${context.newToken()}`,
      });
      const session = createSession(context, { trunk, dialog, carrier, opened, waitingFor: waits ? brought.raw : null, lines, host, metadata, facts, hints, peer, protection, invite: incoming, openedAt: receivedAt });
      carrier.onEnded((cause) => void session.hangUp(cause));
      session.accept(transaction, offer, agreed);
      session.noteMetadata(brought, null);
      context.add(session);
      carrier.takeOver();
    } catch (thrown) {
      await opened.call.end("fault", context.clock.now()); // nobody else knows of it, and it would run for ever
      throw thrown;
    }
  }
}

type Opened = Extract<OpenResult, { kind: "recording" }>;

/** In place of a call where policy cannot decide yet, because the client has not said who is there. */
const nothingYet: Opened = {
  kind: "recording",
  ports: new Map(),
  call: {
    recordingId: "",
    addStream: () => Promise.reject(new Error("nothing is recorded yet")),
    changeStream: () => Promise.reject(new Error("nothing is recorded yet")),
    removeStream: async () => undefined,
    update: async () => undefined,
    keep: async () => undefined,
    end: async () => undefined,
  },
};

/** True where others may still come: one party alone is no call, and a placeholder is nobody. */
function isIncomplete(metadata: RecordingMetadata | null, facts: CallFacts): boolean {
  if (metadata === null) return false;
  return partiesOf(facts).length < 2 || metadata.participants.some(({ names }) => names.some(({ aor }) => isPlaceholder(aor)));
}

const partiesOf = (facts: CallFacts): string[] =>
  [...new Set(facts.conversations.filter(({ endedAt }) => endedAt === null).flatMap(({ parties }) => parties.flatMap(({ address, leftAt }) => (leftAt === null ? [address] : []))))].toSorted();

/** How a session comes to its recorded call: a new one, or one that another session of the same call has already. */
interface Carrier {
  open(lines: readonly Line[], facts: CallFacts, raw: readonly RawBody[], at: Date): Promise<OpenResult>;
  hasGivenUp(): boolean;
  /** The recorder ended the call by itself, or another session has taken it over. */
  onEnded(listener: (cause: EndCause) => void): void;
  /** Ends the session that an INVITE with Replaces names (RFC 3891), once this one has the call. */
  takeOver(): void;
}

function createCarrier(context: SessionContext, { trunk, invite, hints, key }: { readonly trunk: Trunk; readonly invite: Incoming; readonly hints: InviteHints; readonly key: string }): Carrier {
  const { tenantId, trunkId, trunkName } = trunk;
  const replaces = readReplaces(invite.request.headers);
  const ownKeys = [key, ...(hints.joinKey === null ? [] : [`fork ${hints.joinKey}`])];
  let gaveUp = false;
  let joined: JointCall | null = null;
  let listener: (cause: EndCause) => void = () => undefined;
  const member = {
    gaveUp(): void {
      gaveUp = true;
      listener("fault");
    },
    replaced: () => listener("released"),
  };

  async function joinRunning(running: JointCall, lines: readonly Line[], facts: CallFacts, raw: readonly RawBody[], at: Date): Promise<Opened> {
    context.log.info({ callId: invite.callId }, "recording session continues a running call");
    joined = running;
    const call = running.join([...ownKeys, ...conversationKeys(facts)], streamLabels(lines), facts, member);
    const ports = new Map<string, LocalPorts>();
    for (const stream of streamsOf(lines)) {
      try {
        ports.set(stream.label, await call.addStream(stream, at));
      } catch (thrown) {
        context.log.error({ err: thrown, recordingId: call.recordingId, label: stream.label }, "stream could not be opened or changed");
      }
    }
    await call.update(facts, at, raw);
    return { kind: "recording", call, ports };
  }

  return {
    async open(lines, facts, raw, at) {
      gaveUp = false;
      const keys = [...ownKeys, ...conversationKeys(facts)];
      const running = context.jointCalls.find(trunkId, replaces === null ? keys : [replaces, ...keys], facts);
      if (running !== null) return joinRunning(running, lines, facts, raw, at);
      let joint: JointCall | null = null;
      const result = await context.recorder.open({
        tenantId,
        trunkId,
        trunkName,
        sipCallId: invite.callId,
        remoteAddress: invite.flow.remote.address,
        receivedAt: at,
        streams: streamsOf(lines),
        facts,
        raw,
        onEnded() {
          if (joint === null) member.gaveUp();
          else joint.gaveUp();
        },
      });
      if (result.kind !== "recording") return result;
      joint = context.jointCalls.create(trunkId, result.call);
      return { ...result, call: joint.join(keys, streamLabels(lines), facts, member) };
    },
    hasGivenUp: () => gaveUp,
    onEnded: (given) => void (listener = given),
    takeOver() {
      if (replaces !== null) joined?.replace(replaces);
    },
  };
}

/** Key of the dialog that `Replaces: <Call-ID>;to-tag=<ours>;from-tag=<theirs>` names. */
function readReplaces(headers: SipHeaders): string | null {
  const [callId = "", ...params] = (headers.get("Replaces") ?? "").split(";").map((piece) => piece.trim());
  const tag = (name: string): string => params.find((param) => param.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  return callId === "" || tag("to-tag") === "" ? null : dialogKey(callId, tag("to-tag"), tag("from-tag"));
}

interface Start {
  readonly trunk: Trunk;
  readonly dialog: Dialog;
  readonly carrier: Carrier;
  readonly opened: Opened;
  /** Bodies that came so far, where policy cannot decide before the client says who is there; null where it has decided. */
  readonly waitingFor: readonly RawBody[] | null;
  readonly lines: readonly Line[];
  /** Our address in SDP. */
  readonly host: string;
  readonly metadata: RecordingMetadata | null;
  readonly facts: CallFacts;
  readonly hints: InviteHints;
  readonly peer: Peer;
  readonly protection: Protection;
  readonly invite: Incoming;
  readonly openedAt: Date;
}

interface NextCall {
  readonly lines: readonly Line[];
  readonly protection: Protection;
  readonly metadata: RecordingMetadata | null;
  /** The call before, with its end. */
  readonly old: CallFacts;
  readonly facts: CallFacts;
}

interface OpenedSession extends Session {
  /** Ends it from our side. A client that goes on sending must not believe that it is recorded. */
  hangUp(cause: EndCause): Promise<void>;
  /** 200 to the request that carried `offer` (none: an UPDATE about metadata or the session timer). */
  accept(transaction: ServerTransaction, offer: SdpSession | null, interval: SessionInterval | null): void;
  /** Asks for a whole document where `brought` is none. */
  noteMetadata(brought: Content, before: RecordingMetadata | null): void;
}

function createSession(context: SessionContext, start: Start): OpenedSession {
  const { log, clock, timers } = context;
  const { trunk, dialog, carrier, host, invite, hints } = start;
  const sdpSessionId = String(start.openedAt.getTime());
  const contact: SipHeaderField = ["Contact", dialog.contact];
  let { metadata, facts, peer, protection } = start;
  let { call } = start.opened;
  let streams: Streams = createStreams(call, start.lines, start.opened.ports, log);
  /** Every label there has been in the recording, in order. */
  let labels = streamLabels(start.lines);
  /** Conversations of recordings that are finished: one session may carry call after call. */
  const closed = new Set<string>();
  /** Bodies for a recording that may still come to be; null once policy has decided. */
  let waitingFor = start.waitingFor;
  /** Who was there when policy was asked last. */
  let askedAbout = partiesOf(facts);
  /** True while there is nothing to record: between two calls of a persistent session, and before policy could decide. */
  let idle = waitingFor !== null;
  let lastOffer: SdpSession | null = null;
  let sdpVersion = 0;
  let ended = false;
  let understandsSnapshots = false;
  /** Requests that are being worked on. */
  const pending = new Set<{ readonly transaction: ServerTransaction | null; readonly offers: boolean }>();
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
  const snapshots = createSnapshots(timers, (headers, body) => dialog.request("UPDATE", [contact, ["Require", "siprec"], ...capabilities, ...headers], body));
  noteAccept(invite.request.headers);

  function answer(transaction: ServerTransaction, given: Answer): void {
    transaction.respond(replyTo(transaction.incoming, given, dialog.localTag, context.agent), given);
  }

  function enqueue(work: () => Promise<void>): Promise<void> {
    queue = queue.then(work).catch((thrown: unknown) => log.error({ err: thrown, recordingId: call.recordingId }, "recording session step failed"));
    return queue;
  }

  function noteAccept(headers: SipHeaders): void {
    if (headers.has("Accept")) understandsSnapshots = headers.list("Accept").some((type) => /^application\/rs-metadata-request\b/i.test(type));
  }

  /** Never in the way of the call: what cannot be kept is logged. */
  async function keep(raw: readonly RawBody[], at: Date): Promise<void> {
    if (raw.length === 0 || idle) return;
    await call.keep(raw, at).catch((thrown: unknown) => log.error({ err: thrown, recordingId: call.recordingId }, "bodies could not be kept"));
  }

  function accept(transaction: ServerTransaction, offer: SdpSession | null, interval: SessionInterval | null): void {
    const { incoming } = transaction;
    const { method, headers } = incoming.request;
    const recordRoutes = headers.all("Record-Route").map((value): SipHeaderField => ["Record-Route", value]);
    const common = [...recordRoutes, contact, ...capabilities, ...intervalHeaders(interval)];
    lastOffer = offer ?? lastOffer;
    // An INVITE without an offer wants ours (RFC 3261 §14.2): what we took last, as if the call began anew.
    const ours = method === "INVITE" && offer === null;
    const described = ours && lastOffer !== null ? asOffer(lastOffer) : offer;
    sdpVersion += 1;
    const body = described === null ? null : new TextEncoder().encode(answerSdp(described, streams.decisions(waitingFor !== null), { address: host, sessionId: sdpSessionId, version: sdpVersion }));
    const response = replyTo(
      incoming,
      body === null ? { status: 200, headers: common } : { status: 200, headers: [...common, ["Content-Type", "application/sdp"]], body },
      dialog.localTag,
      context.agent,
    );
    transaction.respond(response, idle ? { reason: "NOT_TO_BE_RECORDED", explanation: "Nobody who is recorded is in the call yet; the client has not said who else is." } : { recordingId: call.recordingId });
    timer.restart(interval);
    if (body !== null) {
      const at = clock.now();
      void enqueue(() => keep([{ receivedAt: at, contentType: "application/sdp", body: maskKeys(body), origin: "recorder" }], at));
    }
    if (method !== "INVITE") return;
    const waiting = { transaction: null, offers: true };
    if (ours) pending.add(waiting);
    dialog.awaitAck(
      incoming,
      () => context.send(response, incoming),
      () => {
        log.warn({ callId: invite.callId, recordingId: call.recordingId }, "no ACK to our 200");
        context.onAckLost();
        void hangUp("timeout");
      },
      (ack) => {
        pending.delete(waiting);
        if (ours) answered(ack);
      },
    );
  }

  /** The client's answer to our offer. Nothing can be refused any more; what it no longer sends is no longer recorded. */
  function answered(ack: Incoming): void {
    const at = clock.now();
    const content = readContent(ack.request, at);
    if ("status" in content || content.sdp === null) return;
    const { sdp, raw } = content;
    void enqueue(async () => {
      const refused = await followOffer(sdp, at);
      if (refused === null) lastOffer = sdp;
      else log.warn({ callId: invite.callId, recordingId: call.recordingId, status: refused.status }, "answer to our offer cannot be followed");
      await keep(raw, at);
    });
  }

  /** A re-INVITE, or an UPDATE with or without an offer. */
  function change(transaction: ServerTransaction): void {
    const { incoming } = transaction;
    const { method, headers } = incoming.request;
    const at = clock.now();
    const content = readContent(incoming.request, at);
    if ("status" in content) {
      void enqueue(() => keep(wholeBody(incoming.request, at), at));
      return answer(transaction, content);
    }
    const { sdp } = content;
    const offers = sdp !== null || method === "INVITE";
    // One offer at a time, one INVITE at a time, one UPDATE at a time (RFC 3261 §14.2, RFC 3311 §5.2). 491 is for who has an offer of his
    // own under way, which a recorder has only until the ACK to a re-INVITE without one; the client knows that it owes us that.
    if ([...pending].some((one) => (offers && one.offers) || one.transaction?.incoming.request.method === method)) {
      return answer(transaction, { status: 500, headers: [retryLater()] });
    }
    peer = readPeer(method, headers, peer);
    noteAccept(headers);
    const interval = agreeOnInterval(headers, peer);
    if (interval !== null && "status" in interval) return answer(transaction, interval);

    if (method === "INVITE") answer(transaction, { status: 100 });
    // A CANCEL from here on is too late: the recorder may have followed the offer already, so it gets its 200.
    const working = { transaction, offers };
    pending.add(working);
    void enqueue(async () => {
      const refused = await follow(content, at);
      pending.delete(working);
      if (transaction.answered) return; // BYE came meanwhile
      if (refused !== null) return answer(transaction, refused);
      accept(transaction, sdp, interval);
      if (beganUnasked) offerOurs();
    });
  }

  /** Set by a message without an offer that began the recording: the client must hear of our ports by an offer of ours. */
  let beganUnasked = false;

  /** Brings the recorder to what a message says; an answer means that it could not be served. */
  async function follow(content: Content, at: Date): Promise<Answer | null> {
    const { sdp } = content;
    if (waitingFor !== null) waitingFor = [...waitingFor, ...content.raw].slice(-maxWaitingBodies);
    if (sdp === null && waitingFor !== null) return decideAgain(content, at);
    const next = sdp === null ? null : nextCall(content, sdp, at);
    if (next !== null) return begin(next, content, at);
    const refused = sdp === null ? null : await followOffer(sdp, at);
    if (refused === null) await followFacts(content, at);
    else await keep(content.raw, at);
    if (refused === null) await rest(at);
    return refused;
  }

  /** Policy is asked again as soon as somebody else is there (a client that first names a placeholder, or the caller alone). */
  async function decideAgain(content: Content, at: Date): Promise<Answer | null> {
    await followFacts(content, at);
    if (lastOffer === null || waitingFor === null || String(partiesOf(facts)) === String(askedAbout)) return null;
    askedAbout = partiesOf(facts);
    const lines = readLines(lastOffer, streams.labels, protection);
    const result = await carrier.open(lines, facts, waitingFor, at);
    if (result.kind === "ignored") return null;
    if (result.kind === "unavailable") {
      void hangUp("fault");
      return unavailable(result.reason, result.retryAfterSeconds);
    }
    beginRecording(result, lines);
    beganUnasked = true;
    return null;
  }

  function beginRecording(result: Opened, lines: readonly Line[]): void {
    idle = false;
    waitingFor = null;
    ({ call } = result);
    streams = createStreams(call, lines, result.ports, log);
  }

  /** RFC 7866 §7.1 lets a recorder take a line as inactive and ask for its media later. By UPDATE, which needs no ACK (RFC 3311). */
  function offerOurs(): void {
    beganUnasked = false;
    if (lastOffer === null) return;
    sdpVersion += 1;
    const at = clock.now();
    const body = new TextEncoder().encode(answerSdp(asOffer(lastOffer), streams.decisions(false), { address: host, sessionId: sdpSessionId, version: sdpVersion }));
    void enqueue(() => keep([{ receivedAt: at, contentType: "application/sdp", body: maskKeys(body), origin: "recorder" }], at));
    const waiting = { transaction: null, offers: true };
    pending.add(waiting);
    const asked = dialog.request("UPDATE", [contact, ...capabilities, ["Content-Type", "application/sdp"]], body);
    const followed = asked.then((outcome) => {
      pending.delete(waiting);
      if (ended) return;
      const theirs = outcome.kind === "answered" && outcome.response.status < 300 ? parseSdp(outcome.response.body) : null;
      if (theirs?.ok) return enqueue(async () => void (await followOffer(theirs.value, clock.now())));
      // It sends nothing then, and must not believe that it is recorded.
      log.error({ callId: invite.callId, recordingId: call.recordingId, status: outcome.kind === "answered" ? outcome.response.status : null }, "the client did not take our offer of the ports to send to");
      return hangUp("no_media");
    });
    followed.catch((thrown: unknown) => log.error({ err: thrown, callId: invite.callId, recordingId: call.recordingId }, "our offer could not be sent"));
  }

  /** Brings the recorder's streams to what an offer says. */
  async function followOffer(sdp: SdpSession, at: Date): Promise<Answer | null> {
    const lines = readLines(sdp, streams.labels, protection);
    const refused = refusalOf(lines, streams.isOpen);
    if (refused !== null) return refused;
    if (idle) streams = createStreams(call, lines, new Map(), log);
    else await streams.apply(lines, at);
    labels = [...new Set([...labels, ...streamLabels(lines)])];
    return null;
  }

  function describe(content: Content, lineLabels: readonly string[], at: Date): { readonly metadata: RecordingMetadata | null; readonly facts: CallFacts } {
    const merged = content.metadata === null ? metadata : mergeRecordingMetadata(metadata, content.metadata, at);
    const { conversations } = describeCall({ metadata: merged, labels: lineLabels, invite, hints, before: facts, at });
    return { metadata: merged, facts: { conversations: conversations.filter(({ id, endedAt }) => endedAt === null || !closed.has(id)) } };
  }

  /** Tells the recorder who is there now. Never fails: the streams go on, whatever is known of the people. */
  async function followFacts(content: Content, at: Date): Promise<void> {
    if (content.raw.length === 0) return; // a refresh of the session timer
    noteProblems(log, invite, content);
    noteMetadata(content, metadata);
    try {
      ({ metadata, facts } = describe(content, labels, at));
      if (!idle) await call.update(facts, at, content.raw);
    } catch (thrown) {
      log.error({ err: thrown, recordingId: call.recordingId }, "the recorder could not be told who is there now");
    }
  }

  /**
   * The call that an offer begins where the one before is over: a persistent session carries one after the other, and each is a recording
   * of its own. Only an offer can begin one, because a new recording has new ports.
   */
  function nextCall(content: Content, sdp: SdpSession, at: Date): NextCall | null {
    const fresh = createProtection(context.sdes, trunk.media === "srtp");
    const lines = readLines(sdp, streams.labels, fresh);
    const described = describe(content, streamLabels(lines), at);
    const isOld = ({ id }: Conversation): boolean => facts.conversations.some((old) => old.id === id);
    const [old, news] = [described.facts.conversations.filter(isOld), described.facts.conversations.filter((one) => !isOld(one) && one.endedAt === null)];
    const live = { conversations: described.facts.conversations.filter(({ endedAt }) => endedAt === null) };
    if (waitingFor !== null && String(partiesOf(live)) === String(askedAbout)) return null;
    const begins = idle ? streamsOf(lines).length > 0 : metadata !== null && isOver(old) && news.length > 0 && !news.some((one) => isTied(one, facts));
    if (!begins) return null;
    const standIn = (): CallFacts => describeCall({ metadata: null, labels: streamLabels(lines), invite, hints, before: null, at });
    return { lines, protection: fresh, metadata: described.metadata, old: { conversations: old }, facts: news.length > 0 && !idle ? { conversations: news } : live.conversations.length > 0 ? live : standIn() };
  }

  async function begin(next: NextCall, content: Content, at: Date): Promise<Answer | null> {
    const unusable = refusalOf(next.lines, () => false);
    if (unusable !== null) {
      await keep(content.raw, at);
      return unusable;
    }
    noteProblems(log, invite, content);
    noteMetadata(content, metadata);
    if (!idle) await call.update(next.old, at, content.raw);
    await finishCall(at);
    ({ metadata, facts, protection } = next);
    labels = streamLabels(next.lines);
    askedAbout = partiesOf(facts);
    const result = await carrier.open(next.lines, facts, waitingFor ?? content.raw, at);
    if (result.kind === "recording") {
      beginRecording(result, next.lines);
      return null;
    }
    // Policy does not want this call; the next one may be another matter, so the session stays and the lines are refused.
    streams = createStreams(call, next.lines, new Map(), log);
    if (result.kind === "ignored") return null;
    void hangUp("fault");
    return unavailable(result.reason, result.retryAfterSeconds);
  }

  /** Between two calls there is nothing to record: what there was becomes playable now, not when the session ends. */
  async function rest(at: Date): Promise<void> {
    if (!idle && metadata !== null && isOver(facts.conversations) && !streams.labels.some(streams.isOpen)) await finishCall(at);
  }

  async function finishCall(at: Date): Promise<void> {
    if (idle) return;
    idle = true;
    for (const { id } of facts.conversations) closed.add(id);
    await call.end("released", at);
  }

  function noteMetadata(content: Content, before: RecordingMetadata | null): void {
    const type = content.raw.find(({ contentType }) => /rs-metadata/.test(contentType))?.contentType;
    if (type !== undefined) snapshots.useType(type);
    if (content.metadata?.mode === "complete") return snapshots.satisfied();
    if (!understandsSnapshots || !peer.allowsUpdate) return;
    if (content.metadataProblem !== null) snapshots.want("the metadata could not be read");
    else if (content.metadata !== null && before === null) snapshots.want("a partial document came without a complete one");
    else if (metadata === null) snapshots.want("no metadata came");
  }

  /** The client hangs up. By RFC 8068 its BYE may bring a last document, which counts before the end. */
  function bye(transaction: ServerTransaction): void {
    const at = clock.now();
    answer(transaction, { status: 200 });
    const content = readContent(transaction.incoming.request, at);
    if ("status" in content) void enqueue(() => keep(wholeBody(transaction.incoming.request, at), at));
    else if (content.metadata !== null) void enqueue(() => followFacts(content, at));
    else void enqueue(() => keep(content.raw, at));
    void finish("released", at);
  }

  /** The one way to the end. What the queue holds is done first. */
  function finish(cause: EndCause, at: Date): Promise<void> {
    if (ended) return queue;
    ended = true;
    timer.stop();
    snapshots.stop();
    dialog.close();
    context.remove(session);
    for (const { transaction } of pending) if (transaction !== null) answer(transaction, { status: 487 });
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
    noteMetadata,
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
    hangUp,
  };
  return session;
}

/** What we took, to be said by us first: all of it is to be received. */
const asOffer = (taken: SdpSession): SdpSession => ({ ...taken, media: taken.media.map((line) => (line.port === 0 ? line : { ...line, direction: "sendonly" as const })) });

const isOver = (conversations: readonly Conversation[]): boolean => conversations.length > 0 && conversations.every(({ endedAt }) => endedAt !== null);

/** A transfer by REFER is a new conversation of the same call. */
const isTied = ({ chainId }: Conversation, facts: CallFacts): boolean => chainId !== null && facts.conversations.some((old) => old.chainId === chainId);

function unavailable(reason: string, retryAfterSeconds: number): Answer {
  return { status: 503, reason: "CANNOT_RECORD_NOW", headers: [["Retry-After", String(retryAfterSeconds)], warning(399, reason)] };
}

/**
 * "Ignored" is answered 603. A 4xx would send the client to the next recorder of its list, which decides the same; 6xx says that no other
 * place will do either (RFC 3261 §21.6), and 603 is its one for "reached, and not wanted".
 */
function refusalFor(result: Exclude<OpenResult, { kind: "recording" }>): Answer {
  if (result.kind === "unavailable") return unavailable(result.reason, result.retryAfterSeconds);
  return { status: 603, reason: "NOT_TO_BE_RECORDED", headers: [warning(399, result.reasons.join(" ") || "not to be recorded")], unknownParties: result.unknownParties };
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
  const deciding = running ?? nothing;
  return deciding === undefined ? null : { status: 488, reason: deciding.refusal, headers: [warning(305, deciding.reason), acceptHeader] };
}

/** A document we cannot read costs names, never the recording; somebody should know. */
function noteProblems(log: Log, invite: Incoming, content: Content): void {
  const problems = content.metadataProblem === null ? (content.metadata?.problems ?? []) : [content.metadataProblem];
  if (problems.length > 0) log.warn({ callId: invite.callId, remote: invite.flow.remote.address, problems: problems.slice(0, 5) }, "recording metadata has problems");
}

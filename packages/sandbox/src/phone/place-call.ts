import { randomBytes } from "node:crypto";
import { mediaAddress, parseNameAddr, parseSdp, parseSessionExpires, type G711Codec, type SipRequest, type SipResponse } from "@earwitness/media";
import { encodeAudio, type Audio } from "./audio.ts";
import { sbcAddress, sbcRecordingUser } from "../provision.ts";
import { findLocalAddress } from "./local-address.ts";
import { createMetadata, type CallMetadata, type Participant, type Stream } from "./metadata.ts";
import { buildMultipart, buildOffer, type OfferedLine } from "./offer.ts";
import { createPacer, type Pacer } from "./pacer.ts";
import { createRtpSender, type PacketFate, type RtpSender } from "./rtp-sender.ts";
import { createSipLine, SipTimeout, type Answer, type SipLine } from "./sip-line.ts";

/** A party of a call and what it says from the first packet on. */
export interface PartyPlan {
  readonly name: string | null;
  /** Address of record: `sip:adelev@contoso.example`, `tel:+17325550142`. */
  readonly aor: string;
  readonly audio?: Audio;
  /** Decides over each packet of this party by its number from 0; without it every packet is sent. */
  readonly fate?: (packet: number) => PacketFate;
}

export interface CallPlan {
  /** `user`: of a trunk's own recording address; left out: of the sandbox's, where the call comes from its address. */
  readonly server: { readonly host: string; readonly port: number; readonly user?: string };
  /** Who is in the call, the caller first. */
  readonly parties: readonly PartyPlan[];
  /** Who had the call before copies were made: the queue that an agent took it from. Metadata names it after the caller, and the session begins with it. */
  readonly earlier?: { readonly name: string | null; readonly aor: string; readonly durationMs: number };
  readonly codec?: G711Codec;
  readonly transport?: "udp" | "tcp";
  /** Where SIP and RTP come from; the sandbox SBC's own address where absent. */
  readonly localAddress?: string;
  readonly callId?: string;
  /** Ties this recording to another by RFC 7865 group. */
  readonly groupId?: string;
  readonly sessionId?: string;
  /** Shared by calls that come from one SBC; each call makes its own where absent. */
  readonly line?: SipLine;
  readonly pacer?: Pacer;
  /** What the SBC asks for by RFC 4028; 1800 where absent. */
  readonly sessionExpiresSeconds?: number;
  /** Asks inside the dialog, this often, whether the recorder still knows the call (it may have been restarted); not at all where absent. */
  readonly keepAliveSeconds?: number;
  /** How long the INVITE waits for an answer. */
  readonly timeoutMs?: number;
}

export type EndedBy = "us" | "recorder" | "lost";

export interface PlacedCall {
  readonly callId: string;
  readonly groupId: string;
  /** The communication session as it is now; a transfer into a new session changes it. */
  sessionId(): string;
  readonly localAddress: string;
  /** Wall time of the first RTP packet. */
  readonly startedAt: Date;
  /** Since the first packet, in media time. */
  elapsedMs(): number;
  /** Packets handed to the network, per address of record. */
  packets(aor: string): number;
  /** Says something now, or at a time counted from the first packet. */
  say(aor: string, audio: Audio | Uint8Array, atMs?: number): void;
  /** The party stops sending; `inactive` also says so in SDP and stops its packets, as SBCs do that mask by SDP. */
  hold(aor: string, style?: "metadata" | "inactive"): Promise<void>;
  resume(aor: string): Promise<void>;
  /** A further party with a stream of its own. */
  join(party: PartyPlan): Promise<void>;
  /** The party goes; its stream ends. */
  leave(aor: string): Promise<void>;
  /** Transfer by re-INVITE: the same session and stream, another participant. */
  replace(aor: string, by: PartyPlan): Promise<void>;
  /** Transfer by REFER: the session ends, a new one in the same group goes on, in which `by` has taken the place of `aor`. */
  transfer(aor: string, by: PartyPlan): Promise<void>;
  /** Tells the recorder everything anew (UPDATE with a complete document). */
  snapshot(): Promise<void>;
  /** Ends the call; resolves when the recorder has answered or cannot be reached. Callable more than once. */
  bye(): Promise<void>;
  /** The SBC dies: sockets close, nobody is told. */
  vanish(): Promise<void>;
  readonly ended: Promise<EndedBy>;
}

/** The recorder did not take the call. */
export class CallRefused extends Error {
  override readonly name = "CallRefused";
  readonly status: number;
  /** From a 503, or from any answer that says when to come again. */
  readonly retryAfterMs: number | null;
  constructor(status: number, reason: string, retryAfterMs: number | null) {
    super(`${status} ${reason}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

interface Leg {
  plan: PartyPlan;
  participant: Participant;
  readonly stream: Stream;
  readonly line: OfferedLine;
  readonly sender: RtpSender;
  onHold: boolean;
  gone: boolean;
}

const domain = "contoso.example";
const decoder = new TextDecoder();
let sharedPacer: Pacer | undefined;

/** Places one SIPREC call: resolves when the recorder answered and audio flows, rejects with `CallRefused` or `SipTimeout`. */
export async function placeCall(plan: CallPlan): Promise<PlacedCall> {
  const codec = plan.codec ?? "PCMU";
  const pacer = plan.pacer ?? (sharedPacer ??= createPacer());
  const localAddress = plan.line?.localAddress ?? plan.localAddress ?? (await findLocalAddress());
  const line =
    plan.line ??
    (await createSipLine({
      transport: plan.transport ?? "udp",
      localAddress,
      server: plan.server,
      ...(plan.timeoutMs === undefined ? {} : { timeoutMs: plan.timeoutMs }),
    }));
  const legs: Leg[] = [];
  const callId = plan.callId ?? `${randomBytes(12).toString("hex")}@${localAddress}`;
  const release = async (): Promise<void> => {
    line.detach(callId);
    await Promise.all(legs.map(async (leg) => await leg.sender.close()));
    if (plan.line === undefined) await line.close();
  };
  try {
    return await open();
  } catch (error) {
    await release();
    throw error;
  }

  async function open(): Promise<PlacedCall> {
    const begun = new Date();
    const startsAt = new Date(begun.getTime() - (plan.earlier?.durationMs ?? 0));
    const metadata = createMetadata(plan, startsAt);
    const sdpId = String(randomBytes(4).readUInt32BE());
    const tag = randomBytes(6).toString("hex");
    const user = plan.server.user ?? (localAddress === sbcAddress ? sbcRecordingUser : "recorder");
    const requestUri = `sip:${user}@${plan.server.host.includes(":") ? `[${plan.server.host}]` : plan.server.host}:${plan.server.port}${line.transport === "tcp" ? ";transport=tcp" : ""}`;
    const from = `"Contoso SBC (sandbox)" <sip:sbc@${domain}>;tag=${tag}`;
    let to = `<sip:recorder@${domain}>`;
    let target = requestUri;
    let sequence = 0;
    let sdpVersion = 0;
    let nextLabel = 1;
    let refresh: NodeJS.Timeout | undefined;
    let keepAlive: NodeJS.Timeout | undefined;
    let lastAck: (() => void) | null = null;
    let over = false;
    let finish: (by: EndedBy) => void = () => undefined;
    const ended = new Promise<EndedBy>((resolve) => (finish = resolve));
    const contact = (): string => `<sip:sbc@${localAddress.includes(":") ? `[${localAddress}]` : localAddress}:${line.localPort()};transport=${line.transport}>;+sip.src`;

    const addLeg = async (party: PartyPlan, at: Date): Promise<Leg> => {
      const sender = await createRtpSender({ localAddress, codec, pacer, cname: `sbc@${domain}`, ...(party.fate === undefined ? {} : { fate: party.fate }) });
      const label = String(nextLabel++);
      const leg: Leg = {
        plan: party,
        participant: metadata.addParticipant(party.name, party.aor, at),
        stream: metadata.addStream(label),
        line: { label, rtpPort: sender.rtpPort, rtcpPort: sender.rtcpPort, state: "sendonly" },
        sender,
        onHold: false,
        gone: false,
      };
      if (party.audio !== undefined) sender.play(encodeAudio(party.audio, codec));
      legs.push(leg);
      return leg;
    };
    const legOf = (aor: string): Leg => {
      const leg = legs.find((each) => each.plan.aor === aor && !each.gone);
      if (leg === undefined) throw new Error(`${aor} is not in this call`);
      return leg;
    };
    /** Everybody hears everybody else who speaks. */
    const wire = (at: Date): void => {
      const present = legs.filter((leg) => !leg.gone);
      for (const leg of present) {
        const heard = present.filter((other) => other !== leg && !other.onHold).map((other) => other.stream.id);
        metadata.associate(leg.participant.id, leg.onHold ? [] : [leg.stream.id], heard, at);
      }
    };

    const offer = (): string => buildOffer(legs.map((leg) => leg.line), codec, localAddress, sdpId, ++sdpVersion);
    const multipart = (xml: string): { contentType: string; body: Uint8Array } => buildMultipart(offer(), xml, `contoso-${randomBytes(8).toString("hex")}`);
    const dialogHeaders = (method: string, number: number): [string, string][] => [
      ["From", from],
      ["To", to],
      ["Call-ID", callId],
      ["CSeq", `${number} ${method}`],
    ];
    const timerHeaders = (seconds: number): [string, string][] => [
      ["Supported", "timer"],
      ["Session-Expires", `${seconds};refresher=uac`],
    ];
    let expiresSeconds = plan.sessionExpiresSeconds ?? 1800;

    /** INVITE, outside or inside the dialog: offer and metadata, then ACK and the audio to where the answer says. */
    const invite = async (xml: string): Promise<void> => {
      const body = multipart(xml);
      const ask = async (): Promise<{ response: SipResponse; number: number }> => {
        const number = ++sequence;
        const headers: [string, string][] = [
          ...dialogHeaders("INVITE", number),
          ["Contact", contact()],
          ["Require", "siprec"],
          ["Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO"],
          ["Accept", "application/sdp, application/rs-metadata+xml, application/rs-metadata-request"],
          ["User-Agent", "Contoso SBC (Earwitness sandbox)"],
          ...timerHeaders(expiresSeconds),
          ["Content-Type", body.contentType],
        ];
        return { response: await line.request({ method: "INVITE", uri: target, headers, body: body.body }), number };
      };
      let { response, number } = await ask();
      if (response.status === 422) {
        // The recorder wants longer intervals (RFC 4028 7.2).
        const least = parseSessionExpires(response.headers.get("Min-SE") ?? "");
        if (least.ok) {
          expiresSeconds = Math.max(expiresSeconds, least.value.seconds);
          ({ response, number } = await ask());
        }
      }
      for (let attempt = 0; response.status === 491 && attempt < 3; attempt++) {
        // Both sides began at once; who owns the Call-ID waits the longer (RFC 3261 14.1).
        await new Promise((resolve) => setTimeout(resolve, 2100 + Math.random() * 1900));
        ({ response, number } = await ask());
      }
      if (response.status >= 300) {
        const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
        throw new CallRefused(response.status, response.reason, Number.isNaN(seconds) ? null : seconds * 1000);
      }
      to = response.headers.get("To") ?? to;
      const recorder = parseNameAddr(response.headers.get("Contact") ?? "");
      if (recorder.ok) target = recorder.value.uri;
      lastAck = () => line.send({ method: "ACK", uri: target, headers: dialogHeaders("ACK", number) });
      lastAck();
      armRefresh(response);
      await aimSenders(response);
    };

    const aimSenders = async (response: SipResponse): Promise<void> => {
      const answer = parseSdp(response.body);
      if (!answer.ok) throw new CallRefused(488, `unusable answer: ${answer.reason}`, null);
      const taken = answer.value.media;
      if (taken.length !== legs.length) throw new CallRefused(488, "the answer has another number of media lines", null);
      await Promise.all(
        legs.map(async (leg, index) => {
          const media = taken[index];
          const remote = media === undefined ? null : mediaAddress(media);
          if (leg.gone || leg.line.state === "inactive" || remote === null || media?.direction === "inactive") leg.sender.pause();
          else await leg.sender.start(remote);
        }),
      );
    };

    const armRefresh = (response: SipResponse): void => {
      const agreed = parseSessionExpires(response.headers.get("Session-Expires") ?? "");
      clearTimeout(refresh);
      if (!agreed.ok || agreed.value.refresher === "uas") return;
      refresh = setTimeout(() => {
        void inTurn(async () => {
          const answer = await update(null);
          if (answer.status === 481 || answer.status === 408) await end("lost");
          else armRefresh(answer);
        }).catch(async () => await end("lost"));
      }, agreed.value.seconds * 500);
      refresh.unref();
    };

    const update = async (xml: string | null): Promise<SipResponse> => {
      const body = xml === null ? undefined : new TextEncoder().encode(xml);
      return await line.request({
        method: "UPDATE",
        uri: target,
        headers: [
          ...dialogHeaders("UPDATE", ++sequence),
          ["Contact", contact()],
          ...timerHeaders(expiresSeconds),
          ...(xml === null ? [] : ([["Require", "siprec"], ["Content-Type", "application/rs-metadata+xml"], ["Content-Disposition", "recording-session"]] as [string, string][])),
        ],
        ...(body === undefined ? {} : { body }),
      });
    };

    const hangUp = async (): Promise<void> => {
      const body = new TextEncoder().encode(metadata.partial() ?? metadata.complete());
      await line.request({
        method: "BYE",
        uri: target,
        headers: [...dialogHeaders("BYE", ++sequence), ["Content-Type", "application/rs-metadata+xml"], ["Content-Disposition", "recording-session"]],
        body,
      });
    };
    const stillKnown = async (): Promise<boolean> => {
      const response = await line.request({ method: "OPTIONS", uri: target, headers: dialogHeaders("OPTIONS", ++sequence) });
      return response.status !== 481 && response.status !== 408;
    };

    /** Requests of one dialog go one after the other: a second offer before the first was answered is an error (RFC 3261 14.1). */
    let turn: Promise<unknown> = Promise.resolve();
    let untold = false;
    const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
      const mine = turn.then(work);
      turn = mine.catch(() => undefined);
      return await mine;
    };
    const tell = async (how: "metadata" | "offer"): Promise<void> => {
      await inTurn(async () => {
        if (over) return;
        // What a refused request was to tell is still untold: the next one tells everything.
        const xml = untold ? metadata.complete() : metadata.partial();
        if (xml === null && how === "metadata") return;
        untold = true;
        if (how === "offer") await invite(xml ?? metadata.complete());
        else {
          const response = await update(xml);
          if (response.status >= 300) throw new CallRefused(response.status, response.reason, null);
        }
        untold = false;
      });
    };

    const end = async (by: EndedBy): Promise<void> => {
      if (over) return;
      over = true;
      clearTimeout(refresh);
      clearInterval(keepAlive);
      finish(by);
      await release();
    };

    const answerRequest = (request: SipRequest): Answer => {
      switch (request.method) {
        case "OPTIONS":
          return { status: 200, reason: "OK", headers: [["Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO"], ["Supported", "timer, siprec"]] };
        case "BYE":
          return { status: 200, reason: "OK", after: () => void end("recorder") };
        case "UPDATE": {
          const wanted = decoder.decode(request.body).includes("requestsnapshot");
          const headers: [string, string][] = [["Contact", contact()], ["Supported", "timer"]];
          const expires = request.headers.get("Session-Expires");
          if (expires !== undefined) headers.push(["Session-Expires", expires.includes("refresher=") ? expires : `${expires};refresher=uac`], ["Require", "timer"]);
          return { status: 200, reason: "OK", headers, ...(wanted ? { after: () => void inTurn(async () => await update(metadata.complete())).catch(() => undefined) } : {}) };
        }
        case "INVITE": {
          // The recorder refreshes the session or moves its ports: our offer stands as the answer.
          const sdp = new TextEncoder().encode(offer());
          const asked = parseSdp(request.body);
          return {
            status: 200,
            reason: "OK",
            headers: [["Contact", contact()], ["Content-Type", "application/sdp"], ["Supported", "timer"]],
            body: sdp,
            after: () => {
              if (!asked.ok) return;
              legs.forEach((leg, index) => {
                const media = asked.value.media[index];
                const remote = media === undefined ? null : mediaAddress(media);
                if (remote !== null && !leg.gone && leg.line.state === "sendonly") void leg.sender.start(remote);
              });
            },
          };
        }
        case "INFO":
        case "CANCEL":
          return { status: 200, reason: "OK" };
        default:
          return { status: 405, reason: "Method Not Allowed", headers: [["Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO"]] };
      }
    };

    line.attach(callId, { request: answerRequest, repeatAck: () => lastAck?.() });
    for (const [index, party] of plan.parties.entries()) {
      await addLeg(party, index === 0 ? startsAt : begun);
      if (index > 0 || plan.earlier === undefined) continue;
      metadata.removeParticipant(metadata.addParticipant(plan.earlier.name, plan.earlier.aor, startsAt).id, begun);
    }
    wire(begun);
    try {
      await invite(metadata.complete());
    } catch (error) {
      // Answered, but with nothing that audio could be sent to: the dialog stands and has to be ended.
      if (lastAck !== null) await hangUp().catch(() => undefined);
      throw error;
    }
    const startedAt = new Date();
    if (plan.keepAliveSeconds !== undefined) {
      keepAlive = setInterval(() => {
        void inTurn(async () => {
          if (!over && !(await stillKnown())) await end("lost");
        }).catch(async () => await end("lost"));
      }, plan.keepAliveSeconds * 1000);
    }

    return {
      callId,
      groupId: metadata.groupId,
      sessionId: () => metadata.sessionId(),
      localAddress,
      startedAt,
      ended,
      elapsedMs: () => Math.max(0, ...legs.map((leg) => leg.sender.frame())) * 20,
      packets: (aor) => legs.find((leg) => leg.plan.aor === aor)?.sender.sent() ?? 0,
      say(aor, audio, atMs) {
        const { sender } = legOf(aor);
        const payload = audio instanceof Uint8Array ? audio : encodeAudio(audio, codec);
        sender.play(payload, atMs === undefined ? sender.frame() : Math.round(atMs / 20));
      },
      async hold(aor, style = "metadata") {
        const leg = legOf(aor);
        leg.onHold = true;
        if (style === "inactive") leg.line.state = "inactive";
        wire(new Date());
        await tell(style === "inactive" ? "offer" : "metadata");
      },
      async resume(aor) {
        const leg = legOf(aor);
        const offered = leg.line.state === "inactive";
        leg.onHold = false;
        leg.line.state = "sendonly";
        wire(new Date());
        await tell(offered ? "offer" : "metadata");
      },
      async join(party) {
        const at = new Date();
        await addLeg(party, at);
        wire(at);
        await tell("offer");
      },
      async leave(aor) {
        const at = new Date();
        const leg = legOf(aor);
        leg.gone = true;
        leg.line.rtpPort = 0;
        leg.line.state = "inactive";
        leg.sender.pause();
        metadata.removeParticipant(leg.participant.id, at);
        wire(at);
        await tell("offer");
      },
      async replace(aor, by) {
        const at = new Date();
        const leg = legOf(aor);
        metadata.removeParticipant(leg.participant.id, at);
        exchange(leg, by, metadata, at);
        wire(at);
        await tell("metadata");
      },
      async transfer(aor, by) {
        const at = new Date();
        const leg = legOf(aor);
        const staying = legs.filter((each) => !each.gone && each !== leg);
        metadata.removeParticipant(leg.participant.id, at);
        metadata.endSession(at, "Transferred");
        metadata.startSession(at);
        for (const each of staying) {
          metadata.addParticipant(each.plan.name, each.plan.aor, at);
          metadata.moveStream(each.stream.id);
        }
        metadata.moveStream(leg.stream.id);
        exchange(leg, by, metadata, at);
        wire(at);
        await tell("offer");
      },
      async snapshot() {
        await inTurn(async () => await update(metadata.complete()));
      },
      async bye() {
        if (over) {
          await ended;
          return;
        }
        const at = new Date();
        for (const leg of legs) {
          leg.sender.pause();
          if (!leg.gone) metadata.removeParticipant(leg.participant.id, at);
        }
        metadata.endSession(at);
        try {
          await inTurn(async () => {
            if (!over) await hangUp();
          });
        } catch (error) {
          // Nobody there to say goodbye to; the call is over all the same.
          if (!(error instanceof SipTimeout)) throw error;
        } finally {
          await end("us");
        }
      },
      vanish: async () => await end("us"),
    };
  }
}

/** Another person takes the place at the same phone line. */
function exchange(leg: Leg, by: PartyPlan, metadata: CallMetadata, at: Date): void {
  leg.plan = by;
  leg.onHold = false;
  leg.participant = metadata.addParticipant(by.name, by.aor, at);
}

/**
 * The wire end of one stream: a pair of UDP ports, the sender they are pinned to, receiver reports. Every byte that comes in
 * here is anybody's: only packets from the pinned source, with a payload type of the offer and a believable length, go on; of
 * a protected stream only those that authenticate, which is found out before they may move the pin or mean anything.
 */
import { randomBytes } from "node:crypto";
import { buildReceiverReport, createReception, createRtpFields, createSourceChoice, createSrtpReceiver, isRtcp, parseRtcp, readRtp, type Reception } from "@earwitness/media";
import type { MediaAddress, StreamOffer } from "./call.ts";
import { codecByName, comfortNoise, isSound, keyPressEntry, noSound } from "./codecs.ts";
import type { ArrivedPacket } from "./live-track.ts";
import { createRefusals, type Refusals } from "./refusals.ts";
import type { OpenUdpSocket, UdpSocket } from "./udp.ts";

export interface Receiver {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  change(stream: StreamOffer): Promise<void>;
  /** Sends a receiver report if anything came and one is due. */
  report(): void;
  /** Packets that were not the stream's: other address, other source, malformed, unknown payload type, absurd length. */
  readonly dropped: number;
  /** Of a protected stream: packets that did not authenticate, or came again. */
  readonly refused: Refusals;
  close(): Promise<void>;
}

/** `packet` and `bytes` are lent for the call: who keeps, copies. The payload are `length` bytes from `from` on. */
export type PacketListener = (packet: ArrivedPacket, codec: number, bytes: Uint8Array, from: number, length: number, arrivalMs: number, clockRateHz: number) => void;

/** What comes under a payload type of the offer. */
interface Accepted {
  /** A codec's number, or what stands for a packet that is no sound. */
  readonly entry: number;
  /** Null: that of the speech around it. */
  readonly clockRateHz: number | null;
  readonly minPayloadBytes: number;
  readonly maxPayloadBytes: number;
}

/** A packet of a source of which it is not yet known whether it is the stream's. */
interface Held {
  readonly packet: ArrivedPacket;
  readonly accepted: Accepted;
  readonly payload: Uint8Array;
  readonly arrivalMs: number;
}

/** RFC 3550, 6.2: five seconds, drawn between half and one and a half, so that reports of many calls do not come at once. */
const reportMs = 5_000;
/** A pinned sender that has been silent for so long may go on from another port of the same host (it restarted, or its NAT forgot it). */
const repinMs = 2_000;

const nothing = new Uint8Array(0);
/** Four bytes an event; some send several in one packet (RFC 4733 §2.5.1.5), of which the first counts. */
const pressBytes = { minPayloadBytes: 4, maxPayloadBytes: 64 };
/** A level and the filter of the noise. */
const noiseBytes = { minPayloadBytes: 1, maxPayloadBytes: 64 };
/** Of comfort noise, which many send without having offered it (RFC 3551, table 4). */
const staticNoiseType = 13;

export async function openReceiver(options: {
  readonly bindAddress: string;
  /** 0: the system chooses (tests). */
  readonly rtpPort: number;
  readonly open: OpenUdpSocket;
  readonly stream: StreamOffer;
  readonly onPacket: PacketListener;
  readonly now: () => number;
}): Promise<Receiver> {
  const { now } = options;
  const reportSsrc = randomBytes(4).readUInt32BE(0);
  const cname = randomBytes(12).toString("base64url"); // says nothing of this host (RFC 7022)
  const fields = createRtpFields();
  let types = typesOf(options.stream);
  /** Comfort noise counts like the speech around it. */
  let clockOfSpeech = options.stream.payloads[0]?.clockRateHz ?? 8_000;
  let announced: MediaAddress | null = options.stream.remote;
  /** The address that speaks for the stream. Its port is latched by the first packet: senders behind NAT cannot know theirs. */
  let pinned: { address: string; port: number | null } | null = announced === null ? null : { address: announced.address, port: null };
  let lastPacketAt = -Infinity;
  const sources = createSourceChoice<Held>();
  /** What `sources` says, at hand: most streams have one source, and every packet asks. */
  let source = -1;
  let isDoubted = false;
  let reporter: { address: string; port: number } | null = null;
  let reception: { ssrc: number; statistics: Reception } | null = null;
  let reportDueAt = 0;
  let dropped = 0;
  let srtp = options.stream.srtp === undefined ? null : createSrtpReceiver(options.stream.srtp);
  const refused = createRefusals();
  /** RTCP comes on the RTP port (RFC 5761). */
  let muxed = options.stream.rtcpMux === true;
  let ownRtcp: UdpSocket | null = null;
  let closed = false;

  function mayBePinned(address: string, port: number, arrivalMs: number): boolean {
    return pinned === null || (pinned.address === address && (pinned.port === null || pinned.port === port || arrivalMs - lastPacketAt > repinMs));
  }

  function isPinned(address: string, port: number, arrivalMs: number): boolean {
    if (!mayBePinned(address, port, arrivalMs)) return false;
    if (pinned === null) pinned = { address, port };
    else pinned.port = port;
    return true;
  }

  /** Leaves the RTP packet in the clear and answers its length, or -1 when it was counted as refused. */
  function unprotect(bytes: Buffer, address: string, port: number, arrivalMs: number): number {
    if (srtp === null) return bytes.length;
    // A copy of a good packet that comes from elsewhere must not make a replay of the good one.
    if (!mayBePinned(address, port, arrivalMs)) {
      dropped += 1;
      return -1;
    }
    const verdict = srtp.unprotect(bytes);
    if (verdict.ok) return verdict.length;
    refused.add(verdict.why === "replay" ? null : arrivalMs);
    return -1;
  }

  /** Some senders put both on one port without a word; then what has a payload type of the offer is RTP all the same (RFC 5761 §4 binds only who multiplexes). */
  const isReport = (bytes: Buffer): boolean => isRtcp(bytes) && (muxed || !types.has(bytes[1]! & 0x7f));

  function onRtp(bytes: Buffer, address: string, port: number, waitedMs = 0): void {
    if (isReport(bytes)) return onRtcp(bytes, address, port, waitedMs);
    const arrivalMs = now() - waitedMs;
    const length = unprotect(bytes, address, port, arrivalMs);
    if (length < 0) return;
    if (!readRtp(bytes, 0, length, fields)) {
      dropped += 1;
      return;
    }
    const { payloadOffset, payloadLength } = fields;
    const accepted = types.get(fields.payloadType);
    // Looked at before pinning: a stray packet of another protocol must not become the stream's source.
    if (accepted === undefined || payloadLength < accepted.minPayloadBytes || payloadLength > accepted.maxPayloadBytes) {
      // Nobody can read it; but among the speech it takes a sequence number, which is then not lost.
      if (pinned?.address !== address || pinned.port !== port || source !== fields.ssrc) dropped += 1;
      else take(fields, unreadable, nothing, 0, 0, arrivalMs);
      return;
    }
    if (!isPinned(address, port, arrivalMs)) {
      dropped += 1;
      return;
    }
    if (fields.ssrc === source) {
      if (isDoubted) {
        sources.heard(arrivalMs);
        isDoubted = sources.isDoubted;
      }
      take(fields, accepted, bytes, payloadOffset, payloadLength, arrivalMs);
      return;
    }
    const { sequence, timestamp, ssrc, marker } = fields;
    const payload = Uint8Array.from(bytes.subarray(payloadOffset, payloadOffset + payloadLength)); // held is kept, and what came is only lent (udp.ts)
    takeAll(sources.other(ssrc, arrivalMs, lastPacketAt, { packet: { sequence, timestamp, ssrc, marker }, accepted, payload, arrivalMs }));
  }

  function takeAll(packets: readonly Held[]): void {
    source = sources.current;
    isDoubted = sources.isDoubted;
    for (const { packet, accepted, payload, arrivalMs } of packets) take(packet, accepted, payload, 0, payload.length, arrivalMs);
  }

  /** The packet is the stream's. */
  function take(packet: ArrivedPacket, { entry, clockRateHz }: Accepted, bytes: Uint8Array, from: number, length: number, arrivalMs: number): void {
    lastPacketAt = arrivalMs;
    const isSpeech = isSound(entry);
    if (isSpeech) clockOfSpeech = clockRateHz!;
    if (reception?.ssrc !== packet.ssrc) {
      reception = { ssrc: packet.ssrc, statistics: createReception({ ssrc: packet.ssrc, clockRateHz: clockOfSpeech }) };
      reportDueAt ||= nextReport();
    }
    reception.statistics.receive(packet.sequence, isSpeech ? packet.timestamp : null, arrivalMs);
    options.onPacket(packet, entry, bytes, from, length, arrivalMs, clockRateHz ?? clockOfSpeech);
  }

  function onRtcp(arrived: Buffer, address: string, port: number, waitedMs = 0): void {
    if (pinned !== null && pinned.address !== address) {
      dropped += 1;
      return;
    }
    const bytes = srtp === null ? arrived : srtp.unprotectRtcp(arrived);
    if (bytes === null) {
      refused.add(null);
      return;
    }
    const packets = parseRtcp(bytes);
    if (!packets.ok) {
      dropped += 1;
      return;
    }
    if (pinned !== null) reporter = { address, port };
    for (const packet of packets.value) {
      if (packet.kind === "sender-report" && reception !== null && packet.ssrc === reception.ssrc) reception.statistics.senderReport(packet.ntpSeconds, packet.ntpFraction, now() - waitedMs);
    }
  }

  const nextReport = (): number => now() + reportMs * (0.5 + Math.random());

  const rtp = await options.open(options.bindAddress, options.rtpPort, onRtp);
  const openRtcp = (): Promise<UdpSocket> => options.open(options.bindAddress, options.rtpPort === 0 ? 0 : options.rtpPort + 1, onRtcp);
  try {
    if (!muxed) ownRtcp = await openRtcp();
  } catch (error) {
    await rtp.close();
    throw error;
  }
  const rtcp = (): UdpSocket => (muxed ? rtp : (ownRtcp ?? rtp));

  /** A sender that no longer multiplexes gets a port for its reports. Where another program has it, they go on coming to the RTP port. */
  async function openRtcpLate(): Promise<void> {
    const opened = await openRtcp().catch(() => null);
    if (closed) await opened?.close();
    else ownRtcp = opened;
  }

  return {
    rtpPort: rtp.port,
    get rtcpPort() {
      return rtcp().port;
    },
    async change(stream) {
      // What was accepted before may still be on its way, or in the socket (RFC 3264 §8.3.2): types that got no other meaning keep theirs.
      types = new Map([...types, ...typesOf(stream)]);
      if (stream.srtp === undefined) srtp = null;
      else if (srtp === null) srtp = createSrtpReceiver(stream.srtp);
      else srtp.rekey(stream.srtp);
      const moved = stream.remote !== null && (stream.remote.address !== announced?.address || stream.remote.rtpPort !== announced.rtpPort);
      if (stream.remote !== null) announced = stream.remote;
      if (moved) {
        pinned = { address: stream.remote.address, port: null };
        reporter = null;
        takeAll(sources.end());
        sources.forget();
        takeAll([]);
      }
      if (muxed !== (stream.rtcpMux === true)) reporter = null; // where its reports come from changes too
      muxed = stream.rtcpMux === true;
      if (!muxed && ownRtcp === null) await openRtcpLate();
    },
    report() {
      if (reception === null || reportDueAt === 0 || now() < reportDueAt) return;
      reportDueAt = nextReport();
      const to = reporter ?? (announced !== null && announced.rtcpPort > 0 ? { address: announced.address, port: announced.rtcpPort } : null);
      if (to === null) return;
      const report = buildReceiverReport({ ssrc: reportSsrc, cname, blocks: [reception.statistics.report(now())] });
      const bytes = srtp === null ? report : srtp.protectRtcp(report);
      if (bytes !== null) rtcp().send(bytes, to.port, to.address);
    },
    get dropped() {
      return dropped + sources.strays;
    },
    refused,
    async close() {
      closed = true;
      await Promise.all([rtp.close(), ownRtcp?.close()]);
      takeAll(sources.end());
    },
  };
}

const unreadable: Accepted = { entry: noSound, clockRateHz: null, minPayloadBytes: 0, maxPayloadBytes: Infinity };

function typesOf({ payloads, keyPresses = [], comfortNoise: noise = [] }: StreamOffer): Map<number, Accepted> {
  const types = new Map<number, Accepted>([staticNoiseType, ...noise].map((number) => [number, { entry: comfortNoise, clockRateHz: null, ...noiseBytes }]));
  for (const { number, clockRateHz } of keyPresses) types.set(number, { entry: keyPressEntry, clockRateHz, ...pressBytes });
  for (const { number, codec } of payloads) {
    const { id, clockRateHz, maxPayloadBytes } = codecByName(codec);
    types.set(number, { entry: id, clockRateHz, minPayloadBytes: 1, maxPayloadBytes });
  }
  return types;
}

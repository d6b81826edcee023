/**
 * The wire end of one stream: a pair of UDP ports, the sender they are pinned to, receiver reports. Every byte that comes in
 * here is anybody's: only packets from the pinned source, with a payload type of the offer and a believable length, go on; of
 * a protected stream only those that authenticate, which is found out before they may move the pin or mean anything.
 */
import { randomBytes } from "node:crypto";
import { buildReceiverReport, createReception, createRtpFields, createSrtpReceiver, isRtcp, parseRtcp, readRtp, type Reception, type RtpFields } from "@earwitness/media";
import type { MediaAddress, StreamOffer } from "./call.ts";
import { codecByName, keyPressEntry, noSound } from "./codecs.ts";
import { createRefusals, type Refusals } from "./refusals.ts";
import type { OpenUdpSocket, UdpSocket } from "./udp.ts";

export interface Receiver {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  change(stream: StreamOffer): void;
  /** Sends a receiver report if anything came and one is due. */
  report(): void;
  /** Packets that were not the stream's: other source, malformed, unknown payload type, absurd length. */
  readonly dropped: number;
  /** Of a protected stream: packets that did not authenticate, or came again. */
  readonly refused: Refusals;
  close(): Promise<void>;
}

/** `fields` is used again for the next packet. */
export type PacketListener = (fields: RtpFields, codec: number, payload: Buffer, arrivalMs: number, clockRateHz: number) => void;

/** RFC 3550, 6.2: five seconds, drawn between half and one and a half, so that reports of many calls do not come at once. */
const reportMs = 5_000;
/** A pinned sender that has been silent for so long may go on from another port of the same host (it restarted, or its NAT forgot it). */
const repinMs = 2_000;

const nothing = Buffer.alloc(0);
/** Four bytes an event; some send several in one packet (RFC 4733 §2.5.1.5), of which the first counts. */
const maxPressBytes = 64;

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
  let codecs = codecsOf(options.stream);
  let presses = pressesOf(options.stream);
  /** Comfort noise counts like the speech around it. */
  let clockOfSpeech = 8_000;
  let announced: MediaAddress | null = options.stream.remote;
  /** The source that speaks for the stream. Its port is latched by the first packet: senders behind NAT cannot know theirs. */
  let pinned: { address: string; port: number | null } | null = announced === null ? null : { address: announced.address, port: null };
  let lastPacketAt = -Infinity;
  let reporter: { address: string; port: number } | null = null;
  let reception: { ssrc: number; statistics: Reception } | null = null;
  let reportDueAt = 0;
  let dropped = 0;
  let srtp = options.stream.srtp === undefined ? null : createSrtpReceiver(options.stream.srtp);
  const refused = createRefusals();

  function mayBePinned(address: string, port: number, arrivalMs: number): boolean {
    return pinned === null || (pinned.address === address && (pinned.port === null || pinned.port === port || arrivalMs - lastPacketAt > repinMs));
  }

  function isPinned(address: string, port: number, arrivalMs: number): boolean {
    if (!mayBePinned(address, port, arrivalMs)) return false;
    if (pinned === null) pinned = { address, port };
    else pinned.port = port;
    return true;
  }

  /** The RTP packet in the clear, or null when it was counted as refused. */
  function unprotect(bytes: Buffer, address: string, port: number, arrivalMs: number): Buffer | null {
    if (srtp === null) return bytes;
    // A copy of a good packet that comes from elsewhere must not make a replay of the good one.
    if (!mayBePinned(address, port, arrivalMs)) {
      dropped += 1;
      return null;
    }
    const verdict = srtp.unprotect(bytes);
    if (verdict.ok) return bytes.subarray(0, verdict.length);
    refused.add(verdict.why === "replay" ? null : arrivalMs);
    return null;
  }

  function onRtp(arrived: Buffer, address: string, port: number, waitedMs = 0): void {
    if (isRtcp(arrived)) return onRtcp(arrived, address, port, waitedMs); // some senders put both on one port (RFC 5761)
    const arrivalMs = now() - waitedMs;
    const bytes = unprotect(arrived, address, port, arrivalMs);
    if (bytes === null) return;
    if (!readRtp(bytes, 0, bytes.length, fields)) {
      dropped += 1;
      return;
    }
    const codec = codecs.get(fields.payloadType);
    // Looked at before pinning: a stray packet of another protocol must not become the stream's source.
    if (codec === undefined || fields.payloadLength === 0 || fields.payloadLength > codec.maxPayloadBytes) {
      // A key press (RFC 4733) or comfort noise (RFC 3389) among the speech takes a sequence number, which is then not lost.
      if (pinned?.address !== address || pinned.port !== port || reception?.ssrc !== fields.ssrc) dropped += 1;
      else {
        const clockRateHz = presses.get(fields.payloadType);
        const isPress = clockRateHz !== undefined && fields.payloadLength >= 4 && fields.payloadLength <= maxPressBytes;
        lastPacketAt = arrivalMs; // who sends these is there
        options.onPacket(fields, isPress ? keyPressEntry : noSound, isPress ? keep(bytes) : nothing, arrivalMs, clockRateHz ?? clockOfSpeech);
      }
      return;
    }
    if (!isPinned(address, port, arrivalMs)) {
      dropped += 1;
      return;
    }
    lastPacketAt = arrivalMs;
    if (reception?.ssrc !== fields.ssrc) {
      reception = { ssrc: fields.ssrc, statistics: createReception({ ssrc: fields.ssrc, clockRateHz: codec.clockRateHz }) };
      reportDueAt ||= nextReport();
    }
    reception.statistics.receive(fields.sequence, fields.timestamp, lastPacketAt);
    clockOfSpeech = codec.clockRateHz;
    options.onPacket(fields, codec.id, keep(bytes), lastPacketAt, codec.clockRateHz);
  }

  /** The packet is only lent (udp.ts), the payload is kept: here and nowhere sooner, so that a flood of foreign packets is not copied. */
  function keep(bytes: Buffer): Buffer {
    const payload = Buffer.allocUnsafe(fields.payloadLength);
    bytes.copy(payload, 0, fields.payloadOffset, fields.payloadOffset + fields.payloadLength);
    return payload;
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
  let rtcp: UdpSocket;
  try {
    // One port for both where the client offers it (RFC 5761).
    rtcp = options.stream.rtcpMux === true ? rtp : await options.open(options.bindAddress, options.rtpPort === 0 ? 0 : options.rtpPort + 1, onRtcp);
  } catch (error) {
    await rtp.close();
    throw error;
  }

  return {
    rtpPort: rtp.port,
    rtcpPort: rtcp.port,
    change(stream) {
      codecs = codecsOf(stream);
      presses = pressesOf(stream);
      if (stream.srtp === undefined) srtp = null;
      else if (srtp === null) srtp = createSrtpReceiver(stream.srtp);
      else srtp.rekey(stream.srtp);
      const moved = stream.remote !== null && (stream.remote.address !== announced?.address || stream.remote.rtpPort !== announced.rtpPort);
      if (stream.remote !== null) announced = stream.remote;
      if (!moved) return;
      pinned = { address: stream.remote.address, port: null };
      reporter = null;
    },
    report() {
      if (reception === null || reportDueAt === 0 || now() < reportDueAt) return;
      reportDueAt = nextReport();
      const to = reporter ?? (announced !== null && announced.rtcpPort > 0 ? { address: announced.address, port: announced.rtcpPort } : null);
      if (to === null) return;
      const report = buildReceiverReport({ ssrc: reportSsrc, cname, blocks: [reception.statistics.report(now())] });
      const bytes = srtp === null ? report : srtp.protectRtcp(report);
      if (bytes !== null) rtcp.send(bytes, to.port, to.address);
    },
    get dropped() {
      return dropped;
    },
    refused,
    async close() {
      await Promise.all([rtp.close(), rtcp.close()]);
    },
  };
}

const pressesOf = (stream: StreamOffer) => new Map((stream.keyPresses ?? []).map(({ number, clockRateHz }) => [number, clockRateHz]));

function codecsOf(stream: StreamOffer) {
  return new Map(stream.payloads.map((payload) => [payload.number, codecByName(payload.codec)]));
}

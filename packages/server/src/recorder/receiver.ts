/**
 * The wire end of one stream: a pair of UDP ports, the sender they are pinned to, receiver reports. Every byte that comes in
 * here is anybody's: only packets from the pinned source, with a payload type of the offer and a believable length, go on.
 */
import { randomBytes } from "node:crypto";
import { buildReceiverReport, createReception, createRtpFields, isRtcp, parseRtcp, readRtp, type Reception, type RtpFields } from "@earwitness/media";
import type { MediaAddress, StreamOffer } from "./call.ts";
import { codecByName, noSound } from "./codecs.ts";
import type { OpenUdpSocket, UdpSocket } from "./udp.ts";

export interface Receiver {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  change(stream: StreamOffer): void;
  /** Sends a receiver report if anything came and one is due. */
  report(): void;
  /** Packets that were not the stream's: other source, malformed, unknown payload type, absurd length. */
  readonly dropped: number;
  close(): Promise<void>;
}

/** `fields` is used again for the next packet. */
export type PacketListener = (fields: RtpFields, codec: number, payload: Buffer, arrivalMs: number) => void;

/** RFC 3550, 6.2: five seconds, drawn between half and one and a half, so that reports of many calls do not come at once. */
const reportMs = 5_000;
/** A pinned sender that has been silent for so long may go on from another port of the same host (it restarted, or its NAT forgot it). */
const repinMs = 2_000;

const nothing = Buffer.alloc(0);

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
  let announced: MediaAddress | null = options.stream.remote;
  /** The source that speaks for the stream. Its port is latched by the first packet: senders behind NAT cannot know theirs. */
  let pinned: { address: string; port: number | null } | null = announced === null ? null : { address: announced.address, port: null };
  let lastPacketAt = -Infinity;
  let reporter: { address: string; port: number } | null = null;
  let reception: { ssrc: number; statistics: Reception } | null = null;
  let reportDueAt = 0;
  let dropped = 0;

  function isPinned(address: string, port: number, arrivalMs: number): boolean {
    if (pinned === null) pinned = { address, port };
    if (pinned.address !== address) return false;
    if (pinned.port === null || (pinned.port !== port && arrivalMs - lastPacketAt > repinMs)) pinned.port = port;
    return pinned.port === port;
  }

  function onRtp(bytes: Buffer, address: string, port: number, waitedMs = 0): void {
    if (isRtcp(bytes)) return onRtcp(bytes, address, port, waitedMs); // some senders put both on one port (RFC 5761)
    if (!readRtp(bytes, 0, bytes.length, fields)) {
      dropped += 1;
      return;
    }
    const arrivalMs = now() - waitedMs;
    const codec = codecs.get(fields.payloadType);
    // Looked at before pinning: a stray packet of another protocol must not become the stream's source.
    if (codec === undefined || fields.payloadLength === 0 || fields.payloadLength > codec.maxPayloadBytes) {
      // A key press (RFC 4733) or comfort noise (RFC 3389) among the speech takes a sequence number, which is then not lost.
      if (pinned?.address === address && pinned.port === port && reception?.ssrc === fields.ssrc) options.onPacket(fields, noSound, nothing, arrivalMs);
      else dropped += 1;
      return;
    }
    if (!isPinned(address, port, arrivalMs)) {
      dropped += 1;
      return;
    }
    lastPacketAt = arrivalMs;
    if (reception?.ssrc !== fields.ssrc) {
      reception = { ssrc: fields.ssrc, statistics: createReception({ ssrc: fields.ssrc, clockRateHz: codec.sampleRate }) };
      reportDueAt ||= nextReport();
    }
    reception.statistics.receive(fields.sequence, fields.timestamp, lastPacketAt);
    // The packet is only lent (udp.ts), the payload is kept: here and nowhere sooner, so that a flood of foreign packets is not copied.
    const payload = Buffer.allocUnsafe(fields.payloadLength);
    bytes.copy(payload, 0, fields.payloadOffset, fields.payloadOffset + fields.payloadLength);
    options.onPacket(fields, codec.id, payload, lastPacketAt);
  }

  function onRtcp(bytes: Buffer, address: string, port: number, waitedMs = 0): void {
    if (pinned !== null && pinned.address !== address) {
      dropped += 1;
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
    rtcp = await options.open(options.bindAddress, options.rtpPort === 0 ? 0 : options.rtpPort + 1, onRtcp);
  } catch (error) {
    await rtp.close();
    throw error;
  }

  return {
    rtpPort: rtp.port,
    rtcpPort: rtcp.port,
    change(stream) {
      codecs = codecsOf(stream);
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
      rtcp.send(buildReceiverReport({ ssrc: reportSsrc, cname, blocks: [reception.statistics.report(now())] }), to.port, to.address);
    },
    get dropped() {
      return dropped;
    },
    async close() {
      await Promise.all([rtp.close(), rtcp.close()]);
    },
  };
}

function codecsOf(stream: StreamOffer) {
  return new Map(stream.payloads.map((payload) => [payload.number, codecByName(payload.codec)]));
}

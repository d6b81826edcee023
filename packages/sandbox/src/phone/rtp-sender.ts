import { randomBytes, randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { buildRtp, G711_SILENCE, type G711Codec } from "@earwitness/media";
import { frameSamples } from "./audio.ts";
import { beatMs, type Pacer } from "./pacer.ts";

/** What happens to a packet on its way: most are sent; "late" ones go out after the packet that follows them. */
export type PacketFate = "send" | "lose" | "duplicate" | "late";

export interface RtpSender {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  readonly ssrc: number;
  /** Begins to send to the other side, or goes on at a new address. */
  start(remote: { address: string; rtpPort: number; rtcpPort: number }): Promise<void>;
  /** Stops sending (hold by SDP); time goes on, so that a later `start` leaves a hole and no shift. */
  pause(): void;
  /** Lays encoded audio at a frame counted from the first packet, or at the frame that comes next. What is there already is replaced from there on. */
  play(payload: Uint8Array, atFrame?: number): void;
  /** Frames since the first packet. */
  frame(): number;
  /** Packets handed to the network. */
  sent(): number;
  close(): Promise<void>;
}

const senderReportFrames = 5000 / beatMs;
/** Seconds between 1900 and 1970. */
const ntpOffsetSeconds = 2_208_988_800;

const payloadTypes: Readonly<Record<G711Codec, number>> = { PCMU: 0, PCMA: 8 };

export const payloadTypeOf = (codec: G711Codec): number => payloadTypes[codec];

export interface RtpSenderOptions {
  readonly localAddress: string;
  readonly codec: G711Codec;
  readonly pacer: Pacer;
  readonly cname: string;
  /** Decides over each packet by its number from 0. */
  readonly fate?: (packet: number) => PacketFate;
}

/** One stream: a pair of ports, a packet every 20 ms whether anyone speaks or not (as session border controllers send), a sender report every 5 s. */
export async function createRtpSender({ localAddress, codec, pacer, cname, fate }: RtpSenderOptions): Promise<RtpSender> {
  const [rtp, rtcp] = await bindPair(localAddress);
  for (const socket of [rtp, rtcp]) socket.on("error", () => undefined); // a port that is gone shows as ECONNREFUSED; the dialog will tell
  rtcp.on("message", () => undefined); // receiver reports are taken and not needed

  const ssrc = randomBytes(4).readUInt32BE();
  const firstSequence = randomInt(0x10000);
  const firstTimestamp = randomBytes(4).readUInt32BE();
  const silence = new Uint8Array(frameSamples).fill(G711_SILENCE[codec]);
  const payloadType = payloadTypes[codec];
  let clips: { from: number; payload: Uint8Array }[] = [];
  let frame = 0;
  let packets = 0;
  let sentPackets = 0;
  let sentOctets = 0;
  let started = false;
  let sending = false;
  let closed = false;
  let held: Uint8Array | null = null;
  let leaveBeat: (() => void) | null = null;

  function payloadAt(index: number): Uint8Array {
    while (clips[0] !== undefined && clips[0].from + Math.ceil(clips[0].payload.length / frameSamples) <= index) clips.shift();
    const clip = clips[0];
    if (clip === undefined || clip.from > index) return silence;
    const from = (index - clip.from) * frameSamples;
    const part = clip.payload.subarray(from, from + frameSamples);
    if (part.length === frameSamples) return part;
    const padded = silence.slice();
    padded.set(part);
    return padded;
  }

  const put = (bytes: Uint8Array): void => {
    rtp.send(bytes);
    sentPackets++;
    sentOctets += bytes.length - 12;
  };

  function beat(): void {
    const index = frame++;
    if (!sending) {
      payloadAt(index);
      return;
    }
    const bytes = buildRtp({
      payloadType,
      marker: packets === 0,
      sequence: (firstSequence + packets) & 0xffff,
      timestamp: (firstTimestamp + index * frameSamples) >>> 0,
      ssrc,
      payload: payloadAt(index),
    });
    const what = fate?.(packets) ?? "send";
    packets++;
    const late = held;
    held = null;
    if (what === "late") held = bytes;
    else if (what !== "lose") put(bytes);
    if (what === "duplicate") put(bytes);
    if (late !== null) put(late);
    if (index % senderReportFrames === senderReportFrames - 1) report();
  }

  function report(goodbye = false): void {
    const now = Date.now();
    const name = Buffer.from(cname);
    // SDES item, its terminating zero, then padding to a whole word.
    const descriptionBytes = Math.ceil((4 + 2 + name.length + 1) / 4) * 4;
    const bytes = Buffer.alloc(28 + 4 + descriptionBytes + (goodbye ? 8 : 0));
    bytes.writeUInt8(0x80, 0);
    bytes.writeUInt8(200, 1);
    bytes.writeUInt16BE(6, 2);
    bytes.writeUInt32BE(ssrc, 4);
    bytes.writeUInt32BE(Math.floor(now / 1000) + ntpOffsetSeconds, 8);
    bytes.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), 12);
    bytes.writeUInt32BE((firstTimestamp + frame * frameSamples) >>> 0, 16);
    bytes.writeUInt32BE(sentPackets >>> 0, 20);
    bytes.writeUInt32BE(sentOctets >>> 0, 24);
    bytes.writeUInt8(0x81, 28);
    bytes.writeUInt8(202, 29);
    bytes.writeUInt16BE(descriptionBytes / 4, 30);
    bytes.writeUInt32BE(ssrc, 32);
    bytes.writeUInt8(1, 36);
    bytes.writeUInt8(name.length, 37);
    name.copy(bytes, 38);
    if (goodbye) {
      const at = 32 + descriptionBytes;
      bytes.writeUInt8(0x81, at);
      bytes.writeUInt8(203, at + 1);
      bytes.writeUInt16BE(1, at + 2);
      bytes.writeUInt32BE(ssrc, at + 4);
    }
    rtcp.send(bytes);
  }

  return {
    rtpPort: rtp.address().port,
    rtcpPort: rtcp.address().port,
    ssrc,
    async start(remote) {
      if (closed) return;
      await Promise.all([aim(rtp, remote.address, remote.rtpPort), aim(rtcp, remote.address, remote.rtcpPort)]);
      if (closed) return;
      sending = true;
      if (!started) leaveBeat = pacer.add(beat);
      started = true;
    },
    pause() {
      sending = false;
    },
    play(payload, atFrame = frame) {
      clips = clips.filter((clip) => clip.from < atFrame);
      const cut = clips.at(-1);
      if (cut !== undefined) cut.payload = cut.payload.subarray(0, (atFrame - cut.from) * frameSamples);
      clips.push({ from: atFrame, payload });
    },
    frame: () => frame,
    sent: () => sentPackets,
    async close() {
      if (closed) return;
      closed = true;
      leaveBeat?.();
      if (started) report(true);
      await Promise.all([rtp, rtcp].map(async (socket) => await new Promise<void>((resolve) => socket.close(() => resolve()))));
    },
  };
}

/** A socket that knows its peer neither looks up an address for each packet nor hears strangers. */
async function aim(socket: Socket, address: string, port: number): Promise<void> {
  try {
    const now = socket.remoteAddress();
    if (now.address === address && now.port === port) return;
    socket.disconnect();
  } catch {
    // Not connected yet.
  }
  await new Promise<void>((resolve, reject) => {
    socket.connect(port, address, (...failed: unknown[]) => (failed[0] instanceof Error ? reject(failed[0]) : resolve()));
  });
}

/** RTP on an even port and RTCP on the next one (RFC 3550 11). */
async function bindPair(address: string): Promise<[Socket, Socket]> {
  const bind = async (port: number): Promise<Socket | null> => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    return await new Promise((resolve) => {
      socket.once("error", () => {
        socket.close();
        resolve(null);
      });
      socket.bind(port, address, () => {
        socket.removeAllListeners("error");
        resolve(socket);
      });
    });
  };
  for (let attempt = 0; attempt < 200; attempt++) {
    // Below the ports that systems hand out when asked for any, and below those that a recorder takes: nobody is in the way of anybody.
    const port = 10_000 + 2 * randomInt(5000);
    const rtp = await bind(port);
    if (rtp === null) continue;
    const rtcp = await bind(port + 1);
    if (rtcp !== null) return [rtp, rtcp];
    await new Promise<void>((resolve) => rtp.close(() => resolve()));
  }
  throw new Error(`no free pair of ports on ${address}`);
}

/**
 * Sends many RTP streams, evenly spread over each 20 ms; a process of its own. Cheap, so that two cores are enough for it and
 * for what it measures: sendmmsg through koffi, one header per stream, one table of payloads for all.
 */
import { createSocket } from "node:dgram";
import { buildRtp, encodeG711, type SrtpMasterKey } from "@earwitness/media";
import koffi from "koffi";
import { createSrtpSender } from "../packages/media/src/testing/srtp-sender.ts";
import { sentAt, type Turn } from "./sent-audio.ts";

export interface Load {
  /** Where each stream goes: RTP port, RTCP port. 0: nowhere yet. */
  readonly ports: readonly (readonly [rtp: number, rtcp: number])[];
  readonly seconds: number;
  /** Source port of all; rtpengine is told it in advance. 0: any. */
  readonly fromPort: number;
  readonly to: string;
  /** Protected with `loadKey`. */
  readonly srtp: boolean;
}

export type ToSender =
  | { readonly kind: "send"; readonly load: Load }
  /** The stream ends, and another takes its place in the row; to port 0, none. */
  | { readonly kind: "move"; readonly stream: number; readonly ports: readonly [rtp: number, rtcp: number] }
  /** Ends all, and says what had been sent at that moment. */
  | { readonly kind: "stop"; readonly atMs: number };

export type SenderSays = { readonly kind: "sending" } | ({ readonly kind: "sent" } & Sent);

export interface Sent {
  readonly packets: number;
  /** Of each stream, as last moved, by the moment asked for. */
  readonly byStream: readonly number[];
  /** How late the latest packet was. */
  readonly latestMs: number;
  readonly cpuMs: number;
}

/** Nothing else on the machine sends here: what is heard beyond what was sent would be a defect. */
export const loadedAddress = "127.0.0.99";
export const loadSuite = "AES_CM_128_HMAC_SHA1_80";
export const loadKey: SrtpMasterKey = { key: new Uint8Array(16).fill(7), salt: new Uint8Array(14).fill(9), mki: null };

const ownAddress = 0x7f00_0001;
const packetMs = 20;
const payloadBytes = 160;
const packetBytes = 12 + payloadBytes;
const protectedBytes = packetBytes + 10;
/** Protected packets are made beforehand, and streams share them: so many that the streams do not all speak at once. */
const protectedKinds = 16;
const reportEveryMs = 5_000;
const maxBatch = 512;
/** Of one stream beside another, in packets. */
const stagger = 37;
/** Enough to say what had been sent some seconds ago. */
const turnsKept = 20_000;

/** Ten seconds in which speech-like sound and pauses take turns: what a speech detector has to look at. The same each time. */
export function loadPayloads(): Buffer {
  const samples = 10 * 8000;
  const pcm = new Int16Array(samples);
  let noise = 1;
  for (let at = 0; at < samples; at += 1) {
    noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0;
    const talking = Math.sin((2 * Math.PI * at) / 8000 / 2.3) > -0.1;
    const syllable = Math.max(0, Math.sin((2 * Math.PI * at * 4) / 8000));
    const voice = Math.sin((2 * Math.PI * 140 * at) / 8000) + 0.5 * Math.sin((2 * Math.PI * 700 * at) / 8000) + 0.2 * Math.sin((2 * Math.PI * 2100 * at) / 8000);
    pcm[at] = Math.round((talking ? 6_000 * syllable * voice : 0) + (noise / 2 ** 32) * 40 - 20);
  }
  return Buffer.from(encodeG711("PCMU", pcm));
}

/** The payload that a stream's packet carries. */
export function loadPayload(table: Buffer, stream: number, index: number): Buffer {
  const at = ((index + stream * stagger) % (table.length / payloadBytes)) * payloadBytes;
  return table.subarray(at, at + payloadBytes);
}

const libc = koffi.load(null);
const socket = libc.func("int socket(int, int, int)");
const bind = libc.func("int bind(int, void *, uint32_t)");
const sendmmsg = libc.func("int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)");
const sendto = libc.func("int64_t sendto(int, void *, size_t, int, uintptr_t, uint32_t)");

function sockaddr(address: number, port: number, into: Buffer, at: number): void {
  into.writeUInt16LE(2, at);
  into.writeUInt16BE(port, at + 2);
  into.writeUInt32BE(address, at + 4);
}

/** Each kind's packets one after the other; a stream takes them from its kind's, so its receiver does the work of any other. */
function protectedTable(payloads: Buffer, packets: number): Buffer {
  const sender = createSrtpSender(loadSuite, loadKey);
  const table = Buffer.allocUnsafeSlow(protectedKinds * packets * protectedBytes);
  for (let kind = 0; kind < protectedKinds; kind += 1) {
    for (let index = 0; index < packets; index += 1) {
      const packet = buildRtp({ payloadType: 0, sequence: index & 0xffff, timestamp: (index * payloadBytes) >>> 0, ssrc: ssrcOf(kind), marker: index === 0, payload: loadPayload(payloads, kind, index) });
      sender.protect(packet, index >>> 16).copy(table, (kind * packets + index) * protectedBytes);
    }
  }
  return table;
}

const ssrcOf = (stream: number): number => 0x1000_0000 + stream;

interface Sender {
  move(stream: number, ports: readonly [number, number]): void;
  stop(atMs: number): void;
  readonly done: Promise<Sent>;
}

function startSender(load: Load): Sender {
  const address = Buffer.from(load.to.split(".").map(Number)).readUInt32BE(0);
  const streams = load.ports.length;
  const batch = Math.min(maxBatch, streams);
  const fd: number = socket(2, 2, 0);
  const own = Buffer.alloc(16);
  sockaddr(ownAddress, load.fromPort, own, 0);
  if (fd < 0 || bind(fd, own, 16) !== 0) throw new Error(`no socket to send from: errno ${koffi.errno()}`);

  // All that the kernel is given by address, in one piece that stays.
  const payloads = loadPayloads();
  const protectedPackets = load.seconds * 50 + 1;
  const table = load.srtp ? protectedTable(payloads, protectedPackets) : payloads;
  const [namesAt, reportsTo, headersAt, messagesAt] = [0, streams * 16, streams * 32, streams * 48];
  const vectorsAt = messagesAt + batch * 64;
  const tableAt = vectorsAt + batch * 32;
  const memory = Buffer.allocUnsafeSlow(tableAt + table.length).fill(0, 0, tableAt);
  table.copy(memory, tableAt);
  const base = Number(koffi.address(memory));
  const pointer = (at: number, target: number): void => {
    memory.writeUInt32LE((base + target) % 2 ** 32, at);
    memory.writeUInt32LE(Math.floor((base + target) / 2 ** 32), at + 4);
  };
  /** Where in the row each stream began: its own count of packets starts there. */
  const began = new Float64Array(streams);
  const silent = new Uint8Array(streams);
  let moves = 0;
  function aim(stream: number, [rtp, rtcp]: readonly [number, number]): void {
    silent[stream] = rtp === 0 ? 1 : 0;
    sockaddr(address, rtp, memory, namesAt + stream * 16);
    sockaddr(address, rtcp, memory, reportsTo + stream * 16);
  }
  load.ports.forEach((ports, stream) => {
    aim(stream, ports);
    memory.writeUInt8(0x80, headersAt + stream * 16);
    memory.writeUInt32BE(ssrcOf(stream), headersAt + stream * 16 + 8);
  });
  for (let i = 0; i < batch; i += 1) {
    const [message, vector] = [messagesAt + i * 64, vectorsAt + i * 32];
    memory.writeUInt32LE(16, message + 8);
    pointer(message + 16, vector);
    memory.writeUInt32LE(load.srtp ? 1 : 2, message + 24);
    memory.writeUInt32LE(load.srtp ? protectedBytes : 12, vector + 8);
    memory.writeUInt32LE(payloadBytes, vector + 24);
  }
  const payloadsInTable = payloads.length / payloadBytes;

  const total = streams * 50 * load.seconds;
  const perMs = streams / packetMs;
  const report = Buffer.alloc(28);
  report.writeUInt32BE(0x80c8_0006, 0);
  const rtcp = load.srtp ? createSrtpSender(loadSuite, loadKey) : null;
  const startedAt = performance.now();
  /** Of the row: silent streams have their places, too. */
  let sent = 0;
  let packets = 0;
  let reported = 0;
  let latestMs = 0;
  /** Wall time. */
  let stop: { readonly atMs: number } | null = null;
  const turns: Turn[] = [];

  /** Puts a stream's next packet into the batch. */
  function fill(place: number, stream: number, index: number): void {
    pointer(messagesAt + place * 64, namesAt + stream * 16);
    const vector = vectorsAt + place * 32;
    if (load.srtp) return pointer(vector, tableAt + ((stream % protectedKinds) * protectedPackets + index) * protectedBytes);
    const header = headersAt + stream * 16;
    memory[header + 1] = index === 0 ? 0x80 : 0;
    memory.writeUInt16BE(index & 0xffff, header + 2);
    memory.writeUInt32BE((index * payloadBytes) >>> 0, header + 4);
    pointer(vector, header);
    pointer(vector + 16, tableAt + ((index + stream * stagger) % payloadsInTable) * payloadBytes);
  }

  function sendReport(stream: number): void {
    if (silent[stream] === 1) return;
    const ms = Date.now();
    report.writeUInt32BE(load.srtp ? ssrcOf(stream % protectedKinds) : memory.readUInt32BE(headersAt + stream * 16 + 8), 4);
    report.writeUInt32BE((Math.floor(ms / 1000) + 2_208_988_800) >>> 0, 8);
    report.writeUInt32BE(Math.floor((ms % 1000) * 4_294_967.296), 12);
    report.writeUInt32BE(Math.floor(sent / streams), 20);
    const bytes = rtcp === null ? report : rtcp.protectRtcp(report, reported + 1);
    sendto(fd, bytes, bytes.length, 0, base + reportsTo + stream * 16, 16);
  }

  async function run(): Promise<Sent> {
    for (const stopped = () => stop !== null; sent < total && !stopped(); ) {
      const elapsed = performance.now() - startedAt;
      const due = Math.min(total, Math.floor(elapsed * perMs) + 1);
      if (due > sent) {
        latestMs = Math.max(latestMs, elapsed - sent / perMs);
        turns.push({ atMs: Date.now(), sent });
        if (turns.length > turnsKept) turns.splice(0, turnsKept / 2);
      }
      while (sent < due) {
        const count = Math.min(batch, due - sent);
        let filled = 0;
        for (let i = 0; i < count; i += 1) {
          const stream = (sent + i) % streams;
          if (silent[stream] === 1) continue;
          fill(filled, stream, Math.floor((sent + i) / streams) - began[stream]!);
          filled += 1;
        }
        for (let done = 0; done < filled; ) {
          const took: number = sendmmsg(fd, base + messagesAt + done * 64, filled - done, 0);
          if (took > 0) done += took;
          else if (koffi.errno() !== koffi.os.errno["EINTR"]) throw new Error(`sendmmsg: errno ${koffi.errno()}`);
        }
        sent += count;
        packets += filled;
      }
      for (const reportsDue = Math.floor((elapsed * streams) / reportEveryMs); reported < reportsDue; reported += 1) sendReport(reported % streams);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    turns.push({ atMs: Date.now(), sent });
    const { user, system } = process.cpuUsage();
    const atStop = sentAt(turns, stop?.atMs ?? Infinity);
    const byStream = Array.from(began, (from, stream) => (silent[stream] === 1 ? 0 : Math.max(0, Math.ceil((atStop - stream) / streams) - from)));
    return { packets, byStream, latestMs, cpuMs: (user + system) / 1000 };
  }

  return {
    move(stream, ports) {
      if (load.srtp) throw new Error("protected streams stay where they are"); // their packets are made beforehand
      moves += 1;
      aim(stream, ports);
      memory.writeUInt32BE(ssrcOf(streams + moves), headersAt + stream * 16 + 8);
      began[stream] = Math.ceil((sent - stream) / streams);
    },
    stop(atMs) {
      stop = { atMs };
    },
    done: run(),
  };
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const probe = createSocket("udp4");
  await new Promise<void>((resolve) => probe.bind(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

export const sentBytes = packetBytes;

if (import.meta.main) {
  let sender: Sender | null = null;
  const say = (says: SenderSays, then?: () => void): void => void process.send?.(says, undefined, undefined, then);
  process.on("message", (told: ToSender) => {
    if (told.kind === "move") return sender?.move(told.stream, told.ports);
    if (told.kind === "stop") return sender?.stop(told.atMs);
    sender = startSender(told.load);
    say({ kind: "sending" });
    void sender.done.then((sent) => say({ kind: "sent", ...sent }, () => process.disconnect()));
  });
  process.on("disconnect", () => process.exit());
}

/**
 * Sends many RTP streams, evenly spread over each 20 ms, for so many seconds; a process of its own. Cheap, so that two cores
 * are enough for it and for what it measures: sendmmsg through koffi, one header per stream, one table of payloads for all.
 */
import { createSocket } from "node:dgram";
import { randomInt } from "node:crypto";
import { encodeG711 } from "@earwitness/media";
import koffi from "koffi";

export interface Load {
  /** Where each stream goes: RTP port, RTCP port. */
  readonly ports: readonly (readonly [rtp: number, rtcp: number])[];
  readonly seconds: number;
  /** Source port of all; rtpengine is told it in advance. 0: any. */
  readonly fromPort: number;
}

export interface Sent {
  readonly packets: number;
  /** How late the latest packet was. */
  readonly latestMs: number;
  readonly cpuMs: number;
}

/** Nothing else on the machine sends here: what is heard beyond what was sent would be a defect. */
export const loadedAddress = "127.0.0.99";
const ownAddress = 0x7f00_0001;
const packetMs = 20;
const payloadBytes = 160;
const packetBytes = 12 + payloadBytes;
const reportEveryMs = 5_000;
const maxBatch = 512;

/** Ten seconds in which speech-like sound and pauses take turns: what a speech detector has to look at. */
function payloads(): Buffer {
  const samples = 10 * 8000;
  const pcm = new Int16Array(samples);
  for (let at = 0; at < samples; at += 1) {
    const talking = Math.sin((2 * Math.PI * at) / 8000 / 2.3) > -0.1;
    const syllable = Math.max(0, Math.sin((2 * Math.PI * at * 4) / 8000));
    const voice = Math.sin((2 * Math.PI * 140 * at) / 8000) + 0.5 * Math.sin((2 * Math.PI * 700 * at) / 8000) + 0.2 * Math.sin((2 * Math.PI * 2100 * at) / 8000);
    pcm[at] = Math.round((talking ? 6_000 * syllable * voice : 0) + randomInt(-20, 21));
  }
  return Buffer.from(encodeG711("PCMU", pcm));
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

async function send(load: Load): Promise<Sent> {
  const loaded = Buffer.from(loadedAddress.split(".").map(Number)).readUInt32BE(0);
  const streams = load.ports.length;
  const batch = Math.min(maxBatch, streams);
  const fd: number = socket(2, 2, 0);
  const own = Buffer.alloc(16);
  sockaddr(ownAddress, load.fromPort, own, 0);
  if (fd < 0 || bind(fd, own, 16) !== 0) throw new Error(`no socket to send from: errno ${koffi.errno()}`);

  // All that the kernel is given by address, in one piece that stays.
  const table = payloads();
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
  load.ports.forEach(([rtp, rtcp], i) => {
    sockaddr(loaded, rtp, memory, namesAt + i * 16);
    sockaddr(loaded, rtcp, memory, reportsTo + i * 16);
    memory.writeUInt8(0x80, headersAt + i * 16);
    memory.writeUInt32BE(0x1000_0000 + i, headersAt + i * 16 + 8);
  });
  for (let i = 0; i < batch; i += 1) {
    const [message, vector] = [messagesAt + i * 64, vectorsAt + i * 32];
    memory.writeUInt32LE(16, message + 8);
    pointer(message + 16, vector);
    memory.writeUInt32LE(2, message + 24);
    memory.writeUInt32LE(12, vector + 8);
    memory.writeUInt32LE(payloadBytes, vector + 24);
  }
  const payloadsInTable = table.length / payloadBytes;

  const total = streams * 50 * load.seconds;
  const perMs = streams / packetMs;
  const report = Buffer.alloc(28);
  report.writeUInt32BE(0x80c8_0006, 0);
  const startedAt = performance.now();
  let sent = 0;
  let reported = 0;
  let latestMs = 0;

  while (sent < total) {
    const elapsed = performance.now() - startedAt;
    const due = Math.min(total, Math.floor(elapsed * perMs) + 1);
    if (due > sent) latestMs = Math.max(latestMs, elapsed - sent / perMs);
    while (sent < due) {
      const count = Math.min(batch, due - sent);
      for (let i = 0; i < count; i += 1) {
        const stream = (sent + i) % streams;
        const index = Math.floor((sent + i) / streams);
        const header = headersAt + stream * 16;
        memory[header + 1] = index === 0 ? 0x80 : 0;
        memory.writeUInt16BE(index & 0xffff, header + 2);
        memory.writeUInt32BE((index * payloadBytes) >>> 0, header + 4);
        pointer(messagesAt + i * 64, namesAt + stream * 16);
        pointer(vectorsAt + i * 32, header);
        pointer(vectorsAt + i * 32 + 16, tableAt + ((index + stream * 37) % payloadsInTable) * payloadBytes);
      }
      for (let done = 0; done < count; ) {
        const took: number = sendmmsg(fd, base + messagesAt + done * 64, count - done, 0);
        if (took > 0) done += took;
        else if (koffi.errno() !== koffi.os.errno["EINTR"]) throw new Error(`sendmmsg: errno ${koffi.errno()}`);
      }
      sent += count;
    }
    for (const reportsDue = Math.floor((elapsed * streams) / reportEveryMs); reported < reportsDue; reported += 1) {
      const stream = reported % streams;
      const ms = Date.now();
      report.writeUInt32BE(0x1000_0000 + stream, 4);
      report.writeUInt32BE((Math.floor(ms / 1000) + 2_208_988_800) >>> 0, 8);
      report.writeUInt32BE(Math.floor((ms % 1000) * 4_294_967.296), 12);
      report.writeUInt32BE(Math.floor(sent / streams), 20);
      sendto(fd, report, 28, 0, base + reportsTo + stream * 16, 16);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { user, system } = process.cpuUsage();
  return { packets: sent, latestMs, cpuMs: (user + system) / 1000 };
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
  process.once("message", (load: Load) => {
    void send(load).then((sent) => process.send?.(sent, undefined, undefined, () => process.disconnect()));
  });
}

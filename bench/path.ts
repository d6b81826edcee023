/**
 * What the recording path costs apart from the network and the disk: the same packets go through receiver, live recording,
 * journal and pieces of many calls as fast as they will, on a clock that the packets move. Quieter than `recorder` on a machine
 * that has other things to do, so this is where a change to the path is weighed. Processor time of all threads: V8's, that
 * collect garbage beside the path, are part of the price.
 *
 * `--burst`: so many packets of a stream come one after the other, as they do when sockets are looked at less often.
 *
 *   npm run bench path -- [--calls 500] [--seconds 30] [--rounds 3] [--burst 5]
 */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildRtp, encodeG711 } from "@earwitness/media";
import { mintId } from "../packages/server/src/ids/index.ts";
import { createJournal } from "../packages/server/src/recorder/journal.ts";
import { createLiveRecording, type LiveRecording } from "../packages/server/src/recorder/live-recording.ts";
import { openReceiver } from "../packages/server/src/recorder/receiver.ts";
import type { UdpListener } from "../packages/server/src/recorder/udp.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "500" }, seconds: { type: "string", default: "30" }, rounds: { type: "string", default: "3" }, burst: { type: "string", default: "5" } } });
const [calls, seconds, rounds, burst] = [Number(values.calls), Number(values.seconds), Number(values.rounds), Number(values.burst)];
const pieceMs = 8_000;
const beatMs = 200;
const warmSeconds = 8;

const voice = Int16Array.from({ length: 160 }, (_, at) => Math.round(6_000 * Math.sin(at / 9)));
const hiss = Int16Array.from({ length: 160 }, (_, at) => (at * 7919) % 40);
const payloads = [encodeG711("PCMU", voice), encodeG711("PCMU", hiss)] as const;

async function once(): Promise<{ cpuMs: number; heapMb: number }> {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-bench-")); // empty directories are all that comes here
  let clock = 0;
  const journal = createJournal({
    dir,
    owner: "bench-1",
    segmentBytes: Infinity,
    openFile: async () => ({ writev: async (parts) => ({ bytesWritten: parts.reduce((sum, part) => sum + part.length, 0) }), datasync: async () => undefined, close: async () => undefined }),
  });
  const listeners: UdpListener[] = [];
  const recordings: LiveRecording[] = [];
  for (let call = 0; call < calls; call += 1) {
    const recordingId = mintId(new Date());
    const recording = createLiveRecording({
      recording: { recordingId, tenantId: randomUUID(), startedAtMs: Date.now(), key: { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: randomBytes(32) } },
      journal,
      piecesDir: dir,
      pieceMs,
      now: () => clock,
      onPiece: () => undefined,
      openReceiver: (stream, onPacket) =>
        openReceiver({
          bindAddress: "127.0.0.1",
          rtpPort: 0,
          stream,
          onPacket,
          now: () => clock,
          open: async (_address, _port, listener) => {
            listeners.push(listener);
            return { port: 1, send: () => undefined, close: async () => undefined };
          },
        }),
      writeFile: async () => undefined,
    });
    for (const track of [1, 2]) await recording.addTrack(track, { label: `${track}`, payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true }, 0);
    recordings.push(recording);
  }
  const rtp = listeners.filter((_, i) => i % 2 === 0); // the others are RTCP's
  let from: NodeJS.CpuUsage | null = null;
  for (let index = 0; index < (warmSeconds + seconds) * 50; index += burst) {
    if (index >= warmSeconds * 50 && from === null) from = process.cpuUsage();
    const packets = Array.from({ length: burst }, (_, i) => Buffer.from(buildRtp({ payloadType: 0, sequence: (index + i) & 0xffff, timestamp: (index + i) * 160, ssrc: 7, payload: payloads[Math.floor((index + i) / 120) % 2]! })));
    for (let i = 0; i < rtp.length; i += 1) {
      for (let j = 0; j < burst; j += 1) {
        clock = (index + j) * 20 + (20 * i) / rtp.length;
        rtp[i]!(packets[j]!, "127.0.0.1", 5_000);
      }
    }
    if (Math.floor(((index + burst) * 20) / beatMs) === Math.floor((index * 20) / beatMs)) continue;
    for (const recording of recordings) {
      recording.beat(true);
      if (recording.piecesDue) await recording.writePieces();
      recording.activity();
    }
    await journal.commit();
  }
  const { user, system } = process.cpuUsage(from ?? undefined);
  const heapMb = process.memoryUsage().rss / 2 ** 20;
  for (const recording of recordings) await recording.close();
  await journal.close();
  await rm(dir, { recursive: true, force: true });
  return { cpuMs: (user + system) / 1000, heapMb };
}

const costs: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const { cpuMs, heapMb } = await once();
  costs.push(cpuMs / (2 * calls * seconds));
  console.log(`${costs.at(-1)!.toFixed(4)} ms per stream-second (${((costs.at(-1)! / 50) * 1000).toFixed(2)} us a packet), ${heapMb.toFixed(0)} MB resident`);
}
console.log(`${calls} calls, ${seconds} s of media: least ${Math.min(...costs).toFixed(4)} ms per stream-second`);

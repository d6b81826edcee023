/** The real media pool in a process of its own, as a call's control drives it; told what to do over the channel to its parent. */
// As in the server, where the main thread holds it too: a native library is unloaded with the last thread that loaded it, and this one does not outlive that.
import "@evan/opus";
import { randomBytes, randomUUID } from "node:crypto";
import { BroadcastChannel } from "node:worker_threads";
import { mintId } from "../packages/server/src/ids/index.ts";
import { createLog } from "../packages/server/src/log/index.ts";
import { createMediaPool } from "../packages/server/src/recorder/media-pool.ts";
import type { UdpBackEnd } from "../packages/server/src/recorder/udp-choice.ts";
import { loadedAddress, loadKey, loadSuite } from "./rtp-load.ts";
import { channelName, type Probed } from "./thread-probe.ts";

export type ToRecording =
  | { readonly kind: "open"; readonly calls: number; readonly spoolDir: string; readonly udp: UdpBackEnd; readonly srtp: boolean; readonly pieceMs: number }
  | { readonly kind: "probe" }
  | { readonly kind: "finish" };

export interface Finished {
  readonly packets: number;
  readonly packetsLost: number;
  readonly packetsDropped: number;
  readonly pieces: number;
  readonly storedBytes: number;
  /** Of all calls, ended at once. */
  readonly finishMs: number;
}

/** What the threads measured since they were asked before, and the packets received so far. */
export interface Looked {
  readonly probed: Probed;
  readonly packets: number;
}

let pool: Awaited<ReturnType<typeof createMediaPool>>;
let recordingIds: string[] = [];
let startedAtMs = 0;

async function open(command: Extract<ToRecording, { kind: "open" }>): Promise<(readonly [number, number])[]> {
  pool = await createMediaPool({ workers: 1, bindAddress: loadedAddress, rtpPorts: [0, 0], spoolDir: command.spoolDir, log: createLog("warn"), udp: command.udp, pieceMs: command.pieceMs });
  const tenantId = randomUUID();
  startedAtMs = Date.now();
  recordingIds = Array.from({ length: command.calls }, () => mintId(new Date(startedAtMs)));
  const srtp = command.srtp ? { srtp: { suite: loadSuite, theirs: [loadKey], ours: loadKey, clearRtcp: false } as const } : {};
  const payloads = [{ number: 0, codec: "PCMU", clockRateHz: 8000 }] as const;
  const ports: (readonly [number, number])[] = [];
  for (const recordingId of recordingIds) {
    await pool.open({ recordingId, tenantId, startedAtMs, key: { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: randomBytes(32) } });
    for (const track of [1, 2]) {
      const { rtpPort, rtcpPort } = await pool.addTrack(recordingId, track, { label: `${track}`, payloads, remote: null, sending: true, ...srtp }, Date.now() - startedAtMs);
      ports.push([rtpPort, rtcpPort]);
    }
  }
  return ports;
}

async function finish(): Promise<Finished> {
  const from = performance.now();
  const summaries = await Promise.all(recordingIds.map((recordingId) => pool.finish(recordingId, Date.now() - startedAtMs)));
  const finishMs = performance.now() - from;
  const { packets, packetsLost, packetsDropped } = pool.stats();
  // What is in the sealed pieces, not what was counted on the way.
  const kept = summaries.reduce((sum, summary) => sum + summary.tracks.reduce((of, track) => of + track.packets, 0), 0);
  if (kept > packets) throw new Error(`${kept} packets in pieces, ${packets} received`);
  const pieces = summaries.flatMap((summary) => summary.pieces);
  await pool.close();
  return { packets: kept, packetsLost, packetsDropped, pieces: pieces.length, storedBytes: pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0), finishMs };
}

function probe(): Promise<Probed> {
  const answers = new BroadcastChannel(`${channelName}-answer`);
  return new Promise((resolve) => {
    answers.onmessage = (event) => {
      answers.close();
      resolve((event as { data: Probed }).data);
    };
    const channel = new BroadcastChannel(channelName);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    channel.postMessage("take");
    setTimeout(() => channel.close(), 100);
  });
}

process.on("message", (command: ToRecording) => {
  const answer = command.kind === "open" ? open(command) : command.kind === "probe" ? probe().then((probed): Looked => ({ probed, packets: pool.stats().packets })) : finish();
  answer.then(
    (value: unknown) => process.send?.(value),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit());

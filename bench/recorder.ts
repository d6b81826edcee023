/**
 * What it costs to record: processor time per stream-second from the socket to encrypted, synced disk, and every packet counted
 * from the sender to the sealed piece. Beside node:dgram, and beside rtpengine's pcap recording under the same load.
 *
 *   npm run bench recorder -- [--calls 500,1000,2000] [--seconds 20] [--rounds 3] [--only batch,dgram,rtpengine] [--srtp] [--profile DIR]
 *
 * `--srtp`: batch also with every packet protected (AES_CM_128_HMAC_SHA1_80). RTCP and speech activity are always on.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { UdpBackEnd } from "../packages/server/src/recorder/udp-choice.ts";
import { median } from "./figures.ts";
import { sendStreams } from "./load.ts";
import { processTime, residentMb } from "./process-time.ts";
import type { Finished, Looked, ToRecording } from "./recording-process.ts";
import { openResults } from "./results.ts";
import { freePort, type Load, type Sent } from "./rtp-load.ts";
import { hasRtpengine, startRtpengine } from "./rtpengine.ts";
import type { Probed } from "./thread-probe.ts";

type Way = UdpBackEnd | "batch, SRTP" | "rtpengine receive" | "rtpengine relay";

export interface Run {
  readonly way: Way;
  readonly calls: number;
  readonly seconds: number;
  /** For 50 packets that were received in the time measured: a process that falls behind does less, and is not cheaper for it. */
  readonly cpuMsPerStreamSecond: number;
  /** The machine had no time: sender or receiver fell behind by more than half a second. Counts for loss, not for cost. */
  readonly starved: boolean;
  /** With the calls open and nothing sent; taken off above. */
  readonly idleCpuMsPerSecond: number;
  readonly packetsSent: number;
  readonly packetsKept: number;
  readonly residentMb: number;
  readonly sender: Omit<Sent, "byStream">;
  readonly loadBefore: number;
  readonly probed?: Probed;
  readonly finished?: Finished;
  /** Processor time of ending all calls at once. */
  readonly finishCpuMs?: number;
}

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "500,1000,2000" },
    seconds: { type: "string", default: "20" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "batch,dgram,rtpengine" },
    srtp: { type: "boolean", default: false },
    profile: { type: "string" },
    into: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const callCounts = values.calls.split(",").map(Number);
const wanted = values.only.split(",");
if ([seconds, rounds, ...callCounts].some((number) => !Number.isInteger(number) || number < 1)) throw new Error("--calls, --seconds and --rounds are whole numbers from 1");

/** Code is compiled and buffers have grown; nothing of this is measured. */
const warmMs = 4_000;
const idleMs = 2_000;
/** Often enough that pieces are part of what is measured. */
const pieceMs = 8_000;
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The same window for every way: idle, warm, measured. */
async function measure(pid: number, load: Pick<Load, "ports" | "seconds"> & Partial<Load>, look?: () => Promise<Looked>): Promise<Pick<Run, "cpuMsPerStreamSecond" | "starved" | "idleCpuMsPerSecond" | "residentMb" | "sender" | "probed">> {
  const spent = async (ms: number): Promise<number> => {
    const [from, at] = [processTime(pid), performance.now()];
    await wait(ms);
    return ((processTime(pid) - from) * 1000) / (performance.now() - at);
  };
  await wait(500);
  const idle = await spent(idleMs);
  const { sent } = await sendStreams({ ...load, seconds: load.seconds + warmMs / 1000 });
  await wait(warmMs);
  const before = await look?.();
  const measuredMs = load.seconds * 1000 - 700; // the pool hears of its worker's packets once a second
  const busy = await spent(measuredMs);
  const after = await look?.();
  const resident = residentMb(pid);
  const { packets, latestMs, cpuMs } = await sent;
  await wait(500);
  const share = before === undefined || after === undefined ? 1 : (after.packets - before.packets) / (load.ports.length * 50 * (measuredMs / 1000));
  const behind = share < 0.85; // a second of the count's own unevenness is a tenth
  return { cpuMsPerStreamSecond: (busy - idle) / load.ports.length / (behind ? Math.max(share, 0.01) : 1), starved: behind || latestMs > 500, idleCpuMsPerSecond: idle, residentMb: resident, sender: { packets, latestMs, cpuMs }, ...(after && { probed: after.probed }) };
}

async function runRecorder(way: "batch" | "batch, SRTP" | "dgram", calls: number, dir: string): Promise<Run> {
  const [udp, srtp] = [way === "dgram" ? "dgram" : "batch", way === "batch, SRTP"] as const;
  const profile = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(resolve(values.profile), `${srtp ? "srtp" : udp}-${calls}`)}`];
  const child: ChildProcess = fork(join(import.meta.dirname, "recording-process.ts"), { execArgv: ["--disable-warning=ExperimentalWarning", "--import", join(import.meta.dirname, "thread-probe.ts"), ...profile] });
  const exited = once(child, "exit");
  const ask = async <T>(command: ToRecording): Promise<T> => {
    const answer = Promise.race([once(child, "message"), exited.then(() => Promise.reject(new Error("the recording process died")))]);
    child.send(command);
    return ((await answer) as [T])[0];
  };
  try {
    const loadBefore = loadavg()[0]!;
    const ports = await ask<(readonly [number, number])[]>({ kind: "open", calls, spoolDir: dir, udp, srtp, pieceMs });
    const measured = await measure(child.pid!, { ports, seconds, srtp }, () => ask<Looked>({ kind: "probe" }));
    const before = processTime(child.pid!);
    const finished = await ask<Finished>({ kind: "finish" });
    const finishCpuMs = processTime(child.pid!) - before;
    return { way, calls, seconds, ...measured, packetsSent: measured.sender.packets, packetsKept: finished.packets, loadBefore, finished, finishCpuMs };
  } finally {
    child.disconnect();
    await exited;
  }
}

async function runRtpengine(relay: boolean, calls: number, dir: string): Promise<Run> {
  const loadBefore = loadavg()[0]!;
  const fromPort = await freePort();
  const engine = await startRtpengine({ calls, dir, relay, fromPort });
  try {
    const measured = await measure(engine.pid, { ports: engine.ports, seconds, fromPort });
    return { way: relay ? "rtpengine relay" : "rtpengine receive", calls, seconds, ...measured, packetsSent: measured.sender.packets, packetsKept: await engine.kept(), loadBefore };
  } finally {
    await engine.close();
  }
}

const known: readonly Way[] = ["batch", ...(values.srtp ? (["batch, SRTP"] as const) : []), "dgram", "rtpengine receive", "rtpengine relay"];
const ways = known.filter((way) => wanted.some((one) => way.startsWith(one)));
const present = hasRtpengine() ? ways : ways.filter((way) => !way.startsWith("rtpengine"));
if (present.length < ways.length) console.log("rtpengine is not installed (Debian: rtpengine-daemon): measured without it.");

const results = openResults<Run>("recorder", { seconds, rounds, pieceMs, warmMs }, { into: values.into });
const { runs } = results;
for (const calls of callCounts) {
  for (let round = 0; round < rounds; round += 1) {
    for (const way of present) {
      const dir = await mkdtemp(join(tmpdir(), "earwitness-bench-"));
      try {
        const run = way === "rtpengine receive" || way === "rtpengine relay" ? await runRtpengine(way === "rtpengine relay", calls, dir) : await runRecorder(way, calls, dir);
        results.add(run);
        console.log(describe(run));
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    }
  }
}

function describe(run: Run): string {
  const lost = run.packetsSent - run.packetsKept;
  const lag = run.probed === undefined ? "" : `  journal ${run.probed.journalLagMs.p50.toFixed(0)}/${run.probed.journalLagMs.p99.toFixed(0)} ms  loop p99 ${run.probed.eventLoopDelayMs.p99.toFixed(0)} ms`;
  return `${run.way.padEnd(18)} ${String(run.calls).padStart(5)} calls  ${run.cpuMsPerStreamSecond.toFixed(3)} ms per stream-second  lost ${lost} of ${run.packetsSent}${lag}  ${run.residentMb.toFixed(0)} MB  (sender ${run.sender.latestMs.toFixed(0)} ms late at most)${run.starved ? "  starved: not counted for cost" : ""}`;
}

for (const calls of callCounts) {
  const costOf = (way: Way): number => median(runs.filter((run) => run.calls === calls && run.way === way && !run.starved).map((run) => run.cpuMsPerStreamSecond));
  console.log(`\n${calls} two-stream calls, ${seconds} s, median of ${rounds}`);
  for (const way of present) {
    const of = runs.filter((run) => run.calls === calls && run.way === way);
    const [sent, kept] = [of.reduce((sum, run) => sum + run.packetsSent, 0), of.reduce((sum, run) => sum + run.packetsKept, 0)];
    const cost = costOf(way);
    const figures = Number.isNaN(cost) ? "no run had the machine to itself enough to count" : `${cost.toFixed(3)} ms per stream-second  ×${(cost / costOf(present[0]!)).toFixed(2)}  ${Math.round(1000 / (2 * cost))} calls would fill a core`;
    console.log(`  ${way.padEnd(18)} ${figures}  lost ${(((sent - kept) / sent) * 100).toFixed(4)} %`);
  }
}

console.log(`\nThe raw runs: ${results.path}`);

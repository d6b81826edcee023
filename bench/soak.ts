/**
 * npm run bench soak: many calls for long, and some that come and go meanwhile. What the server holds (memory, files, ports) and how long
 * it takes to answer is looked at every few seconds; the slope of each says whether it grows, and its error how sure that is.
 *
 *   npm run bench soak -- [--minutes 30] [--calls 300] [--short 10] [--continue FILE]
 *
 * `--short`: so many of the calls last 20 s and are followed by others. `--continue`: the minutes of that file count, a new server runs
 * those that are still missing; what it holds has a level of its own, the slope is one. Loopback only; ends by itself.
 */
import { parseArgs } from "node:util";
import { pause, startPlatform, type Platform } from "../tests/platform.ts";
import { openFiles, udpSockets } from "../tests/slow/process-state.ts";
import { heldMib } from "../tests/slow/server-heap.ts";
import { median, quantile, slopeOf, table } from "./figures.ts";
import { sendStreams, startClient } from "./load.ts";
import { descendantsTime, processTime, residentMb } from "./process-time.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" }, calls: { type: "string", default: "300" }, short: { type: "string", default: "10" }, continue: { type: "string" } } });
const [minutes, calls, short] = [Number(values.minutes), Number(values.calls), Number(values.short)];
if (!(minutes > 0 && Number.isInteger(calls) && Number.isInteger(short) && short >= 0 && calls > short)) throw new Error("--minutes is a number, --calls and --short whole ones, and not all calls can be short");

const [fromPort, toPort] = [10_000, 19_999];
const serverFile = "packages/server/src/main.ts";
const shortCallMs = 20_000;
const sampleMs = 10_000;
/** A collection of all garbage holds the server up for a moment, so it is not done each time. */
const samplesPerCollection = 6;
/** Code is compiled, caches and buffers fill: what grows in the first minutes of a stretch is not the slope. */
const warmMinutes = 3;

interface Sample {
  readonly kind: "sample";
  readonly stretch: number;
  /** Of this stretch. */
  readonly minute: number;
  readonly residentMb: number;
  /** After a collection, main thread and workers. */
  readonly heldMb: number | null;
  readonly files: number;
  readonly ports: number;
  readonly cpuShare: number;
  readonly databaseCpuShare: number;
  /** Medians of what was asked since the last sample. */
  readonly inviteMs: number | null;
  readonly byeMs: number | null;
  readonly healthMs: number;
  /** Of the journal: how long its last sync took, how old the oldest frame not yet synced is. */
  readonly syncMs: number;
  readonly lagMs: number;
  readonly factsWaiting: number;
  readonly packetsLost: number;
}

interface End {
  readonly kind: "end";
  readonly stretch: number;
  readonly minutes: number;
  readonly callsPlaced: number;
  readonly callsRefused: number;
  readonly packetsSent: number;
  readonly packetsTaken: number;
  readonly packetsLost: number;
  readonly inviteMs: readonly [p50: number, p99: number];
  readonly byeMs: readonly [p50: number, p99: number];
  readonly senderLatestMs: number;
  /** A while after the last call. */
  readonly portsAfter: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
}

async function metricsOf(platform: Platform): Promise<(name: string) => number> {
  const text = await (await platform.fetch("/api/v1/metrics")).text();
  return (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

async function soak(stretch: number, forMs: number, keep: (run: Sample | End) => void): Promise<void> {
  const platform = await startPlatform({ EARWITNESS_LOG_LEVEL: "error", EARWITNESS_RTP_PORTS: `${fromPort}-${toPort}` });
  const client = startClient();
  const pid = platform.pid();
  const filesBefore = openFiles(pid);
  const order = { server: platform.sipPort, rtpPort: 40_000 };
  const all: { invites: number[]; byes: number[] } = { invites: [], byes: [] };
  let [callsPlaced, callsRefused] = [0, 0];
  try {
    const opened = await client.open({ ...order, calls: calls - short, perSecond: 50, name: "long" });
    callsPlaced += opened.calls.length;
    callsRefused += opened.refused;
    const nowhere = Array.from({ length: 2 * short }, () => [0, 0] as const);
    const sender = await sendStreams({ ports: [...opened.calls.flatMap(({ ports }) => ports), ...nowhere], seconds: 24 * 3_600, to: "127.0.0.1" });
    const began = performance.now();
    const longStreams = 2 * opened.calls.length;
    const places: (string | null)[] = Array.from({ length: short }, () => null);
    let recent: { invites: number[]; byes: number[] } = { invites: [], byes: [] };

    /** Ends the short call at this place, if there is one, and begins the next. */
    async function turnOver(place: number, count: number): Promise<void> {
      const streams = [longStreams + 2 * place, longStreams + 2 * place + 1];
      const id = places[place] ?? null;
      if (id !== null) {
        for (const stream of streams) sender.move(stream, [0, 0]);
        await pause(100);
        const { answerMs } = await client.end([id]);
        recent.byes.push(...answerMs);
        all.byes.push(...answerMs);
      }
      const next = await client.open({ ...order, calls: 1, perSecond: 100, name: `short-${stretch}-${count}` });
      const call = next.calls[0];
      places[place] = call?.id ?? null;
      callsRefused += next.refused;
      if (call === undefined) return;
      callsPlaced += 1;
      recent.invites.push(call.setupMs);
      all.invites.push(call.setupMs);
      for (const [at, stream] of streams.entries()) sender.move(stream, call.ports[at]!);
    }

    let [sampled, turned] = [0, 0];
    let busy = [processTime(pid), descendantsTime(pid), performance.now()] as const;
    async function sample(): Promise<void> {
      const asked = performance.now();
      await (await platform.fetch("/api/v1/health")).text();
      const healthMs = performance.now() - asked;
      const metric = await metricsOf(platform);
      const now = [processTime(pid), descendantsTime(pid), performance.now()] as const;
      const share = (at: 0 | 1): number => rounded((now[at] - busy[at]) / (now[2] - busy[2]));
      const run: Sample = {
        kind: "sample",
        stretch,
        minute: rounded((performance.now() - began) / 60_000, 2),
        residentMb: rounded(residentMb(pid), 1),
        heldMb: sampled % samplesPerCollection === 0 ? rounded(await heldMib(pid, serverFile), 2) : null,
        files: openFiles(pid),
        ports: udpSockets(fromPort, toPort).count,
        cpuShare: share(0),
        databaseCpuShare: share(1),
        inviteMs: recent.invites.length === 0 ? null : rounded(median(recent.invites), 1),
        byeMs: recent.byes.length === 0 ? null : rounded(median(recent.byes), 1),
        healthMs: rounded(healthMs, 1),
        syncMs: rounded(metric("earwitness_spool_sync_seconds") * 1000, 0),
        lagMs: rounded(metric("earwitness_spool_lag_seconds") * 1000, 0),
        factsWaiting: metric("earwitness_facts_waiting"),
        packetsLost: metric("earwitness_packets_lost_total"),
      };
      recent = { invites: [], byes: [] };
      busy = [processTime(pid), descendantsTime(pid), performance.now()];
      sampled += 1;
      keep(run);
      console.log(`minute ${run.minute.toFixed(1).padStart(5)}  ${run.residentMb.toFixed(0)} MB resident${run.heldMb === null ? "" : `, ${run.heldMb.toFixed(1)} MB held`}  ${run.files} files  ${run.ports} ports  INVITE ${run.inviteMs ?? "–"} ms  BYE ${run.byeMs ?? "–"} ms  sync ${run.syncMs} ms  CPU ${(100 * run.cpuShare).toFixed(0)} %  lost ${run.packetsLost}`);
    }

    const turnMs = short === 0 ? Infinity : shortCallMs / short;
    while (performance.now() - began < forMs) {
      const elapsed = performance.now() - began;
      if (elapsed >= turned * turnMs) await turnOver(turned % short, turned++);
      else if (elapsed >= sampled * sampleMs) await sample();
      else await pause(50);
    }

    const sent = await sender.stop(Date.now());
    const lasted = performance.now() - began;
    all.byes.push(...(await client.end()).answerMs);
    await pause(5_000);
    const metric = await metricsOf(platform);
    const of = (samples: readonly number[]): [number, number] => [rounded(quantile(samples, 0.5), 1), rounded(quantile(samples, 0.99), 1)];
    keep({ kind: "end", stretch, minutes: rounded(lasted / 60_000, 2), callsPlaced, callsRefused, packetsSent: sent.packets, packetsTaken: metric("earwitness_packets_total"), packetsLost: metric("earwitness_packets_lost_total"), inviteMs: of(all.invites), byeMs: of(all.byes), senderLatestMs: rounded(sent.latestMs, 0), portsAfter: udpSockets(fromPort, toPort).count, filesBefore, filesAfter: openFiles(pid) });
  } finally {
    client.close();
    await platform.close();
  }
}

const results = openResults<Sample | End>("soak", { minutes, calls, short, shortCallMs, sampleMs, warmMinutes }, { continued: values.continue });
const samplesOf = (stretch?: number): Sample[] => results.runs.filter((run): run is Sample => run.kind === "sample" && (stretch === undefined || run.stretch === stretch));
const stretches = new Set(samplesOf().map(({ stretch }) => stretch));
/** A stretch that was cut off lasted until its last sample. */
const doneMs = [...stretches].reduce((sum, stretch) => sum + (samplesOf(stretch).at(-1)?.minute ?? 0) * 60_000, 0);
if (doneMs < minutes * 60_000 - sampleMs) await soak(stretches.size, minutes * 60_000 - doneMs, (run) => results.add(run));

const settled = samplesOf().filter(({ minute }) => minute >= warmMinutes);
const figures: readonly (readonly [name: string, of: (sample: Sample) => number | null])[] = [
  ["memory held (MB)", ({ heldMb }) => heldMb],
  ["resident memory (MB)", (sample) => sample.residentMb],
  ["open files", ({ files }) => files],
  ["media ports", ({ ports }) => ports],
  ["INVITE answered (ms)", ({ inviteMs }) => inviteMs],
  ["BYE answered (ms)", ({ byeMs }) => byeMs],
  ["health answered (ms)", ({ healthMs }) => healthMs],
  ["journal synced (ms)", ({ syncMs }) => syncMs],
  ["CPU of the server (cores)", ({ cpuShare }) => cpuShare],
  ["CPU of the database (cores)", ({ databaseCpuShare }) => databaseCpuShare],
];
console.log(`\n${calls} two-stream calls for ${minutes} minutes; slopes from minute ${warmMinutes} on`);
table(
  ["", "median", "most", "slope an hour", "± standard error"],
  figures.map(([name, of]) => {
    const points = settled.flatMap((sample) => (of(sample) === null ? [] : [{ x: sample.minute / 60, y: of(sample)!, stretch: sample.stretch }]));
    const { perX, error } = slopeOf(points);
    const all = points.map(({ y }) => y);
    return [name, rounded(median(all), 2), rounded(quantile(all, 1), 2), rounded(perX, 2), rounded(error, 2)];
  }),
);
for (const run of results.runs) {
  if (run.kind === "end") console.log(`  ${run.minutes} minutes: ${run.callsPlaced} calls, ${run.callsRefused} refused; ${run.packetsSent} packets sent, ${run.packetsTaken} taken, ${run.packetsLost} lost; INVITE p50 ${run.inviteMs[0]} p99 ${run.inviteMs[1]} ms, BYE p50 ${run.byeMs[0]} p99 ${run.byeMs[1]} ms; afterwards ${run.portsAfter} ports, ${run.filesAfter} files (${run.filesBefore} before)`);
}
console.log(`\nThe raw runs: ${results.path}`);

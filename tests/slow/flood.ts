/**
 * npm run test:slow [-- --seconds 60 --calls 50 --sip 2000 --rtp 5000 --sources 200]: the whole platform records calls while strangers
 * flood it over loopback. Every sample of every recording is then compared with what was sent. Exit code 1 where anything is missing,
 * foreign, or late. Linux only: it reads /proc.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Interaction, InteractionDetail, InteractionPage } from "@earwitness/contract";
import { decodeG711 } from "@earwitness/media";
import { encodeAudio } from "../../packages/sandbox/src/phone/audio.ts";
import { provision, sbcAddress } from "../../packages/sandbox/src/provision.ts";
import { decode, toneStrength } from "../listen.ts";
import { pause, startPlatform } from "../platform.ts";
import type { Platform } from "../platform.ts";
import type { CallsTask, FloodCount, FromCalls, RtpFloodTask, SentStream, SipFloodTask } from "./messages.ts";
import { childRunning, cpuSeconds, openFiles, residentMib, udpSockets } from "./process-state.ts";
import { heldMib } from "./server-heap.ts";
import { foreignHz } from "./tones.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    calls: { type: "string", default: "50" },
    sip: { type: "string", default: "2000" },
    rtp: { type: "string", default: "5000" },
    sources: { type: "string", default: "200" },
  },
});
const [seconds, calls, sip, rtp, sources] = [whole("seconds", 5, 3_600), whole("calls", 1, 50), whole("sip", 0, 20_000), whole("rtp", 0, 50_000), whole("sources", 1, 1_000)];
const serverFile = "packages/server/src/main.ts";
/** What the issue demands. */
const byeP99Ms = 500;
/** What the database's rows, caches and the compiled code of paths not gone before may take; one call's audio is 2 MB a minute. */
const moreHeldMib = 48;

function whole(name: keyof typeof values, least: number, most: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  console.error(`--${name} takes a whole number from ${least} to ${most}`);
  process.exit(2);
}

const dir = await mkdtemp(join(tmpdir(), "earwitness-flood-"));
const children: ChildProcess[] = [];
const platforms: Platform[] = [];
try {
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  for (const child of children) child.kill();
  for (const each of platforms) await each.close();
  await rm(dir, { recursive: true, force: true });
}

function start(file: string, task: CallsTask | SipFloodTask | RtpFloodTask): ChildProcess {
  const child = fork(join(import.meta.dirname, file), [JSON.stringify(task)], { execArgv: ["--disable-warning=ExperimentalWarning"] });
  children.push(child);
  return child;
}

function told<T extends FromCalls | FloodCount>(child: ChildProcess, kind: T["kind"], withinMs: number): Promise<T> {
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`nothing of ${kind} within ${withinMs / 1000} s`)), withinMs);
    child.on("message", (message: T) => {
      if (message.kind !== kind) return;
      clearTimeout(late);
      done(message);
    });
    child.once("exit", (code) => code !== 0 && failed(new Error(`a process of the flood stopped with ${code}`)));
  });
}

async function run(): Promise<boolean> {
  // One trunk, and it is the calls' own address: every other one of this host is a stranger.
  const world = provision();
  const tenants = world.tenants.map((tenant) => ({ ...tenant, trunks: tenant.trunks.slice(0, 1).map((trunk) => ({ ...trunk, sourceNetworks: [`${sbcAddress}/32`], recordAll: true })) }));
  const provisionFile = join(dir, "provision.json");
  await writeFile(provisionFile, JSON.stringify({ tenants }));
  const rtpFrom = 20_000 + 2 * Math.floor(Math.random() * 5_000);
  const rtpTo = rtpFrom + 999;
  const platform = await startPlatform({ EARWITNESS_PROVISION_FILE: provisionFile, EARWITNESS_RTP_PORTS: `${rtpFrom}-${rtpTo}` });
  platforms.push(platform);
  const { sipPort } = platform;
  const server = childRunning(serverFile);

  const caller = start("calls.ts", { sipPort, calls, seconds: seconds + 30 });
  const { streams } = await told<Extract<FromCalls, { kind: "open" }>>(caller, "open", 60_000);
  await pause(2_000); // every stream has latched its source, and the process has warmed up
  const heldBefore = await heldMib(server, serverFile);
  const before = { memoryMib: residentMib(server), files: openFiles(server), cpu: cpuSeconds(server), atMs: performance.now() };
  const portsOpen = udpSockets(rtpFrom, rtpTo).count;

  const sipFlood = start("sip-flood.ts", { sipPort, perSecond: sip, sources });
  const rtpFlood = start("rtp-flood.ts", { perSecond: rtp, targets: streams, ownAddress: sbcAddress });
  caller.send({ kind: "flooded" });
  const memoryMib: number[] = [];
  const floodFrom = performance.now();
  while (performance.now() - floodFrom < seconds * 1000) {
    await pause(1_000);
    memoryMib.push(residentMib(server));
  }
  const [rtpDrops, sipDrops] = [udpSockets(rtpFrom, rtpTo).dropped, udpSockets(sipPort, sipPort).dropped];
  const busy = { cpu: cpuSeconds(server), atMs: performance.now() };
  const finished = told<Extract<FromCalls, { kind: "done" }>>(caller, "done", 120_000);
  caller.send({ kind: "end" });
  const done = await finished;
  const counts = [told<FloodCount>(sipFlood, "count", 10_000), told<FloodCount>(rtpFlood, "count", 10_000)];
  const floodedSeconds = (performance.now() - floodFrom) / 1000;
  for (const flood of [sipFlood, rtpFlood]) flood.send({ kind: "end" });
  const [sipCount, rtpCount] = await Promise.all(counts);
  const metrics = await (await platform.fetch("/api/v1/metrics")).text();
  const metric = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1] ?? NaN);

  const heard = await compare(platform, done.calls);
  await pause(5_000);
  const heldAfter = await heldMib(server, serverFile);
  const after = { memoryMib: residentMib(server), files: openFiles(server), ports: udpSockets(rtpFrom, rtpTo).count };

  const sent = heard.reduce((sum, one) => sum + one.sent, 0);
  const kept = heard.reduce((sum, one) => sum + one.kept, 0);
  const wrong = heard.reduce((sum, one) => sum + one.wrongSamples, 0);
  const worstForeign = Math.max(0, ...heard.map((one) => one.foreign));
  const gaps = heard.reduce((sum, one) => sum + one.gaps, 0);
  const cpuShare = ((busy.cpu - before.cpu) * 1000) / (busy.atMs - before.atMs);
  const checks: [what: string, value: string, ok: boolean][] = [
    ["SIP messages sent", `${sipCount!.sent.toLocaleString("en")} (${Math.round(sipCount!.sent / floodedSeconds)}/s) from ${sources} sources; answers ${JSON.stringify(sipCount!.answers)}`, sipCount!.sent / floodedSeconds >= 0.95 * sip],
    ["foreign RTP packets sent", `${rtpCount!.sent.toLocaleString("en")} (${Math.round(rtpCount!.sent / floodedSeconds)}/s); refused by the server: ${metric("earwitness_packets_dropped_total").toLocaleString("en")}`, rtpCount!.sent / floodedSeconds >= 0.95 * rtp],
    ["calls recorded", `${done.calls.length} of ${calls}, ${heard.length} streams`, done.calls.length === calls && heard.length === 2 * calls],
    ["own packets sent and kept", `${sent.toLocaleString("en")} and ${kept.toLocaleString("en")}; gaps ${gaps}; lost by the server's count ${metric("earwitness_packets_lost_total")}`, sent === kept && gaps === 0],
    ["samples that differ from what was sent", `${wrong.toLocaleString("en")} of ${(sent * 160).toLocaleString("en")}`, wrong === 0],
    [`loudest ${foreignHz} Hz of any stream`, worstForeign.toFixed(4), worstForeign < 0.05],
    ["BYE answered", `${done.byes.length}: p50 ${percentile(done.byes, 0.5)} ms, p99 ${percentile(done.byes, 0.99)} ms, longest ${percentile(done.byes, 1)} ms`, percentile(done.byes, 0.99) <= byeP99Ms],
    ["INVITE answered", `${done.invites.length}: p50 ${percentile(done.invites, 0.5)} ms, p99 ${percentile(done.invites, 0.99)} ms`, true],
    ["requests of the calls that failed", done.failed.slice(0, 3).join("; ") || "none", done.failed.length === 0],
    ["datagrams the kernel dropped", `RTP ${rtpDrops}, SIP ${sipDrops}`, rtpDrops === 0],
    ["server's CPU", `${(100 * cpuShare).toFixed(0)} % of one core`, true],
    ["memory the server holds, after collection", `${heldBefore.toFixed(1)} MiB with the calls, ${heldAfter.toFixed(1)} after`, heldAfter - heldBefore < moreHeldMib],
    ["resident memory", `${before.memoryMib.toFixed(0)} MiB before, ${memoryMib.filter((_, index) => index % Math.ceil(seconds / 12) === 0).map((one) => one.toFixed(0)).join(" ")} meanwhile, ${after.memoryMib.toFixed(0)} after`, true],
    ["media ports open", `${portsOpen} with the calls, ${after.ports} after`, portsOpen === 4 * calls && after.ports === 0],
    ["open files", `${before.files} with the calls, ${after.files} after`, after.files <= before.files - 4 * calls + 40],
    ["server's log", `${(platform.log().length / 1e6).toFixed(1)} MB`, true],
  ];
  console.log(`\n${calls} calls, ${sip} SIP messages/s and ${rtp} foreign RTP packets/s for ${floodedSeconds.toFixed(0)} s`);
  for (const [what, value, ok] of checks) console.log(`  ${ok ? "ok  " : "FAIL"}  ${what.padEnd(40)} ${value}`);
  return checks.every(([, , ok]) => ok);
}

interface Heard {
  readonly sent: number;
  /** Whole packets' worth of audio in the recording, gaps not counted. */
  readonly kept: number;
  readonly wrongSamples: number;
  readonly foreign: number;
  readonly gaps: number;
}

/** Each stream against its recording. */
async function compare(running: Platform, placed: Extract<FromCalls, { kind: "done" }>["calls"]): Promise<Heard[]> {
  const byCall = await allAvailable(running, placed.map(({ callId }) => callId));
  const heard: Heard[] = [];
  for (const { callId, streams } of placed) {
    const interaction = byCall.get(callId);
    if (interaction === undefined) continue;
    const detail = await running.detail(interaction.id);
    for (const stream of streams) heard.push(await listen(running, detail, stream));
  }
  return heard;
}

async function listen(running: Platform, detail: InteractionDetail, stream: SentStream): Promise<Heard> {
  const track = detail.tracks.find((one) => one.participant.aor === stream.address);
  if (track === undefined) return { sent: stream.packets, kept: 0, wrongSamples: stream.packets * 160, foreign: 0, gaps: 0 };
  const response = await running.fetch(`/api/v1/interactions/${detail.id}/media/${track.track}`);
  if (!response.ok) throw new Error(`media of ${detail.id} answered ${response.status}`);
  const recorded = decode(new Uint8Array(await response.arrayBuffer()));
  const length = stream.packets * 160;
  const payload = encodeAudio({ kind: "tone", frequencyHz: stream.hz, bursts: [{ atMs: 0, durationMs: Math.min((seconds + 30) * 1000, length / 8) }] }, "PCMU").subarray(0, length);
  // The tone does not end where it is cut here: its fade-out is another, and is left out of the comparison.
  const expected = decodeG711("PCMU", payload);
  // A track is served from a whole millisecond on, and a stream may begin between two.
  const shifts = Array.from({ length: 9 }, (_, samples) => samples);
  const differ = (shift: number, until: number): number => {
    let count = 0;
    for (let at = 0; at < until; at += 1) if (recorded[at + shift] !== expected[at]) count += 1;
    return count;
  };
  const shift = shifts.toSorted((a, b) => differ(a, 2_000) - differ(b, 2_000))[0] ?? 0;
  // Its end is a whole millisecond too: what is more than was sent is silence, and less than one millisecond of it.
  const rest = recorded.subarray(shift + length);
  const wrongSamples = differ(shift, expected.length - 16) + Math.max(0, shift + length - recorded.length) + (rest.length < 8 ? rest.filter((sample) => sample !== 0).length : rest.length);
  const foreign = Math.max(0, ...toneStrength(recorded, foreignHz));
  return { sent: stream.packets, kept: Math.round((recorded.length - shift) / 160), wrongSamples, foreign, gaps: track.gaps.length };
}

/** One interaction of each call, once its recording can be played. */
async function allAvailable(running: Platform, callIds: readonly string[]): Promise<Map<string, Interaction>> {
  const wanted = new Set(callIds);
  for (const deadline = Date.now() + 90_000; ; await pause(1_000)) {
    const found = new Map<string, Interaction>();
    for (let after: string | null = ""; after !== null; ) {
      const page: InteractionPage = await running.get<InteractionPage>(`/api/v1/interactions?limit=200${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`);
      for (const interaction of page.items) if (wanted.has(interaction.sipCallId ?? "") && interaction.mediaStatus === "Available") found.set(interaction.sipCallId ?? "", interaction);
      after = page.next;
    }
    if (found.size === wanted.size || Date.now() > deadline) return found;
  }
}

function percentile(all: readonly number[], share: number): number {
  const sorted = all.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0) * 10) / 10;
}

/**
 * npm run bench kill: the recorder's process is killed (`kill -9`) in the middle of many calls, and started again, over and over. What was
 * sent of each stream up to that moment is held against what its recording says it holds, and some are listened to, sample by sample.
 *
 *   npm run bench kill -- [--rounds 50] [--calls 200] [--listen 10] [--long-every 10] [--power-cuts 1000] [--continue FILE]
 *
 * Each round talks for 2 to 8 s; every tenth for more than a minute, so that pieces have taken over from the journal. `--power-cuts`: so
 * many prefixes of a call's writes and syncs are laid out as disks after a power loss and recovered (power-loss.test.ts). `--continue`:
 * the rounds of that file count; those that are still missing are run.
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Interaction, InteractionPage } from "@earwitness/contract";
import { decodeG711 } from "@earwitness/media";
import { decode } from "../tests/listen.ts";
import { pause, startPlatform, type Platform } from "../tests/platform.ts";
import { median, quantile, table } from "./figures.ts";
import { sendStreams, startClient } from "./load.ts";
import { openResults, rounded } from "./results.ts";
import { loadPayload, loadPayloads } from "./rtp-load.ts";
import { compareSamples } from "./sent-audio.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "50" },
    calls: { type: "string", default: "200" },
    listen: { type: "string", default: "10" },
    "long-every": { type: "string", default: "10" },
    "power-cuts": { type: "string", default: "0" },
    continue: { type: "string" },
  },
});
const [rounds, calls, listen, longEvery, powerCuts] = [Number(values.rounds), Number(values.calls), Number(values.listen), Number(values["long-every"]), Number(values["power-cuts"])];
if ([rounds, calls, listen, longEvery, powerCuts].some((number) => !Number.isInteger(number) || number < 0) || calls === 0) throw new Error("--rounds, --calls, --listen, --long-every and --power-cuts are whole numbers");

const packetMs = 20;
/** A sender that stood still for longer made a pause in the stream, which the recording has as well: what was sent is then no yardstick for its samples. */
const mostLateMs = 100;
/** Whoever asks would not wait longer; a round that is not whole by then says so. */
const patienceMs = 60_000;

interface Round {
  readonly talkedMs: number;
  /** Of each stream: what was sent before the kill and is in no recording. */
  readonly lostMs: readonly number[];
  readonly callsRecovered: number;
  readonly calls: number;
  /** From the start of the process until it takes calls again, and until all can be played. */
  readonly readyMs: number;
  readonly recoveredMs: number;
  readonly listenedStreams: number;
  readonly wrongSamples: number;
  /** What the machine had to do beside (load average); where it had no time the sender was late, too. */
  readonly loadBefore: number;
  readonly senderLatestMs: number;
}

interface PowerCuts {
  readonly powerCuts: number;
  readonly held: boolean;
}

interface Manifest {
  readonly tracks: readonly { readonly track: number; readonly sourceTrack: number; readonly address: string }[];
  readonly sources: readonly { readonly track: number; readonly packets: number }[];
}

const payloads = loadPayloads();

/** By Call-ID an interaction of each call of this round, as soon as all can be played. */
async function playable(platform: Platform, callIds: ReadonlySet<string>): Promise<Map<string, Interaction>> {
  for (const deadline = Date.now() + patienceMs; ; await pause(100)) {
    const found = new Map<string, Interaction>();
    for (let after = ""; found.size < callIds.size; ) {
      const page: InteractionPage = await platform.get<InteractionPage>(`/api/v1/interactions?limit=200${after}`);
      const mine = page.items.filter(({ sipCallId }) => callIds.has(sipCallId));
      for (const interaction of mine) if (interaction.mediaStatus === "Available") found.set(interaction.sipCallId, interaction);
      if (mine.length === 0 || page.next === null) break; // the newest come first
      after = `&after=${encodeURIComponent(page.next)}`;
    }
    if (found.size === callIds.size || Date.now() > deadline) return found;
  }
}

/** What a stream's recording differs in from what was sent of it. */
async function hear(platform: Platform, interaction: Interaction, track: number, stream: number, packets: number): Promise<number> {
  const response = await platform.fetch(`/api/v1/interactions/${interaction.id}/media/${track}`);
  if (!response.ok) throw new Error(`media of ${interaction.id} answered ${response.status}`);
  const sent = decodeG711("PCMU", Buffer.concat(Array.from({ length: packets }, (_, index) => loadPayload(payloads, stream, index))));
  const { wrong, missing } = compareSamples(sent, decode(new Uint8Array(await response.arrayBuffer())));
  return wrong + missing;
}

async function round(platform: Platform, number: number): Promise<Round> {
  const client = startClient();
  const loadBefore = rounded(loadavg()[0]!, 1);
  const name = `k${number}-${Date.now().toString(36)}`;
  try {
    const opened = await client.open({ server: platform.sipPort, calls, perSecond: 100, name, rtpPort: 40_000 });
    if (opened.calls.length < calls) throw new Error(`${opened.refused} of ${calls} calls were refused`);
    const sender = await sendStreams({ ports: opened.calls.flatMap(({ ports }) => ports), seconds: 600, to: "127.0.0.1" });
    const talkedMs = longEvery > 0 && number % longEvery === longEvery - 1 ? 62_000 + Math.random() * 4_000 : 2_000 + Math.random() * 6_000;
    await pause(talkedMs);
    process.kill(platform.pid(), "SIGKILL");
    const killedAt = Date.now();
    const [sent] = await Promise.all([sender.stop(killedAt), platform.kill()]);
    client.close();

    const began = performance.now();
    await platform.restart();
    const readyMs = performance.now() - began;
    const callOf = new Map(opened.calls.map(({ id }, at) => [id, at]));
    const found = await playable(platform, new Set(callOf.keys()));
    const recoveredMs = performance.now() - began;

    const kept = Array.from({ length: 2 * calls }, () => 0);
    let [listenedStreams, wrongSamples] = [0, 0];
    for (const [place, [callId, interaction]] of [...found].entries()) {
      const { tracks, sources } = await platform.get<Manifest>(`/api/v1/interactions/${interaction.id}/manifest`);
      for (const { track, sourceTrack, address } of tracks) {
        const stream = 2 * callOf.get(callId)! + (address.includes("elsewhere") ? 0 : 1);
        kept[stream] = sources.find((source) => source.track === sourceTrack)?.packets ?? 0;
        if (place >= listen || sent.latestMs > mostLateMs || kept[stream] === 0) continue;
        listenedStreams += 1;
        wrongSamples += await hear(platform, interaction, track, stream, kept[stream]!);
      }
    }
    const lostMs = sent.byStream.map((packets, stream) => (packets - kept[stream]!) * packetMs);
    return { talkedMs: Math.round(talkedMs), lostMs, callsRecovered: found.size, calls, readyMs: Math.round(readyMs), recoveredMs: Math.round(recoveredMs), listenedStreams, wrongSamples, loadBefore, senderLatestMs: rounded(sent.latestMs, 0) };
  } finally {
    client.close();
  }
}

/** The test itself: it fails where one prefix breaks a promise. */
function cutPower(): PowerCuts {
  const root = join(import.meta.dirname, "..");
  const run = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "node_modules/vitest/vitest.mjs"), "run", "--project=unit", "packages/server/src/recorder/power-loss.test.ts"], { cwd: root, env: { ...process.env, NO_COLOR: "1", EARWITNESS_POWER_CUTS: String(powerCuts) }, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", maxBuffer: 2 ** 28 });
  const held = run.status === 0 && /Tests +\d+ passed \(/.test(run.stdout);
  if (!held) console.error(run.stdout.slice(-4_000));
  return { powerCuts, held };
}

const results = openResults<Round | PowerCuts>("kill", { calls, listen, longEvery }, { continued: values.continue });
const isRound = (run: Round | PowerCuts): run is Round => "lostMs" in run;
const done = (): Round[] => results.runs.filter(isRound);

if (done().length < rounds) {
  const platform = await startPlatform({ EARWITNESS_LOG_LEVEL: "error", EARWITNESS_RTP_PORTS: "10000-19999" });
  try {
    while (done().length < rounds) {
      const run = await round(platform, done().length);
      results.add(run);
      console.log(`round ${done().length}: ${run.callsRecovered} of ${run.calls} calls, lost ${median(run.lostMs)} ms (median) ${Math.max(...run.lostMs)} ms (most); ready after ${run.readyMs} ms, all playable after ${run.recoveredMs} ms; ${run.wrongSamples} wrong samples in ${run.listenedStreams} streams; load ${run.loadBefore}, sender ${run.senderLatestMs} ms late at most`);
    }
  } finally {
    await platform.close();
  }
}
if (powerCuts > 0) results.add(cutPower());

const all = done();
const lost = all.flatMap(({ lostMs }) => lostMs);
const sum = (of: (run: Round) => number): number => all.reduce((total, run) => total + of(run), 0);
console.log(`\n${all.length} rounds of kill -9 under ${calls} two-stream calls`);
table(
  ["", "median", "p99", "most"],
  [
    ["lost of a stream (ms)", median(lost), quantile(lost, 0.99), Math.max(...lost)],
    ["start to taking calls (ms)", ...[0.5, 0.99, 1].map((share) => quantile(all.map(({ readyMs }) => readyMs), share))],
    ["start to all playable (ms)", ...[0.5, 0.99, 1].map((share) => quantile(all.map(({ recoveredMs }) => recoveredMs), share))],
  ],
);
console.log(`  ${sum((run) => run.callsRecovered)} of ${sum((run) => run.calls)} calls came back by themselves; ${sum((run) => run.wrongSamples)} wrong samples in ${sum((run) => run.listenedStreams)} streams listened to`);
for (const run of results.runs) if (!isRound(run)) console.log(`  power lost at ${run.powerCuts} points: ${run.held ? "every promise held" : "a promise was broken"}`);
console.log(`\nThe raw runs: ${results.path}`);

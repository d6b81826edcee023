/**
 * npm run bench finish: calls that end in the same second, and how long until each can be played. Measured from the BYE that the client
 * sends to the moment a reader of the API sees the interaction Available.
 *
 *   npm run bench finish -- [--calls 1,100,1000] [--rounds 1] [--profile DIR]
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { InteractionPage } from "@earwitness/contract";
import { pause, startPlatform, type Platform } from "../tests/platform.ts";
import { quantile, table } from "./figures.ts";
import { sendStreams, startClient } from "./load.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "1,100,1000" }, rounds: { type: "string", default: "1" }, profile: { type: "string" }, into: { type: "string" } } });
const [sizes, rounds] = [values.calls.split(",").map(Number), Number(values.rounds)];
if ([rounds, ...sizes].some((number) => !Number.isInteger(number) || number < 1)) throw new Error("--calls and --rounds are whole numbers from 1");
const talkMs = 5_000;
const patienceMs = 60_000;

export interface Run {
  readonly calls: number;
  readonly recorded: number;
  /** Of those that were not taken: how many for which reason. */
  readonly refusals: Readonly<Record<string, number>>;
  /** From BYE to its answer, and to playable; milliseconds. */
  readonly byeMs: readonly number[];
  readonly playableMs: readonly number[];
  /** Of some: from BYE until the manifest was made; what is left until playable is the call journal, the database and the news of it. */
  readonly sealedMs: readonly number[];
  readonly senderLatestMs: number;
}

interface Seen {
  /** Of the interaction. */
  readonly id: string;
  readonly atMs: number;
}

/** Follows the live stream; answers when each Call-ID's interactions became Available (wall time). */
async function follow(platform: Platform): Promise<{ available: Map<string, Seen>; stop: () => void }> {
  const available = new Map<string, Seen>();
  const abort = new AbortController();
  const response = await platform.fetch("/api/v1/live", { signal: abort.signal });
  /** A reader that is told that it missed something reads the list again, as the portal does. */
  async function readAll(): Promise<void> {
    for (let after: string | null = ""; after !== null; ) {
      const page: InteractionPage = await platform.get<InteractionPage>(`/api/v1/interactions?limit=200${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`);
      const now = performance.timeOrigin + performance.now();
      for (const { id, sipCallId, mediaStatus } of page.items) if (mediaStatus === "Available" && !available.has(sipCallId)) available.set(sipCallId, { id, atMs: now });
      after = page.next;
    }
  }
  void (async () => {
    let rest = "";
    for await (const chunk of response.body!) {
      rest += Buffer.from(chunk).toString();
      const events = rest.split("\n\n");
      rest = events.pop() ?? "";
      const now = performance.timeOrigin + performance.now();
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (event.includes("event: reset")) void readAll();
        if (data === undefined || !event.includes("event: interaction")) continue;
        const { interaction } = JSON.parse(data) as { interaction: { id: string; sipCallId: string; mediaStatus: string } };
        if (interaction.mediaStatus === "Available") available.set(interaction.sipCallId, { id: interaction.id, atMs: now });
      }
    }
  })().catch(() => undefined); // ends by `stop`
  return { available, stop: () => abort.abort() };
}

/** How many are asked for their manifests. */
const looks = 100;

async function sealedAt(platform: Platform, interactionIds: readonly string[]): Promise<number[]> {
  const all: number[] = [];
  for (const id of interactionIds) all.push(Date.parse((await platform.get<{ finalizedAt: string }>(`/api/v1/interactions/${id}/manifest`)).finalizedAt));
  return all;
}

async function run(calls: number): Promise<Run> {
  const profile = values.profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${join(resolve(values.profile), String(calls))}` };
  const platform = await startPlatform({ EARWITNESS_LOG_LEVEL: "error", EARWITNESS_RTP_PORTS: "20000-29999", ...profile });
  const client = startClient();
  try {
    const live = await follow(platform);
    const opened = await client.open({ server: platform.sipPort, calls, perSecond: 200, name: `f${calls}`, rtpPort: 40_000 });
    const sender = await sendStreams({ ports: opened.calls.flatMap(({ ports }) => ports), seconds: 60, to: "127.0.0.1" });
    await pause(talkMs);
    const { latestMs } = await sender.stop(Date.now());
    const { byes, answerMs } = await client.end();
    for (const deadline = Date.now() + patienceMs; live.available.size < byes.length && Date.now() < deadline; ) await pause(50);
    live.stop();
    const seen = byes.flatMap(([callId, byeAt]) => (live.available.has(callId) ? [{ byeAt, ...live.available.get(callId)! }] : []));
    const looked = seen.filter((_, at) => at % Math.ceil(seen.length / looks) === 0);
    const sealed = await sealedAt(platform, looked.map(({ id }) => id));
    const playableMs = seen.map(({ byeAt, atMs }) => rounded(atMs - byeAt, 0));
    const sealedMs = looked.map(({ byeAt }, at) => rounded(sealed[at]! - byeAt, 0));
    return { calls, recorded: opened.calls.length, refusals: opened.refusals, byeMs: answerMs.map((ms) => rounded(ms, 0)), playableMs, sealedMs, senderLatestMs: rounded(latestMs, 0) };
  } finally {
    client.close();
    await platform.close();
  }
}

const results = openResults<Run>("finish", { talkMs, rounds }, { into: values.into });
for (let round = 0; round < rounds; round += 1) for (const calls of sizes) results.add(await run(calls));

console.log(`\nCalls that end in the same second (${talkMs / 1000} s long, two streams; milliseconds)`);
table(
  ["calls", "recorded", "playable", "BYE p50", "BYE p99", "sealed p50", "sealed p99", "playable p50", "playable p99", "most"],
  results.runs.map(({ calls, recorded, byeMs, sealedMs, playableMs }) => [calls, recorded, playableMs.length, quantile(byeMs, 0.5), quantile(byeMs, 0.99), quantile(sealedMs, 0.5), quantile(sealedMs, 0.99), quantile(playableMs, 0.5), quantile(playableMs, 0.99), quantile(playableMs, 1)]),
);
console.log(`\nThe raw runs: ${results.path}`);

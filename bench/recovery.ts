/**
 * npm run bench recovery: one spool that a kill left under many calls, started on over and over from a copy of it: what the start and the
 * recovery take in time and processor time. Other states of the code take their turns on the same bytes.
 *
 *   npm run bench recovery -- [--calls 200] [--talk 5,66] [--rounds 3] [--beside DIR,DIR] [--profile DIR]
 *
 * `--talk`: how many seconds the calls had lasted. `--beside`: other checkouts of this repository, with their dependencies. `--profile`: a
 * profile of each start by V8 (`--cpu-prof`), which makes it slower. The database's server is killed with the recorder, so that a copy
 * of its files is one of a moment; where it outlives its recorder (`npm run bench kill`), the start first stops it in order.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { InteractionPage } from "@earwitness/contract";
import { nodeFlags } from "../scripts/node-flags.mjs";
import { freePort, pause, startPlatform } from "../tests/platform.ts";
import { median, table } from "./figures.ts";
import type { Opened } from "./load-client.ts";
import { sendStreams, startClient } from "./load.ts";
import { childrenOf, descendantsTime, processTime } from "./process-time.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "200" }, talk: { type: "string", default: "5,66" }, rounds: { type: "string", default: "3" }, beside: { type: "string", default: "" }, profile: { type: "string" } } });
const [calls, rounds, talks] = [Number(values.calls), Number(values.rounds), values.talk.split(",").map(Number)];
if ([calls, rounds, ...talks].some((number) => !Number.isInteger(number) || number < 1)) throw new Error("--calls, --rounds and --talk are whole numbers from 1");
const here = resolve(import.meta.dirname, "..");
const checkouts = [here, ...values.beside.split(",").filter((dir) => dir !== "").map((dir) => resolve(dir))];
const patienceMs = 120_000;

interface Start {
  readonly checkout: string;
  readonly talkSeconds: number;
  /** From the start of the process: until calls are taken, and until all that were cut off can be played. */
  readonly readyMs: number;
  readonly playableMs: number;
  /** Until then, of the server's threads and of its database. */
  readonly cpuMs: number;
  readonly databaseCpuMs: number;
  readonly readyCpuMs: number;
  readonly playable: number;
}

/** What a kill leaves. */
interface Left {
  readonly dataDir: string;
  readonly key: string;
  readonly callIds: ReadonlySet<string>;
}

async function talkAndKill(talkSeconds: number): Promise<Left> {
  const platform = await startPlatform({ EARWITNESS_LOG_LEVEL: "error", EARWITNESS_RTP_PORTS: "10000-19999" });
  const client = startClient();
  const dataDir = await mkdtemp(join(tmpdir(), "earwitness-left-"));
  try {
    const opened: Opened["calls"][number][] = [];
    // A machine that has much else to do refuses some: they are placed again.
    for (let again = 0; opened.length < calls; again += 1) {
      if (again === 20) throw new Error(`${calls - opened.length} of ${calls} calls were refused again and again`);
      opened.push(...(await client.open({ server: platform.sipPort, calls: calls - opened.length, perSecond: 50, name: `r${talkSeconds}-${again}-${Date.now().toString(36)}`, rtpPort: 40_000 })).calls);
    }
    const sender = await sendStreams({ ports: opened.flatMap(({ ports }) => ports), seconds: 600, to: "127.0.0.1" });
    await pause(talkSeconds * 1000);
    const pids = [platform.pid(), ...childrenOf(platform.pid())];
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await Promise.all([sender.stop(Date.now()), platform.kill()]);
    await pause(2_000); // the children of the database's server see that it is gone
    await run("cp", ["-a", `${platform.dataDir}/.`, dataDir]);
    return { dataDir, key: platform.key, callIds: new Set(opened.map(({ id }) => id)) };
  } finally {
    client.close();
    await platform.close();
  }
}

async function startOn({ dataDir: from, key, callIds }: Left, checkout: string, talkSeconds: number): Promise<Start> {
  const dataDir = await mkdtemp(join(tmpdir(), "earwitness-again-"));
  await run("cp", ["-a", `${from}/.`, dataDir]);
  await run("sync", []);
  const [httpPort, sipPort] = [await freePort(), await freePort()];
  const profile = values.profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(values.profile)}` };
  const env = { ...process.env, EARWITNESS_SANDBOX: "1", EARWITNESS_DATA_DIR: dataDir, EARWITNESS_HTTP_PORT: String(httpPort), EARWITNESS_SIP_PORT: String(sipPort), EARWITNESS_RTP_PORTS: "10000-19999", EARWITNESS_PROVISION_FILE: join(dataDir, "provision.json"), EARWITNESS_LOG_LEVEL: "error", ...profile };
  const began = performance.now();
  const server = spawn(process.execPath, [...nodeFlags, join(checkout, "packages/server/src/main.ts")], { cwd: checkout, env, stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const pid = server.pid!;
  try {
    await new Promise<void>((ready, failed) => server.once("exit", (code) => failed(new Error(`the server ended with ${code}`))).on("message", (message: { kind?: string }) => message.kind === "ready" && ready()));
    const [readyMs, readyCpuMs] = [performance.now() - began, processTime(pid)];
    const playable = await untilPlayable(`http://127.0.0.1:${httpPort}`, key, callIds);
    return { checkout: checkout === here ? "here" : checkout, talkSeconds, readyMs: rounded(readyMs, 0), playableMs: rounded(performance.now() - began, 0), cpuMs: processTime(pid), databaseCpuMs: descendantsTime(pid), readyCpuMs, playable };
  } finally {
    await ended(server);
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Answers how many are. Asked for is the one that is not yet there: to list all of them ten times a second would cost more than some of what is measured. */
async function untilPlayable(url: string, key: string, callIds: ReadonlySet<string>): Promise<number> {
  const ask = async (query: string): Promise<InteractionPage> => (await (await fetch(`${url}/api/v1/interactions?${query}`, { headers: { authorization: `Bearer ${key}` } })).json()) as InteractionPage;
  for (const deadline = Date.now() + patienceMs; ; await pause(100)) {
    if ((await ask("status=Pending&limit=1")).items.length > 0 && Date.now() < deadline) continue;
    const found = new Set<string>();
    for (let after: string | null = ""; after !== null; ) {
      const { items, next } = await ask(`status=Available&limit=200${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`);
      for (const { sipCallId } of items) if (callIds.has(sipCallId)) found.add(sipCallId);
      after = next;
    }
    if (found.size === callIds.size || Date.now() > deadline) return found.size;
  }
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise((done) => server.once("exit", done));
  server.kill("SIGTERM");
  await gone;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const code = await new Promise((done) => spawn(command, args, { stdio: "inherit" }).once("exit", done));
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}`);
}

const results = openResults<Start>("recovery", { calls, talks, rounds });
for (const talkSeconds of talks) {
  const left = await talkAndKill(talkSeconds);
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const checkout of round % 2 === 0 ? checkouts : checkouts.toReversed()) {
        // Another program may take the free port that was found.
        const start = await startOn(left, checkout, talkSeconds).catch(() => startOn(left, checkout, talkSeconds));
        results.add(start);
        console.log(`${start.checkout}, ${talkSeconds} s: taking calls after ${start.readyMs} ms (${start.readyCpuMs} ms of processor time), ${start.playable} of ${calls} playable after ${start.playableMs} ms (${start.cpuMs} ms, database ${start.databaseCpuMs} ms)`);
      }
  } finally {
    await rm(left.dataDir, { recursive: true, force: true });
  }
}

console.log(`\n${calls} calls cut off by a kill, medians of ${rounds} starts (ms)`);
table(
  ["", "talked s", "taking calls", "all playable", "CPU until calls", "CPU until playable", "of the database"],
  Object.values(Object.groupBy(results.runs, ({ checkout, talkSeconds }) => `${talkSeconds} ${checkout}`)).map((runs = []) => {
    const of = (figure: (start: Start) => number): number => median(runs.map(figure));
    return [runs[0]!.checkout, runs[0]!.talkSeconds, of((start) => start.readyMs), of((start) => start.playableMs), of((start) => start.readyCpuMs), of((start) => start.cpuMs), of((start) => start.databaseCpuMs)];
  }),
);
console.log(`\nThe raw runs: ${results.path}`);

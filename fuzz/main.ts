/** npm run fuzz -- [--seconds N] [--only NAME]… [--jobs J] [--seed S] [--corpus DIR] | --report | --only NAME --replay FILE. Exit code 1 where anything failed. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { readCorpus, writeCorpus } from "./corpus-files.ts";
import type { Harness } from "./harness.ts";
import { hourSeconds, noteRun, readLedger, secondsOf } from "./ledger.ts";
import { parsers } from "./parsers.ts";
import type { Failure, SearchResult } from "./search.ts";
import { readInput, sharedInput } from "./shared-input.ts";
import type { WorkerTask } from "./shared-input.ts";
import { digestOf } from "./sources.ts";
import type { WorstCost } from "./worst-cost.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    only: { type: "string", multiple: true, default: [] },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    corpus: { type: "string", default: resolve(import.meta.dirname, "../.fuzz") },
    report: { type: "boolean", default: false },
    replay: { type: "string" },
  },
});
const resultsDir = resolve(import.meta.dirname, "../test-results/fuzz");
const ledgerFile = join(import.meta.dirname, "ledger.json");
/** Of processor time; no input may take a hundredth of it. */
const hangMs = 20_000;

const chosen = values.only.length === 0 ? parsers : values.only.map(named);
if (values.report) report();
else if (values.replay !== undefined) replay(values.replay);
else await fuzz();

function named(name: string): Harness {
  const found = parsers.find((one) => one.name === name);
  if (found === undefined) return stop(`No parser "${name}". There are: ${parsers.map((one) => one.name).join(", ")}`);
  return found;
}

function whole(name: "seconds" | "seed" | "jobs", least: number): number {
  const value = Number(values[name]);
  return Number.isInteger(value) && value >= least ? value : stop(`--${name} takes a whole number from ${least}`);
}

function stop(text: string): never {
  console.error(text);
  process.exit(2);
}

/** How much of its hour each parser has, on the sources as they are now. */
function report(): void {
  const ledger = readLedger(ledgerFile);
  console.log(row(["parser", "executions", "minutes", "of hour", "blocks", "worst", "at", "findings"]));
  for (const { name } of chosen) {
    const sources = digestOf(name);
    const entry = ledger[name];
    const seconds = secondsOf(ledger, name, sources);
    if (entry?.sources !== sources) console.log(row([name, "0", "0.0", "0 %", "–", "–", entry === undefined ? "never ran" : "sources changed", "–"]));
    else console.log(row([name, count(entry.executions), (seconds / 60).toFixed(1), `${Math.floor((100 * seconds) / hourSeconds)} %`, String(entry.blocks), `${entry.worst.ms.toFixed(1)} ms`, kilobytes(entry.worst.bytes), String(entry.findings.length)]));
  }
}

/** Runs one input, so that its failure can be looked at with a debugger. */
function replay(file: string): void {
  const [harness] = chosen;
  if (harness === undefined || chosen.length !== 1) stop("--replay needs the one --only NAME it is for");
  const before = process.threadCpuUsage();
  const verdict = harness.run(new Uint8Array(readFileSync(file)));
  console.log(`${verdict} in ${(process.threadCpuUsage(before).user / 1000).toFixed(1)} ms of processor time, checks included`);
}

async function fuzz(): Promise<void> {
  const [seconds, jobs] = [whole("seconds", 1), whole("jobs", 1)];
  mkdirSync(resultsDir, { recursive: true });
  const ledger = readLedger(ledgerFile);
  // Who has had least comes first.
  const waiting = chosen.map((harness) => ({ harness, spent: secondsOf(ledger, harness.name, digestOf(harness.name)) })).toSorted((a, b) => a.spent - b.spent);
  console.log(`${chosen.length} parsers, ${seconds} s each, ${Math.min(jobs, chosen.length)} at a time\n`);
  console.log(row(["parser", "executions", "minutes", "taken", "blocks", "worst", "at", "failures", "heap/10⁶"]));
  let failed = 0;
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const { name } = one.harness;
      // Another sequence of inputs each time, unless one is asked for.
      const seed = values.seed === undefined ? (ledger[name]?.executions ?? 0) : whole("seed", 0);
      const sources = digestOf(name);
      const found = await fuzzOne(one.harness, seconds, seed, jobs);
      const { worst, failures } = await costOf(name, found.dearest);
      const result: Result = { ...found, worst, failures: [...found.failures, ...failures] };
      failed += result.failures.length;
      tell(result, seed);
      if (result.kept !== null) writeCorpus(values.corpus, name, result.kept);
      const { executions, processorSeconds, blocks } = result;
      noteRun(ledgerFile, name, { sources, executions, processorSeconds, worst, blocks, findings: result.failures.map(({ kind, what }) => `${kind}: ${what}`) });
    }
  };
  await Promise.all(Array.from({ length: jobs }, next));
  console.log(failed === 0 ? "\nno failure" : `\n${failed} failures; inputs in ${resultsDir}`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Nothing is known of what a dead thread would have kept. */
type Found = Omit<SearchResult, "kept"> & { readonly kept: readonly Uint8Array[] | null };
type Result = Found & Pick<WorstCost, "worst">;

function costOf(parser: string, dearest: readonly Uint8Array[]): Promise<WorstCost> {
  const worker = new Worker(new URL("cost-worker.ts", import.meta.url), { workerData: { parser, dearest } });
  return new Promise((done, fail) => void worker.once("message", done).once("error", fail));
}

function fuzzOne(harness: Harness, seconds: number, seed: number, jobs: number): Promise<Found> {
  const shared = sharedInput(harness.maxBytes);
  const task: WorkerTask = { parser: harness.name, seed, forMs: seconds * 1000, shared, corpus: readCorpus(values.corpus, harness.name) };
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: task, resourceLimits: { maxOldGenerationSizeMb: 1024 } });
  return new Promise((done) => {
    let last = { count: -1, used: process.cpuUsage() };
    const died = (what: string, detail: string): void => {
      clearInterval(watch);
      const { count: executions, input } = readInput(shared);
      const failure: Failure = { kind: "threw", what, detail, input };
      done({ parser: harness.name, executions, perSecond: 0, taken: 0, corpus: 0, kept: null, blocks: 0, dearest: [], processorSeconds: 0, heapBytesPerMillion: null, failures: [failure] });
      void worker.terminate();
    };
    const watch = setInterval(() => {
      const { count: executions } = readInput(shared);
      if (executions !== last.count) last = { count: executions, used: process.cpuUsage() };
      // A machine that has no time for us is no input's fault. All threads of the process count here, so there is some for each.
      else if (process.cpuUsage(last.used).user / 1000 > hangMs * jobs) died("never comes back", `no answer within ${hangMs / 1000} s of processor time`);
    }, 1_000);
    worker.once("message", (result: SearchResult) => {
      clearInterval(watch);
      done(result);
    });
    worker.once("error", (error) => died("the thread died", error.stack ?? error.message));
  });
}

function tell(result: Result, seed: number): void {
  const dir = join(resultsDir, result.parser);
  rmSync(dir, { recursive: true, force: true });
  const heap = result.heapBytesPerMillion === null ? "–" : `${(result.heapBytesPerMillion / 1024).toFixed(0)} KiB`;
  const takenShare = `${((100 * result.taken) / Math.max(1, result.executions)).toFixed(0)} %`;
  console.log(row([result.parser, count(result.executions), (result.processorSeconds / 60).toFixed(1), takenShare, String(result.blocks), `${result.worst.ms.toFixed(1)} ms`, kilobytes(result.worst.bytes), String(result.failures.length), heap]));
  for (const { kind, what, detail, input } of result.failures) {
    mkdirSync(dir, { recursive: true });
    const name = `${kind}-${createHash("sha256").update(what).digest("hex").slice(0, 8)}`;
    if (input !== null) writeFileSync(join(dir, `${name}.bin`), input);
    writeFileSync(join(dir, `${name}.txt`), `${result.parser}, seed ${seed}\n${kind}: ${what}\n\n${detail}\n\n${input === null ? "" : `${input.length} bytes: ${JSON.stringify(Buffer.from(input).toString("latin1").slice(0, 2000))}\n`}`);
    console.log(`    ${kind}: ${what}  (${input?.length ?? 0} bytes)`);
  }
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(20) : cell.padStart(11))).join(" ");
}

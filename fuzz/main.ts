/** npm run fuzz -- [--seconds N] [--parser NAME]… [--seed S] [--jobs J] [--replay FILE]. Exit code 1 where anything failed. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { Harness } from "./harness.ts";
import { parsers } from "./parsers.ts";
import type { Failure, SearchResult } from "./search.ts";
import { readInput, sharedInput } from "./shared-input.ts";
import type { WorkerTask } from "./shared-input.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    parser: { type: "string", multiple: true, default: [] },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    replay: { type: "string" },
  },
});
const resultsDir = resolve(import.meta.dirname, "../test-results/fuzz");
/** No input may take a hundredth of it. */
const hangMs = 20_000;

const chosen = values.parser.length === 0 ? parsers : values.parser.map(named);
if (values.replay === undefined) await fuzz();
else replay(values.replay);

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

/** Runs one input, so that its failure can be looked at with a debugger. */
function replay(file: string): void {
  const [harness] = chosen;
  if (harness === undefined || chosen.length !== 1) stop("--replay needs the one --parser it is for");
  const from = performance.now();
  const verdict = harness.run(new Uint8Array(readFileSync(file)));
  console.log(`${verdict} in ${(performance.now() - from).toFixed(1)} ms`);
}

async function fuzz(): Promise<void> {
  const [seconds, seed, jobs] = [whole("seconds", 1), whole("seed", 0), whole("jobs", 1)];
  mkdirSync(resultsDir, { recursive: true });
  console.log(`${chosen.length} parsers, ${seconds} s each, seed ${seed}, ${Math.min(jobs, chosen.length)} at a time\n`);
  console.log(row(["parser", "executions", "per s", "taken", "corpus", "blocks", "slowest", "heap/10⁶", "failures"]));
  const results: SearchResult[] = [];
  const waiting = [...chosen];
  const next = async (): Promise<void> => {
    for (let harness = waiting.shift(); harness !== undefined; harness = waiting.shift()) {
      const result = await fuzzOne(harness, seconds, seed);
      results.push(result);
      report(result, seed);
    }
  };
  await Promise.all(Array.from({ length: jobs }, next));
  const failed = results.reduce((sum, one) => sum + one.failures.length, 0);
  const summary = results.map(({ failures, ...figures }) => ({ ...figures, failures: failures.map(({ kind, what }) => `${kind}: ${what}`) }));
  writeFileSync(join(resultsDir, "summary.json"), `${JSON.stringify({ seconds, seed, results: summary }, null, 2)}\n`);
  const executions = results.reduce((sum, one) => sum + one.executions, 0);
  console.log(`\n${executions.toLocaleString("en")} executions, ${failed === 0 ? "no failure" : `${failed} failures; inputs in ${resultsDir}`}`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function fuzzOne(harness: Harness, seconds: number, seed: number): Promise<SearchResult> {
  const shared = sharedInput(harness.maxBytes);
  const task: WorkerTask = { parser: harness.name, seed, forMs: seconds * 1000, shared };
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: task, resourceLimits: { maxOldGenerationSizeMb: 1024 } });
  return new Promise((done) => {
    let lastCount = -1;
    let movedAt = Date.now();
    const died = (what: string, detail: string): void => {
      clearInterval(watch);
      const failure: Failure = { kind: "threw", what, detail, input: readInput(shared).input };
      done({ parser: harness.name, executions: readInput(shared).count, perSecond: 0, taken: 0, corpus: 0, blocks: 0, slowestMs: 0, heapBytesPerMillion: null, failures: [failure] });
      void worker.terminate();
    };
    const watch = setInterval(() => {
      const { count } = readInput(shared);
      if (count !== lastCount) [lastCount, movedAt] = [count, Date.now()];
      else if (Date.now() - movedAt > hangMs) died("never comes back", `no answer within ${hangMs / 1000} s`);
    }, 1_000);
    worker.once("message", (result: SearchResult) => {
      clearInterval(watch);
      done(result);
    });
    worker.once("error", (error) => died("the thread died", error.stack ?? error.message));
  });
}

function report(result: SearchResult, seed: number): void {
  const dir = join(resultsDir, result.parser);
  rmSync(dir, { recursive: true, force: true });
  const heap = result.heapBytesPerMillion === null ? "–" : `${(result.heapBytesPerMillion / 1024).toFixed(0)} KiB`;
  console.log(row([result.parser, result.executions.toLocaleString("en"), result.perSecond.toLocaleString("en"), `${((100 * result.taken) / Math.max(1, result.executions)).toFixed(0)} %`, String(result.corpus), String(result.blocks), `${result.slowestMs.toFixed(1)} ms`, heap, String(result.failures.length)]));
  for (const { kind, what, detail, input } of result.failures) {
    mkdirSync(dir, { recursive: true });
    const name = `${kind}-${createHash("sha256").update(what).digest("hex").slice(0, 8)}`;
    if (input !== null) writeFileSync(join(dir, `${name}.bin`), input);
    writeFileSync(join(dir, `${name}.txt`), `${result.parser}, seed ${seed}\n${kind}: ${what}\n\n${detail}\n\n${input === null ? "" : `${input.length} bytes: ${JSON.stringify(Buffer.from(input).toString("latin1").slice(0, 2000))}\n`}`);
    console.log(`    ${kind}: ${what}  (${input?.length ?? 0} bytes)`);
  }
}

function row(cells: readonly string[]): string {
  const widths = [20, 13, 9, 7, 7, 7, 10, 10, 9];
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]!))).join(" ");
}

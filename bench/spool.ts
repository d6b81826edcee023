/**
 * npm run bench spool: what recovering a spool costs by itself, without server and database: processor time and bytes read again, by what
 * many calls left that were cut off. The spool is made by the recorder's own code with a clock of the benchmark's, so that a minute of
 * 200 calls takes seconds; every start recovers a copy of it in a process of its own.
 *
 *   npm run bench spool -- [--calls 200] [--talk 5,66] [--rounds 3] [--beside DIR,DIR] [--profile DIR]
 *
 * `--beside`: other checkouts of this repository, with their dependencies, take their turns on the same spool. `--profile`: by V8, which
 * makes it slower.
 */
import { spawn } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { median, table } from "./figures.ts";
import { openResults } from "./results.ts";
import { makeSpool } from "./made-spool.ts";
import type { Recovered } from "./recover-once.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "200" }, talk: { type: "string", default: "5,66" }, rounds: { type: "string", default: "3" }, beside: { type: "string", default: "" }, profile: { type: "string" } } });
const [calls, rounds, talks] = [Number(values.calls), Number(values.rounds), values.talk.split(",").map(Number)];
if ([calls, rounds, ...talks].some((number) => !Number.isInteger(number) || number < 1)) throw new Error("--calls, --rounds and --talk are whole numbers from 1");
const here = resolve(import.meta.dirname, "..");
const checkouts = [here, ...values.beside.split(",").filter((dir) => dir !== "").map((dir) => resolve(dir))];

interface Run extends Recovered {
  readonly checkout: string;
  readonly talkSeconds: number;
}

async function recoverCopy(made: string, checkout: string, talkSeconds: number): Promise<Run> {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-spool-"));
  try {
    await cp(made, dir, { recursive: true });
    const profile = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(values.profile)}`];
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...profile, join(import.meta.dirname, "recover-once.ts"), checkout, dir], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((done) => child.once("close", done));
    if (code !== 0) throw new Error(`recovering with ${checkout} ended with ${String(code)}`);
    return { checkout: checkout === here ? "here" : checkout, talkSeconds, ...(JSON.parse(said) as Recovered) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const results = openResults<Run>("spool", { calls, talks, rounds });
for (const talkSeconds of talks) {
  const made = await mkdtemp(join(tmpdir(), "earwitness-made-"));
  try {
    await makeSpool(made, calls, talkSeconds);
    for (let round = 0; round < rounds; round += 1)
      for (const checkout of round % 2 === 0 ? checkouts : checkouts.toReversed()) {
        const run = await recoverCopy(made, checkout, talkSeconds);
        results.add(run);
        console.log(`${run.checkout}, ${talkSeconds} s: ${run.recordings} calls, ${run.packets} packets, after ${run.tookMs} ms (${run.lookedMs} of it until it is known what there is); processor time ${run.cpuMs} ms`);
      }
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

console.log(`\nRecovering the spool of ${calls} calls, medians of ${rounds} (ms)`);
table(
  ["", "talked s", "processor time", "of one call", "took", "until it is known what there is"],
  Object.values(Object.groupBy(results.runs, ({ checkout, talkSeconds }) => `${talkSeconds} ${checkout}`)).map((runs = []) => {
    const of = (figure: (run: Run) => number): number => median(runs.map(figure));
    return [runs[0]!.checkout, runs[0]!.talkSeconds, of((run) => run.cpuMs), (of((run) => run.cpuMs) / calls).toFixed(1), of((run) => run.tookMs), of((run) => run.lookedMs)];
  }),
);
console.log(`\nThe raw runs: ${results.path}`);

/**
 * npm run bench growth: what recorder, finish, sip and memory say at one, two and four times the load, and the power of the load with which
 * each grows: 1 is as it should be, 0 better than that, more than 1 is a wall somewhere ahead.
 *
 *   npm run bench growth -- [FILE …]
 *
 * FILE: raw runs of these benchmarks, which then count instead of new ones. Those that are missing are run: nine minutes for all.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exponentOf, median, quantile, table } from "./figures.ts";
import { readResults, rounded } from "./results.ts";
import type { Run as FinishRun } from "./finish.ts";
import type { Step } from "./memory.ts";
import type { Run as RecorderRun } from "./recorder.ts";
import type { Run as SipRun } from "./sip.ts";

interface Cost {
  readonly load: number;
  readonly cost: number;
}

interface Growth {
  readonly what: string;
  readonly costs: readonly Cost[];
}

/** The middle of what was measured at each load. */
function costsOf<Run>(runs: readonly Run[], load: (run: Run) => number, cost: (run: Run) => number): Cost[] {
  return [...Map.groupBy(runs, load)].map(([at, of]) => ({ load: at, cost: rounded(median(of.map(cost)), 2) })).toSorted((a, b) => a.load - b.load);
}

function memoryOf(steps: readonly Step[], state: Step["state"]): Growth {
  const of = steps.filter((step) => step.state === state);
  const base = of.find(({ calls }) => calls === 0)?.heldMb ?? 0;
  return { what: `memory: MB held by ${state} calls`, costs: costsOf(of.filter(({ calls }) => calls > 0), ({ calls }) => calls, ({ heldMb }) => heldMb - base) };
}

const parts: Readonly<Record<string, { readonly args: readonly string[]; growth(path: string): readonly Growth[] }>> = {
  recorder: {
    args: ["--calls", "250,500,1000", "--rounds", "1", "--only", "batch"],
    growth(path) {
      const runs = readResults<RecorderRun>(path, "recorder").runs.filter(({ way, starved }) => way === "batch" && !starved);
      return [{ what: "recorder: CPU ms a second, by calls", costs: costsOf(runs, ({ calls }) => calls, ({ calls, cpuMsPerStreamSecond }) => 2 * calls * cpuMsPerStreamSecond) }];
    },
  },
  finish: {
    args: ["--calls", "250,500,1000"],
    growth: (path) => [{ what: "finish: p99 ms to playable, by calls", costs: costsOf(readResults<FinishRun>(path, "finish").runs.filter(({ calls }) => calls > 1), ({ calls }) => calls, ({ playableMs }) => quantile(playableMs, 0.99)) }],
  },
  sip: {
    args: ["--at-once", "4,8,16", "--rounds", "1", "--only", "earwitness", "--transports", "udp"],
    growth(path) {
      const runs = readResults<SipRun>(path, "sip").runs.filter(({ way, transport }) => way === "earwitness" && transport === "udp");
      return [
        { what: "sip: CPU ms of 1,000 sessions, by lines", costs: costsOf(runs, ({ atOnce }) => atOnce, ({ cpuMs, databaseMs }) => 1_000 * (cpuMs + databaseMs)) },
        { what: "sip: p99 ms of INVITE, by lines", costs: costsOf(runs, ({ atOnce }) => atOnce, ({ inviteMs }) => inviteMs[1]) },
      ];
    },
  },
  memory: {
    args: [],
    growth(path) {
      const steps = readResults<Step>(path, "memory").runs;
      return (["idle", "active"] as const).map((state) => memoryOf(steps, state));
    },
  },
};

const { positionals } = parseArgs({ allowPositionals: true });
const given = new Map(positionals.map((path) => [(JSON.parse(readFileSync(path, "utf8")) as { bench: string }).bench, path]));
const dir = mkdtempSync(join(tmpdir(), "earwitness-growth-"));
const growths: Growth[] = [];
try {
  for (const [name, { args, growth }] of Object.entries(parts)) {
    const path = given.get(name) ?? join(dir, `${name}.json`);
    if (!given.has(name)) {
      const run = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "all.ts"), name, ...args, "--into", path], { stdio: "inherit" });
      if (run.status !== 0) throw new Error(`${name} ended with ${run.status ?? run.signal}`);
    }
    growths.push(...growth(path));
  }
} finally {
  rmSync(dir, { recursive: true });
}

console.log("\nHow costs grow with the load");
table(
  ["", "costs at loads", "grows with the load to the power of", "±"],
  growths.map(({ what, costs }) => {
    const { perX, error } = exponentOf(costs);
    return [what, costs.map(({ load, cost }) => `${cost} at ${load}`).join(", "), rounded(perX, 2), rounded(error, 2)];
  }),
);

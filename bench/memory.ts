/**
 * npm run bench memory: what a call costs in memory, by the difference that more of them make. An idle one is a dialog with its four ports
 * open and nothing sent; an active one has two streams of G.711. Seconds wait in memory until their piece, a minute at most, is sealed:
 * so each step is looked at for more than a minute, and the mean counts.
 *
 *   npm run bench memory -- [--steps 0,250,500,1000] [--seconds 65] [--only idle,active]
 */
import { parseArgs } from "node:util";
import { pause, startPlatform } from "../tests/platform.ts";
import { heldMib } from "../tests/slow/server-heap.ts";
import { exponentOf, slopeOf, table } from "./figures.ts";
import { sendStreams, startClient } from "./load.ts";
import { residentMb } from "./process-time.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({ options: { steps: { type: "string", default: "0,250,500,1000" }, seconds: { type: "string", default: "65" }, only: { type: "string", default: "idle,active" }, into: { type: "string" } } });
const [steps, seconds] = [values.steps.split(",").map(Number), Number(values.seconds)];
if ([seconds, ...steps].some((number) => !Number.isInteger(number) || number < 0) || steps.length < 2) throw new Error("--steps are two whole numbers or more, --seconds is one");
const states = (["idle", "active"] as const).filter((state) => values.only.split(",").includes(state));

const serverFile = "packages/server/src/main.ts";
/** Collections of garbage in one step. */
const looks = 5;
/** An idle call has nothing that fills up. */
const idleSeconds = 10;

export interface Step {
  readonly state: "idle" | "active";
  readonly calls: number;
  /** After a collection, main thread and workers: objects and buffers. */
  readonly heldMb: number;
  readonly residentMb: number;
}

async function climb(state: Step["state"], keep: (step: Step) => void): Promise<void> {
  const platform = await startPlatform({ EARWITNESS_LOG_LEVEL: "error", EARWITNESS_RTP_PORTS: "20000-29999" });
  const client = startClient();
  const most = Math.max(...steps);
  const sender = state === "active" ? await sendStreams({ ports: Array.from({ length: 2 * most }, () => [0, 0] as const), seconds: 24 * 3_600, to: "127.0.0.1" }) : null;
  try {
    // What the first calls bring into memory for good (code, caches, the database's connections) is no call's.
    await client.open({ server: platform.sipPort, calls: 20, perSecond: 50, name: "warm", rtpPort: 40_000 });
    await pause(2_000);
    await client.end();
    await pause(3_000);
    let calls = 0;
    for (const step of steps.toSorted((a, b) => a - b)) {
      const opened = await client.open({ server: platform.sipPort, calls: step - calls, perSecond: 50, name: `m${step}`, rtpPort: 40_000 });
      if (opened.refused > 0) throw new Error(`${opened.refused} calls were refused`);
      for (const [at, ports] of opened.calls.flatMap((call) => call.ports).entries()) sender?.move(2 * calls + at, ports);
      calls = step;
      const heldMb: number[] = [];
      const resident: number[] = [];
      for (let look = 0; look < looks; look += 1) {
        await pause(((state === "idle" ? idleSeconds : seconds) * 1000) / looks);
        resident.push(residentMb(platform.pid()));
        heldMb.push(await heldMib(platform.pid(), serverFile));
      }
      const mean = (all: readonly number[]): number => rounded(all.reduce((sum, one) => sum + one, 0) / all.length, 2);
      keep({ state, calls, heldMb: mean(heldMb), residentMb: mean(resident) });
      console.log(`${state} ${calls} calls: ${mean(heldMb).toFixed(1)} MB held, ${mean(resident).toFixed(0)} MB resident`);
    }
  } finally {
    sender?.close();
    client.close();
    await platform.close();
  }
}

const results = openResults<Step>("memory", { seconds, looks }, { into: values.into });
for (const state of states) await climb(state, (step) => results.add(step));

console.log("\nMemory by the difference that calls make (kB a call, ± standard error of the slope)");
table(
  ["", "held", "±", "resident", "±", "grows with calls to the power of"],
  states.map((state) => {
    const of = results.runs.filter((step) => step.state === state);
    const base = of[0]!;
    const kb = (figure: (step: Step) => number): [number, number] => {
      const { perX, error } = slopeOf(of.map((step) => ({ x: step.calls, y: figure(step) * 1024 })));
      return [rounded(perX, 1), rounded(error, 1)];
    };
    const exponent = exponentOf(of.slice(1).map((step) => ({ load: step.calls, cost: step.heldMb - base.heldMb })));
    return [state, ...kb((step) => step.heldMb), ...kb((step) => step.residentMb), rounded(exponent.perX, 2)];
  }),
);
console.log(`\nThe raw runs: ${results.path}`);

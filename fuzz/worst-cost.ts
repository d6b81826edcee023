/** What the dearest inputs of a search cost the parser alone. For a thread in which no blocks were ever counted: code that counts is slower for ever. */
import type { Harness } from "./harness.ts";
import { minimize } from "./minimize.ts";
import { msSince, quietly } from "./search.ts";
import type { Failure } from "./search.ts";

/** What the issue allows one input, of processor time. */
export const slowMs = 100;
const rounds = 5;
/** Some kernels count a thread's time in ticks of 4 ms: what is not longer than several of them is run several times. */
const tellingMs = 20;

export interface WorstCost {
  readonly worst: { readonly ms: number; readonly bytes: number };
  readonly failures: readonly Failure[];
}

export function findWorst(harness: Harness, dearest: readonly Uint8Array[]): WorstCost {
  const [worst] = dearest.map((input) => ({ input, ms: costMs(harness, input) })).toSorted((one, other) => other.ms - one.ms);
  if (worst === undefined) return { worst: { ms: 0, bytes: 0 }, failures: [] };
  const { input, ms } = worst;
  const cost = { ms, bytes: input.length };
  if (ms <= slowMs) return { worst: cost, failures: [] };
  const smallest = minimize(input, (candidate) => costMs(harness, candidate) > slowMs, 60);
  return { worst: cost, failures: [{ kind: "slow", what: "one input", detail: `${ms.toFixed(0)} ms of processor time, the least of ${rounds} rounds, for ${input.length} bytes`, input: smallest }] };
}

/** Of the thread, so that a busy machine is not the input's fault; the least of several rounds, because a collection of garbage is not either. */
function costMs(harness: Harness, input: Uint8Array): number {
  const run = harness.alone ?? ((one: Uint8Array) => quietly(harness, one));
  let leastMs = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const used = process.threadCpuUsage();
    let runs = 0;
    let ms = 0;
    for (; ms < tellingMs; ms = msSince(used), runs += 1) run(input);
    leastMs = Math.min(leastMs, ms / runs);
  }
  return leastMs;
}

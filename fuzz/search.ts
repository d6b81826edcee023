/**
 * The search itself: take an input that is known to reach something, change it, run it, keep it if it reached more. What decides which
 * inputs come is the seed alone; time only decides how many.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startBlockCoverage } from "./block-coverage.ts";
import { bytes as utf8 } from "./harness.ts";
import type { Harness, Verdict } from "./harness.ts";
import { minimize } from "./minimize.ts";
import { mutate } from "./mutate.ts";
import { createRandom } from "./random.ts";

export interface Failure {
  readonly kind: "threw" | "slow" | "grows" | "seed";
  /** What was wrong, in a form that tells one defect from another. */
  readonly what: string;
  readonly detail: string;
  /** As small as it could be made; null where no one input is to blame. */
  readonly input: Uint8Array | null;
}

export interface SearchResult {
  readonly parser: string;
  readonly executions: number;
  readonly perSecond: number;
  readonly taken: number;
  readonly corpus: number;
  readonly blocks: number;
  /** Inputs whose runs took longest, checks of the harness and counting of blocks included; `worst-cost.ts` says what they cost without. */
  readonly dearest: readonly Uint8Array[];
  readonly processorSeconds: number;
  /** What reached more than the seeds do: the corpus of the next run. */
  readonly kept: readonly Uint8Array[];
  /** Growth of the heap, corpus aside, as the second half of the run showed it; null where the run was too short to tell. */
  readonly heapBytesPerMillion: number | null;
  readonly failures: readonly Failure[];
}

export interface SearchOptions {
  readonly seed: number;
  /** Whichever comes first. */
  readonly forMs: number;
  readonly maxExecutions?: number;
  /** What an earlier run kept; runs after the seeds. */
  readonly corpus?: readonly Uint8Array[];
  /** Longer seeds are left out; none where absent. */
  readonly maxSeedBytes?: number;
  /** How often the heap is looked at; every second where absent. */
  readonly heapEveryExecutions?: number;
  /** Told each input before it runs, so that one that never comes back is known. */
  readonly before?: (input: Uint8Array) => void;
}

const dearestKept = 5;
/** Some kernels count a thread's time in ticks. */
const tickMs = 4;
const batchSize = 96;
const maxCorpus = 4_000;
/** Longer ones are run, but not kept: they would make every run after them slow. */
const maxKeptBytes = 32 * 1024;
const maxFailures = 20;
const heapEveryMs = 1_000;
/** Caches, compiled code and lazily made tables settle within this. */
const allowedGrowthBytes = 16 * 1024 * 1024;

export function search(harness: Harness, options: SearchOptions): SearchResult {
  const random = createRandom(options.seed);
  const words = harness.words.map(utf8);
  const coverage = startBlockCoverage(harness.covers);
  const corpus: Uint8Array[] = [];
  const failures: Failure[] = [];
  const seen = new Set<string>();
  const startedAt = performance.now();
  const samples: { readonly executions: number; readonly bytes: number }[] = [];
  let corpusBytes = 0;
  let executions = 0;
  let taken = 0;
  /** Dearest first. */
  const dearest: { readonly input: Uint8Array; readonly runMs: number }[] = [];
  const usedBefore = process.threadCpuUsage();
  let heapDueAt = startedAt;

  function fail(failure: Failure): void {
    const key = `${failure.kind} ${failure.what}`;
    if (seen.has(key) || failures.length === maxFailures) return;
    seen.add(key);
    failures.push(failure);
  }

  /** Null where it failed. */
  function execute(input: Uint8Array): Verdict | null {
    executions += 1;
    options.before?.(input);
    try {
      let verdict: Verdict = "refused";
      const atMostMs = mostMs(() => (verdict = harness.run(input)));
      if (isDear(atMostMs)) noteDear(input, atMostMs);
      return verdict;
    } catch (thrown) {
      const what = whatOf(thrown);
      if (!seen.has(`threw ${what}`)) {
        const smallest = minimize(input, (candidate) => whatOfRun(harness, candidate) === what);
        fail({ kind: "threw", what, detail: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown), input: smallest });
      }
      return null;
    }
  }

  function isDear(runMs: number): boolean {
    return dearest.length < dearestKept || runMs > dearest.at(-1)!.runMs;
  }

  function noteDear(input: Uint8Array, firstMs: number): void {
    // The machine had something else to do in one run, hardly in three.
    const runMs = Math.min(firstMs, mostMs(() => harness.run(input)), mostMs(() => harness.run(input)));
    if (!isDear(runMs)) return;
    dearest.push({ input, runMs });
    dearest.sort((one, other) => other.runMs - one.runMs).splice(dearestKept);
  }

  function keep(input: Uint8Array): void {
    if (input.length > maxKeptBytes || corpus.length === maxCorpus) return;
    corpus.push(input);
    corpusBytes += input.length;
  }

  function measureHeap(): void {
    heapDueAt = performance.now() + heapEveryMs;
    collectGarbage();
    const { used_heap_size, external_memory } = getHeapStatistics();
    samples.push({ executions, bytes: used_heap_size + external_memory - corpusBytes });
  }

  for (const seed of harness.seeds) {
    if (seed.bytes.length > (options.maxSeedBytes ?? Infinity)) continue;
    const verdict = execute(seed.bytes);
    if (verdict !== null && verdict !== seed.verdict) fail({ kind: "seed", what: `seed "${seed.name}" is ${verdict}`, detail: `it should be ${seed.verdict}`, input: seed.bytes });
    coverage.take();
    keep(seed.bytes);
  }

  const seeds = corpus.length;
  function choose(): Uint8Array {
    const newest = Math.min(corpus.length, 64);
    return random.pick(random.once(4) ? corpus.slice(0, seeds) : random.once(3) ? corpus.slice(-newest) : corpus);
  }

  const earlier = [...(options.corpus ?? [])];
  const deadline = startedAt + options.forMs;
  while (performance.now() < deadline && executions < (options.maxExecutions ?? Infinity)) {
    const batch = earlier.length > 0 ? earlier.splice(0, batchSize) : Array.from({ length: batchSize }, mutant);
    for (const input of batch) if (execute(input) === "taken") taken += 1;
    if (coverage.take() > 0) keepWhatReachedMore(batch);
    if (options.heapEveryExecutions === undefined ? performance.now() >= heapDueAt : executions >= samples.length * options.heapEveryExecutions) measureHeap();
  }

  function mutant(): Uint8Array {
    const changed = mutate(choose(), { random, words, other: choose(), maxBytes: harness.maxBytes });
    return harness.repair === undefined || random.once(4) ? changed : harness.repair(changed);
  }

  /** Something among these ran code that had never run: they run again, by halves, to see which did. */
  function keepWhatReachedMore(inputs: readonly Uint8Array[]): void {
    const [only] = inputs;
    if (inputs.length === 1 && only !== undefined) return keep(only);
    coverage.forgetLast();
    for (const half of [inputs.slice(0, inputs.length >> 1), inputs.slice(inputs.length >> 1)]) {
      for (const input of half) quietly(harness, input);
      if (coverage.take() > 0) keepWhatReachedMore(half);
    }
  }

  const blocks = coverage.blocks();
  coverage.stop();
  const seconds = (performance.now() - startedAt) / 1000;
  const heapBytesPerMillion = slopeOf(samples.slice(samples.length >> 1));
  const grown = samples.length < 8 ? 0 : (samples.at(-1)?.bytes ?? 0) - (samples[samples.length >> 1]?.bytes ?? 0);
  if (grown > allowedGrowthBytes) fail({ kind: "grows", what: "memory", detail: `${(grown / 2 ** 20).toFixed(1)} MiB more at the end than half-way, corpus aside`, input: null });
  return { parser: harness.name, executions, perSecond: Math.round(executions / seconds), taken, corpus: corpus.length, kept: [...corpus.slice(seeds), ...earlier], blocks, dearest: dearest.map(({ input }) => input), processorSeconds: msSince(usedBefore) / 1000, heapBytesPerMillion, failures };
}

/** The sentence, without the numbers and quotations that differ from input to input. */
function whatOf(thrown: unknown): string {
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const place = thrown instanceof Error ? (/\/([\w.-]+\.ts):\d+/.exec(thrown.stack ?? "")?.[1] ?? "") : "";
  return `${message.split("\n", 1)[0]?.slice(0, 200).replaceAll(/\d+/g, "#")} ${place}`.trim();
}

function whatOfRun(harness: Harness, input: Uint8Array): string | null {
  try {
    harness.run(input);
    return null;
  } catch (thrown) {
    return whatOf(thrown);
  }
}

export function quietly(harness: Harness, input: Uint8Array): void {
  whatOfRun(harness, input);
}

/** More than this it did not cost: not more than the time that went by, nor than the processor says. */
function mostMs(run: () => void): number {
  const from = performance.now();
  const used = process.threadCpuUsage();
  run();
  return Math.min(performance.now() - from, msSince(used) + tickMs);
}

export function msSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** Least squares, per million executions; null for fewer than four samples. */
function slopeOf(samples: readonly { readonly executions: number; readonly bytes: number }[]): number | null {
  if (samples.length < 4) return null;
  const meanX = samples.reduce((sum, one) => sum + one.executions, 0) / samples.length;
  const meanY = samples.reduce((sum, one) => sum + one.bytes, 0) / samples.length;
  const covariance = samples.reduce((sum, one) => sum + (one.executions - meanX) * (one.bytes - meanY), 0);
  const variance = samples.reduce((sum, one) => sum + (one.executions - meanX) ** 2, 0);
  return variance === 0 ? null : (covariance / variance) * 1e6;
}

/** The flag can be set while running; the function then appears in contexts made afterwards. */
const collectGarbage = ((): (() => void) => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();

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
  readonly slowestMs: number;
  /** Growth of the heap, corpus aside, as the second half of the run showed it; null where the run was too short to tell. */
  readonly heapBytesPerMillion: number | null;
  readonly failures: readonly Failure[];
}

export interface SearchOptions {
  readonly seed: number;
  /** Whichever comes first. */
  readonly forMs: number;
  readonly maxExecutions?: number;
  /** How often the heap is looked at; every second where absent. */
  readonly heapEveryExecutions?: number;
  /** Told each input before it runs, so that one that never comes back is known. */
  readonly before?: (input: Uint8Array) => void;
}

/** What the issue allows one input, of CPU time. */
export const slowMs = 100;
/** Above this a wall-clock time is worth measuring again: the machine runs other things too. */
const suspiciousMs = 15;
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
  let slowestMs = 0;
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
    const from = performance.now();
    try {
      const verdict = harness.run(input);
      const tookMs = performance.now() - from;
      if (tookMs > slowestMs) noteTime(input, tookMs);
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

  function noteTime(input: Uint8Array, tookMs: number): void {
    const honestMs = tookMs < suspiciousMs ? tookMs : cpuMs(harness, input);
    slowestMs = Math.max(slowestMs, honestMs);
    if (honestMs <= slowMs || seen.has("slow one input")) return;
    const smallest = minimize(input, (candidate) => cpuMs(harness, candidate) > slowMs, 60);
    fail({ kind: "slow", what: "one input", detail: `${honestMs.toFixed(0)} ms of CPU time, the best of three, for ${input.length} bytes`, input: smallest });
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

  const deadline = startedAt + options.forMs;
  while (performance.now() < deadline && executions < (options.maxExecutions ?? Infinity)) {
    const batch = Array.from({ length: batchSize }, () => {
      const mutant = mutate(choose(), { random, words, other: choose(), maxBytes: harness.maxBytes });
      return harness.repair === undefined || random.once(4) ? mutant : harness.repair(mutant);
    });
    for (const input of batch) if (execute(input) === "taken") taken += 1;
    if (coverage.take() > 0) keepWhatReachedMore(batch);
    if (options.heapEveryExecutions === undefined ? performance.now() >= heapDueAt : executions >= samples.length * options.heapEveryExecutions) measureHeap();
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
  return { parser: harness.name, executions, perSecond: Math.round(executions / seconds), taken, corpus: corpus.length, blocks, slowestMs, heapBytesPerMillion, failures };
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

function quietly(harness: Harness, input: Uint8Array): void {
  whatOfRun(harness, input);
}

/** Of the parser alone, and of its thread, without what other processes took; the best of three, because a collection of garbage is not the input's doing. */
function cpuMs(harness: Harness, input: Uint8Array): number {
  let bestMs = Infinity;
  for (let run = 0; run < 3; run += 1) {
    const before = process.threadCpuUsage();
    if (harness.alone === undefined) quietly(harness, input);
    else harness.alone(input);
    const used = process.threadCpuUsage(before);
    bestMs = Math.min(bestMs, (used.user + used.system) / 1000);
  }
  return bestMs;
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

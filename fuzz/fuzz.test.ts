import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCorpus, writeCorpus } from "./corpus-files.ts";
import { demand, harness, refused, taken } from "./harness.ts";
import { added, noteRun, readLedger, secondsOf } from "./ledger.ts";
import type { LedgerEntry } from "./ledger.ts";
import { minimize } from "./minimize.ts";
import { mutate } from "./mutate.ts";
import { parsers } from "./parsers.ts";
import { createRandom } from "./random.ts";
import { search } from "./search.ts";
import { digestOf, sourcesOf } from "./sources.ts";
import { findWorst, slowMs } from "./worst-cost.ts";

/** Enough to leave the seeds, and always the same inputs: what fails here fails everywhere. The dearest seeds have tests of their own. */
const short = { seed: 1, forMs: 15_000, maxExecutions: 2_500, maxSeedBytes: 32 * 1024 };

describe.each(parsers)("$name", (parser) => {
  test.each(parser.seeds)("seed: $name", ({ bytes, verdict }) => {
    expect(parser.run(bytes)).toBe(verdict);
  });

  test("a short search finds no failure and leaves the seeds", () => {
    const result = search(parser, short);
    expect(result.failures.map(({ kind, what, detail }) => `${kind}: ${what}\n${detail}`)).toEqual([]);
    expect(result.executions).toBeGreaterThan(500);
    expect(result.taken).toBeGreaterThan(0);
    expect(result.taken).toBeLessThan(result.executions);
    expect(result.blocks).toBeGreaterThan(1);
  });
});

describe("the search itself", () => {
  /** Refuses everything but what begins with F, U, Z, Z, each behind a branch of its own. */
  function staircase(input: Uint8Array): "taken" | "refused" {
    if (input[0] !== 70) return "refused";
    if (input[1] !== 85) return "refused";
    if (input[2] !== 90) return "refused";
    demand(input[3] !== 90, "found it");
    return "taken";
  }
  const seeds = [refused("nothing near", "aaaaaa"), taken("three steps", "FUZ")];

  test("coverage leads it down branches that chance would not find, and what fails is made small", () => {
    const stairs = harness({ name: "stairs", seeds: [seeds[0]!], words: [], run: staircase, covers: ["fuzz.test.ts"], maxBytes: 64 });
    const { failures, corpus } = search(stairs, { seed: 5, forMs: 20_000, maxExecutions: 400_000 });
    expect(corpus).toBeGreaterThan(2);
    expect(failures.map(({ what }) => what)).toEqual([expect.stringContaining("found it")]);
    expect(Buffer.from(failures[0]!.input!).toString()).toBe("FUZZ");
  }, 30_000);

  test("the same seed runs the same inputs", () => {
    const inputsOf = (seed: number): string[] => {
      const inputs: string[] = [];
      search(harness({ name: "stairs", seeds, words: ["Z"], run: staircase, covers: ["fuzz.test.ts"], maxBytes: 64 }), { seed, forMs: 20_000, maxExecutions: 2_000, before: (input) => inputs.push(Buffer.from(input).toString("latin1")) });
      return inputs;
    };
    expect(inputsOf(3)).toEqual(inputsOf(3));
    expect(inputsOf(3)).not.toEqual(inputsOf(4));
  });

  test("an input over the limit, a seed of another verdict, and memory that grows are failures", () => {
    const busy = (ms: number): void => {
      const from = process.threadCpuUsage();
      while (process.threadCpuUsage(from).user < ms * 1000);
    };
    const slow = harness({ name: "slow", seeds: [taken("a", "a")], words: [], maxBytes: 8, run: (input) => (input[0] === 98 ? busy(slowMs + 40) : undefined, "taken") });
    const bySeed = findWorst(slow, search({ ...slow, seeds: [taken("b", "b"), taken("a", "a")] }, { seed: 1, forMs: 1, maxExecutions: 1 }).dearest);
    expect(bySeed.failures.map(({ kind, input }) => [kind, Buffer.from(input!).toString()])).toEqual([["slow", "b"]]);
    expect(bySeed.worst.ms).toBeGreaterThan(slowMs);
    expect(bySeed.worst.bytes).toBe(1);
    const verdict = search({ ...slow, seeds: [refused("a", "a")] }, { seed: 1, forMs: 1, maxExecutions: 1 });
    expect(verdict.failures.map(({ kind }) => kind)).toEqual(["seed"]);

    const kept: Uint8Array[] = [];
    const leaking = harness({ name: "leaking", seeds: [taken("a", "a")], words: [], maxBytes: 8, run: () => (kept.push(new Uint8Array(4_096).fill(1)), "taken") });
    const grown = search(leaking, { seed: 1, forMs: 25_000, maxExecutions: 24_000, heapEveryExecutions: 2_000 });
    expect(grown.failures.map(({ kind }) => kind)).toEqual(["grows"]);
  }, 30_000);

  test("time that passes while the processor does something else is not the input's", () => {
    const waiting = harness({ name: "waiting", seeds: [taken("a", "a")], words: [], maxBytes: 8, run: () => (Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1), "taken") });
    const { failures, worst } = findWorst(waiting, search(waiting, { seed: 1, forMs: 1, maxExecutions: 1 }).dearest);
    expect(failures).toEqual([]);
    expect(worst.ms).toBeLessThan(1);
  });

  test("what an earlier run kept runs again first, and is kept as long as it reaches more", () => {
    /** Compiled for the first time while blocks are counted: V8 counts in no other code. */
    function twoSteps(input: Uint8Array): "taken" | "refused" {
      if (input[0] !== 70) return "refused";
      return input[1] === 85 ? "taken" : "refused";
    }
    const stairs = harness({ name: "two steps", seeds: [seeds[0]!], words: [], run: twoSteps, covers: ["fuzz.test.ts"], maxBytes: 64 });
    const inputs: string[] = [];
    const { kept } = search(stairs, { seed: 5, forMs: 20_000, maxExecutions: 3, corpus: ["FUx", "FUy"].map((one) => new TextEncoder().encode(one)), before: (input) => inputs.push(Buffer.from(input).toString()) });
    expect(inputs.slice(0, 3)).toEqual(["aaaaaa", "FUx", "FUy"]);
    expect(kept.map((one) => Buffer.from(one).toString())).toEqual(["FUx"]);
  });

  test("minimizing keeps what fails and drops the rest", () => {
    const input = new TextEncoder().encode("some text with a needle in the middle of it");
    const smallest = minimize(input, (candidate) => new TextDecoder().decode(candidate).includes("needle"));
    expect(new TextDecoder().decode(smallest)).toBe("needle");
  });

  test("mutants keep to the longest length", () => {
    const random = createRandom(9);
    let longest = 0;
    for (let count = 0; count < 5_000; count += 1) longest = Math.max(longest, mutate(new Uint8Array(100), { random, words: [], other: new Uint8Array(100), maxBytes: 2_000 }).length);
    expect(longest).toBeGreaterThan(1_000);
    expect(longest).toBeLessThanOrEqual(2_000);
  });
});

describe("from run to run", () => {
  const entry: LedgerEntry = { sources: "a", executions: 10, processorSeconds: 5, worst: { ms: 3, bytes: 100 }, blocks: 40, findings: ["threw: x"] };

  test("time adds up on the same sources, and begins anew on others", () => {
    const run: LedgerEntry = { sources: "a", executions: 7, processorSeconds: 2.54, worst: { ms: 2, bytes: 9_000 }, blocks: 50, findings: ["threw: x", "slow: y"] };
    expect(added(entry, run)).toEqual({ sources: "a", executions: 17, processorSeconds: 7.5, worst: { ms: 3, bytes: 100 }, blocks: 50, findings: ["threw: x", "slow: y"] });
    expect(added(entry, { ...run, sources: "b" })).toEqual({ ...run, sources: "b", processorSeconds: 2.5 });
    expect([secondsOf({ p: entry }, "p", "a"), secondsOf({ p: entry }, "p", "b"), secondsOf({}, "p", "a")]).toEqual([5, 0, 0]);
  });

  test("the ledger is written whole, and two that write do not undo each other", () => {
    const dir = mkdtempSync(join(tmpdir(), "ledger-"));
    const file = join(dir, "ledger.json");
    try {
      expect(readLedger(file)).toEqual({});
      noteRun(file, "sdp", entry);
      noteRun(file, "rtp", entry);
      noteRun(file, "sdp", entry);
      expect(readLedger(file)).toMatchObject({ rtp: { executions: 10 }, sdp: { executions: 20 } });
      expect(readdirSync(dir)).toEqual(["ledger.json"]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("a corpus comes back as it was, and what it no longer holds is gone", () => {
    const dir = mkdtempSync(join(tmpdir(), "corpus-"));
    const [one, other] = [Uint8Array.of(1, 2), new Uint8Array()];
    try {
      expect(readCorpus(dir, "sdp")).toEqual([]);
      writeCorpus(dir, "sdp", [one, other, one]);
      expect(readCorpus(dir, "sdp").toSorted((a, b) => b.length - a.length)).toEqual([one, other]);
      writeCorpus(dir, "sdp", [other]);
      expect(readCorpus(dir, "sdp")).toEqual([other]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("a parser's sources are its harness and what that reaches, and no other parser's", () => {
    expect(sourcesOf("recording-metadata")).toEqual(expect.arrayContaining(["fuzz/parsers/recording-metadata.ts", "packages/media/src/rs-metadata.ts", "packages/media/src/rs-merge.ts", "packages/media/src/xml.ts", "packages/media/src/parsed.ts"]));
    expect(sourcesOf("recording-metadata").filter((file) => /sdp|rtp|fuzz\/\w+\.ts/.test(file))).toEqual([]);
    expect(sourcesOf("srtp")).toEqual(expect.arrayContaining(["packages/media/src/srtp-keystream.ts", "packages/media/src/testing/srtp-sender.ts"]));
  });

  test.each(parsers.map(({ name }) => name))("%s has a digest of its sources", (name) => {
    expect(sourcesOf(name).length).toBeGreaterThan(1);
    expect(digestOf(name)).toMatch(/^[0-9a-f]{16}$/);
  });
});

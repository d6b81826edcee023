import { describe, expect, test } from "vitest";
import { demand, harness, refused, taken } from "./harness.ts";
import { minimize } from "./minimize.ts";
import { mutate } from "./mutate.ts";
import { parsers } from "./parsers.ts";
import { createRandom } from "./random.ts";
import { search, slowMs } from "./search.ts";

/** Enough to leave the seeds, and always the same inputs: what fails here fails everywhere. */
const short = { seed: 1, forMs: 15_000, maxExecutions: 2_500 };

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
    const bySeed = search({ ...slow, seeds: [taken("b", "b")] }, { seed: 1, forMs: 1, maxExecutions: 1 });
    expect(bySeed.failures.map(({ kind, input }) => [kind, Buffer.from(input!).toString()])).toEqual([["slow", "b"]]);
    const verdict = search({ ...slow, seeds: [refused("a", "a")] }, { seed: 1, forMs: 1, maxExecutions: 1 });
    expect(verdict.failures.map(({ kind }) => kind)).toEqual(["seed"]);

    const kept: Uint8Array[] = [];
    const leaking = harness({ name: "leaking", seeds: [taken("a", "a")], words: [], maxBytes: 8, run: () => (kept.push(new Uint8Array(4_096).fill(1)), "taken") });
    const grown = search(leaking, { seed: 1, forMs: 10_500, maxExecutions: 60_000, heapEveryExecutions: 5_000 });
    expect(grown.failures.map(({ kind }) => kind)).toEqual(["grows"]);
  }, 30_000);

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

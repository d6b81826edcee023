import { defineConfig } from "vitest/config";
import { DearFirst } from "./scripts/dear-first.mjs";
import { nodeFlags } from "./scripts/node-flags.mjs";

const database = ["packages/**/*.db.test.ts"];
const sip = ["packages/**/*.sipp.test.ts", "tests/calls/**/*.test.ts"];
const browser = ["tests/browser/**/*.test.ts"];

/** Kinds of test, each a project, so that `npm test` can count and run them apart. */
export default defineConfig({
  test: {
    reporters: ["default"],
    execArgv: [...nodeFlags],
    maxWorkers: 2, // left alone it takes one on two cores, and most of what these tests do is wait
    sequence: { sequencer: DearFirst },
    projects: [
      { test: { name: "unit", include: ["packages/**/*.test.ts", "fuzz/**/*.test.ts", "bench/**/*.test.ts"], exclude: ["**/node_modules/**", ...database, ...sip], testTimeout: 20_000, hookTimeout: 30_000 } },
      { test: { name: "database", include: database, globalSetup: "packages/server/src/testing/global-setup.ts", testTimeout: 30_000, hookTimeout: 60_000 } },
      { test: { name: "calls", include: sip, globalSetup: "tests/prepare-cluster.ts", testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false } },
      { test: { name: "browser", include: browser, testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
});

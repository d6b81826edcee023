/** One parser in a thread of its own: an input that never comes back, or takes all memory, ends the thread and not the run. */
import { parentPort, workerData } from "node:worker_threads";
import { startBlockCoverage } from "./block-coverage.ts";
import { writeInput } from "./shared-input.ts";
import type { WorkerTask } from "./shared-input.ts";

// V8 counts blocks only in code that it compiled while it counted: harnesses run parsers to make their seeds, so this comes before them.
const early = startBlockCoverage([]);
const { parsers } = await import("./parsers.ts");
const { search } = await import("./search.ts");

const { parser, seed, forMs, shared, corpus } = workerData as WorkerTask;
const harness = parsers.find(({ name }) => name === parser);
if (harness === undefined) throw new Error(`no parser ${parser}`);
const result = search(harness, { seed, forMs, corpus, before: (input) => writeInput(shared, input) });
early.stop();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
parentPort?.postMessage(result);

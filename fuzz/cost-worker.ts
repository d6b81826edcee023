/** A fresh thread, for `worst-cost.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { parsers } from "./parsers.ts";
import { findWorst } from "./worst-cost.ts";

const { parser, dearest } = workerData as { readonly parser: string; readonly dearest: readonly Uint8Array[] };
const harness = parsers.find(({ name }) => name === parser);
if (harness === undefined) throw new Error(`no parser ${parser}`);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
parentPort?.postMessage(findWorst(harness, dearest));

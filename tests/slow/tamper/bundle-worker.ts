/** Bundles need no database: they are tried on a thread of their own. */
import { parentPort, workerData } from "node:worker_threads";
import { tamperBundles } from "./bundles.ts";
import { createRandom, createTallies } from "./tally.ts";

const port = parentPort!;
const { seed, every, honest } = workerData as { seed: number; every: number; honest: number };
const tallies = createTallies();
await tamperBundles({ every, honest, random: createRandom(seed), tallies });
port.postMessage({ all: tallies.all, wrong: tallies.wrong });

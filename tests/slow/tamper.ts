/**
 * npm run test:slow:tamper [-- --seed 1] [--scale 1] [--place 17]: ten thousand places of the database, of what is stored, of bundles and of
 * what is shown to others, each changed by somebody who could, and as many honest looks. Fails where one change is missed or not named, or an
 * honest look alarms. `--place`: of the installation that fsck checks, this one place alone.
 */
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { createDb } from "../../packages/server/src/db/index.ts";
import { quietLog } from "../../packages/server/src/testing/index.ts";
import { createTestServer, databaseUrl } from "../../packages/server/src/testing/test-server.ts";
import { table } from "../../bench/figures.ts";
import { tamperClock } from "./tamper/clock.ts";
import { tamperObjects } from "./tamper/objects.ts";
import { createTamperedInstallation } from "./tamper/tampered-installation.ts";
import { createRandom, createTallies, type Tally } from "./tamper/tally.ts";
import { tamperViews } from "./tamper/views.ts";

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" }, scale: { type: "string", default: "1" }, place: { type: "string" } } });
const only = values.place === undefined ? undefined : Number(values.place);
const [seed, scale] = [Number(values.seed), Number(values.scale)];
if (!Number.isInteger(seed) || !(scale > 0 && scale <= 100)) throw new Error("--seed is a whole number, --scale a number above 0");
const some = (count: number): number => Math.max(1, Math.round(count * scale));

const startedMs = performance.now();
const tallies = createTallies();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const done = (what: string): void => say(`${((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4)} s  ${what}`);

// What needs no database runs beside what does.
const bundles = only !== undefined ? Promise.resolve() : new Promise<void>((ended, failed) => {
  const worker = new Worker(new URL("tamper/bundle-worker.ts", import.meta.url), { workerData: { seed, every: scale >= 1 ? 1 : Math.round(1 / scale), honest: some(1_000) } });
  worker.on("message", ({ all, wrong }: { all: Tally[]; wrong: string[] }) => {
    tallies.add(all, wrong);
    done("every byte of a bundle");
  });
  worker.on("error", failed);
  worker.on("exit", () => ended());
});
const server = await createTestServer(process.env["EARWITNESS_TEST_DB_URL"]);
const db = createDb({ url: databaseUrl(server.superuserUrl, server.template, server.owner), log: quietLog });
try {
  if (only === undefined) {
    const random = createRandom(seed);
    await tamperObjects(some(1_500), some(2_000), random, tallies);
    done("stored objects");
    await tamperViews(some(1_000), some(5_000), random, tallies);
    done("two histories");
    await tamperClock(db, some(50), some(150), random, tallies);
    done("the clock");
  }
  const installation = await createTamperedInstallation({ db, superuserUrl: databaseUrl(server.superuserUrl, server.template), seed });
  try {
    const places = some(4_000);
    const beganMs = performance.now();
    await installation.tamper(places, tallies, only);
    done(`the installation, ${((performance.now() - beganMs) / (only === undefined ? places : 1)).toFixed(0)} ms a place`);
    if (only === undefined) await installation.look(some(2_500), tallies);
    done("honest looks");
  } finally {
    await installation.close();
  }
} finally {
  await db.close();
  await server.close();
}
await bundles;

const row = ({ kind, tried, noticed, named, honest, falseAlarms }: Tally): string[] => [kind, ...[tried, noticed, named, honest, falseAlarms].map(String)];
const sum = tallies.all.reduce((total, one) => ({ ...total, tried: total.tried + one.tried, noticed: total.noticed + one.noticed, named: total.named + one.named, honest: total.honest + one.honest, falseAlarms: total.falseAlarms + one.falseAlarms }), { kind: "all", tried: 0, noticed: 0, named: 0, honest: 0, falseAlarms: 0 });
table(["what was changed", "tried", "noticed", "named", "honest looks", "false alarms"], [...tallies.all.map(row), row(sum)]);
for (const wrong of tallies.wrong.slice(0, 50)) say(wrong);
say(`Seed ${seed}, ${((performance.now() - startedMs) / 60_000).toFixed(1)} minutes: ${tallies.wrong.length === 0 ? "none missed, each named, no false alarm" : `${tallies.wrong.length} wrong`}`);
process.exitCode = tallies.wrong.length === 0 ? 0 : 1;

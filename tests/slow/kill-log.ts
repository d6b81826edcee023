/**
 * npm run test:slow:log [-- --rounds 200]: twenty writers of evidence, a sequencer and a checkpoint keeper are killed at random moments and
 * started again on what they left. Exit code 1 where a row that was acknowledged is missing, or rows, log and tree do not agree.
 */
import { parseArgs } from "node:util";
import { createDb } from "../../packages/server/src/db/index.ts";
import { killRounds, quietLog } from "../../packages/server/src/testing/index.ts";
import { createTestServer, databaseUrl } from "../../packages/server/src/testing/test-server.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "200" } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds is a whole number from 1");

const server = await createTestServer(process.env["EARWITNESS_TEST_DB_URL"]);
const url = databaseUrl(server.superuserUrl, server.template, server.owner);
const db = createDb({ url, log: quietLog });
const startedMs = performance.now();
try {
  const { acknowledged, rows, checkpoints, wrong } = await killRounds({ db, url }, rounds, (round, count, bad) => {
    if (round % 10 === 0) console.log(`${round} kills, ${count} rows acknowledged, ${bad} things wrong, ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  });
  for (const what of wrong.slice(0, 50)) console.log(`WRONG ${what}`);
  console.log(`${rounds} kills under 20 writers: ${acknowledged} rows acknowledged, ${rows} in the log, ${checkpoints} checkpoints, ${wrong.length === 0 ? "nothing missing, rows, log and tree agree" : `${wrong.length} things wrong`}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await db.close();
  await server.close();
}

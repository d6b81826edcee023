import { afterAll, beforeAll, expect, test } from "vitest";
import { tamperBundles } from "../../../../tests/slow/tamper/bundles.ts";
import { tamperClock } from "../../../../tests/slow/tamper/clock.ts";
import { tamperObjects } from "../../../../tests/slow/tamper/objects.ts";
import { createRandom, createTallies } from "../../../../tests/slow/tamper/tally.ts";
import { createTamperedInstallation } from "../../../../tests/slow/tamper/tampered-installation.ts";
import { tamperViews } from "../../../../tests/slow/tamper/views.ts";
import { createTestDatabase, type TestDatabase } from "../testing/index.ts";

/* A slice of `npm run test:slow:tamper`, which tries ten thousand places. */

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

test("MON-21 places of log, store, bundle and of what others are shown: each change is noticed and named, and nothing else alarms", async () => {
  const [random, tallies] = [createRandom(20_261_127), createTallies()];
  await tamperObjects(40, 10, random, tallies);
  await tamperViews(15, 30, random, tallies);
  await tamperClock(database.db, 2, 4, random, tallies);
  await tamperBundles({ every: 500, honest: 5, random, tallies });
  const installation = await createTamperedInstallation({ db: database.db, superuserUrl: database.superuserUrl, seed: 20_261_127, rows: 120 });
  try {
    await installation.tamper(60, tallies);
    await installation.look(15, tallies);
  } finally {
    await installation.close();
  }
  expect(tallies.wrong).toEqual([]);
  const sum = (of: (tally: (typeof tallies.all)[number]) => number): number => tallies.all.reduce((total, tally) => total + of(tally), 0);
  expect(sum(({ tried }) => tried)).toBeGreaterThan(150);
  expect([sum(({ noticed }) => noticed), sum(({ named }) => named)]).toEqual([sum(({ tried }) => tried), sum(({ tried }) => tried)]);
  expect(sum(({ honest }) => honest)).toBe(64);
}, 300_000);

import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, killRounds, type TestDatabase } from "../testing/index.ts";

let database: TestDatabase;
beforeAll(async () => void (database = await createTestDatabase()));
afterAll(() => database?.close());

/** 200 rounds: tests/slow/kill-log.ts. */
test("PLT-14 kill -9 at any moment under 20 writers: nothing acknowledged is missing, and rows, log and tree agree after the restart", async () => {
  const { wrong, acknowledged, rows, checkpoints } = await killRounds(database, 8);
  expect(wrong).toEqual([]);
  expect(acknowledged).toBeGreaterThan(100);
  expect(rows).toBeGreaterThanOrEqual(acknowledged);
  expect(checkpoints).toBeGreaterThanOrEqual(3);
}, 240_000);

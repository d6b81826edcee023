import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeRunLock } from "./run-lock.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-lock-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test("one server for a data directory; the second is told who holds it", async () => {
  const lock = await takeRunLock(dir);
  await expect(takeRunLock(dir, 300)).rejects.toThrow(new RegExp(`process ${process.pid}.*EARWITNESS_DATA_DIR`));
  await lock.release();
  await (await takeRunLock(dir, 300)).release();
});

test("what a killed server left behind does not stop the next one", async () => {
  await mkdir(join(dir, "run"));
  for (const left of ["", "999999999 1\n", `${process.pid} 1\n`]) {
    await writeFile(join(dir, "run/server.pid"), left);
    await (await takeRunLock(dir, 300)).release();
  }
});

import { mkdtemp, readdir, rm, writeFile, mkdir } from "node:fs/promises";
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

test("of many that start at once beside a stale lock one gets it", async () => {
  await mkdir(join(dir, "run"));
  for (let round = 0; round < 30; round += 1) {
    await writeFile(join(dir, "run/server.pid"), "999999999 1\n");
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => takeRunLock(dir, 0)));
    const held = taken.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(held).toHaveLength(1);
    expect(await readdir(join(dir, "run"))).toEqual(["server.pid"]);
    await held[0]!.release();
  }
});

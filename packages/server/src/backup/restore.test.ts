import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEmbeddedPostgres } from "#db";
import { createLog } from "#log";
import { createClusterCopies } from "#testing";
import { listBases } from "./base-files.ts";
import { openCluster } from "./restore.ts";
import { createTestCluster, type TestCluster } from "./test-cluster.ts";
import { verifyBackups } from "./verify.ts";

const copies = createClusterCopies();
afterAll(() => copies.remove());

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await createTestCluster(copies.into);
  await cluster.start();
  await cluster.add(1_000);
});
afterEach(() => cluster.close());

const verify = async () => await verifyBackups(await openCluster(cluster.backupDir, null), () => undefined);

describe("after the machine died", { timeout: 180_000 }, () => {
  test("everything that was archived is back, the former database lies beside, and it is said what is missing", async () => {
    await cluster.backUp();
    await cluster.add(1_000);
    await cluster.archived();
    const archivedAt = Date.now();
    await cluster.crash();
    const restored = await cluster.restore("latest");
    expect(restored.restoredTo.getTime()).toBeLessThanOrEqual(archivedAt);
    expect(restored.missing).toContain("Everything that was committed until");
    expect(restored.missingMs).toBeLessThan(1_000);
    await cluster.start();
    expect(await cluster.count()).toBe(2_000);
    expect(restored.former).toMatch(/18\.replaced-\d{8}T\d{6}Z$/);
    expect(await readFile(join(restored.former!, "PG_VERSION"), "utf8")).toBe("18\n");
  });

  test("what the database wrote without the archive is missing, and how much time that may be is said", async () => {
    await cluster.backUp();
    await cluster.archived();
    const goneAt = Date.now();
    await cluster.backups().close();
    await cluster.backups().closeArchive(); // the archive is gone, the database goes on
    await sleep(2_500);
    await cluster.add(500);
    await cluster.query("checkpoint").catch(() => undefined); // an ordinary role may not
    await cluster.crash();
    const restored = await cluster.restore("latest");
    expect(restored.missingMs).toBeGreaterThan(1_500);
    expect(restored.missingMs).toBeLessThan(Date.now() - goneAt);
    expect(restored.missing).toMatch(/up to \d+\.\d s may be missing/);
    await cluster.start();
    expect(await cluster.count()).toBe(1_000);
  });

  test("a restore of a restore brings back what was written in between, along both histories", async () => {
    await cluster.backUp();
    await cluster.crash();
    await cluster.restore("latest");
    await cluster.start();
    await cluster.add(10);
    await cluster.archived();
    await cluster.crash();
    await cluster.restore("latest");
    await cluster.start();
    expect(await cluster.count()).toBe(1_010);
    await cluster.backUp();
    await cluster.add(10);
    await cluster.stop();
    expect((await verify()).faults).toEqual([]);
    const restored = await cluster.restore("latest");
    expect(restored.missing).toContain("Nothing is missing: the database was shut down in order");
    await cluster.start();
    expect(await cluster.count()).toBe(1_020);
  });

  test("a machine of its own, with nothing on it, can take the backup", async () => {
    await cluster.backUp();
    await cluster.archived();
    await cluster.crash();
    const elsewhere = join(cluster.dataDir, "../elsewhere");
    const restored = await cluster.restore("latest", { into: elsewhere });
    expect([restored.former, restored.missingMs]).toEqual([null, null]);
    const database = await createEmbeddedPostgres({ dataDir: elsewhere, log: createLog("silent") });
    await database.close();
  });

  test("a start after a power cut between the two renames of a restore finishes it, instead of making an empty database", async () => {
    await cluster.stop();
    const dir = join(cluster.dataDir, "postgres/18");
    await rename(dir, `${dir}.restored`);
    await cluster.start();
    expect(await cluster.count()).toBe(1_000);
  });
});

describe("to a moment", { timeout: 180_000 }, () => {
  test("a time between two commits, a backup as it was taken, and the newer history by its number", async () => {
    await cluster.backUp();
    await cluster.add(100);
    await sleep(300);
    const between = new Date();
    await sleep(300);
    await cluster.add(100);
    await cluster.archived();
    await cluster.stop();
    const [, base] = await listBases(cluster.clusterDir());

    const restored = await cluster.restore(between.toISOString());
    expect(restored.restoredTo.getTime()).toBeLessThanOrEqual(between.getTime());
    expect(restored.missing).toContain("left out, as asked");
    await cluster.start();
    expect(await cluster.count()).toBe(1_100);
    await cluster.add(7);
    await cluster.archived();
    await cluster.stop();

    // Back on the history that was left.
    await cluster.restore("latest", { timeline: 1 });
    await cluster.start();
    expect(await cluster.count()).toBe(1_200);
    await cluster.stop();

    await cluster.restore((base ?? (await listBases(cluster.clusterDir()))[0]!).name);
    await cluster.start();
    expect(await cluster.count()).toBe(1_000);
  });

  test("a moment after the last commit that the archive has seen is as good as latest; one it has not seen is refused", async () => {
    await cluster.backUp();
    await sleep(200);
    const quiet = new Date();
    await sleep(200);
    await cluster.archived();
    await cluster.stop();
    await cluster.restore(quiet.toISOString());
    await cluster.start();
    expect(await cluster.count()).toBe(1_000);
    await cluster.stop();
    await expect(cluster.restore(new Date(Date.now() + 60_000).toISOString())).rejects.toThrow("the archive ends before");
  });

  test("what is no moment, or lies before the first backup, is refused with what can be given", async () => {
    await cluster.backUp();
    await cluster.stop();
    await expect(cluster.restore("yesterday")).rejects.toThrow("“yesterday” is not a moment");
    await expect(cluster.restore("2026-01-01T10:00:00")).rejects.toThrow("with its zone");
    await expect(cluster.restore("2020-01-01T10:00:00Z")).rejects.toThrow("before the first moment that can be restored");
    await cluster.start();
    expect(await cluster.count()).toBe(1_000);
  });
});

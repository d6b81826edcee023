import { randomInt } from "node:crypto";
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "#clock";
import { createEmbeddedPostgres } from "#db";
import { createLog } from "#log";
import { createClusterCopies } from "#testing";
import { readArchiveFiles } from "./archive-files.ts";
import { createBackups } from "./backups.ts";
import { listBases } from "./base-files.ts";
import { parseLsn, segmentOf } from "./lsn.ts";
import { openCluster } from "./restore.ts";
import { dropOldBackups } from "./retention.ts";
import { createTestCluster, type TestCluster } from "./test-cluster.ts";
import { verifyBackups } from "./verify.ts";

const run = promisify(execFile);
const dayMs = 86_400_000;

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
const wholeSegments = async () => (await readArchiveFiles(join(cluster.clusterDir(), "wal"))).segments.filter(({ sha256 }) => sha256 !== null).sort((a, b) => a.segment - b.segment);

async function until(what: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await what()); await sleep(20)) if (Date.now() > deadline) throw new Error(`never: ${what}; ${cluster.logged.slice(-5).join("")}`);
}

async function filesUnder(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true, withFileTypes: true })).map((entry) => join(entry.parentPath, entry.name));
}

describe("what is stored", { timeout: 180_000 }, () => {
  test("is for nobody else's eyes", async () => {
    await cluster.backUp();
    await cluster.stop(); // or the log before the copy goes while it is looked at
    for (const path of await filesUnder(cluster.backupDir)) {
      const { mode } = await stat(path);
      expect((mode & 0o777).toString(8), path).toBe((await stat(path)).isDirectory() ? "700" : "600");
    }
  });

  test("is read back when it was written, and again by verify; every flipped byte and every missing file is named, and nothing is restored from it", async () => {
    await cluster.backUp();
    await cluster.query("create table bulk as select md5(number::text) || random()::text as text from generate_series(1, 400000) as number");
    await cluster.archived();
    await cluster.stop();
    expect((await verify()).faults).toEqual([]);
    const base = (await listBases(cluster.clusterDir())).at(-1)!;
    const segments = (await wholeSegments()).filter(({ segment }) => segment >= segmentOf(parseLsn(base.startLsn)));
    expect(segments.length).toBeGreaterThan(2);
    const walFile = join(cluster.clusterDir(), "wal", segments[1]!.file);

    for (const path of [join(base.dir, "base.tar.gz"), join(base.dir, "backup_manifest"), walFile]) {
      const { size } = await stat(path);
      for (const at of [0, size - 1, randomInt(size), randomInt(size)]) {
        const mended = await flip(path, at);
        expect((await verify()).faults.join("\n"), `byte ${at} of ${path}`).toContain(path);
        await mended();
      }
      await flip(path, randomInt(size)).then(async (mended) => {
        await expect(cluster.restore("latest")).rejects.toThrow(path);
        await mended();
      });
      await rename(path, `${path}.away`);
      expect((await verify()).faults.join("\n")).toContain(path.replace(/-[0-9a-f]{64}\.gz$/, ""));
      await expect(cluster.restore("latest")).rejects.toThrow(path.replace(/-[0-9a-f]{64}\.gz$/, ""));
      await rename(`${path}.away`, path);
    }
    // The segment that was not whole yet: its beginning, which the archive knows to be safe, and the file itself.
    const open = join(cluster.clusterDir(), "wal", (await readdir(join(cluster.clusterDir(), "wal"))).find((name) => name.endsWith(".partial"))!);
    const mended = await flip(open, randomInt((await stat(open)).size));
    expect((await verify()).faults.join("\n")).toContain(open);
    await expect(cluster.restore("latest")).rejects.toThrow(`${open} is damaged`);
    await mended();
    await rename(open, `${open}.away`);
    expect((await verify()).faults.join("\n")).toContain(open.replace(".partial", ""));
    await expect(cluster.restore("latest")).rejects.toThrow(`${open.replace(".partial", "")} is missing`);
    await rename(`${open}.away`, open);
    await truncate(join(base.dir, "base.tar.gz"), 1_000_000);
    await expect(cluster.restore("latest")).rejects.toThrow(join(base.dir, "base.tar.gz"));
    // All that was tried left the database as it was.
    expect((await readdir(join(cluster.dataDir, "postgres"))).filter((name) => name.startsWith("18")).sort()).toEqual(["18", "18.supervisor"]);
    await cluster.start();
    expect(await cluster.count()).toBe(1_000);
  });

  test("grows old and goes, and the log before it; what is kept leads to now", async () => {
    await cluster.backUp();
    await cluster.add(1_000);
    await cluster.backUp();
    const before = await listBases(cluster.clusterDir());
    expect(before.length).toBeGreaterThanOrEqual(2);
    expect(await dropOldBackups(cluster.clusterDir(), new Date(), 1)).toEqual({ bases: 0, segments: 0 });
    const dropped = await dropOldBackups(cluster.clusterDir(), new Date(Date.now() + 2 * dayMs), 1);
    expect(dropped.bases).toBe(before.length - 1);
    expect(dropped.segments).toBeGreaterThan(0);
    expect((await listBases(cluster.clusterDir())).map(({ name }) => name)).toEqual([before.at(-1)!.name]);
    await cluster.archived();
    await cluster.stop();
    expect((await verify()).faults).toEqual([]);
    await cluster.restore("latest");
    await cluster.start();
    expect(await cluster.count()).toBe(2_000);
  });
});

describe("when something fails", { timeout: 180_000 }, () => {
  test("kill -9 of the database during a base backup leaves no backup that looks whole, and the next one is", async () => {
    await cluster.backUp();
    const known = (await listBases(cluster.clusterDir())).length;
    const home = join(cluster.clusterDir(), "base");
    const doomed = cluster.backUp();
    doomed.catch(() => undefined); // looked at below
    await until(async () => (await filesUnder(home)).some((path) => path.includes(".partial-") && path.endsWith("base.tar.gz")));
    process.kill(await cluster.serverPid(), "SIGKILL");
    await expect(doomed).rejects.toThrow();
    await until(() => cluster.ended.at(-1) === "failed");
    expect(cluster.backups().reading().alarms).toContain("The last backup of the database failed: see earwitness backup.");
    expect(await listBases(cluster.clusterDir())).toHaveLength(known);
    expect((await readdir(home)).filter((name) => name.startsWith(".partial-"))).toEqual([]);
    await until(async () => await cluster.add(10).then(() => true, () => false));
    await cluster.archived();
    await cluster.backUp();
    await until(() => cluster.ended.at(-1) === "done");
    expect(cluster.backups().reading().alarms).toEqual([]);
    expect(await listBases(cluster.clusterDir())).toHaveLength(known + 1);
    await cluster.stop();
    expect((await verify()).faults).toEqual([]);
  });

  test("an archive that cannot be written is told aloud; the database goes on, and nothing is lost when it comes back", async () => {
    await cluster.backUp();
    await cluster.archived();
    const wal = join(cluster.clusterDir(), "wal");
    await cluster.backups().close();
    // As a mount that went away: the next start finds something else in its place.
    await cluster.stop();
    await rename(wal, `${wal}.away`);
    await writeFile(wal, "");
    await cluster.start();
    await until(() => cluster.backups().reading().archive.failure !== null);
    await cluster.add(1_000);
    expect(cluster.backups().reading().warnings.join()).toContain("has not been archived since");
    expect(cluster.backups().reading().alarms, "for everybody's ears").toEqual(["The database's log is not archived just now: see earwitness backup."]);
    expect(cluster.logged.join("")).toContain("the write-ahead log is not being archived");
    await rm(wal);
    await rename(`${wal}.away`, wal);
    await until(() => cluster.backups().reading().archive.failure === null);
    await cluster.archived();
    expect(cluster.backups().reading().warnings).toEqual([]);
    await cluster.crash();
    expect((await verify()).faults).toEqual([]);
    await cluster.restore("latest");
    await cluster.start();
    expect(await cluster.count()).toBe(2_000);
  });

  test("a database that was put back from a copy is noticed, and does not write over the archive of its own future", async () => {
    await cluster.backUp();
    await cluster.archived();
    await cluster.stop();
    const dir = join(cluster.dataDir, "postgres/18");
    await cp(dir, `${dir}-copy`, { recursive: true, preserveTimestamps: true });
    await run("cp", ["-a", dir, `${dir}-old`]);
    await cluster.start();
    await cluster.add(1_000);
    await cluster.archived();
    await cluster.stop();
    await rm(dir, { recursive: true });
    await rename(`${dir}-old`, dir);
    await rm(`${dir}-copy`, { recursive: true });
    await cluster.start();
    await until(() => cluster.backups().reading().archive.failure !== null);
    expect(cluster.backups().reading().archive.failure!.message).toMatch(/put back from a copy/);
    expect(await cluster.count()).toBe(1_000);
    await cluster.stop();
    await cluster.restore("latest");
    await cluster.start();
    expect(await cluster.count()).toBe(2_000);
  });

  test("a hole in the archive asks for a new base backup, which is taken; a way over the hole is refused with the file that is missing", async () => {
    await cluster.backUp();
    await cluster.archived();
    await cluster.stop();
    // Without the backups nobody keeps the log for them.
    const database = await createEmbeddedPostgres({ dataDir: cluster.dataDir, log: createLog("silent") });
    const { Client } = await import("pg");
    const client = new Client({ connectionString: database.superuserUrl });
    await client.connect();
    await client.query("select pg_drop_replication_slot('earwitness_archive')");
    for (let segment = 0; segment < 3; segment++) await client.query("create table if not exists filler (); select pg_switch_wal(); drop table filler; checkpoint");
    await client.end();
    await database.close();
    const [old] = await listBases(cluster.clusterDir());
    await cluster.start();
    await until(async () => (await listBases(cluster.clusterDir())).some(({ name, endedAt }) => name > old!.name && endedAt > old!.endedAt && Date.parse(endedAt) > Date.now() - 20_000), 40_000);
    await cluster.add(10);
    await cluster.archived();
    await cluster.stop();
    expect((await verify()).faults.join()).toMatch(/wal\/[0-9A-F]{24} is missing/);
    await cluster.restore("latest");
    await cluster.start();
    expect(await cluster.count()).toBe(1_010);
  });

  test("a backup directory that cannot be written is said at the start", async () => {
    const file = join(cluster.dataDir, "file");
    await writeFile(file, "");
    const { superuserUrl, url } = cluster.database();
    await expect(
      createBackups({ superuserUrl, databaseUrl: url, backupDir: join(file, "backup"), everyHours: 24, keepDays: 14, version: "0", clock: systemClock, log: createLog("silent") }),
    ).rejects.toThrow("EARWITNESS_BACKUP_DIR cannot be used");
  });

  test("a restore while the database runs is refused", async () => {
    await cluster.backUp();
    await expect(cluster.restore("latest")).rejects.toThrow(/a database server \(process \d+\) runs/);
    expect(await cluster.count()).toBe(1_000);
  });

  test("a full disk under the archive: the database goes on, and when there is room nothing is missing", async ({ skip }) => {
    await cluster.backUp();
    await cluster.archived();
    await cluster.stop();
    const wal = join(cluster.clusterDir(), "wal");
    await rename(wal, `${wal}.kept`);
    await mkdir(wal, { mode: 0o700 });
    const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", wal]).then(() => true, () => false);
    if (!mounted) {
      await rm(wal, { recursive: true });
      await rename(`${wal}.kept`, wal);
      skip("only root can mount a small file system");
    }
    try {
      await cp(`${wal}.kept`, wal, { recursive: true });
      await cluster.start();
      await cluster.query("create table bulk as select md5(number::text) || random()::text as text from generate_series(1, 600000) as number");
      await until(() => cluster.backups().reading().archive.failure?.message.includes("ENOSPC") === true);
      await cluster.add(500);
      await cluster.stop();
      await cp(wal, `${wal}.kept`, { recursive: true, force: true });
    } finally {
      await run("umount", [wal]);
    }
    await rm(wal, { recursive: true });
    await rename(`${wal}.kept`, wal);
    await cluster.start();
    await cluster.archived();
    await cluster.crash();
    expect((await verify()).faults).toEqual([]);
    await cluster.restore("latest");
    await cluster.start();
    expect([await cluster.count(), (await cluster.query<{ rows: number }>("select count(*)::int as rows from bulk"))[0]!.rows]).toEqual([1_500, 600_000]);
  });
});

/** Changes one byte; answers what changes it back. */
async function flip(path: string, at: number): Promise<() => Promise<void>> {
  const bytes = await readFile(path);
  const damaged = Buffer.from(bytes);
  damaged[at]! ^= 0xff;
  await writeFile(path, damaged);
  return async () => await writeFile(path, bytes);
}

import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "#log";
import { createKeystoreBackup, restoreKeystore, type KeystoreBackup } from "./keystore-backup.ts";
import { createFileKeystore } from "./keystore-file.ts";

const dayMs = 86_400_000;
const log = createLog("silent");
let root: string;
let keystoreDir: string;
let dir: string;
let now: Date;
let open: KeystoreBackup[];
const clock = { now: () => now };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "earwitness-keys-"));
  [keystoreDir, dir] = [join(root, "keystore"), join(root, "backup")];
  now = new Date("2026-03-01T10:00:00Z");
  open = [];
});
afterEach(async () => {
  for (const backup of open) await backup.close();
  await rm(root, { recursive: true, force: true });
});

const start = async (keepDays = 7): Promise<KeystoreBackup> => {
  const backup = await createKeystoreBackup({ keystoreDir, dir, keepDays, clock, log });
  open.push(backup);
  return backup;
};
/** One day's work: what was there, and then some. */
async function aDay(work: (backup: KeystoreBackup) => Promise<void> = async () => undefined): Promise<void> {
  const backup = await start();
  await work(backup);
  await backup.close();
}
const everything = async (): Promise<string> => (await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), "utf8")))).join("");
const keys = createFileKeystore;

test("a key is in the backup moments after it is made, and comes back where it is missing", async () => {
  const old = randomBytes(80);
  await keys(keystoreDir).put("tenant-a", "key-0", old);
  await aDay(async ({ keystore }) => {
    for (let number = 1; number <= 50; number++) await keystore.put("tenant-a", `key-${number}`, randomBytes(80));
    await keystore.put("tenant-b", "key-1", Buffer.from("b"));
  });
  for (const path of [dir, ...(await readdir(dir)).map((name) => join(dir, name))]) expect((await stat(path)).mode & 0o077, path).toBe(0);
  await rm(join(keystoreDir, "tenant-a"), { recursive: true });
  await writeFile(join(keystoreDir, "tenant-b/ke/key-1"), "of today");
  expect(await restoreKeystore(dir, keystoreDir)).toMatchObject({ restored: 51, present: 1, destroyed: 0, damaged: [] });
  expect(await keys(keystoreDir).get("tenant-a", "key-0")).toEqual(old);
  expect(String(await keys(keystoreDir).get("tenant-b", "key-1"))).toBe("of today");
});

test("a destroyed key is in no file after the days that were promised, whatever happened meanwhile", async () => {
  const sealed = randomBytes(80);
  const doomed = sealed.toString("base64");
  await aDay(({ keystore }) => keystore.put("tenant-a", "doomed", sealed));
  const destroyedAt = new Date(now.getTime() + 3 * dayMs);
  for (let day = 1; day <= 3; day++) {
    now = new Date(now.getTime() + dayMs);
    await aDay(async ({ keystore }) => {
      if (day === 3) await keystore.destroy("tenant-a", "doomed");
    });
  }
  expect(await everything()).toContain(doomed);
  await aDay();
  for (let day = 1; day <= 7; day++) {
    now = new Date(destroyedAt.getTime() + day * dayMs);
    await aDay();
  }
  expect(await everything()).not.toContain(doomed);
  expect((await readdir(dir)).length).toBeLessThanOrEqual(8);
});

test("a restore brings no destroyed key back", async () => {
  await aDay(async ({ keystore }) => {
    await keystore.put("tenant-a", "kept", randomBytes(80));
    await keystore.put("tenant-a", "doomed", randomBytes(80));
    await keystore.destroy("tenant-a", "doomed");
  });
  await rm(keystoreDir, { recursive: true });
  expect(await restoreKeystore(dir, keystoreDir)).toMatchObject({ restored: 1, destroyed: 1 });
  await expect(keys(keystoreDir).get("tenant-a", "doomed")).rejects.toThrow();
});

test("copies expire also when no new one can be made, and the backup goes on when it can", async () => {
  await aDay(({ keystore }) => keystore.put("tenant-a", "key-1", randomBytes(80)));
  now = new Date(now.getTime() + 8 * dayMs);
  await writeFile(join(dir, ".tmp-keys-20260309T100000Z.jsonl"), ""); // in the way, as a directory would be
  await rm(join(dir, ".tmp-keys-20260309T100000Z.jsonl"));
  await aDay();
  expect((await readdir(dir)).filter((name) => name.startsWith("keys-"))).toEqual(["keys-20260309T100000Z.jsonl"]);
  expect(await restoreKeystore(dir, keystoreDir)).toMatchObject({ restored: 0, present: 1 });
});

test("a line that is damaged or was cut short is named, and the others come back", async () => {
  await aDay(async ({ keystore }) => {
    for (let number = 1; number <= 3; number++) await keystore.put("tenant-a", `key-${number}`, randomBytes(80));
  });
  const [name] = await readdir(dir);
  const path = join(dir, name!);
  const lines = (await readFile(path, "utf8")).split("\n");
  lines[1] = lines[1]!.replace(/"sealed":"..../, '"sealed":"AAAA');
  await writeFile(path, `${lines.join("\n")}{"tenant":"tenant-a","key":"key-4","sea`);
  await rm(keystoreDir, { recursive: true });
  expect(await restoreKeystore(dir, keystoreDir)).toMatchObject({ restored: 2, damaged: [`${path}, line 2`, `${path}, line 4`] });
});

test("a backup of no keystore, and a directory that cannot be used, are said", async () => {
  await expect(restoreKeystore(root, keystoreDir)).rejects.toThrow("there is no backup of a keystore in");
  await writeFile(join(root, "file"), "");
  dir = join(root, "file/backup");
  await expect(start()).rejects.toThrow("EARWITNESS_KEYSTORE_BACKUP_DIR cannot be used");
});

test("a new file is begun when the day is over, with everything that is there, and a failure is told until it works again", async () => {
  const backup = await start();
  await backup.keystore.put("tenant-a", "key-1", randomBytes(80));
  await until(async () => (await everything()).includes("key-1"));
  now = new Date(now.getTime() + dayMs);
  await backup.keystore.put("tenant-a", "key-2", randomBytes(80));
  await until(async () => (await readdir(dir)).length === 2);
  expect(backup.failure()).toBeNull();
  now = new Date(now.getTime() + dayMs);
  await rm(dir, { recursive: true });
  await writeFile(dir, "");
  await backup.keystore.put("tenant-a", "key-3", randomBytes(80));
  await until(async () => backup.failure() !== null);
  await rm(dir);
  await backup.close();
});

async function until(what: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; !(await what()); ) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((later) => setTimeout(later, 50));
  }
}

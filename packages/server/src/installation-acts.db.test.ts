import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { actsDir } from "@earwitness/contract/places";
import { withTenant } from "#db";
import { createLog } from "#log";
import { createActWriter, leaveAct } from "./installation-acts.ts";
import { addTenant, createTestDatabase, type TestDatabase } from "./testing/index.ts";

let database: TestDatabase;
let dataDir: string;
let tenants: string[];
const logged: string[] = [];
const log = createLog("info", { write: (line) => void logged.push(line) });

beforeAll(async () => {
  database = await createTestDatabase();
  tenants = [await addTenant(database.db), await addTenant(database.db)];
});
afterAll(() => database.close());
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "earwitness-acts-"));
  return () => rm(dataDir, { recursive: true });
});

const at = new Date("2026-11-20T10:00:00.000Z");
const made = { action: "Backup Made", item: "Storage", by: "backups", detail: { name: "20261120T100000Z" } } as const;
const files = () => readdir(actsDir(dataDir));
const rows = async (name: string) =>
  await Promise.all(tenants.map((tenantId) => withTenant(database.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "subject", "actor_kind", "actor_name", "occurred_at", "detail"]).where("action", "=", name).execute())));

async function written(until: () => Promise<boolean>, ready = Promise.resolve()): Promise<void> {
  const writer = createActWriter({ dataDir, db: database.db, nodeId: "node-1", log, ready, everyMs: 10 });
  try {
    await expect.poll(until, { timeout: 10_000 }).toBe(true);
  } finally {
    await writer.close();
  }
}

test("MON-22 an act of the installation is one row for each tenant, and one only, wherever the process ended", async () => {
  await leaveAct(dataDir, made, at);
  await leaveAct(dataDir, { action: "Import", item: "Tenant", by: "command line", detail: { name: "keys" } }, at);
  const [first] = await files();
  const text = await readFile(join(actsDir(dataDir), first!), "utf8");
  await written(async () => (await files()).length === 0);
  await writeFile(join(actsDir(dataDir), first!), text); // a crash behind the rows
  await written(async () => (await files()).length === 0);
  const ofBackup = { action: "Backup Made", item: "Storage", actor_kind: "job", actor_name: "Backups", occurred_at: at, detail: { name: "20261120T100000Z", act: expect.any(String) } };
  const ofKeys = { ...ofBackup, action: "Import", item: "Tenant", actor_kind: "machine", actor_name: "Command line of this machine", detail: { name: "keys", act: expect.any(String) } };
  expect(await rows("Backup Made")).toEqual(tenants.map((subject) => [{ ...ofBackup, subject }]));
  expect(await rows("Import")).toEqual(tenants.map((subject) => [{ ...ofKeys, subject }]));
});

test("what somebody else put there is left, and told once; what is right beside it is written down", async () => {
  await leaveAct(dataDir, { ...made, action: "Backup Failed" }, at);
  await writeFile(join(actsDir(dataDir), "a.json"), "{");
  await writeFile(join(actsDir(dataDir), "b.json"), JSON.stringify({ ...made, action: "Delete", id: crypto.randomUUID(), at: at.toISOString() }));
  await written(async () => (await files()).length === 2 && (await rows("Backup Failed")).flat().length === 2);
  expect(logged.filter((line) => line.includes("none that we wrote"))).toHaveLength(2);
});

test("nothing is written before the schema is there, and closing waits for nothing", async () => {
  await leaveAct(dataDir, { ...made, action: "Restored", by: "command line" }, at);
  const writer = createActWriter({ dataDir, db: database.db, nodeId: "node-1", log, ready: new Promise(() => undefined), everyMs: 10 });
  await new Promise((later) => setTimeout(later, 60));
  await writer.close();
  expect([(await files()).length, (await rows("Restored")).flat()]).toEqual([1, []]);
});

import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createDb, createNotifier, withSystem, withTenant, type Db } from "#db";
import { matchPerson } from "#directory";
import { identify } from "#trunks";
import { addTenant, createTestDatabase, quietLog, type TestDatabase } from "../testing/index.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { loadNodeIdentity, type NodeIdentity } from "./identity.ts";
import { createSnapshotKeeper, type SnapshotKeeper } from "./snapshot-keeper.ts";

let database: TestDatabase;
let away: Db;
let dir: string;
let node: NodeIdentity;
let now: Date;
const keepers: SnapshotKeeper[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  away = createDb({ url: "postgres://nobody@127.0.0.1:1/none", log: quietLog });
});
afterAll(() => Promise.all([database?.close(), away?.close()]));
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-snapshot-"));
  node = await loadNodeIdentity(dir, "n1");
  now = new Date("2026-11-21T10:00:00Z");
});
afterEach(async () => {
  await Promise.all(keepers.splice(0).map((keeper) => keeper.close()));
  await rm(dir, { recursive: true, force: true });
});

async function open(db: Db, more: Partial<Parameters<typeof createSnapshotKeeper>[0]> = {}): Promise<SnapshotKeeper> {
  const keeper = await createSnapshotKeeper({ db, node, dir, clock: { now: () => now }, log: quietLog, ruleVersion: "rules/1", ...more });
  keepers.push(keeper);
  return keeper;
}

async function addPerson(tenantId: string, upn: string, addresses: string[] = []): Promise<string> {
  const personId = randomUUID();
  await withTenant(database.db, tenantId, async (tx) => {
    await tx.insertInto("people").values({ tenant_id: tenantId, person_id: personId, upn, display_name: upn }).execute();
    for (const address of addresses) await tx.insertInto("person_addresses").values({ tenant_id: tenantId, person_id: personId, address }).execute();
  });
  return personId;
}

const file = () => join(dir, "snapshot.json");
const noSnapshot = "no snapshot: cannot record until the database was reached once";

describe("the node's snapshot", () => {
  test("has every tenant with its public key, people, addresses and trunks; it finds callers and senders", async () => {
    const tenantId = await addTenant(database.db);
    const personId = await addPerson(tenantId, "adelev@contoso.example", ["+17325550101"]);
    const gone = await addPerson(tenantId, "gone@contoso.example");
    await withTenant(database.db, tenantId, async (tx) => {
      await tx.updateTable("people").set({ deleted_at: now }).where("person_id", "=", gone).execute();
      const trunk = { tenant_id: tenantId, person_domains: ["contoso.example"] };
      await tx.insertInto("trunks").values([
        { ...trunk, trunk_id: randomUUID(), name: "SBC", source_networks: ["198.51.100.0/24"], recording_user: "snapshotone" },
        { ...trunk, trunk_id: randomUUID(), name: "Off", source_networks: ["198.51.100.7/32"], recording_user: "snapshottwo", enabled: false },
      ]).execute();
    });
    const keeper = await open(database.db);
    await keeper.refresh();
    const snapshot = keeper.current()!;
    expect(snapshot.ruleVersion).toBe("rules/1");
    const tenant = snapshot.tenants.find((one) => one.tenantId === tenantId)!;
    expect(Buffer.from(tenant.publicKey, "base64url")).toHaveLength(32);
    expect(tenant.people.map(({ upn }) => upn)).toEqual(["adelev@contoso.example"]);
    const sender = (remoteAddress: string) => identify(snapshot, { remoteAddress, transport: "udp", recordingUser: null, certificates: [] });
    expect(sender("::ffff:198.51.100.8")).toMatchObject({ kind: "trunk", trunk: { tenantId, trunkName: "SBC" } });
    expect(sender("::ffff:198.51.100.7")).toMatchObject({ kind: "refused", reason: "TRUNK_OFF", concerns: { tenantId, trunkName: "Off" } });
    for (const address of ["+17325550101", "sip:adelev@contoso.example"]) expect(matchPerson(tenant, tenant.trunks[0]!, address)?.personId).toBe(personId);
  });

  test("a node boots from it when the database is away, and says how old it is", async () => {
    await addTenant(database.db);
    const before = await open(database.db);
    await before.refresh();
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    now = new Date(now.getTime() + 3_000);
    const booted = await open(away);
    expect(booted.current()).toEqual(before.current());
    expect(booted.state()).toEqual({ kind: "ready", confirmedAt: new Date("2026-11-21T10:00:00Z"), ageMs: 3_000 });
    await expect(booted.refresh()).rejects.toThrow();
    expect(booted.current()).toEqual(before.current());
  });

  test("without one, and without the database, the node cannot record, and says why", async () => {
    expect((await open(away)).state()).toEqual({ kind: "missing", reason: noSnapshot });
  });

  test.each([
    ["a changed tenant", (text: string) => text.replace(/(slug\\":\\")./, "$1X"), /signature is wrong/],
    ["a changed signature", (text: string) => text.replace(/"signature":"./, (found) => found.slice(0, -1) + (found.endsWith("A") ? "B" : "A")), /signature is wrong/],
    ["a cut file", (text: string) => text.slice(0, text.length / 2), /damaged/],
    ["an empty file", () => "", /damaged/],
  ])("%s is not recorded by", async (_what, tamper, words) => {
    await addTenant(database.db);
    await (await open(database.db)).refresh();
    const text = await readFile(file(), "utf8");
    const tampered = tamper(text);
    expect(tampered).not.toBe(text);
    await writeFile(file(), tampered);
    const keeper = await open(away);
    expect(keeper.current()).toBeNull();
    expect(keeper.state()).toEqual({ kind: "missing", reason: expect.stringMatching(words) });
    expect(keeper.state()).toEqual({ kind: "missing", reason: expect.stringContaining(noSnapshot) });
  });

  test("another node's is not recorded by, nor its own under another name", async () => {
    await (await open(database.db)).refresh();
    const otherDir = await mkdtemp(join(tmpdir(), "earwitness-snapshot-"));
    try {
      const other = await loadNodeIdentity(otherDir, "n1");
      expect((await open(away, { node: other })).current()).toBeNull();
      expect((await open(away, { node: await loadNodeIdentity(dir, "n2") })).current()).toBeNull();
    } finally {
      await rm(otherDir, { recursive: true });
    }
  });

  test("it is written and told when something changed, and only then", async () => {
    const tenantId = await addTenant(database.db);
    const keeper = await open(database.db);
    await keeper.refresh();
    const told = vi.fn();
    keeper.onChange(told);
    const [text, object] = [await readFile(file(), "utf8"), keeper.current()];
    now = new Date(now.getTime() + 60_000);
    await keeper.refresh();
    expect(keeper.current()).toBe(object);
    expect(keeper.state()).toMatchObject({ ageMs: 0 });
    expect(await readFile(file(), "utf8")).toBe(text);
    expect(told).not.toHaveBeenCalled();
    await addPerson(tenantId, "new@contoso.example");
    await keeper.refresh();
    expect(told).toHaveBeenCalledExactlyOnceWith(keeper.current());
    expect(await readFile(file(), "utf8")).toContain("new@contoso.example");
    const unchanged = await readFile(file(), "utf8");
    now = new Date(now.getTime() + 3_600_000);
    await keeper.refresh();
    expect(await readFile(file(), "utf8"), "an hour later, so that its age is known").not.toBe(unchanged);
  });

  test("an announced change of the directory is read without waiting for the beat", async () => {
    const tenantId = await addTenant(database.db);
    const notifier = createNotifier(database.db);
    const keeper = await open(database.db, { notifier, beatMs: 3_600_000 });
    try {
      await keeper.refresh();
      await addPerson(tenantId, "announced@contoso.example");
      await vi.waitFor(() => {
        notifier.announceDirectory();
        expect(JSON.stringify(keeper.current())).toContain("announced@contoso.example");
      }, { timeout: 5_000, interval: 50 });
    } finally {
      await notifier.close();
    }
  });

  test("many who ask at once are served by two readings", async () => {
    const keeper = await open(database.db);
    const tenantId = await addTenant(database.db);
    const first = keeper.refresh();
    await addPerson(tenantId, "late@contoso.example");
    await Promise.all([first, ...Array.from({ length: 20 }, () => keeper.refresh())]);
    expect(JSON.stringify(keeper.current())).toContain("late@contoso.example");
    await keeper.close();
    await expect(keeper.refresh()).rejects.toThrow("closed");
  });
});

describe("a node's heartbeat", () => {
  test("registers the node and keeps the mark of its facts when it starts again", async () => {
    const options = { db: database.db, clock: { now: () => now }, nodeId: "beating", roles: ["recorder"], version: "0.1.0" };
    const first = createHeartbeat(options);
    await first.registered();
    await first.close();
    const tenantId = await addTenant(database.db);
    await withTenant(database.db, tenantId, (tx) => tx.updateTable("nodes").set({ facts_applied: 41 }).where("node_id", "=", "beating").execute());
    now = new Date(now.getTime() + 1_000);
    const second = createHeartbeat({ ...options, version: "0.2.0" });
    await second.registered();
    await second.close();
    const row = await withSystem(database.db, (tx) => tx.selectFrom("nodes").selectAll().where("node_id", "=", "beating").executeTakeFirst());
    expect(row).toEqual({ node_id: "beating", roles: ["recorder"], version: "0.2.0", started_at: now, seen_at: now, facts_applied: 41 });
  });

  test("without the database it goes on trying, and closes all the same", async () => {
    const heartbeat = createHeartbeat({ db: away, clock: { now: () => now }, nodeId: "lonely", roles: [], version: "1" });
    await heartbeat.close();
    await expect(heartbeat.registered()).rejects.toThrow("closed");
  });
});

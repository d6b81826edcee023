import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Trunk } from "@earwitness/contract";
import { systemClock } from "#clock";
import { createNotifier, type Notifier } from "#db";
import { createSnapshotKeeper, loadNodeIdentity, type SnapshotKeeper } from "#nodes";
import { newTrunk } from "#tenants";
import { addTenant, createTestDatabase, quietLog, type TestDatabase } from "../testing/index.ts";
import { identify, type Claim } from "./identify.ts";
import { createTrunkStore } from "./trunk-store.ts";

let database: TestDatabase;
let notifier: Notifier;
let keeper: SnapshotKeeper;
let dir: string;

beforeAll(async () => {
  database = await createTestDatabase();
  dir = await mkdtemp(join(tmpdir(), "earwitness-corrected-"));
  notifier = createNotifier(database.db);
  // The beat is an hour away: what is known comes from the announcement alone.
  keeper = await createSnapshotKeeper({ db: database.db, node: await loadNodeIdentity(dir, "n1"), dir, clock: systemClock, log: quietLog, ruleVersion: "1", notifier, beatMs: 3_600_000 });
});
afterAll(async () => {
  await keeper?.close();
  await notifier?.close();
  await database?.close();
  await rm(dir, { recursive: true });
});

test("a trunk that refused an address takes calls from it within a second of being corrected", async () => {
  const tenantId = await addTenant(database.db);
  const trunks = createTrunkStore({ db: database.db, clock: systemClock, nodeId: "n1", addressesOf: () => [], announce: () => notifier.announceDirectory() });
  const act = { tenantId, by: { kind: "machine", id: "test", name: "Test" } as const };
  await keeper.refresh();
  const trunk = await trunks.create(act, newTrunk("SBC", ["192.0.2.1"]));
  const claim: Claim = { remoteAddress: "::ffff:192.0.2.7", transport: "udp", recordingUser: trunk.recordingUser, certificates: [] };
  const answer = () => identify(keeper.current()!, claim);
  await expect.poll(() => answer(), { timeout: 3_000, interval: 10 }).toMatchObject({ kind: "refused", reason: "SOURCE_NOT_ALLOWED", concerns: { tenantId, trunkId: trunk.id, trunkName: "SBC" }, explanation: expect.stringContaining("came from 192.0.2.7, which trunk “SBC” does not allow. It allows 192.0.2.1.") });

  const correctedAt = performance.now();
  await trunks.allow(act, trunk.id, "192.0.2.7");
  await expect.poll(() => answer().kind, { timeout: 3_000, interval: 10 }).toBe("trunk");
  expect(performance.now() - correctedAt).toBeLessThan(1_000);

  const { password } = await trunks.setDigest(act, trunk.id);
  await expect.poll(() => answer(), { timeout: 3_000, interval: 10 }).toMatchObject({ trunk: { digest: { username: trunk.recordingUser, realm: "earwitness", ha1Md5: expect.stringMatching(/^[0-9a-f]{32}$/), ha1Sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } } });
  expect(JSON.stringify(keeper.current())).not.toContain(password);
});

test("of trunks with the same network the one that was set up first gets what calls none of their addresses, whatever their names and ids", async () => {
  const tenantId = await addTenant(database.db);
  const trunks = createTrunkStore({ db: database.db, clock: systemClock, nodeId: "n1", addressesOf: () => [], announce: () => undefined });
  const act = { tenantId, by: { kind: "machine", id: "test", name: "Test" } as const };
  const made: Trunk[] = [];
  for (const name of ["North", "Zulu", "Alpha", "Mike", "Berlin", "Xray"]) made.push(await trunks.create(act, newTrunk(name, ["203.0.113.0/24"])));
  const asCreated = made.map(({ createdAt }) => createdAt);
  expect(asCreated.toSorted()).toEqual(asCreated);
  const taken = async () => {
    await keeper.refresh();
    const found = identify(keeper.current()!, { remoteAddress: "203.0.113.7", transport: "udp", recordingUser: "srs", certificates: [] });
    return found.kind === "trunk" ? found.trunk.trunkName : found.reason;
  };
  expect(await taken()).toBe("North");
  await trunks.remove(act, made[0]!.id);
  expect(await taken()).toBe("Zulu");
  expect((await trunks.list(act)).map(({ settings: { name }, createdAt }) => [name, createdAt])).toContainEqual(["Alpha", made[2]!.createdAt]);
});

import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeG711 } from "@earwitness/media";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { contosoTenant, createGraph, createGraphDirectory } from "@earwitness/sandbox";
import { systemClock } from "#clock";
import { withTenant } from "#db";
import { provisionFile } from "#evidence";
import { mintedAt } from "#ids";
import { createCompaction } from "#recorder";
import { createReplication } from "#replication";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "#vault";
import type { queues } from "./app.ts";
import { createPieceSealer, pieceObjectName } from "./recorder/piece.ts";
import { createTestDatabase, quietLog, type TestDatabase } from "./testing/index.ts";
import { addInteraction, addRecording, addSealingTenant } from "./testing/test-portal.ts";

/*
 * Rule 8 of the house for what runs by itself. A kind of job that is not walked here does not compile.
 */

let database: TestDatabase;
let vault: Vault;
let dir: string;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  dir = await mkdtemp(join(tmpdir(), "earwitness-jobs-"));
  vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  tenantId = await addSealingTenant({ db: database.db, vault }, "contoso");
});
afterAll(async () => {
  await vault.close();
  await database.close();
  await rm(dir, { recursive: true });
});

const evidence = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "actor_kind", "subject"]).orderBy("recorded_at").execute());

/** One second of one voice, as a recorder leaves it. */
async function newRecording(): Promise<string> {
  const recordingId = await addRecording(database.db, tenantId, await addInteraction(database.db, tenantId), { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
  const key = await vault.createDataKey({ tenantId, ...(await vault.keyring.ensure(tenantId)) });
  const wire = encodeG711("PCMU", Int16Array.from({ length: 8_000 }, (_, at) => 8_000 * Math.sin(at / 7)));
  const sealer = createPieceSealer(key, { tenantId, recordingId });
  const entries = Array.from({ length: 50 }, (_, at) => ({ atSample: at * 160, codec: 1 as const, payload: wire.subarray(at * 160, at * 160 + 160) }));
  const bytes = Buffer.concat(sealer.sealPiece({ seq: 0, fromSecond: 0, toSecond: 1, final: true, chunks: [sealer.sealSecond(1, 0, entries, 8_000)], state: { revision: 1, startedAtMs: 0, tracks: [], ended: null } }));
  const objectName = pieceObjectName({ tenantId, recordingId }, 0, key.keyId);
  await vault.store.put(objectName, bytes);
  await withTenant(database.db, tenantId, (tx) =>
    tx.insertInto("media_objects").values({ tenant_id: tenantId, minted_at: mintedAt(recordingId), media_id: recordingId, object_name: objectName, kind: "piece", seq: 0, key_id: key.keyId, size_bytes: bytes.length, sha256: Buffer.alloc(32), from_ms: 0, to_ms: 1_000, stored_at: new Date() }).execute(),
  );
  return recordingId;
}

const walk: Readonly<Record<keyof typeof queues, () => Promise<{ readonly run: () => Promise<void>; readonly row: object }>>> = {
  async compact_recording() {
    const recordingId = await newRecording();
    const compact = createCompaction({ db: database.db, vault, nodeId: "n1", clock: systemClock, tenantOf: () => ({ tenantId, ...keys }) });
    const keys = await vault.keyring.ensure(tenantId);
    return { run: () => compact({ tenantId, recordingId }), row: { action: "Recording Compacted", item: "Call", actor_kind: "job", subject: recordingId } };
  },
  async replicate_directory() {
    const app = { clientId: randomUUID(), clientSecret: "sandbox secret 1", permissions: ["User.Read.All", "GroupMember.Read.All"] };
    const graph = await createGraph({ port: 0, directory: createGraphDirectory(), apps: [app], problem: (text) => expect.unreachable(text) });
    onTestFinished(() => graph.close());
    await withTenant(database.db, tenantId, (tx) => tx.updateTable("tenants").set({ m365_tenant_id: contosoTenant.m365TenantId }).execute());
    const asked: string[] = [];
    const replication = createReplication({ db: database.db, clock: systemClock, log: quietLog, nodeId: "n1", vault, graphUrl: graph.graphUrl, loginUrl: graph.origin, announce: () => undefined, enqueue: async (_tx, runId) => void asked.push(runId) });
    await replication.provision(tenantId, provisionFile, { ...app, recordsNew: false, groups: [] });
    return { run: () => replication.perform(tenantId, asked[0]!, new AbortController().signal), row: { action: "Import", item: "Auto Sync with AAD", actor_kind: "job", subject: null } };
  },
};

test.for(Object.entries(walk))("MON-22 the job %s leaves exactly one row, and none when it finds its work done", async ([, prepare]) => {
  const { run, row } = await prepare();
  const before = (await evidence()).length;
  await run();
  expect((await evidence()).slice(before)).toEqual([row]);
  await run();
  expect((await evidence()).length).toBe(before + 1);
});

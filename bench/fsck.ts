/**
 * npm run bench fsck: what a check of an installation costs. Rows of evidence against the log and the log against its checkpoints, in rows per
 * second, and recordings against their manifests, second by second, in megabytes per second; each beside reading the same rows and the same
 * bytes without looking at them, in turns.
 *
 *   npm run bench fsck -- [--rows 50000] [--calls 20] [--seconds 120] [--rounds 3]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { systemClock } from "../packages/server/src/clock/index.ts";
import { createDb, createEmbeddedPostgres, makePartitionsAhead, migrate, withTenant, type Db } from "../packages/server/src/db/index.ts";
import { appendMany, rowsOf } from "../packages/server/src/evidence/index.ts";
import { checkInstallation, createSecondLook, type CheckedTenant, type Part } from "../packages/server/src/fsck/index.ts";
import { sealCall } from "../packages/server/src/recorder/test-sealed-call.ts";
import { createTestLogs, quietLog } from "../packages/server/src/testing/index.ts";
import { addSealingTenant } from "../packages/server/src/testing/test-portal.ts";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "../packages/server/src/vault/index.ts";
import { median, table } from "./figures.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({ options: { rows: { type: "string", default: "50000" }, calls: { type: "string", default: "20" }, seconds: { type: "string", default: "120" }, rounds: { type: "string", default: "3" }, into: { type: "string" } } });

interface Run {
  readonly what: "rows" | "log" | "media";
  readonly way: "read" | "check";
  /** Rows, or megabytes. */
  readonly perSecond: number;
}

const dir = await mkdtemp(join(tmpdir(), "earwitness-bench-fsck-"));
const server = await createEmbeddedPostgres({ dataDir: dir, log: quietLog });
try {
  await bench();
} finally {
  await server.close();
  await rm(dir, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const results = openResults<Run>("fsck", values, { into: values.into });
  const db = await database();
  const vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const logs = createTestLogs();
  const tenant = { tenantId: await addSealingTenant({ db, vault }, "bench"), slug: "bench" };
  const sequencer = logs.sequencer(db);
  await write(db, tenant, Number(values.rows));
  for (let call = 0; call < Number(values.calls); call += 1) await sealCall({ db, vault }, tenant.tenantId, { seconds: Number(values.seconds), codecs: ["PCMU", "G722"], nodeId: "node-1" });
  const size = await placed(db, tenant);
  await sequencer.keep(tenant.tenantId);
  await sequencer.close();

  const check = async (parts: readonly Part[]) => {
    const report = await checkInstallation({ db, vault, seeds: logs.seeds, heads: logs.heads, witnesses: [], trusted: [], nodeId: "node-1", clock: systemClock, twice: createSecondLook({ pauseMs: 100, looks: 2 }), youngMs: 0, tenants: [tenant], parts, progressFile: { read: async () => null, write: async () => undefined, remove: async () => undefined }, goesOn: false, found: () => undefined, howFar: () => undefined });
    if (report.verdict !== "agrees") throw new Error(`what was just written does not agree: ${JSON.stringify(report.findings.slice(0, 3))}`);
    return report.tenants[0]!.counted.bytes;
  };
  const ways: Readonly<Record<Run["what"], Readonly<Record<Run["way"], () => Promise<number>>>>> = {
    rows: { read: () => readRows(db, tenant, size), check: async () => (await check(["rows"]), size) },
    log: { read: () => readTiles(db, tenant, size), check: async () => (await check(["log"]), size) },
    media: { read: async () => (await readStore(vault, tenant)) / 1e6, check: async () => (await check(["media"])) / 1e6 },
  };
  const runs: Run[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const what of ["rows", "log", "media"] as const) {
      for (const way of ["read", "check"] as const) {
        const startedMs = performance.now();
        const amount = await ways[what][way]();
        const run: Run = { what, way, perSecond: rounded(amount / ((performance.now() - startedMs) / 1_000), 1) };
        results.add(run);
        runs.push(run);
      }
    }
  }
  await Promise.all([db.close(), vault.close()]);
  const rate = (what: Run["what"], way: Run["way"]): number => median(runs.filter((run) => run.what === what && run.way === way).map(({ perSecond }) => perSecond));
  const units = { rows: "rows/s", log: "rows/s", media: "MB/s" };
  table(["part", "unit", "read only", "checked", "ratio"], (["rows", "log", "media"] as const).map((what) => [what, units[what], rate(what, "read").toFixed(0), rate(what, "check").toFixed(0), (rate(what, "check") / rate(what, "read")).toFixed(2)]));
  console.log(`Raw runs: ${results.path}`);
}

async function database(): Promise<Db> {
  const owner = new Client({ connectionString: server.superuserUrl });
  await owner.connect();
  await owner.query(`create database fsck owner ${new URL(server.url).username} template template0 encoding 'UTF8'`);
  await owner.end();
  const url = new URL(server.url);
  url.pathname = "/fsck";
  await migrate({ url: url.href, log: quietLog });
  const db = createDb({ url: url.href, log: quietLog, poolSize: 10 });
  await makePartitionsAhead(db, new Date());
  return db;
}

async function write(db: Db, { tenantId }: CheckedTenant, rows: number): Promise<void> {
  for (let at = 0; at < rows; at += 1_000) {
    await withTenant(db, tenantId, (tx) =>
      appendMany(tx, Array.from({ length: Math.min(1_000, rows - at) }, () => ({ actor: { kind: "person", id: "0193a1b2-0000-7000-8000-000000000000", name: "Adele Vance" } as const, action: "Play" as const, item: "Call" as const, subject: "64b0c1d2a1b2c3d4e5f60718", remoteAddress: "192.0.2.1", occurredAt: systemClock.now(), nodeId: "node-1", detail: { name: "Adele Vance", startedAt: "2026-11-21T09:30:00.123Z", track: 1 } }))),
    );
  }
}

/** Waits until every row has its place; answers the size of the log. */
async function placed(db: Db, { tenantId }: CheckedTenant): Promise<number> {
  for (;;) {
    const waiting = await withTenant(db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").where("tree_index", "is", null).limit(1).executeTakeFirst());
    if (waiting === undefined) return (await withTenant(db, tenantId, (tx) => tx.selectFrom("logs").select("size").executeTakeFirstOrThrow())).size;
    await new Promise((later) => setTimeout(later, 50));
  }
}

async function readRows(db: Db, { tenantId }: CheckedTenant, size: number): Promise<number> {
  for (let at = 0; at < size; at += 1_024) {
    await withTenant(db, tenantId, async (tx) => {
      await rowsOf(tx, { places: [at, at + 1_024] });
      await tx.selectFrom("log_tiles").select("hashes").where("level", "in", [-1, 0]).where("index", ">=", at / 256).where("index", "<", at / 256 + 4).execute();
    });
  }
  return size;
}

async function readTiles(db: Db, { tenantId }: CheckedTenant, size: number): Promise<number> {
  for (let at = 0; at < size; at += 16_384) await withTenant(db, tenantId, (tx) => tx.selectFrom("log_tiles").select("hashes").where("level", "=", 0).where("index", ">=", at / 256).where("index", "<", at / 256 + 64).execute());
  return size;
}

async function readStore(vault: Vault, { tenantId }: CheckedTenant): Promise<number> {
  let bytes = 0;
  for await (const { name } of vault.store.list(tenantId)) bytes += (await vault.store.read(name, 0, await vault.store.size(name))).length;
  return bytes;
}

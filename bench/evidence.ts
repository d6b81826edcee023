/**
 * npm run bench evidence: what the signed log costs whoever writes evidence. Rows per second with sequencing, tree and signature, beside the
 * same inserts without, and how long a row waits for its place; on a database of its own that syncs as in production.
 *
 *   npm run bench evidence -- [--writers 1,10,100] [--tenants 1,100] [--seconds 5] [--rounds 2]
 *   npm run bench evidence -- --proof 10000000 [--data DIR]    size and time of a proof in a log of so many rows; goes on where it stopped
 *
 * A run with the log is over when every row has its place: what it owes then counts.
 */
import { createHash, randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatTlogProof, hashBytes, leafHash, proveConsistency, proveInclusion, tileWidth, treeRoot, verifyInclusion } from "@earwitness/verify";
import { Client } from "pg";
import { systemClock } from "../packages/server/src/clock/index.ts";
import { createDb, createEmbeddedPostgres, makePartitionsAhead, migrate, withTenant, type Db } from "../packages/server/src/db/index.ts";
import { append, createLogSigner, readHashes, sha256 } from "../packages/server/src/evidence/index.ts";
import { edgeOf, edgeTiles, emptyEdge, growTree, type TreeEdge } from "../packages/server/src/evidence/tree-edge.ts";
import { addTenant, createTestLogs, quietLog } from "../packages/server/src/testing/index.ts";
import { median, quantile, table } from "./figures.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({
  options: { writers: { type: "string", default: "1,10,100" }, tenants: { type: "string", default: "1,100" }, seconds: { type: "string", default: "5" }, rounds: { type: "string", default: "2" }, proof: { type: "string" }, data: { type: "string" }, into: { type: "string" } },
});

interface WriteRun {
  readonly kind: "write";
  readonly writers: number;
  readonly tenants: number;
  readonly withLog: boolean;
  readonly rowsPerSecond: number;
  readonly longestWaitMs: number | null;
}
interface ProofRun {
  readonly kind: "proof";
  readonly rows: number;
  readonly hashes: number;
  readonly bytes: number;
  readonly proveMs: readonly number[];
  readonly verifyUs: number;
  readonly consistencyBytes: number;
  readonly consistencyMs: readonly number[];
}

const dataDir = values.data === undefined ? await mkdtemp(join(tmpdir(), "earwitness-bench-evidence-")) : resolve(values.data);
const server = await createEmbeddedPostgres({ dataDir, log: quietLog });
const results = openResults<WriteRun | ProofRun>("evidence", values, { into: values.into });
try {
  await (values.proof === undefined ? writeRuns() : proofRun(Number(values.proof)));
} finally {
  await server.close();
  if (values.data === undefined) await rm(dataDir, { recursive: true, force: true });
}

async function database(name: string): Promise<Db> {
  const owner = new Client({ connectionString: server.superuserUrl });
  await owner.connect();
  const exists = (await owner.query("select from pg_database where datname = $1", [name])).rowCount === 1;
  if (!exists) await owner.query(`create database ${name} owner ${new URL(server.url).username} template template0 encoding 'UTF8'`);
  await owner.end();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  await migrate({ url: url.href, log: quietLog });
  const db = createDb({ url: url.href, log: quietLog, poolSize: 20 });
  await makePartitionsAhead(db, new Date());
  return db;
}

async function writeRuns(): Promise<void> {
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
  // One database each: rows that nobody places would otherwise be in the other's way.
  const [plain, logged] = [await database("plain"), await database("logged")];
  const shown: string[][] = [];
  for (const tenants of values.tenants.split(",").map(Number)) {
    for (const writers of values.writers.split(",").map(Number)) {
      const runs: WriteRun[] = [];
      for (let round = 0; round < rounds; round += 1) {
        // In turns, so that a machine that slows down does so for both.
        runs.push(await write(plain, { writers, tenants, seconds, withLog: false }), await write(logged, { writers, tenants, seconds, withLog: true }));
      }
      for (const run of runs) results.add(run);
      const rate = (withLog: boolean): number => median(runs.filter((run) => run.withLog === withLog).map((run) => run.rowsPerSecond));
      shown.push([String(writers), String(tenants), rate(false).toFixed(0), rate(true).toFixed(0), (rate(true) / rate(false)).toFixed(2), `${Math.max(...runs.map((run) => run.longestWaitMs ?? 0))} ms`]);
    }
  }
  table(["writers", "tenants", "rows/s without", "with the log", "ratio", "longest wait for a place"], shown);
  console.log(`Raw runs: ${results.path}`);
  await Promise.all([plain.close(), logged.close()]);
}

async function write(db: Db, { writers, tenants, seconds, withLog }: { writers: number; tenants: number; seconds: number; withLog: boolean }): Promise<WriteRun> {
  const tenantIds: string[] = [];
  for (let n = 0; n < tenants; n += 1) tenantIds.push(await addTenant(db));
  const sequencer = withLog ? createTestLogs().sequencer(db, { beatMs: 250 }) : null;
  // A log is made once in a tenant's life: with a row before the clock starts, on both sides. A few at once, so that none of these waits longest.
  for (let at = 0; at < tenants; at += 4) {
    await Promise.all(tenantIds.slice(at, at + 4).map(async (tenantId) => {
      const id = await act(db, tenantId);
      await sequencer?.place(tenantId, [id]);
    }));
  }
  const startedMs = performance.now();
  let written = 0;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let n = writer; performance.now() - startedMs < seconds * 1_000; n += writers) {
        await act(db, tenantIds[n % tenants]!);
        written += 1;
      }
    }),
  );
  if (sequencer !== null) await until(() => sequencer.state().placed >= tenants + written);
  const tookMs = performance.now() - startedMs;
  const longest = sequencer?.state().longestMs ?? null;
  await sequencer?.close();
  return { kind: "write", writers, tenants, withLog, rowsPerSecond: rounded(written / (tookMs / 1_000), 1), longestWaitMs: longest === null ? null : Math.round(longest) };
}

async function act(db: Db, tenantId: string): Promise<string> {
  return await withTenant(db, tenantId, (tx) =>
    append(tx, { actor: { kind: "person", id: "0193a1b2-0000-7000-8000-000000000000", name: "Adele Vance" }, action: "Play", item: "Call", subject: "64b0c1d2a1b2c3d4e5f60718", remoteAddress: "192.0.2.1", occurredAt: systemClock.now(), nodeId: "node-1", detail: { name: "Adele Vance", startedAt: "2026-11-21T09:30:00.123Z", track: 1 } }),
  );
}

async function proofRun(rows: number): Promise<void> {
  if (!Number.isSafeInteger(rows) || rows < 2) throw new Error("--proof is a number of rows");
  const db = await database("proofs");
  const superuser = new Client({ connectionString: server.superuserUrl.replace(/\/[^/?]*(\?|$)/, "/proofs$1") });
  await superuser.connect();
  superuser.on("error", () => undefined); // the query that fails with it says more
  const known = (await superuser.query("select tenant_id, size from logs")).rows[0] as { tenant_id: string; size: string } | undefined;
  const tenantId = known?.tenant_id ?? (await addTenant(db));
  const origin = `bench.example/log/${tenantId}`;
  if (known === undefined) await superuser.query("insert into logs (tenant_id, origin) values ($1, $2)", [tenantId, origin]);
  let edge = await edgeThere(superuser, tenantId, Number(known?.size ?? 0));
  const portion = 65_536;
  while (edge.size < rows) {
    const entries = Array.from({ length: Math.min(portion, rows - edge.size) }, (_, at) => entryAt(edge.size + at));
    const grown = await growTree(edge, entries);
    const tiles = grown.tiles.filter(({ level }) => level >= 0);
    await superuser.query("begin");
    await superuser.query(
      "insert into log_tiles (tenant_id, level, index, hashes) select $1, * from unnest($2::int[], $3::bigint[], $4::bytea[]) on conflict (tenant_id, level, index) do update set hashes = excluded.hashes",
      [tenantId, tiles.map(({ level }) => level), tiles.map(({ index }) => index), tiles.map(({ hashes }) => Buffer.from(hashes))],
    );
    await superuser.query("update logs set size = $2, root = $3 where tenant_id = $1", [tenantId, grown.edge.size, Buffer.from(grown.edge.root)]);
    await superuser.query("commit");
    edge = grown.edge;
    process.stderr.write(`\r${edge.size} rows`);
  }
  process.stderr.write("\n");
  await superuser.query("vacuum analyze log_tiles");
  await superuser.end();
  const note = createLogSigner(origin, new Uint8Array(32)).sign(edge);

  const proveMs: number[] = [];
  const consistencyMs: number[] = [];
  let [bytes, hashes, verifyMs, consistencyBytes] = [0, 0, 0, 0];
  const times = 200;
  for (let n = 0; n < times; n += 1) {
    const index = randomInt(rows);
    const startedMs = performance.now();
    const proof = await withTenant(db, tenantId, (tx) => proveInclusion(sha256, index, rows, readHashes(tx)));
    proveMs.push(performance.now() - startedMs);
    bytes = Math.max(bytes, Buffer.byteLength(formatTlogProof({ index, proof, checkpoint: note })));
    hashes = Math.max(hashes, proof.length);
    const leaf = leafHash(sha256, entryAt(index));
    const verifyStartedMs = performance.now();
    if (!verifyInclusion(sha256, { leaf, index, size: rows, proof, root: edge.root })) throw new Error(`the proof of place ${index} does not hold`);
    verifyMs += performance.now() - verifyStartedMs;
    const first = 1 + randomInt(rows - 1);
    const consistencyStartedMs = performance.now();
    const growth = await withTenant(db, tenantId, (tx) => proveConsistency(sha256, first, rows, readHashes(tx)));
    consistencyMs.push(performance.now() - consistencyStartedMs);
    consistencyBytes = Math.max(consistencyBytes, growth.length * hashBytes);
  }
  const root = await withTenant(db, tenantId, (tx) => treeRoot(sha256, rows, readHashes(tx)));
  if (Buffer.compare(root, edge.root) !== 0) throw new Error("the tiles do not make up the root");
  await db.close();
  const run: ProofRun = { kind: "proof", rows, hashes, bytes, proveMs: proveMs.map((ms) => rounded(ms)), verifyUs: rounded((verifyMs / times) * 1_000, 1), consistencyBytes, consistencyMs: consistencyMs.map((ms) => rounded(ms)) };
  results.add(run);
  table(
    ["rows", "hashes", "proof with checkpoint", "made in (median, p99)", "checked in", "consistency", "made in (median, p99)"],
    [[rows, hashes, `${bytes} B`, inMs(proveMs), `${run.verifyUs} µs`, `${consistencyBytes} B`, inMs(consistencyMs)]],
  );
  console.log(`Raw runs: ${results.path}`);
}

function inMs(samples: readonly number[]): string {
  return `${median(samples).toFixed(1)}, ${quantile(samples, 0.99).toFixed(1)} ms`;
}

/** Stands for the commitment to a row: what is hashed costs the same. */
function entryAt(place: number): Uint8Array {
  return createHash("sha256").update(String(place)).digest();
}

async function edgeThere(client: Client, tenantId: string, size: number): Promise<TreeEdge> {
  if (size === 0) return emptyEdge;
  const partial = new Map<number, Uint8Array>();
  for (const { level, index, width } of edgeTiles(size)) {
    if (level < 0) partial.set(level, new Uint8Array((size % tileWidth) * hashBytes)); // entries are not kept here
    else partial.set(level, ((await client.query("select hashes from log_tiles where tenant_id = $1 and level = $2 and index = $3", [tenantId, level, index])).rows[0] as { hashes: Buffer }).hashes.subarray(0, width * hashBytes));
  }
  return await edgeOf(size, partial);
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((later) => setTimeout(later, 5));
}

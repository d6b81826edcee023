/** The first schema that others will hold, brought forward with their rows in it, and put back. */
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { createDb, makePartitionsAhead, migrate } from "#db";
import { mintId } from "#ids";
import { createClusterCopies, quietLog, schemaText } from "#testing";
import { listRestorePoints } from "./restore-points.ts";
import { createTestCluster, type TestCluster } from "./test-cluster.ts";

const dbDir = resolve(import.meta.dirname, "../db");
const ours = join(dbDir, "migrations");
const copies = createClusterCopies();
afterAll(() => copies.remove());

let cluster: TestCluster;
let folders: string[];

beforeEach(async () => {
  cluster = await createTestCluster(copies.into);
  folders = [];
});
afterEach(async () => {
  await cluster.close();
  for (const folder of folders) await rm(folder, { recursive: true });
});

const names = async (): Promise<string[]> => (await readdir(ours)).filter((name) => name.endsWith(".sql")).sort();

/** The migrations that an earlier version knew. */
async function upTo(last: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "earwitness-migrations-"));
  folders.push(folder);
  for (const name of await names()) if (name <= last) await cp(join(ours, name), join(folder, name));
  return folder;
}

/** Sees every tenant's rows. */
async function look<T>(work: (sql: Client) => Promise<T>): Promise<T> {
  const sql = new Client({ connectionString: cluster.database().superuserUrl.replace(/\/postgres$/, "/earwitness") });
  await sql.connect();
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

type Rows = Record<string, Record<string, unknown>[]>;

/** Every row of every table. */
async function everyRow(): Promise<Rows> {
  return await look(async (sql) => {
    const { rows: tables } = await sql.query("select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'schema_migrations' order by 1");
    const all: Rows = {};
    for (const { name } of tables as { name: string }[]) all[name] = (await sql.query(`select to_jsonb(t) as row from ${name} t order by to_jsonb(t)::text`)).rows.map(({ row }) => row);
    return all;
  });
}

/** What both versions know of: tables and columns may come and go, rows may not. */
function expectSameRows(after: Rows, before: Rows): void {
  for (const [table, rows] of Object.entries(before)) {
    const now = after[table];
    if (now === undefined) continue;
    const shared = (row: Record<string, unknown>) => Object.keys(row).filter((column) => rows[0] !== undefined && column in rows[0] && now[0] !== undefined && column in now[0]).sort();
    const texts = (some: Record<string, unknown>[]) => some.map((row) => JSON.stringify(shared(row).map((column) => [column, row[column]]))).sort();
    expect(texts(now), table).toEqual(texts(rows));
  }
}

/** What an installation holds: two tenants, their people and trunks, a call with its tracks, and the evidence of it all. */
async function fill(): Promise<void> {
  const db = createDb({ url: cluster.database().url, log: quietLog });
  await makePartitionsAhead(db, new Date());
  await db.close();
  const id = mintId(new Date());
  await look(async (sql) => {
    for (const [number, slug] of ["contoso", "fabrikam"].entries()) {
      const tenant = `00000000-0000-4000-8000-00000000000${number}`;
      await sql.query("insert into tenants (tenant_id, slug, display_name, public_key, public_key_id) values ($1, $2, initcap($2), '\\x01', 'k')", [tenant, slug]);
      await sql.query("insert into people (tenant_id, person_id, upn, display_name, access_profile) select $1, gen_random_uuid(), 'p' || number || '@' || $2 || '.example', 'Zoë Ångström ' || number, case number when 1 then 'Global Admin' when 2 then 'Own Calls' end from generate_series(1, 50) as number", [tenant, slug]);
      await sql.query("insert into person_addresses (tenant_id, address, person_id) select tenant_id, 'sip:' || upn, person_id from people where tenant_id = $1", [tenant]);
      await sql.query("insert into trunks (tenant_id, trunk_id, name, source_networks) values ($1, gen_random_uuid(), 'SBC', '{192.0.2.0/24}')", [tenant]);
      await sql.query("insert into api_keys (tenant_id, api_key_id, name, access_profile, secret_sha256) values ($1, gen_random_uuid(), 'k', 'Global Admin', '\\x02')", [tenant]);
      await sql.query("insert into media (tenant_id, minted_at, media_id, node_id, state, started_at) values ($1, minted_at($2), $2, 'node-1', 'available', now())", [tenant, id]);
      await sql.query("insert into media_tracks (tenant_id, minted_at, media_id, track, label, participant_aor, source_track, from_ms, to_ms) values ($1, minted_at($2), $2, 1, 'a', 'sip:a', 1, 0, 1000)", [tenant, id]);
      await sql.query(
        "insert into interactions (tenant_id, minted_at, interaction_id, node_id, user_name, user_address, media_status, started_at, direction, call_type, sip_call_id, decision) values ($1, minted_at($2), $2, 'node-1', 'Zoë', 'sip:a', 'Available', now(), 'Incoming', 'Call', 'c', '{}')",
        [tenant, id],
      );
      await sql.query("insert into interaction_media (tenant_id, minted_at, interaction_id, media_id, from_ms) values ($1, minted_at($2), $2, $2, 0)", [tenant, id]);
      await sql.query(
        "insert into evidence (tenant_id, recorded_at, evidence_id, occurred_at, node_id, actor_kind, actor_id, actor_name, action, item) select $1, now(), gen_random_uuid(), now(), 'node-1', 'machine', 'm', 'M', 'Play', 'Interaction' from generate_series(1, 100)",
        [tenant],
      );
    }
  });
}

test("an installation of the first schema is brought to this one, a version at a time, with every row; then it is the schema that a new one has", { timeout: 180_000 }, async () => {
  await cluster.start();
  const [, first, ...later] = await names();
  const { url } = cluster.database();
  await migrate({ url, log: quietLog }, await upTo(first!));
  await fill();
  for (const version of later) {
    const before = await everyRow();
    await migrate({ url, log: quietLog }, await upTo(version));
    expectSameRows(await everyRow(), before);
  }
  expect(await look((sql) => schemaText(sql))).toBe(await readFile(join(dbDir, "schema.snapshot.txt"), "utf8"));
  // What was one column for both became the role, with other names.
  const roles = await look((sql) => sql.query("select 'person' as of, role, count(*)::int from people group by role union all select 'key', role, count(*)::int from api_keys group by role order by 1, 2"));
  expect(roles.rows).toEqual([{ of: "key", role: "Admin", count: 2 }, { of: "person", role: "Admin", count: 2 }, { of: "person", role: "User", count: 96 }, { of: "person", role: "User Self View", count: 2 }]);
});

test("an upgrade is prepared, refused to the version before, and rolled back to it with every row", { timeout: 180_000 }, async () => {
  const all = await names();
  const old = await upTo(all.at(-2)!);
  await cluster.start();
  const { url } = cluster.database();
  await migrate({ url, log: quietLog }, await upTo(all[1]!));
  await fill();
  await migrate({ url, log: quietLog }, old);
  await cluster.backUp();
  const before = await everyRow();

  // The new version starts.
  await migrate({ url, log: quietLog, version: "2.0.0", beforeUpgrade: (pending, schema) => cluster.backups().beforeUpgrade(pending, schema) });
  expectSameRows(await everyRow(), before);
  const [point] = await listRestorePoints(cluster.clusterDir());
  expect(point).toMatchObject({ reason: `before ${all.at(-1)}`, schema: all.at(-2) });
  await look((sql) => sql.query("update tenants set display_name = 'written by the new version'"));
  // A start without anything to bring forward makes no further point.
  await migrate({ url, log: quietLog, beforeUpgrade: () => Promise.reject(new Error("there is nothing to prepare")) });

  // The old version starts on it.
  const refused = migrate({ url, log: quietLog, version: "1.0.0" }, old);
  await expect(refused).rejects.toThrow(`it has migration ${all.at(-1)}, and Earwitness 1.0.0 knows up to ${all.at(-2)}. Nothing was changed.`);
  await cluster.archived();
  await cluster.stop();

  const restored = await cluster.restore(point!.name);
  expect(restored.schema).toBe(all.at(-2));
  await cluster.start();
  await migrate({ url: cluster.database().url, log: quietLog, version: "1.0.0" }, old);
  expect(await everyRow()).toEqual(before);

  // And forward again, on the new history: there is no base backup on it yet, or there is.
  await migrate({ url: cluster.database().url, log: quietLog, beforeUpgrade: (pending, schema) => cluster.backups().beforeUpgrade(pending, schema) });
  expectSameRows(await everyRow(), before);
});

test("where nothing can be backed up, the schema stays as it is, and it is said why", { timeout: 180_000 }, async () => {
  const all = await names();
  await cluster.start();
  const { url } = cluster.database();
  await migrate({ url, log: quietLog }, await upTo(all.at(-2)!));
  await cluster.backups().close();
  await cluster.backups().closeArchive();
  const before = await everyRow();
  await expect(
    migrate({ url, log: quietLog, beforeUpgrade: (pending, schema) => cluster.backups().beforeUpgrade(pending, schema) }),
  ).rejects.toThrow("the schema is not brought forward, because the database could not be backed up before");
  expect(await everyRow()).toEqual(before);
});

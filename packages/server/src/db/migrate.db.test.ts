import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, databaseUrl, quietLog, type TestDatabase } from "../testing/index.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { roles } from "./roles.ts";

let database: TestDatabase;
let superuser: Client;
let version: number;
const made: { databases: string[]; roles: string[]; folders: string[] } = { databases: [], roles: [], folders: [] };

beforeAll(async () => {
  database = await createTestDatabase();
  superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  version = Number((await superuser.query("show server_version_num")).rows[0].server_version_num);
});
afterEach(async () => {
  for (const name of made.databases.splice(0)) await superuser.query(`drop database ${name} with (force)`);
  for (const name of made.roles.splice(0)) await superuser.query(`drop role ${name}`);
  for (const folder of made.folders.splice(0)) await rm(folder, { recursive: true });
});
afterAll(async () => {
  await superuser?.end();
  await database?.close();
});

/** An empty database, and the address of its owner. */
async function emptyDatabase({ attributes = "", options = "" } = {}): Promise<{ url: string; name: string; owner: string }> {
  const name = `earwitness_empty_${randomBytes(4).toString("hex")}`;
  const password = randomBytes(8).toString("hex");
  await superuser.query(`create role ${name} login password '${password}' ${attributes}`);
  made.roles.push(name);
  await superuser.query(`create database ${name} owner ${name} template template0 ${options || "encoding 'UTF8'"}`);
  made.databases.push(name);
  return { url: databaseUrl(database.superuserUrl, name, { name, password }), name, owner: name };
}

const lend = async (owner: string, options: string): Promise<void> => {
  for (const role of roles) await superuser.query(`grant ${role} to ${owner}${version < 160_000 ? "" : ` with ${options}`}`);
};

async function ask<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "earwitness-migrations-"));
  made.folders.push(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const ours = join(import.meta.dirname, "migrations");
const applied = (url: string) => ask<{ name: string }>(url, "select name from schema_migrations order by version").then((rows) => rows.map(({ name }) => name));

describe("migrate", () => {
  test("brings an empty database up, many at once as one, and again without doing anything", async () => {
    const { url, owner } = await emptyDatabase();
    await lend(owner, "inherit false, set true");
    if (version < 160_000) await superuser.query(`alter role ${owner} noinherit`);
    await Promise.all([migrate({ url, log: quietLog }), migrate({ url, log: quietLog }), migrate({ url, log: quietLog })]);
    await migrate({ url, log: quietLog });
    expect(await applied(url)).toEqual((await readMigrations(ours)).map(({ name }) => name));
  });

  test("works for a superuser", async () => {
    const { name } = await emptyDatabase();
    const url = databaseUrl(database.superuserUrl, name);
    await migrate({ url, log: quietLog });
    expect(await applied(url)).toHaveLength((await readMigrations(ours)).length);
  });

  test("trunks of before keep what they record, and get a recording address of their own", async () => {
    const { url, owner } = await emptyDatabase();
    await lend(owner, "inherit false, set true");
    if (version < 160_000) await superuser.query(`alter role ${owner} noinherit`);
    const early = (await readMigrations(ours)).filter((migration) => migration.version <= 2);
    await migrate({ url, log: quietLog }, await folderWith(Object.fromEntries(early.map(({ name, sql }) => [name, sql]))));
    const asSuperuser = url.replace(/\/\/[^@]+@/, database.superuserUrl.match(/\/\/[^@]+@/)![0]);
    await ask(asSuperuser, "insert into tenants (tenant_id, slug, display_name, public_key, public_key_id) values (gen_random_uuid(), 'a', 'A', '', '')");
    await ask(asSuperuser, "insert into trunks (tenant_id, trunk_id, name, source_networks, record_all) select tenant_id, gen_random_uuid(), name, '{10.0.0.0/8}', name = 'all' from tenants, unnest(array['all', 'known']) as name");
    await migrate({ url, log: quietLog });
    const trunks = await ask<{ name: string; unknown: string; recording_user: string }>(asSuperuser, "select name, unknown, recording_user from trunks order by name");
    expect(trunks.map(({ name, unknown }) => [name, unknown])).toEqual([["all", "record"], ["known", "ignore"]]);
    expect(new Set(trunks.map(({ recording_user }) => recording_user)).size).toBe(2);
    for (const { recording_user } of trunks) expect(recording_user).toMatch(/^[a-z0-9]{10}$/);
  });

  test("rows of evidence of before get a salt each, and wait for their place", async () => {
    const { url, owner } = await emptyDatabase();
    await lend(owner, "inherit false, set true");
    if (version < 160_000) await superuser.query(`alter role ${owner} noinherit`);
    const early = (await readMigrations(ours)).filter((migration) => migration.version <= 4);
    await migrate({ url, log: quietLog }, await folderWith(Object.fromEntries(early.map(({ name, sql }) => [name, sql]))));
    const asSuperuser = url.replace(/\/\/[^@]+@/, database.superuserUrl.match(/\/\/[^@]+@/)![0]);
    await ask(url, "select make_partitions(now())");
    await ask(asSuperuser, "insert into tenants (tenant_id, slug, display_name, public_key, public_key_id) values (gen_random_uuid(), 'a', 'A', '', '')");
    await ask(asSuperuser, "insert into evidence (tenant_id, recorded_at, evidence_id, occurred_at, node_id, actor_kind, actor_id, actor_name, action, item) select tenant_id, now(), gen_random_uuid(), now(), 'n', 'machine', 'n', 'n', 'Record', 'Call' from tenants, generate_series(1, 20)");
    await migrate({ url, log: quietLog });
    const rows = await ask<{ salt: string; tree_index: string | null }>(asSuperuser, "select encode(salt, 'hex') as salt, tree_index from evidence");
    expect(new Set(rows.map(({ salt }) => salt)).size).toBe(20);
    for (const { salt, tree_index } of rows) expect([salt.length, tree_index]).toEqual([64, null]);
  });

  test("an owner who may not make or take roles is told what a superuser has to run", async () => {
    const { url, owner } = await emptyDatabase();
    await expect(migrate({ url, log: quietLog })).rejects.toThrow(new RegExp(`As a superuser, once:\\n  create role earwitness_app nologin; grant earwitness_app to ${owner}`));
    expect(await ask(url, "select from pg_class where relname = 'tenants'")).toEqual([]);
  });

  test("a role that does not own the database is told to", async () => {
    const { owner } = await emptyDatabase({ attributes: "createrole" });
    const { url: theirs, name } = await emptyDatabase();
    await lend(owner, "inherit false, set true");
    const password = new URL(theirs).password;
    await superuser.query(`alter role ${owner} password '${password}'`);
    await expect(migrate({ url: databaseUrl(database.superuserUrl, name, { name: owner, password }), log: quietLog })).rejects.toThrow(`alter database "${name}" owner to "${owner}"`);
  });

  test("an owner who would inherit the open policies is refused", async () => {
    const { url, owner } = await emptyDatabase();
    await lend(owner, "inherit true, set true");
    await expect(migrate({ url, log: quietLog })).rejects.toThrow(/inherits earwitness_app|noinherit/);
  });

  test("a migration that was edited after it was applied is an error", async () => {
    const one = await createTestDatabase();
    try {
      await ask(one.url, "update schema_migrations set sha256 = 'other' where version = 1");
      await expect(migrate({ url: one.url, log: quietLog })).rejects.toThrow("0001-ground.sql was changed after it was applied");
    } finally {
      await one.close();
    }
  });

  test("a database that is ahead of the program is refused", async () => {
    const one = await createTestDatabase();
    try {
      await ask(one.url, "insert into schema_migrations (version, name, sha256) values (99, '0099-future.sql', '')");
      await expect(migrate({ url: one.url, log: quietLog })).rejects.toThrow("newer than this program: it has migration 0099-future.sql");
    } finally {
      await one.close();
    }
  });

  test("a migration that fails leaves nothing of itself, and is named", async () => {
    const { name } = await emptyDatabase();
    const url = databaseUrl(database.superuserUrl, name);
    const folder = await folderWith({ "0001-good.sql": "create table good ()", "0002-bad.sql": "create table half (); select 1/0" });
    await expect(migrate({ url, log: quietLog }, folder)).rejects.toThrow("migration 0002-bad.sql failed: division by zero");
    expect(await applied(url)).toEqual(["0001-good.sql"]);
    expect(await ask(url, "select relname from pg_class where relname in ('good', 'half')")).toEqual([{ relname: "good" }]);
  });

  test("a number that is there twice, or is none, is an error", async () => {
    await expect(readMigrations(await folderWith({ "0001-a.sql": "", "0002-b.sql": "", "0002-c.sql": "" }))).rejects.toThrow("0002-c.sql stands behind 0002-b.sql");
    await expect(readMigrations(await folderWith({ "0001-a.sql": "", "b.sql": "" }))).rejects.toThrow("b.sql stands behind 0001-a.sql");
    expect((await readMigrations(await folderWith({ "0001-a.sql": "", "0003-c.sql": "" }))).map(({ version }) => version)).toEqual([1, 3]);
  });

  test("a database in another encoding is refused", async () => {
    const { name } = await emptyDatabase({ options: "encoding 'LATIN1' locale_provider libc locale 'C'" });
    await expect(migrate({ url: databaseUrl(database.superuserUrl, name), log: quietLog })).rejects.toThrow(/encoded in LATIN1.*needs UTF8/);
  });
});

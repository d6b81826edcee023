import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "pg";
import type { Log } from "#log";
import { withDirect } from "./pool.ts";
import { checkRights, ensureRoles } from "./roles.ts";

const oldestServer = 15;
const lockKey = 4_039_517_101; // any number that is ours
const folder = join(import.meta.dirname, "migrations");

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

export interface MigrateOptions {
  readonly url: string;
  readonly log: Log;
  /** Of this program, for what people are told. */
  readonly version?: string;
  /** Called before a database that holds something is changed; while it runs no other process changes the schema. */
  readonly beforeUpgrade?: (pending: readonly string[], schema: string) => Promise<void>;
}

/**
 * Brings the schema forward. Each file is one transaction; an applied file never changes (its digest is checked), and a
 * database that is ahead of this program is refused. Only one process at a time does it; others wait.
 */
export async function migrate({ url, log, version = "unknown", beforeUpgrade }: MigrateOptions, from: string = folder): Promise<void> {
  await withDirect(url, "migrate", async (client) => {
    await checkServer(client);
    await client.query("select pg_advisory_lock($1)", [lockKey]); // released with the connection
    const migrations = await readMigrations(from);
    // Before anything is touched: a database that is ahead of this program stays as it is.
    const applied = await readApplied(client);
    refuseSurprises(migrations, applied, version);
    await ensureRoles(client);
    await checkRights(client, log);
    await client.query(
      `create table if not exists schema_migrations (
         version     integer constraint schema_migrations_pkey primary key,
         name        text not null,
         sha256      text not null,
         applied_at  timestamptz not null default now()
       )`,
    );
    const pending = migrations.filter((migration) => !applied.has(migration.version));
    const schema = newestOf(applied);
    if (pending.length > 0 && schema !== null) await beforeUpgrade?.(pending.map(({ name }) => name), schema);
    for (const migration of pending) {
      await apply(client, migration);
      log.info({ migration: migration.name }, "schema brought forward");
    }
  });
}

async function checkServer(client: Client): Promise<void> {
  const { rows } = await client.query(
    `select current_setting('server_version_num')::int / 10000 as major, current_setting('server_version') as version,
            pg_encoding_to_char(encoding) as encoding
       from pg_database where datname = current_database()`,
  );
  const { major, version, encoding } = rows[0];
  if (major < oldestServer) throw new Error(`PostgreSQL ${version} is too old: Earwitness needs ${oldestServer} or newer`);
  if (encoding !== "UTF8") throw new Error(`the database is encoded in ${encoding}: Earwitness needs UTF8 (create database … encoding 'UTF8' template template0)`);
}

export async function readMigrations(from: string): Promise<Migration[]> {
  const names = (await readdir(from)).filter((name) => name.endsWith(".sql")).sort();
  return await Promise.all(
    names.map(async (name, at) => {
      const version = Number.parseInt(name, 10);
      const before = at === 0 ? 0 : Number.parseInt(names[at - 1]!, 10);
      // A number may be missing for as long as the branch that has it is not landed; twice the same one is a mistake for ever.
      if (!(version > before)) throw new Error(`migrations are numbered upward, each number once: ${name} stands behind ${names[at - 1] ?? "nothing"}`);
      const sql = await readFile(join(from, name), "utf8");
      return { version, name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

type Applied = ReadonlyMap<number, { readonly name: string; readonly sha256: string }>;

async function readApplied(client: Client): Promise<Applied> {
  if (!(await client.query("select to_regclass('schema_migrations') is not null as there")).rows[0].there) return new Map();
  const { rows } = await client.query("select version, name, sha256 from schema_migrations order by version");
  return new Map(rows.map((row) => [row.version, row]));
}

const newestOf = (applied: Applied): string | null => [...applied.values()].at(-1)?.name ?? null;

function refuseSurprises(migrations: readonly Migration[], applied: Applied, version: string): void {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  const ahead = [...applied].filter(([number]) => !known.has(number)).map(([, { name }]) => name);
  if (ahead.length > 0) {
    throw new Error(
      `the database is newer than this program: it has ${ahead.length === 1 ? "migration" : "migrations"} ${ahead.join(", ")}, and Earwitness ${version} knows up to ${migrations.at(-1)?.name ?? "none"}. ` +
        "Nothing was changed. Start the version that brought the database forward, or put the database back to before that (docs/operate/backup.md, “Going back”)",
    );
  }
  for (const [number, { name, sha256 }] of applied) {
    const migration = known.get(number)!;
    if (migration.sha256 !== sha256) throw new Error(`migration ${migration.name} was changed after it was applied${name === migration.name ? "" : ` as ${name}`}; write a new one instead`);
  }
}

async function apply(client: Client, migration: Migration): Promise<void> {
  try {
    await client.query("begin");
    await client.query(migration.sql);
    await client.query("insert into schema_migrations (version, name, sha256) values ($1, $2, $3)", [migration.version, migration.name, migration.sha256]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined); // the connection may be gone; the first error is the one to tell
    throw new Error(`migration ${migration.name} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

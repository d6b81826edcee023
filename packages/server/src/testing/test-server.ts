import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { createDb, createEmbeddedPostgres, makePartitionsAhead, migrate } from "#db";
import { createLog } from "#log";

/** What a test needs to make databases of its own. */
export interface TestServer {
  readonly superuserUrl: string;
  /** An ordinary owner, as in production: not above row-level security. */
  readonly owner: { readonly name: string; readonly password: string };
  /** A migrated database to clone. */
  readonly template: string;
}

const log = createLog("warn");

/** A real server by its superuser's URL, or else an embedded one in a temporary directory. */
export async function createTestServer(givenUrl: string | undefined): Promise<TestServer & { close(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), "earwitness-test-"));
  // Nothing here has to outlive the machine.
  const settings = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", shared_buffers: "64MB" };
  const embedded = givenUrl === undefined ? await createEmbeddedPostgres({ dataDir, log, settings }) : null;
  const superuserUrl = givenUrl ?? embedded!.superuserUrl;

  // Each run has its own owner, so that two runs on one server do not meet. The roles it needs are the server's, and stay.
  const run = randomBytes(4).toString("hex");
  const owner = { name: `earwitness_test_${run}`, password: randomBytes(16).toString("hex") };
  const template = `earwitness_test_${run}`;
  const client = new Client({ connectionString: superuserUrl });
  await client.connect();
  await client.query(`create role ${owner.name} login createrole password '${owner.password}'`);
  await lendRoles(client, owner.name);
  await client.query(`create database ${template} owner ${owner.name} template template0 encoding 'UTF8'`);
  const url = databaseUrl(superuserUrl, template, owner);
  await migrate({ url, log });
  const db = createDb({ url, log });
  await makePartitionsAhead(db, new Date());
  await db.close();

  return {
    superuserUrl,
    owner,
    template,
    close: async () => {
      if (embedded === null) {
        const { rows } = await client.query("select datname from pg_database where datname like $1", [`${template}%`]);
        for (const { datname } of rows) await client.query(`drop database if exists ${datname} with (force)`);
        await client.query(`drop role ${owner.name}`);
      }
      await client.end();
      await embedded?.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Roles that an earlier owner made on this server are not this one's to grant: the superuser lends them. */
async function lendRoles(client: Client, owner: string): Promise<void> {
  const { rows } = await client.query("select rolname, current_setting('server_version_num')::int as version from pg_roles where rolname ~ '^earwitness_(app|search|system|log|pending|erase)$'");
  for (const { rolname, version } of rows) await client.query(`grant ${rolname} to ${owner}${version < 160_000 ? "" : " with inherit false, set true"}`);
}

/** The same server, another database, another user. */
export function databaseUrl(url: string, database: string, user?: { name: string; password: string }): string {
  const made = new URL(url);
  made.pathname = `/${database}`;
  if (user !== undefined) {
    made.username = user.name;
    made.password = user.password;
  }
  return made.href;
}

import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { inject } from "vitest";
import { createDb, type Db } from "#db";
import { databaseUrl, type TestServer } from "./test-server.ts";
import { quietLog } from "./test-tenant.ts";

export interface TestDatabase {
  /** As the server opens it: an ordinary owner, every table there and empty. */
  readonly db: Db;
  readonly url: string;
  /** The same database as the superuser, who sees everything: to look behind the product's back. */
  readonly superuserUrl: string;
  close(): Promise<void>;
}

let server: Promise<TestServer> | null = null;

async function findServer(): Promise<TestServer> {
  const door = inject("earwitnessTestServer");
  if (door === undefined) throw new Error("vitest runs without globalSetup: packages/server/src/testing/global-setup.ts");
  const response = await fetch(door);
  if (!response.ok) throw new Error(`no database to test on: ${await response.text()}`);
  return (await response.json()) as TestServer;
}

/** A fresh, migrated database of the test's own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { superuserUrl, owner, template } = await (server ??= findServer());
  const name = `${template}_${randomBytes(6).toString("hex")}`;
  // Through the log: as a file copy it takes two checkpoints, 1.5 s instead of 0.1.
  await asSuperuser(superuserUrl, `create database ${name} template ${template} owner ${owner.name} strategy wal_log`);
  const url = databaseUrl(superuserUrl, name, owner);
  const db = createDb({ url, log: quietLog, poolSize: 5 });
  return {
    db,
    url,
    superuserUrl: databaseUrl(superuserUrl, name),
    close: async () => {
      await db.close();
      await asSuperuser(superuserUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

async function asSuperuser(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

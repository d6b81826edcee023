import { sql } from "kysely";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { isConnectionError, pingDb } from "./availability.ts";
import { withTenant } from "./tenant.ts";

let database: TestDatabase;
let superuser: Client;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = await addTenant(database.db);
  superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
});
afterAll(async () => {
  await superuser?.end();
  await database?.close();
});

const cutAll = () => superuser.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
const readTenant = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("tenants").select("tenant_id").execute());

describe("connections that are cut", () => {
  test("while idle: the process lives on, and the next transaction has a new one", async () => {
    await Promise.all(Array.from({ length: 5 }, readTenant));
    await cutAll();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await readTenant()).toEqual([{ tenant_id: tenantId }]);
    expect(await pingDb(database.db)).toBe(true);
  });

  test("in the middle of a transaction: it fails as a connection error, nothing of it stays, and the next one works", async () => {
    const failure: unknown = await withTenant(database.db, tenantId, async (tx) => {
      await tx.updateTable("tenants").set({ display_name: "half" }).execute();
      await cutAll();
      await sql`select 1`.execute(tx);
    }).catch((error: unknown) => error);
    expect(isConnectionError(failure)).toBe(true);
    expect(await withTenant(database.db, tenantId, (tx) => tx.selectFrom("tenants").select("display_name").execute())).not.toEqual([{ display_name: "half" }]);
  });

  test("a statement that the database will not have is not one", async () => {
    const failure: unknown = await withTenant(database.db, tenantId, (tx) => sql`select 1/0`.execute(tx)).catch((error: unknown) => error);
    expect(isConnectionError(failure)).toBe(false);
  });
});

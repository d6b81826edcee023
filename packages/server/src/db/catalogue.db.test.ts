import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addTenant, createTestDatabase, quietLog, schemaText, type TestDatabase } from "../testing/index.ts";
import { createJobs } from "./jobs.ts";
import { roles } from "./roles.ts";
import { searchColumns } from "./search.ts";
import { withTenant } from "./tenant.ts";

/*
 * What holds for the schema as a whole, read from the catalogue, so that a table that is added without protection fails
 * here and not in production.
 */

let database: TestDatabase;
/** The owner's connection, in the login role. */
let owner: Client;
let superuser: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  const jobs = createJobs({ url: database.url, log: quietLog, queues: { any: {} } });
  await jobs.ready();
  await jobs.close();
  owner = new Client({ connectionString: database.url });
  superuser = new Client({ connectionString: database.superuserUrl });
  await Promise.all([owner.connect(), superuser.connect()]);
});
afterAll(async () => {
  await Promise.all([owner?.end(), superuser?.end()]);
  await database?.close();
});

const column = async (client: Client, text: string): Promise<string[]> => (await client.query<Record<string, string>>(text)).rows.map((row) => Object.values(row)[0]!);

/** Everything that holds rows, outside the system's own schemas. */
const relations = "from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_(catalog|toast|temp)' and nspname <> 'information_schema'";
const hasTenant = "exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)";

describe("the catalogue", () => {
  test("schema.snapshot.txt is the schema (UPDATE_SNAPSHOT=1 writes it anew)", async () => {
    const path = join(import.meta.dirname, "schema.snapshot.txt");
    const text = await schemaText(superuser);
    if (process.env["UPDATE_SNAPSHOT"] === "1") await writeFile(path, text);
    expect(text).toBe(await readFile(path, "utf8"));
  });

  test("every table with a tenant, partitions included, is under forced row-level security", async () => {
    expect((await column(owner, `select relname ${relations} and ${hasTenant}`)).length).toBeGreaterThan(30);
    expect(await column(owner, `select relname ${relations} and ${hasTenant} and not (relrowsecurity and relforcerowsecurity)`)).toEqual([]);
  });

  test("every table with a tenant has the tenant's policy, for reading and for writing; a partition has none, and no grant", async () => {
    const policy = "exists (select from pg_policy p where p.polrelid = c.oid and polname = 'tenant_isolation' and polcmd = '*' and polpermissive and polroles = array['earwitness_app'::regrole::oid] and pg_get_expr(polqual, polrelid) = '(tenant_id = current_tenant())' and pg_get_expr(polwithcheck, polrelid) = '(tenant_id = current_tenant())')";
    expect(await column(owner, `select relname ${relations} and ${hasTenant} and not relispartition and not ${policy}`)).toEqual([]);
    const granted = "exists (select from aclexplode(relacl) where grantee <> relowner)";
    expect(await column(owner, `select relname ${relations} and relispartition and nspname = 'public' and (${granted} or exists (select from pg_policy where polrelid = c.oid))`)).toEqual([]);
  });

  test("no policy is open but those listed", async () => {
    expect(await column(owner, "select format('%s on %s to %s', polname, polrelid::regclass, polroles::regrole[]) from pg_policy where polname <> 'tenant_isolation' order by 1")).toEqual([
      "erase_empties on evidence to {earwitness_erase}",
      "erase_finds on evidence to {earwitness_erase}",
      "log_is_kept on checkpoints to {earwitness_log}",
      "log_is_kept on log_keys to {earwitness_log}",
      "log_is_kept on log_tiles to {earwitness_log}",
      "log_is_kept on logs to {earwitness_log}",
      "log_places on evidence to {earwitness_log}",
      "log_reads on evidence to {earwitness_log}",
      "pending_counts on checkpoints to {earwitness_pending}",
      "pending_counts on evidence to {earwitness_pending}",
      "pending_counts on logs to {earwitness_pending}",
      "search_finds_ids on interactions to {earwitness_search}",
      "search_finds_members on group_members to {earwitness_search}",
      "system_reads_directory on directory_connections to {earwitness_system}",
      "system_reads_directory on people to {earwitness_system}",
      "system_reads_directory on person_addresses to {earwitness_system}",
      "system_reads_directory on person_extensions to {earwitness_system}",
      "system_reads_directory on tenants to {earwitness_system}",
      "system_reads_directory on trunks to {earwitness_system}",
    ]);
  });

  test("every other table is listed here", async () => {
    expect(await column(owner, `select format('%s.%s', nspname, relname) ${relations} and not ${hasTenant} and nspname <> 'pgboss' order by 1`)).toEqual(["public.nodes", "public.schema_migrations"]);
  });

  test("the queue's tables are the login role's alone", async () => {
    expect((await column(owner, "select relname from pg_class where relnamespace = 'pgboss'::regnamespace and relkind in ('r', 'p')")).length).toBeGreaterThan(3);
    for (const role of roles) {
      expect(await column(owner, `select has_schema_privilege('${role}', 'pgboss', 'usage')::text`), role).toEqual(["false"]);
    }
  });

  test("there is no view, and no function that runs with its owner's rights", async () => {
    expect(await column(owner, `select relname ${relations} and relkind in ('v', 'm') and nspname <> 'pgboss'`)).toEqual([]);
    expect(await column(owner, "select proname from pg_proc where prosecdef and pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)")).toEqual([]);
  });

  test("nobody signs in as a role of transactions, none stands above policies, and public may do nothing", async () => {
    expect(await column(owner, `select rolname from pg_roles where rolname in ('${roles.join("', '")}') and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)`)).toEqual([]);
    expect(await column(owner, "select relname from pg_class, aclexplode(relacl) where grantee = 0 and relnamespace = 'public'::regnamespace")).toEqual([]);
    expect(await column(owner, "select has_schema_privilege('public', 'public', 'create')::text")).toEqual(["false"]);
    for (const role of roles) {
      await owner.query(`set role ${role}`);
      await expect(owner.query("create table mine ()"), role).rejects.toThrow(/permission denied/);
      await expect(owner.query("select make_partitions(now())"), role).rejects.toThrow(/permission denied/);
      await owner.query("reset role");
    }
  });

  test("the login role is bound by row-level security and inherits from none of its roles", async () => {
    expect((await owner.query("select rolsuper, rolbypassrls from pg_roles where rolname = current_user")).rows).toEqual([{ rolsuper: false, rolbypassrls: false }]);
    expect(await column(owner, `select rolname from pg_roles where rolname in ('${roles.join("', '")}') and pg_has_role(current_user, oid, 'usage')`)).toEqual([]);
    const tenantId = await addTenant(database.db);
    for (const table of await column(owner, `select relname ${relations} and ${hasTenant} and not relispartition`)) {
      expect((await owner.query(`select * from ${table}`)).rowCount, table).toBe(0);
    }
    expect((await superuser.query("select from tenants where tenant_id = $1", [tenantId])).rowCount).toBe(1);
  });

  test("ACC-02 the search role reads the columns that search.ts lists, of interactions, and who is in which group, and has no other right", async () => {
    expect(await column(owner, "select attname from pg_attribute where attrelid = 'interactions'::regclass and has_column_privilege('earwitness_search', attrelid, attnum, 'select') and attnum > 0 order by attname")).toEqual(searchColumns.toSorted());
    const tablesWhere = (condition: string) => column(owner, `select distinct relname from pg_class, unnest(array['select', 'insert', 'update', 'references']) as right_ where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and ${condition}`);
    expect((await tablesWhere("has_any_column_privilege('earwitness_search', pg_class.oid, right_)")).toSorted()).toEqual(["group_members", "interactions"]);
    expect(await column(owner, "select attname from pg_attribute where attrelid = 'group_members'::regclass and has_column_privilege('earwitness_search', attrelid, attnum, 'select') and attnum > 0 order by attname")).toEqual(["group_id", "person_id", "tenant_id"]);
    expect(await tablesWhere("has_any_column_privilege('earwitness_search', pg_class.oid, right_) and right_ <> 'select'")).toEqual([]);
    expect(await tablesWhere("(has_table_privilege('earwitness_search', pg_class.oid, right_) or has_table_privilege('earwitness_search', pg_class.oid, 'delete, truncate, trigger'))")).toEqual([]);
  });

  test("MON-21 no role of transactions may delete evidence or anything of a log, and each may change what it is for", async () => {
    const changed: Record<string, string[]> = {};
    for (const role of roles) {
      for (const table of ["evidence", "logs", "log_keys", "log_tiles", "checkpoints"]) {
        expect(await column(owner, `select right_ from unnest(array['update', 'delete', 'truncate', 'references', 'trigger']) as right_ where has_table_privilege('${role}', '${table}', right_)`), `${role} ${table}`).toEqual([]);
        const columns = await column(owner, `select attname from pg_attribute where attrelid = '${table}'::regclass and attnum > 0 and has_column_privilege('${role}', attrelid, attnum, 'update') order by attname`);
        if (columns.length > 0) changed[`${role} ${table}`] = columns;
      }
    }
    expect(changed).toEqual({
      "earwitness_log evidence": ["tree_index"],
      "earwitness_log logs": ["head", "root", "signed_at", "size"],
      "earwitness_log log_keys": ["retired_at"],
      "earwitness_log log_tiles": ["hashes"],
      "earwitness_log checkpoints": ["note", "timestamp_token"],
      "earwitness_erase evidence": ["action", "actor_id", "actor_kind", "actor_name", "detail", "erased_by", "item", "node_id", "occurred_at", "reason", "remote_address", "salt", "subject"],
    });
    expect(await column(owner, "select attname from pg_attribute where attrelid = 'evidence'::regclass and attnum > 0 and not has_column_privilege('earwitness_app', attrelid, attnum, 'insert') order by attname")).toEqual(["erased_by", "salt", "tree_index"]);
    for (const table of ["logs", "log_keys", "log_tiles", "checkpoints"]) expect(await column(owner, `select has_any_column_privilege('earwitness_app', '${table}', 'insert')::text`), table).toEqual(["false"]);
  });

  test("the role that sees all tenants' waiting rows sees nothing of what is in them", async () => {
    const seen = await column(owner, "select format('%s.%s', attrelid::regclass, attname) from pg_attribute join pg_class on pg_class.oid = attrelid where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped and has_column_privilege('earwitness_pending', attrelid, attnum, 'select') order by 1");
    expect(seen).toEqual(["checkpoints.size", "checkpoints.tenant_id", "evidence.recorded_at", "evidence.tenant_id", "evidence.tree_index", "logs.size", "logs.tenant_id"]);
  });

  test("every foreign key between tenants' rows carries the tenant", async () => {
    expect(
      await column(
        owner,
        `select conname from pg_constraint con where contype = 'f' and connamespace = 'public'::regnamespace
            and not exists (select from unnest(conkey) as key join pg_attribute on attrelid = conrelid and attnum = key where attname = 'tenant_id')`,
      ),
    ).toEqual([]);
  });
});

describe("schema.ts", () => {
  test("names every column of every table, as nullable, defaulted or neither as it is", async () => {
    const source = await readFile(join(import.meta.dirname, "schema.ts"), "utf8");
    const interfaces = new Map([...source.matchAll(/^export interface (\w+) \{\n([^}]*(?:\{[^}]*\}[^}]*)*?)^\}/gm)].map(([, name, body]) => [name, body]));
    const fields = (name: string) => [...interfaces.get(name)!.matchAll(/^ {2}(\w+): (.+);$/gm)].map(([, field, type]) => ({ field: field!, type: type! }));
    const described = fields("Database").flatMap(({ field: table, type }) =>
      fields(type).map(({ field, type: of }) => {
        const nullable = /\| null|^PartyColumn/.test(of);
        const defaulted = /^(Generated|Stamp|JsonWithDefault)\b/.test(of);
        return `${table}.${field}${nullable ? " null" : ""}${defaulted ? " default" : ""}`;
      }),
    );
    const actual = await column(
      owner,
      `select format('%s.%s%s%s', relname, attname, case when attnotnull then '' else ' null' end, case when atthasdef then ' default' else '' end)
         from pg_attribute join pg_class on pg_class.oid = attrelid
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and attnum > 0 and not attisdropped and relname <> 'schema_migrations'`,
    );
    expect(described.toSorted()).toEqual(actual.toSorted());
  });

  test("values come back as the types say: numbers, dates, bytes, lists, parsed JSON", async () => {
    const tenantId = await addTenant(database.db);
    const trunk = { tenant_id: tenantId, trunk_id: randomUUID(), name: "SBC", source_networks: ["192.0.2.0/24", "::1/128"], recording_user: "abcdefghij" };
    const [row] = await withTenant(database.db, tenantId, async (tx) => {
      await tx.insertInto("trunks").values(trunk).execute();
      return await tx.selectFrom("trunks").innerJoin("tenants", "tenants.tenant_id", "trunks.tenant_id").select((eb) => ["source_networks", "person_domains", "tenants.created_at", "public_key", eb.fn.countAll<number>().over().as("how_many")]).execute();
    });
    expect(row).toEqual({ source_networks: ["192.0.2.0/24", "::1/128"], person_domains: [], created_at: expect.any(Date), public_key: expect.any(Buffer), how_many: 1 });
  });
});

import { sql } from "kysely";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { treeRoot } from "@earwitness/verify";
import { systemClock } from "#clock";
import { withLogs, withTenant } from "#db";
import { addTenant, createTestDatabase, createTestLogs, quietLog, type TestDatabase, type TestLogs } from "../testing/index.ts";
import { append } from "./append.ts";
import { checkRows } from "./check-rows.ts";
import { openHead } from "./log-key.ts";
import { readHashes } from "./log-tiles.ts";
import { placeTogether } from "./place-together.ts";
import { sha256 } from "./sha256.ts";
import { createTenantLog, type TenantLog } from "./tenant-log.ts";

let database: TestDatabase;
let superuser: Client;
let logs: TestLogs;

beforeAll(async () => {
  database = await createTestDatabase();
  superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  logs = createTestLogs();
});
afterEach(async () => {
  await superuser.query("drop trigger if exists broken on evidence; drop function if exists refuse_place");
});
afterAll(async () => {
  await superuser?.end();
  await database?.close();
});

const options = () => ({ db: database.db, clock: systemClock, batchRows: 1_000 });
const act = (tenantId: string) => withTenant(database.db, tenantId, (tx) => append(tx, { actor: { kind: "person", id: "p", name: "Adele Vance" }, action: "Play", item: "Call", occurredAt: new Date(), nodeId: "n1", detail: {} }));
const waiting = async (tenantId: string): Promise<number> => Number((await superuser.query("select count(*) as rows from evidence where tenant_id = $1 and tree_index is null", [tenantId])).rows[0].rows);

/** Logs with a row each, known to this node, and rows that wait. */
async function group(count: number, rows: number): Promise<TenantLog[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const tenantId = await addTenant(database.db);
      const log = createTenantLog(tenantId, { ...options(), seeds: logs.seeds, heads: logs.heads, nodeId: "n1", originOf: (id) => `earwitness.example/log/${id}` });
      await act(tenantId);
      expect(log.mayJoin()).toBe(false); // never looked at
      expect(await log.place()).toMatchObject({ kind: "placed", placed: 1 });
      expect(log.mayJoin()).toBe(true);
      for (let n = 0; n < rows; n += 1) await act(tenantId);
      return log;
    }),
  );
}

async function expectWhole(tenantId: string, rows: number): Promise<void> {
  await withTenant(database.db, tenantId, async (tx) => {
    const log = await tx.selectFrom("logs").selectAll().executeTakeFirstOrThrow();
    const keys = await tx.selectFrom("log_keys").select("vkey").execute();
    expect(openHead(log.head!, log.origin, keys.map(({ vkey }) => vkey))).toMatchObject({ size: rows, root: new Uint8Array(log.root) });
    expect(Buffer.from(await treeRoot(sha256, rows, readHashes(tx))).equals(log.root)).toBe(true);
    expect(await checkRows(tx, 0, rows)).toEqual({ rows, erased: 0, differences: [] });
  });
}

test("rows of several tenants get their places, tiles and signed heads in one transaction", async () => {
  const logsOf = await group(3, 2);
  const done = await placeTogether(options(), logsOf);
  expect([...done.values()]).toEqual(logsOf.map(() => expect.objectContaining({ kind: "placed", placed: 2, more: false })));
  for (const { tenantId } of logsOf) await expectWhole(tenantId, 3);
  const { rows } = await superuser.query("select distinct xmin::text from logs where tenant_id = any($1)", [logsOf.map(({ tenantId }) => tenantId)]);
  expect(rows).toHaveLength(1);
});

test("whoever has more than a share of it has a transaction of its own next, and loses nothing", async () => {
  const [busy, quiet] = await group(2, 70);
  const done = await placeTogether(options(), [busy!, quiet!]);
  expect(done.get(busy!)).toMatchObject({ placed: 64, more: true });
  expect(busy!.mayJoin()).toBe(false);
  expect(await busy!.place()).toMatchObject({ placed: 6, more: false });
  await expectWhole(busy!.tenantId, 71);
});

test("a log that is not as this node left it, or that another node has, is left out; the others' rows get their places", async () => {
  const [healthy, setBack, elsewhere] = await group(3, 1);
  await superuser.query("update logs set size = 0, root = sha256(''), head = null where tenant_id = $1", [setBack!.tenantId]);
  const other = new Client({ connectionString: database.superuserUrl });
  await other.connect();
  await other.query("begin");
  await other.query("select from logs where tenant_id = $1 for update", [elsewhere!.tenantId]);
  const done = await placeTogether(options(), [setBack!, elsewhere!, healthy!]);
  await other.end();
  expect([...done.keys()]).toEqual([healthy]);
  await expectWhole(healthy!.tenantId, 2);
  expect(await setBack!.place()).toEqual({ kind: "stopped" });
  expect([await waiting(setBack!.tenantId), await waiting(elsewhere!.tenantId)]).toEqual([1, 1]);
});

test("where one tenant's rows are refused nothing of the group is kept; then every other tenant's get their places, and that one's as soon as they can", async () => {
  const said: string[] = [];
  const sequencer = logs.sequencer(database.db, { beatMs: 60_000, log: { ...quietLog, warn: (...told: unknown[]) => void said.push(String(told[1])) } });
  try {
    const tenants = await Promise.all([1, 2, 3, 4].map(() => addTenant(database.db)));
    for (const tenantId of tenants) await sequencer.place(tenantId, [await act(tenantId)]);
    const [broken, ...others] = tenants;
    await superuser.query("create function refuse_place() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$");
    await superuser.query(`create trigger broken before update on evidence for each row when (new.tenant_id = '${broken}') execute function refuse_place()`);
    for (let round = 0; round < 3; round += 1) {
      const ids = await Promise.all(tenants.map(async (tenantId) => [tenantId, await act(tenantId)] as const));
      for (const [tenantId, id] of ids) if (tenantId !== broken) await sequencer.place(tenantId, [id]);
    }
    expect(await waiting(broken!)).toBe(3);
    expect(said).toEqual([expect.stringContaining("trying each tenant alone")]); // once: then it is known whose fault it is
    for (const tenantId of others) await expectWhole(tenantId, 4);
    await superuser.query("drop trigger broken on evidence");
    await sequencer.place(broken!, [await act(broken!)]);
    await expectWhole(broken!, 5);
  } finally {
    await sequencer.close();
  }
});

test("a transaction of several tenants sees no row of any of them by itself, and leaves no tenant set", async () => {
  const [log] = await group(1, 1);
  const seen = await withLogs(database.db, async (tx) => {
    const count = async () => (await sql<{ rows: number; tenant: string }>`select (select count(*) from evidence) + (select count(*) from logs) + (select count(*) from log_tiles) as rows, current_setting('earwitness.tenant') as tenant`.execute(tx)).rows[0];
    const before = await count();
    const locked = (await sql`select * from lock_logs(${[log!.tenantId]}::uuid[])`.execute(tx)).rows;
    const found = (await sql`select * from unplaced_evidence(${[log!.tenantId]}::uuid[], '{}', 10)`.execute(tx)).rows;
    return [before, locked.length, found.length, await count()];
  });
  expect(seen).toEqual([{ rows: 0, tenant: "" }, 1, 1, { rows: 0, tenant: "" }]);
});

test("nobody but the log's role may call what goes from tenant to tenant", async () => {
  const { rows } = await superuser.query("select proname, prosecdef, proacl::text as acl from pg_proc where proname in ('lock_logs', 'unplaced_evidence', 'write_logs') order by proname");
  expect(rows.map(({ proname, prosecdef }) => [proname, prosecdef])).toEqual([["lock_logs", false], ["unplaced_evidence", false], ["write_logs", false]]);
  const tenantId = await addTenant(database.db);
  await expect(withTenant(database.db, tenantId, (tx) => sql`select * from lock_logs(${[tenantId]}::uuid[])`.execute(tx))).rejects.toThrow("permission denied");
  for (const { acl } of rows) expect(acl).not.toMatch(/[{,]=X|earwitness_(app|search|system|pending|erase)=/);
});

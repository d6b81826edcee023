import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asEraser, withTenant } from "#db";
import { addTenant, createTestDatabase, createTestLogs, type TestDatabase } from "../testing/index.ts";
import { append, appendMany, type EvidenceEntry } from "./append.ts";
import { checkRows, type Difference } from "./check-rows.ts";
import { erase } from "./erase.ts";
import { rowsOf } from "./stored-row.ts";
import type { Sequencer } from "./sequencer.ts";

let database: TestDatabase;
let superuser: Client;
let sequencer: Sequencer;

beforeAll(async () => {
  database = await createTestDatabase();
  superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  sequencer = createTestLogs().sequencer(database.db);
});
afterAll(async () => {
  await sequencer?.close();
  await superuser?.end();
  await database?.close();
});

const by = { actor: { kind: "person", id: "dpo", name: "Data Protection" }, occurredAt: new Date("2026-11-22T08:00:00Z"), nodeId: "n1" } as const;
const entry = (n: number): EvidenceEntry => ({ actor: { kind: "person", id: n % 2 === 0 ? "adele" : "bill", name: n % 2 === 0 ? "Adele Vance" : "Bill" }, action: "Play", item: "Call", subject: `call-${n}`, remoteAddress: "192.0.2.1", reason: "Complaint", occurredAt: new Date("2026-11-21T09:30:00.123Z"), nodeId: "n1", detail: { n } });

/** A tenant whose rows have their place. */
async function tenantWith(count: number): Promise<string> {
  const tenantId = await addTenant(database.db);
  await withTenant(database.db, tenantId, (tx) => appendMany(tx, Array.from({ length: count }, (_, n) => entry(n))));
  await placed(tenantId);
  return tenantId;
}

async function placed(tenantId: string): Promise<void> {
  const ids = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").where("tree_index", "is", null).execute());
  if (ids.length > 0) await sequencer.place(tenantId, ids.map(({ evidence_id }) => evidence_id));
}

const check = (tenantId: string, to: number) => withTenant(database.db, tenantId, (tx) => checkRows(tx, 0, to));
const kinds = (differences: readonly Difference[]) => differences.map((difference) => `${difference.kind} ${difference.place}`);

describe("erasing", () => {
  test("takes content and salt of a person's rows; places, times and leaves stay, and a row says which and why", async () => {
    const tenantId = await tenantWith(6);
    const done = await withTenant(database.db, tenantId, (tx) => erase(tx, { ...by, which: { actorId: "adele" }, reason: "Article 17" }));
    expect(done).toEqual({ erased: 3, certificates: [expect.any(String)] });
    await placed(tenantId);
    const rows = await withTenant(database.db, tenantId, (tx) => rowsOf(tx, {}));
    const erased = rows.filter(({ erasedBy }) => erasedBy !== null);
    expect(JSON.stringify(erased)).not.toMatch(/adele|Adele|192\.0\.2|Complaint/);
    for (const { row, salt, erasedBy } of erased) {
      expect([salt, erasedBy, row.occurredAt]).toEqual([null, done.certificates[0], row.recordedAt]);
      expect([row.actor, row.action, row.item, row.detail]).toEqual([{ kind: "machine", id: "", name: "" }, "", "", {}]);
    }
    const certificate = rows.find(({ row }) => row.evidenceId === done.certificates[0])!;
    expect(certificate.row).toMatchObject({ action: "Erase", item: "Evidence", reason: "Article 17", actor: by.actor, detail: { rows: erased.map(({ treeIndex, row }) => [treeIndex, row.evidenceId, row.recordedAt]) } });
    expect(await check(tenantId, 7)).toEqual({ rows: 7, erased: 3, differences: [] });
    expect(await withTenant(database.db, tenantId, (tx) => erase(tx, { ...by, which: { actorId: "adele" }, reason: "again" }))).toEqual({ erased: 0, certificates: [] });
  });

  test("many rows get as many certificates as are needed", async () => {
    const tenantId = await tenantWith(1_203);
    const done = await withTenant(database.db, tenantId, (tx) => erase(tx, { ...by, which: { places: [100, 1_201] }, reason: "Article 17" }));
    expect([done.erased, done.certificates.length]).toEqual([1_101, 3]);
    await placed(tenantId);
    expect(await check(tenantId, 1_206)).toEqual({ rows: 1_206, erased: 1_101, differences: [] });
  });

  test("rows that say what was erased, and what was done to the log, cannot be erased; rows without a place not yet", async () => {
    const tenantId = await tenantWith(2);
    await withTenant(database.db, tenantId, (tx) => append(tx, { ...entry(2), action: "Resume", item: "Log" }));
    await withTenant(database.db, tenantId, (tx) => erase(tx, { ...by, which: { places: [0, 1] }, reason: "Article 17" }));
    await expect(withTenant(database.db, tenantId, async (tx) => {
      await append(tx, entry(3));
      await erase(tx, { ...by, which: {}, reason: "all" });
    })).rejects.toThrow("have no place in the log yet");
    await placed(tenantId);
    expect(await withTenant(database.db, tenantId, (tx) => erase(tx, { ...by, which: {}, reason: "all" }))).toMatchObject({ erased: 1 });
    await placed(tenantId);
    expect(await check(tenantId, 5)).toEqual({ rows: 5, erased: 2, differences: [] });
  });

  test("an act that fails erases nothing", async () => {
    const tenantId = await tenantWith(2);
    await expect(withTenant(database.db, tenantId, async (tx) => {
      await erase(tx, { ...by, which: {}, reason: "Article 17" });
      throw new Error("the act failed");
    })).rejects.toThrow("the act failed");
    expect(await check(tenantId, 2)).toEqual({ rows: 2, erased: 0, differences: [] });
  });

  test("the role for it can empty rows that have their place, once, and can do nothing else", async () => {
    const tenantId = await tenantWith(2);
    const as = (statement: string) => superuser.query(`begin; set local role earwitness_erase; set local earwitness.tenant = '${tenantId}'; ${statement}; commit`).catch(async (error: unknown) => {
      await superuser.query("rollback");
      throw error;
    });
    const empty = "salt = null, occurred_at = recorded_at, node_id = '', actor_kind = 'machine', actor_id = '', actor_name = '', action = '', item = '', subject = null, remote_address = null, reason = null, detail = '{}'";
    await expect(as("update evidence set actor_name = 'Somebody'")).rejects.toThrow(/row-level security/);
    await expect(as("update evidence set actor_name = 'Somebody', erased_by = gen_random_uuid()")).rejects.toThrow(/evidence_erased_whole/);
    await expect(as("update evidence set tree_index = 7")).rejects.toThrow(/permission denied/);
    await expect(as("delete from evidence")).rejects.toThrow(/permission denied/);
    await expect(as("select actor_name from evidence")).rejects.toThrow(/permission denied/);
    await as(`update evidence set ${empty}, erased_by = '${tenantId}' where tree_index = 0`);
    await as(`update evidence set erased_by = gen_random_uuid() where tree_index = 0`); // finds none
    expect((await superuser.query("select erased_by from evidence where tenant_id = $1 and tree_index = 0", [tenantId])).rows).toEqual([{ erased_by: tenantId }]);
    expect(await withTenant(database.db, tenantId, (tx) => asEraser(tx, (eraser) => eraser.selectFrom("evidence").select("tree_index").orderBy("tree_index").execute()))).toEqual([{ tree_index: 0 }, { tree_index: 1 }]);
  });
});

describe("checking rows against the log", () => {
  test("MON-21 a changed, deleted, added, swapped or re-ordered row is named, whoever did it", async () => {
    const where = "where tenant_id = $1 and tree_index";
    const changes: [change: string, named: string[]][] = [
      [`update evidence set actor_name = 'Nobody' ${where} = 3`, ["altered 3"]],
      [`update evidence set subject = null ${where} = 3`, ["altered 3"]],
      [`update evidence set reason = reason || ' ' ${where} = 3`, ["altered 3"]],
      [`update evidence set occurred_at = occurred_at + interval '1 millisecond' ${where} = 3`, ["altered 3"]],
      [`update evidence set recorded_at = recorded_at + interval '1 microsecond' ${where} = 3`, ["altered 3"]],
      [`update evidence set detail = '{"n": 3.00000000000000000001}' ${where} = 3`, ["altered 3"]],
      [`update evidence set detail = '{"n": 3, "m": null}' ${where} = 3`, ["altered 3"]],
      [`update evidence set salt = set_byte(salt, 0, 255 - get_byte(salt, 0)) ${where} = 3`, ["altered 3"]],
      [`update evidence set evidence_id = gen_random_uuid() ${where} = 3`, ["altered 3"]],
      [`delete from evidence ${where} = 3`, ["missing 3"]],
      [`update evidence set tree_index = null ${where} = 3`, ["missing 3"]],
      [`update evidence set tree_index = 4 ${where} = 3`, ["missing 3", "doubled 4", "moved 4"]],
      [`update evidence set tree_index = 7 - tree_index ${where} in (3, 4)`, ["moved 3", "moved 4"]],
      [`insert into evidence select (jsonb_populate_record(null::evidence, to_jsonb(e) || jsonb_build_object('evidence_id', gen_random_uuid()))).* from evidence e ${where} = 3`, ["doubled 3", "altered 3"]],
      [`delete from log_tiles where tenant_id = $1 and level = -1`, Array.from({ length: 10 }, (_, place) => `tiles ${place}`)],
      [`update log_tiles set hashes = set_byte(hashes, 97, 255 - get_byte(hashes, 97)) where tenant_id = $1 and level = -1`, ["tiles 3", "altered 3"]],
      [`update log_tiles set hashes = set_byte(hashes, 97, 255 - get_byte(hashes, 97)) where tenant_id = $1 and level = 0`, ["tiles 3"]],
      [
        `update evidence set salt = null, erased_by = gen_random_uuid(), occurred_at = recorded_at, node_id = '', actor_kind = 'machine', actor_id = '', actor_name = '', action = '', item = '', subject = null, remote_address = null, reason = null, detail = '{}' ${where} = 3`,
        ["erased without certificate 3"],
      ],
    ];
    for (const [change, named] of changes) {
      const tenantId = await tenantWith(10);
      await superuser.query(change, [tenantId]);
      expect([change, kinds((await check(tenantId, 10)).differences).toSorted()]).toEqual([change, named.toSorted()]);
    }
  });

  test("an erased row whose certificate was changed, is about others or is gone, and one that holds something again, are named", async () => {
    const changes: [change: string, why: string][] = [
      ["update evidence set reason = 'Another' where tenant_id = $1 and action = 'Erase'", "missing, changed"],
      ["delete from evidence where tenant_id = $1 and action = 'Erase'", "missing, changed"],
      ["update evidence set erased_by = (select evidence_id from evidence where tenant_id = $1 and tree_index = 0) where tenant_id = $1 and tree_index = 1", "says something else"],
      ["update evidence set recorded_at = recorded_at + interval '1 second', occurred_at = recorded_at + interval '1 second' where tenant_id = $1 and tree_index = 1", "no entry covers"],
      ["update evidence set evidence_id = gen_random_uuid() where tenant_id = $1 and tree_index = 1", "does not name it"],
    ];
    for (const [change, why] of changes) {
      const tenantId = await tenantWith(3);
      await withTenant(database.db, tenantId, (tx) => erase(tx, { ...by, which: { places: [1, 2] }, reason: "Article 17" }));
      await placed(tenantId);
      await superuser.query(change, [tenantId]);
      const { differences } = await check(tenantId, 3);
      expect([change, differences]).toEqual([change, [expect.objectContaining({ kind: "erased without certificate", place: 1, why: expect.stringContaining(why) })]]);
    }
    const tenantId = await tenantWith(3);
    await withTenant(database.db, tenantId, (tx) => erase(tx, { ...by, which: { places: [1, 2] }, reason: "Article 17" }));
    await placed(tenantId);
    await superuser.query("alter table evidence drop constraint evidence_erased_whole");
    await superuser.query("update evidence set actor_name = 'Somebody' where tenant_id = $1 and tree_index = 1", [tenantId]);
    expect((await check(tenantId, 3)).differences).toEqual([expect.objectContaining({ kind: "erased without certificate", place: 1, why: "it holds something that no entry covers" })]);
  });
});

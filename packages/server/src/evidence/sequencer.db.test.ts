import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { parseCheckpoint, parseNote, parseVkey, proveConsistency, proveInclusion, rowCommitment, rowLeaf, treeRoot, verifyConsistency, verifyInclusion, verifyNote } from "@earwitness/verify";
import { createDb, withTenant } from "#db";
import { addTenant, createTestDatabase, createTestLogs, quietLog, type TestDatabase, type TestLogs } from "../testing/index.ts";
import { append, appendMany, type EvidenceEntry } from "./append.ts";
import { checkRows } from "./check-rows.ts";
import { newestCheckpoint, signedHead } from "./checkpoints.ts";
import { newEvidenceId } from "./evidence-id.ts";
import { readEntries, readHashes } from "./log-tiles.ts";
import type { Sequencer, SequencerState } from "./sequencer.ts";
import { sha256 } from "./sha256.ts";
import { rowsOf } from "./stored-row.ts";

let database: TestDatabase;
let superuser: Client;
let logs: TestLogs;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  logs = createTestLogs();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  await superuser?.end();
  await database?.close();
});

const entry = (n: number): EvidenceEntry => ({ actor: { kind: "person", id: `p${n % 7}`, name: "Adele Vance" }, action: "Play", item: "Call", subject: `call-${n}`, occurredAt: new Date("2026-11-21T09:30:00.123Z"), nodeId: "n1", detail: { n, ratio: n / 3, text: ["naïve", null] } });
const start = (options: Parameters<TestLogs["sequencer"]>[1] = {}): Sequencer => {
  const sequencer = logs.sequencer(database.db, options);
  opened.push(sequencer);
  return sequencer;
};
const act = (tenantId: string, n: number) => withTenant(database.db, tenantId, (tx) => append(tx, entry(n)));
const actMany = (tenantId: string, from: number, count: number) => withTenant(database.db, tenantId, (tx) => appendMany(tx, Array.from({ length: count }, (_, at) => entry(from + at))));
const until = async <T>(look: () => Promise<T> | T, is: (value: T) => boolean): Promise<T> => {
  for (let tries = 0; ; tries += 1) {
    const value = await look();
    if (is(value) || tries > 500) {
      expect(is(value), JSON.stringify(value)).toBe(true);
      return value;
    }
    await sleep(20);
  }
};
const allPlaced = (tenantId: string) => until(() => waiting(tenantId), (rows) => rows === 0);
const waiting = async (tenantId: string): Promise<number> => Number((await superuser.query("select count(*) as rows from evidence where tenant_id = $1 and tree_index is null", [tenantId])).rows[0].rows);
const state = (sequencer: Sequencer, is: (state: SequencerState) => boolean) => until(() => sequencer.state(), is);

/** Everything that has to hold of a log, by what an outsider would check and by what the tables hold. */
async function expectWhole(tenantId: string, rows: number): Promise<void> {
  await withTenant(database.db, tenantId, async (tx) => {
    const head = (await signedHead(tx))!;
    const log = await tx.selectFrom("logs").selectAll().executeTakeFirstOrThrow();
    const keys = await tx.selectFrom("log_keys").select("vkey").execute();
    expect([head.size, log.size]).toEqual([rows, rows]);
    const note = parseNote(head.note);
    expect(parseCheckpoint(note.text)).toEqual({ origin: `earwitness.example/log/${tenantId}`, size: rows, root: new Uint8Array(head.root), extensions: [] });
    expect(await verifyNote(note, keys.map(({ vkey }) => parseVkey(vkey)))).toHaveLength(1);
    const stored = await rowsOf(tx, {});
    expect(stored.map(({ treeIndex }) => treeIndex)).toEqual(Array.from({ length: rows }, (_, place) => place));
    expect(await checkRows(tx, 0, rows)).toEqual({ rows, erased: 0, differences: [] });
    for (const place of new Set([0, Math.floor(rows / 2), rows - 1])) {
      const { row, salt } = stored[place]!;
      const proof = await proveInclusion(sha256, place, rows, readHashes(tx));
      expect(verifyInclusion(sha256, { leaf: rowLeaf(sha256, row, salt!), index: place, size: rows, proof, root: head.root })).toBe(true);
    }
  });
}

describe("the sequencer", () => {
  test("makes a tenant's log with its first row, gives every row one place in the order of recording, and signs the head", async () => {
    const tenantId = await addTenant(database.db);
    await actMany(tenantId, 0, 3);
    const sequencer = start();
    await allPlaced(tenantId);
    await expectWhole(tenantId, 3);
    expect(sequencer.state()).toMatchObject({ placed: 3, late: 0, unplaceable: 0, setBack: 0 });
    await act(tenantId, 3);
    await allPlaced(tenantId);
    await expectWhole(tenantId, 4);
    const rows = await withTenant(database.db, tenantId, (tx) => rowsOf(tx, {}));
    const order = rows.map(({ row }) => `${row.recordedAt} ${row.evidenceId}`);
    expect(order.slice(0, 3)).toEqual(order.slice(0, 3).toSorted());
  });

  test("tiles grow over their edges as the specification says, whatever the batches", async () => {
    const tenantId = await addTenant(database.db);
    start({ batchRows: 97 });
    let rows = 0;
    for (const count of [1, 254, 1, 1, 300, 3, 900]) {
      await actMany(tenantId, rows, count);
      rows += count;
      await allPlaced(tenantId);
      await expectWhole(tenantId, rows);
    }
    await withTenant(database.db, tenantId, async (tx) => {
      const tiles = await tx.selectFrom("log_tiles").select(["level", "index", "hashes"]).orderBy("level").orderBy("index").execute();
      const widths = (level: number) => tiles.filter((tile) => tile.level === level).map(({ hashes }) => hashes.length / 32);
      expect([widths(-1), widths(0), widths(1)]).toEqual([[256, 256, 256, 256, 256, 180], [256, 256, 256, 256, 256, 180], [5]]);
      const [stored] = await rowsOf(tx, { places: [1_400, 1_401] });
      expect((await readEntries(tx, 5, 180)).subarray(120 * 32, 121 * 32)).toEqual(rowCommitment(sha256, stored!.row, stored!.salt!));
      const proof = await proveConsistency(sha256, 255, rows, readHashes(tx));
      const [firstRoot, secondRoot] = [await treeRoot(sha256, 255, readHashes(tx)), await treeRoot(sha256, rows, readHashes(tx))];
      expect(verifyConsistency(sha256, { first: 255, second: rows, firstRoot, secondRoot, proof })).toBe(true);
    });
  });

  test("a row whose transaction commits late gets a later place, and none is skipped", async () => {
    const tenantId = await addTenant(database.db);
    start();
    const early = Promise.withResolvers<void>();
    const late = withTenant(database.db, tenantId, async (tx) => {
      const id = await append(tx, entry(0));
      await early.promise;
      return id;
    });
    for (let n = 1; n < 5; n += 1) await act(tenantId, n);
    await allPlaced(tenantId);
    early.resolve();
    const id = await late;
    await allPlaced(tenantId);
    await expectWhole(tenantId, 5);
    expect((await withTenant(database.db, tenantId, (tx) => rowsOf(tx, { evidenceIds: [id] }))).map(({ treeIndex }) => treeIndex)).toEqual([4]);
  });

  test("many sequencers at once give every row exactly one place, in all tenants", async () => {
    const tenants = await Promise.all(Array.from({ length: 5 }, () => addTenant(database.db)));
    for (let node = 0; node < 3; node += 1) {
      const db = createDb({ url: database.url, log: quietLog, poolSize: 5 });
      const sequencer = logs.sequencer(db, { batchRows: 7, beatMs: 5 });
      opened.push({ close: () => sequencer.close().then(() => db.close()) });
    }
    await Promise.all(tenants.map(async (tenantId) => {
      for (let n = 0; n < 60; n += 1) await act(tenantId, n);
    }));
    for (const tenantId of tenants) {
      await allPlaced(tenantId);
      await expectWhole(tenantId, 60);
    }
  });

  test("a tenant with a backlog keeps no other waiting", async () => {
    const [busy, quiet] = [await addTenant(database.db), await addTenant(database.db)];
    await actMany(busy, 0, 2_000);
    start({ batchRows: 10 });
    const id = await act(quiet, 1);
    await until(() => withTenant(database.db, quiet, (tx) => rowsOf(tx, { evidenceIds: [id] })), ([row]) => row?.treeIndex === 0);
    expect(await waiting(busy)).toBeGreaterThan(0);
    await allPlaced(busy);
    await expectWhole(busy, 2_000);
  });

  test("place waits until rows have their place", async () => {
    const tenantId = await addTenant(database.db);
    const sequencer = start({ beatMs: 60_000 });
    await sleep(50);
    const id = await act(tenantId, 1);
    await sequencer.place(tenantId, [id]);
    expect(await waiting(tenantId)).toBe(0);
  });

  test("a node without the log's key leaves it to the one that has it", async () => {
    const tenantId = await addTenant(database.db);
    await act(tenantId, 1);
    start();
    await allPlaced(tenantId);
    await Promise.all(opened.splice(0).map((one) => one.close()));
    const stranger = createTestLogs().sequencer(database.db);
    opened.push(stranger);
    await act(tenantId, 2);
    await sleep(200);
    expect(await waiting(tenantId)).toBe(1);
    start();
    await allPlaced(tenantId);
    await expectWhole(tenantId, 2);
  });
});

describe("connections that die", () => {
  test("between any two statements of writers and sequencer lose no acknowledged row, and give none two places", async () => {
    const alone = await createTestDatabase();
    const killer = new Client({ connectionString: database.superuserUrl });
    await killer.connect();
    const own = createTestLogs();
    const sequencer = own.sequencer(alone.db, { beatMs: 1, batchRows: 5 });
    try {
      const tenants = [await addTenant(alone.db), await addTenant(alone.db)];
      const [acknowledged, there]: [string[], string[]] = [[], []];
      const over = new AbortController();
      const writers = tenants.flatMap((tenantId) =>
        [1, 2].map(async (writer) => {
          for (let n = 0; !over.signal.aborted; n += 1) await withTenant(alone.db, tenantId, (tx) => append(tx, entry(writer * 1_000 + n))).then((id) => acknowledged.push(id), () => sleep(5)); // this one may or may not be there
        }),
      );
      const name = new URL(alone.url).pathname.slice(1);
      for (let kill = 0; kill < 25; kill += 1) {
        const before = acknowledged.length;
        await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before), { timeout: 20_000, interval: 5 }); // a busy machine gets nothing done in 60 ms
        await sleep(Math.random() * 60);
        await killer.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and random() < 0.5", [name]);
      }
      over.abort();
      await Promise.all(writers);
      for (const tenantId of tenants) {
        const ids = (await withTenant(alone.db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").execute())).map(({ evidence_id }) => evidence_id);
        await sequencer.place(tenantId, ids);
        await withTenant(alone.db, tenantId, async (tx) => {
          const stored = await rowsOf(tx, {});
          expect(stored.map(({ treeIndex }) => treeIndex)).toEqual(stored.map((_, place) => place));
          expect(await checkRows(tx, 0, stored.length)).toEqual({ rows: stored.length, erased: 0, differences: [] });
          const head = (await signedHead(tx))!;
          expect([head.size, Buffer.from(await treeRoot(sha256, head.size, readHashes(tx))).equals(head.root)]).toEqual([stored.length, true]);
        });
        there.push(...ids);
      }
      expect(acknowledged.length).toBeGreaterThan(20);
      expect(acknowledged.filter((id) => !there.includes(id))).toEqual([]);
      expect(sequencer.state().stopped.size).toBe(0);
    } finally {
      await sequencer.close();
      await killer.end();
      await alone.close();
    }
  });
});

describe("keeping a checkpoint", () => {
  test("takes what waits along, keeps each size once, and remembers it outside of the database first", async () => {
    const tenantId = await addTenant(database.db);
    const sequencer = start();
    expect(await sequencer.keep(tenantId)).toBeNull();
    await actMany(tenantId, 0, 5);
    const kept = (await sequencer.keep(tenantId))!;
    expect(kept).toMatchObject({ size: 5, isNew: true, timestampToken: null });
    expect(logs.remembered.get(tenantId)).toBe(kept.note);
    expect(await sequencer.keep(tenantId)).toEqual({ ...kept, isNew: false });
    expect(await withTenant(database.db, tenantId, (tx) => newestCheckpoint(tx))).toMatchObject({ size: 5, note: kept.note });
  });

  test("nothing is published that could not be remembered", async () => {
    const tenantId = await addTenant(database.db);
    const sequencer = start({ heads: { ...logs.heads, write: () => Promise.reject(new Error("no space left on device")) } });
    await act(tenantId, 0);
    await allPlaced(tenantId);
    await expect(sequencer.keep(tenantId)).rejects.toThrow("no space left");
    expect(await withTenant(database.db, tenantId, (tx) => newestCheckpoint(tx))).toBeNull();
  });
});

describe("a database that is not the one that was signed", () => {
  const by = { kind: "machine", id: "control-socket", name: "Command line" } as const;

  /** What a restored backup is: everything of the tenant's log as it was. */
  async function takeCopy(tenantId: string): Promise<() => Promise<void>> {
    const tables = ["evidence", "logs", "log_tiles", "checkpoints"];
    const rows: unknown[][] = [];
    for (const table of tables) rows.push((await superuser.query(`select to_jsonb(t) as row from ${table} t where tenant_id = $1`, [tenantId])).rows.map(({ row }) => row));
    return async () => {
      await superuser.query("begin; set local session_replication_role = replica");
      for (const [at, table] of tables.entries()) {
        await superuser.query(`delete from ${table} where tenant_id = $1`, [tenantId]);
        await superuser.query(`insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1)`, [JSON.stringify(rows[at])]);
      }
      await superuser.query("commit");
    };
  }

  test("an older copy is noticed while running and at the next start: nothing is signed, it is said, and resume goes on with a row that says so", async () => {
    const tenantId = await addTenant(database.db);
    let sequencer = start();
    await actMany(tenantId, 0, 4);
    await allPlaced(tenantId);
    const restore = await takeCopy(tenantId);
    await actMany(tenantId, 4, 3);
    await allPlaced(tenantId);
    await sequencer.keep(tenantId);
    await restore();
    await act(tenantId, 100);
    await state(sequencer, ({ stopped }) => stopped.get(tenantId)?.includes("has 4 rows, and this node signed 7") === true);
    expect(sequencer.warnings().join()).toContain("stopped");
    expect(await waiting(tenantId)).toBe(1);
    await expect(sequencer.keep(tenantId)).rejects.toThrow("Nothing is signed until it is resumed");

    await Promise.all(opened.splice(0).map((one) => one.close()));
    await superuser.query("delete from evidence where tenant_id = $1 and tree_index is null", [tenantId]); // not even a row that waits
    sequencer = start();
    await state(sequencer, ({ stopped }) => stopped.has(tenantId));

    await sequencer.resume(tenantId, "Restored after a broken disk", by);
    await allPlaced(tenantId);
    await expectWhole(tenantId, 5);
    const [resumed] = await withTenant(database.db, tenantId, (tx) => rowsOf(tx, { places: [4, 5] }));
    expect(resumed!.row).toMatchObject({ action: "Resume", item: "Log", reason: "Restored after a broken disk", actor: by, detail: { size: 4, signed: expect.stringContaining("\n7\n"), database: expect.stringContaining("\n4\n") } });
    expect(sequencer.state().stopped.size).toBe(0);
    await expect(sequencer.resume(tenantId, "again", by)).rejects.toThrow("nothing to resume");
  });

  test("the right copy, back again, is signed on without a word", async () => {
    const tenantId = await addTenant(database.db);
    const sequencer = start();
    await actMany(tenantId, 0, 2);
    await allPlaced(tenantId);
    const old = await takeCopy(tenantId);
    await actMany(tenantId, 2, 2);
    await sequencer.keep(tenantId);
    const right = await takeCopy(tenantId);
    await old();
    await act(tenantId, 4);
    await state(sequencer, ({ stopped }) => stopped.has(tenantId));
    await right();
    await state(sequencer, ({ stopped }) => !stopped.has(tenantId));
    await act(tenantId, 5);
    await allPlaced(tenantId);
    await expectWhole(tenantId, 5);
  });

  test("another history of the same length, a log that vanished, changed tiles and a forged head are noticed", async () => {
    const wrecks: [name: string, wreck: string, why: RegExp][] = [
      ["root", "update logs set root = sha256('x') where tenant_id = $1", /not the one that this node signed|rewritten/],
      ["vanished", "delete from log_tiles where tenant_id = $1", /tiles/],
      ["tiles", "update log_tiles set hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40)) where tenant_id = $1 and level = 0", /do not make up/],
      ["size", "update logs set size = size + 1 where tenant_id = $1", /signed at/],
      ["head", "update logs set head = replace(head, 'earwitness', 'earwitnesz') where tenant_id = $1", /cannot be trusted/],
    ];
    for (const [name, wreck, why] of wrecks) {
      const tenantId = await addTenant(database.db);
      start();
      await actMany(tenantId, 0, 3);
      await allPlaced(tenantId);
      await Promise.all(opened.splice(0).map((one) => one.close()));
      await superuser.query(wreck, [tenantId]);
      await act(tenantId, 4);
      const sequencer = start();
      const { stopped } = await state(sequencer, (now) => now.stopped.has(tenantId));
      expect([name, stopped.get(tenantId)]).toEqual([name, expect.stringMatching(why)]);
      expect(await waiting(tenantId)).toBe(1);
      await Promise.all(opened.splice(0).map((one) => one.close()));
      logs.remembered.delete(tenantId); // the next round is not about this one
    }
  });

  test("a log that is gone as a whole is not made anew", async () => {
    const tenantId = await addTenant(database.db);
    start();
    await actMany(tenantId, 0, 3);
    await allPlaced(tenantId);
    await Promise.all(opened.splice(0).map((one) => one.close()));
    for (const table of ["checkpoints", "log_tiles", "log_keys", "logs", "evidence"]) await superuser.query(`delete from ${table} where tenant_id = $1`, [tenantId]);
    const sequencer = start();
    await state(sequencer, ({ stopped }) => stopped.get(tenantId)?.includes("has no log of the tenant") === true);
    await act(tenantId, 1);
    await sleep(100);
    expect(await waiting(tenantId)).toBe(1);
    await sequencer.resume(tenantId, "A new database", by);
    await allPlaced(tenantId);
    await expectWhole(tenantId, 2);
  });
});

describe("rows that were not written by us", () => {
  test("get no place and raise an alarm, and keep no other from its place", async () => {
    const tenantId = await addTenant(database.db);
    await actMany(tenantId, 0, 4);
    const strange = ["recorded_at = recorded_at + interval '1 microsecond'", "occurred_at = 'infinity'", "detail = '{\"n\": 1.00000000000000000001}'"];
    for (const [at, change] of strange.entries()) await superuser.query(`update evidence set ${change} where tenant_id = $1 and subject = $2`, [tenantId, `call-${at}`]);
    const sequencer = start({ batchRows: 2 });
    await state(sequencer, ({ unplaceable, placed }) => unplaceable === 3 && placed === 1);
    expect(sequencer.warnings().join()).toContain("3 rows of evidence in the database cannot have been written by Earwitness");
    await act(tenantId, 9);
    await state(sequencer, ({ placed }) => placed === 2);
    expect(await waiting(tenantId)).toBe(3);
    expect((await sequencer.keep(tenantId))!.size).toBe(2);
  });

  test("a detail that could not be committed to is refused with its act", async () => {
    const tenantId = await addTenant(database.db);
    let deep: unknown = 1;
    for (let level = 0; level < 70; level += 1) deep = { deep };
    await expect(withTenant(database.db, tenantId, (tx) => append(tx, { ...entry(1), detail: { deep } }))).rejects.toThrow("nested more than 64 deep");
  });
});

describe("time", () => {
  test("rows recorded at an earlier time than those before them are noted and placed", async () => {
    const tenantId = await addTenant(database.db);
    const sequencer = start();
    await act(tenantId, 1);
    await allPlaced(tenantId);
    const anHourAgo = new Date(Date.now() - 3_600_000);
    await superuser.query("insert into evidence (tenant_id, recorded_at, evidence_id, occurred_at, node_id, actor_kind, actor_id, actor_name, action, item) values ($1, $2, $3, $2, 'n', 'machine', 'n', 'n', 'Record', 'Call')", [tenantId, anHourAgo, newEvidenceId(anHourAgo)]);
    await allPlaced(tenantId);
    await state(sequencer, ({ setBack }) => setBack === 1);
    await expectWhole(tenantId, 2);
  });

  test("rows without a place for more than 5 s raise an alarm, and its end is said", async () => {
    const alone = await createTestDatabase();
    const other = new Client({ connectionString: alone.superuserUrl });
    await other.connect();
    const sequencer = createTestLogs().sequencer(alone.db);
    try {
      const tenantId = await addTenant(alone.db);
      await sequencer.place(tenantId, [await withTenant(alone.db, tenantId, (tx) => append(tx, entry(1)))]);
      await other.query("begin");
      await other.query("select from logs where tenant_id = $1 for update", [tenantId]); // as another node that hangs
      await withTenant(alone.db, tenantId, (tx) => append(tx, entry(2)));
      await state(sequencer, ({ late, oldestMs }) => late === 1 && oldestMs > 5_000);
      expect(sequencer.warnings()).toEqual(["Evidence of one tenant has waited more than 5 s for its place in the log."]);
      await other.query("rollback");
      await state(sequencer, ({ late, placed }) => late === 0 && placed === 2);
      expect(sequencer.state().longestMs).toBeGreaterThan(5_000);
      expect(sequencer.warnings()).toEqual([]);
    } finally {
      await sequencer.close();
      await other.end();
      await alone.close();
    }
  });
});

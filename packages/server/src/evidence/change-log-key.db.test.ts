import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { followHandovers, keysFor, parseCheckpoint, parseNote, parseVkey, verifyNote } from "@earwitness/verify";
import { systemClock } from "#clock";
import { withTenant } from "#db";
import { addTenant, createTestDatabase, createTestLogs, type TestDatabase, type TestLogs } from "#testing";
import { createFileLogSeeds } from "#vault";
import { append } from "./append.ts";
import { changeLogKey } from "./change-log-key.ts";
import { listCheckpoints } from "./checkpoints.ts";
import type { Sequencer } from "./sequencer.ts";
import { rowsOf } from "./stored-row.ts";

let database: TestDatabase;
let dir: string;
let logs: TestLogs;
let sequencer: Sequencer;
let tenantId: string;
let seeds: ReturnType<typeof createFileLogSeeds>;
const by = { kind: "machine", id: "t", name: "t" } as const;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ew-keys-"));
  seeds = createFileLogSeeds(dir);
  logs = createTestLogs();
  sequencer = logs.sequencer(database.db, { seeds });
  tenantId = await addTenant(database.db);
});
afterEach(async () => {
  await sequencer.close();
  rmSync(dir, { recursive: true });
});

async function act(count = 1): Promise<void> {
  const ids = await withTenant(database.db, tenantId, async (tx) => {
    const made: string[] = [];
    for (let i = 0; i < count; i += 1) made.push(await append(tx, { actor: by, action: "Play", item: "Call", occurredAt: new Date(), nodeId: "n1" }));
    return made;
  });
  await sequencer.place(tenantId, ids);
}
const change = (isLost = false) => changeLogKey({ db: database.db, seeds, clock: systemClock, nodeId: "n1" }, tenantId, { reason: "yearly", by, isLost });
const keys = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("log_keys").selectAll().orderBy("from_size").orderBy("created_at").execute());
const kept = async () => (await withTenant(database.db, tenantId, (tx) => listCheckpoints(tx, { limit: 100 }))).toReversed();

describe("PLT-14 a log's key is changed", () => {
  test("every checkpoint is signed by the key of its size, and from any of the keys a verifier comes to all", async () => {
    await act(3);
    await sequencer.keep(tenantId);
    const sizes = [];
    for (let i = 0; i < 3; i += 1) {
      sizes.push((await change()).fromSize);
      await act(2);
      await sequencer.keep(tenantId);
    }
    const found = await keys();
    const handovers = found.flatMap(({ handover }) => handover ?? []);
    expect(handovers).toHaveLength(3);
    expect(found.map(({ retired_at }) => retired_at === null)).toEqual([false, false, false, true]);
    for (const trusted of found.map(({ vkey }) => parseVkey(vkey))) {
      const periods = await followHandovers(trusted, handovers);
      for (const { note } of await kept()) {
        const signed = parseNote(note);
        const mine = keysFor(periods, parseCheckpoint(signed.text).size);
        expect(mine.length).toBeGreaterThan(0); // at the size of a change, both
        expect(await verifyNote(signed, mine)).toHaveLength(1);
      }
    }
    expect(readdirSync(dir)).toHaveLength(1);
    expect((await kept()).length).toBe(4);
  });

  test("it is a row of evidence in the same transaction, with the hand-over", async () => {
    await act();
    const { vkey, handover } = await change();
    await act();
    const rows = await withTenant(database.db, tenantId, (tx) => rowsOf(tx, {}));
    const row = rows.find((one) => one.row.item === "Log")!;
    expect(row.row).toMatchObject({ action: "Modify", reason: "yearly", detail: { name: "key", vkey, handover, old: expect.any(String) as string } });
    expect(row.treeIndex).toBe(1);
  });

  test("without the old key there is no hand-over, unless somebody says that it is lost: then none leads to the new one", async () => {
    await act();
    const [old] = await keys();
    await expect(change(true)).rejects.toThrow("This node holds the log's key");
    for (const name of readdirSync(dir)) rmSync(join(dir, name));
    await expect(change()).rejects.toThrow("does not hold the log's key");
    expect(readdirSync(dir)).toEqual([]);
    expect(await keys()).toHaveLength(1);
    const { vkey, handover } = await change(true);
    expect(handover).toBeNull();
    await act();
    const checkpoint = (await sequencer.keep(tenantId))!;
    expect(await verifyNote(parseNote(checkpoint.note), [parseVkey(vkey)])).toHaveLength(1);
    expect(await verifyNote(parseNote(checkpoint.note), [parseVkey(old!.vkey)])).toHaveLength(0);
    const rows = await withTenant(database.db, tenantId, (tx) => rowsOf(tx, {}));
    expect(rows.find((one) => one.row.item === "Log")!.row.detail).toMatchObject({ name: "key, without a hand-over: the old one is lost", handover: null });
  });

  test("a tenant without a log has no key to change, and a key that was left over by a crash does no harm", async () => {
    await expect(change()).rejects.toThrow("no log yet");
    expect(readdirSync(dir)).toEqual([]);
    await act();
    await seeds.add(tenantId);
    await act();
    await change();
    expect(readdirSync(dir)).toHaveLength(1);
    await act();
    expect(sequencer.state().stopped.size).toBe(0);
  });
});

import { readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { parseNote } from "@earwitness/verify";
import { withTenant } from "#db";
import { changeLogKey, erase, rowsOf } from "#evidence";
import { systemClock } from "#clock";
import type { CheckedInteraction } from "./check-installation.ts";
import type { CheckedTenant } from "./checking.ts";
import { sealCall, type SealedCallOptions } from "../recorder/test-sealed-call.ts";
import { createTestInstallation, told, type TestInstallation } from "../testing/test-installation.ts";

vi.setConfig({ testTimeout: 60_000 });

let stage: TestInstallation<SealedCallOptions>;
let tenant: CheckedTenant;

beforeAll(async () => {
  stage = await createTestInstallation(sealCall);
});
afterAll(() => stage.close());
beforeEach(async () => {
  tenant = await stage.addTenant();
});

const spoil = (statement: string, ...values: unknown[]) => stage.superuser.query(statement, [tenant.tenantId, ...values]);
const check = (parts?: Parameters<TestInstallation["check"]>[1]) => stage.check([tenant], parts);
const saysOf = async (options?: Parameters<TestInstallation["check"]>[1]) => (await check(options)).findings.map(({ says }) => says).join("\n");

/** Checks what a change leads to, each on a tenant of its own that agreed before. */
async function each(prepare: () => Promise<void>, changes: readonly (readonly [change: string, told: readonly string[]])[]): Promise<void> {
  for (const [change, expected] of changes) {
    tenant = await stage.addTenant();
    await prepare();
    await spoil(change);
    expect([change, told(await check())]).toEqual([change, [...expected]]);
  }
}

describe("PLT-14 an honest installation", () => {
  test("agrees: rows, erased ones too, checkpoints over a change of keys, recordings with their copies; and the check is a row of evidence", async () => {
    await stage.act(tenant, 700);
    await stage.keep(tenant);
    const first = await stage.call(tenant, { codecs: ["PCMU", "OPUS"] });
    await stage.call(tenant, { part: { fromMs: 1_000, toMs: 4_000 } });
    await stage.compact(tenant, first.recordingId);
    await withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { actor: { kind: "machine", id: "t", name: "t" }, occurredAt: new Date(), nodeId: "node-1", which: { places: [3, 9] }, reason: "Article 17" }));
    await changeLogKey({ db: stage.db, seeds: stage.logs.seeds, clock: systemClock, nodeId: "node-1" }, tenant.tenantId, { reason: "yearly", by: { kind: "machine", id: "t", name: "t" }, isLost: false });
    await stage.act(tenant, 3);
    await stage.keep(tenant);
    const checked: [string, CheckedInteraction][] = [];
    const report = await check({ onChecked: async (id, result) => void checked.push([id, result]) });
    expect(report.findings.filter(({ verdict }) => verdict !== "note")).toEqual([]);
    expect(report).toMatchObject({ verdict: "agrees", unlisted: 0, continued: false, tenants: [{ slug: tenant.slug, differs: 0, notChecked: 0, counted: { recordings: 2 } }] });
    expect(report.tenants[0]!.counted.rows).toBe(report.tenants[0]!.size);
    expect(checked).toHaveLength(2);
    expect(checked.find(([id]) => id === first.interactionId)![1]).toMatchObject({ tenantId: tenant.tenantId, recordingId: first.recordingId, result: "agrees", findings: [] });
    const rows = await withTenant(stage.db, tenant.tenantId, (tx) => rowsOf(tx, { subject: tenant.tenantId }));
    expect(rows.at(-1)!.row).toMatchObject({ action: "Verify", item: "Log", actor: { name: "Command line of this machine" }, detail: { differs: 0, notChecked: 0, recordings: 2, parts: ["rows", "log", "witness", "media", "manifests"] } });
  });

  test("with a key that was given instead of the node's own, and without either, which is said", async () => {
    await stage.act(tenant, 3);
    expect(told(await check({ seeds: { ...stage.logs.seeds, read: async () => [] } }))).toEqual(["KEY_NOT_COMPARED key"]);
  });

  test("a tenant that nothing ever happened to, and one without recordings", async () => {
    expect((await check()).verdict).toBe("agrees");
    await stage.act(tenant, 1);
    expect((await check()).verdict).toBe("agrees");
  });
});

describe("PLT-14 rows against the log: what a superuser of the database did is named", () => {
  test("missing, changed, swapped, doubled, emptied, made up", async () => {
    await each(() => stage.act(tenant, 20), [
      ["delete from evidence where tenant_id = $1 and tree_index = 5", ["ROW_MISSING row 5"]],
      ["update evidence set actor_name = 'Nobody' where tenant_id = $1 and tree_index = 5", ["ROW_ALTERED row 5"]],
      ["update evidence set tree_index = case tree_index when 4 then 7 else 4 end where tenant_id = $1 and tree_index in (4, 7)", ["ROW_MOVED row 4", "ROW_MOVED row 7"]],
      ["update evidence set tree_index = 6 where tenant_id = $1 and tree_index = 5", ["ROW_MISSING row 5", "ROW_DOUBLED row 6", "ROW_MOVED row 6"]],
      ["update evidence set tree_index = 500 where tenant_id = $1 and tree_index = 19", ["ROW_MISSING row 19", "ROW_BEYOND_HEAD row 500"]],
      ["update evidence set salt = null, erased_by = gen_random_uuid(), occurred_at = recorded_at, node_id = '', actor_kind = 'machine', actor_id = '', actor_name = '', action = '', item = '', subject = null, detail = '{}' where tenant_id = $1 and tree_index = 2", ["ROW_ERASED_WITHOUT_CERTIFICATE row 2"]],
    ]);
  });

  test("a row that we cannot have written, and that gets no place", async () => {
    await stage.act(tenant, 3);
    await spoil("insert into evidence (tenant_id, recorded_at, evidence_id, occurred_at, node_id, actor_kind, actor_id, actor_name, action, item, detail) values ($1, now() + interval '1 microsecond', gen_random_uuid(), now() + interval '1 microsecond', 'n', 'machine', 'x', 'x', 'Play', 'Call', '{}')");
    const report = await check();
    expect(report.findings.map(({ code }) => code)).toContain("ROW_NOT_OURS");
    expect(report.findings.find(({ code }) => code === "ROW_NOT_OURS")!.says).toContain("finer than milliseconds");
  });

  test("an erasure whose row waits for its place is not called a forgery", async () => {
    await stage.act(tenant, 3);
    await withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { actor: { kind: "machine", id: "t", name: "t" }, occurredAt: new Date(), nodeId: "node-1", which: { places: [1, 2] }, reason: "Article 17" }));
    const place = async (text: string | null) => spoil(`update evidence set tree_index = ${text} where tenant_id = $1 and action = 'Erase'`);
    await expect.poll(async () => (await stage.superuser.query("select tree_index from evidence where tenant_id = $1 and action = 'Erase'", [tenant.tenantId])).rows[0].tree_index).not.toBeNull();
    await stage.sequencer.close();
    await place("null");
    expect(told(await check({ parts: ["rows"] }))).toEqual(["ERASURE_WAITS row 1", "ROW_MISSING row 3"]);
    await stage.close();
    stage = await createTestInstallation(sealCall);
  });
});

describe("PLT-14 the log against its checkpoints", () => {
  const grow = async () => {
    for (const count of [300, 300, 5]) {
      await stage.act(tenant, count);
      await stage.keep(tenant);
    }
  };
  test("entries, tiles, heads and checkpoints that were changed or taken out, each by its name", async () => {
    const flip = (column: string, at: number) => `update log_tiles set hashes = set_byte(hashes, ${at}, get_byte(hashes, ${at}) # 1) where tenant_id = $1 and ${column}`;
    await each(grow, [
      [flip("level = -1 and index = 1", 64), ["ROW_ALTERED row 258", "ENTRY_ALTERED row 258"].toSorted().toReversed()],
      [flip("level = 0 and index = 1", 64), ["ENTRY_ALTERED row 258", "TILE_ALTERED tile 0/1", "CHECKPOINT_DIFFERS checkpoint of 300"]],
      [flip("level = 1 and index = 0", 0), ["TILE_ALTERED tile 0/0", "CHECKPOINT_DIFFERS checkpoint of 300", "CHECKPOINT_DIFFERS 2 later checkpoints", "HEAD_DIFFERS head of 605"].toSorted()],
      ["delete from log_tiles where tenant_id = $1 and level = 1", ["CHECKPOINT_DIFFERS x"]],
      ["update checkpoints set note = replace(note, E'\\n300\\n', E'\\n299\\n') where tenant_id = $1 and size = 300", ["CHECKPOINT_FORGED checkpoint of 300"]],
      ["insert into checkpoints (tenant_id, size, note, kept_at) select tenant_id, 9999, note, kept_at from checkpoints where tenant_id = $1 and size = 605", ["LOG_SET_BACK checkpoint of 9999"]],
      ["update logs set root = sha256('x') where tenant_id = $1", ["HEAD_FORGED head of 605", "HEAD_DIFFERS head of 605"]],
    ]);
  });
});

import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { formatSignatureLine, parseVkey, type NoteKey } from "@earwitness/verify";
import { runCommand } from "@earwitness/witness";
import { withTenant } from "#db";
import { changeLogKey, erase, rowsOf } from "#evidence";
import { systemClock } from "#clock";
import type { CheckedInteraction } from "./check-installation.ts";
import type { CheckedTenant } from "./checking.ts";
import { sealCall, type SealedCallOptions } from "../recorder/test-sealed-call.ts";
import { createTestLogs } from "../testing/index.ts";
import { createTestInstallation, told, type TestInstallation } from "../testing/test-installation.ts";

vi.setConfig({ testTimeout: 240_000 });

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

/** Checks what a change leads to, each on a tenant of its own that agreed before. */
async function each(prepare: () => Promise<void>, changes: readonly (readonly [change: string, told: readonly string[]])[]): Promise<void> {
  for (const [change, expected] of changes) {
    tenant = await stage.addTenant();
    await prepare();
    await spoil(change);
    expect([change, told(await check()).toSorted()]).toEqual([change, expected.toSorted()]);
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
    const flip = (where: string, at: number) => `update log_tiles set hashes = set_byte(hashes, ${at}, get_byte(hashes, ${at}) # 1) where tenant_id = $1 and ${where}`;
    await each(grow, [
      [flip("level = -1 and index = 1", 64), ["ROW_ALTERED row 258", "ENTRY_ALTERED row 258"]],
      [flip("level = 0 and index = 1", 64), ["ENTRY_ALTERED row 258", "TILE_ALTERED tile 0/1", "CHECKPOINT_DIFFERS checkpoint of 300"]],
      [flip("level = 1 and index = 0", 0), ["TILE_ALTERED tile 0/0", "CHECKPOINT_DIFFERS checkpoint of 300", "CHECKPOINT_DIFFERS 2 later checkpoints", "HEAD_DIFFERS head of 605", "LOG_REWRITTEN head of 605 that this node remembers"]],
      ["delete from log_tiles where tenant_id = $1 and level = 1", ["TILE_MISSING tile 1/0"]],
      ["update checkpoints set note = replace(note, E'\\n300\\n', E'\\n299\\n') where tenant_id = $1 and size = 300", ["CHECKPOINT_FORGED checkpoint of 300"]],
      ["insert into checkpoints (tenant_id, size, note, kept_at) select tenant_id, 9999, note, kept_at from checkpoints where tenant_id = $1 and size = 605", ["LOG_SET_BACK checkpoint of 9999"]],
      ["update logs set root = sha256('x') where tenant_id = $1", ["HEAD_FORGED head of 605", "HEAD_DIFFERS head of 605"]],
    ]);
  });

  test("a log that was cut, with the rows, is behind its checkpoints and behind what the node remembers", async () => {
    await grow();
    await spoil("delete from evidence where tenant_id = $1 and tree_index >= 300");
    await spoil("update logs set size = 300, head = (select note from checkpoints where tenant_id = $1 and size = 300) where tenant_id = $1");
    expect(told(await check({ parts: ["rows", "log"] })).toSorted()).toEqual(["HEAD_DIFFERS head of 300", "HEAD_FORGED head of 300", "LOG_SET_BACK checkpoint of 600", "LOG_SET_BACK checkpoint of 605", "LOG_SET_BACK log", "TILE_EXTRA tile -1/1", "TILE_EXTRA tile -1/2", "TILE_EXTRA tile 0/1", "TILE_EXTRA tile 0/2", "TILE_EXTRA tile 1/0"]);
  });

  test("another key than the node's own, and a key that nobody handed over to, are told; one that was admitted as lost is in order", async () => {
    await stage.act(tenant, 2);
    await stage.keep(tenant);
    expect(told(await check({ seeds: { ...stage.logs.seeds, read: async () => [new Uint8Array(32)] } }))).toContain("KEY_FOREIGN key");
    await changeLogKey({ db: stage.db, seeds: { ...stage.logs.seeds, read: async () => [] }, clock: systemClock, nodeId: "node-1" }, tenant.tenantId, { reason: "burnt", by: { kind: "machine", id: "t", name: "t" }, isLost: true });
    await stage.act(tenant, 2);
    await stage.keep(tenant);
    const report = await check();
    expect([told(report), report.findings.map(({ code }) => code)]).toEqual([[], expect.arrayContaining(["KEY_WITHOUT_HANDOVER"])]);
    await spoil("update evidence set detail = detail || '{\"vkey\": \"none\"}' where tenant_id = $1 and item = 'Log' and action = 'Modify'");
    expect(told(await check())).toEqual(expect.arrayContaining([expect.stringContaining("HANDOVER_BROKEN"), expect.stringContaining("ROW_ALTERED")]));
  });
});

describe("PLT-14 checkpoints against a witness", () => {
  const quiet = { print: () => undefined, report: () => undefined, env: {} };
  let dir: string;
  let witness: { url: string; key: NoteKey };
  let close: () => Promise<void>;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "earwitness-fsck-witness-"));
    let vkey = "";
    const server = (await runCommand(["--dir", dir, "--name", "witness.example/w1", "--listen", "127.0.0.1:0"], { ...quiet, print: (line) => (vkey = line) }))!;
    witness = { url: `http://127.0.0.1:${server.address.port}`, key: parseVkey(vkey) };
    close = () => server.close();
    await stage.act(tenant, 5);
    const { rows } = await stage.superuser.query("select vkey from log_keys where tenant_id = $1", [tenant.tenantId]);
    await runCommand(["trust", (rows[0] as { vkey: string }).vkey, "--dir", dir], quiet);
    await stage.keep(tenant);
  });
  afterEach(async () => {
    await close();
    await rm(dir, { recursive: true });
  });
  const asked = (options: Partial<Parameters<TestInstallation["check"]>[1]> = {}) => check({ witnesses: [witness], parts: ["witness"], ...options });

  test("who agrees, who saw more, who saw another history, who does not answer; and a line that it never signed", async () => {
    expect(told(await asked())).toEqual([]);
    const before = await snapshotOfLog();
    await stage.act(tenant, 4);
    await stage.keep(tenant);
    expect(told(await asked())).toEqual([]);
    await putBack(before);
    const back = await asked();
    expect(told(back)).toEqual(["WITNESS_AHEAD witness witness.example/w1"]);
    expect(back.findings[0]!.says).toMatch(/^It cosigned \d+ rows, and the log has \d+\.$/);
    await spoil("update checkpoints set note = note || $2 where tenant_id = $1", formatSignatureLine({ name: witness.key.name, keyId: witness.key.id, signature: new Uint8Array(72) }));
    expect(told(await asked())).toContain("COSIGNATURE_FORGED checkpoint of 5");
    await close();
    expect(told(await asked()).at(-1)).toBe("WITNESS_SILENT witness witness.example/w1");
  });

  test("a log that was made again with the same key is a fork", async () => {
    expect(told(await asked())).toEqual([]);
    await stage.superuser.query("begin");
    await spoil("select from logs where tenant_id = $1 for update"); // as the sequencer does, and in its order
    await spoil("delete from checkpoints where tenant_id = $1");
    await spoil("delete from log_tiles where tenant_id = $1");
    await spoil("update evidence set tree_index = null, reason = 'another' where tenant_id = $1");
    await spoil("update logs set size = 0, root = sha256(''), head = null where tenant_id = $1");
    await stage.superuser.query("commit");
    // Whoever has the keys has the node's memory of the log as well.
    const other = stage.logs.sequencer(stage.db, { heads: createTestLogs().heads });
    await expect.poll(async () => Number((await stage.superuser.query("select size from logs where tenant_id = $1", [tenant.tenantId])).rows[0].size), { timeout: 20_000 }).toBeGreaterThan(5);
    await other.keep(tenant.tenantId);
    await other.close();
    expect(told(await asked())).toEqual(["WITNESS_CONTRADICTS witness witness.example/w1"]);
  });

  test("without a witness it is said that split view and roll-back were not checked", async () => {
    const report = await check({ parts: ["witness"] });
    expect(report.findings.map(({ code }) => code)).toEqual(["NO_WITNESS"]);
  });

  const tables = ["logs", "log_tiles", "checkpoints"] as const;
  async function snapshotOfLog(): Promise<Record<string, object[]>> {
    const kept: Record<string, object[]> = {};
    for (const table of tables) kept[table] = (await stage.superuser.query(`select to_json(t.*) as row from ${table} t where tenant_id = $1`, [tenant.tenantId])).rows.map(({ row }) => row as object);
    return kept;
  }
  async function putBack(kept: Record<string, object[]>): Promise<void> {
    await stage.superuser.query("begin; set local session_replication_role = replica");
    for (const table of tables) {
      await spoil(`delete from ${table} where tenant_id = $1`);
      for (const row of kept[table]!) await stage.superuser.query(`insert into ${table} select * from json_populate_record(null::${table}, $1)`, [JSON.stringify(row)]);
    }
    await stage.superuser.query("commit");
  }
});

describe("PLT-14 media against manifests: what was done on the disk is named", () => {
  let recordingId: string;
  let interactionId: string;
  let pieces: string[];
  beforeEach(async () => {
    ({ recordingId, interactionId } = await stage.call(tenant, { seconds: 12, codecs: ["PCMU", "G722"] }));
    await stage.compact(tenant, recordingId);
    pieces = (await stage.filesOf(recordingId)).filter((path) => path.endsWith(".ewp"));
  });
  const nameOf = (path: string) => path.slice(stage.storeDir.length + 1);
  const media = () => check({ parts: ["media", "manifests"] });

  test("a byte of one second, and no other second loses its proof", async () => {
    const bytes = await readFile(pieces[1]!);
    await writeFile(pieces[1]!, bytes.with(bytes.length - 3, bytes.at(-3)! ^ 1));
    const checked: CheckedInteraction[] = [];
    const report = await check({ parts: ["media", "manifests"], onChecked: async (_id, result) => void checked.push(result) });
    expect(told(report)).toEqual([`SECOND_ALTERED recording ${recordingId}, track 2, second 9`, `OBJECT_ALTERED recording ${recordingId}, ${nameOf(pieces[1]!)}`]);
    expect(checked).toMatchObject([{ result: "differs", recordingId, findings: [{ code: "SECOND_ALTERED" }, { code: "OBJECT_ALTERED" }] }]);
  });

  test("files that are missing, cut, or have an index that was touched", async () => {
    await rm(pieces[2]!);
    await truncate(pieces[1]!, 30_000);
    const first = await readFile(pieces[0]!);
    await writeFile(pieces[0]!, first.with(40, first[40]! ^ 1));
    const files = await stage.filesOf(recordingId);
    const [opus, peaks] = [files.find((path) => path.endsWith(".opus"))!, files.find((path) => path.includes("/peaks-"))!];
    await rm(opus);
    await writeFile(peaks, "x");
    const found = told(await media());
    for (const wanted of [`OBJECT_MISSING recording ${recordingId}, ${nameOf(pieces[2]!)}`, `OBJECT_TRUNCATED recording ${recordingId}, ${nameOf(pieces[1]!)}`, `PIECE_UNREADABLE recording ${recordingId}, ${nameOf(pieces[0]!)}`, `OBJECT_MISSING recording ${recordingId}, ${nameOf(opus)}`, `OBJECT_TRUNCATED recording ${recordingId}, ${nameOf(peaks)}`]) expect(found).toContain(wanted);
    expect(found.filter((line) => line.startsWith("SECOND_ALTERED")).length).toBeGreaterThan(1);
  });

  test("files too many: in a recording's folder, of a recording that nobody knows, beside all of them; what a killed process left is only noted", async () => {
    const folder = dirname(pieces[0]!);
    await writeFile(join(folder, "notes.txt"), "x");
    await writeFile(join(folder, "peaks-0123456789abcdef01234567"), "x");
    await writeFile(join(stage.storeDir, tenant.tenantId, "stray"), "x");
    const stranger = recordingId.slice(0, 8) + "0123456789abcdef";
    await mkdir(join(dirname(folder), stranger));
    await writeFile(join(dirname(folder), stranger, "0-0123456789abcdef01234567.ewp"), "x");
    const report = await check({ parts: ["media"] });
    expect(told(report).toSorted()).toEqual([`OBJECT_EXTRA ${nameOf(folder)}/notes.txt`, `OBJECT_EXTRA ${tenant.tenantId}/stray`, `RECORDING_UNKNOWN recording ${stranger}`]);
    expect(report.findings.filter(({ verdict }) => verdict === "note").map(({ code, where }) => `${code} ${where}`)).toEqual([`OBJECT_LEFT_OVER ${nameOf(folder)}/peaks-0123456789abcdef01234567`]);
    const young = await check({ parts: ["media"], youngMs: 600_000 });
    expect([told(young), young.findings.map(({ code }) => code)]).toEqual([[], ["OBJECTS_YOUNG"]]);
  });

  test("a key that is gone is told once, and on another node's recording it is not a difference", async () => {
    const { rows } = await stage.superuser.query("select distinct key_id from media_objects where tenant_id = $1", [tenant.tenantId]);
    for (const { key_id } of rows as { key_id: string }[]) await stage.vault.keystore.destroy(tenant.tenantId, key_id);
    expect(new Set(told(await media()).map((line) => line.split(" ")[0]))).toEqual(new Set(["KEY_MISSING"]));
    expect(new Set(told(await check({ parts: ["media", "manifests"], nodeId: "node-2" })).map((line) => line.split(" ")[0]))).toEqual(new Set(["LIES_ELSEWHERE"]));
  });

  test("rows of the database that name other files, other facts, other people, and rows that are gone", async () => {
    const changes: [change: string, code: string, says: string][] = [
      ["update media_objects set sha256 = sha256('x') where tenant_id = $1 and kind = 'piece' and seq = 0", "OBJECT_ROW_ALTERED", "the manifest has"],
      ["delete from media_objects where tenant_id = $1 and kind = 'piece' and seq = 2", "OBJECT_ROW_ALTERED", "does not name the piece"],
      ["delete from media_objects where tenant_id = $1 and kind = 'opus' and seq = 2", "OBJECT_ROW_ALTERED", "revision 2 of the manifest"],
      ["update media set started_at = started_at + interval '1 hour' where tenant_id = $1", "FACTS_DIFFER", "start: the database says 2026-11-20T10:15:00.000Z"],
      ["update media set ended_at = ended_at + interval '1 hour', duration_ms = 3612000 where tenant_id = $1", "FACTS_DIFFER", "length in ms: the database says 3612000, the manifest 12000"],
      ["update media_tracks set gaps = '[]' where tenant_id = $1 and track = 1", "FACTS_DIFFER", "gaps of track 1"],
      ["update media_tracks set participant_name = 'Somebody' where tenant_id = $1 and track = 2", "FACTS_DIFFER", "speaker of track 2"],
      ["delete from media_tracks where tenant_id = $1 and track = 2", "FACTS_DIFFER", "tracks: the database says [1], the manifest [1,2]"],
      ["update interactions set participants = '[]' where tenant_id = $1", "FACTS_DIFFER", "people"],
      ["update interactions set user_name = 'Somebody' where tenant_id = $1", "FACTS_DIFFER", "recorded person"],
      ["update interactions set started_at = started_at - interval '1 day' where tenant_id = $1", "FACTS_DIFFER", "start: the database says 2026-11-19"],
      ["update interaction_media set to_ms = 1000 where tenant_id = $1", "FACTS_DIFFER", "part of the recording"],
      ["update media set manifest_sha256 = sha256('x') where tenant_id = $1", "MANIFEST_ALTERED", "digest"],
      ["update evidence set detail = detail || '{\"manifestSha256\": \"00\"}' where tenant_id = $1 and action = 'Recording Finalized'", "MANIFEST_NOT_IN_LOG", "is not the one that was committed to"],
      ["delete from evidence where tenant_id = $1 and action = 'Recording Finalized'", "MANIFEST_NOT_IN_LOG", "No row of evidence"],
      ["delete from evidence where tenant_id = $1 and action = 'Recording Compacted'", "DERIVATION_DIFFERS", "No row of evidence knows"],
      ["delete from media_objects where tenant_id = $1 and kind = 'manifest' and seq = 2", "DERIVATION_DIFFERS", "whose manifest the database does not name"],
      ["update media set state = 'recording' where tenant_id = $1", "RECORDING_MISSING", "the database says “recording”"],
      ["update media set state = 'deleted' where tenant_id = $1", "RECORDING_MISSING", "no row says by whom"],
      ["delete from interaction_media where tenant_id = $1", "INTERACTION_MISSING", "does not tie it"],
      ["delete from media where tenant_id = $1", "RECORDING_MISSING", "the database does not have it"],
      ["delete from interactions where tenant_id = $1", "INTERACTION_MISSING", "the database does not have it"],
    ];
    for (const [change, code, says] of changes) {
      tenant = await stage.addTenant();
      ({ recordingId, interactionId } = await stage.call(tenant, { seconds: 12 }));
      await stage.compact(tenant, recordingId);
      await stage.superuser.query("begin; set local session_replication_role = replica");
      await spoil(change);
      await stage.superuser.query("commit");
      const { findings } = await media();
      expect([change, findings]).toEqual([change, expect.arrayContaining([expect.objectContaining({ code, says: expect.stringContaining(says) })])]);
    }
  });

  test("an interaction that somebody wrote into the database, by itself and onto a recording", async () => {
    const added = interactionId.slice(0, 8) + "0123456789abcdef";
    await spoil("insert into interactions select (jsonb_populate_record(i, jsonb_build_object('interaction_id', $2::text))).* from interactions i where tenant_id = $1", added);
    await spoil("insert into interaction_media select (jsonb_populate_record(i, jsonb_build_object('interaction_id', $2::text))).* from interaction_media i where tenant_id = $1", added);
    expect(told(await media()).toSorted()).toEqual([`INTERACTION_ADDED interaction ${added}`, `INTERACTION_ADDED interaction ${added} of recording ${recordingId}`]);
  });
});

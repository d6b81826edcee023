import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { withTenant } from "#db";
import { append, changeLogKey, erase } from "#evidence";
import { systemClock } from "#clock";
import { sealCall, type SealedCallOptions } from "../recorder/test-sealed-call.ts";
import { createTestInstallation, told, type TestInstallation } from "../testing/test-installation.ts";
import type { CheckedTenant } from "./checking.ts";

vi.setConfig({ testTimeout: 240_000 });

/* What stands in the database beside rows and hashes, changed by its superuser. */

let stage: TestInstallation<SealedCallOptions>;
beforeAll(async () => {
  stage = await createTestInstallation(sealCall);
});
afterAll(() => stage.close());

const by = { kind: "machine", id: "t", name: "t" } as const;

/** Checks with the change, takes it back, and checks that everything agrees again. */
async function changed(tenant: CheckedTenant, tables: readonly string[], statement: string): Promise<string[]> {
  for (const table of tables) await stage.superuser.query(`create temp table kept_${table} as select * from ${table} where tenant_id = '${tenant.tenantId}'`);
  await stage.superuser.query("set session_replication_role = replica");
  await stage.superuser.query(statement, [tenant.tenantId]);
  const { findings } = await stage.check([tenant]);
  for (const table of tables) {
    await stage.superuser.query(`delete from ${table} where tenant_id = $1`, [tenant.tenantId]);
    await stage.superuser.query(`insert into ${table} select * from kept_${table}`);
    await stage.superuser.query(`drop table kept_${table}`);
  }
  await stage.superuser.query("set session_replication_role = origin");
  return findings.filter(({ verdict }) => verdict !== "note").map(({ code, where, says }) => `${code} ${where}: ${says}`);
}

test("PLT-14 keys that are named otherwise than the hand-overs say, or not at all", async () => {
  const tenant = await stage.addTenant();
  for (const count of [3, 4, 5]) {
    await stage.act(tenant, count);
    await stage.keep(tenant);
    if (count < 5) await changeLogKey({ db: stage.db, seeds: stage.logs.seeds, clock: systemClock, nodeId: "node-1" }, tenant.tenantId, { reason: "yearly", by, isLost: false });
  }
  const first = "vkey = (select vkey from log_keys where tenant_id = $1 order by from_size limit 1)";
  const second = "vkey = (select vkey from log_keys where tenant_id = $1 order by from_size offset 1 limit 1)";
  const changes: [statement: string, says: string][] = [
    [`update log_keys set vkey = vkey || ' ' where tenant_id = $1 and ${first}`, "HANDOVER_BROKEN key from 0: The database names "],
    [`update log_keys set from_size = 1 where tenant_id = $1 and ${first}`, "HANDOVER_BROKEN key from 1: The database says that "],
    [`update log_keys set from_size = from_size + 1 where tenant_id = $1 and ${second}`, "HANDOVER_BROKEN key from 4: The database says that it signs from 4 rows on, and the hand-over from 3."],
    [`delete from log_keys where tenant_id = $1 and ${first}`, "HANDOVER_BROKEN key from 3: It took over from "],
    [`delete from log_keys where tenant_id = $1 and ${second}`, "HANDOVER_BROKEN "],
    ["update log_keys set retired_at = now() where tenant_id = $1", "HANDOVER_BROKEN key from 8: The database says that "],
    [`update log_keys set retired_at = null where tenant_id = $1 and ${first}`, "HANDOVER_BROKEN key from 0: The database does not say that "],
  ];
  for (const [statement, says] of changes) expect([statement, await changed(tenant, ["log_keys"], statement)]).toEqual([statement, expect.arrayContaining([expect.stringContaining(says)])]);
  expect(told(await stage.check([tenant]))).toEqual([]);
});

test("PLT-14 a checkpoint that was deleted: an earlier check counted it, or a row says that it was asked for", async () => {
  const tenant = await stage.addTenant();
  for (const count of [3, 4]) {
    await stage.act(tenant, count);
    await stage.keep(tenant);
  }
  expect(told(await stage.check([tenant]))).toEqual([]);
  await stage.act(tenant, 1); // gives the row of that check its place
  expect(told(await stage.check([tenant]))).toEqual([]);
  expect(await changed(tenant, ["checkpoints"], "delete from checkpoints where tenant_id = $1 and size = 3")).toEqual(["CHECKPOINT_MISSING checkpoints up to 7: Row 7 says that 2 were kept of the first 7 rows, and 1 are there."]);
  await withTenant(stage.db, tenant.tenantId, (tx) => append(tx, { actor: by, action: "Add", item: "Log", subject: tenant.tenantId, occurredAt: new Date(), nodeId: "node-1", detail: { name: "checkpoint" } }));
  await stage.act(tenant, 1);
  expect(told(await stage.check([tenant]))).toEqual([expect.stringContaining("CHECKPOINT_NOT_FOUND row")]);
  await stage.keep(tenant);
  expect(told(await stage.check([tenant]))).toEqual([]);
});

test("PLT-14 every column of a recording and of its people's parts", async () => {
  const tenant = await stage.addTenant();
  const { recordingId } = await stage.call(tenant, { seconds: 6, codecs: ["PCMU", "G722"] });
  await stage.compact(tenant, recordingId);
  const of = (table: string, where = "true") => (set: string) => [table, `update ${table} set ${set} where tenant_id = $1 and ${where}`] as const;
  const [media, track, piece, opus, manifest, copied, peaks, interaction] = [of("media"), of("media_tracks", "track = 1"), of("media_objects", "kind = 'piece' and seq = 1"), of("media_objects", "kind = 'opus' and seq = 1"), of("media_objects", "kind = 'manifest' and seq = 1"), of("media_objects", "kind = 'manifest' and seq = 2"), of("media_objects", "kind = 'peaks'"), of("interactions")];
  const facts = "FACTS_DIFFER";
  const object = "OBJECT_ROW_ALTERED";
  const changes: [change: readonly [string, string], code: string, says: string][] = [
    [media("node_id = 'node-2'"), facts, "node: the database says node-2"],
    [media("state = 'failed'"), facts, "state: "],
    [media("recovered = true"), facts, "recovered: "],
    [media("started_at = started_at + interval '1 microsecond'"), facts, "times: "],
    [interaction("answered_at = answered_at + interval '1 microsecond'"), facts, "times: "],
    [piece("stored_at = stored_at + interval '1 microsecond'"), object, "was stored at"],
    [track("codec = 'G722'"), facts, "codec and rate of track 1"],
    [track("sample_rate = 16000"), facts, "codec and rate of track 1"],
    [track("label = 'x'"), facts, "label of track 1"],
    [track("packets_lost = 0"), facts, "packets of track 1"],
    [track("gaps = jsonb_set(gaps, '{0,more}', '1')"), facts, "gaps of track 1"],
    [piece("kind = 'opus'"), object, "whose name says otherwise"],
    [piece("seq = 7"), object, "whose name says otherwise"],
    [piece("key_id = '0123456789abcdef01234567'"), object, "whose name says otherwise"],
    [piece("from_ms = 0"), object, "the beginning 0"],
    [piece("to_ms = 1"), object, "the end 1"],
    [piece("stored_at = stored_at + interval '1 hour'"), object, "was stored at"],
    [opus("to_ms = 1"), object, "the end 1"],
    [opus("stored_at = stored_at + interval '1 microsecond'"), object, "was stored at"],
    [copied("stored_at = stored_at - interval '1 hour'"), object, "was stored at"],
    [manifest("from_ms = 1"), object, "a time of the recording"],
    [manifest("stored_at = stored_at + interval '1 hour'"), object, "was stored at"],
    [peaks("sha256 = sha256('x')"), object, "the digest"],
    [["media_objects", "delete from media_objects where tenant_id = $1 and kind = 'metadata'"], object, "does not name the metadata"],
    [["media_events", `insert into media_events (tenant_id, minted_at, media_id, seq, at_ms, kind) select tenant_id, minted_at, media_id, 1, 0, 'hold' from media where tenant_id = $1`], facts, "events: "],
    [interaction("user_upn = 'x'"), facts, "the person's account"],
    [interaction("participants = jsonb_set(participants, '{0,upn}', '\"x\"')"), facts, "people: "],
    [interaction("party_text = ''"), facts, "what is searched for"],
    [interaction("trunk_id = gen_random_uuid()"), facts, "trunk: "],
    [interaction("node_id = 'node-2'"), facts, "node: "],
    [interaction("media_status = 'Failed'"), facts, "whether there is sound"],
    [interaction("answered_at = null"), facts, "answer: "],
    [interaction("has_gaps = false"), facts, "gaps: "],
    [interaction("on_behalf_of = '{}'"), facts, "on behalf of"],
    [interaction("transferred_by = participants -> 0"), facts, "transferred by"],
    [interaction("transferred_to = '1'"), facts, "transferred to"],
    [interaction("release_cause = 'Missed'"), facts, "how it ended"],
    [interaction("person_id = gen_random_uuid()"), facts, "whose it is: the database says [-0-9a-f]+, row \\d+ null"],
    [interaction("calling = jsonb_set(calling, '{name}', '\"x\"')"), facts, "who called: "],
    [interaction("called = calling"), facts, "who was called: "],
    [interaction("answering = null"), facts, "who answered: the database says null"],
    [interaction("direction = 'Incoming'"), facts, "direction: the database says Incoming, row \\d+ Outgoing"],
    [interaction("call_type = 'P2P_External'"), facts, "kind of call: "],
    [interaction("answered_at = answered_at + interval '1 millisecond'"), facts, "answer: "],
    [interaction("released_at = null"), facts, "release: the database says none"],
    [interaction("sip_call_id = sip_call_id || ' '"), facts, "the call's id: "],
    [interaction("sys_call_id = 'null'"), facts, "id of the first call: "],
    [interaction("chain_id = ''"), facts, "id of the chain of calls: "],
    [interaction("decision = jsonb_set(decision, '{reasons}', '[]')"), facts, "decision: "],
    [interaction("decision = decision || '{\"more\": 1}'"), facts, "decision: "],
    [interaction("sandbox = true"), facts, "whether the sandbox made it: "],
    [interaction("updated_at = updated_at - interval '1 millisecond'"), facts, "last change: "],
    [interaction("updated_at = updated_at + interval '1 microsecond'"), facts, "times: "],
  ];
  for (const [[table, statement], code, says] of changes) expect([statement, await changed(tenant, [table], statement)]).toEqual([statement, expect.arrayContaining([expect.stringMatching(new RegExp(`^${code} .*${says}`))])]);
  expect(told(await stage.check([tenant]))).toEqual([]);
});

test("PLT-14 of a call that nobody answered every column is seen as well, and where its manifest cannot be opened", async () => {
  const tenant = await stage.addTenant();
  const { interactionId } = await stage.call(tenant, { codecs: [], interaction: { answeredAtMs: null, answering: null, releaseCause: "Abandoned" } });
  expect(told(await stage.check([tenant]))).toEqual([]);
  const { rows } = await stage.superuser.query("select media_status, release_cause, answered_at from interactions where interaction_id = $1", [interactionId]);
  expect(rows).toEqual([{ media_status: "Unavailable", release_cause: "Abandoned", answered_at: null }]);
  const changes: [set: string, says: string][] = [
    ["answered_at = started_at, media_status = 'Failed'", "answer: the database says 2026-11-20T09:15:00.000Z, row \\d+ none; whether there is sound: "],
    ["release_cause = 'Failure'", "how it ended: the database says Failure, row \\d+ Abandoned"],
    ["answering = called", "who answered: "],
    ["released_at = released_at + interval '1 second'", "release: "],
  ];
  const differing = async (set: string) => await changed(tenant, ["interactions"], `update interactions set ${set} where tenant_id = $1`);
  for (const [set, says] of changes) expect([set, await differing(set)]).toEqual([set, [expect.stringMatching(new RegExp(`^FACTS_DIFFER interaction ${interactionId} .*${says}`))]]);
  const { rows: keys } = await stage.superuser.query("select distinct key_id from media_objects where tenant_id = $1", [tenant.tenantId]);
  for (const { key_id } of keys as { key_id: string }[]) await stage.vault.keystore.destroy(tenant.tenantId, key_id);
  await stage.vault.close(); // it remembers keys for some seconds
  for (const [set, says] of changes) expect([set, await differing(set)]).toEqual([set, expect.arrayContaining([expect.stringMatching(/^KEY_MISSING /), expect.stringMatching(new RegExp(`^FACTS_DIFFER interaction ${interactionId} .*${says}`))])]);
});

test("PLT-14 what only erased rows told of an interaction is said to be unchecked; what its recording's end told is still seen, and rows of others take nothing away", async () => {
  const tenant = await stage.addTenant();
  const { interactionId, recordingId } = await stage.call(tenant, { seconds: 2, codecs: ["PCMU"] });
  const erasing = { actor: by, occurredAt: new Date(), nodeId: "node-1", reason: "Article 17" };
  const placeOf = async (action: string) => Number((await stage.superuser.query("select tree_index from evidence where tenant_id = $1 and action = $2", [tenant.tenantId, action])).rows[0].tree_index);
  const direction = ["update interactions set direction = 'Incoming' where tenant_id = $1", `FACTS_DIFFER interaction ${interactionId} of recording ${recordingId}: direction: `] as const;
  const seen = async () => await changed(tenant, ["interactions"], direction[0]);
  const metadata = await placeOf("Metadata Received");
  await withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { ...erasing, which: { places: [metadata, metadata + 1] } }));
  await stage.act(tenant, 1);
  expect(told(await stage.check([tenant]))).toEqual([]);
  expect(await seen()).toEqual([expect.stringContaining(direction[1])]);
  const opened = await placeOf("Interaction Opened");
  await withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { ...erasing, which: { places: [opened, opened + 1] } }));
  await stage.act(tenant, 1);
  expect(await seen()).toEqual([expect.stringMatching(/^MANIFEST_MAYBE_ERASED interaction /)]);
  expect(await changed(tenant, ["interactions"], "update interactions set released_at = null where tenant_id = $1")).toContainEqual(expect.stringMatching(/^FACTS_DIFFER interaction .*: release: the database says none, row \d+ 2026-/));
});

test("PLT-14 where the last row of an interaction was erased, the check says what of it nobody can say any more", async () => {
  const tenant = await stage.addTenant();
  const { interactionId, recordingId } = await stage.call(tenant, { seconds: 2, codecs: ["PCMU"], interaction: { callType: "P2P_External" }, later: { callType: "P2P_PSTN" } });
  const { rows } = await stage.superuser.query("select tree_index from evidence where tenant_id = $1 and action = 'Interaction Changed'", [tenant.tenantId]);
  const place = Number(rows[0].tree_index);
  await withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { actor: by, occurredAt: new Date(), nodeId: "node-1", reason: "Article 17", which: { places: [place, place + 1] } }));
  await stage.act(tenant, 1);
  const { verdict, findings } = await stage.check([tenant], { parts: ["manifests"] });
  expect([verdict, findings.map(({ code, where, says }) => `${code} ${where}: ${says}`)]).toEqual(["not checked", [expect.stringMatching(new RegExp(`^FACTS_MAYBE_ERASED interaction ${interactionId} of recording ${recordingId}: .*: direction, kind of call, who called, who was called, who answered, transferred by, transferred to\\.$`))]]);
  // What is told once, when it opens, was told before.
  await stage.superuser.query("update interactions set decision = '[\"x\"]', sip_call_id = 'x' where interaction_id = $1", [interactionId]);
  expect((await stage.check([tenant], { parts: ["manifests"] })).findings).toMatchObject([{ code: "FACTS_DIFFER", says: expect.stringMatching(/the call's id: .* decision: /) }, { code: "FACTS_MAYBE_ERASED" }]);
});

test("PLT-14 an interaction that was made up is told also where rows were erased, which might have opened it; one that was opened by such a row is not", async () => {
  const tenant = await stage.addTenant();
  const { interactionId } = await stage.call(tenant, { seconds: 2, codecs: ["PCMU"] });
  await withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { actor: by, occurredAt: new Date(), nodeId: "node-1", which: { subject: interactionId }, reason: "Article 17" }));
  expect(told(await stage.check([tenant], { parts: ["manifests"] }))).toEqual([`MANIFEST_MAYBE_ERASED interaction ${interactionId}`]);
  const added = `${interactionId.slice(0, 8)}0123456789abcdef`;
  await stage.superuser.query("insert into interactions select (jsonb_populate_record(i, jsonb_build_object('interaction_id', $2::text))).* from interactions i where tenant_id = $1", [tenant.tenantId, added]);
  expect(told(await stage.check([tenant], { parts: ["manifests"] })).toSorted()).toEqual([`INTERACTION_ADDED interaction ${added}`, `MANIFEST_MAYBE_ERASED interaction ${interactionId}`]);
});

test("PLT-14 a node that is named wrongly does not hide a file that is gone", async () => {
  const tenant = await stage.addTenant();
  const { recordingId } = await stage.call(tenant, { seconds: 2, codecs: ["PCMU"] });
  await stage.superuser.query("update media set node_id = 'node-2' where tenant_id = $1", [tenant.tenantId]);
  await stage.superuser.query("update media_objects set object_name = replace(object_name, '.ewp', '.ewq') where tenant_id = $1 and kind = 'piece'", [tenant.tenantId]);
  const found = told(await stage.check([tenant], { parts: ["media"] }));
  expect(found).toEqual(expect.arrayContaining([expect.stringContaining("OBJECT_ROW_ALTERED")]));
  expect(found.filter((line) => line.startsWith("LIES_ELSEWHERE"))).toEqual([]);
  expect(told(await stage.check([tenant], { parts: ["manifests"] }))).toContain(`FACTS_DIFFER recording ${recordingId}`);
});

test("PLT-14 hashes behind the log's end, and tiles of no tree", async () => {
  const tenant = await stage.addTenant();
  await stage.act(tenant, 300);
  await stage.sequencer.close(); // it would write over the tile that it is about to let grow
  const extra = (values: string) => `insert into log_tiles (tenant_id, level, index, hashes) values ($1, ${values}, sha256('x'))`;
  const changes: [statement: string, where: string][] = [
    ["update log_tiles set hashes = hashes || sha256('x') where tenant_id = $1 and level = 0 and index = 1", "tile 0/1"],
    ["update log_tiles set hashes = hashes || sha256('x') where tenant_id = $1 and level = -1 and index = 1", "tile -1/1"],
    ["update log_tiles set hashes = hashes || sha256('x') where tenant_id = $1 and level = 1", "tile 1/0"],
    [extra("0, 2"), "tile 0/2"],
    [extra("-1, 9223372036854775807"), "tile -1/9223372036854775807"],
    [extra("0, -1"), "tile 0/-1"],
    [extra("2, 0"), "tile 2/0"],
    [extra("63, 0"), "tile 63/0"],
  ];
  for (const [statement, where] of changes) expect([statement, await changed(tenant, ["log_tiles"], statement)]).toEqual([statement, [expect.stringMatching(new RegExp(`^TILE_EXTRA ${where}: The tile holds \\d+ hashes, and the log has \\d+ for it\\.$`))]]);
  expect(told(await stage.check([tenant]))).toEqual([]);
});

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { sealCall, type SealedCallOptions } from "../recorder/test-sealed-call.ts";
import { createTestInstallation, told, type TestInstallation } from "../testing/test-installation.ts";

vi.setConfig({ testTimeout: 240_000 });

let stage: TestInstallation<SealedCallOptions>;
beforeAll(async () => {
  stage = await createTestInstallation(sealCall);
});
afterAll(() => stage.close());

/** A tenant with a call, a difference in the first part of a check and one in its last: both have to be told beside what is planted. */
async function called() {
  const tenant = await stage.addTenant();
  const call = await stage.call(tenant, { seconds: 2, codecs: ["PCMU"] });
  await stage.act(tenant, 5);
  await stage.keep(tenant);
  await writeFile(join(stage.storeDir, tenant.tenantId, "zz-stray"), "x");
  await stage.superuser.query("update evidence set actor_name = 'Nobody' where tenant_id = $1 and tree_index = 1", [tenant.tenantId]);
  return { tenant, ...call };
}

async function plant(tenantId: string, statement: string, ...values: unknown[]): Promise<void> {
  await stage.superuser.query("begin; set local session_replication_role = replica");
  await stage.superuser.query(statement, [tenantId, ...values]);
  await stage.superuser.query("commit");
}

const hugest = "9223372036854775807";

test.each<[statement: string, code: string]>([
  ["update interactions set participants = 'null' where tenant_id = $1", "FACTS_DIFFER"],
  ["update interactions set participants = '[null, 1, \"x\"]' where tenant_id = $1", "FACTS_DIFFER"],
  ["update interactions set participants = '[{\"name\": 1e400}]' where tenant_id = $1", "FACTS_DIFFER"],
  ["update interactions set participants = (repeat('[', 2000) || repeat(']', 2000))::jsonb where tenant_id = $1", "FACTS_DIFFER"],
  ["update interactions set started_at = 'infinity' where tenant_id = $1", "FACTS_DIFFER"],
  ["update interactions set decision = 'null', calling = '[]', started_at = '294276-01-01' where tenant_id = $1", "FACTS_DIFFER"],
  ["update media set started_at = '-infinity' where tenant_id = $1", "FACTS_DIFFER"],
  ["update media set ended_at = '294276-01-01' where tenant_id = $1", "FACTS_DIFFER"],
  ["update media_tracks set gaps = 'null' where tenant_id = $1", "FACTS_DIFFER"],
  ["update media_tracks set gaps = '[null]', speech = '{}' where tenant_id = $1", "FACTS_DIFFER"],
  [`update media_tracks set packets = ${hugest} where tenant_id = $1`, "VALUE_NOT_OURS"],
  ["update media_objects set object_name = '../../../etc/passwd' where tenant_id = $1 and kind = 'piece'", "OBJECT_ROW_ALTERED"],
  ["update media_objects set object_name = '' where tenant_id = $1 and kind = 'manifest'", "OBJECT_ROW_ALTERED"],
  ["update media_objects set key_id = '../keys' where tenant_id = $1 and kind = 'piece'", "OBJECT_ROW_ALTERED"],
  ["update media_objects set key_id = E'\\n' where tenant_id = $1 and kind = 'manifest'", "OBJECT_ROW_ALTERED"],
  [`update media_objects set size_bytes = ${hugest} where tenant_id = $1`, "VALUE_NOT_OURS"],
  ["update interaction_media set interaction_id = 'nobody' where tenant_id = $1", "INTERACTION_ADDED"],
  ["update logs set origin = 'no name' where tenant_id = $1", "LOG_RENAMED"],
  ["update logs set origin = '' where tenant_id = $1", "LOG_RENAMED"],
  [`update logs set size = ${hugest} where tenant_id = $1`, "HEAD_FORGED"],
  [`update logs set size = ${hugest}, head = 'none' where tenant_id = $1`, "HEAD_FORGED"],
  ["update log_keys set vkey = 'none' where tenant_id = $1", "HANDOVER_BROKEN"],
  [`update log_keys set from_size = ${hugest} where tenant_id = $1`, "HANDOVER_BROKEN"],
  [`update checkpoints set size = ${hugest} where tenant_id = $1`, "LOG_SET_BACK"],
  [`update evidence set tree_index = ${hugest} where tenant_id = $1 and tree_index = 3`, "ROW_BEYOND_HEAD"],
  ["update evidence set detail = 'null' where tenant_id = $1", "ROW_ALTERED"],
])("PLT-14 %s is named %s, and the check goes on", async (statement, code) => {
  const { tenant } = await called();
  await plant(tenant.tenantId, statement);
  const { findings } = await stage.check([tenant]);
  expect(findings.map((finding) => finding.code)).toEqual(expect.arrayContaining([code, "ROW_ALTERED", "OBJECT_EXTRA"]));
  expect(new Set(findings.map((finding) => finding.tenant))).toEqual(new Set([tenant.slug]));
});

test.each(["media", "interactions"] as const)("PLT-14 an id of %s that Earwitness does not give hides no other behind it", async (table) => {
  const { tenant, recordingId, interactionId } = await called();
  const id = table === "media" ? "media_id" : "interaction_id";
  const strange = `${(table === "media" ? recordingId : interactionId).slice(0, 8)}/../zzzz`;
  await plant(tenant.tenantId, `insert into ${table} select (jsonb_populate_record(m, jsonb_build_object('${id}', $2::text))).* from ${table} m where tenant_id = $1`, strange);
  const added = `${interactionId.slice(0, 8)}ffffffffffffffff`;
  await plant(tenant.tenantId, "insert into interactions select (jsonb_populate_record(i, jsonb_build_object('interaction_id', $2::text))).* from interactions i where tenant_id = $1 and interaction_id ~ '^[0-9a-f]*$'", added);
  const found = told(await stage.check([tenant]));
  expect(found).toEqual(expect.arrayContaining([`ID_NOT_OURS ${table === "media" ? "recording" : "interaction"} "${strange}"`, `INTERACTION_ADDED interaction ${added}`]));
});

test("PLT-14 a certificate of an erasure that waits for its place, of any shape, vouches for nothing", async () => {
  const { tenant } = await called();
  await stage.sequencer.close();
  await plant(tenant.tenantId, "insert into evidence (tenant_id, recorded_at, evidence_id, occurred_at, node_id, actor_kind, actor_id, actor_name, action, item, detail) values ($1, date_trunc('milliseconds', now()), '01890000-0000-7000-8000-000000000001', date_trunc('milliseconds', now()), 'n', 'machine', 'x', 'x', 'Erase', 'Evidence', '{\"rows\": [null, 1, {}]}')");
  await plant(tenant.tenantId, "update evidence set salt = null, erased_by = '01890000-0000-7000-8000-000000000001', occurred_at = recorded_at, node_id = '', actor_kind = 'machine', actor_id = '', actor_name = '', action = '', item = '', subject = null, detail = '{}' where tenant_id = $1 and tree_index = 2");
  expect(told(await stage.check([tenant]))).toEqual(expect.arrayContaining(["ROW_ERASED_WITHOUT_CERTIFICATE row 2", "ROW_ALTERED row 1"]));
  await stage.close();
  stage = await createTestInstallation(sealCall);
});

test("PLT-14 a directory in a file's place, and a data key that is not the one that was sealed", async () => {
  const { tenant, recordingId } = await called();
  const piece = (await stage.filesOf(recordingId)).find((path) => path.endsWith(".ewp"))!;
  await rm(piece);
  await mkdir(piece);
  expect(told(await stage.check([tenant]))).toEqual(expect.arrayContaining([`OBJECT_MISSING recording ${recordingId}, ${piece.slice(stage.storeDir.length + 1)}`]));
  const { rows } = await stage.superuser.query("select key_id from media_objects where tenant_id = $1 and kind = 'piece'", [tenant.tenantId]);
  const { key_id: keyId } = rows[0] as { key_id: string };
  await writeFile(join(stage.dataDir, "keystore", tenant.tenantId, keyId.slice(0, 2), keyId), "another");
  await stage.vault.close(); // it remembers keys for some seconds
  expect(told(await stage.check([tenant]))).toEqual(expect.arrayContaining([`KEY_ALTERED recording ${recordingId}`]));
});

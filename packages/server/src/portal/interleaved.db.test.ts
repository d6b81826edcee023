import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { createDb, pingDb, withTenant } from "#db";
import { addInteraction, addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { quietLog } from "../testing/test-tenant.ts";

/*
 * Requests of many tenants over two connections, in any order: whatever a transaction leaves behind on its connection, the
 * next one is another tenant's. `npm run test:slow:tenants` sends ten thousand, directly and through pgbouncer.
 */
const requests = Number(process.env["EARWITNESS_TENANT_REQUESTS"] ?? 200);
const tenants = requests >= 5_000 ? 50 : 10;
const atOnce = 40;
/** As root pgbouncer refuses to run. */
const nobody = 65_534;

let stage: TestPortal;
afterAll(() => stage?.close());

interface Member {
  readonly mark: string;
  readonly key: string;
  readonly ids: readonly string[];
}

async function member(at: number): Promise<Member> {
  const mark = `mark${String(at).padStart(3, "0")}x`;
  const tenantId = await addSealingTenant(stage, mark);
  const { personId } = await addPerson(stage.db, tenantId, `${mark}@x.example`, "Admin");
  const ids: string[] = [];
  for (let call = 0; call < 4; call++) ids.push(await addInteraction(stage.db, tenantId, { person_id: personId, user_name: mark, sip_call_id: `${mark}-${call}`, party_text: `\u001f${mark}\u001f` }));
  await withTenant(stage.db, tenantId, (tx) => tx.insertInto("people_groups").values({ tenant_id: tenantId, group_id: crypto.randomUUID(), name: mark }).execute());
  return { mark, ids, key: (await stage.apiKeys.create(tenantId, { name: mark, profile: "Admin" }, { kind: "machine", id: "t", name: "t" })).key };
}

/** What is asked, of whose; what it must hold; and what it may never. */
async function one(members: readonly Member[], at: number): Promise<void> {
  const own = members[(at * 7) % members.length]!;
  const other = members[(at * 7 + 1 + (at % (members.length - 1))) % members.length]!;
  const kinds = [
    { url: "interactions", status: 200, holds: own.ids },
    { url: `interactions?q=${own.mark}`, status: 200, holds: own.ids },
    { url: `interactions?q=${other.mark}`, status: 200, holds: [] },
    { url: `interactions/${own.ids[at % 4]!}`, status: 200, holds: [own.mark] },
    { url: `interactions/${other.ids[at % 4]!}`, status: 404, holds: [] },
    { url: "people", status: 200, holds: [own.mark] },
    { url: "groups", status: 200, holds: [own.mark] },
    { url: "session", status: 200, holds: [own.mark] },
  ];
  const { url, status, holds } = kinds[at % kinds.length]!;
  const answer = await stage.portal.app.inject({ url: `/api/v1/${url}`, headers: { authorization: `Bearer ${own.key}` } });
  const said = { url, status: answer.statusCode, foreign: [...new Set(answer.body.match(/mark\d{3}x/g))].filter((mark) => mark !== own.mark && !url.includes(mark)), missing: holds.filter((text) => !answer.body.includes(text)) };
  expect(said).toEqual({ url, status, foreign: [], missing: [] });
  // What was asked for stands in the answer of a search for another's mark nowhere else than as nothing found.
  if (url === `interactions?q=${other.mark}`) expect(answer.json().items).toEqual([]);
}

async function interleave(openDb: (url: string) => ReturnType<typeof createDb>): Promise<void> {
  stage = await createTestPortal({ openDb });
  await expect.poll(() => pingDb(stage.db), { timeout: 15_000 }).toBe(true); // what was just started listens
  const members: Member[] = [];
  for (let at = 0; at < tenants; at++) members.push(await member(at));
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => { while (next < requests) await one(members, next++); }));
  await stage.close();
}

test(`OVR-14 ACC-02 ${requests} interleaved requests of ${tenants} tenants over two connections: no foreign row`, async () => {
  await interleave((url) => createDb({ url, log: quietLog, poolSize: 2 }));
}, 600_000);

if (requests >= 5_000) {
  test("OVR-14 the same through pgbouncer in transaction mode", async () => {
    await interleave((url) => createDb({ url, poolUrl: startPgbouncer(url), log: quietLog, poolSize: 8 }));
  }, 600_000);
}

/** Eight connections of ours share two of the server's, one transaction at a time. */
function startPgbouncer(url: string): string {
  const to = new URL(url);
  const dir = mkdtempSync(join(tmpdir(), "earwitness-pgbouncer-"));
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  writeFileSync(join(dir, "users"), `"${to.username}" "${decodeURIComponent(to.password)}"\n`);
  writeFileSync(join(dir, "ini"), `[databases]\n* = host=${to.hostname} port=${to.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = ${join(dir, "users")}\npool_mode = transaction\ndefault_pool_size = 2\n`);
  const isRoot = process.getuid?.() === 0;
  for (const path of isRoot ? [dir, join(dir, "users"), join(dir, "ini")] : []) chownSync(path, nobody, nobody);
  const bouncer: ChildProcess = spawn("pgbouncer", [join(dir, "ini")], { stdio: "ignore", ...(isRoot ? { uid: nobody, gid: nobody } : {}) });
  onTestFinished(() => {
    bouncer.kill("SIGTERM");
    rmSync(dir, { recursive: true });
  });
  to.host = `127.0.0.1:${port}`;
  return to.href;
}

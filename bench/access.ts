/**
 * npm run bench access: what rights cost. A decision (who somebody is and what they may do, read for every request), and a page of calls under
 * scopes of 5, 500 and 5,000 people beside the same page of somebody who sees all, in turns, on a database of its own.
 *
 *   npm run bench access -- [--calls 500000] [--people 10000] [--rounds 60]
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { InteractionQuery, Role } from "@earwitness/contract";
import { Client } from "pg";
import { makePrincipal, type Principal } from "../packages/server/src/access/index.ts";
import { rightsOfPerson } from "../packages/server/src/access/read-rights.ts";
import { createDb, createEmbeddedPostgres, makePartitionsAhead, migrate, withTenant, type Db } from "../packages/server/src/db/index.ts";
import { listInteractions } from "../packages/server/src/interactions/query.ts";
import { addProfile, addTenant, quietLog } from "../packages/server/src/testing/test-tenant.ts";
import { median, quantile, table } from "./figures.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "500000" }, people: { type: "string", default: "10000" }, rounds: { type: "string", default: "60" }, into: { type: "string" } } });
const [calls, people, rounds] = [Number(values.calls), Number(values.people), Number(values.rounds)];
const scopes = [5, 500, 5_000].filter((size) => size <= people);
const months = 24;

interface Run {
  readonly what: string;
  readonly scope: string;
  readonly ms: readonly number[];
}

const dataDir = await mkdtemp(join(tmpdir(), "earwitness-bench-access-"));
const server = await createEmbeddedPostgres({ dataDir, log: quietLog, settings: { shared_buffers: "512MB" } });
// Past the policies of the same database: what is made up here is not what is measured.
const superuser = new Client({ connectionString: Object.assign(new URL(server.superuserUrl), { pathname: new URL(server.url).pathname }).href });
await superuser.connect();
try {
  await migrate({ url: server.url, log: quietLog });
  const db = createDb({ url: server.url, log: quietLog, poolSize: 4 });
  await makePartitionsAhead(db, new Date());
  const tenantId = await addTenant(db);
  console.log(`Making ${calls.toLocaleString("en")} calls of ${people.toLocaleString("en")} people in ${months} months …`);
  await fill(tenantId);
  const viewers = await Promise.all(scopes.map((size) => viewer(db, tenantId, size)));
  await superuser.query("vacuum analyze");
  await measure(db, tenantId, viewers);
  await db.close();
} finally {
  await superuser.end();
  await server.close();
  await rm(dataDir, { recursive: true, force: true });
}

/** The busiest person has some hundred times the calls of the quietest. */
async function fill(tenantId: string): Promise<void> {
  for (let month = 0; month <= months; month += 3) await superuser.query("select make_partitions(now() - make_interval(months => $1::int))", [month]);
  await superuser.query(`insert into people (tenant_id, person_id, upn, display_name) select $1, md5('p' || n)::uuid, 'p' || n || '@x.example', 'Person ' || n from generate_series(1, $2::int) n`, [tenantId, people]);
  await superuser.query(
    `insert into interactions (tenant_id, minted_at, interaction_id, node_id, person_id, user_name, user_address, media_status, started_at, direction, call_type, sip_call_id, decision, party_text)
     select $1, to_timestamp(at), lpad(to_hex(at), 8, '0') || substr(md5('i' || n), 1, 16), 'n', md5('p' || who)::uuid, 'Person ' || who, 'sip:p' || who || '@x.example', 'Available', to_timestamp(at), 'Incoming', 'External p2p', 'c' || n, '{}',
            chr(31) || 'person ' || who || chr(31) || '1732' || lpad((n % 10000000)::text, 7, '0') || chr(31)
       from (select n, (extract(epoch from now()) - random() * $4 * 2600000)::bigint as at, 1 + floor($2::int * power(random(), 2))::int as who from generate_series(1, $3::int) n) as made`,
    [tenantId, people, calls, months],
  );
}

/** Somebody who sees a group of so many people, through a profile that is mapped to a group of their own. */
async function viewer(db: Db, tenantId: string, size: number): Promise<{ readonly personId: string; readonly size: number }> {
  const [personId, mine, seen] = [randomUUID(), randomUUID(), randomUUID()];
  await withTenant(db, tenantId, async (tx) => {
    await tx.insertInto("people").values({ tenant_id: tenantId, person_id: personId, upn: `${personId}@x`, display_name: `Viewer ${size}`, deleted_at: null }).execute();
    await tx.insertInto("people_groups").values([{ tenant_id: tenantId, group_id: mine, name: `Viewers of ${size}` }, { tenant_id: tenantId, group_id: seen, name: `Seen ${size}` }]).execute();
    await tx.insertInto("group_members").values({ tenant_id: tenantId, group_id: mine, person_id: personId }).execute();
  });
  // Spread over busy and quiet people alike.
  await superuser.query("insert into group_members (tenant_id, group_id, person_id) select $1, $2, md5('p' || (1 + (n * $4::bigint / $3::bigint)))::uuid from generate_series(0, $3::int - 1) n", [tenantId, seen, size, people]);
  await addProfile(db, tenantId, `Profile ${size}`, { level: "groups", ofGroupIds: [seen], groupIds: [mine], permissions: ["recording.listen"] });
  return { personId, size };
}

async function principalOf(db: Db, tenantId: string, personId: string, role: Role): Promise<Principal> {
  return makePrincipal({ kind: "person", id: personId, name: "Viewer", tenantId, personId }, await withTenant(db, tenantId, (tx) => rightsOfPerson(tx, personId, role, new Date())));
}

async function measure(db: Db, tenantId: string, viewers: readonly { readonly personId: string; readonly size: number }[]): Promise<void> {
  const results = openResults<Run>("access", values, { into: values.into });
  const samples = new Map<string, number[]>();
  const timed = async (key: string, work: () => Promise<unknown>): Promise<void> => {
    const began = performance.now();
    await work();
    (samples.get(key) ?? samples.set(key, []).get(key)!).push(performance.now() - began);
  };
  const all = await principalOf(db, tenantId, randomUUID(), "Admin");
  const scoped = await Promise.all(viewers.map(async ({ personId, size }) => ({ size: String(size), personId, principal: await principalOf(db, tenantId, personId, "User") })));
  const day = 86_400_000;
  const pages: readonly { readonly what: string; readonly query: () => InteractionQuery }[] = [
    { what: "first page", query: () => ({ limit: 50 }) },
    { what: "30 days", query: () => ({ limit: 50, from: new Date(Date.now() - 400 * day).toISOString(), to: new Date(Date.now() - 370 * day).toISOString() }) },
    { what: "number contains 1732", query: () => ({ limit: 50, q: "1732" }) },
    { what: "rare number", query: () => ({ limit: 50, q: String(1_000_000 + Math.floor(Math.random() * calls)).slice(0, 6) }) },
  ];
  const origin = (principal: Principal) => ({ actor: { kind: "person" as const, id: principal.id, name: principal.name }, occurredAt: new Date(), nodeId: "n", remoteAddress: "192.0.2.1" });
  for (let round = 0; round < rounds; round += 1) {
    await timed("decision|none", () => withTenant(db, tenantId, (tx) => tx.selectFrom("people").select("role").where("person_id", "=", all.id).execute()));
    for (const { size, personId } of scoped) await timed(`decision|${size}`, () => withTenant(db, tenantId, async (tx) => (await tx.selectFrom("people").select("role").where("person_id", "=", personId).execute(), await rightsOfPerson(tx, personId, "User", new Date()))));
    for (const { what, query } of pages) {
      await timed(`${what}|all`, () => listInteractions(db, all, query(), origin(all)));
      for (const { size, principal } of scoped) await timed(`${what}|${size}`, () => listInteractions(db, principal, query(), origin(principal)));
    }
  }
  const of = (key: string) => samples.get(key)!.slice(5); // the first ones warm the cache
  for (const [key, ms] of samples) results.add({ what: key.split("|")[0]!, scope: key.split("|")[1]!, ms: ms.map((one) => rounded(one)) });
  const cell = (key: string) => `${median(of(key)).toFixed(1)} / ${quantile(of(key), 0.95).toFixed(1)}`;
  console.log("\nA decision, ms p50 / p95: the session's person alone, and with everything that they may do");
  table(["", "person alone", ...scopes.map((size) => `${size} people seen`)], [["ms", cell("decision|none"), ...scopes.map((size) => cell(`decision|${size}`))]]);
  console.log("\nA page of 50 with its count, ms p50 / p95; in brackets the ratio of the medians to the page of somebody who sees all");
  table(["", "all", ...scopes.map(String)], pages.map(({ what }) => [what, cell(`${what}|all`), ...scopes.map((size) => `${cell(`${what}|${size}`)} (${(median(of(`${what}|${size}`)) / median(of(`${what}|all`))).toFixed(2)})`)]));
  console.log(`\nRaw runs: ${results.path}`);
}

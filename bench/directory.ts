/**
 * npm run bench directory: what it costs to keep people and groups as a Microsoft 365 directory has them. The sandbox's Graph answers, and asks to
 * wait as Microsoft does; the process that reads is killed (`kill -9`) in the middle of the first reading. Time, questions to Graph, processor
 * time and memory of the process that reads: of everything for the first time, of changes, of nothing new, and of everything again.
 *
 *   npm run bench directory -- [--users 20000] [--groups 500] [--each 5] [--units 200] [--per 2000]
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "pg";
import type { DirectoryRunReport } from "../packages/contract/src/index.ts";
import { contosoApp, contosoTenant, createGraph, createGraphDirectory } from "../packages/sandbox/src/index.ts";
import { systemClock } from "../packages/server/src/clock/index.ts";
import { createDb, createEmbeddedPostgres, makePartitionsAhead, migrate, withTenant } from "../packages/server/src/db/index.ts";
import { commandLine } from "../packages/server/src/evidence/index.ts";
import { createReplication } from "../packages/server/src/replication/index.ts";
import { quietLog } from "../packages/server/src/testing/index.ts";
import { addSealingTenant } from "../packages/server/src/testing/test-portal.ts";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault } from "../packages/server/src/vault/index.ts";
import { table } from "./figures.ts";
import { openResults, rounded } from "./results.ts";

const { values } = parseArgs({ options: { users: { type: "string", default: "20000" }, groups: { type: "string", default: "500" }, each: { type: "string", default: "5" }, units: { type: "string", default: "200" }, per: { type: "string", default: "2000" }, into: { type: "string" } } });
const [users, groups, each] = [Number(values.users), Number(values.groups), Number(values.each)];

interface Run {
  readonly what: string;
  /** Of reading alone: processes start before, and somebody else may have to find that one died. */
  readonly seconds: number;
  readonly requests: number;
  /** Of the process that came to the end. */
  readonly cpuMs: number;
  readonly idleMb: number;
  readonly mostMb: number;
  /** Of what came before the kill, it knows people alone. */
  readonly report: DirectoryRunReport;
}

const user = (index: number): string => `0a0a0a0a-0000-4000-8000-${String(index).padStart(12, "0")}`;
const group = (index: number): string => `0b0b0b0b-0000-4000-8000-${String(index).padStart(12, "0")}`;

const dir = await mkdtemp(join(tmpdir(), "earwitness-bench-directory-"));
const server = await createEmbeddedPostgres({ dataDir: dir, log: quietLog });
try {
  await bench();
} finally {
  await server.close();
  await rm(dir, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const results = openResults<Run>("directory", values, { into: values.into });
  const directory = createGraphDirectory();
  for (let index = 0; index < groups; index++) directory.putGroup({ id: group(index), displayName: `Group ${index}` });
  for (let index = 0; index < users; index++) {
    directory.putUser({ id: user(index), userPrincipalName: `user${index}@contoso.example`, displayName: `User ${index}` });
    for (let nth = 0; nth < each; nth++) directory.addMember(group((index * 7 + nth * 31) % groups), user(index));
  }
  // Every tenth stands in the one before.
  for (let index = 10; index < groups; index += 10) directory.addMember(group(index - 1), group(index));
  const graph = await createGraph({ port: 0, directory, apps: [contosoApp], quota: { units: Number(values.units), perMs: Number(values.per) }, problem: (text) => console.error(text) });

  const url = await database();
  const db = createDb({ url, log: quietLog, poolSize: 4 });
  await makePartitionsAhead(db, new Date());
  const vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const tenantId = await addSealingTenant({ db, vault }, "bench");
  await withTenant(db, tenantId, (tx) => tx.updateTable("tenants").set({ m365_tenant_id: contosoTenant.m365TenantId }).execute());
  let runId = "";
  const replication = createReplication({ db, clock: systemClock, log: quietLog, nodeId: "node-2", vault, graphUrl: graph.graphUrl, loginUrl: graph.origin, announce: () => undefined, enqueue: async (_tx, asked) => void (runId = asked) });
  const act = { tenantId, by: commandLine };
  const people = async (): Promise<number> => (await withTenant(db, tenantId, (tx) => tx.selectFrom("people").select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow())).count;
  const inGroups = async (): Promise<number> => (await withTenant(db, tenantId, (tx) => tx.selectFrom("group_members").select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow())).count;
  const start = (): ChildProcess => spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, "directory-process.ts"), url, dir, graph.graphUrl, graph.origin, tenantId, runId], { stdio: ["ignore", "pipe", "inherit"] });

  async function measured(what: string, killWhen: (() => Promise<boolean>) | null = null): Promise<void> {
    const asked = graph.requests();
    let before = 0;
    if (killWhen !== null) {
      const first = start();
      await new Promise((begun) => first.stdout!.once("data", begun));
      const from = performance.now();
      const gone = new Promise<void>((done) => first.once("exit", () => done()));
      while (!(await killWhen())) await new Promise((later) => setTimeout(later, 50));
      first.kill("SIGKILL");
      await gone;
      before = (performance.now() - from) / 1_000;
    }
    const reader = start();
    let said = "";
    reader.stdout!.on("data", (chunk: Buffer) => (said += chunk));
    const code = await new Promise<number | null>((done) => reader.once("close", done));
    if (code !== 0) throw new Error(`the process that reads ended with ${code}`);
    const [last] = await replication.store.runs(act, 1);
    if (last === undefined || last.report === null) throw new Error(`the run did not come to its end: ${last?.error}`);
    const figures = JSON.parse(said.split("\n")[1] ?? "") as Pick<Run, "seconds" | "cpuMs" | "idleMb" | "mostMb">;
    const run: Run = { what, ...figures, seconds: rounded(before + figures.seconds, 2), requests: graph.requests() - asked, report: last.report };
    results.add(run);
  }

  await replication.provision(tenantId, commandLine, { ...contosoApp, recordsNew: true, groups: Array.from({ length: groups }, (_, index) => ({ objectId: group(index), name: `Group ${index}` })) });
  await measured("everything, first, killed at a third", async () => (await people()) > users / 3);
  const wanted = Array.from({ length: groups }, (_, index) => directory.members(group(index), true).filter((id) => id.startsWith("0a")).length).reduce((sum, count) => sum + count, 0);
  if ((await people()) !== users || (await inGroups()) !== wanted) throw new Error(`${await people()} people and ${await inGroups()} memberships, where ${users} and ${wanted} should be`);

  for (let index = 0; index < 100; index++) {
    directory.putUser({ id: user(index * 11), userPrincipalName: `user${index * 11}@contoso.example`, displayName: `Renamed ${index}` });
    for (let nth = 0; nth < 5; nth++) {
      directory.removeMember(group((index * 77 + nth * 31) % groups), user(index * 11));
      directory.addMember(group((index * 13 + nth) % groups), user(index * 11));
    }
  }
  await replication.store.run(act, false);
  await measured("100 people renamed and moved");
  await replication.store.run(act, false);
  await measured("nothing new");
  await replication.store.run(act, true);
  await measured("everything again, unchanged");

  await Promise.all([replication.close(), db.close(), vault.close(), graph.close()]);
  console.log(`${users} users in ${groups} groups (${wanted} memberships, nested ones included), ${values.units} resource units in ${Number(values.per) / 1_000} s`);
  table(["", "s", "told to wait, s", "requests", "CPU s", "memory MB"], results.runs.map(({ what, seconds, requests, cpuMs, idleMb, mostMb, report }) => [what, seconds.toFixed(1), (report.waitedMs / 1_000).toFixed(1), String(requests), (cpuMs / 1_000).toFixed(1), `${idleMb.toFixed(0)} – ${mostMb.toFixed(0)}`]));
  console.log(`Raw runs: ${results.path}`);
}

async function database(): Promise<string> {
  const owner = new Client({ connectionString: server.superuserUrl });
  await owner.connect();
  await owner.query(`create database directory owner ${new URL(server.url).username} template template0 encoding 'UTF8'`);
  await owner.end();
  const url = new URL(server.url);
  url.pathname = "/directory";
  await migrate({ url: url.href, log: quietLog });
  return url.href;
}

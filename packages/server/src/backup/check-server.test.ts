import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { afterEach, expect, test } from "vitest";
import { createEmbeddedPostgres, type EmbeddedPostgres } from "#db";
import { createLog } from "#log";
import { checkServer } from "./check-server.ts";

let dataDir: string;
let server: EmbeddedPostgres | null = null;
afterEach(async () => {
  await server?.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(settings: Record<string, string>): Promise<EmbeddedPostgres> {
  dataDir = await mkdtemp(join(tmpdir(), "earwitness-check-"));
  return (server = await createEmbeddedPostgres({ dataDir, log: createLog("silent"), settings }));
}

async function query(text: string): Promise<void> {
  const client = new Client({ connectionString: server!.superuserUrl });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

/** What is said to an ordinary owner, which is all that Earwitness has on a server of somebody else's. */
const said = async (verdict: string) => (await checkServer(server!.url)).filter((finding) => finding.verdict === verdict).map(({ text }) => text).join("\n");

test("a server that archives every minute is right, and what cannot be seen is said to be unknown", { timeout: 60_000 }, async () => {
  await start({ archive_mode: "on", archive_command: "test -f %p", archive_timeout: "60" });
  await query("create table t (); select pg_switch_wal()");
  await expect.poll(() => said("right"), { timeout: 20_000 }).toMatch(/The last segment, [0-9A-F]{24}, was archived at /);
  expect(await said("wrong")).toBe("");
  expect(await said("right")).toContain("archive_timeout is 60 s");
  expect(await said("unknown")).toContain("rehearse it");
});

test("a server without archive, without fsync, with a slot that nobody reads is told what to do", { timeout: 60_000 }, async () => {
  await start({ fsync: "off", full_page_writes: "off" });
  await query("select pg_create_physical_replication_slot('left_behind', true)");
  const wrong = await said("wrong");
  expect(wrong).toContain("archive_mode is off, and nothing receives the log");
  expect(wrong).toContain("fsync is off");
  expect(wrong).toContain("full_page_writes is off");
  expect(wrong).toContain("The replication slot left_behind is read by nobody");
});

test("an archive command that fails, and one that takes its time, are told with the segment and how often", { timeout: 60_000 }, async () => {
  await start({ fsync: "off", archive_mode: "on", archive_command: "exit 1", archive_timeout: "0" });
  await query("create table t (); select pg_switch_wal()");
  await expect.poll(() => said("wrong"), { timeout: 20_000 }).toMatch(/Nothing has been archived yet, and \d+ attempts failed, the last for [0-9A-F]{24} at/);
  expect(await said("wrong")).toContain("archive_timeout is 0");
});

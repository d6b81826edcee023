/** docs/operate/backup.md, command by command: a whole server, the loss of its database, and the way back. */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placeCall } from "@earwitness/sandbox";
import { command, pause, startPlatform, type Platform } from "../platform.ts";

const page = join(resolve(import.meta.dirname, "../.."), "docs/operate/backup.md");
let backupRoot: string;
let platform: Platform;

beforeAll(async () => {
  backupRoot = await mkdtemp(join(tmpdir(), "earwitness-backups-"));
  await chmod(backupRoot, 0o711);
  platform = await startPlatform({ EARWITNESS_BACKUP_DIR: join(backupRoot, "database"), EARWITNESS_KEYSTORE_BACKUP_DIR: join(backupRoot, "keys") });
});
afterAll(async () => {
  await platform.close();
  await rm(backupRoot, { recursive: true, force: true });
});

async function call(): Promise<string> {
  const placed = await placeCall({
    server: { host: "127.0.0.1", port: platform.sipPort },
    localAddress: "127.0.0.1",
    parties: [
      { name: "Somebody", aor: "sip:somebody@elsewhere.example", audio: { kind: "tone", frequencyHz: 1000, bursts: [{ atMs: 0, durationMs: 60_000 }] } },
      { name: "Adele Vance", aor: "sip:adelev@contoso.example" },
    ],
  });
  await pause(2_000);
  await placed.bye();
  await platform.settled(placed.callId);
  return placed.callId;
}

/** As the page has it, on this test's directories. */
const earwitness = async (line: string): Promise<string> => {
  asked.push(line);
  const args = line.replace("/keys-backup/earwitness", join(backupRoot, "keys")).replace("/backup/earwitness", join(backupRoot, "database")).split(" ");
  return await command(platform.dataDir, args[0]!.startsWith("restore") ? [...args, "--sandbox"] : args);
};
const asked: string[] = [];

async function archivedUntilNow(): Promise<void> {
  const now = new Date().toISOString();
  for (let tries = 0; (JSON.parse(await command(platform.dataDir, ["backup", "list", "--json"])) as { state: { completeAt: string } | null }).state?.completeAt.localeCompare(now) !== 1; tries++) {
    if (tries > 40) throw new Error("the archive is behind");
    await pause(500);
  }
}

test("a database that is lost with its machine comes back with every call, by the commands of the page", { timeout: 180_000 }, async () => {
  const before = await call();
  for (let tries = 0; (await platform.fetch("/api/v1/metrics").then((response) => response.text())).includes("earwitness_backup_base_age_seconds -1"); tries++) {
    if (tries > 60) throw new Error(`no base backup was taken by itself: ${platform.log().slice(-2_000)}`);
    await pause(500);
  }
  expect(await earwitness("backup")).toMatch(/^\d{8}T\d{6}Z(-\d+)?$/);
  const after = await call();
  await archivedUntilNow();
  expect(await earwitness("backup list")).toMatch(/base backup.*asked for on the command line\nAny moment from .* can be restored\.$/);
  expect(await earwitness("backup verify")).toMatch(/are whole\.$/);
  expect(await earwitness("backup check")).toMatch(/^right {4}The archive holds everything until/);
  expect(await command(platform.dataDir, ["status"])).not.toContain("Warning");
  await expect(earwitness("restore --from /backup/earwitness --to latest")).rejects.toThrow(/Another Earwitness server \(process \d+\) uses/);

  const databasePid = Number.parseInt(await readFile(join(platform.dataDir, "sandbox/postgres/18/postmaster.pid"), "utf8"), 10);
  await platform.kill();
  process.kill(databasePid, "SIGKILL");
  await rm(join(platform.dataDir, "sandbox/postgres"), { recursive: true });
  await rm(join(platform.dataDir, "sandbox/keystore"), { recursive: true });
  const said = await earwitness("restore --from /backup/earwitness --to latest");
  expect(said).toMatch(/^Restored to .*\nEverything that was committed until .* is there\./);
  expect(said).toContain("The schema is at ");
  expect(await earwitness("restore-keystore --from /keys-backup/earwitness")).toMatch(/^[1-9]\d* keys were put back/);
  await platform.restart();
  // The row of the backup that was made came back with the database; that of the restore was written at the start.
  const entries = async (): Promise<string[]> => ((await (await platform.fetch("/api/v1/audit?item=Storage")).json()) as { items: { action: string; detail: { name: string } }[] }).items.map(({ action, detail }) => `${action} ${detail.name}`);
  await expect.poll(async () => (await entries()).filter((entry) => entry.startsWith("Restored")).toSorted(), { timeout: 20_000 }).toEqual(["Restored database", "Restored keystore"]);
  expect((await entries()).filter((entry) => entry.startsWith("Backup Made")).length).toBeGreaterThan(0);
  for (const callId of [before, after]) {
    const [interaction] = await platform.settled(callId);
    expect((await platform.fetch(`/api/v1/interactions/${interaction!.id}/media`)).status).toBe(200);
  }
  await call();
});

test("every other command of the page is understood, and says what is wrong with what it is given", { timeout: 120_000 }, async () => {
  await archivedUntilNow();
  await platform.stop();
  expect(await earwitness("backup list --from /backup/earwitness")).toContain("Any moment from");
  await expect(earwitness("restore --from /backup/earwitness --to 2026-01-31T14:05:00Z")).rejects.toThrow("before the first moment that can be restored");
  await expect(earwitness("restore --from /backup/earwitness --to upgrade-20260131T140500Z")).rejects.toThrow("is not a moment to go back to");
  await platform.restart();

  const onThePage = [...(await readFile(page, "utf8")).matchAll(/npm run -s earwitness -- (.*?)(?: {2,}.*)?$/gm)].map((match) => match[1]!);
  expect(onThePage.length).toBeGreaterThan(6);
  expect(new Set(asked)).toEqual(new Set(onThePage));
});

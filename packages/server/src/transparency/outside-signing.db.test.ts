import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseVkey, stampedDigest, verifyNote, verifyTimestamp, parseNote, type NoteKey } from "@earwitness/verify";
import { createTestAuthority, serveAuthority, testPolicies, type TestAuthority, type TestAuthorityServer } from "@earwitness/verify/testing/timestamp-authority";
import { runCommand } from "@earwitness/witness";
import { systemClock } from "#clock";
import { withTenant } from "#db";
import { append, newestCheckpoint, type KeptCheckpoint, type Sequencer } from "#evidence";
import { createLog } from "#log";
import { addTenant, createTestDatabase, createTestLogs, type TestDatabase } from "#testing";
import { createCheckpointKeeper, type CheckpointKeeper } from "./checkpoint-keeper.ts";
import type { OutsideSigner } from "./outside-signer.ts";
import { createOutsideSigning, type OutsideSigning } from "./outside-signing.ts";
import { createTimestampSigner } from "./timestamp-signer.ts";
import { createWitnessSigner } from "./witness-signer.ts";

let database: TestDatabase;
let authority: TestAuthority;
let authorityServer: TestAuthorityServer;
let authorityIs: "honest" | "away" | "refusing" = "honest";
let witnessDir: string;
let witnessServer: { readonly url: string; close(): Promise<void> };
let witnessKey: NoteKey;
const quiet = { print: () => undefined, report: () => undefined, env: {} };

beforeAll(async () => {
  database = await createTestDatabase();
  authority = createTestAuthority();
  await authority.certify({ name: "Root" });
  await authority.certify({ name: "Authority", issuer: "Root" });
  authorityServer = await serveAuthority(async (request) => {
    if (authorityIs === "away") throw new Error("away");
    return authorityIs === "refusing" ? Uint8Array.of(0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02) : await authority.reply(request, "Authority");
  });
  witnessDir = mkdtempSync(join(tmpdir(), "ew-outside-"));
  await startWitness();
}, 60_000);
afterAll(async () => {
  await witnessServer.close();
  await authorityServer.close();
  authority.remove();
  rmSync(witnessDir, { recursive: true });
  await database.close();
});

async function startWitness(port = 0): Promise<void> {
  let vkey = "";
  const server = (await runCommand(["--dir", witnessDir, "--name", "witness.example/w1", "--listen", `127.0.0.1:${port}`], { ...quiet, print: (line) => (vkey = line) }))!;
  witnessKey = parseVkey(vkey);
  witnessServer = { url: `http://127.0.0.1:${server.address.port}`, close: () => server.close() };
}

/** One node with a tenant's log, and those outside who sign for it. */
let tenantId: string;
let logs: ReturnType<typeof createTestLogs>;
let sequencer: Sequencer;
let outside: OutsideSigning;
let keeper: CheckpointKeeper;
let logged: string[];

async function open(signers: readonly OutsideSigner[]): Promise<void> {
  const log = createLog("info", { write: (line) => void logged.push(line) });
  sequencer = logs.sequencer(database.db);
  outside = createOutsideSigning({ db: database.db, clock: systemClock, log, signers, tenants: async () => [tenantId], beatMs: 20 });
  keeper = createCheckpointKeeper({ db: database.db, sequencer, log, everyMs: 3_600_000, afterKept: [outside.afterKept] });
}
async function close(): Promise<void> {
  await keeper.close();
  await outside.close();
  await sequencer.close();
}
beforeEach(async () => {
  authorityIs = "honest";
  logged = [];
  logs = createTestLogs();
  tenantId = await addTenant(database.db);
  await open([createWitnessSigner(database.db, { url: witnessServer.url, key: witnessKey }), createTimestampSigner({ url: authorityServer.url, roots: [authority.certificate("Root")], policy: testPolicies[1] })]);
});
afterEach(() => close());

const by = { kind: "machine", id: "t", name: "t" } as const;
const keep = (): Promise<KeptCheckpoint> => keeper.keepFor(tenantId, { actor: by, occurredAt: new Date(), nodeId: "n1" });
const newest = async (): Promise<KeptCheckpoint> => (await withTenant(database.db, tenantId, (tx) => newestCheckpoint(tx)))!;
const vkeys = (): Promise<string[]> => withTenant(database.db, tenantId, async (tx) => (await tx.selectFrom("log_keys").select("vkey").execute()).map(({ vkey }) => vkey));
const trust = async (): Promise<void> => void (await runCommand(["trust", ...(await vkeys()), "--dir", witnessDir], quiet));
async function until<T>(look: () => Promise<T | null | false>): Promise<T> {
  for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const found = await look();
    if (found !== null && found !== false) return found;
  }
  throw new Error(`in vain; the log says\n${logged.join("")}`);
}
const cosignedBy = async (kept: KeptCheckpoint): Promise<string[]> => (await verifyNote(parseNote(kept.note), [witnessKey])).map(({ key }) => key.name);

describe("PLT-14 what is kept of a log is signed by others", () => {
  test("a witness cosigns and an authority stamps it, both verified before they are stored", async () => {
    await keep();
    await trust();
    const kept = await keep();
    expect(await cosignedBy(kept)).toEqual(["witness.example/w1"]);
    const stamped = await verifyTimestamp(kept.timestampToken!, { digest: stampedDigest(kept.note), roots: [authority.certificate("Root")] });
    expect(stamped).toMatchObject({ authority: "Authority", policy: testPolicies[1] });
    expect(await newest()).toEqual(kept);
    expect(outside.warnings()).toEqual([]);
    expect(outside.state()).toMatchObject([{ name: "witness.example/w1", signed: 1, owed: 0, isReachable: true }, { signed: 2, owed: 0 }]);
  });

  test("a witness that does not know the log yet is told of, and signs once it is trusted and the log goes on", async () => {
    await keep();
    expect(outside.warnings()).toEqual(["witness.example/w1 does not sign for the log of one tenant: see the server's log."]);
    expect(logged.join("")).toContain("its operator has to trust the log's key");
    await trust();
    await close();
    await open([createWitnessSigner(database.db, { url: witnessServer.url, key: witnessKey })]);
    expect(await until(async () => (await cosignedBy(await newest())).length === 1)).toBe(true);
    expect(outside.warnings()).toEqual([]);
  });

  test("one that was away signs the newest checkpoint when it is back, whatever it missed", async () => {
    await keep();
    await trust();
    await keep();
    const port = Number(new URL(witnessServer.url).port);
    await witnessServer.close();
    authorityIs = "away";
    await keep();
    const last = await keep();
    expect(last.timestampToken).toBeNull();
    expect(outside.warnings()).toContain("witness.example/w1 cannot be reached, so that new checkpoints lack its signature.");
    expect(outside.warnings()).toHaveLength(2);
    authorityIs = "honest";
    await startWitness(port);
    const signed = await until(async () => {
      const found = await newest();
      return found.timestampToken !== null && (await cosignedBy(found)).length === 1 ? found : null;
    });
    expect(signed.size).toBe(last.size);
    await until(async () => outside.warnings().length === 0);
  });

  test("an authority that gives no timestamp is told of, and nothing is stored", async () => {
    authorityIs = "refusing";
    expect((await keep()).timestampToken).toBeNull();
    expect(logged.join("")).toContain("gives no timestamp (status 2)");
    expect(outside.warnings()).toHaveLength(2);
  });

  test("PLT-14 a log that was set back, remembered heads and all, is an alarm as soon as a witness is asked", async () => {
    await keep();
    await trust();
    for (let i = 0; i < 4; i += 1) await keep();
    // The operator restores yesterday's database and files: the same log, with the same key, begins anew.
    await close();
    const superuser = new Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    for (const table of ["checkpoints", "log_tiles"]) await superuser.query(`delete from ${table} where tenant_id = $1`, [tenantId]);
    await superuser.query("update logs set size = 0, root = sha256(''), head = null where tenant_id = $1", [tenantId]);
    await superuser.query("delete from evidence where tenant_id = $1", [tenantId]);
    await superuser.end();
    logs.remembered.clear();
    await open([createWitnessSigner(database.db, { url: witnessServer.url, key: witnessKey })]);
    await keep();
    expect(outside.warnings()).toEqual(["ALARM: the witness witness.example/w1 saw another history of the log of one tenant: see the server's log."]);
    expect(outside.state()).toMatchObject([{ contradicted: 1 }]);
    expect(logged.join("")).toContain("the log was set back");
    // It grows past what the witness saw: now no proof leads there.
    await withTenant(database.db, tenantId, async (tx) => {
      for (let i = 0; i < 10; i += 1) await append(tx, { actor: by, action: "Play", item: "Call", occurredAt: new Date(), nodeId: "n1" });
    });
    await close();
    await open([createWitnessSigner(database.db, { url: witnessServer.url, key: witnessKey })]);
    const kept = await keep();
    expect(await cosignedBy(kept)).toEqual([]);
    await until(async () => logged.join("").includes("does not continue the one of"));
    expect(await cosignedBy(await newest())).toEqual([]);
  });
});

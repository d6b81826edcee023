import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { BackupFinding, BackupReport } from "@earwitness/contract/control";
import { controlSocketPath } from "@earwitness/contract/places";
import { createApiKeys, enrollmentUrl, enrollAdministrator, type ApiKeys } from "#access";
import { systemClock } from "#clock";
import { isConnectionError, withTenant } from "#db";
import { createTenant, listTenants, newTrunk, viewTenants, type Tenant } from "#tenants";
import { changeLogKey, type Sequencer } from "#evidence";
import { createTestDatabase, createTestLogs, quietLog, type TestDatabase, type TestLogs } from "#testing";
import { createCheckpointKeeper, describeCheckpoint, readLogState, type CheckpointKeeper } from "#transparency";
import { createTrunkStore } from "#trunks";
import { createControl, type Control } from "./control.ts";

// Every command is a process of its own, of which a busy machine starts one in seconds.
vi.setConfig({ testTimeout: 180_000 });

/** The command line as people run it, against a control socket as the server opens it. */
const main = join(import.meta.dirname, "../../../cli/src/main.ts");
let dataDir: string;
let database: TestDatabase;
let apiKeys: ApiKeys;
let control: Control;
let logs: TestLogs;
let sequencer: Sequencer;
let keeper: CheckpointKeeper;
let ready = true;
let tenantId: string;
let report: BackupReport = { directory: "/backup", cluster: "77", archivedUntil: "2026-11-20T10:00:00.000Z", newestBaseAt: null, warnings: [], run: null };
let outcome: Partial<NonNullable<BackupReport["run"]>> = { state: "done", step: "verifying", base: "20261120T100000Z" };
let findings: BackupFinding[] = [];

const info = ({ tenantId: id, slug, displayName, m365TenantId, sandbox }: Tenant) => ({ tenantId: id, slug, name: displayName, m365TenantId, sandbox });

const trunks = () => createTrunkStore({ db: database.db, clock: systemClock, nodeId: "node-1", addressesOf: (user) => [`sip:${user}@sip.example`], announce: () => undefined });

const openControl = (socketPath: string) => {
  const { db } = database;
  const context = { db, clock: systemClock, nodeId: "node-1", ensureKey: async () => ({ publicKeyId: "k", publicKey: new Uint8Array(32) }) };
  return createControl({
    socketPath,
    log: quietLog,
    isDatabaseAway: isConnectionError,
    apiKeys,
    listTenants: async () => (await listTenants(db)).map(info),
    viewTenants: async (by) => (await viewTenants(context, by)).map(info),
    createTenant: async (wanted, by) => info(await createTenant(context, { slug: wanted.slug, displayName: wanted.name, m365TenantId: wanted.m365TenantId ?? null }, by)),
    enrollAdministrator: async (tenant, wanted, by) => {
      const { text, expiresAt } = await enrollAdministrator({ db, clock: systemClock, nodeId: "node-1" }, tenant, wanted, by);
      return { url: enrollmentUrl(new URL("https://portal.example"), text), expiresAt: expiresAt.toISOString() };
    },
    trunks: {
      list: (tenant, by) => trunks().list({ tenantId: tenant, by }),
      create: (tenant, { name, networks }, by) => trunks().create({ tenantId: tenant, by }, newTrunk(name, networks)),
      allow: (tenant, trunkId, network, by) => trunks().allow({ tenantId: tenant, by }, trunkId, network),
    },
    backups: {
      report: () => report,
      start: async () => {
        report = { ...report, run: { reason: "asked for", startedAt: "2026-11-20T10:00:00.000Z", state: "running", step: "copying", doneBytes: 10_000_000, totalBytes: 40_000_000, base: null, failure: null } };
        setTimeout(() => (report = { ...report, run: { ...report.run!, ...outcome } }), 700);
      },
      check: async () => findings,
    },
    logs: {
      state: (tenant) => withTenant(db, tenant, (tx) => readLogState(tx, sequencer.state().stopped.get(tenant) ?? null)),
      keep: async (tenant, by) => describeCheckpoint(await keeper.keepFor(tenant, { actor: by, occurredAt: new Date(), nodeId: "node-1" })),
      resume: (tenant, reason, by) => sequencer.resume(tenant, reason, by),
      changeKey: (tenant, { reason, oldKeyIsLost }, by) => changeLogKey({ db, seeds: logs.seeds, clock: systemClock, nodeId: "node-1" }, tenant, { reason, by, isLost: oldKeyIsLost }),
    },
    exportKeys: async () => ({ nodeId: "node-1", exportedAt: "2026-11-20T10:00:00.000Z", directory: "keys", files: [{ path: "facts.key", content: "AAAA" }] }),
    places: () => ({ nodeId: "node-1", dataDir, databaseUrl: database.url, poolUrl: null, witnesses: [] }),
    status: async () => ({
      version: "1.2.3",
      nodeId: "node-1",
      ready,
      reasons: ready ? [] : ["the spool is full"],
      warnings: ["The newest base backup is of 2026-11-01."],
      runningCalls: 1,
      nodes: [{ nodeId: "node-1", roles: ["portal", "recorder"], version: "1.2.3", startedAt: "2026-11-20T10:00:00.000Z", seenAt: "2026-11-20T10:00:05.000Z" }],
    }),
  });
};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "earwitness-control-"));
  database = await createTestDatabase();
  apiKeys = createApiKeys({ db: database.db, clock: systemClock, nodeId: "node-1" });
  logs = createTestLogs();
  sequencer = logs.sequencer(database.db);
  keeper = createCheckpointKeeper({ db: database.db, sequencer, log: quietLog, everyMs: 3_600_000, afterKept: [] });
  control = await openControl(controlSocketPath(dataDir));
});
afterAll(async () => {
  await control.close();
  await keeper.close();
  await sequencer.close();
  await database.close();
  await rm(dataDir, { recursive: true });
});

async function earwitness(args: readonly string[], inDir = dataDir): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, EARWITNESS_DATA_DIR: inDir, NODE_OPTIONS: "", NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on("data", (part: Buffer) => out.push(part.toString()));
  child.stderr.on("data", (part: Buffer) => err.push(part.toString()));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, out: out.join(""), err: err.join("") };
}

test("the socket is for its own user alone", async () => {
  const path = controlSocketPath(dataDir);
  expect([(await stat(path)).mode & 0o777, (await stat(join(dataDir, "run"))).mode & 0o777]).toEqual([0o600, 0o700]);
});

test("a tenant is made and listed", async () => {
  const made = await earwitness(["tenant", "create", "--slug", "contoso", "--name", "Contoso Ltd", "--m365-tenant-id", "1509bb0a-9bf1-4331-8a11-8783593942a4"]);
  expect(made).toMatchObject({ code: 0, err: "" });
  tenantId = made.out.trim();
  expect(tenantId).toMatch(/^[0-9a-f-]{36}$/);
  const listed = await earwitness(["tenant", "list"]);
  expect(listed.out.split("\n")[0]).toMatch(/^SLUG +NAME +ID +M365 TENANT$/);
  expect(listed.out).toContain("Contoso Ltd");
  expect(JSON.parse((await earwitness(["tenant", "list", "--json"])).out)).toEqual([{ tenantId, slug: "contoso", name: "Contoso Ltd", m365TenantId: "1509bb0a-9bf1-4331-8a11-8783593942a4", sandbox: false }]);
  const again = await earwitness(["tenant", "create", "--slug", "contoso", "--name", "Other"]);
  expect(again).toEqual({ code: 1, out: "", err: "earwitness: There is a tenant “contoso” already.\n" });
});

test("an administrator's link is printed, and again for the same one; for whoever is no administrator it is refused", async () => {
  const made = await earwitness(["admin", "enroll", "ana@contoso.example", "--tenant", "contoso", "--name", "Ana Lima"]);
  expect(made).toMatchObject({ code: 0, err: "" });
  expect(made.out).toMatch(new RegExp(`^https://portal\\.example/enrollment#${tenantId}\\.[0-9a-f-]{36}\\.[A-Za-z0-9_-]{43}\\nThe link works once, until `));
  const people = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("people").select(["upn", "display_name", "role", "recorded"]).execute());
  expect(await people()).toEqual([{ upn: "ana@contoso.example", display_name: "Ana Lima", role: "Admin", recorded: false }]);
  expect((await earwitness(["admin", "enroll", "ANA@contoso.example", "--tenant", "contoso"])).code).toBe(0);
  await withTenant(database.db, tenantId, (tx) => tx.updateTable("people").set({ role: "User" }).execute());
  expect((await earwitness(["admin", "enroll", "ana@contoso.example", "--tenant", "contoso"])).err).toContain("is no administrator");
});

test("a key is made, printed alone, good for the API, listed without its secret, and revoked", async () => {
  const made = await earwitness(["api-key", "create", "--tenant", "contoso", "--profile", "Admin"]);
  expect(made).toMatchObject({ code: 0, err: "" });
  expect(made.out).toMatch(/^ew_[^\s]+\n$/);
  const key = made.out.trim();
  expect(await apiKeys.verify(key)).toMatchObject({ kind: "api_key", tenantId, profile: "Admin" });
  const listed = await earwitness(["api-key", "list", "--tenant", "contoso"]);
  expect(listed.out).toContain("Made on the command line");
  expect(listed.out).not.toContain(key.slice(-43));
  const [{ apiKeyId }] = JSON.parse((await earwitness(["api-key", "list", "--tenant", "contoso", "--json"])).out);
  expect(await earwitness(["api-key", "revoke", apiKeyId, "--tenant", "contoso"])).toEqual({ code: 0, out: "", err: "" });
  expect(await apiKeys.verify(key)).toBe(null);
  expect((await earwitness(["api-key", "revoke", apiKeyId, "--tenant", "contoso"])).err).toBe("earwitness: There is no such key in force.\n");
});

test("a trunk is made, shown with what to configure, and given an address", async () => {
  const made = await earwitness(["trunk", "create", "--tenant", "contoso", "--name", "SBC Berlin", "--network", "192.0.2.0/29"]);
  expect(made).toMatchObject({ code: 0, err: "" });
  expect(made.out).toMatch(/^sip:[a-z2-9]{10}@sip\.example\n$/);
  expect((await earwitness(["trunk", "create", "--tenant", "contoso", "--name", "SBC Berlin"])).err).toBe("earwitness: This is the name of another trunk already. Choose a name that tells them apart.\n");
  expect((await earwitness(["trunk", "create", "--tenant", "contoso", "--name", "B", "--network", "192.0.2.9/24"])).err).toContain("did you mean 192.0.2.0/24?");
  expect(await earwitness(["trunk", "allow", "sbc berlin", "192.0.2.77", "--tenant", "contoso"])).toEqual({ code: 0, out: "192.0.2.0/29, 192.0.2.77/32\n", err: "" });
  expect((await earwitness(["trunk", "list", "--tenant", "contoso"])).out).toMatch(/NAME +STATE +NETWORKS +LAST INVITATION\nSBC Berlin +on +192\.0\.2\.0\/29, 192\.0\.2\.77\/32 +none yet/);
  const shown = (await earwitness(["trunk", "show", "SBC Berlin", "--tenant", "contoso"])).out;
  expect(shown).toContain(`Send to       ${made.out.trim()}\n`);
  expect(JSON.parse((await earwitness(["trunk", "show", "SBC Berlin", "--tenant", "contoso", "--json"])).out)).toMatchObject({ settings: { name: "SBC Berlin" }, digest: null });
  expect(await earwitness(["trunk", "show", "nobody", "--tenant", "contoso"])).toEqual({ code: 1, out: "", err: "earwitness: there is no trunk “nobody”; there is SBC Berlin\n" });
});

test("a checkpoint of the log is kept and printed; the log is shown; one that was stopped goes on with a reason", async () => {
  const kept = await earwitness(["log", "checkpoint", "--tenant", "contoso"]);
  expect(kept).toMatchObject({ code: 0, err: "" });
  const shown = await earwitness(["log", "show", "--tenant", "contoso"]);
  const [, size] = kept.out.split("\n");
  expect(shown.out).toMatch(new RegExp(`Log +earwitness\\.example/log/${tenantId}\nRows +${size}, 0 waiting\nKey +earwitness\\.example/log/${tenantId}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/=]+\nCheckpoint +of ${size} rows, kept `));
  expect(JSON.parse((await earwitness(["log", "show", "--tenant", "contoso", "--json"])).out)).toMatchObject({ size: Number(size), stopped: null, checkpoint: { note: kept.out } });
  expect((await earwitness(["log", "resume", "--tenant", "contoso", "--reason", "Because"])).err).toBe("earwitness: The log goes on: there is nothing to resume.\n");

  const rotated = await earwitness(["log", "rotate-key", "--tenant", "contoso", "--reason", "yearly"]);
  expect((await earwitness(["log", "show", "--tenant", "contoso"])).out).toContain(rotated.out.trim());

  const superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query("update logs set size = size + 1 where tenant_id = $1", [tenantId]);
  await superuser.end();
  await earwitness(["log", "resume", "--tenant", "contoso", "--reason", "A test broke it"]); // what it goes on from is broken as well
  expect((await earwitness(["log", "show", "--tenant", "contoso"])).out).toMatch(/Stopped +The head of the log in the database was signed at /);
});

test("MON-22 MON-28 what was done or looked at here is evidence, once each, by the command line of this machine", async () => {
  const rows = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "actor_kind", "actor_name"]).orderBy("recorded_at").execute());
  const actor = { actor_kind: "machine", actor_name: "Command line of this machine" };
  // Two of them are one transaction's, of the same millisecond: in either order.
  expect(rows.filter(({ item }) => item === "User").map(({ action, actor_name: by }) => `${action} by ${by}`).toSorted()).toEqual(["Add", "Modify", "Modify"].map((action) => `${action} by ${actor.actor_name}`));
  expect(rows.filter(({ item }) => item !== "User")).toEqual([
    { action: "Add", item: "Tenant", ...actor },
    { action: "View", item: "Tenant", ...actor },
    { action: "Add", item: "API Key", ...actor },
    { action: "Access", item: "API Key", ...actor },
    { action: "Disabled", item: "API Key", ...actor },
    { action: "Add", item: "Trunk", ...actor },
    { action: "Access", item: "Trunk", ...actor },
    { action: "Modify", item: "Trunk", ...actor },
    { action: "Add", item: "Log", ...actor },
    { action: "Modify", item: "Log", ...actor },
    { action: "Resume", item: "Log", ...actor },
  ]);
});

test("MON-22 every command is one that leaves a row, as above, or tells nothing of a tenant", () => {
  expect([...control.routes].toSorted()).toEqual(
    [
      "GET /installation", // where it lies, for a check of it, which leaves a row for each tenant
      "GET /status", // of this machine
      "GET /backups",
      "GET /backups/check",
      "POST /backups", // a row for each tenant once it is made or failed: tests/calls/backup.test.ts
      "GET /tenants",
      "GET /tenants/:slug/api-keys",
      "GET /tenants/:slug/log", // how far it is, and its public keys
      "GET /tenants/:slug/trunks",
      "POST /keys/export", // a row for each tenant: tests/calls/keys-lost.test.ts
      "POST /tenants/:slug/log/keys",
      "POST /api-keys",
      "POST /tenants",
      "POST /tenants/:slug/administrators",
      "POST /tenants/:slug/api-keys/:apiKeyId/revoke",
      "POST /tenants/:slug/log/checkpoints",
      "POST /tenants/:slug/log/resume",
      "POST /tenants/:slug/trunks",
      "POST /tenants/:slug/trunks/:trunkId/networks",
    ].toSorted(),
  );
});

test("what is refused is said on stderr with exit code 1", async () => {
  expect(await earwitness(["api-key", "create", "--tenant", "nobody", "--profile", "Admin"])).toEqual({ code: 1, out: "", err: "earwitness: There is no tenant “nobody”; there are contoso.\n" });
  const profile = await earwitness(["api-key", "create", "--tenant", "contoso", "--profile", "Emperor"]);
  expect([profile.code, profile.out]).toEqual([1, ""]);
  expect(profile.err).toContain("There is no access profile “Emperor”; there are Admin");
  expect((await earwitness(["tenant", "create", "--slug", "No Good", "--name", "x"])).err).toContain("body.slug must match pattern");
  expect((await earwitness(["api-key", "revoke", "../../tenants", "--tenant", "contoso"])).err).toContain("params.apiKeyId");
});

test("wrong usage is exit code 2 with the help at hand; help itself is 0", async () => {
  const wrong = await earwitness(["api-key", "create", "--tenant", "contoso"]);
  expect([wrong.code, wrong.out]).toEqual([2, ""]);
  expect(wrong.err).toContain("required option '--profile <name>' not specified");
  expect((await earwitness(["dance"])).code).toBe(2);
  expect((await earwitness([])).code).toBe(2);
  const help = await earwitness(["--help"]);
  expect([help.code, help.err]).toEqual([0, ""]);
  for (const word of ["api-key", "tenant", "status", "EARWITNESS_DATA_DIR", "Exit codes"]) expect(help.out).toContain(word);
});

test("status answers the question with its exit code", async () => {
  const good = await earwitness(["status"]);
  expect(good).toMatchObject({ code: 0, err: "" });
  expect(good.out).toContain("Ready to record: node node-1, version 1.2.3, 1 running call\n");
  expect(good.out).toContain("portal,recorder");
  expect(good.out).toContain("  Warning: The newest base backup is of 2026-11-01.\n");
  ready = false;
  const bad = await earwitness(["status"]);
  expect([bad.code, bad.err]).toEqual([1, "earwitness: the server is not ready to record\n"]);
  expect(bad.out).toContain("the spool is full");
});

test("backup shows how far it is, prints the name of what it took, and fails aloud", async () => {
  const good = await earwitness(["backup"]);
  expect([good.code, good.out]).toEqual([0, "20261120T100000Z\n"]);
  expect(good.err).toContain("copying: 10 of 40 MB");
  outcome = { state: "failed", failure: "the disk is full" };
  expect(await earwitness(["backup"])).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/earwitness: the backup failed: the disk is full\n$/) });
});

test("backup check says what is right and wrong, and answers with its exit code", async () => {
  findings = [{ verdict: "right", text: "wal_level is replica" }, { verdict: "unknown", text: "base backups are not visible from here" }];
  expect(await earwitness(["backup", "check"])).toEqual({ code: 0, out: "right    wal_level is replica\nunknown  base backups are not visible from here\n", err: "" });
  findings = [{ verdict: "wrong", text: "archive_mode is off" }];
  expect(await earwitness(["backup", "check"])).toEqual({ code: 1, out: "wrong    archive_mode is off\n", err: "earwitness: 1 thing is wrong\n" });
});

test("where no server runs that is said, with the directory that was looked in", async () => {
  const empty = await mkdtemp(join(tmpdir(), "earwitness-none-"));
  try {
    const answer = await earwitness(["status"], empty);
    expect([answer.code, answer.out]).toEqual([1, ""]);
    expect(answer.err).toContain(`no Earwitness server runs here with the data directory ${empty}`);
  } finally {
    await rm(empty, { recursive: true });
  }
});

test("a path too long for a socket is shortened the same way on both sides", async () => {
  const long = join(dataDir, "x".repeat(120));
  const path = controlSocketPath(long);
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(103);
  const other = await openControl(path);
  try {
    expect((await earwitness(["tenant", "list"], long)).out).toContain("contoso");
  } finally {
    await other.close();
  }
  expect(controlSocketPath(join(dataDir, "y".repeat(120)))).not.toBe(path);
});

test("a socket that a killed server left is taken over; one that answers is not", async () => {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-stale-"));
  const path = controlSocketPath(dir);
  try {
    const first = await openControl(path);
    await expect(openControl(path)).rejects.toThrow("another server answers");
    await first.close();
    // What kill -9 leaves: the file, and nobody behind it.
    const holder = spawn(process.execPath, ["-e", `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`]);
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const gone = new Promise((resolve) => holder.once("close", resolve));
    holder.kill("SIGKILL");
    await gone;
    const second = await openControl(path);
    expect((await earwitness(["tenant", "list"], dir)).code).toBe(0);
    await second.close();
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("something else that answers at the socket is not believed to be the server", async () => {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-odd-"));
  await mkdir(join(dir, "run"), { mode: 0o700 });
  const odd = createServer((_request, response) => response.writeHead(500, { connection: "close" }).end("wat"));
  await new Promise<void>((resolve) => odd.listen(controlSocketPath(dir), resolve));
  try {
    expect(await earwitness(["status"], dir)).toEqual({ code: 1, out: "", err: "earwitness: the server answered 500\n" });
  } finally {
    await new Promise((resolve) => odd.close(resolve));
    await rm(dir, { recursive: true });
  }
});

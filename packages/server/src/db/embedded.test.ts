import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createLog } from "#log";
import { chooseAccount, firstClosed } from "./embedded-account.ts";
import { locateBinaries, prepareBinaries } from "./embedded-binaries.ts";
import { createEmbeddedPostgres, type EmbeddedPostgres } from "./embedded.ts";

/** Who is alive is read from /proc. */
const isLinux = process.platform === "linux";
const isRoot = isLinux && process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
/** Under a home that others may not enter, no other ordinary user can have this checkout: there is nothing to try. */
const othersMayEnter = isRoot && (await firstClosed(import.meta.dirname, { ...nobody, change: {} })) === null;
const log = createLog("silent");
let dataDir: string;
let opened: EmbeddedPostgres[];
let holders: ChildProcess[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "earwitness-embedded-"));
  opened = [];
  holders = [];
});
afterEach(async () => {
  for (const embedded of opened) await embedded.close();
  for (const holder of holders) {
    holder.kill("SIGKILL");
    if (holder.exitCode === null && holder.signalCode === null) await once(holder, "exit");
  }
  await stopOrphan();
  await rm(dataDir, { recursive: true, force: true });
});

/** These tests kill processes, not the machine: what the kernel holds is safe, and the tests are quicker. */
const settings = { fsync: "off" };

async function open(dir = dataDir, more: { settings?: Record<string, string> } = { settings }): Promise<EmbeddedPostgres> {
  const embedded = await createEmbeddedPostgres({ dataDir: dir, log, ...more });
  opened.push(embedded);
  return embedded;
}

/** A process of its own that has the database open; resolves when it has. */
async function hold(user: { uid?: number; gid?: number } = {}): Promise<{ holder: ChildProcess; url: string }> {
  const holder = spawn(process.execPath, [join(import.meta.dirname, "../testing/hold-embedded.ts"), dataDir], { ...user, stdio: ["ignore", "pipe", "pipe"] });
  holders.push(holder);
  let complaint = "";
  holder.stderr!.on("data", (text) => (complaint += String(text)));
  const [line] = (await Promise.race([
    once(createInterface({ input: holder.stdout! }), "line"),
    once(holder, "exit").then(() => Promise.reject(new Error(complaint))),
  ])) as [string];
  return { holder, url: (JSON.parse(line) as { url: string }).url };
}

const postmasterPid = async (): Promise<number> => Number.parseInt(await readFile(join(dataDir, "postgres/18/postmaster.pid"), "utf8"), 10);
const isAlive = async (pid: number): Promise<boolean> => /^State:\s*[^\sZX]/m.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""));

async function stopOrphan(): Promise<void> {
  const pid = await postmasterPid().catch(() => 0);
  if (pid > 0 && (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).includes(dataDir)) process.kill(pid, "SIGQUIT");
}

async function query<Row>(connectionString: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe.runIf(isLinux)("the embedded PostgreSQL", () => {
  test("starts, keeps what was written over a stop, and runs as an ordinary owner", async () => {
    const first = await open(dataDir, {});
    expect(await query(first.url, "select current_user as me, rolsuper, rolbypassrls from pg_roles where rolname = current_user")).toEqual([{ me: "earwitness", rolsuper: false, rolbypassrls: false }]);
    expect(await query(first.url, "select datlocprovider as p, datlocale as l, pg_encoding_to_char(encoding) as e from pg_database where datname = current_database()")).toEqual([{ p: "b", l: "C.UTF-8", e: "UTF8" }]);
    expect(await query(first.url, "select current_setting('fsync') as fsync, current_setting('jit') as jit, current_setting('listen_addresses') as tcp")).toEqual([{ fsync: "on", jit: "off", tcp: "" }]);
    await query(first.url, "create table kept as select 42 as answer");
    const pid = await postmasterPid();
    await Promise.all([first.close(), first.close()]);
    expect(await isAlive(pid)).toBe(false);
    const second = await open();
    expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("lets nobody but its own account and root through to the socket", async () => {
    await open();
    expect((await stat(join(dataDir, "postgres/run"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, "postgres/18"))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(dataDir, "postgres/run"))).toContain(".s.PGSQL.5432");
  });

  test("starts again by itself when it is killed, under the same address", async () => {
    const { url } = await open();
    await query(url, "create table kept as select 42 as answer");
    const pid = await postmasterPid();
    process.kill(pid, "SIGKILL");
    await vi.waitFor(async () => expect(await query(url, "select answer from kept")).toEqual([{ answer: 42 }]), { timeout: 15_000, interval: 100 });
    expect(await postmasterPid()).not.toBe(pid);
  });

  test("stops the server that a killed process left behind, loses nothing, and starts", async () => {
    const { holder, url } = await hold();
    await query(url, "create table kept as select 42 as answer");
    const pid = await postmasterPid();
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(await isAlive(pid)).toBe(true);
    const embedded = await open();
    expect(await isAlive(pid)).toBe(false);
    expect(await query(embedded.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("starts after both were killed", async () => {
    const { holder, url } = await hold();
    await query(url, "create table kept as select 42 as answer");
    process.kill(await postmasterPid(), "SIGKILL");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    const embedded = await open();
    expect(await query(embedded.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("starts over a postmaster.pid whose number belongs to somebody else by now", async () => {
    await (await open()).close();
    await writeFile(join(dataDir, "postgres/18/postmaster.pid"), `${process.pid}\n${join(dataDir, "postgres/18")}\n1\n5432\n`);
    const embedded = await open();
    expect(await query(embedded.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("leaves the server of a living process alone", async () => {
    const { url } = await hold();
    await expect(open()).rejects.toThrow(/in use by another Earwitness process/);
    expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
    await open(join(dataDir, "other"));
    await expect(open(join(dataDir, "other"))).rejects.toThrow(/in use/);
  });

  test("takes up an initdb that was cut short", async () => {
    await mkdir(join(dataDir, "postgres/18.partial/base"), { recursive: true });
    await open();
  });

  test("refuses a cluster of a newer or older PostgreSQL in words, and leaves it as it was", async () => {
    if (isRoot) await chmod(dataDir, 0o711);
    for (const [major, words] of [["19", /made by PostgreSQL 19, newer than the 18/], ["17", /made by PostgreSQL 17; .* cannot convert/]] as const) {
      const dir = join(dataDir, major);
      await mkdir(join(dir, "postgres", major), { recursive: true });
      await writeFile(join(dir, "postgres", major, "PG_VERSION"), `${major}\n`);
      await expect(open(dir)).rejects.toThrow(words);
      expect(await readdir(join(dir, "postgres"))).toEqual([major]);
    }
  });

  test("a data directory too deep for a socket's path works, and leaves nothing outside when closed", async () => {
    const deep = join(dataDir, "d".repeat(60), "e".repeat(60));
    await mkdir(deep, { recursive: true });
    if (isRoot) for (const dir of [dataDir, join(deep, "..")]) await chmod(dir, 0o711);
    const embedded = await open(deep);
    const outside = decodeURIComponent(new URL(embedded.url).hostname);
    expect(outside.startsWith(dataDir)).toBe(false);
    expect((await stat(outside)).mode & 0o777).toBe(0o700);
    await embedded.close();
    await expect(stat(outside)).rejects.toThrow("ENOENT");
  });

  test("where there is none for the platform the error says what to do", async () => {
    await expect(locateBinaries("plan9-mips")).rejects.toThrow(/no embedded PostgreSQL for this platform.*DATABASE_URL/);
  });
});

describe.runIf(isRoot)("the embedded PostgreSQL under root", () => {
  test("runs as another user, who may pass through the data directory but not read it; secrets beside it stay closed", async () => {
    await mkdir(join(dataDir, "keys"), { mode: 0o700 });
    await open();
    const { uid } = await stat(join(dataDir, "postgres/18"));
    expect(uid).not.toBe(0);
    expect(await readFile(`/proc/${await postmasterPid()}/status`, "utf8")).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}`, "m"));
    expect((await stat(dataDir)).mode & 0o777).toBe(0o711);
    expect((await stat(join(dataDir, "keys"))).mode & 0o777).toBe(0o700);
  });

  test("a directory above that the user cannot enter is named", async () => {
    const closed = join(dataDir, "closed");
    await mkdir(join(closed, "data"), { recursive: true });
    await chmod(dataDir, 0o755);
    await chmod(closed, 0o700);
    await expect(open(join(closed, "data"))).rejects.toThrow(new RegExp(`cannot enter ${closed}:`));
  });

  test("programs that the user cannot reach are copied, once, with their links", async () => {
    const closed = join(dataDir, "node_modules");
    const located = await locateBinaries();
    await mkdir(closed, { mode: 0o700 });
    await cp(located.native, join(closed, "native"), { recursive: true, verbatimSymlinks: true });
    const account = await chooseAccount(join(dataDir, "none"));
    const prepare = () => prepareBinaries({ ...located, native: join(closed, "native") }, dataDir, account);
    const binaries = await prepare();
    expect(binaries.postgres).toBe(join(dataDir, "postgres-bin", located.version, "bin/postgres"));
    const { ino } = await stat(binaries.postgres);
    await Promise.all([prepare(), prepare()]);
    expect((await stat(binaries.postgres)).ino).toBe(ino);
  });

  if (othersMayEnter) test("an ordinary user runs it as himself", async () => {
    await chown(dataDir, nobody.uid, nobody.gid);
    const { holder, url } = await hold(nobody);
    expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
    expect((await stat(join(dataDir, "postgres/18"))).uid).toBe(nobody.uid);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    holder.kill("SIGTERM");
    expect(await once(holder, "exit")).toEqual([0, null]);
    // Root goes on with what the ordinary user began.
    const embedded = await open();
    expect(await query(embedded.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });
});

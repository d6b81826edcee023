import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { chooseAccount, firstClosed, letPass, type Account } from "./embedded-account.ts";
import { locateBinaries, prepareBinaries, type Binaries } from "./embedded-binaries.ts";
import { finishRestore } from "./put-in-place.ts";
import { clearCluster, recordSupervisor, stopServer } from "./postmaster.ts";

const run = promisify(execFile);

export interface EmbeddedPostgres {
  /** For an ordinary owner: bound by row-level security wherever it forgets to change into a role. */
  readonly url: string;
  readonly superuserUrl: string;
  /** Fast shutdown, awaited. */
  close(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** More server settings; tests turn durability off with them. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A unix socket's path may have 107 bytes and no more; this is the file name that PostgreSQL gives it. */
const socketName = "/.s.PGSQL.5432";
const longestSocketPath = process.platform === "darwin" ? 103 : 107;

/**
 * A PostgreSQL of our own in the data directory, for installations without a database server. It listens on a unix socket
 * only, in a directory closed to everyone but its own account and root; whoever passes there could change the files of the
 * cluster as well, so that a password would protect nothing.
 *
 *   <dataDir>/postgres/18             the cluster
 *   <dataDir>/postgres/18.supervisor  pid of the process that looks after it
 *   <dataDir>/postgres/run            the socket (in the system's temporary directory if this path is too long)
 *   <dataDir>/postgres-bin/…          a copy of the programs, only where they cannot run from node_modules
 */
export async function createEmbeddedPostgres({ dataDir: givenDir, log, settings = {} }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, home, account } = await openHome(givenDir);
  await finishRestore(home);
  const existing = await findCluster(home);
  const binaries = await prepareBinaries(await locateBinaries(), dataDir, account);
  const clusterDir = join(home, String(binaries.major));
  if (existing === null) await makeCluster(clusterDir, binaries, account, settings["fsync"] !== "off");
  else await refuseOtherMajor(existing, binaries.major);
  await clearCluster(clusterDir, log);
  await recordSupervisor(clusterDir);

  const server = await startCluster({ home, clusterDir, binaries, account, settings, log, restarts: true });
  try {
    await makeOwner(server.superuserUrl);
  } catch (error) {
    await server.close();
    throw error;
  }
  return { url: server.superuserUrl.replace("postgres://postgres@", "postgres://earwitness@").replace(/\/postgres$/, "/earwitness"), superuserUrl: server.superuserUrl, close: server.close };
}

export interface EmbeddedHome {
  readonly dataDir: string;
  readonly home: string;
  readonly account: Account;
}

/** The directory of the clusters, made if need be, and the account that they belong to, who can enter it. */
export async function openHome(givenDir: string): Promise<EmbeddedHome> {
  const dataDir = resolve(givenDir);
  const home = join(dataDir, "postgres");
  await mkdir(home, { recursive: true, mode: 0o711 });
  const account = await chooseAccount((await findCluster(home)) ?? home);
  if (account.change.uid !== undefined) {
    await letPass(dataDir);
    await letPass(home);
    const closed = await firstClosed(home, account);
    if (closed !== null) throw new Error(`the database's user (uid ${account.uid}) cannot enter ${closed}: allow it (chmod o+x), choose another data directory, start Earwitness as an ordinary user, or set DATABASE_URL`);
  }
  return { dataDir, home, account };
}

interface ClusterStart extends Omit<Supervised, "socketDir"> {
  readonly home: string;
}

/** Starts a server on a cluster and waits until it takes connections. */
export async function startCluster({ home, ...parts }: ClusterStart): Promise<{ readonly superuserUrl: string; close(): Promise<void> }> {
  const socketDir = await makeSocketDir(join(home, "run"), parts.account);
  const superuserUrl = `postgres://postgres@${encodeURIComponent(socketDir)}/postgres`;
  const server = supervise({ ...parts, socketDir });
  const close = async (): Promise<void> => {
    await server.close();
    if (!socketDir.startsWith(home)) await rm(socketDir, { recursive: true, force: true });
  };
  try {
    await server.ready(superuserUrl);
  } catch (error) {
    await close();
    throw error;
  }
  return { superuserUrl, close };
}

/** The newest cluster in the directory. They are named for their PostgreSQL's major version. */
export async function findCluster(home: string): Promise<string | null> {
  const majors = (await readdir(home)).filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a));
  return majors[0] === undefined ? null : join(home, majors[0]);
}

async function refuseOtherMajor(clusterDir: string, major: number): Promise<void> {
  const made = Number.parseInt(await readFile(join(clusterDir, "PG_VERSION"), "utf8"), 10);
  if (made > major) throw new Error(`${clusterDir} was made by PostgreSQL ${made}, newer than the ${major} of this version of Earwitness: start the version that made it, or set DATABASE_URL`);
  if (made < major) throw new Error(`${clusterDir} was made by PostgreSQL ${made}; this version of Earwitness brings ${major} and cannot convert it: dump it with the version that made it, and restore`);
}

async function makeCluster(clusterDir: string, { initdb }: Binaries, account: Account, durable: boolean): Promise<void> {
  // Made beside and renamed: an initdb that was cut short leaves nothing that looks like a cluster.
  const partial = `${clusterDir}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  if (account.change.uid !== undefined) await chown(partial, account.uid, account.gid);
  // The builtin locale sorts and folds the same on every machine and in every year; libc's, which macOS lacks in part, does not.
  const locale = process.platform === "darwin" ? ["--builtin-locale=C.UTF-8", "--locale=en_US.UTF-8"] : ["--locale=C.UTF-8"];
  const options = ["--encoding=UTF8", "--locale-provider=builtin", ...locale, "--username=postgres", "--auth=trust", "--no-instructions", ...(durable ? [] : ["--no-sync"])];
  try {
    await run(initdb, ["-D", partial, ...options], { ...account.change, cwd: "/", env: { PATH: "/usr/bin:/bin", TZ: "UTC" } });
  } catch (error) {
    throw new Error(`initdb failed: ${(error as { stderr?: string }).stderr?.trim() ?? messageOf(error)}`, { cause: error });
  }
  await rename(partial, clusterDir);
}

async function makeSocketDir(preferred: string, account: Account): Promise<string> {
  const fits = Buffer.byteLength(preferred + socketName) <= longestSocketPath;
  const directory = fits ? preferred : await mkdtemp(join(tmpdir(), "earwitness-"));
  await mkdir(directory, { recursive: true });
  if (account.change.uid !== undefined) await chown(directory, account.uid, account.gid);
  await chmod(directory, 0o700);
  return directory;
}

interface Supervised {
  readonly binaries: Binaries;
  readonly clusterDir: string;
  readonly socketDir: string;
  readonly account: Account;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
  /** Whether it is started again when it ends by itself. */
  readonly restarts: boolean;
}

/** Keeps one server process running until it is closed. */
function supervise({ binaries, clusterDir, socketDir, account, settings, log, restarts }: Supervised) {
  const options = Object.entries({
    listen_addresses: "",
    port: "5432",
    unix_socket_directories: socketDir,
    unix_socket_permissions: "0700",
    fsync: "on",
    shared_buffers: "128MB",
    work_mem: "16MB",
    max_wal_size: "512MB",
    // An archive that does not come back (docs/operate/backup.md) must not fill the disk that the database lives on.
    max_slot_wal_keep_size: "4GB",
    jit: "off",
    random_page_cost: "1.1",
    timezone: "UTC",
    log_timezone: "UTC",
    // What a statement was about stays out of the log: rows hold people's names and numbers.
    log_error_verbosity: "terse",
    log_min_error_statement: "panic",
    ...settings,
  }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

  let child: ChildProcess;
  let closing: Promise<void> | null = null;
  let lastWords = "";
  let startedAt = 0;
  let ends = 0;

  const start = (): void => {
    startedAt = Date.now();
    // In a process group of its own: the terminal's Ctrl-C is for us, who still have things to write.
    child = spawn(binaries.postgres, ["-D", clusterDir, ...options], {
      ...account.change,
      cwd: "/",
      env: { PATH: "/usr/bin:/bin", TZ: "UTC" },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    child.once("error", (error) => log.error({ error: error.message }, "the database server could not be started"));
    createInterface({ input: child.stderr! }).on("line", (line) => {
      const [, severity = "", text = line] = /^.*?\[\d+\] (\w+): +(.*)/.exec(line) ?? [];
      // What it tells those who ask too early ("the database system is starting up") is not why it ended.
      if ((severity === "FATAL" || severity === "PANIC") && !text.startsWith("the database system is ")) lastWords = text;
      // ERROR and FATAL end a statement or a connection, whose client was told.
      log[severity === "PANIC" ? "error" : severity === "WARNING" ? "warn" : "debug"]({ severity, text }, "database server");
    });
    child.once("close", (code, signal) => void ended(code, signal));
  };

  const ended = async (code: number | null, signal: string | null): Promise<void> => {
    if (closing !== null) return;
    ends++;
    if (!restarts) return;
    log.error({ code, signal, lastWords }, "the database server ended by itself; starting it again");
    // At once after a long life. After a short one a second's pause, in which a dead server's children find out and go.
    await sleep(Date.now() - startedAt > 10_000 ? 0 : 1_000);
    if (closing !== null) return;
    await clearCluster(clusterDir, log).catch((error: unknown) => log.warn({ error: messageOf(error) }, "the cluster may not be clear to start on"));
    if (closing === null) start();
  };

  const stopWithProcess = (): void => void child.kill("SIGINT");
  process.once("exit", stopWithProcess);
  start();

  return {
    /** Waits until it takes connections; that may take minutes after a crash. */
    async ready(url: string): Promise<void> {
      for (let silentSince = Date.now(); ; ) {
        const problem = await tryConnect(url);
        if (problem === null) return;
        const replaying = problem === "57P03"; // alive, and going through its log
        if (replaying) silentSince = Date.now();
        if (ends >= (restarts ? 8 : 1) || Date.now() - silentSince > 60_000) throw new Error(`the database server does not start: ${lastWords || problem}`);
        await sleep(replaying ? 200 : 25);
      }
    },
    close: () =>
      (closing ??= (async () => {
        process.off("exit", stopWithProcess);
        if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) await stopServer(child.pid);
      })()),
  };
}

/** Null when it works, else the error's code. */
async function tryConnect(connectionString: string): Promise<string | null> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 });
  client.on("error", () => undefined); // told by connect() already
  try {
    await client.connect();
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? messageOf(error);
  } finally {
    await client.end().catch(() => undefined); // never connected
  }
}

/** The login that Earwitness uses: it owns its database and may make roles, and is no superuser. */
async function makeOwner(superuserUrl: string): Promise<void> {
  const client = new Client({ connectionString: superuserUrl });
  client.on("error", () => undefined); // the running query tells
  await client.connect();
  try {
    const { rows } = await client.query(
      "select exists (select from pg_roles where rolname = 'earwitness') as role, exists (select from pg_database where datname = 'earwitness') as database",
    );
    if (!rows[0].role) await client.query("create role earwitness login createrole");
    if (!rows[0].database) await client.query("create database earwitness owner earwitness");
  } finally {
    await client.end();
  }
}

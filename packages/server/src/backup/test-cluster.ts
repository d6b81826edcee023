import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { systemClock } from "#clock";
import { createEmbeddedPostgres, type EmbeddedPostgres } from "#db";
import { createLog } from "#log";
import { createBackups, type Backups } from "./backups.ts";
import { restoreDatabase, type Restored } from "./restore.ts";

export interface TestCluster {
  readonly dataDir: string;
  readonly backupDir: string;
  readonly logged: readonly string[];
  /** What became of base backups, in their order. */
  readonly ended: readonly string[];
  database(): EmbeddedPostgres;
  backups(): Backups;
  start(): Promise<void>;
  stop(): Promise<void>;
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** As a crash of the machine leaves it: nothing comes to an end in order. */
  crash(): Promise<void>;
  serverPid(): Promise<number>;
  /** Rows of the table `rows`, of which there are as many as the highest number says. */
  count(): Promise<number>;
  add(rows: number): Promise<void>;
  restore(to: string, options?: { into?: string; timeline?: number }): Promise<Restored>;
  backUp(reason?: string): Promise<void>;
  /** The backups of the cluster: base/…, wal/…. */
  clusterDir(): string;
  /** Waits until everything that is committed now is archived. */
  archived(): Promise<void>;
  close(): Promise<void>;
}

/** An embedded database with its backups, in a directory that is gone afterwards; `makeCluster` puts a new cluster into its data directory. */
export async function createTestCluster(makeCluster: (dataDir: string) => Promise<void>): Promise<TestCluster> {
  const root = await mkdtemp(join(tmpdir(), "earwitness-backup-"));
  await chmod(root, 0o711); // as root, PostgreSQL's own account must be able to pass
  const dataDir = join(root, "data");
  const backupDir = join(root, "backup");
  await makeCluster(dataDir);
  const logged: string[] = [];
  const ended: string[] = [];
  const log = createLog("info", { write: (line) => void logged.push(line) });
  let database: EmbeddedPostgres | null = null;
  let backups: Backups | null = null;
  let identifier = "";

  const cluster: TestCluster = {
    dataDir,
    backupDir,
    logged,
    ended,
    database: () => database!,
    backups: () => backups!,
    async start() {
      // Processes are killed here, not machines.
      database = await createEmbeddedPostgres({ dataDir, log, settings: { fsync: "off" } });
      backups = await createBackups({ superuserUrl: database.superuserUrl, databaseUrl: database.url, backupDir, everyHours: 24, keepDays: 14, version: "0.0.0-test", clock: systemClock, log, ended: async ({ outcome }) => void ended.push(outcome.kind), archiving: { flushMs: 100, beatMs: 200 } });
      identifier = backups.reading().systemIdentifier;
    },
    async stop() {
      await backups?.close();
      await Promise.all([database?.close(), backups?.closeArchive()]);
      database = null;
      backups = null;
    },
    async query<Row extends object>(text: string, values: unknown[] = []) {
      const client = new Client({ connectionString: database!.url });
      client.on("error", () => undefined); // the query tells
      await client.connect();
      try {
        return (await client.query<Row>(text, values)).rows;
      } finally {
        await client.end();
      }
    },
    async count() {
      return (await cluster.query<{ rows: number }>("select count(*)::int as rows from rows"))[0]!.rows;
    },
    async add(rows) {
      await cluster.query("create table if not exists rows (number integer generated always as identity primary key, at timestamptz not null default clock_timestamp())");
      await cluster.query("insert into rows select from generate_series(1, $1::int)", [rows]);
    },
    async serverPid() {
      return Number.parseInt(await readFile(join(dataDir, "postgres/18/postmaster.pid"), "utf8"), 10);
    },
    async crash() {
      const pid = await cluster.serverPid();
      const closed = database!.close(); // nobody starts it again
      process.kill(pid, "SIGKILL");
      await Promise.all([closed, backups!.close(), backups!.closeArchive()]);
      database = null;
      backups = null;
    },
    restore: (to, { into = dataDir, timeline } = {}) =>
      restoreDatabase({ backupDir, systemIdentifier: null, dataDir: into, to, timeline: timeline ?? null, clock: systemClock, log, progress: () => undefined }),
    async backUp(reason = "test") {
      // The first one is taken by itself, and there is only one at a time.
      while (backups!.reading().lastRun?.outcome.kind === "running") await new Promise((later) => setTimeout(later, 20));
      await backups!.start(reason);
      for (;;) {
        const outcome = backups!.reading().lastRun!.outcome;
        if (outcome.kind === "failed") throw new Error(outcome.message);
        if (outcome.kind === "done") return;
        await new Promise((later) => setTimeout(later, 20));
      }
    },
    clusterDir: () => join(backupDir, "database", identifier),
    async archived() {
      const now = new Date();
      for (const deadline = Date.now() + 60_000; (backups!.reading().archive.completeAt ?? 0) < now; await new Promise((later) => setTimeout(later, 20))) {
        if (Date.now() > deadline) throw new Error(`the archive is behind: ${JSON.stringify(backups!.reading())}`);
      }
    },
    async close() {
      await cluster.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
  return cluster;
}

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "#clock";
import { withDirect } from "#db";
import { messageOf, Refusal } from "#errors";
import type { Log } from "#log";
import { makeDirectory } from "#vault";
import { createArchive, type Archive } from "./archive.ts";
import { takeBaseBackup, type BaseProgress } from "./base-backup.ts";
import { type Base } from "./base-files.ts";
import { clustersDir } from "./restore.ts";
import { makeRestorePoint } from "./restore-points.ts";
import { dropOldBackups } from "./retention.ts";
import { findWayBack, readClusterBackups } from "./way-back.ts";

export type BackupRefusal = "BACKUP_RUNNING";

export interface BackupRun {
  readonly reason: string;
  readonly startedAt: Date;
  readonly progress: BaseProgress | null;
  readonly outcome: { readonly kind: "running" } | { readonly kind: "done"; readonly base: Base } | { readonly kind: "failed"; readonly message: string };
}

export interface BackupReading {
  readonly backupDir: string;
  readonly systemIdentifier: string;
  readonly openedAt: Date;
  readonly archive: ReturnType<Archive["reading"]>;
  /** When the newest base backup that leads to now ended. */
  readonly newestBaseAt: Date | null;
  readonly failures: number;
  readonly lastRun: BackupRun | null;
  /** What an operator should know, in words. */
  readonly warnings: readonly string[];
  /** The same for everybody's ears: without paths, and without what the system said. */
  readonly alarms: readonly string[];
}

export interface Backups {
  reading(): BackupReading;
  /** Begins a base backup; `reading().lastRun` tells how it goes. */
  start(reason: string): Promise<void>;
  /** Makes sure that the database can be put back to this moment. */
  beforeUpgrade(pending: readonly string[], schema: string): Promise<void>;
  /** No base backup from now on; the archive goes on. */
  close(): Promise<void>;
  /** To be called while the database is closed: takes what it still writes. */
  closeArchive(): Promise<void>;
}

export interface BackupsOptions {
  readonly superuserUrl: string;
  readonly databaseUrl: string;
  readonly backupDir: string;
  readonly everyHours: number;
  readonly keepDays: number;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** A base backup came to its end, one way or the other. */
  readonly ended?: (run: BackupRun) => Promise<void>;
  readonly archiving?: { readonly flushMs?: number; readonly beatMs?: number };
}

/** How often it is seen whether a base backup is due. */
const roundMs = 60_000;
/** So long the archive may be behind before anybody is told. */
const patienceMs = 60_000;

export async function createBackups({ superuserUrl, databaseUrl, backupDir, everyHours, keepDays, version, clock, log, ended = async () => undefined, archiving = {} }: BackupsOptions): Promise<Backups> {
  const systemIdentifier = await identify(superuserUrl);
  const clusterDir = join(clustersDir(backupDir), systemIdentifier);
  await makeDirectory(clusterDir).catch((error: unknown) => {
    throw new Error(`EARWITNESS_BACKUP_DIR cannot be used: ${messageOf(error)}`, { cause: error });
  });
  const archive = createArchive({ superuserUrl, systemIdentifier, dir: clusterDir, clock, log, ...archiving });
  const closing = new AbortController();
  const openedAt = clock.now();
  let running: Promise<Base> | null = null;
  let lastRun: BackupRun | null = null;
  let newestBaseAt: Date | null = null;
  let failures = 0;
  let retryAt = 0;

  function begin(reason: string): Promise<Base> {
    if (running !== null) throw new Refusal<BackupRefusal>("BACKUP_RUNNING", 409, "A backup is running already; earwitness backup shows how far it is.");
    const startedAt = clock.now();
    const tell = (outcome: BackupRun["outcome"], progress: BaseProgress | null): void => void (lastRun = { reason, startedAt, progress, outcome });
    tell({ kind: "running" }, null);
    const told = async (): Promise<void> => await ended(lastRun!).catch((error: unknown) => log.error({ err: messageOf(error) }, "what became of the backup could not be written down"));
    const work = takeBaseBackup({
      superuserUrl,
      databaseUrl,
      systemIdentifier,
      dir: clusterDir,
      reason,
      version,
      clock,
      signal: closing.signal,
      archived: (lsn) => archive.reached(lsn),
      progress: (progress) => tell({ kind: "running" }, progress),
    });
    running = work.finally(() => (running = null));
    running.then(
      async (base) => {
        newestBaseAt = new Date(base.endedAt);
        tell({ kind: "done", base }, lastRun?.progress ?? null);
        await told();
        log.info({ base: base.name, reason, bytes: base.archive.bytes, ms: Date.parse(base.endedAt) - Date.parse(base.startedAt) }, "base backup taken and verified");
        const dropped = await dropOldBackups(clusterDir, clock.now(), keepDays);
        if (dropped.bases + dropped.segments > 0) log.info(dropped, "backups that are no longer needed were removed");
      },
      async (error: unknown) => {
        failures++;
        tell({ kind: "failed", message: messageOf(error) }, lastRun?.progress ?? null);
        if (closing.signal.aborted) return;
        await told();
        log.error({ err: messageOf(error), reason }, "the base backup failed; nothing of it is kept");
      },
    ).catch((error: unknown) => log.error({ err: messageOf(error) }, "old backups could not be removed"));
    return running;
  }

  /** The newest base backup from which the log leads to now without a hole. */
  async function newestUseful(): Promise<Base | null> {
    const { timeline } = archive.reading();
    if (timeline === null) return null;
    const backups = await readClusterBackups(clusterDir);
    const back = await findWayBack(backups, { kind: "latest" }, timeline).catch(() => null); // none leads here
    return back === null || back.chain.missing !== null || back.base.timeline !== timeline ? null : back.base;
  }

  async function round(): Promise<void> {
    const { failure, completeAt } = archive.reading();
    if (running !== null || failure !== null || completeAt === null || Date.now() < retryAt) return;
    const newest = await newestUseful();
    newestBaseAt = newest === null ? null : new Date(newest.endedAt);
    if (newestBaseAt !== null && clock.now().getTime() - newestBaseAt.getTime() < everyHours * 3_600_000) return;
    retryAt = Date.now() + 10 * 60_000; // a backup that fails is not begun again every minute
    await begin("scheduled").catch(() => undefined); // told by `begin`
  }

  const rounds = (async () => {
    while (!closing.signal.aborted) {
      await round().catch((error: unknown) => {
        failures++;
        log.error({ err: messageOf(error) }, "the backups cannot be looked at");
      });
      await sleep(newestBaseAt === null ? 1_000 : roundMs, undefined, { signal: closing.signal }).catch(() => undefined); // closing ends the pause
    }
  })();

  const behindMs = (): number => clock.now().getTime() - (archive.reading().completeAt ?? openedAt).getTime();

  function alarms(): string[] {
    return [
      ...(archive.reading().failure !== null || behindMs() > patienceMs ? ["The database's log is not archived just now: see earwitness backup."] : []),
      ...(lastRun?.outcome.kind === "failed" ? ["The last backup of the database failed: see earwitness backup."] : []),
    ];
  }

  function warnings(): string[] {
    const { failure, completeAt } = archive.reading();
    const now = clock.now().getTime();
    const found: string[] = [];
    if (failure !== null) found.push(`The database's log has not been archived since ${(completeAt ?? failure.since).toISOString()}: ${failure.message}`);
    else if (behindMs() > patienceMs) found.push(`The archive of the database's log is ${Math.round(behindMs() / 1000)} s behind.`);
    if (newestBaseAt === null) {
      if (now - openedAt.getTime() > patienceMs && running === null) found.push("There is no base backup that leads to now.");
    } else if (now - newestBaseAt.getTime() > 2 * everyHours * 3_600_000) found.push(`The newest base backup is of ${newestBaseAt.toISOString()}.`);
    if (lastRun?.outcome.kind === "failed") found.push(`The last base backup failed: ${lastRun.outcome.message}`);
    return found;
  }

  return {
    reading: () => ({ backupDir, systemIdentifier, openedAt, archive: archive.reading(), newestBaseAt, failures: failures + archive.reading().failures, lastRun, warnings: warnings(), alarms: alarms() }),
    async start(reason) {
      begin(reason).catch(() => undefined); // told by `begin`
    },
    async beforeUpgrade(pending, schema) {
      const reason = `before ${pending.join(", ")}`;
      try {
        const { timeline } = archive.reading();
        if (timeline !== null || (await appears(archive))) {
          if ((await newestUseful()) !== null) {
            const point = await makeRestorePoint({ superuserUrl, dir: clusterDir, at: clock.now(), reason, schema }, (lsn) => archive.reached(lsn));
            log.info({ point: point.name, reason }, "restore point made");
            return;
          }
        }
        await (running ?? begin(reason));
      } catch (error) {
        throw new Error(`the schema is not brought forward, because the database could not be backed up before: ${messageOf(error)}. Mend the backup, or start once without EARWITNESS_BACKUP_DIR`, { cause: error });
      }
    },
    async close() {
      closing.abort();
      await rounds;
      await running?.catch(() => undefined); // told by `begin`
    },
    closeArchive: () => archive.close(),
  };
}

/** A moment after the start the archive knows where it is. */
async function appears(archive: Archive): Promise<boolean> {
  for (const deadline = Date.now() + 10_000; archive.reading().timeline === null; await new Promise((later) => setTimeout(later, 25))) {
    if (Date.now() > deadline) return false;
  }
  return true;
}

async function identify(superuserUrl: string): Promise<string> {
  return await withDirect(superuserUrl, "backup", async (sql) => (await sql.query("select system_identifier::text as id from pg_control_system()")).rows[0].id);
}


import { readFile, readdir, stat, statfs, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#clock";
import { recoverCluster, type PutFile } from "#db";
import type { Log } from "#log";
import { findLoss, readSegment } from "./archive-files.ts";
import { readBase } from "./base-files.ts";
import { historyName, parseLsn, segmentBytes, segmentName, segmentOf } from "./lsn.ts";
import { findWayBack, parseTarget, readClusterBackups, type ClusterBackups, type Target, type WayBack } from "./way-back.ts";

export interface RestoreOptions {
  readonly backupDir: string;
  /** Which of several clusters. */
  readonly systemIdentifier: string | null;
  readonly dataDir: string;
  readonly to: string;
  readonly timeline: number | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly progress: (text: string) => void;
}

export interface Restored {
  readonly base: string;
  readonly segments: number;
  readonly schema: string | null;
  /** Of the last transaction that is there. */
  readonly restoredTo: Date;
  /** What is missing, in words. */
  readonly missing: string;
  readonly missingMs: number | null;
  readonly former: string | null;
}

/** Where the clusters of a backup directory lie. */
export const clustersDir = (backupDir: string): string => join(backupDir, "database");

export async function openCluster(backupDir: string, systemIdentifier: string | null): Promise<ClusterBackups> {
  const home = clustersDir(backupDir);
  const found = (await readdir(home).catch(() => [])).filter((name) => /^\d+$/.test(name));
  if (systemIdentifier !== null && !found.includes(systemIdentifier)) throw new Error(`there is no backup of the cluster ${systemIdentifier} in ${home}${found.length === 0 ? "" : `; there is ${found.join(", ")}`}`);
  if (found.length === 0) throw new Error(`there is no backup of a database in ${backupDir}`);
  if (systemIdentifier === null && found.length > 1) throw new Error(`${home} holds backups of several clusters: say which with --cluster (${found.join(", ")})`);
  return await readClusterBackups(join(home, systemIdentifier ?? found[0]!));
}

/**
 * Puts the embedded database back. Every byte is checked on the way; the database that is there is moved aside, never
 * overwritten, and only when the new one has been replayed to where it was to be.
 */
export async function restoreDatabase({ backupDir, systemIdentifier, dataDir, to, timeline, clock, log, progress }: RestoreOptions): Promise<Restored> {
  const backups = await openCluster(backupDir, systemIdentifier);
  const target = parseTarget(to, backups);
  const back = await findWayBack(backups, target, timeline);
  refuseHoles(backups, target, back);
  await refuseLoss(backups, target, back);
  await refuseFullDisk(dataDir, back);
  // Looked at before anything is moved: when the database that is lost wrote for the last time.
  const lastWrittenAt = await lastWriteOf(join(dataDir, "postgres"));

  progress(`base backup ${back.base.name}, ${back.chain.segments.length} segments of the log`);
  const recovered = await recoverCluster({
    dataDir,
    log,
    now: clock.now(),
    major: Number.parseInt(back.base.postgres, 10),
    fill: (put) => fill(backups.dir, back, put, progress),
    target: { recovery_target_timeline: String(back.timeline), ...recoverySettings(target) },
    mayEndBefore: target.kind === "time" && backups.state !== null && target.at <= new Date(backups.state.completeAt),
  }).catch((error: unknown) => {
    if (error instanceof Error && error.message.includes("recovery ended before configured recovery target was reached")) {
      throw new Error(`the archive ends before ${to}${back.chain.missing === null ? "" : `: ${back.chain.missing} is missing`}; give an earlier moment, or latest`, { cause: error });
    }
    throw error;
  });
  const restoredTo = recovered.lastTransactionAt ?? new Date(back.base.endedAt);
  return {
    base: back.base.name,
    segments: back.chain.segments.length,
    schema: recovered.schema,
    restoredTo,
    ...whatIsMissing(backups, target, restoredTo, lastWrittenAt),
    former: recovered.former,
  };
}

function recoverySettings(target: Target): Record<string, string> {
  switch (target.kind) {
    case "latest":
      return {};
    case "time":
      return { recovery_target_time: target.at.toISOString().replace("T", " ").replace("Z", "+00") };
    case "point":
      return { recovery_target_name: target.point.name };
    case "base":
      return { recovery_target: "immediate" };
  }
}

/** A hole matters where the way leads over it; for a moment before it PostgreSQL finds out by itself. */
function refuseHoles({ dir }: ClusterBackups, target: Target, { base, chain, way }: WayBack): void {
  const needed = target.kind === "base" ? segmentOf(parseLsn(base.endLsn) - 1n) : target.kind === "point" ? segmentOf(parseLsn(target.point.lsn) - 1n) : null;
  const last = chain.segments.at(-1)?.segment ?? -1;
  const missing = needed === null ? (target.kind === "latest" ? chain.missing : null) : last < needed ? (chain.missing ?? segmentName(way.at(-1)!.timeline, last + 1)) : null;
  if (missing !== null) {
    throw new Error(`${join(dir, "wal", missing)} is missing: the log behind the backup ${base.name} has a hole there. Without it the way ends before the hole; a moment before it can be restored with --to`);
  }
}

/** To the latest moment means to the one that the archive says it holds. */
async function refuseLoss({ dir, state }: ClusterBackups, target: Target, { chain, timeline }: WayBack): Promise<void> {
  if (target.kind !== "latest" || state === null || state.timeline !== timeline) return;
  const loss = await findLoss(join(dir, "wal"), state, chain);
  if (loss !== null) throw new Error(`${loss}. A moment before it can be restored with --to`);
}

async function refuseFullDisk(dataDir: string, { base, chain }: WayBack): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const { bavail, bsize } = await statfs(dataDir);
  const needed = base.clusterBytes + chain.segments.length * segmentBytes;
  if (bavail * bsize < needed) throw new Error(`${dataDir} has ${megabytes(bavail * bsize)} free, and the restored database needs ${megabytes(needed)} beside the one that is there`);
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`;

async function fill(dir: string, { base, chain, way, timeline }: WayBack, put: PutFile, progress: (text: string) => void): Promise<void> {
  let told = 0;
  await readBase(
    base,
    async ({ name, isDirectory, body }) => {
      if (!isDirectory) return await put.file(name, body);
      for await (const chunk of body) void chunk;
      if (name !== "") await put.directory(name);
    },
    (bytes) => {
      if (bytes - told < 100_000_000) return;
      told = bytes;
      progress(`${megabytes(bytes)} of ${megabytes(base.clusterBytes)} checked and written`);
    },
  );
  const walDir = join(dir, "wal");
  for (const segment of chain.segments) {
    await put.file(`pg_wal/${segmentName(segment.timeline, segment.segment)}`, await readSegment(walDir, segment));
  }
  for (const step of way) {
    if (step.timeline > 1) await put.file(`pg_wal/${historyName(step.timeline)}`, await readFile(join(walDir, historyName(step.timeline))));
  }
  progress(`replaying the log${timeline > 1 ? ` of timeline ${timeline}` : ""}`);
}

/** The newest file of the log of the cluster that is there: about when it wrote for the last time. */
async function lastWriteOf(home: string): Promise<Date | null> {
  const clusters = (await readdir(home).catch(() => [])).filter((name) => /^\d+$/.test(name));
  let newest = 0;
  for (const cluster of clusters) {
    const wal = join(home, cluster, "pg_wal");
    for (const name of await readdir(wal).catch(() => [])) newest = Math.max(newest, (await stat(join(wal, name))).mtimeMs);
  }
  return newest === 0 ? null : new Date(newest);
}

/** The truth about what a restore did not bring back. */
function whatIsMissing({ state }: ClusterBackups, target: Target, restoredTo: Date, lastWrittenAt: Date | null): { missing: string; missingMs: number | null } {
  if (target.kind !== "latest") return { missing: `Everything that was committed after ${target.kind === "time" ? target.at.toISOString() : restoredTo.toISOString()} is left out, as asked.`, missingMs: null };
  if (state === null) return { missing: "The archive does not say how far it had come: what was committed after the last transaction is missing.", missingMs: null };
  if (state.closedAt !== null) return { missing: `Nothing is missing: the database was shut down in order at ${state.closedAt}, with everything in the archive.`, missingMs: 0 };
  const completeAt = new Date(Math.max(Date.parse(state.completeAt), restoredTo.getTime()));
  if (lastWrittenAt === null) return { missing: `Everything that was committed until ${completeAt.toISOString()} is there. What was committed later, if anything was, is missing; the database that is lost is not here to say.`, missingMs: null };
  const missingMs = Math.max(0, lastWrittenAt.getTime() - completeAt.getTime());
  if (missingMs === 0) return { missing: `Everything that was committed until ${completeAt.toISOString()} is there; the former database wrote nothing after that.`, missingMs };
  return { missing: `Everything that was committed until ${completeAt.toISOString()} is there. The former database wrote for the last time at ${lastWrittenAt.toISOString()}: up to ${(missingMs / 1000).toFixed(1)} s may be missing.`, missingMs };
}

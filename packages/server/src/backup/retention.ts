import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "#vault";
import { readArchiveFiles, type ArchivedSegment } from "./archive-files.ts";
import { listBases, type Base } from "./base-files.ts";
import { parseLsn, segmentOf } from "./lsn.ts";
import { listRestorePoints, removeRestorePoint } from "./restore-points.ts";

const dayMs = 86_400_000;

/**
 * Which base backups are no longer needed to get back to any moment of the last days: those older than the newest one that
 * is itself older than that. Bases are oldest first; the newest always stays.
 */
export function basesToDrop(bases: readonly Base[], now: Date, keepDays: number): Base[] {
  const horizon = now.getTime() - keepDays * dayMs;
  const oldestNeeded = bases.findLastIndex(({ endedAt }) => Date.parse(endedAt) <= horizon);
  return bases.slice(0, Math.max(0, oldestNeeded));
}

/** The log before the first base backup that is kept leads nowhere. */
export function segmentsToDrop(kept: readonly Base[], segments: readonly ArchivedSegment[]): ArchivedSegment[] {
  if (kept.length === 0) return [];
  const first = Math.min(...kept.map(({ startLsn }) => segmentOf(parseLsn(startLsn))));
  return segments.filter(({ segment }) => segment < first);
}

export async function dropOldBackups(clusterDir: string, now: Date, keepDays: number): Promise<{ bases: number; segments: number }> {
  const bases = await listBases(clusterDir);
  const drop = basesToDrop(bases, now, keepDays);
  const home = join(clusterDir, "base");
  for (const { name, dir } of drop) {
    // Half deleted, it must not look like a backup.
    const condemned = join(home, `.partial-${name}`);
    await rename(dir, condemned);
    await syncDirectory(home);
    await rm(condemned, { recursive: true });
  }
  const kept = bases.slice(drop.length);
  const walDir = join(clusterDir, "wal");
  const segments = segmentsToDrop(kept, (await readArchiveFiles(walDir)).segments);
  for (const { file } of segments) await rm(join(walDir, file), { force: true });
  const [oldest] = kept;
  for (const point of await listRestorePoints(clusterDir)) {
    if (oldest !== undefined && parseLsn(point.lsn) < parseLsn(oldest.endLsn)) await removeRestorePoint(clusterDir, point);
  }
  return { bases: drop.length, segments: segments.length };
}

import { join } from "node:path";
import { messageOf } from "#errors";
import { chainFrom, findLoss, readArchiveFiles, readSegment, readTimelines } from "./archive-files.ts";
import { drain, readBase, type Base } from "./base-files.ts";
import { parseLsn, segmentOf } from "./lsn.ts";
import type { ClusterBackups } from "./way-back.ts";

export interface Verification {
  readonly bases: number;
  readonly segments: number;
  /** Everything that is wrong, each naming its file. */
  readonly faults: readonly string[];
}

/** Reads every byte of a cluster's backups, and sees that the log behind each base backup has no hole. */
export async function verifyBackups({ dir, bases, state, timelines }: ClusterBackups, progress: (text: string) => void): Promise<Verification> {
  const faults: string[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      faults.push(messageOf(error));
    }
  };
  if (bases.length === 0) faults.push(`there is no base backup in ${dir}`);
  for (const base of bases) {
    progress(`base backup ${base.name}`);
    await attempt(() => readBase(base, drain));
  }
  const walDir = join(dir, "wal");
  const files = await readArchiveFiles(walDir);
  progress(`${files.segments.length} segments of the log`);
  // The one that is being received has no digest yet.
  for (const segment of files.segments) if (segment.sha256 !== null) await attempt(() => readSegment(walDir, segment));
  const last = bases.at(-1);
  if (state !== null && last !== undefined && state.timeline === last.timeline) {
    await attempt(async () => {
      const loss = await findLoss(walDir, state, chainFrom(files, await readTimelines(walDir, state.timeline), parseLsn(last.startLsn)));
      if (loss !== null) throw new Error(loss);
    });
  }
  const newest = Math.max(state?.timeline ?? 1, ...timelines);
  for (const base of bases) await attempt(() => followLog(base));
  return { bases: bases.length, segments: files.segments.length, faults: [...new Set(faults)] };

  /** Along the newest timeline that has it; one that was left behind by a restore only needs what makes it consistent. */
  async function followLog(base: Base): Promise<void> {
    const way = await readTimelines(walDir, newest);
    const at = way.findIndex(({ timeline }) => timeline === base.timeline);
    const next = way[at + 1];
    const isAhead = at !== -1 && (next === undefined || parseLsn(base.endLsn) <= next.from);
    const chain = chainFrom(files, isAhead ? way : await readTimelines(walDir, base.timeline), parseLsn(base.startLsn));
    const last = chain.segments.at(-1)?.segment ?? -1;
    if (last < segmentOf(parseLsn(base.endLsn) - 1n)) throw new Error(`${join(walDir, chain.missing ?? "the log")} is missing: the base backup ${base.name} cannot be made consistent`);
    if (isAhead && chain.missing !== null) throw new Error(`${join(walDir, chain.missing)} is missing: from the base backup ${base.name} one comes only as far as there`);
  }
}

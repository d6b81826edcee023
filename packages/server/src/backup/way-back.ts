import { join } from "node:path";
import { readArchiveState, type ArchiveState } from "./archive-state.ts";
import { chainFrom, readArchiveFiles, readTimelines, type Chain, type Timeline } from "./archive-files.ts";
import { listBases, type Base } from "./base-files.ts";
import { parseLsn } from "./lsn.ts";
import { listRestorePoints, type RestorePoint } from "./restore-points.ts";

/** Everything that is kept of one cluster. */
export interface ClusterBackups {
  readonly dir: string;
  readonly bases: readonly Base[];
  readonly points: readonly RestorePoint[];
  readonly state: ArchiveState | null;
  readonly timelines: readonly number[];
}

export async function readClusterBackups(dir: string): Promise<ClusterBackups> {
  const [bases, points, state, files] = await Promise.all([listBases(dir), listRestorePoints(dir), readArchiveState(dir), readArchiveFiles(join(dir, "wal"))]);
  return { dir, bases, points, state, timelines: files.timelines };
}

export type Target =
  | { readonly kind: "latest" }
  | { readonly kind: "time"; readonly at: Date }
  | { readonly kind: "point"; readonly point: RestorePoint }
  /** As the base backup itself has it. */
  | { readonly kind: "base"; readonly base: Base };

/** `latest`, a time with its zone, or the name of a base backup or of a restore point. */
export function parseTarget(text: string, { bases, points }: ClusterBackups): Target {
  if (text === "latest") return { kind: "latest" };
  const point = points.find(({ name }) => name === text);
  if (point !== undefined) return { kind: "point", point };
  const base = bases.find(({ name }) => name === text);
  if (base !== undefined) return { kind: "base", base };
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) {
    const at = new Date(text.replace(" ", "T"));
    if (!Number.isNaN(at.getTime())) return { kind: "time", at };
  }
  throw new Error(`“${text}” is not a moment to go back to: give latest, a time with its zone such as 2026-01-31T14:05:00Z, or the name of a backup or restore point that earwitness backup list shows`);
}

export interface WayBack {
  readonly base: Base;
  readonly timeline: number;
  readonly way: readonly Timeline[];
  readonly chain: Chain;
}

/**
 * From which base backup, along which timelines and by which segments the target is reached. Throws, naming what is missing,
 * where it cannot be.
 */
export async function findWayBack({ dir, bases, timelines, state }: ClusterBackups, target: Target, wantedTimeline: number | null = null): Promise<WayBack> {
  if (bases.length === 0) throw new Error(`there is no base backup in ${dir}`);
  const timeline = wantedTimeline ?? (target.kind === "base" ? target.base.timeline : target.kind === "point" ? target.point.timeline : Math.max(state?.timeline ?? 1, ...timelines, ...bases.map((base) => base.timeline)));
  const walDir = join(dir, "wal");
  const way = await readTimelines(walDir, timeline);
  const onTheWay = bases.filter((base) => {
    const at = way.findIndex((step) => step.timeline === base.timeline);
    const next = way[at + 1];
    return at !== -1 && (next === undefined || parseLsn(base.endLsn) <= next.from);
  });
  const base = target.kind === "base" ? target.base : onTheWay.findLast((candidate) => isBefore(candidate, target));
  if (base === undefined) {
    const [first] = onTheWay;
    throw new Error(first === undefined ? `no base backup in ${dir} lies on timeline ${timeline}` : `that is before the first moment that can be restored, ${first.endedAt}`);
  }
  const chain = chainFrom(await readArchiveFiles(walDir), way, parseLsn(base.startLsn));
  return { base, timeline, way, chain };
}

function isBefore(base: Base, target: Target): boolean {
  switch (target.kind) {
    case "latest":
      return true;
    case "time":
      return Date.parse(base.endedAt) <= target.at.getTime();
    case "point":
      return parseLsn(base.endLsn) <= parseLsn(target.point.lsn);
    case "base":
      return base.name === target.base.name;
  }
}

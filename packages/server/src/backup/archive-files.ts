import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { messageOf } from "#errors";
import type { ArchiveState } from "./archive-state.ts";
import { historyName, parseLsn, parseSegmentName, segmentBytes, segmentName, segmentOf } from "./lsn.ts";

const unzip = promisify(gunzip);

/**
 * The archived write-ahead log of one cluster, as it lies in a directory:
 *
 *   <segment>-<sha256 of the file>.gz   whole segments; the name holds what the bytes must be
 *   <segment>.partial                   the segment that is being received, as far as it has come
 *   <timeline>.history                  where a timeline left the one before it
 */
export interface ArchivedSegment {
  readonly timeline: number;
  readonly segment: number;
  readonly file: string;
  /** Null for the partial one, which changes. */
  readonly sha256: string | null;
}

export interface Timeline {
  readonly timeline: number;
  /** Where it began; the first one at 0. */
  readonly from: bigint;
}

export interface ArchiveFiles {
  readonly dir: string;
  readonly segments: readonly ArchivedSegment[];
  readonly timelines: readonly number[];
}

export const archivedName = (segment: string, sha256: string): string => `${segment}-${sha256}.gz`;
export const partialName = (segment: string): string => `${segment}.partial`;

export async function readArchiveFiles(dir: string): Promise<ArchiveFiles> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const segments: ArchivedSegment[] = [];
  const timelines = new Set<number>();
  for (const file of names) {
    const history = /^([0-9A-F]{8})\.history$/.exec(file);
    if (history !== null) timelines.add(Number.parseInt(history[1]!, 16));
    const [, name = "", sha256 = null] = /^([0-9A-F]{24})(?:-([0-9a-f]{64})\.gz|\.partial)$/.exec(file) ?? [];
    const place = parseSegmentName(name);
    if (place === null) continue;
    segments.push({ ...place, file, sha256 });
    timelines.add(place.timeline);
  }
  return { dir, segments, timelines: [...timelines].sort((a, b) => a - b) };
}

/** From the first timeline to the wanted one. Throws where the archive does not hold its history. */
export async function readTimelines(dir: string, wanted: number): Promise<Timeline[]> {
  if (wanted === 1) return [{ timeline: 1, from: 0n }];
  const file = join(dir, historyName(wanted));
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new Error(`${file} is missing: without it nothing after the last restore can be read`) : error;
  });
  return parseHistory(text, wanted);
}

/** Each line names a timeline and where the next one left it. */
export function parseHistory(text: string, last: number): Timeline[] {
  const ends = text
    .split("\n")
    .map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/.exec(line))
    .filter((match) => match !== null)
    .map(([, timeline, end]) => ({ timeline: Number(timeline), end: parseLsn(end!) }));
  return [...ends.map(({ timeline }) => timeline), last].map((timeline, at) => ({ timeline, from: at === 0 ? 0n : ends[at - 1]!.end }));
}

export interface Chain {
  readonly segments: readonly ArchivedSegment[];
  /** What must be there and is not: files follow behind it. Null where the chain is whole. */
  readonly missing: string | null;
}

/** The segments, each once, from a place on as far as they follow each other, along the way of the timelines. */
export function chainFrom(files: ArchiveFiles, way: readonly Timeline[], from: bigint): Chain {
  const bySegment = Map.groupBy(files.segments, ({ segment }) => segment);
  const find = (segment: number): ArchivedSegment | null => {
    // As PostgreSQL looks for it: the latest timeline that had begun. Where one left another both have the segment.
    for (const [at, { timeline, from: begin }] of [...way.entries()].toReversed()) {
      const next = way[at + 1];
      if (segmentOf(begin) > segment || (next !== undefined && segmentOf(next.from) < segment)) continue;
      const found = (bySegment.get(segment) ?? []).filter((candidate) => candidate.timeline === timeline).sort((a, b) => Number(a.sha256 === null) - Number(b.sha256 === null))[0];
      if (found !== undefined) return found;
    }
    return null;
  };
  const last = Math.max(-1, ...[...bySegment.keys()].filter((segment) => find(segment) !== null));
  const segments: ArchivedSegment[] = [];
  for (let segment = segmentOf(from); segment <= last; segment++) {
    const found = find(segment);
    // A partial one in the middle was never finished: what came behind it came after a hole.
    if (found === null || (found.sha256 === null && segment < last)) return { segments: found === null ? segments : [...segments, found], missing: segmentName(timelineAt(way, segment), segment) };
    segments.push(found);
  }
  return segments.length === 0 ? { segments, missing: segmentName(timelineAt(way, segmentOf(from)), segmentOf(from)) } : { segments, missing: null };
}

const timelineAt = (way: readonly Timeline[], segment: number): number => way.findLast(({ from }) => segmentOf(from) <= segment)!.timeline;

/** The bytes of a segment, always of full length. Throws, naming the file, where they are not what was archived. */
export async function readSegment(dir: string, { file, sha256 }: ArchivedSegment): Promise<Buffer> {
  const path = join(dir, file);
  const stored = await readFile(path);
  if (sha256 === null) {
    if (stored.length > segmentBytes) throw new Error(`${path} is damaged: it is longer than a segment`);
    return Buffer.concat([stored, Buffer.alloc(segmentBytes - stored.length)]);
  }
  if (createHash("sha256").update(stored).digest("hex") !== sha256) throw new Error(`${path} is damaged: its content is not what its name says`);
  const bytes = await unzip(stored, { maxOutputLength: segmentBytes }).catch((error: unknown) => {
    throw new Error(`${path} is damaged: ${messageOf(error)}`, { cause: error });
  });
  if (bytes.length !== segmentBytes) throw new Error(`${path} is damaged: it is shorter than a segment`);
  return bytes;
}

/**
 * What the archive said was safe is there: the log reaches so far, and the segment that was not whole is what it was. Answers
 * what is wrong, naming the file; null when nothing is.
 */
export async function findLoss(dir: string, { partial, completeLsn, timeline }: ArchiveState, { segments }: Chain): Promise<string | null> {
  const last = segments.at(-1);
  const reached = segmentOf(parseLsn(completeLsn) - 1n);
  if (last === undefined || last.segment < reached) return `${join(dir, segmentName(timeline, last === undefined ? reached : last.segment + 1))} is missing, and was there at the last moment of which the archive knows`;
  const segment = segments.find(({ file }) => file === partial?.file);
  if (partial === null || segment === undefined) return null; // whole by now, under its own digest
  const bytes = (await readFile(join(dir, segment.file))).subarray(0, partial.bytes);
  return bytes.length === partial.bytes && createHash("sha256").update(bytes).digest("hex") === partial.sha256 ? null : `${join(dir, segment.file)} is damaged: it is not what was received`;
}

export async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(({ size }) => size, () => 0);
}

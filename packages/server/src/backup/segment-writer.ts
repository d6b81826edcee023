import { createHash, type Hash } from "node:crypto";
import { open, readFile, rm, type FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { syncDirectory, writeFileDurably } from "#vault";
import { archivedName, partialName } from "./archive-files.ts";
import { formatLsn, segmentBytes, segmentName, segmentOf, segmentStart } from "./lsn.ts";

const zip = promisify(gzip);

/** The archive holds something else than what comes now. Nothing is overwritten; somebody has to look. */
export class ArchiveConflict extends Error {}

export interface PartialSegment {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Writes the log as it comes: into `<segment>.partial`, which is synced by `flush`, and, when a segment is whole, packed and
 * under its final name. A segment that was begun before is compared with what comes, byte by byte, as far as it had come.
 */
export interface SegmentWriter {
  /** Behind the last byte that was written. */
  position(): bigint;
  /** Behind the last byte that is safe. */
  flushed(): bigint;
  write(at: bigint, bytes: Buffer): Promise<void>;
  flush(): Promise<void>;
  /** What is safe of the segment that is not whole yet, so that a restore can tell it from a damaged one. */
  partial(): PartialSegment | null;
  close(): Promise<void>;
}

export function createSegmentWriter(dir: string, timeline: number, firstSegment: number): SegmentWriter {
  const content = Buffer.alloc(segmentBytes);
  let file: FileHandle | null = null;
  /** So much of `content` was there before. */
  let known = 0;
  let position = segmentStart(firstSegment);
  let flushed = position;
  /** Of what was written of this segment, and as it was when that was synced last. */
  let hash = createHash("sha256");
  let synced: { readonly file: string; readonly bytes: number; readonly hash: Hash } | null = null;
  const partialPath = (): string => join(dir, partialName(segmentName(timeline, segmentOf(position))));

  async function begin(): Promise<FileHandle> {
    const path = partialPath();
    const before = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    if (before.length > segmentBytes) throw new ArchiveConflict(`${path} is longer than a segment`);
    before.copy(content);
    known = before.length;
    const opened = await open(path, before.length === 0 ? "w" : "r+", 0o600);
    await syncDirectory(dir);
    return opened;
  }

  /** At the end of a segment. */
  async function finish(): Promise<void> {
    const segment = segmentName(timeline, segmentOf(position - 1n));
    const packed = await zip(content, { level: constants.Z_BEST_SPEED });
    await writeFileDurably(join(dir, archivedName(segment, createHash("sha256").update(packed).digest("hex"))), [packed]);
    await file?.close();
    file = null;
    known = 0;
    hash = createHash("sha256");
    synced = null;
    await rm(join(dir, partialName(segment)));
    flushed = position;
  }

  return {
    position: () => position,
    flushed: () => flushed,
    async write(at, bytes) {
      if (at !== position) throw new Error(`the write-ahead log came from ${formatLsn(at)}, and ${formatLsn(position)} was to come`);
      for (let rest = bytes; rest.length > 0; ) {
        const offset = Number(position % BigInt(segmentBytes));
        file ??= await begin();
        const part = rest.subarray(0, segmentBytes - offset);
        const again = part.subarray(0, Math.max(0, known - offset));
        if (!content.subarray(offset, offset + again.length).equals(again)) {
          throw new ArchiveConflict(`${partialPath()} holds something else than the database sends: the database was put back from a copy, or another one with the same identity writes here`);
        }
        const fresh = part.subarray(again.length);
        if (fresh.length > 0) {
          fresh.copy(content, offset + again.length);
          const { bytesWritten } = await file.write(fresh, 0, fresh.length, offset + again.length);
          if (bytesWritten < fresh.length) throw Object.assign(new Error(`${partialPath()} takes no more bytes`), { code: "ENOSPC" });
        }
        hash.update(part);
        position += BigInt(part.length);
        rest = rest.subarray(part.length);
        if (position % BigInt(segmentBytes) === 0n) await finish();
      }
    },
    async flush() {
      if (flushed === position) return;
      const upTo = position;
      await file?.sync();
      flushed = upTo;
      if (file !== null) synced = { file: basename(partialPath()), bytes: Number(upTo % BigInt(segmentBytes)), hash: hash.copy() };
    },
    partial: () => (synced === null ? null : { file: synced.file, bytes: synced.bytes, sha256: synced.hash.copy().digest("hex") }),
    async close() {
      await file?.close();
      file = null;
    },
  };
}

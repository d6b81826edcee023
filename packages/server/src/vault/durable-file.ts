/**
 * Files that are there after a power cut: written beside, synced, moved into place, and the directory synced too, since a
 * name is not durable before its directory is (POSIX says nothing of it; ext4 and XFS really lose names without it).
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, rename, rm, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isMissingFile } from "./missing.ts";
import { syncTogether } from "./sync-together.ts";

/** Marks files that a crash left half written; readers of directories pass over them. */
export const temporaryPrefix = ".tmp-";

/** With whoever else waits for the same disk. */
export const syncDirectory = (path: string): Promise<void> => syncTogether(path, () => syncDirectoryAlone(path));

async function syncDirectoryAlone(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes the directory and every missing parent, and syncs the names of those it made. */
export async function makeDirectory(path: string, mode = 0o700): Promise<void> {
  await inNewDirectory(path, async () => undefined, mode);
}

/** Made here, and their names not known to be on disk: whoever finds one of them there has to wait for its name as well. */
const unnamed = new Set<string>();

/** For a directory that is most likely not there: made with every missing parent. Their names are synced while the work goes on. */
export async function inNewDirectory<T>(path: string, work: () => Promise<T>, mode = 0o700): Promise<T> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first !== undefined) for (let made = path; ; made = dirname(made)) {
    unnamed.add(made);
    if (made === first) break;
  }
  // Both come to their end, whatever becomes of the other: nothing is still being written when this fails.
  const [names, done] = await Promise.allSettled([syncNames(path), work()]);
  if (names.status === "rejected") throw names.reason;
  if (done.status === "rejected") throw done.reason;
  return done.value;
}

async function syncNames(path: string): Promise<void> {
  if (unnamed.size === 0) return;
  const waiting: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) if (unnamed.has(at)) waiting.push(at);
  await Promise.all(
    waiting.map(async (made) => {
      await syncDirectory(dirname(made));
      unnamed.delete(made);
    }),
  );
}

/** Most directories are there already: they are made where they are found missing. */
export async function inDirectory<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isMissingFile(error)) throw error;
    return await inNewDirectory(path, work);
  } finally {
    await syncNames(path);
  }
}

/** Puts the bytes at `path`, whole or not at all. `ifExists: "fail"` throws EEXIST instead of replacing. */
export async function writeFileDurably(path: string, parts: readonly Uint8Array[], ifExists: "replace" | "fail" = "replace"): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await writeAll(file, parts);
      await syncTogether(temporary, () => file.sync());
    } finally {
      await file.close();
    }
    if (ifExists === "replace") {
      await rename(temporary, path);
    } else {
      await link(temporary, path);
      await unlink(temporary);
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

export function temporaryBeside(path: string): string {
  return join(dirname(path), `${temporaryPrefix}${basename(path)}-${randomBytes(6).toString("hex")}`);
}

/** `writev` may write less than it was given; this does not stop before everything is written. */
export async function writeAll(file: { writev(buffers: Uint8Array[]): Promise<{ bytesWritten: number }> }, parts: readonly Uint8Array[]): Promise<number> {
  let rest = parts.filter((part) => part.length > 0);
  let total = 0;
  while (rest.length > 0) {
    let { bytesWritten } = await file.writev(rest);
    if (bytesWritten === 0) throw Object.assign(new Error("the file takes no more bytes"), { code: "ENOSPC" });
    total += bytesWritten;
    const left: Uint8Array[] = [];
    for (const part of rest) {
      if (bytesWritten >= part.length) bytesWritten -= part.length;
      else {
        left.push(part.subarray(bytesWritten));
        bytesWritten = 0;
      }
    }
    rest = left;
  }
  return total;
}

/** Files that are there after a power cut: written beside, synced, named, and the name synced too. */
import { randomBytes } from "node:crypto";
import * as files from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What is needed of node:fs/promises; a test hands in one that dies in the middle. */
export type Files = Pick<typeof files, "mkdir" | "open" | "link" | "rename" | "unlink" | "readdir" | "readFile">;
export const disk: Files = files;

/** Marks files that a crash left behind; readers of directories pass over them. */
export const temporaryPrefix = ".tmp-";

export async function makeDirectory(path: string, on = disk): Promise<void> {
  const first = await on.mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncDirectory(dirname(made), on);
    if (made === first) return;
  }
}

/** Whole or not at all. `ifExists: "fail"` throws EEXIST, and of two at once exactly one succeeds. */
export async function writeDurably(path: string, text: string, ifExists: "replace" | "fail", on = disk): Promise<void> {
  const temporary = join(dirname(path), `${temporaryPrefix}${basename(path)}-${randomBytes(6).toString("hex")}`);
  const file = await on.open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  if (ifExists === "replace") await on.rename(temporary, path);
  else {
    try {
      await on.link(temporary, path);
    } finally {
      await on.unlink(temporary);
    }
  }
  await syncDirectory(dirname(path), on);
}

/** Adds a line at the end, synced. */
export async function appendLine(path: string, line: string, on = disk): Promise<void> {
  const file = await on.open(path, "a", 0o600);
  try {
    await file.appendFile(`${line}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path), on);
}

export async function syncDirectory(path: string, on = disk): Promise<void> {
  const directory = await on.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";
export const isThere = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EEXIST";

import { readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectory, writeFileDurably } from "#vault";

/** Where it is kept how far a check has come. */
export interface ProgressFile {
  /** Null where there is none. */
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
  remove(): Promise<void>;
}

const mostBytes = 64 * 1024 * 1024;

export function createProgressFile(path: string): ProgressFile {
  return {
    async read() {
      try {
        if ((await stat(path)).size > mostBytes) throw new Error(`${path} is too large to be what a check wrote; remove it, and check from the beginning`);
        return await readFile(path, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw error;
      }
    },
    async write(text) {
      await makeDirectory(dirname(path));
      await writeFileDurably(path, [Buffer.from(text)]);
    },
    remove: () => rm(path, { force: true }),
  };
}

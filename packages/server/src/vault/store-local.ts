/** Objects as files below one directory. A file appears under its name only when all its bytes are synced. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, link, open, readdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inDirectory, syncDirectory, temporaryBeside, temporaryPrefix, writeFileDurably } from "./durable-file.ts";
import { isMissingFile, ObjectConflict, ObjectMissing } from "./missing.ts";
import { objectNameSegments } from "./object-name.ts";
import { syncTogether } from "./sync-together.ts";
import type { ObjectStore } from "./vault.ts";

export function createLocalStore(dir: string): ObjectStore {
  const pathOf = (name: string): string => join(dir, ...objectNameSegments(name));

  return {
    async putFile(name, source) {
      const path = pathOf(name);
      try {
        // One file system: the same bytes get a second name, nothing is copied. The source is a finished file that its
        // owner will unlink, never write again.
        await inDirectory(dirname(path), async () => {
          await link(source, path);
          await syncDirectory(dirname(path));
        });
        return;
      } catch (error) {
        if (codeOf(error) === "EEXIST") {
          if ((await digestOf(path)) !== (await digestOf(source))) throw new ObjectConflict(name);
        } else if (["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP"].includes(codeOf(error))) {
          await copyInto(source, path, name);
        } else {
          throw error;
        }
      }
      await syncDirectory(dirname(path));
    },
    async put(name, bytes) {
      const path = pathOf(name);
      try {
        await inDirectory(dirname(path), () => writeFileDurably(path, [bytes], "fail"));
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
        if ((await digestOf(path)) !== createHash("sha256").update(bytes).digest("hex")) throw new ObjectConflict(name);
        await syncDirectory(dirname(path));
      }
    },
    async read(name, offset, length) {
      const file = await orMissing(name, open(pathOf(name), "r"));
      try {
        const bytes = Buffer.alloc(Math.max(0, Math.min(length, (await file.stat()).size - offset)));
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      } finally {
        await file.close();
      }
    },
    async size(name) {
      const found = await orMissing(name, stat(pathOf(name)));
      if (!found.isFile()) throw new ObjectMissing(name);
      return found.size;
    },
    list: (folder, after = "") => listFiles(pathOf(folder), folder, after),
    async delete(name) {
      try {
        await unlink(pathOf(name));
        await syncDirectory(dirname(pathOf(name)));
      } catch (error) {
        if (!isMissingFile(error)) throw error;
      }
    },
  };
}

/** One directory at a time is in memory. */
async function* listFiles(dir: string, folder: string, after: string): AsyncGenerator<{ name: string; storedAt: Date }> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissingFile(error)) return [];
    throw error;
  });
  // A directory sorts as what lies in it does: with the slash behind its name.
  const named = entries.map((entry) => ({ entry, name: `${folder}/${entry.name}${entry.isDirectory() ? "/" : ""}` })).toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  for (const { entry, name } of named) {
    if (entry.isDirectory()) {
      if (after < name || after.startsWith(name)) yield* listFiles(join(dir, entry.name), name.slice(0, -1), after);
    } else if (name > after && !entry.name.startsWith(temporaryPrefix)) {
      const found = await stat(join(dir, entry.name)).catch((error: unknown) => {
        if (isMissingFile(error)) return null; // deleted meanwhile
        throw error;
      });
      if (found !== null) yield { name, storedAt: found.ctime };
    }
  }
}

async function copyInto(source: string, path: string, name: string): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await copyFile(source, temporary);
    await syncFile(temporary);
    await link(temporary, path).catch(async (error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
      if ((await digestOf(path)) !== (await digestOf(source))) throw new ObjectConflict(name);
    });
  } finally {
    await unlink(temporary).catch((error: unknown) => {
      if (!isMissingFile(error)) throw error;
    });
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await syncTogether(path, () => file.sync());
  } finally {
    await file.close();
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest("hex");
}

async function orMissing<T>(name: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw isMissingFile(error) ? new ObjectMissing(name) : error;
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

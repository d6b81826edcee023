/**
 * What a node keeps of logs outside of the database: their private keys, one file of 32 bytes each, and the last head of each that it
 * signed. Whoever has the first can sign in the log's name; without the second a database that was set back is not noticed.
 */
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LogSeeds, RememberedHeads } from "#evidence";
import { makeDirectory, syncDirectory, writeFileDurably } from "./durable-file.ts";
import { isMissingFile } from "./missing.ts";
import { safeSegment } from "./object-name.ts";
import { readOrMakeSecret, readSecret } from "./secret-file.ts";

const remedy = "Restore it from its escrow copy: nobody can sign in the log's name without it.";

/** `<tenant>.key` is the first; those that followed it have a name of their own between. */
export function createFileLogSeeds(dir: string): LogSeeds {
  const pathOf = (tenantId: string, number = ""): string => join(dir, `${safeSegment(tenantId)}${number}.key`);

  async function pathsOf(tenantId: string): Promise<string[]> {
    const names = await readdir(dir).catch((error: unknown) => {
      if (isMissingFile(error)) return [];
      throw error;
    });
    return names.filter((name) => name.startsWith(`${safeSegment(tenantId)}.`) && name.endsWith(".key")).toSorted().map((name) => join(dir, name));
  }

  return {
    async read(tenantId) {
      const seeds = await Promise.all((await pathsOf(tenantId)).map((path) => readSecret(path, remedy)));
      return seeds.filter((seed) => seed !== null);
    },
    make: (tenantId) => readOrMakeSecret(pathOf(tenantId), remedy),
    add: (tenantId) => readOrMakeSecret(pathOf(tenantId, `.${randomBytes(4).toString("hex")}`), remedy),
    async destroy(tenantId, seeds) {
      for (const path of await pathsOf(tenantId)) {
        const held = await readSecret(path, remedy);
        if (held !== null && seeds.some((seed) => Buffer.compare(seed, held) === 0)) await rm(path);
      }
      await syncDirectory(dir);
    },
  };
}

export function createFileLogHeads(dir: string): RememberedHeads {
  const pathOf = (tenantId: string): string => join(dir, `${safeSegment(tenantId)}.head`);
  return {
    async list() {
      try {
        return (await readdir(dir)).flatMap((name) => /^([0-9a-f-]{36})\.head$/.exec(name)?.[1] ?? []);
      } catch (error) {
        if (isMissingFile(error)) return [];
        throw error;
      }
    },
    async read(tenantId) {
      try {
        return await readFile(pathOf(tenantId), "utf8");
      } catch (error) {
        if (isMissingFile(error)) return null;
        throw error;
      }
    },
    async write(tenantId, note) {
      await makeDirectory(dir);
      if (note !== null) return await writeFileDurably(pathOf(tenantId), [Buffer.from(note)]);
      await rm(pathOf(tenantId), { force: true });
      await syncDirectory(dir);
    },
  };
}

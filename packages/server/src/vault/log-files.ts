/**
 * What a node keeps of logs outside of the database: their private keys, one file of 32 bytes each, and the last head of each that it
 * signed. Whoever has the first can sign in the log's name; without the second a database that was set back is not noticed.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LogSeeds, RememberedHeads } from "#evidence";
import { makeDirectory, syncDirectory, writeFileDurably } from "./durable-file.ts";
import { isMissingFile } from "./missing.ts";
import { safeSegment } from "./object-name.ts";
import { readOrMakeSecret, readSecret } from "./secret-file.ts";

const remedy = "Restore it from its escrow copy: nobody can sign in the log's name without it.";

export function createFileLogSeeds(dir: string): LogSeeds {
  const pathOf = (tenantId: string): string => join(dir, `${safeSegment(tenantId)}.key`);
  return {
    async read(tenantId) {
      const seed = await readSecret(pathOf(tenantId), remedy);
      return seed === null ? [] : [seed];
    },
    make: (tenantId) => readOrMakeSecret(pathOf(tenantId), remedy),
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

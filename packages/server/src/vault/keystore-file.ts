/**
 * Sealed data keys as small files, one each: `<dir>/<tenant>/<first two characters>/<key id>`. The directory is to lie and
 * be backed up apart from database and objects, its backups kept at most 30 days: a key destroyed here must not live on.
 */
import { randomBytes } from "node:crypto";
import { open, readFile, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inDirectory, syncDirectory, writeFileDurably } from "./durable-file.ts";
import { isMissingFile, KeyMissing } from "./missing.ts";
import { safeSegment } from "./object-name.ts";
import type { Keystore } from "./vault.ts";

export function createFileKeystore(dir: string): Keystore {
  const pathOf = (tenantId: string, keyId: string): string => join(dir, safeSegment(tenantId), safeSegment(keyId).slice(0, 2), keyId);
  return {
    async put(tenantId, keyId, sealed) {
      const path = pathOf(tenantId, keyId);
      await inDirectory(dirname(path), () => writeFileDurably(path, [sealed], "fail"));
    },
    async get(tenantId, keyId) {
      try {
        return await readFile(pathOf(tenantId, keyId));
      } catch (error) {
        throw isMissingFile(error) ? new KeyMissing(tenantId, keyId) : error;
      }
    },
    /**
     * Overwrites, then unlinks. On copy-on-write and flash storage the old block may outlast the overwriting; what counts
     * is that the bytes are sealed to the tenant's key, and that backups of this directory are short-lived.
     */
    async destroy(tenantId, keyId) {
      const path = pathOf(tenantId, keyId);
      try {
        const file = await open(path, "r+");
        try {
          const { size } = await file.stat();
          await file.write(randomBytes(size), 0, size, 0);
          await file.sync();
        } finally {
          await file.close();
        }
        await unlink(path);
      } catch (error) {
        if (isMissingFile(error)) return; // destroyed before: the same end
        throw error;
      }
      await syncDirectory(dirname(path));
    },
  };
}

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { createGunzip } from "node:zlib";
import { createTarDecoder } from "modern-tar";
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { messageOf } from "#errors";
import { parseJson } from "./archive-state.ts";
import { parseBackupManifest, type BackupManifest } from "./backup-manifest.ts";

/**
 * A base backup as it lies in `base/<name>`: the cluster's files as one tar, PostgreSQL's list of them, and who, when and why.
 */
const Description = Type.Object({
  format: Type.Literal(1),
  name: Type.String(),
  reason: Type.String(),
  systemIdentifier: Type.String(),
  postgres: Type.String(),
  version: Type.String(),
  schema: Type.Union([Type.String(), Type.Null()], { description: "newest migration at the time" }),
  timeline: Type.Integer(),
  startLsn: Type.String(),
  endLsn: Type.String(),
  startedAt: Type.String(),
  endedAt: Type.String({ description: "the first moment it can be restored to" }),
  /** Of the cluster as it lay on disk, and of the tar as it is stored. */
  clusterBytes: Type.Integer(),
  archive: Type.Object({ bytes: Type.Integer(), sha256: Type.String() }),
});
export type BaseDescription = Static<typeof Description>;

export interface Base extends BaseDescription {
  readonly dir: string;
}

export const archiveFile = "base.tar.gz";
export const manifestFile = "backup_manifest";
export const descriptionFile = "backup.json";

/** Oldest first. What is half written has no name that is listed. */
export async function listBases(clusterDir: string): Promise<Base[]> {
  const home = join(clusterDir, "base");
  const names = (await readdir(home).catch(() => [])).filter((name) => /^\d{8}T\d{6}Z(-\d+)?$/.test(name)).sort();
  return await Promise.all(
    names.map(async (name) => {
      const path = join(home, name, descriptionFile);
      const description = parseJson(await readFile(path, "utf8").catch((error: unknown) => {
        throw new Error(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
      }));
      if (!Value.Check(Description, description)) throw new Error(`${path} is damaged, or of another version of Earwitness`);
      return { ...description, dir: join(home, name) };
    }),
  );
}

export async function readManifest({ dir }: { dir: string }): Promise<BackupManifest> {
  const path = join(dir, manifestFile);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new Error(`${path} is missing`) : error;
  });
  return parseBackupManifest(text, path);
}

export interface TarEntry {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly bytes: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Reads a base backup to its end and checks it against its manifest: every file is there, is listed, and has the digest it
 * should have. `visit` reads each entry's body and may keep it. Throws, naming the file that is wrong.
 */
export async function readBase(base: Base, visit: (entry: TarEntry) => Promise<void>, progress: (bytes: number) => void = () => undefined): Promise<BackupManifest> {
  const manifest = await readManifest(base);
  const path = join(base.dir, archiveFile);
  const missing = new Set(manifest.files.keys());
  let read = 0;
  const stored = createHash("sha256");
  const unzipped = createGunzip();
  pipeline(
    createReadStream(path),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        stored.update(chunk);
        yield chunk;
      }
    },
    unzipped,
    () => undefined, // whoever reads `unzipped` is told
  );
  try {
    // Pulled, not pushed (Readable.toWeb): bytes that came after the reader had found damage would end the process.
    const entries = ReadableStream.from<Uint8Array>(unzipped).pipeThrough(createTarDecoder({ strict: true }));
    for await (const { header, body } of entries) {
      const name = header.name.replace(/^\.\//, "").replace(/\/$/, "");
      const isDirectory = header.type === "directory";
      const listed = manifest.files.get(name);
      if (!isDirectory && listed === undefined) throw new Error(`${name} is in the backup and not in its manifest`);
      const hash = createHash("sha256");
      let bytes = 0;
      const checked = async function* (): AsyncIterable<Uint8Array> {
        for await (const chunk of body) {
          hash.update(chunk);
          bytes += chunk.length;
          yield chunk;
        }
      };
      await visit({ name, isDirectory, bytes: header.size, body: checked() });
      if (listed !== undefined && (bytes !== listed.bytes || hash.digest("hex") !== listed.sha256)) throw new Error(`${name} is not what the manifest says`);
      missing.delete(name);
      progress((read += bytes));
    }
  } catch (error) {
    throw new Error(`${path} is damaged: ${messageOf(error)}`, { cause: error });
  }
  const [first] = missing;
  if (first === undefined && stored.digest("hex") !== base.archive.sha256) throw new Error(`${path} is damaged: its content is not what ${descriptionFile} says`);
  if (first !== undefined) throw new Error(`${path} is damaged: ${first} is in its manifest and not in it`);
  return manifest;
}

/** Reads an entry that is not kept, so that its digest is known. */
export async function drain({ body }: TarEntry): Promise<void> {
  for await (const chunk of body) void chunk;
}

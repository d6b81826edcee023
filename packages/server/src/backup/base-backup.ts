import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import type { Clock } from "#clock";
import { withDirect } from "#db";
import { makeDirectory, syncDirectory, writeFileDurably } from "#vault";
import { archiveFile, descriptionFile, drain, manifestFile, readBase, readManifest, type Base, type BaseDescription } from "./base-files.ts";
import { formatLsn } from "./lsn.ts";
import { connectReplication } from "./replication.ts";

/** Of the tar, read at most so fast: calls come first. */
const maxKilobytesPerSecond = 64 * 1024;

export interface BaseBackupOptions {
  readonly superuserUrl: string;
  readonly databaseUrl: string;
  readonly systemIdentifier: string;
  readonly dir: string;
  readonly reason: string;
  readonly version: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Waits until the archive holds the log that makes the copy consistent. */
  readonly archived: (lsn: bigint) => Promise<void>;
  readonly progress: (progress: BaseProgress) => void;
}

export interface BaseProgress {
  readonly step: "copying" | "verifying";
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/**
 * Copies the running cluster, reads the copy back, and only then gives it its name: what is listed is whole. PostgreSQL
 * itself reads its files (BASE_BACKUP), checks its pages and lists what it sent.
 */
export async function takeBaseBackup(options: BaseBackupOptions): Promise<Base> {
  const { dir, clock, signal, progress } = options;
  // A backup begins with a new segment, and what lies before may go unless the archive holds it: the archive comes first.
  await options.archived(1n);
  const home = join(dir, "base");
  await makeDirectory(home);
  await removePartial(home);
  const startedAt = clock.now();
  const name = await freeName(home, startedAt);
  const partial = join(home, `.partial-${name}`);
  await makeDirectory(partial);
  try {
    const { clusterBytes, sha256 } = await copy(options, partial);
    const manifest = await readManifest({ dir: partial });
    await options.archived(manifest.end);
    const { postgres, schema } = await describeDatabase(options.databaseUrl);
    const description: BaseDescription = {
      format: 1,
      name,
      reason: options.reason,
      systemIdentifier: options.systemIdentifier,
      postgres,
      version: options.version,
      schema,
      timeline: manifest.timeline,
      startLsn: formatLsn(manifest.start),
      endLsn: formatLsn(manifest.end),
      startedAt: startedAt.toISOString(),
      endedAt: clock.now().toISOString(),
      clusterBytes,
      archive: { bytes: (await stat(join(partial, archiveFile))).size, sha256 },
    };
    await readBase({ ...description, dir: partial }, drain, (doneBytes) => {
      signal.throwIfAborted();
      progress({ step: "verifying", doneBytes, totalBytes: clusterBytes });
    });
    await writeFileDurably(join(partial, descriptionFile), [Buffer.from(`${JSON.stringify(description, null, 2)}\n`)]);
    await rename(partial, join(home, name));
    await syncDirectory(home);
    return { ...description, dir: join(home, name) };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function copy({ superuserUrl, reason, signal, progress }: BaseBackupOptions, into: string): Promise<{ clusterBytes: number; sha256: string }> {
  const totalBytes = await sizeOfCluster(superuserUrl);
  const connection = await connectReplication(superuserUrl);
  const stop = (): void => connection.destroy();
  signal.addEventListener("abort", stop);
  try {
    const hash = createHash("sha256");
    const tar = new PassThrough({ highWaterMark: 1_000_000 });
    const archivePath = join(into, archiveFile);
    const written = pipeline(
      tar,
      createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 256 * 1024 }),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(archivePath, { flags: "wx", mode: 0o600 }),
    );
    written.catch(stop); // a full disk ends the copy; its error is told below
    tar.on("drain", () => connection.resume());
    const manifest: Buffer[] = [];
    let archives = 0;
    let isManifest = false;
    let doneBytes = 0;
    const label = `Earwitness: ${reason}`.replaceAll(/[^\w .:-]/g, "");
    const command = `BASE_BACKUP (LABEL '${label}', PROGRESS true, CHECKPOINT 'fast', MAX_RATE ${maxKilobytesPerSecond}, MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256')`;
    const received = connection.receive(command, (message) => {
      const content = message.subarray(1);
      switch (String.fromCharCode(message[0]!)) {
        case "n": // an archive begins: the cluster, or a tablespace
          archives++;
          break;
        case "m":
          isManifest = true;
          break;
        case "p":
          progress({ step: "copying", doneBytes: (doneBytes = Number(content.readBigInt64BE(0))), totalBytes });
          break;
        case "d":
          if (isManifest) manifest.push(content);
          else if (archives > 1) stop(); // nobody makes tablespaces in an embedded database; told below
          else if (!tar.write(content)) connection.pause();
          break;
      }
    });
    try {
      await received;
    } catch (error) {
      tar.destroy();
      await written.catch((problem: Error & { code?: string }) => {
        if (problem.code !== "ERR_STREAM_PREMATURE_CLOSE") throw problem; // the disk was first
      });
      if (archives > 1) throw new Error("the cluster has a tablespace outside its directory: it is not backed up so", { cause: error });
      throw error;
    }
    tar.end();
    await written;
    await syncFile(archivePath);
    await writeFileDurably(join(into, manifestFile), manifest);
    return { clusterBytes: doneBytes, sha256: hash.digest("hex") };
  } finally {
    signal.removeEventListener("abort", stop);
    connection.destroy();
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** For the progress alone. */
async function sizeOfCluster(superuserUrl: string): Promise<number> {
  return await withDirect(superuserUrl, "backup", async (sql) => (await sql.query("select sum(pg_database_size(oid))::float8 as bytes from pg_database")).rows[0].bytes);
}

async function describeDatabase(databaseUrl: string): Promise<{ postgres: string; schema: string | null }> {
  return await withDirect(databaseUrl, "backup", async (sql) => {
    const { rows } = await sql.query("select current_setting('server_version') as postgres, to_regclass('schema_migrations') is not null as has");
    const schema = rows[0].has ? (await sql.query("select name from schema_migrations order by version desc limit 1")).rows[0]?.name : null;
    return { postgres: String(rows[0].postgres).split(" ")[0]!, schema: schema ?? null };
  });
}

async function freeName(home: string, at: Date): Promise<string> {
  const stamp = `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  const taken = new Set(await readdir(home));
  for (let number = 1; ; number++) {
    const name = number === 1 ? stamp : `${stamp}-${number}`;
    if (!taken.has(name)) return name;
  }
}

async function removePartial(home: string): Promise<void> {
  for (const name of await readdir(home)) if (name.startsWith(".partial-")) await rm(join(home, name), { recursive: true });
}

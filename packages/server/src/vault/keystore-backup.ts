/**
 * Copies of the keystore, apart from every other backup, with a short life: a key that is destroyed lives on in the copies
 * made before, and must not for longer than was promised. One file a day, `keys-<time>.jsonl`: everything that was there
 * when it was begun, and behind it, within a second, every key that is made or destroyed. A file is removed whole, a fixed
 * time after it was begun, so that nothing in it can outlive that.
 */
import { createHash } from "node:crypto";
import { open, readdir, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#clock";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { makeDirectory, syncDirectory, temporaryPrefix } from "./durable-file.ts";
import { createFileKeystore } from "./keystore-file.ts";
import { isMissingFile } from "./missing.ts";
import type { Keystore } from "./vault.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const flushMs = 1_000;
const retryMs = 10_000;
const pattern = /^keys-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.jsonl$/;

interface Generation {
  readonly file: string;
  readonly begunAt: Date;
}

type Entry = { readonly tenant: string; readonly key: string; readonly sealed: string; readonly sha256: string } | { readonly tenant: string; readonly key: string; readonly destroyed: true };

export interface KeystoreBackup {
  /** The keystore, each change of which is copied. */
  readonly keystore: Keystore;
  /** Null while it works. */
  failure(): { readonly since: Date; readonly message: string } | null;
  close(): Promise<void>;
}

export interface KeystoreBackupOptions {
  readonly keystoreDir: string;
  readonly dir: string;
  /** 30 at most (core decision 12). */
  readonly keepDays: number;
  readonly clock: Clock;
  readonly log: Log;
}

export async function createKeystoreBackup({ keystoreDir, dir, keepDays, clock, log }: KeystoreBackupOptions): Promise<KeystoreBackup> {
  await makeDirectory(dir).catch((error: unknown) => {
    throw new Error(`EARWITNESS_KEYSTORE_BACKUP_DIR cannot be used: ${messageOf(error)}`, { cause: error });
  });
  const inner = createFileKeystore(keystoreDir);
  let pending: Entry[] = [];
  // Written by others than who looks: the compiler must not think it knows.
  let current = null as { readonly generation: Generation; readonly file: FileHandle } | null;
  let failure: { readonly since: Date; readonly message: string } | null = null;
  let closing = false;

  async function round(): Promise<void> {
    const now = clock.now();
    await removeExpired(dir, now, keepDays);
    const entries = pending;
    pending = [];
    if (current !== null && entries.length > 0) await append(current.file, entries);
    if (current === null || now.getTime() - current.generation.begunAt.getTime() >= dayMs) {
      // It holds what was noted until now; what changes while everything is copied comes behind it, once more.
      const generation = await begin(keystoreDir, dir, now);
      await current?.file.close();
      current = { generation, file: await open(join(dir, generation.file), "a") };
    }
    if (failure !== null) log.warn({ since: failure.since }, "the keystore is backed up again");
    failure = null;
  }

  async function append(file: FileHandle, entries: readonly Entry[]): Promise<void> {
    try {
      await file.appendFile(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
      await file.sync();
    } catch (error) {
      // The last line may be cut short, and these are no longer known: the next file holds everything that is there.
      current = null;
      await file.close().catch(() => undefined); // it was of no use already
      throw error;
    }
  }

  let wake = Promise.withResolvers<void>();
  const rounds = (async () => {
    for (let last = false; !last; ) {
      last = closing;
      await round().catch((error: unknown) => {
        if (failure === null) log.error({ err: messageOf(error) }, "the keystore is not being backed up; trying again");
        failure = { since: failure?.since ?? clock.now(), message: messageOf(error) };
      });
      if (last || closing) continue;
      const timer = setTimeout(wake.resolve, failure === null ? hourMs : retryMs);
      await wake.promise;
      clearTimeout(timer);
      // Keys come together: a second's are synced at once.
      if (!closing) await new Promise((later) => setTimeout(later, flushMs));
      wake = Promise.withResolvers();
      if (pending.length > 0) wake.resolve();
    }
    await current?.file.close();
    current = null;
  })();

  const note = (entry: Entry): void => {
    pending.push(entry);
    wake.resolve();
  };
  return {
    keystore: {
      get: (tenantId, keyId) => inner.get(tenantId, keyId),
      async put(tenantId, keyId, sealed) {
        await inner.put(tenantId, keyId, sealed);
        note(entryOf(tenantId, keyId, sealed));
      },
      async destroy(tenantId, keyId) {
        await inner.destroy(tenantId, keyId);
        note({ tenant: tenantId, key: keyId, destroyed: true });
      },
    },
    failure: () => failure,
    async close() {
      closing = true;
      wake.resolve();
      await rounds;
    },
  };
}

function entryOf(tenant: string, key: string, sealed: Uint8Array): Entry {
  return { tenant, key, sealed: Buffer.from(sealed).toString("base64"), sha256: createHash("sha256").update(sealed).digest("hex") };
}

/** Oldest first. */
async function listGenerations(dir: string): Promise<Generation[]> {
  const found: Generation[] = [];
  for (const file of (await readdir(dir)).sort()) {
    const [, year, month, day, hour, minute, second] = pattern.exec(file) ?? [];
    if (year !== undefined) found.push({ file, begunAt: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) });
  }
  return found;
}

/** By age alone: that a destroyed key is gone by then was promised, that there is always a copy was not. */
async function removeExpired(dir: string, now: Date, keepDays: number): Promise<void> {
  let removed = false;
  for (const { file, begunAt } of await listGenerations(dir)) {
    if (now.getTime() - begunAt.getTime() < keepDays * dayMs) continue;
    await rm(join(dir, file));
    removed = true;
  }
  if (removed) await syncDirectory(dir);
}

async function begin(keystoreDir: string, dir: string, now: Date): Promise<Generation> {
  const name = `keys-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z.jsonl`;
  const temporary = join(dir, `${temporaryPrefix}${name}`);
  const file = await open(temporary, "w", 0o600);
  try {
    let lines: string[] = [];
    for await (const { tenantId, keyId, sealed } of everyKey(keystoreDir)) {
      if (lines.push(`${JSON.stringify(entryOf(tenantId, keyId, sealed))}\n`) < 1_000) continue;
      await file.appendFile(lines.join(""));
      lines = [];
    }
    await file.appendFile(lines.join(""));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(dir, name));
  await syncDirectory(dir);
  return { file: name, begunAt: new Date(Math.floor(now.getTime() / 1_000) * 1_000) };
}

async function* everyKey(keystoreDir: string): AsyncIterable<{ tenantId: string; keyId: string; sealed: Buffer }> {
  const names = async (path: string): Promise<string[]> => (await readdir(path).catch((error: unknown) => (isMissingFile(error) ? [] : Promise.reject(error)))).filter((name) => !name.startsWith("."));
  for (const tenantId of await names(keystoreDir)) {
    for (const bucket of await names(join(keystoreDir, tenantId))) {
      for (const keyId of await names(join(keystoreDir, tenantId, bucket))) {
        const sealed = await readFile(join(keystoreDir, tenantId, bucket, keyId)).catch((error: unknown) => {
          if (isMissingFile(error)) return null; // destroyed meanwhile
          throw error;
        });
        if (sealed !== null) yield { tenantId, keyId, sealed };
      }
    }
  }
}

export interface RestoredKeys {
  /** When the copy was begun that was taken. */
  readonly from: Date;
  readonly restored: number;
  readonly present: number;
  readonly destroyed: number;
  /** Lines that cannot be read, by file and number. */
  readonly damaged: readonly string[];
}

/**
 * Puts back the keys that are missing, from the newest copy. What is there stays as it is, and what any copy knows to be
 * destroyed stays destroyed.
 */
export async function restoreKeystore(dir: string, keystoreDir: string): Promise<RestoredKeys> {
  const generations = await listGenerations(dir);
  const newest = generations.at(-1);
  if (newest === undefined) throw new Error(`there is no backup of a keystore in ${dir}`);
  const damaged: string[] = [];
  const keys = new Map<string, Extract<Entry, { sealed: string }>>();
  const destroyed = new Set<string>();
  for (const { file } of generations) {
    const text = await readFile(join(dir, file), "utf8");
    for (const [at, line] of text.split("\n").entries()) {
      if (line === "") continue;
      const entry = parseEntry(line);
      if (entry === null) damaged.push(`${join(dir, file)}, line ${at + 1}`);
      else if ("destroyed" in entry) destroyed.add(`${entry.tenant}/${entry.key}`);
      else if (file === newest.file) keys.set(`${entry.tenant}/${entry.key}`, entry);
    }
  }
  const keystore = createFileKeystore(keystoreDir);
  let restored = 0;
  let present = 0;
  for (const [name, { tenant, key, sealed }] of keys) {
    if (destroyed.has(name)) continue;
    try {
      await keystore.put(tenant, key, Buffer.from(sealed, "base64"));
      restored++;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      present++;
    }
  }
  return { from: newest.begunAt, restored, present, destroyed: destroyed.size, damaged };
}

function parseEntry(line: string): Entry | null {
  try {
    const entry = JSON.parse(line) as Partial<Record<"tenant" | "key" | "sealed" | "sha256", unknown>> & { destroyed?: unknown };
    if (typeof entry.tenant !== "string" || typeof entry.key !== "string") return null;
    if (entry.destroyed === true) return { tenant: entry.tenant, key: entry.key, destroyed: true };
    if (typeof entry.sealed !== "string" || createHash("sha256").update(Buffer.from(entry.sealed, "base64")).digest("hex") !== entry.sha256) return null;
    return { tenant: entry.tenant, key: entry.key, sealed: entry.sealed, sha256: entry.sha256 };
  } catch {
    return null;
  }
}

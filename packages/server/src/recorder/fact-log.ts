/**
 * The node's call journal: what happened to calls, in order, encrypted and on disk before anybody relies on it. The
 * database is told later, by the projector; while it is away facts wait here (core decision 9).
 *
 * A file is `EWF1`, 32 bytes of salt, 8 bytes of first sequence number, then frames: u32 length, AES-256-GCM of the
 * fact's JSON (nonce = its sequence number, tag at the end). The key of a file is HKDF(node's facts key, salt), so no
 * key is ever appended to after a restart: each start begins a file of its own.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, type KeyObject } from "node:crypto";
import { open, readdir, readFile, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { makeDirectory, readOrMakeSecret, syncDirectory, writeAll } from "#vault";
import type { Fact } from "./facts.ts";

export interface StoredFact {
  /** Grows by one inside a start of the node and never falls; the projector's high-water mark counts these. */
  readonly seq: number;
  readonly fact: Fact;
}

export interface FactLog {
  /** Resolves with the sequence numbers when all of them are synced; they get consecutive numbers. */
  append(...facts: Fact[]): Promise<StoredFact[]>;
  /** Why the last facts could not be written; null again as soon as others could. Appending nothing finds out. */
  fault(): string | null;
  /** How long the oldest facts that are not yet synced have waited; 0 when none do. */
  waitingMs(): number;
  /** Everything that earlier starts left, in order. */
  readonly earlier: readonly StoredFact[];
  /** Called with facts as soon as they are durable, in order. */
  onDurable(listener: (facts: readonly StoredFact[]) => void): void;
  /** Drops files that hold only applied facts of recordings that need none of them any more. */
  trim(appliedSeq: number, stillNeeded: (recordingId: string) => boolean): Promise<void>;
  close(): Promise<void>;
}

const magic = Buffer.from("EWF1");
const headerBytes = magic.length + 32 + 8;
const rotateAtBytes = 8 * 1024 * 1024;

interface FileOnDisk {
  readonly path: string;
  lastSeq: number;
  readonly recordingIds: Set<string>;
}

interface OpenFile {
  readonly handle: FactFile;
  readonly key: KeyObject;
  sizeBytes: number;
  readonly file: FileOnDisk;
}

interface Waiting {
  readonly facts: readonly Fact[];
  /** By the monotonic clock. */
  readonly sinceMs: number;
  resolve(stored: StoredFact[]): void;
  reject(error: unknown): void;
}

/** As much of a file as the log needs; tests put a failing disk here. */
export type FactFile = Pick<FileHandle, "writev" | "datasync" | "sync" | "truncate" | "close">;

export async function createFactLog(options: { dir: string; keyPath: string; log: Log; openFile?: (path: string) => Promise<FactFile> }): Promise<FactLog> {
  const { dir, log } = options;
  const openFile = options.openFile ?? ((path) => open(path, "wx", 0o600));
  await makeDirectory(dir);
  const nodeKey = await readOrMakeSecret(options.keyPath, "Restore it from a backup: facts that still wait cannot be read without it.");

  const files: FileOnDisk[] = [];
  const earlier: StoredFact[] = [];
  let lastSeq = 0;
  for (const name of (await readdir(dir)).filter((entry) => entry.endsWith(".ewf")).toSorted()) {
    const path = join(dir, name);
    const read = readFacts(await readFile(path), nodeKey);
    if (read.damage !== null) log.error({ file: name, damage: read.damage }, "call journal ends early; what stands before is kept");
    const recordingIds = new Set(read.facts.flatMap(({ fact }) => recordingOf(fact)));
    const file = { path, lastSeq: Math.max(read.firstSeq - 1, read.facts.at(-1)?.seq ?? 0), recordingIds };
    files.push(file);
    lastSeq = Math.max(lastSeq, file.lastSeq);
    // One by one: days of an absent database are more facts than a call may have arguments.
    for (const stored of read.facts) earlier.push(stored);
  }
  // Numbers of a node whose disk was lost must not fall below what the database has already seen of it.
  let nextSeq = Math.max(lastSeq + 1, Date.now() * 1000);

  const listeners: ((facts: readonly StoredFact[]) => void)[] = [];
  let queue: Waiting[] = [];
  let writing: Promise<void> | null = null;
  let fault: string | null = null;
  /** Since when the oldest facts of the write under way have waited. */
  let writingSinceMs: number | null = null;
  let current: OpenFile | null = await beginFile();

  async function beginFile(): Promise<OpenFile> {
    const salt = randomBytes(32);
    const path = join(dir, `${String(nextSeq).padStart(17, "0")}.ewf`);
    const handle = await openFile(path);
    const first = Buffer.alloc(8);
    first.writeBigUInt64BE(BigInt(nextSeq));
    try {
      await writeAll(handle, [magic, salt, first]);
      await handle.sync();
      await syncDirectory(dir);
    } catch (error) {
      await handle.close().catch(() => undefined); // what could not be written is the error to tell
      await unlink(path); // its name is wanted again
      throw error;
    }
    const file: FileOnDisk = { path, lastSeq: nextSeq - 1, recordingIds: new Set() };
    files.push(file);
    return { handle, key: fileKey(nodeKey, salt), sizeBytes: headerBytes, file };
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<StoredFact[][]> {
    if (current !== null && current.sizeBytes > rotateAtBytes) {
      const full = current;
      current = null;
      await full.handle.close();
    }
    current ??= await beginFile();
    const { handle, key, file } = current;
    const frames: Buffer[] = [];
    const stored = batch.map((waiting) =>
      waiting.facts.map((fact) => {
        const seq = nextSeq++;
        frames.push(sealFact(key, seq, fact));
        for (const id of recordingOf(fact)) file.recordingIds.add(id);
        file.lastSeq = seq;
        return { seq, fact };
      }),
    );
    const writtenBytes = await writeAll(handle, frames);
    await handle.datasync();
    current.sizeBytes += writtenBytes;
    return stored;
  }

  /**
   * After a failed write nothing may follow in this file: it may end in half a frame, and its next nonces may be used. What
   * was refused is cut off, so that no later start finds facts that nobody was allowed to rely on; the next facts begin
   * another file.
   */
  async function giveUpFile(): Promise<void> {
    const broken = current;
    current = null;
    if (broken === null) return;
    await broken.handle.truncate(broken.sizeBytes).catch((error: unknown) => log.error({ err: messageOf(error) }, "call journal keeps the rest of a failed write"));
    await broken.handle.close().catch(() => undefined);
  }

  async function writeQueued(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      writingSinceMs = batch[0]!.sinceMs;
      let stored: StoredFact[][];
      try {
        stored = await writeBatch(batch);
      } catch (error) {
        fault = messageOf(error);
        await giveUpFile();
        for (const waiting of batch) waiting.reject(error);
        continue;
      }
      if (fault !== null) log.info("call journal takes facts again");
      fault = null;
      const all = stored.flat();
      for (const listener of listeners) listener(all);
      batch.forEach((waiting, index) => waiting.resolve(stored[index]!));
    }
    writingSinceMs = null;
    writing = null; // in the same breath as the last look at the queue, so that nothing can come between
  }

  return {
    earlier,
    append(...facts) {
      return new Promise((resolve, reject) => {
        queue.push({ facts, sinceMs: performance.now(), resolve, reject });
        writing ??= Promise.resolve().then(writeQueued);
      });
    },
    fault: () => fault,
    waitingMs: () => (writingSinceMs === null ? 0 : performance.now() - writingSinceMs),
    onDurable(listener) {
      listeners.push(listener);
    },
    async trim(appliedSeq, stillNeeded) {
      const spent = files.filter((file) => file !== current?.file && file.lastSeq <= appliedSeq && ![...file.recordingIds].some(stillNeeded));
      for (const file of spent) {
        await unlink(file.path);
        files.splice(files.indexOf(file), 1);
      }
    },
    async close() {
      await writing;
      await current?.handle.close();
    },
  };
}

function recordingOf(fact: Fact): string[] {
  return "recordingId" in fact ? [fact.recordingId] : [];
}

function fileKey(nodeKey: Uint8Array, salt: Uint8Array): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync("sha256", nodeKey, salt, "earwitness call journal", 32)));
}

function nonceOf(seq: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(seq), 4);
  return nonce;
}

function sealFact(key: KeyObject, seq: number, fact: Fact): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonceOf(seq));
  const body = Buffer.concat([cipher.update(JSON.stringify(fact), "utf8"), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Reads what can be read; stops at the first frame that is torn or does not authenticate. */
export function readFacts(bytes: Buffer, nodeKey: Uint8Array): { facts: StoredFact[]; firstSeq: number; damage: string | null } {
  if (bytes.length < headerBytes || !bytes.subarray(0, 4).equals(magic)) return { facts: [], firstSeq: 1, damage: "no header" };
  const key = fileKey(nodeKey, bytes.subarray(4, 36));
  const firstSeq = Number(bytes.readBigUInt64BE(36));
  const facts: StoredFact[] = [];
  let at = headerBytes;
  for (let seq = firstSeq; at < bytes.length; seq++) {
    if (at + 4 > bytes.length) return { facts, firstSeq, damage: "torn frame" };
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 4 + length);
    if (length < 16 || body.length < length) return { facts, firstSeq, damage: "torn frame" };
    try {
      const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(seq));
      decipher.setAuthTag(body.subarray(length - 16));
      const json = Buffer.concat([decipher.update(body.subarray(0, length - 16)), decipher.final()]).toString("utf8");
      facts.push({ seq, fact: JSON.parse(json) as Fact }); // authenticated: written by this node
    } catch {
      return { facts, firstSeq, damage: "frame does not authenticate" };
    }
    at += 4 + length;
  }
  return { facts, firstSeq, damage: null };
}

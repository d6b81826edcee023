/** One server for a data directory: two would write the same journal and the same database files. */
import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface RunLock {
  release(): Promise<void>;
}

/** A server that was just killed may need a moment to let go of its files. */
const patienceMs = 15_000;

export async function takeRunLock(dataDir: string, patience = patienceMs): Promise<RunLock> {
  const dir = join(dataDir, "run");
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, "server.pid");
  const mine = `${process.pid} ${await bornAt(process.pid)}\n`;
  const own = `${path}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(own, mine, { mode: 0o600 });
    return await takeWith(own, path, dataDir, patience);
  } finally {
    await rm(own, { force: true });
  }
}

async function takeWith(own: string, path: string, dataDir: string, patience: number): Promise<RunLock> {
  for (const deadline = Date.now() + patience; ; ) {
    try {
      await link(own, path); // there with its content or not at all: nobody finds a lock that does not yet say whose it is
      return { release: () => unlink(path) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await readHolder(path);
    if (holder === null) continue; // just released
    if (!(await isAlive(holder))) {
      await removeStale(own, path);
      continue;
    }
    if (Date.now() > deadline) throw new Error(`Another Earwitness server (process ${holder.split(" ")[0]}) uses ${dataDir}. Stop it, or set EARWITNESS_DATA_DIR to another directory.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/**
 * Two starts may find the same stale lock, and the slower one must not take away the faster one's new lock. So one at a time
 * looks again and removes.
 */
async function removeStale(own: string, path: string): Promise<void> {
  const turn = `${path}.turn`;
  try {
    await link(own, turn);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!(await isAlive(await readHolder(turn)))) await rm(turn, { force: true });
    return;
  }
  if (!(await isAlive(await readHolder(path)))) await rm(path, { force: true });
  await unlink(turn);
}

async function readHolder(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Null: just released. Then somebody else is about to take it. */
async function isAlive(holder: string | null): Promise<boolean> {
  if (holder === null) return true;
  const [pid, born] = holder.trim().split(" ");
  if (pid === undefined || !/^\d+$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return (await bornAt(Number(pid))) === born;
}

/** Tells a process from a later one with the same number, where the system can say (Linux). */
async function bornAt(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0";
  } catch {
    return "0";
  }
}

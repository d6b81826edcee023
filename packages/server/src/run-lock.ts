/** One server for a data directory: two would write the same journal and the same database files. */
import { mkdir, open, readFile, unlink } from "node:fs/promises";
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
  for (const deadline = Date.now() + patience; ; ) {
    try {
      const handle = await open(path, "wx", 0o600);
      await handle.writeFile(mine);
      await handle.close();
      return { release: () => unlink(path) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await readFile(path, "utf8").catch(() => "");
    if (!(await isAlive(holder))) {
      await unlink(path).catch(() => undefined);
      continue;
    }
    if (Date.now() > deadline) throw new Error(`Another Earwitness server (process ${holder.split(" ")[0]}) uses ${dataDir}. Stop it, or set EARWITNESS_DATA_DIR to another directory.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function isAlive(holder: string): Promise<boolean> {
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

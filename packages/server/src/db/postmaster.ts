import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Log } from "#log";

const run = promisify(execFile);

/*
 * What a dead process may have left running or lying in a cluster, and how to get rid of it. A server that lost its parent
 * was adopted by init: its parent is not the supervisor that is on record. That is what tells an orphan, which is stopped,
 * from the server of an Earwitness that is alive and well, which is left alone.
 */

interface Running {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

const supervisorFile = (clusterDir: string): string => `${clusterDir}.supervisor`;

/** Puts on record which process supervises the cluster's server. */
export async function recordSupervisor(clusterDir: string): Promise<void> {
  await writeFile(supervisorFile(clusterDir), `${process.pid}\n`);
}

/** Afterwards a server can be started on the cluster. Throws when one is running that has a living supervisor. */
export async function clearCluster(clusterDir: string, log: Log): Promise<void> {
  const found = await findServer(clusterDir);
  if (found.kind === "none") return; // PostgreSQL sees by itself that a process is dead, and minds children that are not
  const { pidFile, running } = found;
  if (found.kind === "foreign") {
    // After a power loss the number may be anybody's. PostgreSQL would take him for a server and refuse to start.
    log.warn({ pid: running.pid }, "removing a stale postmaster.pid: the process it names is another one");
    await rm(pidFile);
    return;
  }
  const supervisor = Number.parseInt((await read(supervisorFile(clusterDir))) ?? "", 10);
  if (running.parentPid === supervisor) throw new Error(`${clusterDir} is in use by another Earwitness process (${supervisor})`);
  log.warn({ pid: running.pid }, "stopping the database server of an Earwitness that died");
  await stopServer(running.pid);
}

/** Throws when a server runs on the cluster, whoever looks after it. */
export async function refuseRunning(clusterDir: string): Promise<void> {
  const found = await findServer(clusterDir);
  if (found.kind === "ours") throw new Error(`a database server (process ${found.running.pid}) runs on ${clusterDir}: stop it first`);
}

type Found = { readonly kind: "none" } | { readonly kind: "ours" | "foreign"; readonly pidFile: string; readonly running: Running };

async function findServer(clusterDir: string): Promise<Found> {
  const pidFile = join(clusterDir, "postmaster.pid");
  // The first line is the server's pid, the second the directory, as its command line has it.
  const [number = "", directory = clusterDir] = ((await read(pidFile)) ?? "").split("\n");
  const pid = Number.parseInt(number, 10);
  const running = pid > 0 ? await look(pid) : null;
  if (running === null) return { kind: "none" };
  return { kind: running.command.includes(directory) ? "ours" : "foreign", pidFile, running };
}

/** Fast shutdown; harder when it does not come to an end. */
export async function stopServer(pid: number): Promise<void> {
  for (const [signal, patienceMs] of [["SIGINT", 30_000], ["SIGQUIT", 10_000], ["SIGKILL", 5_000]] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return; // gone
    }
    for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(20)) {
      if ((await look(pid)) === null) return;
    }
  }
  throw new Error(`the database server ${pid} cannot be stopped`);
}

/** The process of that number, or null; one that is dead and not yet waited for is no process. */
async function look(pid: number): Promise<Running | null> {
  if (process.platform === "linux") {
    const [status, command] = await Promise.all([read(`/proc/${pid}/status`), read(`/proc/${pid}/cmdline`)]);
    if (status === null || command === null || /^State:\s*[ZX]/m.test(status)) return null;
    return { pid, parentPid: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]), command: command.replaceAll("\0", " ") };
  }
  const line = await run("ps", ["-o", "ppid=,stat=,command=", "-p", String(pid)]).then(({ stdout }) => stdout, () => "");
  const [, parentPid, state, command] = /^\s*(\d+)\s+(\S+)\s+(.*)/.exec(line) ?? [];
  if (command === undefined || state?.startsWith("Z")) return null;
  return { pid, parentPid: Number(parentPid), command };
}

async function read(path: string): Promise<string | null> {
  return await readFile(path, "utf8").catch(() => null);
}

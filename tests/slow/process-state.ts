/** What Linux says of another process and of the UDP sockets of this host. */
import { readdirSync, readFileSync } from "node:fs";

/** The first child process that runs this file. */
export function childRunning(file: string): number {
  for (const child of readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").filter((pid) => pid !== "")) {
    if (readFileSync(`/proc/${child}/cmdline`, "utf8").includes(file)) return Number(child);
  }
  throw new Error(`no child process runs ${file}`);
}

export const residentMib = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

export const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Seconds of CPU time, all threads; the kernel counts in hundredths. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export interface UdpSockets {
  readonly count: number;
  /** Datagrams that the kernel threw away because a socket's buffer was full. */
  readonly dropped: number;
}

export function udpSockets(fromPort: number, toPort: number): UdpSockets {
  const rows = readFileSync("/proc/net/udp", "utf8").trim().split("\n").slice(1).map((row) => row.trim().split(/\s+/));
  const mine = rows.filter(([, local = ""]) => {
    const port = Number.parseInt(local.split(":")[1] ?? "0", 16);
    return port >= fromPort && port <= toPort;
  });
  return { count: mine.length, dropped: mine.reduce((sum, row) => sum + Number(row.at(-1)), 0) };
}

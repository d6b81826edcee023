/**
 * Syncs that many wait for at once. A thousand calls that end in the same second want some ten thousand files and names on disk; a sync
 * of each costs a commit of the file system's log each (0.6 ms here with many at once), one sync of the file system serves all of them.
 *
 * `alone` is what one caller would do by himself, and does where nobody else waits: nothing is slower for a single call.
 */
import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import { syncFileSystem } from "./sync-file-system.ts";

interface Waiting {
  readonly path: string;
  readonly alone: () => Promise<void>;
  readonly done: PromiseWithResolvers<void>;
}

interface Device {
  running: boolean;
  waiting: Waiting[];
}

/** From so many on one sync of all is cheaper than one of each (measured: four and more, with the disk's cache warm or cold). */
const together = 4;

const devices = new Map<number, Device>();

/** The file or directory at `path` is synced as far as it was written before this call. Rejects where the disk refuses. */
export async function syncTogether(path: string, alone: () => Promise<void>): Promise<void> {
  if (syncFileSystem === null) return alone();
  const { dev } = statSync(path); // whoever syncs it has just touched it: it is in memory
  const device = devices.get(dev) ?? { running: false, waiting: [] };
  devices.set(dev, device);
  const done = Promise.withResolvers<void>();
  device.waiting.push({ path, alone, done });
  if (!device.running) void run(device);
  return done.promise;
}

/** Rounds, one after the other: who comes while one runs is in the next, since the one may have begun before he wrote. */
async function run(device: Device): Promise<void> {
  device.running = true;
  while (device.waiting.length > 0) {
    const round = device.waiting;
    device.waiting = [];
    const paths = Map.groupBy(round, ({ path }) => path);
    if (paths.size < together) await Promise.all([...paths.values()].map((same) => settle(same, same[0]!.alone())));
    else await settle(round, syncAll(round[0]!.path));
  }
  device.running = false;
}

/** Tells each of them. */
async function settle(waiting: readonly Waiting[], synced: Promise<void>): Promise<void> {
  for (const { done } of waiting) synced.then(done.resolve, done.reject);
  await synced.catch(() => undefined);
}

async function syncAll(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await syncFileSystem!(handle.fd);
  } finally {
    await handle.close();
  }
}

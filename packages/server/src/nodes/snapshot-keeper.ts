import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#clock";
import type { Db, Notifier } from "#db";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { contestedNetworks } from "#trunks";
import { writeFileDurably } from "#vault";
import type { NodeIdentity } from "./identity.ts";
import { openSnapshot, readSnapshot, sealSnapshot, type Snapshot } from "./snapshot.ts";

export type SnapshotState =
  /** `ageMs`: since the database last said that this is how things are. */
  | { readonly kind: "ready"; readonly confirmedAt: Date; readonly ageMs: number }
  | { readonly kind: "missing"; readonly reason: string };

export interface SnapshotKeeper {
  /** What to record by now; null until the database, or a file that it left, was reached. Another object whenever it changes. */
  current(): Snapshot | null;
  state(): SnapshotState;
  /** Asks the database now. Throws when it is away; what was known stays. */
  refresh(): Promise<void>;
  onChange(listener: (snapshot: Snapshot) => void): () => void;
  close(): Promise<void>;
}

export interface SnapshotKeeperOptions {
  readonly db: Db;
  readonly node: NodeIdentity;
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly ruleVersion: string;
  readonly notifier?: Notifier;
  readonly beatMs?: number;
  /** What is known without the database where it was never reached: asked once, when there is no snapshot of an earlier start. */
  readonly firstKnown?: () => Promise<Snapshot | null>;
}

/** An unchanged snapshot is written again this often, so that a boot without the database knows how old it is. */
const rewriteMs = 3_600_000;

/** Keeps the node's snapshot fresh in memory and on disk. A recorder boots and records from the disk alone. */
export async function createSnapshotKeeper({ db, node, dir, clock, log, ruleVersion, notifier, beatMs = 30_000, firstKnown }: SnapshotKeeperOptions): Promise<SnapshotKeeper> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, "snapshot.json");
  const listeners = new Set<(snapshot: Snapshot) => void>();
  let current: Snapshot | null = null;
  let confirmedAt = new Date(0);
  let writtenAt = new Date(0);
  let missing = "no snapshot: cannot record until the database was reached once";

  try {
    ({ content: current, confirmedAt } = openSnapshot(node, await readFile(path, "utf8")));
    writtenAt = confirmedAt;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      missing = `${missing} (${messageOf(error)})`;
      log.error({ path, error: messageOf(error) }, "the node's snapshot cannot be used");
    }
  }

  if (current === null && firstKnown !== undefined) {
    current = await firstKnown();
    if (current !== null) log.info("no snapshot of an earlier start: recording by the provision file until the database says more");
  }

  async function read(): Promise<void> {
    const now = clock.now();
    const content = await readSnapshot(db, ruleVersion);
    const changed = current === null || JSON.stringify(content) !== JSON.stringify(current);
    // On disk first: what calls are recorded by is never newer than what a restart would know.
    if (changed || now.getTime() - writtenAt.getTime() >= rewriteMs) {
      await writeFileDurably(path, [Buffer.from(sealSnapshot(node, content, now))]);
      writtenAt = now;
    }
    confirmedAt = now;
    if (!changed) return;
    current = content;
    for (const network of contestedNetworks(content)) log.error({ network }, "more than one tenant claims this network: calls from it are refused");
    for (const listener of listeners) listener(content);
  }

  let closed = false;
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  /** One at a time. Whoever asks while one runs gets the next, since the running one may have read too early. */
  function refresh(): Promise<void> {
    if (closed) return Promise.reject(new Error("the snapshot keeper is closed"));
    if (running === null) {
      running = read().finally(() => (running = null));
      return running;
    }
    next ??= running.catch(() => undefined).then(() => {
      next = null;
      return refresh();
    });
    return next;
  }

  function refreshQuietly(): void {
    if (closed) return;
    refresh().catch((error: unknown) => log.debug({ error: messageOf(error) }, "the node's snapshot was not refreshed"));
  }

  const beat = setInterval(refreshQuietly, beatMs);
  beat.unref();
  const unsubscribe = notifier?.onChange((change) => {
    if (change.kind !== "interactions") refreshQuietly();
  });

  return {
    current: () => current,
    state: () => (current === null ? { kind: "missing", reason: missing } : { kind: "ready", confirmedAt, ageMs: clock.now().getTime() - confirmedAt.getTime() }),
    refresh,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed = true;
      clearInterval(beat);
      unsubscribe?.();
      await Promise.allSettled([running, next]);
    },
  };
}

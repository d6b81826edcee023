/**
 * For tests: stands in for node:fs/promises and syncfs, writes down every write, sync and change of a name in the order they happened,
 * and can lay out what a disk may hold when the power goes at any point of it.
 *
 * What POSIX promises and no more: bytes are there once a sync of their file has come back, names once a sync of their directory has.
 * Of what was not synced, some first part may be there (per file, per directory), and where a file's bytes were cut there may be zeros.
 */
import * as fs from "node:fs/promises";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

type Change =
  | { readonly kind: "make"; readonly directory: string; readonly path: string; readonly file: number | null }
  | { readonly kind: "remove"; readonly directory: string; readonly path: string };

export type DiskStep = { readonly atMs: number } & (
  | { readonly kind: "write"; readonly file: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly file: number; readonly length: number }
  /** `upTo`: steps before it are what the sync vouches for. */
  | { readonly kind: "sync"; readonly file: number; readonly upTo: number }
  | { readonly kind: "names"; readonly changes: readonly Change[] }
  | { readonly kind: "sync-names"; readonly directory: string; readonly upTo: number }
  | { readonly kind: "sync-all"; readonly upTo: number }
);

const steps: DiskStep[] = [];
const files = new Map<string, number>();
let made = 0;

function step(what: DiskStep extends infer Each ? (Each extends DiskStep ? Omit<Each, "atMs"> : never) : never): void {
  steps.push({ ...what, atMs: performance.now() } as DiskStep);
}

function names(...changes: Change[]): void {
  for (const change of changes) {
    if (change.kind === "remove") files.delete(change.path);
    else if (change.file !== null) files.set(change.path, change.file);
  }
  step({ kind: "names", changes });
}

const make = (path: string, file: number | null): Change => ({ kind: "make", directory: dirname(path), path, file });
const remove = (path: string): Change => ({ kind: "remove", directory: dirname(path), path });

/** The steps so far; grows while the test runs. */
export const rememberedSteps = (): readonly DiskStep[] => steps;

export function forgetSteps(): void {
  steps.length = 0;
  files.clear();
}

/** What `vi.mock("node:fs/promises")` answers with. Only what the recorder and the vault use is remembered; reading passes through. */
export const rememberingFs = {
  ...fs,
  async open(path: string, flags?: string, mode?: number) {
    const handle = await fs.open(path, flags, mode);
    if (flags?.startsWith("w") || flags?.startsWith("a")) {
      made += 1;
      names(make(path, made));
    }
    const file = files.get(path);
    const isDirectory = flags === "r" && (await handle.stat()).isDirectory();
    const synced = async (sync: () => Promise<void>): Promise<void> => {
      const upTo = steps.length;
      await sync();
      if (isDirectory) step({ kind: "sync-names", directory: path, upTo });
      else if (file !== undefined) step({ kind: "sync", file, upTo });
    };
    return Object.assign(Object.create(handle) as typeof handle, {
      async writev(parts: Uint8Array[]) {
        const done = await handle.writev(parts);
        if (file !== undefined) step({ kind: "write", file, bytes: Buffer.concat(parts).subarray(0, done.bytesWritten) });
        return done;
      },
      sync: () => synced(() => handle.sync()),
      datasync: () => synced(() => handle.datasync()),
      async truncate(length = 0) {
        await handle.truncate(length);
        if (file !== undefined) step({ kind: "truncate", file, length });
      },
      stat: () => handle.stat(),
      read: (buffer: Uint8Array, offset: number, length: number, position: number) => handle.read(buffer, offset, length, position),
      close: () => handle.close(),
    });
  },
  async mkdir(path: string, options?: { recursive?: boolean; mode?: number }) {
    const first = await fs.mkdir(path, options);
    if (first !== undefined) for (let at = path; ; at = dirname(at)) {
      names(make(at, null));
      if (at === first) break;
    }
    return first;
  },
  async rename(from: string, to: string) {
    await fs.rename(from, to);
    const file = files.get(from);
    names(make(to, file ?? null), remove(from)); // one change of the file system: both or neither
  },
  async link(from: string, to: string) {
    await fs.link(from, to);
    names(make(to, files.get(from) ?? null));
  },
  async unlink(path: string) {
    await fs.unlink(path);
    names(remove(path));
  },
};

/** The same for syncfs, which the vault keeps apart. There is one disk. */
export function rememberingSyncs({ syncFileSystem }: { syncFileSystem: ((fd: number) => Promise<void>) | null }): { syncFileSystem: ((fd: number) => Promise<void>) | null } {
  if (syncFileSystem === null) return { syncFileSystem };
  return {
    async syncFileSystem(fd) {
      const upTo = steps.length;
      await syncFileSystem(fd);
      step({ kind: "sync-all", upTo });
    },
  };
}

/** Lays out under `to` what may be on a disk that held `under` when the power went after the first `count` steps. `chance` answers 0 ≤ x < 1. */
export function layOut(count: number, under: string, to: string, chance: () => number): void {
  const contents = new Map<number, { bytes: Buffer; safe: number }>();
  /** Changes of names by directory, in order, and how many of them a sync vouches for. */
  const directories = new Map<string, { step: number; change: Change }[]>();
  const safeNames = new Map<string, number>();
  let allNamesSafe = 0;
  const lengths: { file: number; step: number; length: number }[] = [];

  function syncBytes(file: number, upTo: number): void {
    const now = contents.get(file);
    const before = lengths.findLast((one) => one.file === file && one.step < upTo)?.length ?? 0;
    if (now !== undefined) now.safe = Math.max(now.safe, Math.min(before, now.bytes.length));
  }

  steps.slice(0, count).forEach((one, index) => {
    switch (one.kind) {
      case "write": {
        const now = contents.get(one.file) ?? { bytes: Buffer.alloc(0), safe: 0 };
        contents.set(one.file, { ...now, bytes: Buffer.concat([now.bytes, one.bytes]) });
        break;
      }
      case "truncate": {
        const now = contents.get(one.file);
        if (now !== undefined) contents.set(one.file, { bytes: now.bytes.subarray(0, one.length), safe: Math.min(now.safe, one.length) });
        break;
      }
      case "sync":
        syncBytes(one.file, one.upTo);
        break;
      case "sync-all":
        for (const file of contents.keys()) syncBytes(file, one.upTo);
        allNamesSafe = one.upTo;
        break;
      case "names":
        for (const change of one.changes) directories.set(change.directory, [...(directories.get(change.directory) ?? []), { step: index, change }]);
        break;
      case "sync-names":
        safeNames.set(one.directory, one.upTo);
        break;
    }
    if (one.kind === "write" || one.kind === "truncate") lengths.push({ file: one.file, step: index, length: contents.get(one.file)?.bytes.length ?? 0 });
  });

  const there = new Map<string, number | null>();
  for (const [directory, changes] of directories) {
    const safe = changes.filter(({ step: at }) => at < Math.max(allNamesSafe, safeNames.get(directory) ?? 0)).length;
    const kept = safe + Math.floor(chance() * (changes.length - safe + 1));
    for (const { change } of changes.slice(0, kept)) {
      if (change.kind === "make") there.set(change.path, change.file);
      else there.delete(change.path);
    }
  }
  for (const [path, file] of there) {
    // A name in a directory whose own name was lost is lost with it.
    if (!path.startsWith(under) || !reachable(path, under, there)) continue;
    const target = join(to, path.slice(under.length));
    if (file === null) {
      mkdirSync(target, { recursive: true });
      continue;
    }
    const { bytes, safe } = contents.get(file) ?? { bytes: Buffer.alloc(0), safe: 0 };
    const length = safe + Math.floor(chance() * (bytes.length - safe + 1));
    const zeros = length < bytes.length && chance() < 0.3 ? Buffer.alloc(Math.floor(chance() * (bytes.length - length + 1))) : Buffer.alloc(0);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, Buffer.concat([bytes.subarray(0, length), zeros]), { mode: 0o600 });
  }
}

/** Directories that were there before anything was remembered are always there. */
function reachable(path: string, under: string, there: ReadonlyMap<string, number | null>): boolean {
  for (let at = dirname(path); at.length > under.length; at = dirname(at)) {
    const wasMade = steps.some((one) => one.kind === "names" && one.changes.some((change) => change.kind === "make" && change.path === at));
    if (wasMade && !there.has(at)) return false;
  }
  return true;
}

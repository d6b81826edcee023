import { execFile } from "node:child_process";
import { chmod, lstat, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The operating-system account that PostgreSQL runs under. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Set where it is not the account of this process: what `spawn` needs to change into it. */
  readonly change: { readonly uid: number; readonly gid: number } | Record<string, never>;
}

/**
 * PostgreSQL refuses to run as root. Root lends it the account that owns the cluster already, else the system's `postgres`,
 * which is made if there is none. Anybody else runs it as himself.
 */
export async function chooseAccount(clusterDir: string): Promise<Account> {
  const own = { uid: process.getuid!(), gid: process.getgid!() };
  const owner = await stat(clusterDir).catch(() => null);
  if (own.uid !== 0) {
    if (owner !== null && owner.uid !== own.uid) throw new Error(`${clusterDir} belongs to another user (uid ${owner.uid}): start as that user, or as root`);
    return { ...own, change: {} };
  }
  const { uid, gid } = owner !== null && owner.uid !== 0 ? owner : ((await lookUp("postgres")) ?? (await makeAccount("postgres")));
  return { uid, gid, change: { uid, gid } };
}

async function lookUp(name: string): Promise<{ uid: number; gid: number } | null> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null; // `id` fails for a name it does not know
  }
}

async function makeAccount(name: string): Promise<{ uid: number; gid: number }> {
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }; // a service manager's own may lack the sbin directories
  try {
    await run("useradd", ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name], { env });
  } catch (error) {
    throw new Error(`PostgreSQL cannot run as root, and the system user "${name}" could not be made: make it, start Earwitness as an ordinary user, or set DATABASE_URL to a server of your own`, { cause: error });
  }
  const made = await lookUp(name);
  if (made === null) throw new Error(`the system user "${name}" was made but cannot be found`);
  return made;
}

/** Lets others pass through a directory of ours; what lies in it keeps its own rights. */
export async function letPass(directory: string): Promise<void> {
  const { mode } = await stat(directory);
  if ((mode & 0o011) !== 0o011) await chmod(directory, (mode & 0o7777) | 0o011);
}

/** The topmost directory on the way to `path` that the account may not enter, or null. */
export async function firstClosed(path: string, account: Account): Promise<string | null> {
  const way: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    way.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const directory of way) {
    const { mode, uid, gid } = await lstat(directory);
    const enter = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & enter) === 0) return directory;
  }
  return null;
}

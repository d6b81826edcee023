import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Log } from "#log";
import { locateBinaries, prepareBinaries } from "./embedded-binaries.ts";
import { findCluster, openHome, startCluster } from "./embedded.ts";
import { withDirect } from "./pool.ts";
import { putInPlace, restoringDir } from "./put-in-place.ts";
import { clearCluster, refuseRunning } from "./postmaster.ts";

export interface RecoveryOptions {
  readonly dataDir: string;
  readonly log: Log;
  readonly now: Date;
  /** Major version of the PostgreSQL that made the copy. */
  readonly major: number;
  /** Puts the copy and the write-ahead log into the directory; asks for its bytes one file at a time. */
  readonly fill: (put: PutFile) => Promise<void>;
  /** recovery_target…, for PostgreSQL. */
  readonly target: Readonly<Record<string, string>>;
  /** Where the log may end before the target, because nothing was committed in between. */
  readonly mayEndBefore: boolean;
}

export interface PutFile {
  directory(path: string): Promise<void>;
  file(path: string, body: AsyncIterable<Uint8Array> | Uint8Array): Promise<void>;
}

export interface Recovered {
  /** Of the last transaction that was replayed; null when none was, and the copy is as it was made. */
  readonly lastTransactionAt: Date | null;
  readonly replayedTo: string;
  readonly schema: string | null;
  /** Where the former cluster is kept; null when there was none. */
  readonly former: string | null;
}

/**
 * Makes a cluster from a base copy and the log behind it, beside the one that is there; lets PostgreSQL replay it and asks
 * how far it came; and only then puts it in place. Whatever fails before leaves everything as it was.
 */
export async function recoverCluster({ dataDir: givenDir, log, now, major, fill, target, mayEndBefore }: RecoveryOptions): Promise<Recovered> {
  const { dataDir, home, account } = await openHome(givenDir);
  const binaries = await prepareBinaries(await locateBinaries(), dataDir, account);
  if (binaries.major !== major) throw new Error(`the backup was made by PostgreSQL ${major}; this version of Earwitness brings ${binaries.major}: restore it with the version that made it`);
  const clusterDir = join(home, String(binaries.major));
  const existing = await findCluster(home);
  if (existing !== null) await refuseRunning(existing);
  const work = restoringDir(clusterDir);
  await rm(work, { recursive: true, force: true });
  const own = async (path: string): Promise<void> => (account.change.uid === undefined ? undefined : await chown(path, account.uid, account.gid));
  const makeOwn = async (path: string): Promise<void> => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await own(path);
  };
  await makeOwn(work);
  try {
    await fill({
      directory: (path) => makeOwn(inside(work, path)),
      async file(path, body) {
        const at = inside(work, path);
        await mkdir(dirname(at), { recursive: true, mode: 0o700 });
        await writeFile(at, body, { mode: 0o600 });
        await own(at);
      },
    });
    await chmod(work, 0o700);
    await writeFile(join(work, "recovery.signal"), "", { mode: 0o600 });
    await own(join(work, "recovery.signal"));

    // Every segment that is needed lies in the cluster already: there is nothing to fetch. Archived is it again by the server itself.
    const settings = { restore_command: "exit 1", recovery_target_action: "promote", hot_standby: "off", archive_mode: "off", ...target };
    const start = (given: Readonly<Record<string, string>>) => startCluster({ home, clusterDir: work, binaries, account, settings: given, log, restarts: false });
    const server = await start(settings).catch(async (error: unknown) => {
      if (!mayEndBefore || !(error instanceof Error) || !error.message.includes("recovery ended before configured recovery target was reached")) throw error;
      const { recovery_target_time: _passed, ...toTheEnd } = settings as Record<string, string>;
      return await start(toTheEnd);
    });
    let recovered: Omit<Recovered, "former">;
    try {
      recovered = await describe(server.superuserUrl);
    } finally {
      await server.close();
    }
    await clearCluster(work, log);
    const former = await putInPlace(clusterDir, now);
    return { ...recovered, former };
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

async function describe(superuserUrl: string): Promise<Omit<Recovered, "former">> {
  const recovered = await withDirect(superuserUrl, "restore", async (client) => (await client.query("select pg_last_xact_replay_timestamp() as at, pg_last_wal_replay_lsn() as lsn, exists (select from pg_database where datname = 'earwitness') as ours")).rows[0]);
  const schema = recovered.ours
    ? await withDirect(superuserUrl.replace(/\/postgres$/, "/earwitness"), "restore", async (client) => {
        const { rows } = await client.query("select to_regclass('schema_migrations') is not null as has");
        return rows[0].has ? (((await client.query("select name from schema_migrations order by version desc limit 1")).rows[0]?.name as string | undefined) ?? null) : null;
      })
    : null;
  return { lastTransactionAt: recovered.at, replayedTo: recovered.lsn, schema };
}

/** Names in a backup are not trusted to stay in their place. */
function inside(directory: string, path: string): string {
  const at = join(directory, path);
  if (at !== directory && !at.startsWith(`${directory}/`)) throw new Error(`${path} would lie outside of the cluster`);
  return at;
}

/** What the command line does on this machine without the running server: it reads backups, and restores while nothing runs. */
import { join } from "node:path";
import { openCluster, restoreDatabase, verifyBackups, type ClusterBackups, type Restored, type Verification } from "#backup";
import { systemClock } from "#clock";
import { createLog } from "#log";
import { restoreKeystore, type RestoredKeys } from "#vault";
import { leaveAct } from "./installation-acts.ts";
import { takeRunLock } from "./run-lock.ts";

export { openCluster, verifyBackups, type ClusterBackups, type Restored, type Verification };

export interface RestoreRequest {
  readonly baseDir: string;
  readonly sandbox: boolean;
  readonly backupDir: string;
  readonly systemIdentifier: string | null;
  readonly to: string;
  readonly timeline: number | null;
  readonly progress: (text: string) => void;
}

export interface KeystoreRestoreRequest {
  readonly baseDir: string;
  readonly sandbox: boolean;
  readonly backupDir: string;
}

/** Puts back the keys that are missing. */
export async function restoreKeys({ baseDir, sandbox, backupDir }: KeystoreRestoreRequest): Promise<RestoredKeys> {
  const lock = await takeRunLock(baseDir, 0);
  try {
    const dataDir = dataDirOf(baseDir, sandbox);
    const done = await restoreKeystore(backupDir, join(dataDir, "keystore"));
    await leaveAct(dataDir, { action: "Restored", item: "Storage", by: "command line", detail: { name: "keystore", keys: done.restored } }, systemClock.now());
    return done;
  } finally {
    await lock.release();
  }
}

const dataDirOf = (baseDir: string, sandbox: boolean): string => (sandbox ? join(baseDir, "sandbox") : baseDir);

/** Holds the lock of the server meanwhile: neither runs while the other does. */
export async function restore({ baseDir, sandbox, ...request }: RestoreRequest): Promise<Restored> {
  const lock = await takeRunLock(baseDir, 0);
  try {
    const dataDir = dataDirOf(baseDir, sandbox);
    const done = await restoreDatabase({ ...request, dataDir, clock: systemClock, log: createLog("silent") });
    await leaveAct(dataDir, { action: "Restored", item: "Storage", by: "command line", detail: { name: "database", restoredTo: done.restoredTo.toISOString(), wanted: request.to, base: done.base, missing: done.missing } }, systemClock.now());
    return done;
  } finally {
    await lock.release();
  }
}

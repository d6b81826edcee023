export { createBackups, type BackupReading, type BackupRefusal, type BackupRun, type Backups } from "./backups.ts";
export { checkServer } from "./check-server.ts";
export { forgetArchive } from "./archive.ts";
export { openCluster, restoreDatabase, type Restored, type RestoreOptions } from "./restore.ts";
export { reportOf } from "./report.ts";
export { verifyBackups, type Verification } from "./verify.ts";
export type { ClusterBackups } from "./way-back.ts";

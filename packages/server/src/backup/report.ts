import type { BackupReport } from "@earwitness/contract/control";
import type { Backups } from "./backups.ts";

/** As the command line shows it. */
export function reportOf(backups: Backups): BackupReport {
  const { backupDir, systemIdentifier, archive, newestBaseAt, lastRun, warnings } = backups.reading();
  return {
    directory: backupDir,
    cluster: systemIdentifier,
    archivedUntil: archive.completeAt?.toISOString() ?? null,
    newestBaseAt: newestBaseAt?.toISOString() ?? null,
    warnings: [...warnings],
    run:
      lastRun === null
        ? null
        : {
            reason: lastRun.reason,
            startedAt: lastRun.startedAt.toISOString(),
            state: lastRun.outcome.kind,
            step: lastRun.progress?.step ?? null,
            doneBytes: lastRun.progress?.doneBytes ?? 0,
            totalBytes: lastRun.progress?.totalBytes ?? 0,
            base: lastRun.outcome.kind === "done" ? lastRun.outcome.base.name : null,
            failure: lastRun.outcome.kind === "failed" ? lastRun.outcome.message : null,
          },
  };
}

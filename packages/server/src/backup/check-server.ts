import type { BackupFinding } from "@earwitness/contract/control";
import { withDirect } from "#db";

const patienceSeconds = 60;

/**
 * What can be seen, from a connection, of how a database server is backed up: whether its log is archived or streamed away,
 * whether that works now, and how much a loss would cost. Whether a base backup exists and can be restored cannot be seen.
 */
export async function checkServer(url: string): Promise<BackupFinding[]> {
  return await withDirect(url, "backup check", async (sql) => {
    const findings: BackupFinding[] = [];
    const right = (text: string): void => void findings.push({ verdict: "right", text });
    const wrong = (text: string): void => void findings.push({ verdict: "wrong", text });
    const unknown = (text: string): void => void findings.push({ verdict: "unknown", text });
    const { rows } = await sql.query("select name, setting from pg_settings where name in ('wal_level', 'archive_mode', 'archive_timeout', 'fsync', 'full_page_writes', 'data_checksums', 'server_version')");
    const setting = new Map(rows.map(({ name, setting: value }: { name: string; setting: string }) => [name, value]));

    for (const name of ["fsync", "full_page_writes"]) {
      if (setting.get(name) === "on") right(`${name} is on.`);
      else wrong(`${name} is off: a crash can damage the database, and a base backup too. Set it to on.`);
    }
    if (setting.get("data_checksums") === "on") right("Data pages have checksums: a disk that lies is found out.");
    else wrong("Data pages have no checksums: a damaged page is copied into every backup unseen. Stop the server and run pg_checksums --enable.");
    if (setting.get("wal_level") === "minimal") wrong("wal_level is minimal: nothing can be restored to a moment. Set it to replica.");
    else right(`wal_level is ${setting.get("wal_level")}.`);

    const archiver = (
      await sql.query(
        `select archived_count::int as archived, failed_count::int as failed, last_archived_wal as wal, last_failed_wal as failed_wal, last_archived_time as at,
                extract(epoch from clock_timestamp() - last_archived_time)::float8 as age, coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) as failing, last_failed_time as failed_at
           from pg_stat_archiver`,
      )
    ).rows[0] as { archived: number; failed: number; wal: string | null; failed_wal: string | null; at: Date | null; age: number | null; failing: boolean; failed_at: Date | null };
    const receivers = (
      await sql.query("select slot_name as name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as behind from pg_replication_slots where slot_type = 'physical' order by slot_name")
    ).rows as { name: string; active: boolean; behind: number | null }[];
    const receiving = receivers.filter(({ active }) => active);

    const archives = setting.get("archive_mode") !== "off";
    if (!archives && receiving.length === 0) wrong("archive_mode is off, and nothing receives the log through a replication slot: what was written since the last base backup would be lost. Set archive_mode and archive_command, or run pg_receivewal with a slot.");
    if (archives) {
      right(`archive_mode is ${setting.get("archive_mode")}.`);
      if (archiver.at === null) wrong(`Nothing has been archived yet${archiver.failed > 0 ? `, and ${archiver.failed} attempts failed, the last for ${archiver.failed_wal} at ${archiver.failed_at?.toISOString()}` : ""}.`);
      else if (archiver.failing) wrong(`Archiving fails: ${archiver.failed_wal} at ${archiver.failed_at?.toISOString()}, after ${archiver.wal} was archived at ${archiver.at.toISOString()}. ${archiver.failed} attempts have failed.`);
      else right(`The last segment, ${archiver.wal}, was archived at ${archiver.at.toISOString()}.${archiver.failed > 0 ? ` ${archiver.failed} attempts failed before.` : ""}`);
      const timeout = Number(setting.get("archive_timeout"));
      if (timeout > 0 && timeout <= patienceSeconds) {
        right(`archive_timeout is ${timeout} s: a loss costs no more than that and the time of one copy.`);
        // Earwitness itself writes every few seconds, so there is always something to archive.
        if (archiver.at !== null && !archiver.failing && archiver.age! > 2 * patienceSeconds) wrong(`The last segment was archived ${Math.round(archiver.age!)} s ago: the archive is behind.`);
      } else if (receiving.length === 0) {
        wrong(`archive_timeout is ${timeout === 0 ? "0: the last segment is archived when it is full, whenever that is" : `${timeout} s`}. Set it to ${patienceSeconds} for a loss of ${patienceSeconds} s at most.`);
      }
    }
    for (const { name, active, behind } of receivers) {
      if (active) right(`The replication slot ${name} is being read, ${megabytes(behind)} behind.`);
      else wrong(`The replication slot ${name} is read by nobody: the server keeps ${megabytes(behind)} of log for it, and more until its disk is full. Start its reader, or drop it.`);
    }
    unknown("Whether there is a base backup, where it lies, and whether it can be restored cannot be seen from here: rehearse it (docs/operate/backup.md).");
    return findings;
  });
}

const megabytes = (bytes: number | null): string => `${Math.ceil((bytes ?? 0) / 1_000_000)} MB`;

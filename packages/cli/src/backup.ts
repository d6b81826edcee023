import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { BackupFinding, BackupReport } from "@earwitness/contract/control";
import { Failure, type ControlClient } from "./control-client.ts";
import { operate } from "./operate.ts";
import { table } from "./table.ts";

export interface BackupCommands {
  readonly server: ControlClient;
  readonly dataDir: string;
  readonly print: (line: string) => void;
  readonly note: (line: string) => void;
}

const fromOption = ["--from <dir>", "the backup directory (default: the one of the running server)"] as const;
const clusterOption = ["--cluster <id>", "which database, where the directory holds backups of several"] as const;

/** `earwitness backup …`, `earwitness restore` and `earwitness restore-keystore`. */
export function addBackupCommands(program: Command, { server, dataDir, print, note }: BackupCommands): void {
  const backup = program.command("backup").description("Take a base backup of the embedded database now, while it runs, and check it; print its name.");

  backup.action(async () => {
    let { run } = await server.call<BackupReport>("POST", "/backups");
    for (let told = ""; run?.state === "running"; ({ run } = await server.call<BackupReport>("GET", "/backups"))) {
      const progress = run.step === null ? "" : `${run.step}: ${megabytes(run.doneBytes)} of ${megabytes(run.totalBytes)} MB`;
      if (progress !== told) note((told = progress));
      await sleep(500);
    }
    if (run?.state !== "done") throw new Failure(`the backup failed: ${run?.failure ?? "the server was restarted"}`);
    print(run.base!);
  });

  backup
    .command("list")
    .description("List what the database can be put back to.")
    .option(...fromOption)
    .option(...clusterOption)
    .option("--json", "as JSON")
    .action(async (options: { from?: string; cluster?: string; json?: true }) => {
      const { bases, points, state } = await open(options);
      if (options.json) return print(JSON.stringify({ bases, points, state }, null, 2));
      const rows = [
        ...bases.map(({ name, endedAt, reason, schema, archive }) => [name, endedAt, "base backup", `${megabytes(archive.bytes)} MB`, schema ?? "", reason]),
        ...points.map(({ name, at, reason, schema }) => [name, at, "restore point", "", schema ?? "", reason]),
      ].sort((a, b) => a[1]!.localeCompare(b[1]!));
      print(table(["NAME", "TIME", "KIND", "SIZE", "SCHEMA", "REASON"], rows));
      const [first] = bases;
      if (first !== undefined && state !== null) print(`Any moment from ${first.endedAt} to ${state.completeAt} can be restored.`);
    });

  backup
    .command("verify")
    .description("Read every byte of the backups and check it. Exit code 1 when something is wrong.")
    .option(...fromOption)
    .option(...clusterOption)
    .action(async (options: { from?: string; cluster?: string }) => {
      const { verifyBackups } = await operate();
      const { bases, segments, faults } = await verifyBackups(await open(options), note);
      for (const fault of faults) print(fault);
      if (faults.length > 0) throw new Failure(`${count(faults.length, "thing is", "things are")} wrong`);
      print(`${count(bases, "base backup", "base backups")} and ${count(segments, "segment", "segments")} of the log are whole.`);
    });

  backup
    .command("check")
    .description("Say how the database is backed up now, also one of your own (DATABASE_URL). Exit code 1 when something is wrong.")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: true }) => {
      const findings = await server.call<BackupFinding[]>("GET", "/backups/check");
      if (json) print(JSON.stringify(findings, null, 2));
      else for (const { verdict, text } of findings) print(`${verdict.padEnd(7)}  ${text}`);
      const wrong = findings.filter(({ verdict }) => verdict === "wrong").length;
      if (wrong > 0) throw new Failure(`${count(wrong, "thing is", "things are")} wrong`);
    });

  program
    .command("restore")
    .description("Put the embedded database back, while the server is stopped. What is there is moved aside, not overwritten.")
    .requiredOption("--from <dir>", "the backup directory")
    .requiredOption("--to <moment>", "latest, a time with its zone such as 2026-01-31T14:05:00Z, or a name that backup list shows")
    .option(...clusterOption)
    .option("--timeline <number>", "a history that an earlier restore left behind", (text) => Number.parseInt(text, 10))
    .option("--sandbox", "the sandbox's database")
    .action(async ({ from, to, cluster, timeline, sandbox }: { from: string; to: string; cluster?: string; timeline?: number; sandbox?: true }) => {
      const { restore } = await operate();
      const restored = await restore({ baseDir: dataDir, sandbox: sandbox === true, backupDir: from, systemIdentifier: cluster ?? null, to, timeline: timeline ?? null, progress: note }).catch(inWords);
      print(`Restored to ${restored.restoredTo.toISOString()}, from the base backup ${restored.base} and ${restored.segments} segments of the log.`);
      print(restored.missing);
      if (restored.schema !== null) print(`The schema is at ${restored.schema}.`);
      if (restored.former !== null) print(`The database that was there is kept in ${restored.former}; remove it when you are sure.`);
      print("Keys, keystore, spool and store were not touched: docs/operate/backup.md says what to do with them.");
    });

  program
    .command("restore-keystore")
    .description("Put keys that are missing back into the keystore, while the server is stopped. What is there, and what was destroyed, stays so.")
    .requiredOption("--from <dir>", "the directory of the keystore's backups")
    .option("--sandbox", "the sandbox's keystore")
    .action(async ({ from, sandbox }: { from: string; sandbox?: true }) => {
      const { restoreKeys } = await operate();
      const { from: begunAt, restored, present, destroyed, damaged } = await restoreKeys({ baseDir: dataDir, sandbox: sandbox === true, backupDir: from }).catch(inWords);
      print(`${count(restored, "key was", "keys were")} put back from the copy that was begun at ${begunAt.toISOString()}; ${count(present, "was", "were")} there, ${count(destroyed, "is", "are")} known to be destroyed.`);
      for (const line of damaged) print(`Damaged: ${line}`);
      if (damaged.length > 0) throw new Failure(`${count(damaged.length, "line is", "lines are")} damaged`);
    });

  async function open({ from, cluster }: { from?: string; cluster?: string }) {
    const { openCluster } = await operate();
    if (from !== undefined) return await openCluster(from, cluster ?? null).catch(inWords);
    const running = await server.call<BackupReport>("GET", "/backups");
    return await openCluster(running.directory, cluster ?? running.cluster).catch(inWords);
  }
}

function inWords(error: unknown): never {
  throw new Failure(error instanceof Error ? error.message : String(error));
}

const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;

const megabytes = (bytes: number): number => Math.ceil(bytes / 1_000_000);

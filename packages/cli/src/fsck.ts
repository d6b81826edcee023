/** `earwitness fsck`: checks a whole installation, in a process of its own, and names every difference in words. */
import { setPriority } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { noteTypes } from "@earwitness/verify";
import type { InstallationPlaces } from "@earwitness/contract/control";
import type { CheckReport, Finding, HowFar, meanings as Meanings, Part } from "@earwitness/server/operate";
import { Failure, NoServer, type ControlClient } from "./control-client.ts";
import { createHowFarLine } from "./how-far.ts";
import { operate } from "./operate.ts";
import { printable } from "./table.ts";
import { readKey } from "./verify.ts";

interface FsckOptions {
  readonly tenant?: string;
  readonly only?: string;
  readonly continue?: true;
  readonly json?: true;
  readonly key: readonly string[];
  readonly state?: string;
  readonly sandbox?: true;
  readonly fullSpeed?: true;
}

/** Whoever records comes first. */
const nice = 10;

export function addFsck(program: Command, { server, dataDir, print }: { readonly server: ControlClient; readonly dataDir: string; readonly print: (line: string) => void }): void {
  program
    .command("fsck")
    .description("Check the whole installation, while it runs or not: rows of evidence against the signed log, the log against its checkpoints and witnesses, every file of every recording against its manifest, second by second, manifests against the database, and people, groups, trunks, keys, sessions and tenants against the rows that changed them.")
    .option("--tenant <slug>", "only this tenant")
    .option("--only <parts>", "only these parts, separated by commas: rows, log, witness, media, manifests, settings")
    .option("--continue", "go on with the check that was stopped or killed")
    .option("--key <vkey...>", "public keys of logs as they were given to you, or files with them; otherwise the private keys on this node say which are right", [])
    .option("--state <file>", "where it is kept how far the check is (default: fsck.json in the data directory)")
    .option("--full-speed", "take as much of the processor as any other program; otherwise whoever records comes first")
    .option("--sandbox", "the sandbox's installation, where its server does not run")
    .option("--json", "the report as JSON")
    .addHelpText("after", "\nExit codes: 0 everything agrees; 1 something differs; 2 nothing that was checked differs, and something could not be checked, the check was stopped, or wrong usage.\nA check that was killed goes on with --continue. What each message means: docs/operate/fsck.md.")
    .action(async (options: FsckOptions) => {
      const { fsck, Interrupted, meanings, parts, verdictOf } = await operate();
      if (options.continue === true && (options.only !== undefined || options.tenant !== undefined)) throw new Failure("--continue goes on with what was begun; leave --only and --tenant away", 2);
      const wanted = readParts(options.only, parts);
      const trusted = await Promise.all(options.key.map((given) => readKey(given, noteTypes.ed25519, "--key")));
      const places = await server.call<InstallationPlaces>("GET", "/installation").catch((error: unknown) => {
        if (error instanceof NoServer) return null;
        throw error instanceof Failure ? new Failure(error.message, 2) : error;
      });
      if (options.fullSpeed !== true) setPriority(nice);
      const stop = new AbortController();
      process.once("SIGINT", () => stop.abort()).once("SIGTERM", () => stop.abort());
      const line = createHowFarLine(process.stderr);
      const found = (finding: Finding): void => {
        if (options.json === true || verdictOf(finding) === "note") return;
        line.clear();
        print(sentence(finding, verdictOf(finding)));
      };
      const report = await fsck({
        places,
        env: { ...process.env, EARWITNESS_DATA_DIR: dataDir, ...(options.sandbox === true ? { EARWITNESS_SANDBOX: "1" } : {}) },
        uid: process.getuid?.() ?? null,
        tenant: options.tenant ?? null,
        parts: wanted,
        goesOn: options.continue === true,
        progressFile: options.state ?? join(dataDir, "fsck.json"),
        trusted,
        found,
        howFar: (how: HowFar) => line.show(how),
        signal: stop.signal,
      }).catch((error: unknown) => {
        line.clear();
        if (error instanceof Interrupted) throw new Failure("the check was stopped; --continue goes on with it", 2);
        throw new Failure(`the check could not go on: ${error instanceof Error ? error.message : String(error)}`, 2);
      });
      line.clear();
      if (options.json === true) print(JSON.stringify(report, null, 2));
      else for (const text of summary(report, meanings)) print(text);
      if (report.verdict === "differs") throw new Failure("the installation does not agree with itself: see above what differs, what it means and what to do", 1);
      if (report.verdict === "not checked") throw new Failure("nothing that was checked differs, and something could not be checked: see above", 2);
    });
}

function readParts(given: string | undefined, all: readonly Part[]): readonly Part[] {
  if (given === undefined) return all;
  const names = given.split(",").map((name) => name.trim());
  const strange = names.filter((name) => !all.some((part) => part === name));
  if (strange.length > 0) throw new Failure(`--only: there is no part “${strange.join("”, “")}”; there are ${all.join(", ")}`, 2);
  return all.filter((part) => names.includes(part));
}

const labels = { differs: "DIFFERS", "not checked": "NOT CHECKED", note: "note" } as const;

const sentence = ({ code, tenant, where, says }: Finding, verdict: keyof typeof labels): string => printable(`${labels[verdict]}  ${tenant}, ${where}: ${says} [${code}]`);

function* summary(report: CheckReport, meanings: typeof Meanings): Generator<string> {
  const notes = report.findings.filter(({ verdict }) => verdict === "note");
  const told = report.findings.filter(({ verdict }) => verdict !== "note");
  if (notes.length > 0) {
    yield "Worth knowing:";
    for (const note of notes) yield `  ${sentence(note, "note")}`;
    yield "";
  }
  if (told.length > 0) {
    yield "What that means, and what to do:";
    for (const code of new Set(told.map((finding) => finding.code))) yield `  ${code}: ${meanings[code].means} ${meanings[code].todo}`;
    yield "";
  }
  if (report.unlisted > 0) yield `${report.unlisted} more were counted and are not listed.`;
  for (const { slug, size, counted, differs, notChecked } of report.tenants) {
    yield `${slug}: ${counted.rows} of ${size} rows, ${counted.recordings} recordings, ${counted.settings} settings, ${Math.round(counted.bytes / 1_000_000)} MB checked; ${differs === 0 ? "nothing differs" : `${differs} ${differs === 1 ? "difference" : "differences"}`}${notChecked === 0 ? "" : `, ${notChecked} not checked`}.`;
  }
  yield report.verdict === "agrees" ? `Everything that was checked agrees (${report.parts.join(", ")}).` : report.verdict === "differs" ? "NOT everything agrees." : "Nothing that was checked differs; not everything was checked.";
}

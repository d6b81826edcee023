/** `earwitness verify`: says in words what of an evidence bundle holds, what does not, and what nobody looked at. Uses no network. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { createRecordedSound } from "@earwitness/media";
import { checkpointTimestamp, Malformed, noteTypes, parseVkey, readPemCertificates, verifyBundle, type BundleReport, type NoteKey, type Sha256, type Statement, type StatementKind } from "@earwitness/verify";
import { withBundle } from "./bundle-on-disk.ts";
import { Failure } from "./control-client.ts";
import { printable } from "./table.ts";

const sha256: Sha256 = {
  of: (bytes) => createHash("sha256").update(bytes).digest(),
  begin() {
    const running = createHash("sha256");
    return { update: (bytes) => void running.update(bytes), digest: () => running.digest() };
  },
};

interface VerifyOptions {
  readonly key: string;
  readonly witness: readonly string[];
  readonly tsaCa?: string;
  readonly json?: true;
}

export function addVerify(program: Command, print: (line: string) => void): void {
  program
    .command("verify")
    .description("Check an evidence bundle, offline: signatures, places in the log, manifests, every second of sound.")
    .argument("<bundle>", "the .zip, or the folder that it was unpacked into")
    .requiredOption("--key <vkey>", "public key of the log as it was given to you (name+hash+base64), or a file with it; not the one in the bundle")
    .option("--witness <vkey...>", "public keys of witnesses that must have co-signed, or files with them", [])
    .option("--tsa-ca <file>", "PEM file with the certificates of timestamp authorities that you trust")
    .option("--json", "the report as JSON")
    .addHelpText("after", "\nExit codes: 0 everything that was checked holds; 1 something does not hold; 2 the bundle or a key could not be read, or wrong usage.\nRead what was not checked, too: it is part of the answer.")
    .action(async (path: string, options: VerifyOptions) => {
      const key = await readKey(options.key, noteTypes.ed25519, "--key");
      const witnesses = await Promise.all(options.witness.map((given) => readKey(given, noteTypes.cosignature, "--witness")));
      const timestamp = options.tsaCa === undefined ? null : checkpointTimestamp(await readAuthorities(options.tsaCa));
      const report = await withBundle(path, (files) => verifyBundle(files, { sha256, key, witnesses, sound: createRecordedSound(null), timestamp })).catch((error: unknown) => {
        throw new Failure(`${path} could not be read: ${error instanceof Error ? error.message : String(error)}`, 2);
      });
      if (options.json) print(JSON.stringify(report, null, 2));
      else for (const line of words(report)) print(line);
      if (report.unreadable) throw new Failure(`${path} is no evidence bundle that can be read`, 2);
      if (!report.holds) throw new Failure("the bundle does not hold: something in it was altered, is missing, or is not what it claims to be");
    });
}

/** A key, or the file that it is in: its first line that is neither empty nor a comment. */
export async function readKey(given: string, type: number, option: string): Promise<NoteKey> {
  const key = tryVkey(given) ?? tryVkey((await readFile(given, "utf8").catch(() => "")).split("\n").find((line) => line.trim() !== "" && !line.startsWith("#")) ?? "");
  if (key instanceof Malformed) throw new Failure(`${option}: ${key.message}`, 2);
  if (key === null) throw new Failure(`${option}: “${given.slice(0, 80)}” is neither a public key (name+hash+base64) nor a file with one`, 2);
  if (key.type !== type) throw new Failure(`${option}: this is the key of a ${key.type === noteTypes.cosignature ? "witness" : "log"}`, 2);
  return key;
}

async function readAuthorities(path: string): Promise<readonly Uint8Array[]> {
  try {
    return readPemCertificates(await readFile(path, "utf8"));
  } catch (error) {
    throw new Failure(`--tsa-ca: ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
}

/** Null where it does not look like a key at all; Malformed where it is a wrong one. */
function tryVkey(text: string): NoteKey | Malformed | null {
  if (!/^[^+\s]+\+[0-9a-f]{8}\+\S+$/u.test(text.trim())) return null;
  try {
    return parseVkey(text);
  } catch (error) {
    if (error instanceof Malformed) return error;
    throw error;
  }
}

const order: readonly StatementKind[] = ["holds", "erased", "not checked", "fails"];
const titles: Readonly<Record<StatementKind, string>> = { holds: "What holds", erased: "What was erased", "not checked": "What was not checked", fails: "What does NOT hold" };

function* words({ holds, statements }: BundleReport): Generator<string> {
  for (const kind of order) {
    const some = statements.filter((statement) => statement.kind === kind);
    if (some.length === 0) continue;
    yield `${titles[kind]}:`;
    for (const statement of some) yield `  ${printable(placed(statement))}`;
    yield "";
  }
  const count = (kind: StatementKind): number => statements.filter((statement) => statement.kind === kind).length;
  yield `${holds ? "Verified." : "NOT verified."} ${count("holds")} hold, ${count("fails")} do not, ${count("not checked")} were not checked${count("erased") > 0 ? `, ${count("erased")} were erased with a certificate` : ""}.`;
}

const placed = ({ where, says }: Statement): string => (where === "" || says.includes(where) ? says : `${where}: ${says}`);

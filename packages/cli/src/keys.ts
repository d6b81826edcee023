/** `earwitness keys`: all private keys of an installation into one age file (age-encryption.org) for escrow, and back. */
import { randomUUID } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Command } from "commander";
import type { InstallationAct, KeyExport, KeyFile } from "@earwitness/contract/control";
import { actsDir } from "@earwitness/contract/places";
import { Failure, type ControlClient } from "./control-client.ts";

const shortestPassphrase = 12;

interface ExportOptions {
  readonly to: string;
  readonly recipient: readonly string[];
  readonly passphraseFile?: string;
}

interface ImportOptions {
  readonly identityFile?: string;
  readonly passphraseFile?: string;
}

/** `note` gets what happens on the way: the result is a file. */
export function addKeys(program: Command, server: ControlClient, dataDir: string, note: (line: string) => void): void {
  const keys = program.command("keys").description("Escrow of the private keys of this installation: tenants' keys, keys of logs, key of the call journal.");

  keys
    .command("export")
    .description("Write all private keys into one file in the age format. Whoever opens it can read every recording: keep it apart from everything else.")
    .requiredOption("--to <file>", "a file that is not there yet")
    .option("--recipient <recipient...>", "age recipients (age1…) who can open it; without one, a passphrase does", [])
    .option("--passphrase-file <file>", "whose first line is the passphrase; without it, the terminal is asked")
    .action(async ({ to, recipient, passphraseFile }: ExportOptions) => {
      if (recipient.length > 0 && passphraseFile !== undefined) throw new Failure("a file is for recipients or for a passphrase, not for both", 2);
      const { Encrypter } = await import("age-encryption"); // when keys are asked for: it is large
      const encrypter = new Encrypter();
      for (const one of recipient) {
        try {
          encrypter.addRecipient(one);
        } catch {
          throw new Failure(`“${one.slice(0, 80)}” is no age recipient`, 2);
        }
      }
      if (recipient.length === 0) encrypter.setPassphrase(await newPassphrase(passphraseFile));
      const exported = await server.call<KeyExport>("POST", "/keys/export");
      await writeNew(to, await encrypter.encrypt(JSON.stringify(exported)));
      note(`${exported.files.length} key files in ${to}. Try it: earwitness keys import ${to} --check`);
    });

  keys
    .command("import")
    .description("Put the keys of an export back where they were. The server must not run. A file that is there with other content is never overwritten.")
    .argument("<file>", "what keys export wrote")
    .option("--identity-file <file>", "age identities (AGE-SECRET-KEY-1…) that open it; without it, a passphrase does")
    .option("--passphrase-file <file>", "whose first line is the passphrase; without it, the terminal is asked")
    .option("--check", "say what would be done, and do nothing")
    .action(async (file: string, { check, ...options }: ImportOptions & { check?: true }) => {
      const exported = parseExport(await decrypt(await readOr(file), options));
      const steps = await plan(join(dataDir, exported.directory), exported.files);
      const refused = steps.filter(({ kind }) => kind === "differs");
      const count = (kind: Step["kind"]): number => steps.filter((step) => step.kind === kind).length;
      const sum = `${exported.files.length} keys of node ${exported.nodeId} of ${exported.exportedAt}: ${count("missing")} missing here, ${count("joined")} to join with newer ones, ${count("same")} here already`;
      if (refused.length > 0) throw new Failure(`${refused.map(({ path }) => path).join(", ")} ${refused.length === 1 ? "is" : "are"} here with another content. Nothing was written; move away what is not wanted.`);
      if (check) return note(`${sum}. Nothing was written.`);
      if (await isRunning(server)) throw new Failure("a server runs with this data directory: stop it first");
      for (const step of steps) await take(step);
      if (steps.some(({ kind }) => kind !== "same")) await leaveAct(join(dataDir, dirname(exported.directory)), exported, count("missing"), count("joined"));
      note(`${sum}. Done.`);
    });
}

/** The next start of the server writes down that it was done, in each tenant's log. */
async function leaveAct(dataDir: string, { nodeId, exportedAt }: KeyExport, missing: number, joined: number): Promise<void> {
  const act: InstallationAct = { id: randomUUID(), action: "Import", item: "Tenant", by: "command line", at: new Date().toISOString(), detail: { name: "keys", ofNode: nodeId, exportedAt, missing, joined } };
  await mkdir(actsDir(dataDir), { recursive: true, mode: 0o700 });
  await writeNew(join(actsDir(dataDir), `${act.at.replaceAll(/[-:]/g, "")}-${act.id}.json`), Buffer.from(JSON.stringify(act)));
}

const isRunning = (server: ControlClient): Promise<boolean> => server.call("GET", "/status").then(() => true, () => false);

interface Step {
  readonly kind: "missing" | "same" | "joined" | "differs";
  readonly path: string;
  readonly content: Uint8Array;
}

async function plan(directory: string, files: readonly KeyFile[]): Promise<Step[]> {
  return await Promise.all(
    files.map(async ({ path: name, content: base64 }): Promise<Step> => {
      const path = join(directory, name);
      const content = Buffer.from(base64, "base64");
      const here = await readFile(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw new Failure(`${path} cannot be read: ${error.message}`);
      });
      if (here === null) return { kind: "missing", path, content };
      if (here.equals(content)) return { kind: "same", path, content };
      const joined = name.endsWith(".json") ? joinPairs(content, here) : null;
      return joined === null ? { kind: "differs", path, content } : { kind: "joined", path, content: joined };
    }),
  );
}

/** A tenant's key pairs are a list, the newest last: a server that began anew without the old ones has made one more. Null where they are no such lists. */
function joinPairs(old: Uint8Array, here: Uint8Array): Uint8Array | null {
  const pairsOf = (bytes: Uint8Array): { publicKey: string }[] | null => {
    try {
      const { version, pairs } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { version?: unknown; pairs?: unknown };
      return version === 1 && Array.isArray(pairs) && pairs.every((pair) => typeof (pair as { publicKey?: unknown }).publicKey === "string") ? (pairs as { publicKey: string }[]) : null;
    } catch {
      return null;
    }
  };
  const [olds, heres] = [pairsOf(old), pairsOf(here)];
  if (olds === null || heres === null) return null;
  return Buffer.from(JSON.stringify({ version: 1, pairs: [...olds.filter(({ publicKey }) => !heres.some((pair) => pair.publicKey === publicKey)), ...heres] }));
}

async function take({ kind, path, content }: Step): Promise<void> {
  if (kind === "same" || kind === "differs") return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await chmod(dirname(path), 0o700);
  const beside = join(dirname(path), `.tmp-import-${process.pid}`);
  await writeNew(beside, content);
  if (kind === "joined") return await rename(beside, path);
  try {
    await link(beside, path); // fails where it has come into being meanwhile
  } finally {
    await unlink(beside);
  }
}

/** For the owner's eyes only, synced, and never over something. */
async function writeNew(path: string, content: Uint8Array): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Failure(`${path} cannot be written: ${(error as Error).message}`);
  }
}

async function readOr(path: string): Promise<Buffer> {
  return await readFile(path).catch((error: Error) => {
    throw new Failure(`${path} cannot be read: ${error.message}`);
  });
}

async function decrypt(file: Uint8Array, { identityFile, passphraseFile }: ImportOptions): Promise<string> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  if (identityFile !== undefined) {
    const identities = (await readOr(identityFile)).toString("utf8").split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
    try {
      for (const identity of identities) decrypter.addIdentity(identity);
    } catch {
      throw new Failure(`${identityFile} holds something that is no age identity`);
    }
  } else decrypter.addPassphrase(passphraseFile === undefined ? await ask("Passphrase: ") : await firstLine(passphraseFile));
  try {
    return await decrypter.decrypt(file, "text");
  } catch {
    throw new Failure(`the file does not open with this ${identityFile === undefined ? "passphrase" : "identity"}, or is no whole age file`);
  }
}

/** Written by us, but by whom it was put here, nobody knows: nothing of it may lead out of the key directory. */
function parseExport(text: string): KeyExport {
  const wrong = new Failure("the file opens, and holds no export of keys");
  let found: Partial<KeyExport>;
  try {
    found = JSON.parse(text) as Partial<KeyExport>;
  } catch {
    throw wrong;
  }
  const { nodeId, exportedAt, directory, files } = found;
  const isFile = (file: unknown): boolean => {
    const { path, content } = (file ?? {}) as Partial<KeyFile>;
    return typeof path === "string" && /^[A-Za-z0-9][A-Za-z0-9.-]*(\/[A-Za-z0-9][A-Za-z0-9.-]*)?$/.test(path) && typeof content === "string" && /^[A-Za-z0-9+/]+={0,2}$/.test(content);
  };
  if (typeof nodeId !== "string" || typeof exportedAt !== "string" || (directory !== "keys" && directory !== "sandbox/keys") || !Array.isArray(files) || !files.every(isFile)) throw wrong;
  return { nodeId, exportedAt, directory, files };
}

async function firstLine(path: string): Promise<string> {
  return (await readOr(path)).toString("utf8").split(/\r?\n/, 1)[0]!;
}

async function newPassphrase(file: string | undefined): Promise<string> {
  const passphrase = file === undefined ? await ask("Passphrase: ") : await firstLine(file);
  if (passphrase.length < shortestPassphrase) throw new Failure(`a passphrase for all keys has at least ${shortestPassphrase} characters`);
  if (file === undefined && (await ask("Once more: ")) !== passphrase) throw new Failure("these were two different passphrases");
  return passphrase;
}

/** From the terminal, without showing it. */
async function ask(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) throw new Failure("there is no terminal to ask for a passphrase: give --passphrase-file", 2);
  process.stderr.write(prompt);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reading = createInterface({ input: process.stdin, output: unseen, terminal: true });
  try {
    return await reading.question("");
  } finally {
    reading.close();
    process.stderr.write("\n");
  }
}

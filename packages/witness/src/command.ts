/** What stands behind `earwitness witness …` and `earwitness-witness …`. */
import { chmod } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatVkey, Malformed, parseVkey } from "@earwitness/verify";
import { disk, isMissing, isThere, makeDirectory, writeDurably } from "./durable-file.ts";
import { createHeads } from "./heads.ts";
import { createJournal } from "./journal.ts";
import { startServer, type WitnessServer } from "./server.ts";
import { createTrustedLogs } from "./trusted-logs.ts";
import { generateWitnessKey, parsePrivateKey, type WitnessKey } from "./witness-key.ts";
import { createWitness } from "./witness.ts";

/** Something that the operator is told in one sentence. */
export class Failure extends Error {
  readonly exitCode: 1 | 2;
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface CommandIo {
  /** Lines that are the result. */
  readonly print: (line: string) => void;
  /** Everything else. */
  readonly report: (sentence: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const usage = `Usage: earwitness witness [start] --name NAME   cosign the heads of trusted logs (C2SP tlog-witness)
       earwitness witness trust VKEY… [--alone]  watch a log; --alone: and trust no other key of it
       earwitness witness forget ORIGIN --reason TEXT
                                                 stop watching a log, and put away what was seen of it
       earwitness witness list                   the logs, and the last head of each
       earwitness witness key                    this witness's public key

  --dir DIR           where key, logs, heads and journal lie (EARWITNESS_WITNESS_DIR; else /var/lib/earwitness-witness as root, ./witness otherwise)
  --name NAME         name of the witness, such as witness.example/w1; asked for at the first start only
  --listen HOST:PORT  default 127.0.0.1:8091; port 0 takes a free one
  --rate NUMBER       requests a second that one address may make; default 100

Exit codes: 0 done; 1 refused or failed; 2 wrong usage.`;

/** Resolves once the command is done; `start` answers the running server. Throws `Failure`. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<WitnessServer | null> {
  const { values, positionals } = read(args);
  if (values.help) {
    io.print(usage);
    return null;
  }
  const [command = "start", ...rest] = positionals;
  const dir = resolve(values.dir ?? directory(io.env));
  const logs = createTrustedLogs(dir);
  const journal = createJournal(dir, () => new Date());
  try {
    switch (command) {
      case "start":
        if (rest.length > 0) throw new Failure(`start takes no “${rest[0]}”`, 2);
        return await start();
      case "trust":
        return await trust();
      case "forget":
        return await forget();
      case "list":
        return await list();
      case "key":
        io.print((await ownKey()).vkey);
        return null;
      default:
        throw new Failure(`there is no command “${command}”.\n\n${usage}`, 2);
    }
  } catch (error) {
    if (error instanceof Malformed) throw new Failure(error.message);
    throw error;
  }

  async function ownKey(): Promise<WitnessKey> {
    try {
      return parsePrivateKey(await disk.readFile(join(dir, "key"), "utf8"));
    } catch (error) {
      if (isMissing(error)) throw new Failure(`there is no witness in ${dir} yet: start it once, with --name`);
      throw error;
    }
  }

  async function start(): Promise<WitnessServer> {
    await makeDirectory(dir);
    await chmod(dir, 0o700); // it may have been made by hand, with another mode
    await makeKey();
    const key = await ownKey();
    if (values.name !== undefined && values.name !== key.public.name) throw new Failure(`the witness in ${dir} is ${key.public.name}, not ${values.name}; another name needs another directory`);
    await makeDirectory(join(dir, "heads"));
    const heads = createHeads(dir, key.public);
    // What could not be believed later is better said now.
    for (const { name } of await logs.all()) await heads.last(name);
    const alarm = (sentence: string): void => io.report(`ALARM: ${sentence}; both are kept in ${join(dir, "contradictions")}`);
    const witness = createWitness({ key, logs, heads, journal, now: () => new Date(), alarm });
    const server = await startServer({ witness, heads, vkey: key.vkey, ...listen(values.listen ?? "127.0.0.1:8091"), rate: whole(values.rate ?? "100"), report: io.report });
    io.print(key.vkey);
    const { host, port } = server.address;
    io.report(`${key.public.name} listens on http://${host.includes(":") ? `[${host}]` : host}:${port}/ and watches ${(await logs.all()).length} keys of logs`);
    return server;
  }

  async function makeKey(): Promise<void> {
    const made = await ownKey().catch((error: unknown) => {
      if (error instanceof Failure) return null;
      throw error;
    });
    if (made !== null) return;
    if (values.name === undefined) throw new Failure("a new witness needs a name that tells it from others, such as --name witness.example/w1", 2);
    const line = generateWitnessKey(values.name);
    try {
      await writeDurably(join(dir, "key"), `${line}\n`, "fail");
    } catch (error) {
      if (isThere(error)) return; // another start was faster: its key is the witness's
      throw error;
    }
    await journal.write({ event: "key made", vkey: parsePrivateKey(line).vkey });
  }

  async function trust(): Promise<null> {
    if (rest.length === 0) throw new Failure("trust needs the public key of a log (vkey)", 2);
    const keys = rest.map(parseVkey); // all of them, before anything is written
    if (values.alone && new Set(keys.map(({ name }) => name)).size < keys.length) throw new Failure("--alone with two keys of one log: which of them?", 2);
    await makeDirectory(dir);
    for (const key of keys) {
      const others = (await logs.keysOf(key.name)).length;
      if (!(await logs.add(key, values.alone))) {
        io.report(`${key.name} was trusted with this key already`);
        continue;
      }
      await journal.write({ event: "trusted", vkey: formatVkey(key), alone: values.alone });
      io.report(others === 0 ? `${key.name} is watched from now on` : values.alone ? `${key.name} is trusted with this key alone from now on` : `${key.name} has ${others + 1} keys now; once it signs with the new one, say so again with --alone`);
    }
    return null;
  }

  async function forget(): Promise<null> {
    const [origin] = rest;
    const reason = values.reason?.trim() ?? "";
    if (origin === undefined || rest.length > 1) throw new Failure("forget needs the origin of one log", 2);
    if (reason === "") throw new Failure("forgetting what was seen of a log lets it show another history: say why, with --reason", 2);
    const heads = createHeads(dir, (await ownKey()).public);
    const size = (await heads.last(origin).catch(() => null))?.checkpoint.size ?? null;
    const vkeys = (await logs.remove(origin)).map(formatVkey);
    const kept = await heads.putAway(origin);
    if (vkeys.length === 0 && kept === null) throw new Failure(`${origin} was not known here; list shows the logs that are`);
    await journal.write({ event: "forgotten", origin, reason, vkeys, size, kept });
    io.report(`FORGOTTEN: ${origin}${size === null ? "" : `, seen up to ${size} entries`}. If it is trusted again, it may begin with any history; this stands in ${join(dir, "journal.jsonl")}`);
    return null;
  }

  async function list(): Promise<null> {
    const heads = createHeads(dir, (await ownKey()).public);
    for (const key of await logs.all()) {
      const last = await heads.last(key.name);
      io.print(`${formatVkey(key)}\t${last === null ? "nothing seen yet" : `${last.checkpoint.size} entries, ${new Date(last.atSeconds * 1000).toISOString()}`}`);
    }
    return null;
  }
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        dir: { type: "string" },
        name: { type: "string" },
        listen: { type: "string" },
        rate: { type: "string" },
        reason: { type: "string" },
        alone: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n\n${usage}`, 2);
  }
}

function directory(env: Readonly<Record<string, string | undefined>>): string {
  const given = env["EARWITNESS_WITNESS_DIR"];
  if (given !== undefined && given !== "") return given.replace(/^~(?=\/|$)/, homedir());
  return process.getuid?.() === 0 ? "/var/lib/earwitness-witness" : "witness";
}

function listen(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:\[([0-9a-fA-F:.]+)\]|[^:]+):(\d{1,5})$/.exec(text) ?? [];
  const number = Number(port);
  if (port === undefined || number > 65_535) throw new Failure(`“${text}” is not HOST:PORT, such as 127.0.0.1:8091 or [::]:8091`, 2);
  return { host: host ?? text.slice(0, text.lastIndexOf(":")), port: number };
}

function whole(text: string): number {
  const number = Number(text);
  if (!/^\d{1,7}$/.test(text) || number === 0) throw new Failure(`“${text}” is no number of requests a second`, 2);
  return number;
}

/** The logs that this witness watches: a file of vkeys, one a line, `#` before a comment. The name of a key is the origin of its log. */
import { join } from "node:path";
import { formatVkey, Malformed, parseVkey, type NoteKey } from "@earwitness/verify";
import { disk, isMissing, writeDurably } from "./durable-file.ts";

export interface TrustedLogs {
  /** A log has more than one key while it changes them. */
  keysOf(origin: string): Promise<readonly NoteKey[]>;
  all(): Promise<readonly NoteKey[]>;
  /** False where it was trusted before. `alone`: no other key of that log from now on. */
  add(key: NoteKey, alone: boolean): Promise<boolean>;
  /** The keys that were trusted until now. */
  remove(origin: string): Promise<readonly NoteKey[]>;
}

const head = "# Logs whose heads this witness cosigns; one public key (vkey) a line.\n";

export function createTrustedLogs(dir: string): TrustedLogs {
  const path = join(dir, "logs");

  async function read(): Promise<string> {
    try {
      return await disk.readFile(path, "utf8");
    } catch (error) {
      if (isMissing(error)) return head;
      throw error;
    }
  }

  const keyIn = (line: string): NoteKey | null => (/^\s*(#|$)/.test(line) ? null : parseVkey(line));

  async function all(): Promise<NoteKey[]> {
    return (await read()).split("\n").flatMap((line, at) => {
      try {
        return keyIn(line) ?? [];
      } catch (error) {
        throw new Malformed(`${path}, line ${at + 1}: ${(error as Error).message}`);
      }
    });
  }

  async function rewrite(keep: (key: NoteKey) => boolean, added: NoteKey | null): Promise<void> {
    const lines = (await read()).split("\n").slice(0, -1).filter((line) => {
      const key = keyIn(line);
      return key === null || keep(key);
    });
    await writeDurably(path, [...lines, ...(added === null ? [] : [formatVkey(added)])].map((line) => `${line}\n`).join(""), "replace");
  }

  return {
    all,
    keysOf: async (origin) => (await all()).filter(({ name }) => name === origin),
    async add(key, alone) {
      const known = (await all()).filter(({ name }) => name === key.name);
      const isKnown = known.some((one) => formatVkey(one) === formatVkey(key));
      if (isKnown && (!alone || known.length === 1)) return false;
      await rewrite(({ name }) => !(alone && name === key.name), isKnown && !alone ? null : key);
      return true;
    },
    async remove(origin) {
      const known = (await all()).filter(({ name }) => name === origin);
      if (known.length > 0) await rewrite(({ name }) => name !== origin, null);
      return known;
    },
  };
}

/**
 * The last head that was cosigned of each log: `heads/<hash of the origin>/<number>`, each file a checkpoint with the log's signature and
 * ours. A new head takes the next number, and a name is made once only: of two processes on one directory that answer at the same
 * moment, one fails, so there is no lock to be left behind. Everything is read from disk each time, for the same reason.
 */
import { createHash } from "node:crypto";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { Malformed, parseCheckpoint, parseNote, verifyNote, type Checkpoint, type NoteKey } from "@earwitness/verify";
import { disk, isMissing, isThere, makeDirectory, syncDirectory, writeDurably } from "./durable-file.ts";

export interface Head {
  readonly number: number;
  readonly note: string;
  readonly checkpoint: Checkpoint;
  /** When we cosigned it. */
  readonly atSeconds: number;
}

export interface Heads {
  last(origin: string): Promise<Head | null>;
  /** The checkpoint of the log whose origin has this hash, as it may be shown to anybody. */
  show(originHash: string): Promise<string | null>;
  /** False where `before` is not the last head any more: then nothing was written that counts. Once it is true, it is on disk. */
  follow(origin: string, before: Head | null, note: string): Promise<boolean>;
  /** Puts away what was seen of a log, so that another history of it can begin. Answers where it lies now; null where nothing was seen. */
  putAway(origin: string): Promise<string | null>;
}

export const hashOfOrigin = (origin: string): string => createHash("sha256").update(origin).digest("hex");

export function createHeads(dir: string, key: NoteKey, files = disk): Heads {
  const dirOf = (originHash: string): string => join(dir, "heads", originHash);
  const nameOf = (number: number): string => String(number).padStart(12, "0");

  /** Ascending. */
  async function numbersOf(originHash: string): Promise<number[]> {
    const names = await files.readdir(dirOf(originHash)).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    return names.filter((name) => /^[0-9]{12}$/.test(name)).map(Number).sort((one, other) => one - other);
  }

  async function read(originHash: string): Promise<{ number: number; note: string } | null> {
    for (;;) {
      const number = (await numbersOf(originHash)).at(-1);
      if (number === undefined) return null;
      try {
        return { number, note: await files.readFile(join(dirOf(originHash), nameOf(number)), "utf8") };
      } catch (error) {
        if (!isMissing(error)) throw error; // else a newer one took its place in between
      }
    }
  }

  return {
    async last(origin) {
      const found = await read(hashOfOrigin(origin));
      if (found === null) return null;
      const where = join(dirOf(hashOfOrigin(origin)), nameOf(found.number));
      const signed = parseNote(found.note);
      const checkpoint = parseCheckpoint(signed.text);
      const [own] = await verifyNote(signed, [key]);
      if (checkpoint.origin !== origin || own === undefined || own.atSeconds === null) throw new Malformed(`${where} is no head of ${origin} that was signed with the key in this directory`);
      return { ...found, checkpoint, atSeconds: own.atSeconds };
    },
    async show(originHash) {
      return /^[0-9a-f]{64}$/.test(originHash) ? ((await read(originHash))?.note ?? null) : null;
    },
    async follow(origin, before, note) {
      const hash = hashOfOrigin(origin);
      const number = (before?.number ?? 0) + 1;
      if (before === null) await makeDirectory(dirOf(hash), files);
      try {
        await writeDurably(join(dirOf(hash), nameOf(number)), note, "fail", files);
      } catch (error) {
        if (isThere(error)) return false;
        throw error;
      }
      // The name may have been free because others had it, went on, and cleared it away; or because all was put away. Both show here.
      const numbers = await numbersOf(hash);
      if (numbers.at(-1) !== number || (before !== null && !numbers.includes(before.number))) {
        await files.unlink(join(dirOf(hash), nameOf(number)));
        return false;
      }
      for (const old of numbers.slice(0, -1)) await files.unlink(join(dirOf(hash), nameOf(old))).catch(passMissing);
      return true;
    },
    async putAway(origin) {
      const hash = hashOfOrigin(origin);
      if ((await numbersOf(hash)).length === 0) return null;
      await makeDirectory(join(dir, "forgotten"), files);
      const away = join(dir, "forgotten", `${hash}-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`);
      await rename(dirOf(hash), away);
      await syncDirectory(join(dir, "forgotten"), files);
      await syncDirectory(join(dir, "heads"), files);
      return away;
    },
  };
}

function passMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

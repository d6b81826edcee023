/**
 * What the witness's operator decided and what logs were caught at, one line of JSON each, only ever added to. Two heads of one log that
 * exclude each other are kept whole in `contradictions`: both are signed by the log, so anybody can check that it showed two histories.
 */
import { join } from "node:path";
import { toHex, type Checkpoint } from "@earwitness/verify";
import { appendLine, isThere, makeDirectory, writeDurably } from "./durable-file.ts";
import { hashOfOrigin } from "./heads.ts";

export type Event =
  | { readonly event: "key made"; readonly vkey: string }
  | { readonly event: "trusted"; readonly vkey: string; readonly alone: boolean }
  | { readonly event: "forgotten"; readonly origin: string; readonly reason: string; readonly vkeys: readonly string[]; readonly size: number | null; readonly kept: string | null }
  | { readonly event: "contradiction"; readonly origin: string; readonly size: number; readonly kept: string };

export interface Journal {
  write(event: Event): Promise<void>;
  /** False where these two were written down before. */
  contradiction(seen: string, shown: string, checkpoint: Checkpoint): Promise<boolean>;
}

export function createJournal(dir: string, now: () => Date): Journal {
  const write = async (event: Event): Promise<void> => await appendLine(join(dir, "journal.jsonl"), JSON.stringify({ at: now().toISOString(), ...event }));
  return {
    write,
    async contradiction(seen, shown, { origin, size, root }) {
      const kept = join("contradictions", `${hashOfOrigin(origin)}-${size}-${toHex(root)}`);
      await makeDirectory(join(dir, "contradictions"));
      try {
        await writeDurably(join(dir, kept), `${seen}\n${shown}`, "fail");
      } catch (error) {
        if (isThere(error)) return false;
        throw error;
      }
      await write({ event: "contradiction", origin, size, kept });
      return true;
    },
  };
}

/** Checkpoints (C2SP tlog-checkpoint): the head of a log at one size, as the text of a signed note. */
import { fromBase64, toBase64 } from "./base64.ts";
import { Malformed } from "./note.ts";

export interface Checkpoint {
  /** Which log: a name like `earwitness.example/contoso`. */
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  /** Merkle root of them (RFC 6962), 32 bytes. */
  readonly root: Uint8Array;
  /** Lines after the first three; we write none, and believe none. */
  readonly extensions: readonly string[];
}

export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, String(size), toBase64(root), ...extensions].map((line) => `${line}\n`).join("");
}

/** Reads the text of a note. Whether anybody signed it is `verifyNote`'s question. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : [];
  const [origin, decimal, hash, ...extensions] = lines;
  if (origin === undefined || decimal === undefined || hash === undefined || lines.includes("")) throw new Malformed("a checkpoint has three lines: its log, its size and its root");
  const root = fromBase64(hash);
  const size = /^(0|[1-9][0-9]{0,15})$/.test(decimal) ? Number(decimal) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw new Malformed(`“${decimal.slice(0, 40)}” is no size of a log`);
  if (root === null || root.length !== 32) throw new Malformed("the root of the checkpoint is no SHA-256");
  return { origin, size, root, extensions };
}

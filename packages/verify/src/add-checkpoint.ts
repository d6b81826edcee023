/** What a log asks of a witness (C2SP tlog-witness, add-checkpoint): a new head, and the proof from the head that the witness saw last. */
import { fromBase64, toBase64 } from "./base64.ts";
import { parseCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { Malformed, parseNote, type Note } from "./note.ts";

export interface AddCheckpoint {
  /** What the witness is believed to have seen last; 0 for nothing. */
  readonly oldSize: number;
  readonly proof: readonly Uint8Array[];
  /** The head, signed, verbatim. */
  readonly note: string;
}

/** With what stands in its note; whether anybody signed it is not asked here. */
export interface ReadAddCheckpoint extends AddCheckpoint {
  readonly signed: Note;
  readonly checkpoint: Checkpoint;
}

/** A tree of 2^53 leaves is 53 high; C2SP allows 63. */
const maxProofLines = 63;

export const formatAddCheckpoint = ({ oldSize, proof, note }: AddCheckpoint): string => `${[`old ${oldSize}`, ...proof.map(toBase64)].join("\n")}\n\n${note}`;

export function parseAddCheckpoint(body: string): ReadAddCheckpoint {
  const split = body.indexOf("\n\n");
  if (split < 0) throw new Malformed("there is no empty line between proof and checkpoint");
  const [first = "", ...lines] = body.slice(0, split).split("\n");
  const [, decimal] = /^old (0|[1-9][0-9]{0,15})$/.exec(first) ?? [];
  const oldSize = Number(decimal ?? Number.NaN);
  if (!Number.isSafeInteger(oldSize)) throw new Malformed("the first line is not “old” and a size");
  if (lines.length > maxProofLines) throw new Malformed("the proof is longer than any tree is high");
  const proof = lines.map((line) => {
    const bytes = fromBase64(line);
    if (bytes === null || bytes.length !== 32) throw new Malformed("a line of the proof is no SHA-256");
    return bytes;
  });
  const note = body.slice(split + 2);
  const signed = parseNote(note);
  return { oldSize, proof, note, signed, checkpoint: parseCheckpoint(signed.text) };
}

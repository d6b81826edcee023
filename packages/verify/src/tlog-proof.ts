/** A proof that one leaf is in a log (C2SP tlog-proof): its index, the way to the root, and the signed checkpoint with that root. */
import { fromBase64, toBase64 } from "./base64.ts";
import { Malformed } from "./note.ts";

export interface TlogProof {
  readonly index: number;
  /** From the leaf's sibling up. */
  readonly proof: readonly Uint8Array[];
  /** A signed note, verbatim. */
  readonly checkpoint: string;
}

const firstLine = "c2sp.org/tlog-proof@v1";
/** A tree of 2^53 leaves is 53 high. */
const maxProofLines = 63;

export function formatTlogProof({ index, proof, checkpoint }: TlogProof): string {
  return `${[firstLine, `index ${index}`, ...proof.map(toBase64)].join("\n")}\n\n${checkpoint}`;
}

export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf("\n\n");
  if (split < 0) throw new Malformed("the proof has no checkpoint");
  const lines = text.slice(0, split).split("\n");
  if (lines.shift() !== firstLine) throw new Malformed(`a proof begins with ${firstLine}`);
  if (lines[0]?.startsWith("extra ")) lines.shift(); // not signed by anybody, so not read
  const [, decimal] = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? "") ?? [];
  const index = Number(decimal ?? Number.NaN);
  if (!Number.isSafeInteger(index)) throw new Malformed("the proof does not say of which leaf");
  if (lines.length > maxProofLines) throw new Malformed("the proof is longer than any tree is high");
  const proof = lines.map((line) => {
    const bytes = fromBase64(line);
    if (bytes === null || bytes.length !== 32) throw new Malformed("a line of the proof is no SHA-256");
    return bytes;
  });
  return { index, proof, checkpoint: text.slice(split + 2) };
}

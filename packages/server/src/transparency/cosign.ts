/** Asks a witness (C2SP tlog-witness) for its cosignature under a head of a log. Nothing that it answers is believed before it verifies. */
import { formatAddCheckpoint, formatSignatureLine, Malformed, parseCheckpoint, parseNote, proveConsistency, verifyNote, type Note, type NoteKey, type ReadHashes } from "@earwitness/verify";
import { sha256 } from "#evidence";
import { post } from "./post.ts";

export interface WitnessAddress {
  /** Its submission prefix, without a slash at the end. */
  readonly url: string;
  readonly key: NoteKey;
}

export type Cosigning =
  | { readonly kind: "cosigned"; readonly line: string; readonly atSeconds: number }
  /** It cosigned a larger head already: overtaken, or, where we have no larger one, a log that was set back. */
  | { readonly kind: "ahead"; readonly size: number }
  /** It saw another history of this log. */
  | { readonly kind: "contradicted"; readonly why: string }
  /** It does not know this log or its key, or does not take what we send. */
  | { readonly kind: "refused"; readonly why: string }
  /** No answer, or none that can be used; a later try may do better. */
  | { readonly kind: "unreachable"; readonly why: string };

export interface CosignOptions {
  /** What the witness cosigned last, as far as we know; where this is wrong it says so. */
  readonly oldSize?: number;
  readonly timeoutMs?: number;
}

/** Another writer may be faster each time; after so many it is a later try's turn. */
const attempts = 4;

/** `note` is the head as the log signed it; `read` reads hashes of a log that is at least as large. */
export async function cosign(note: string, read: ReadHashes, witness: WitnessAddress, { oldSize = 0, timeoutMs }: CosignOptions = {}): Promise<Cosigning> {
  const signed = parseNote(note);
  const { size } = parseCheckpoint(signed.text);
  let seen = Math.min(oldSize, size);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const body = formatAddCheckpoint({ oldSize: seen, proof: await proveConsistency(sha256, seen, size, read), note });
    const answer = await post(`${witness.url}/add-checkpoint`, body, timeoutMs === undefined ? {} : { timeoutMs });
    if (answer.kind === "none") return { kind: "unreachable", why: answer.why };
    const { status } = answer;
    const text = new TextDecoder().decode(answer.body);
    if (status === 200) return await readLines(signed, text, witness);
    if (status === 409) {
      const says = /^(0|[1-9][0-9]{0,15})\n$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(says)) return { kind: "unreachable", why: "it says that it saw another size, but not which" };
      if (says > size) return { kind: "ahead", size: says };
      seen = says;
    } else if (status === 422) {
      return { kind: "contradicted", why: `the head of ${size} does not continue the one of ${seen} that it cosigned` };
    } else if (status === 404) {
      return { kind: "refused", why: "it does not know this log; its operator has to trust the log's key" };
    } else if (status === 403) {
      return { kind: "refused", why: "it does not trust the key that signed; its operator has to trust the log's new key" };
    } else {
      return { kind: status >= 500 || status === 429 || status === 408 ? "unreachable" : "refused", why: `it answered ${status}` };
    }
  }
  return { kind: "unreachable", why: `it named another size ${attempts} times` };
}

/** Of all that was answered, the line of the key that we know, verified; what others signed beside it is left away, as C2SP asks. */
async function readLines({ text }: Note, lines: string, { key }: WitnessAddress): Promise<Cosigning> {
  try {
    const { text: same, signatures } = parseNote(`${text}\n${lines}`);
    const own = signatures.find(({ name, keyId }) => name === key.name && keyId === key.id);
    const [verified] = own === undefined ? [] : await verifyNote({ text: same, signatures: [own] }, [key]);
    if (own === undefined || verified === undefined || same !== text) return { kind: "unreachable", why: "it answered without a signature of the key that is configured for it" };
    if (verified.atSeconds === null || verified.atSeconds === 0) return { kind: "unreachable", why: "it signed without a time" };
    return { kind: "cosigned", line: formatSignatureLine(own), atSeconds: verified.atSeconds };
  } catch (error) {
    if (error instanceof Malformed) return { kind: "unreachable", why: `its answer cannot be used: ${error.message}` };
    throw error;
  }
}

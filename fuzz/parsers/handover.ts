import { formatHandover, formatNote, Malformed, noteKey, noteTypes, parseHandover, parseNote } from "@earwitness/verify";
import { demand, harness, refused, taken, text } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const key = (fill: number) => noteKey("log.example/a", noteTypes.ed25519, new Uint8Array(32).fill(fill));
const written = formatHandover({ origin: "log.example/a", old: key(1), new: key(2), fromSize: 9 });
const note = formatNote({ text: written, signatures: [key(1), key(2)].map(({ name, id }) => ({ name, keyId: id, signature: new Uint8Array(64) })) });

/** A hand-over, as a bundle or a stranger brings it. */
function run(input: Uint8Array): Verdict {
  try {
    const signed = parseNote(text(input));
    const handover = parseHandover(signed.text);
    demand(formatHandover(handover) === signed.text, "what was read is written the same");
    demand(Number.isSafeInteger(handover.fromSize) && handover.old.publicKey.length === 32 && handover.new.publicKey.length === 32, "sizes are sizes and keys are keys");
    return "taken";
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return "refused";
  }
}

export const handover = harness({
  name: "handover",
  run,
  maxBytes: 16 * 1024,
  words: ["earwitness/handover/1\n", "\nold ", "\nnew ", "\nfrom ", "+", "\u2014 ", "\n\n", "log.example/a", "9007199254740991"],
  covers: ["/packages/verify/src/"],
  seeds: [taken("from one key to the next", note), refused("of another log", note.replace("\nlog.example/a", "\nlog.example/b")), refused("a checkpoint", note.replace(written, "log.example/a\n9\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")), refused("nothing", "")],
});

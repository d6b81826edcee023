import { createHash } from "node:crypto";
import { formatAddCheckpoint, formatCheckpoint, formatNote, Malformed, parseAddCheckpoint, verifyConsistency } from "@earwitness/verify";
import { demand, harness, refused, sayAll, taken, text } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const root = createHash("sha256").digest();
const note = formatNote({ text: formatCheckpoint({ origin: "log.example/a", size: 9, root, extensions: [] }), signatures: [{ name: "log.example/a", keyId: 7, signature: new Uint8Array(64) }] });
const request = formatAddCheckpoint({ oldSize: 3, proof: [root, root, root], note });

/** The body of a request to a witness: the one thing that it reads from whoever connects. */
function run(input: Uint8Array): Verdict {
  const body = text(input);
  let read;
  try {
    read = parseAddCheckpoint(body);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    demand(error.message.length < 400, "a refusal gives a short reason");
    return "refused";
  }
  demand(formatAddCheckpoint(read) === body, "what was read is written the same");
  demand(sayAll(parseAddCheckpoint(formatAddCheckpoint(read))) === sayAll(read), "and read the same again");
  const { oldSize, proof, checkpoint } = read;
  demand(Number.isSafeInteger(oldSize) && oldSize >= 0 && Number.isSafeInteger(checkpoint.size), "sizes are sizes");
  demand(proof.length <= 63 && proof.every(({ length }) => length === 32) && checkpoint.root.length === 32, "hashes are hashes");
  verifyConsistency((bytes) => createHash("sha256").update(bytes).digest(), { first: oldSize, second: checkpoint.size, firstRoot: root, secondRoot: checkpoint.root, proof });
  return "taken";
}

export const addCheckpoint = harness({
  name: "add-checkpoint",
  run,
  alone: (input) => {
    try {
      parseAddCheckpoint(text(input));
    } catch {
      // refused
    }
  },
  maxBytes: 128 * 1024,
  words: ["old ", "old 0\n", "\n\n", "\n", "\u2014 ", "log.example/a", "\n9\n", "9007199254740991", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "AAAAAAA=", "=", "\r\n", "\0"],
  covers: ["/packages/verify/src/"],
  seeds: [
    taken("a head and its proof", request),
    taken("a first head", formatAddCheckpoint({ oldSize: 0, proof: [], note })),
    taken("a head with lines of its own", request.replace("\n\n\u2014", "\nmore\n\n\u2014")),
    taken("many signatures", `${request}${`\u2014 w ${Buffer.alloc(76).toString("base64")}\n`.repeat(50)}`),
    refused("no old line", note),
    refused("a proof that is too long", formatAddCheckpoint({ oldSize: 3, proof: Array.from({ length: 64 }, () => root), note })),
    refused("no signature", request.slice(0, request.indexOf("\u2014"))),
    refused("a head without a root", request.replace(/\n47DEQ[^\n]*\n\n\u2014/, "\n\n\u2014")),
    refused("nothing", ""),
  ],
});

/** Two histories signed with the log's own key, shown to two readers who ask for the cosignature of the same witness. */
import { formatAddCheckpoint, formatCheckpoint, formatNote, hashBytes, parseCheckpoint, parseNote, parseVkey, proveConsistency, readFromTiles, type Tile } from "@earwitness/verify";
import { createLogSigner, sha256, type LogSigner } from "../../../packages/server/src/evidence/index.ts";
import { emptyEdge, growTree } from "../../../packages/server/src/evidence/tree-edge.ts";
import type { Head } from "../../../packages/witness/src/heads.ts";
import { generateWitnessKey, parsePrivateKey } from "../../../packages/witness/src/witness-key.ts";
import { createWitness } from "../../../packages/witness/src/witness.ts";
import { rootsOf } from "./roots.ts";
import type { Random, Tallies } from "./tally.ts";

const origin = "earwitness.example/log/views";
const key = parsePrivateKey(generateWitnessKey("witness.example"));

interface History {
  readonly entries: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
  prove(first: number, second: number): Promise<Uint8Array[]>;
}

async function historyOf(entries: readonly Uint8Array[]): Promise<History> {
  const tiles = new Map((await growTree(emptyEdge, entries)).tiles.map(({ level, index, hashes }) => [`${level} ${index}`, hashes]));
  const prove = (first: number, second: number) => proveConsistency(sha256, first, second, readFromTiles(sha256, second, async ({ level, index, width }: Tile) => tiles.get(`${level} ${index}`)?.subarray(0, width * hashBytes) ?? new Uint8Array(0)));
  return { entries, roots: rootsOf(entries), prove };
}

/** A witness that saw nothing yet, with its memory here. */
function newWitness(signer: LogSigner) {
  let last: Head | null = null;
  const alarms: string[] = [];
  const witness = createWitness({
    key,
    logs: { keysOf: async (name) => (name === origin ? [parseVkey(signer.vkey)] : []) },
    heads: {
      last: async () => last,
      follow: async (_origin, _before, note) => {
        const { text } = parseNote(note);
        last = { number: (last?.number ?? 0) + 1, note, checkpoint: parseCheckpoint(text), atSeconds: 0 };
        return true;
      },
    },
    journal: { contradiction: async () => true },
    now: () => new Date(),
    alarm: (sentence) => void alarms.push(sentence),
  });
  return { witness, alarms };
}

async function show({ witness }: ReturnType<typeof newWitness>, signer: LogSigner, oldSize: number, size: number, root: Uint8Array, proof: readonly Uint8Array[]): Promise<{ status: number; body: string }> {
  const text = formatCheckpoint({ origin, size, root, extensions: [] });
  return await witness.addCheckpoint(Buffer.from(formatAddCheckpoint({ oldSize, proof, note: formatNote({ text, signatures: [signer.signatureOf(text)] }) })));
}

export async function tamperViews(count: number, honest: number, random: Random, tallies: Tallies): Promise<void> {
  const signer = createLogSigner(origin, random.bytes(32));
  const most = 700;
  const told = await historyOf(Array.from({ length: most }, () => random.bytes(hashBytes)));
  for (let n = 0; n < count; n += 1) {
    const first = 1 + random.below(most - 1);
    const place = random.below(first);
    const other = await historyOf(told.entries.with(place, random.bytes(hashBytes)));
    // As long, longer, shorter than what the witness saw.
    const second = random.below(4) === 0 ? first : 1 + random.below(most);
    const asked = newWitness(signer);
    await show(asked, signer, 0, first, told.roots[first]!, []);
    // Whoever lies gives the best proof there is, out of either history.
    const proofs = second <= first ? [[]] : [await other.prove(first, second), await told.prove(first, second)];
    const answers = [];
    for (const proof of proofs) answers.push(await show(asked, signer, Math.min(first, second), second, other.roots[second]!, proof), await show(asked, signer, first, second, other.roots[second]!, proof));
    const isSame = second <= place;
    const noticed = answers.every(({ status }) => status !== 200);
    const named = second === first ? asked.alarms.some((alarm) => alarm.includes(`two different trees of ${first} entries`)) : answers.every(({ body }) => body.length > 0);
    // A shorter head of another history that has not parted yet is a head of this one; the witness refuses to go back all the same.
    tallies.tried(isSame ? "an older head after a newer one" : "two histories, one witness", { noticed, named, what: `row ${place} differs; heads of ${first} and ${second} rows; the witness said ${JSON.stringify(answers)}` });
  }
  let asked = newWitness(signer);
  for (let n = 0, size = 0; n < honest; n += 1) {
    if (size > most - 10) [asked, size] = [newWitness(signer), 0];
    const next = size + 1 + random.below(9);
    const { status, body } = await show(asked, signer, size, next, told.roots[next]!, size === 0 ? [] : await told.prove(size, next));
    tallies.honest("a log that grew, to its witness", status === 200 && asked.alarms.length === 0 ? [] : [status, body, asked.alarms]);
    size = next;
  }
}

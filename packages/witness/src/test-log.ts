/** A log for tests, with a real key: it grows, signs any size of itself, proves, and can be made to lie by having a second one of the same name. */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { formatCheckpoint, formatNote, formatVkey, leafHash, nodeHash, noteKey, noteTypes, proveConsistency, treeRoot, type Hash, type NoteKey, type ReadHashes } from "@earwitness/verify";

export const hash: Hash = (bytes) => createHash("sha256").update(bytes).digest();

export interface TestKey {
  readonly public: NoteKey;
  readonly vkey: string;
  sign(text: string): Uint8Array;
}

export function createTestKey(name: string): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = noteKey(name, noteTypes.ed25519, new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-32)));
  return { public: key, vkey: formatVkey(key), sign: (text) => sign(null, Buffer.from(text), privateKey) };
}

export interface TestLog {
  /** The signed head of its first `size` entries. */
  head(size: number): Promise<string>;
  proof(first: number, second: number): Promise<readonly Uint8Array[]>;
  root(size: number): Promise<Uint8Array>;
  readonly read: ReadHashes;
}

/** Logs of one `history` and size have the same entries; of two, they differ from entry `fork` on. */
export function createTestLog(key: TestKey, history = "", fork = 0, entries = 200): TestLog {
  const leaves = Array.from({ length: entries }, (_, at) => leafHash(hash, Buffer.from(`entry ${at}${at < fork ? "" : history}`)));
  const levels: Uint8Array[][] = [leaves];
  while (levels.at(-1)!.length > 1) {
    const below = levels.at(-1)!;
    levels.push(Array.from({ length: Math.floor(below.length / 2) }, (_, at) => nodeHash(hash, below[2 * at]!, below[2 * at + 1]!)));
  }
  const read: ReadHashes = async (subtrees) => subtrees.map(({ level, index }) => levels[level]![index]!);
  const root = (size: number): Promise<Uint8Array> => treeRoot(hash, size, read);
  return {
    read,
    root,
    async head(size) {
      const text = formatCheckpoint({ origin: key.public.name, size, root: await root(size), extensions: [] });
      return formatNote({ text, signatures: [{ name: key.public.name, keyId: key.public.id, signature: key.sign(text) }] });
    },
    proof: (first, second) => proveConsistency(hash, first, second, read),
  };
}

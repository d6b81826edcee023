/** Keys of logs: Ed25519, named like the log they sign for (C2SP signed-note, tlog-checkpoint). */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { formatCheckpoint, formatNote, formatVkey, Malformed, noteKey, noteTypes, parseCheckpoint, parseNote, parseVkey, type NoteKey, type NoteSignature } from "@earwitness/verify";

/** Private keys of logs that this node holds: seeds of Ed25519, 32 bytes each. */
export interface LogSeeds {
  /** Those of the tenant's log, in any order; a retired one does no harm. */
  read(tenantId: string): Promise<readonly Uint8Array[]>;
  /** Makes the first one; durable when it answers. */
  make(tenantId: string): Promise<Uint8Array>;
  /** Makes one more, beside those that are there; durable when it answers. */
  add(tenantId: string): Promise<Uint8Array>;
  /** Destroys these, if they are there. */
  destroy(tenantId: string, seeds: readonly Uint8Array[]): Promise<void>;
}

export interface LogHead {
  readonly size: number;
  readonly root: Uint8Array;
}

export interface LogSigner {
  readonly vkey: string;
  readonly key: NoteKey;
  /** The signed note of this head. */
  sign(head: LogHead): string;
  signatureOf(text: string): NoteSignature;
}

const seedPrefix = Buffer.from("302e020100300506032b657004220420", "hex"); // PKCS #8 of Ed25519 (RFC 8410), up to the seed
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex");

export function createLogSigner(origin: string, seed: Uint8Array): LogSigner {
  const privateKey = createPrivateKey({ key: Buffer.concat([seedPrefix, seed]), format: "der", type: "pkcs8" });
  const key = noteKey(origin, noteTypes.ed25519, publicKeyOf(privateKey));
  const signatureOf = (text: string): NoteSignature => ({ name: key.name, keyId: key.id, signature: sign(null, Buffer.from(text), privateKey) });
  return {
    vkey: formatVkey(key),
    key,
    signatureOf,
    sign({ size, root }) {
      const text = formatCheckpoint({ origin, size, root, extensions: [] });
      return formatNote({ text, signatures: [signatureOf(text)] });
    },
  };
}

const publicKeyOf = (key: KeyObject): Uint8Array => new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(publicPrefix.length));

/** The head that a note says, signed by one of these keys of that log. Throws Malformed for everything else. */
export function openHead(note: string, origin: string, vkeys: readonly string[]): LogHead {
  const { text, signatures } = parseNote(note);
  const head = parseCheckpoint(text);
  if (head.origin !== origin) throw new Malformed(`the head is of the log ${head.origin}, not of ${origin}`);
  const isOurs = vkeys.map(parseVkey).some((key) =>
    signatures.some(({ name, keyId, signature }) => name === key.name && keyId === key.id && verify(null, Buffer.from(text), createPublicKey({ key: Buffer.concat([publicPrefix, key.publicKey]), format: "der", type: "spki" }), signature)),
  );
  if (!isOurs) throw new Malformed("the head is not signed by the log's own key");
  return head;
}

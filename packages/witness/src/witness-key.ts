/** The witness's own key: a name and an Ed25519 pair, in one line as Go's note package writes it (`PRIVATE+KEY+name+id+base64(type ‖ seed)`). */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { cosignedText, formatSignatureLine, formatVkey, fromBase64, Malformed, noteKey, noteTypes, toBase64, type NoteKey } from "@earwitness/verify";

export interface WitnessKey {
  readonly public: NoteKey;
  readonly vkey: string;
  /** One line of a note: that at this second this was the largest head seen of its log (C2SP tlog-cosignature v1). */
  cosign(text: string, atSeconds: number): string;
}

/** A private key of Ed25519 in PKCS #8 (RFC 8410) is these bytes and its seed. */
const pkcs8 = "302e020100300506032b657004220420";
const pkcs8Head = Buffer.from(pkcs8, "hex");
const seedBytes = 32;

export function generateWitnessKey(name: string): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return formatPrivateKey(name, privateKey);
}

export function formatPrivateKey(name: string, key: KeyObject): string {
  const seed = key.export({ format: "der", type: "pkcs8" }).subarray(pkcs8Head.length);
  const { id } = publicOf(name, key);
  return `PRIVATE+KEY+${name}+${id.toString(16).padStart(8, "0")}+${toBase64(Uint8Array.of(noteTypes.cosignature, ...seed))}`;
}

export function parsePrivateKey(line: string): WitnessKey {
  const [, name, id, material] = /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(line.trim()) ?? [];
  const bytes = material === undefined ? null : fromBase64(material);
  // Nothing of the line is repeated in an error: it would end in a log.
  if (name === undefined || bytes === null || bytes.length !== 1 + seedBytes || bytes[0] !== noteTypes.cosignature) throw new Malformed("this is no private key of a witness");
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, bytes.subarray(1)]), format: "der", type: "pkcs8" });
  const known = publicOf(name, key);
  if (known.id.toString(16).padStart(8, "0") !== id) throw new Malformed(`the private key of ${name} does not belong to its own hash: it was changed`);
  return {
    public: known,
    vkey: formatVkey(known),
    cosign(text, atSeconds) {
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(atSeconds));
      const signature = sign(null, Buffer.from(cosignedText(text, atSeconds)), key);
      return formatSignatureLine({ name, keyId: known.id, signature: Buffer.concat([time, signature]) });
    },
  };
}

function publicOf(name: string, key: KeyObject): NoteKey {
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return noteKey(name, noteTypes.cosignature, new Uint8Array(spki.subarray(-32)));
}

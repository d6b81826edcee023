/**
 * Signed notes (C2SP signed-note): a text and the lines that sign it. A signature is `— name base64(key id ‖ signature)`; name and id
 * together say which key, and with it which algorithm. Pure parsing here; `verifyNote` asks the platform's WebCrypto for Ed25519.
 */
import { fromBase64, toBase64, toHex } from "./base64.ts";
import { sameBytes } from "./merkle.ts";
import { sha256 } from "./sha256.ts";

/** Signature types of signed-note: what a key signs, and how. */
export const noteTypes = { ed25519: 0x01, cosignature: 0x04 } as const;

/** A key that somebody trusts, as its vkey says. */
export interface NoteKey {
  readonly name: string;
  /** 32 bits. */
  readonly id: number;
  readonly type: number;
  /** 32 bytes of Ed25519 (RFC 8032). */
  readonly publicKey: Uint8Array;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Uint8Array;
}

export interface Note {
  /** What is signed, its last newline included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export class Malformed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Malformed";
  }
}

/** One signature of 2,420 bytes and a name are some 3,400 characters; the C2SP asks for at least 16 of them. */
const maxNoteCharacters = 1_000_000;
const maxSignatures = 100;

const isKeyName = (name: string): boolean => name !== "" && !/[\s+]/u.test(name);

/** id = SHA-256(name ‖ "\n" ‖ type ‖ public key), its first four bytes. */
export function noteKeyId(name: string, type: number, publicKey: Uint8Array): number {
  const head = new TextEncoder().encode(`${name}\n`);
  const input = new Uint8Array(head.length + 1 + publicKey.length);
  input.set(head);
  input[head.length] = type;
  input.set(publicKey, head.length + 1);
  return new DataView(sha256(input).buffer).getUint32(0);
}

export function noteKey(name: string, type: number, publicKey: Uint8Array): NoteKey {
  if (!isKeyName(name)) throw new Malformed(`“${name}” cannot name a key: it is empty, or has a space or a plus in it`);
  return { name, id: noteKeyId(name, type, publicKey), type, publicKey };
}

/** `<name>+<id in hex>+base64(type ‖ public key)`. */
export function formatVkey({ name, id, type, publicKey }: NoteKey): string {
  return `${name}+${id.toString(16).padStart(8, "0")}+${toBase64(Uint8Array.of(type, ...publicKey))}`;
}

export function parseVkey(vkey: string): NoteKey {
  const [, name, id, material] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(vkey.trim()) ?? [];
  const bytes = material === undefined ? null : fromBase64(material);
  if (name === undefined || id === undefined || bytes === null || bytes.length === 0) throw new Malformed("a public key is written name+hash+base64, and this is not");
  const key = noteKey(name, bytes[0]!, bytes.slice(1));
  const known = key.type === noteTypes.ed25519 || key.type === noteTypes.cosignature;
  if (!known || key.publicKey.length !== 32) throw new Malformed(`the public key of ${name} is of a kind that is not known here (type ${key.type}, ${key.publicKey.length} bytes)`);
  if (toHex(new Uint8Array(idBytes(key.id))) !== id) throw new Malformed(`the public key of ${name} does not belong to its own hash: it was mistyped or changed`);
  return key;
}

export function parseNote(note: string): Note {
  if (note.length > maxNoteCharacters) throw new Malformed("the note is too long");
  if (hasControlCharacters(note) || !note.isWellFormed()) throw new Malformed("the note holds control characters");
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) throw new Malformed("the note has no signatures");
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > maxSignatures) throw new Malformed("the note has too many signatures");
  return { text, signatures: lines.map(parseSignatureLine) };
}

/** ASCII control characters but for the newline. */
function hasControlCharacters(note: string): boolean {
  for (let at = 0; at < note.length; at += 1) if (note.charCodeAt(at) < 0x20 && note[at] !== "\n") return true;
  return false;
}

export function parseSignatureLine(line: string): NoteSignature {
  const [, name, material] = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? [];
  const bytes = material === undefined ? null : fromBase64(material);
  if (name === undefined || bytes === null || bytes.length < 5) throw new Malformed("a signature line of the note cannot be read");
  return { name, keyId: new DataView(bytes.buffer).getUint32(0), signature: bytes.slice(4) };
}

export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  return `\u2014 ${name} ${toBase64(Uint8Array.of(...new Uint8Array(idBytes(keyId)), ...signature))}\n`;
}

export const formatNote = ({ text, signatures }: Note): string => `${text}\n${signatures.map(formatSignatureLine).join("")}`;

function idBytes(id: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, id);
  return view.buffer;
}

/** Ed25519 by the platform (Node 20, and browsers of 2025 and later). */
export async function verifyEd25519(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = await crypto.subtle.importKey("raw", publicKey.slice(), { name: "Ed25519" }, false, ["verify"]);
  return await crypto.subtle.verify({ name: "Ed25519" }, key, signature.slice(), message.slice());
}

/** A cosignature as it stands in a note, with the moment it vouches for. */
export interface Cosigned {
  readonly key: NoteKey;
  /** Seconds since 1970 at which the witness signed; null for the log's own signature, which carries no time. */
  readonly atSeconds: number | null;
}

/**
 * The signatures of the note that are by these keys, all verified. Throws where one of a known key does not verify: then the note was
 * changed. Signatures of other keys are passed over, as the format asks.
 */
export async function verifyNote({ text, signatures }: Note, keys: readonly NoteKey[]): Promise<Cosigned[]> {
  const verified: Cosigned[] = [];
  for (const { name, keyId, signature } of signatures) {
    const key = keys.find((one) => one.name === name && one.id === keyId);
    if (key === undefined) continue;
    const isCosignature = key.type === noteTypes.cosignature;
    const timestamp = isCosignature && signature.length === 72 ? new DataView(signature.buffer, signature.byteOffset).getBigUint64(0) : null;
    const atSeconds = timestamp === null || timestamp > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(timestamp);
    const message = !isCosignature ? text : atSeconds === null ? null : cosignedText(text, atSeconds);
    const good = message !== null && (await verifyEd25519(key.publicKey, isCosignature ? signature.slice(8) : signature, new TextEncoder().encode(message)));
    if (!good) throw new Malformed(`the signature of ${name} does not fit: the text, or the signature, was changed`);
    if (!verified.some((one) => sameBytes(one.key.publicKey, key.publicKey) && one.key.type === key.type)) verified.push({ key, atSeconds });
  }
  return verified;
}

/** What a witness signs (C2SP tlog-cosignature v1): the time, and the whole text of the checkpoint. */
export const cosignedText = (text: string, atSeconds: number): string => `cosignature/v1\ntime ${atSeconds}\n${text}`;

/**
 * A sealed piece: at most a minute of every track of one recording, in a file that explains itself.
 *
 *   "EWP1" | header length u32 | header (JSON) | state length u32 | state (sealed) | chunk | chunk | …
 *
 * The header holds ids, times and the index of chunks, no audio and no names. The state (see recording-state.ts) is sealed
 * with the header as its position, so whoever has the key notices any change of the index. A chunk is the packet log of one
 * second of one track. Its leaf in the track's Merkle tree (packages/verify/src/packet-chunk.ts is the definition) lets
 * someone entitled to a part check that part, and proves the audio even when it was encrypted again (core decision 14).
 * Salts derive from the data key and so need no storage, and die with it.
 */
import { createHash, createHmac, hash, type KeyObject } from "node:crypto";
import { open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { chunkLeaf as leafOfChunk, saltedPrefix } from "@earwitness/verify";
import { createOpeningKey, createSealingKey, deriveSubkey, inNewDirectory, NotAuthentic, nonceBytes, writeFileDurably, type DataKey, type MintedKey, type OpeningKey } from "#vault";
import { objectPrefix } from "./object-prefix.ts";
import { decodePacketLog, encodePacketLog, type LogEntry } from "./packet-log.ts";
import { decodeState, encodeState, type Heard, type RecordingState } from "./recording-state.ts";
import { joinNeighbours, type Slabs } from "./slabs.ts";

const magic = Buffer.from("EWP1");

export interface ChunkIndex {
  readonly track: number;
  readonly second: number;
  /** Into the file, from the end of the sealed state. */
  readonly offset: number;
  readonly length: number;
  readonly nonce: string; // base64, as the two digests
  readonly saltedDigest: string;
  readonly ciphertextDigest: string;
}

export interface PieceHeader {
  readonly version: 1;
  readonly tenantId: string;
  readonly recordingId: string;
  readonly seq: number;
  readonly keyId: string;
  readonly startedAtMs: number;
  /** The piece holds every packet of every track that begins in one of these seconds. */
  readonly fromSecond: number;
  readonly toSecond: number;
  /** Whether it is the recording's last. */
  readonly final: boolean;
  readonly chunks: readonly ChunkIndex[];
}

export interface SealedChunk {
  readonly track: number;
  readonly second: number;
  readonly nonce: Uint8Array;
  readonly ciphertext: Buffer;
  readonly saltedDigest: Uint8Array;
  readonly ciphertextDigest: Uint8Array;
}

export interface PieceIdentity {
  readonly tenantId: string;
  readonly recordingId: string;
}

export interface PieceSealer {
  sealSecond(track: number, second: number, entries: readonly LogEntry[], sampleRate: number): SealedChunk;
  /** The same of a packet log that counts from the second's first sample and is settled. */
  sealLog(track: number, second: number, plaintext: Uint8Array): SealedChunk;
  /** The bytes of a piece file. */
  sealPiece(piece: { seq: number; fromSecond: number; toSecond: number; final: boolean; chunks: readonly SealedChunk[]; state: RecordingState; heard?: Heard }): Buffer[];
}

const putAnywhere: Slabs["put"] = (...parts) => Buffer.concat(parts);

/** One for each recording and data key: it counts the nonces. `put`: where sealed chunks lie until their piece is written. */
export function createPieceSealer(key: MintedKey, identity: PieceIdentity, put: Slabs["put"] = putAnywhere): PieceSealer {
  const sealing = createSealingKey(key, "vault");
  const salts = deriveSubkey(key, "salt");
  function sealLog(track: number, second: number, plaintext: Uint8Array): SealedChunk {
    const position = chunkPosition(identity, track, second);
    const { nonce, body, tag } = sealing.sealInParts(plaintext, position);
    const ciphertext = put(body, tag);
    return { track, second, nonce, ciphertext, saltedDigest: saltedDigest(salts, position, second, plaintext), ciphertextDigest: sha256(ciphertext) };
  }
  return {
    sealLog,
    sealSecond: (track, second, entries, sampleRate) => sealLog(track, second, encodePacketLog(entries, second * sampleRate)),
    sealPiece({ seq, fromSecond, toSecond, final, chunks, state, heard }) {
      let offset = 0;
      const index = chunks.map((chunk): ChunkIndex => {
        const entry = { track: chunk.track, second: chunk.second, offset, length: chunk.ciphertext.length, nonce: base64(chunk.nonce), saltedDigest: base64(chunk.saltedDigest), ciphertextDigest: base64(chunk.ciphertextDigest) };
        offset += chunk.ciphertext.length;
        return entry;
      });
      const header: PieceHeader = { version: 1, ...identity, seq, keyId: key.keyId, startedAtMs: state.startedAtMs, fromSecond, toSecond, final, chunks: index };
      const headerBytes = Buffer.from(JSON.stringify(header));
      const { nonce, ciphertext } = sealing.seal(encodeState(state, heard), headerBytes);
      return [magic, uint32(headerBytes.length), headerBytes, uint32(nonce.length + ciphertext.length), Buffer.from(nonce), ciphertext, ...joinNeighbours(chunks.map((chunk) => chunk.ciphertext))];
    },
  };
}

/** The leaf of decision 14. */
export const chunkLeaf = (chunk: { readonly saltedDigest: Uint8Array; readonly ciphertextDigest: Uint8Array }): Uint8Array => leafOfChunk(sha256, chunk);

export const indexLeaf = (chunk: ChunkIndex): Uint8Array =>
  chunkLeaf({ saltedDigest: Buffer.from(chunk.saltedDigest, "base64"), ciphertextDigest: Buffer.from(chunk.ciphertextDigest, "base64") });

/** Puts a piece file into the spool, durable when it resolves. */
export async function writePiece(path: string, parts: readonly Uint8Array[], write: typeof writeFileDurably = writeFileDurably): Promise<{ sizeBytes: number; sha256: string }> {
  await inNewDirectory(dirname(path), () => write(path, parts));
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for (const part of parts) {
    hash.update(part);
    sizeBytes += part.length;
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

/** Name in the store. With the key's id, so that two processes that ever sealed the same piece could not collide. */
export function pieceObjectName(identity: PieceIdentity, seq: number, keyId: string): string {
  return `${objectPrefix(identity.tenantId, identity.recordingId)}/${seq}-${keyId}.ewp`;
}

/** Random access to the bytes of a piece, in the spool or in the store. */
export interface PieceSource {
  readonly name: string;
  size(): Promise<number>;
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export async function openPieceFile(path: string): Promise<PieceSource> {
  const file = await open(path, "r");
  return {
    name: basename(path),
    size: async () => (await file.stat()).size,
    async read(offset, length) {
      const bytes = Buffer.alloc(length);
      const { bytesRead } = await file.read(bytes, 0, length, offset);
      return bytes.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** A piece is read in one go up to here; the index of a minute of four tracks fits. */
const firstReadBytes = 64 * 1024;
const maxHeaderBytes = 64 * 1024 * 1024;

/** A header as the file says it, not yet authenticated. */
export interface PieceHead {
  readonly header: PieceHeader;
  readonly headerBytes: Uint8Array;
  readonly sealedState: Uint8Array;
  readonly chunksAt: number;
}

export async function readPieceHead(source: PieceSource): Promise<PieceHead> {
  const damaged = (): NotAuthentic => new NotAuthentic(`piece ${source.name}`);
  let head = Buffer.from(await source.read(0, firstReadBytes));
  const need = async (bytes: number): Promise<void> => {
    if (bytes > maxHeaderBytes) throw damaged();
    if (head.length < bytes) head = Buffer.from(await source.read(0, bytes));
    if (head.length < bytes) throw damaged();
  };
  await need(8);
  if (!magic.equals(head.subarray(0, 4))) throw damaged();
  const stateAt = 8 + head.readUInt32BE(4);
  await need(stateAt + 4);
  const chunksAt = stateAt + 4 + head.readUInt32BE(stateAt);
  await need(chunksAt);
  const headerBytes = head.subarray(8, stateAt);
  return { header: parseHeader(headerBytes, damaged), headerBytes, sealedState: head.subarray(stateAt + 4, chunksAt), chunksAt };
}

function parseHeader(bytes: Uint8Array, damaged: () => Error): PieceHeader {
  let header: PieceHeader;
  try {
    header = JSON.parse(Buffer.from(bytes).toString()) as PieceHeader;
  } catch {
    throw damaged();
  }
  // Enough to find the key; the seal then proves every other field.
  if (typeof header !== "object" || header === null || header.version !== 1 || typeof header.keyId !== "string" || !Array.isArray(header.chunks)) throw damaged();
  return header;
}

export interface OpenPiece {
  readonly header: PieceHeader;
  readonly state: RecordingState;
  readonly heard: Heard;
  readSecond(chunk: ChunkIndex, sampleRate: number): Promise<LogEntry[]>;
  /** The packet log of bytes that were read already. */
  openLog(chunk: ChunkIndex, bytes: Uint8Array): Buffer;
  /** The packet log as it was sealed, with the salt of its digest: what a proof is made of. */
  openSecond(chunk: ChunkIndex): Promise<{ readonly plaintext: Uint8Array; readonly salt: Uint8Array }>;
}

/** Authenticates header and state against the key and the recording that the caller expects. Throws NotAuthentic. */
export async function openPiece(source: PieceSource, head: PieceHead, key: DataKey, identity: PieceIdentity): Promise<OpenPiece> {
  const { header } = head;
  if (header.tenantId !== identity.tenantId || header.recordingId !== identity.recordingId) throw new NotAuthentic(`piece ${source.name}`);
  const opening = createOpeningKey(key, "vault");
  const salts = deriveSubkey(key, "salt");
  const { state, heard } = decodeState(openAs(`header of piece ${source.name}`, opening, head.sealedState.subarray(0, nonceBytes), head.sealedState.subarray(nonceBytes), head.headerBytes));
  function unseal(chunk: ChunkIndex, bytes: Uint8Array): Buffer {
    const what = `second ${chunk.second} of track ${chunk.track} in piece ${source.name}`;
    return openAs(what, opening, Buffer.from(chunk.nonce, "base64"), bytes, chunkPosition(identity, chunk.track, chunk.second));
  }
  const open = async (chunk: ChunkIndex): Promise<Buffer> => unseal(chunk, await source.read(head.chunksAt + chunk.offset, chunk.length));
  return {
    header,
    state,
    heard,
    readSecond: async (chunk, sampleRate) => decodePacketLog(await open(chunk), chunk.second * sampleRate),
    openLog: unseal,
    openSecond: async (chunk) => ({ plaintext: await open(chunk), salt: chunkSalt(salts, chunkPosition(identity, chunk.track, chunk.second)) }),
  };
}

function openAs(what: string, opening: OpeningKey, nonce: Uint8Array, ciphertext: Uint8Array, position: Uint8Array): Buffer {
  try {
    return opening.open(nonce, ciphertext, position);
  } catch (error) {
    throw error instanceof NotAuthentic ? new NotAuthentic(what) : error;
  }
}

function chunkPosition(identity: PieceIdentity, track: number, second: number): Buffer {
  return Buffer.from(`chunk\0${identity.tenantId}\0${identity.recordingId}\0${track}\0${second}`);
}

/** HMAC instead of a stored salt: nobody without the key can try out what was said. */
const chunkSalt = (salts: KeyObject, position: Uint8Array): Buffer => createHmac("sha256", salts).update(position).digest();

function saltedDigest(salts: KeyObject, position: Uint8Array, second: number, plaintext: Uint8Array): Buffer {
  return createHash("sha256").update(saltedPrefix(chunkSalt(salts, position), second)).update(plaintext).digest();
}

export const sha256 = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

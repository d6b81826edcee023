/**
 * A sealed object that can be read from the middle: a header and 64 KiB chunks, each authenticated, after the STREAM
 * construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015). A chunk's nonce is its number and whether it is the last one,
 * so that chunks cannot be swapped, dropped, repeated or appended.
 *
 *   "EWO1" | 16 random bytes | chunk 0 | chunk 1 | … | last chunk (0 … 64 KiB; empty only in an empty object)
 *
 * Each object has a subkey of its own, derived from the data key, the random bytes, the tenant and the object's name.
 */
import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from "node:crypto";
import { deriveSubkey, NotAuthentic, nonceBytes, tagBytes, type DataKey, type MintedKey } from "./envelope.ts";

const magic = Buffer.from("EWO1");
export const headerBytes = magic.length + 16;
export const chunkBytes = 64 * 1024;
const sealedChunkBytes = chunkBytes + tagBytes;

export interface ObjectIdentity {
  readonly tenantId: string;
  readonly name: string;
}

export function sealObject(key: MintedKey, identity: ObjectIdentity, plaintext: Uint8Array): Buffer {
  const header = Buffer.concat([magic, randomBytes(16)]);
  const subkey = objectSubkey(key, identity, header);
  const parts: Uint8Array[] = [header];
  const last = chunkCount(plaintext.length) - 1;
  for (let index = 0; index <= last; index += 1) {
    const cipher = createCipheriv("aes-256-gcm", subkey, chunkNonce(index, index === last));
    parts.push(cipher.update(plaintext.subarray(index * chunkBytes, (index + 1) * chunkBytes)));
    cipher.final();
    parts.push(cipher.getAuthTag());
  }
  return Buffer.concat(parts);
}

/** Plaintext bytes of an object of this stored size. */
export function plaintextSize(storedBytes: number, name: string): number {
  const body = storedBytes - headerBytes;
  const chunks = Math.ceil(body / sealedChunkBytes);
  const lastChunk = body - (chunks - 1) * sealedChunkBytes;
  if (body < tagBytes || lastChunk < tagBytes || (chunks > 1 && lastChunk === tagBytes)) throw new NotAuthentic(`${name}, of ${storedBytes} bytes,`);
  return body - chunks * tagBytes;
}

/**
 * Plaintext [offset, offset + length), reading only the chunks it needs. It is shorter than asked only at the end, and
 * there the last chunk has proved that this is the end.
 */
export async function openRange(
  key: DataKey,
  identity: ObjectIdentity,
  source: { readonly storedBytes: number; read(offset: number, length: number): Promise<Uint8Array> },
  offset: number,
  length: number,
): Promise<Buffer> {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) throw new RangeError("offset and length count bytes");
  const size = plaintextSize(source.storedBytes, identity.name);
  const last = chunkCount(size) - 1;
  const from = Math.min(offset, size);
  const to = Math.min(offset + length, size);
  const firstChunk = Math.min(Math.floor(from / chunkBytes), last);
  const lastChunk = Math.min(Math.floor(Math.max(to - 1, from) / chunkBytes), last);

  const subkey = objectSubkey(key, identity, await source.read(0, headerBytes));
  const sealedFrom = headerBytes + firstChunk * sealedChunkBytes;
  const sealedTo = Math.min(headerBytes + (lastChunk + 1) * sealedChunkBytes, source.storedBytes);
  const sealed = await source.read(sealedFrom, sealedTo - sealedFrom);
  if (sealed.length !== sealedTo - sealedFrom) throw new NotAuthentic(identity.name);

  const parts: Buffer[] = [];
  for (let index = firstChunk; index <= lastChunk; index += 1) {
    const at = (index - firstChunk) * sealedChunkBytes;
    const chunk = sealed.subarray(at, at + sealedChunkBytes);
    const decipher = createDecipheriv("aes-256-gcm", subkey, chunkNonce(index, index === last), { authTagLength: tagBytes });
    decipher.setAuthTag(chunk.subarray(chunk.length - tagBytes));
    parts.push(decipher.update(chunk.subarray(0, chunk.length - tagBytes)));
    try {
      decipher.final();
    } catch {
      throw new NotAuthentic(`chunk ${index} of ${identity.name}`);
    }
  }
  return Buffer.concat(parts).subarray(from - firstChunk * chunkBytes, to - firstChunk * chunkBytes);
}

const chunkCount = (plaintextBytes: number): number => Math.max(1, Math.ceil(plaintextBytes / chunkBytes));

function chunkNonce(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeUInt32BE(index, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

function objectSubkey(key: DataKey, identity: ObjectIdentity, header: Uint8Array): KeyObject {
  if (header.length !== headerBytes || !magic.equals(header.subarray(0, magic.length))) throw new NotAuthentic(identity.name);
  return deriveSubkey(key, "object", Buffer.concat([header, Buffer.from(`${identity.tenantId}\0${identity.name}`)]));
}

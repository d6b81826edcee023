/**
 * One second of one track as it was recorded: its packets in the order of their place in time, and its leaf in the track's Merkle tree.
 * The leaf is RFC 6962's hash over (salted digest of the plaintext, digest of the ciphertext), so that re-encryption or moving needs no
 * new proof of what was said. The second's number is part of the salted digest: nobody can put a sound to another time.
 *
 *   packet log = entry …      entry = offset in samples u32 | codec u8 | length u16 | payload
 */
import { leafHash, type Hash } from "./merkle.ts";
import { Malformed } from "./note.ts";

export const chunkSaltBytes = 32;

/** What is hashed before the plaintext: SHA-256(salt ‖ second as u32 ‖ plaintext). */
export function saltedPrefix(salt: Uint8Array, second: number): Uint8Array {
  const prefix = new Uint8Array(salt.length + 4);
  prefix.set(salt);
  new DataView(prefix.buffer).setUint32(salt.length, second);
  return prefix;
}

export function saltedDigest(hash: Hash, { salt, second, plaintext }: { readonly salt: Uint8Array; readonly second: number; readonly plaintext: Uint8Array }): Uint8Array {
  const input = new Uint8Array(salt.length + 4 + plaintext.length);
  input.set(saltedPrefix(salt, second));
  input.set(plaintext, salt.length + 4);
  return hash(input);
}

export function chunkLeaf(hash: Hash, chunk: { readonly saltedDigest: Uint8Array; readonly ciphertextDigest: Uint8Array }): Uint8Array {
  const leaf = new Uint8Array(chunk.saltedDigest.length + chunk.ciphertextDigest.length);
  leaf.set(chunk.saltedDigest);
  leaf.set(chunk.ciphertextDigest, chunk.saltedDigest.length);
  return leafHash(hash, leaf);
}

export interface Packet {
  /** Of its first sample, from the beginning of the second, in samples of the track. */
  readonly offset: number;
  /** 0: so many samples were sent and never came. 16: a key was pressed. 1 PCMU, 2 PCMA, 3 G.722, 4 Opus. */
  readonly codec: number;
  readonly payload: Uint8Array;
}

const entryHead = 7;

/** Views into the bytes. Throws Malformed. */
export function parsePacketLog(bytes: Uint8Array): Packet[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + entryHead > bytes.length) throw new Malformed("the packets of a second end inside a packet");
    const length = view.getUint16(at + 5);
    const from = at + entryHead;
    if (from + length > bytes.length) throw new Malformed("the packets of a second end inside a packet");
    packets.push({ offset: view.getUint32(at), codec: view.getUint8(at + 4), payload: bytes.subarray(from, from + length) });
    at = from + length;
  }
  return packets;
}

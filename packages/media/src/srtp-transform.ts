/** Taking the protection off one packet, or putting it on, once it is known which key and which number it has. */
import { createCipheriv, createDecipheriv, createSecretKey, type CipherGCMTypes } from "node:crypto";
import { createHmacSha1, NO_TRAILER } from "./srtp-hmac.ts";
import { createKeystream } from "./srtp-keystream.ts";
import type { SrtpSuite } from "./srtp-keys.ts";
import type { SessionKeys } from "./srtp-session-keys.ts";
import { srtpSuiteFacts } from "./srtp-suite.ts";

/** Decrypts in place, but only what is authentic: false leaves every byte as it was. */
export interface RtpTransform {
  /** The tag stands at `tagAt`: behind the MKI with AES-CM, before it with GCM. */
  open(packet: Uint8Array, headerBytes: number, payloadEnd: number, tagAt: number, ssrc: number, rollovers: number, sequence: number): boolean;
}

/** The first eight bytes are never encrypted. `word` is the index with the E bit, in the packet at `wordAt`. */
export interface RtcpTransform {
  open(packet: Uint8Array, payloadEnd: number, tagAt: number, tagBytes: number, wordAt: number, ssrc: number, word: number): boolean;
  /** The payload stands there in the clear, with the word and room for the tag. */
  seal(packet: Uint8Array, payloadEnd: number, tagAt: number, wordAt: number, ssrc: number, word: number): void;
}

export const RTCP_HEADER_BYTES = 8;
export const ENCRYPTED_BIT = 0x8000_0000;

export function createRtpTransform(suite: SrtpSuite, keys: SessionKeys): RtpTransform {
  return srtpSuiteFacts[suite].aead ? gcmRtp(keys) : cmRtp(keys, srtpSuiteFacts[suite].rtpTagBytes);
}

export function createRtcpTransform(suite: SrtpSuite, keys: SessionKeys): RtcpTransform {
  return srtpSuiteFacts[suite].aead ? gcmRtcp(keys) : cmRtcp(keys, srtpSuiteFacts[suite].rtcpTagBytes);
}

function cmRtp(keys: SessionKeys, tagBytes: number): RtpTransform {
  const hmac = createHmacSha1(keys.authentication);
  const keystream = createKeystream(keys.encryption, keys.salt, true);
  return {
    open(packet, headerBytes, payloadEnd, tagAt, ssrc, rollovers, sequence) {
      if (!hmac.verify(packet, 0, payloadEnd, rollovers, tagAt, tagBytes)) return false;
      keystream.apply(packet, headerBytes, payloadEnd, ssrc, rollovers, sequence);
      return true;
    },
  };
}

function cmRtcp(keys: SessionKeys, tagBytes: number): RtcpTransform {
  const hmac = createHmacSha1(keys.authentication);
  const keystream = createKeystream(keys.encryption, keys.salt, false);
  const crypt = (packet: Uint8Array, payloadEnd: number, ssrc: number, word: number): void => {
    if (word >= ENCRYPTED_BIT) keystream.apply(packet, RTCP_HEADER_BYTES, payloadEnd, ssrc, (word - ENCRYPTED_BIT) >>> 16, word & 0xffff);
  };
  return {
    open(packet, payloadEnd, tagAt, presentBytes, wordAt, ssrc, word) {
      if (!hmac.verify(packet, 0, wordAt + 4, NO_TRAILER, tagAt, presentBytes)) return false;
      crypt(packet, payloadEnd, ssrc, word);
      return true;
    },
    seal(packet, payloadEnd, tagAt, wordAt, ssrc, word) {
      crypt(packet, payloadEnd, ssrc, word);
      hmac.sign(packet, 0, wordAt + 4, NO_TRAILER, tagAt, tagBytes);
    },
  };
}

const GCM_TAG_BYTES = 16;

/** RFC 7714 §8.1 and §9.1: SSRC and the packet's number, each under the salt. */
function createNonce(salt: Uint8Array): (ssrc: number, high: number, low: number) => Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  const salts = new DataView(salt.buffer, salt.byteOffset, salt.length);
  const [salt0, salt1, salt2] = [0, 4, 8].map((at) => salts.getInt32(at)) as [number, number, number];
  return (ssrc, high, low) => {
    // Two bytes of zero, four of SSRC, six of the number: the parts do not end where words do.
    view.setInt32(0, salt0 ^ (ssrc >>> 16));
    view.setInt32(4, salt1 ^ ((ssrc << 16) | (high >>> 16)));
    view.setInt32(8, salt2 ^ ((high << 16) | low));
    return nonce;
  };
}

function createGcm({ encryption, salt }: SessionKeys) {
  const name: CipherGCMTypes = encryption.length === 32 ? "aes-256-gcm" : "aes-128-gcm";
  const key = createSecretKey(encryption); // made once: from bytes, node:crypto would make one for each packet, at four times the cost
  const nonceOf = createNonce(salt);
  return {
    /** The plaintext, or null where the tag does not fit. */
    open(aad: Uint8Array, sealed: Uint8Array, tag: Uint8Array, ssrc: number, high: number, low: number): Uint8Array | null {
      const decipher = createDecipheriv(name, key, nonceOf(ssrc, high, low)).setAAD(aad).setAuthTag(tag);
      const plain = decipher.update(sealed);
      try {
        decipher.final();
        return plain;
      } catch {
        return null; // the only way in which node:crypto says that a tag is wrong
      }
    },
    seal(aad: Uint8Array, plain: Uint8Array, ssrc: number, high: number, low: number): { sealed: Uint8Array; tag: Uint8Array } {
      const cipher = createCipheriv(name, key, nonceOf(ssrc, high, low)).setAAD(aad);
      const sealed = cipher.update(plain);
      cipher.final();
      return { sealed, tag: cipher.getAuthTag() };
    },
  };
}

function gcmRtp(keys: SessionKeys): RtpTransform {
  const gcm = createGcm(keys);
  return {
    open(packet, headerBytes, payloadEnd, tagAt, ssrc, rollovers, sequence) {
      const plain = gcm.open(packet.subarray(0, headerBytes), packet.subarray(headerBytes, payloadEnd), packet.subarray(tagAt, tagAt + GCM_TAG_BYTES), ssrc, rollovers, sequence);
      if (plain !== null) packet.set(plain, headerBytes);
      return plain !== null;
    },
  };
}

/** RFC 7714 §9: what is authenticated but not encrypted ends with the word, which stands elsewhere in the packet. */
function gcmRtcp(keys: SessionKeys): RtcpTransform {
  const gcm = createGcm(keys);
  const aadOf = (packet: Uint8Array, clearEnd: number, wordAt: number): Uint8Array => Buffer.concat([packet.subarray(0, clearEnd), packet.subarray(wordAt, wordAt + 4)]);
  const clearEndOf = (payloadEnd: number, word: number): number => (word >= ENCRYPTED_BIT ? RTCP_HEADER_BYTES : payloadEnd);
  const highOf = (word: number): number => (word & 0x7fff_ffff) >>> 16;
  return {
    open(packet, payloadEnd, tagAt, tagBytes, wordAt, ssrc, word) {
      const clearEnd = clearEndOf(payloadEnd, word);
      const plain = gcm.open(aadOf(packet, clearEnd, wordAt), packet.subarray(clearEnd, payloadEnd), packet.subarray(tagAt, tagAt + tagBytes), ssrc, highOf(word), word & 0xffff);
      if (plain !== null) packet.set(plain, clearEnd);
      return plain !== null;
    },
    seal(packet, payloadEnd, tagAt, wordAt, ssrc, word) {
      const clearEnd = clearEndOf(payloadEnd, word);
      const { sealed, tag } = gcm.seal(aadOf(packet, clearEnd, wordAt), packet.subarray(clearEnd, payloadEnd), ssrc, highOf(word), word & 0xffff);
      packet.set(sealed, clearEnd);
      packet.set(tag, tagAt);
    },
  };
}

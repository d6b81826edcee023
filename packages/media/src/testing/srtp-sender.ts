/**
 * For tests and benchmarks: the sending end of SRTP as one would write it first, a node:crypto object for each thing of each
 * packet. It shares no line with the receiver, so that one proves the other.
 */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { SrtpMasterKey, SrtpSuite } from "../srtp-keys.ts";

export interface SrtpSender {
  /** `rollovers`: times the sequence number went over 65,535 before this packet. */
  protect(packet: Uint8Array, rollovers?: number): Buffer;
  protectRtcp(packet: Uint8Array, index: number, encrypted?: boolean): Buffer;
  /** The receiving end, without replay window; throws where the tag is wrong. */
  unprotect(packet: Uint8Array, rollovers?: number): Buffer;
  unprotectRtcp(packet: Uint8Array): { packet: Buffer; index: number; encrypted: boolean };
}

export function createSrtpSender(suite: SrtpSuite, master: SrtpMasterKey): SrtpSender {
  const bits = 8 * master.key.length;
  const aead = suite.startsWith("AEAD");
  const rtpTag = aead ? 16 : suite.endsWith("_32") ? 4 : 10;
  const rtcpTag = aead ? 16 : 10;
  const mki = Buffer.from(master.mki ?? []);

  const derive = (label: number, length: number): Buffer => {
    const x = Buffer.concat([master.salt, Buffer.alloc(16)]).subarray(0, 16);
    x.writeUInt8(x.readUInt8(7) ^ label, 7);
    return createCipheriv(`aes-${bits}-ctr`, master.key, x).update(Buffer.alloc(length));
  };
  const [rtpKey, rtpAuth, rtpSalt] = [derive(0, bits / 8), derive(1, 20), derive(2, 14)];
  const [rtcpKey, rtcpAuth, rtcpSalt] = [derive(3, bits / 8), derive(4, 20), derive(5, 14)];

  const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)));
  const index48 = (index: number): Buffer => Buffer.from(index.toString(16).padStart(12, "0"), "hex");
  const cmIv = (salt: Buffer, ssrc: Buffer, index: number): Buffer => xor(Buffer.concat([Buffer.alloc(4), ssrc, index48(index), Buffer.alloc(2)]), salt);
  const gcmIv = (salt: Buffer, ssrc: Buffer, index: number): Buffer => xor(Buffer.concat([Buffer.alloc(2), ssrc, index48(index)]), salt.subarray(0, 12));
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const ctr = (key: Buffer, iv: Buffer, bytes: Uint8Array): Buffer => createCipheriv(`aes-${bits}-ctr`, key, iv).update(bytes);
  const hmac = (key: Buffer, length: number, ...parts: Uint8Array[]): Buffer => createHmac("sha1", key).update(Buffer.concat(parts)).digest().subarray(0, length);
  const gcmName = bits === 256 ? "aes-256-gcm" : "aes-128-gcm";
  const seal = (key: Buffer, iv: Buffer, aad: Uint8Array, plain: Uint8Array): Buffer => {
    const cipher = createCipheriv(gcmName, key, iv);
    cipher.setAAD(aad);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  const unseal = (key: Buffer, iv: Buffer, aad: Uint8Array, sealed: Buffer): Buffer => {
    const decipher = createDecipheriv(gcmName, key, iv);
    decipher.setAAD(aad);
    decipher.setAuthTag(sealed.subarray(sealed.length - 16));
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]);
  };
  const headerOf = (packet: Buffer): number => {
    const first = packet.readUInt8(0);
    const fixed = 12 + 4 * (first & 15);
    return (first & 0x10) === 0 ? fixed : fixed + 4 + 4 * packet.readUInt16BE(fixed + 2);
  };
  const wrong = (): never => {
    throw new Error("wrong tag");
  };

  return {
    protect(bytes, rollovers = 0) {
      const packet = Buffer.from(bytes);
      const header = headerOf(packet);
      const [head, payload, ssrc] = [packet.subarray(0, header), packet.subarray(header), packet.subarray(8, 12)];
      const index = rollovers * 65_536 + packet.readUInt16BE(2);
      if (aead) return Buffer.concat([head, seal(rtpKey, gcmIv(rtpSalt, ssrc, index), head, payload), mki]);
      const sealed = Buffer.concat([head, ctr(rtpKey, cmIv(rtpSalt, ssrc, index), payload)]);
      return Buffer.concat([sealed, mki, hmac(rtpAuth, rtpTag, sealed, word(rollovers))]);
    },
    protectRtcp(bytes, index, encrypted = true) {
      const packet = Buffer.from(bytes);
      const [head, body, ssrc] = [packet.subarray(0, 8), packet.subarray(8), packet.subarray(4, 8)];
      const e = word((encrypted ? 2 ** 31 : 0) + index);
      if (aead) {
        const iv = gcmIv(rtcpSalt, ssrc, index);
        return encrypted ? Buffer.concat([head, seal(rtcpKey, iv, Buffer.concat([head, e]), body), e, mki]) : Buffer.concat([packet, seal(rtcpKey, iv, Buffer.concat([packet, e]), Buffer.alloc(0)), e, mki]);
      }
      const sealed = Buffer.concat([head, encrypted ? ctr(rtcpKey, cmIv(rtcpSalt, ssrc, index), body) : body, e]);
      return Buffer.concat([sealed, mki, hmac(rtcpAuth, rtcpTag, sealed)]);
    },
    unprotect(bytes, rollovers = 0) {
      const packet = Buffer.from(bytes);
      const header = headerOf(packet);
      const [head, ssrc] = [packet.subarray(0, header), packet.subarray(8, 12)];
      const index = rollovers * 65_536 + packet.readUInt16BE(2);
      if (aead) return Buffer.concat([head, unseal(rtpKey, gcmIv(rtpSalt, ssrc, index), head, packet.subarray(header, packet.length - mki.length))]);
      const sealed = packet.subarray(0, packet.length - rtpTag - mki.length);
      if (!hmac(rtpAuth, rtpTag, sealed, word(rollovers)).equals(packet.subarray(packet.length - rtpTag))) wrong();
      return Buffer.concat([head, ctr(rtpKey, cmIv(rtpSalt, ssrc, index), sealed.subarray(header))]);
    },
    unprotectRtcp(bytes) {
      const packet = Buffer.from(bytes);
      const [head, ssrc] = [packet.subarray(0, 8), packet.subarray(4, 8)];
      const wordAt = packet.length - mki.length - 4 - (aead ? 0 : rtcpTag);
      const value = packet.readUInt32BE(wordAt);
      const [index, encrypted] = [value % 2 ** 31, value >= 2 ** 31];
      const sealed = packet.subarray(8, wordAt);
      if (aead) {
        const clear = encrypted ? head : packet.subarray(0, wordAt - 16);
        const body = unseal(rtcpKey, gcmIv(rtcpSalt, ssrc, index), Buffer.concat([clear, word(value)]), packet.subarray(clear.length, wordAt));
        return { packet: Buffer.concat([clear, body]), index, encrypted };
      }
      if (!hmac(rtcpAuth, rtcpTag, packet.subarray(0, wordAt + 4)).equals(packet.subarray(packet.length - rtcpTag))) wrong();
      return { packet: Buffer.concat([head, encrypted ? ctr(rtcpKey, cmIv(rtcpSalt, ssrc, index), sealed) : sealed]), index, encrypted };
    },
  };
}

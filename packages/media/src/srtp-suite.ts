/** What the suites are made of: RFC 3711 §5 and §8.2 with RFC 4568 §6.2 for AES-CM, RFC 7714 §12 and §14.2 for GCM. */
import type { SrtpMasterKey, SrtpSuite } from "./srtp-keys.ts";

export interface SrtpSuiteFacts {
  readonly keyBytes: 16 | 32;
  readonly saltBytes: 12 | 14;
  readonly aead: boolean;
  /** At the end of an RTP packet. */
  readonly rtpTagBytes: 4 | 10 | 16;
  /** At the end of an RTCP packet: 80 bits with _32 too (RFC 4568 §6.2.2). */
  readonly rtcpTagBytes: 10 | 16;
  /** The higher, the rather taken. */
  readonly strength: number;
}

export const srtpSuiteFacts: Readonly<Record<SrtpSuite, SrtpSuiteFacts>> = {
  AES_CM_128_HMAC_SHA1_32: { keyBytes: 16, saltBytes: 14, aead: false, rtpTagBytes: 4, rtcpTagBytes: 10, strength: 1 },
  AES_CM_128_HMAC_SHA1_80: { keyBytes: 16, saltBytes: 14, aead: false, rtpTagBytes: 10, rtcpTagBytes: 10, strength: 2 },
  AEAD_AES_128_GCM: { keyBytes: 16, saltBytes: 12, aead: true, rtpTagBytes: 16, rtcpTagBytes: 16, strength: 3 },
  AEAD_AES_256_GCM: { keyBytes: 32, saltBytes: 12, aead: true, rtpTagBytes: 16, rtcpTagBytes: 16, strength: 4 },
};

/** A key of our own, out of whatever gives random bytes. */
export function mintSrtpMasterKey(suite: SrtpSuite, random: (bytes: number) => Uint8Array): SrtpMasterKey {
  const { keyBytes, saltBytes } = srtpSuiteFacts[suite];
  return { key: random(keyBytes), salt: random(saltBytes), mki: null };
}

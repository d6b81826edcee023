/** SRTP protection profiles that we take, by the names of SDES (RFC 4568, RFC 7714). */
export const srtpSuites = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"] as const;
export type SrtpSuite = (typeof srtpSuites)[number];

/** One master key (RFC 3711 §3.2.1). Never logged, never stored. */
export interface SrtpMasterKey {
  /** 16 or 32 bytes, as the suite says. */
  readonly key: Uint8Array;
  /** 14 bytes for AES-CM, 12 for GCM. */
  readonly salt: Uint8Array;
  /** Master key identifier, which then stands in every packet; null where none is used. */
  readonly mki: Uint8Array | null;
}

/** What both directions of one protected stream need. A recorder only receives media; with `ours` it protects its RTCP reports. */
export interface SrtpKeys {
  readonly suite: SrtpSuite;
  /** The sender's, one or several with MKIs. */
  readonly theirs: readonly SrtpMasterKey[];
  readonly ours: SrtpMasterKey;
  /** RFC 4568 §6.3.2: RTCP comes, and goes, authenticated but in the clear. */
  readonly clearRtcp: boolean;
}

import { randomBytes } from "node:crypto";
import { chooseSdes, sdesAnswer } from "@earwitness/media";
import type { Parsed, SrtpKeys, SrtpMasterKey, SrtpSuite } from "@earwitness/media";

/** Reads and answers a=crypto (SDES, RFC 4568). */
export interface Sdes {
  /** The best of the offered that we take, or why none. */
  choose(values: readonly string[]): Parsed<{ readonly tag: number; readonly suite: SrtpSuite; readonly keys: readonly SrtpMasterKey[]; readonly clearRtcp: boolean }>;
  /** Value of the answer's a=crypto. */
  answer(tag: number, suite: SrtpSuite, ours: SrtpMasterKey, clearRtcp: boolean): string;
}

export const systemSdes: Sdes = { choose: chooseSdes, answer: sdesAnswer };

/** Keys of a stream, and what tells the client ours. */
export interface Protected {
  readonly keys: SrtpKeys;
  readonly answer: string;
}

/** How the media of one session is protected. */
export interface Protection {
  /** The trunk takes no media in the clear. */
  readonly required: boolean;
  /** Keys for a line, out of what it offers. Our own stays the same until the client changes its own. */
  secure(label: string, offered: readonly string[]): Parsed<Protected>;
  /** The stream is gone. If it comes again, with whatever keys, ours are new: under the old one RTCP would count from zero again. */
  forget(label: string): void;
}

export const noProtection: Protection = { required: false, secure: () => ({ ok: false, reason: "SRTP is not supported" }), forget: () => undefined };

/** Bytes of key and salt (RFC 3711 §8.2, RFC 7714 §12). */
const sizes: Readonly<Record<SrtpSuite, readonly [key: number, salt: number]>> = {
  AES_CM_128_HMAC_SHA1_80: [16, 14],
  AES_CM_128_HMAC_SHA1_32: [16, 14],
  AEAD_AES_128_GCM: [16, 12],
  AEAD_AES_256_GCM: [32, 12],
};

export function createProtection(sdes: Sdes, required: boolean): Protection {
  const current = new Map<string, { readonly offered: string; readonly of: Protected }>();
  return {
    required,
    secure(label, offered) {
      if (offered.length === 0) return { ok: false, reason: "SRTP without keys: a=crypto is missing" };
      const chosen = sdes.choose(offered);
      if (!chosen.ok) return chosen;
      const { tag, suite, keys: theirs, clearRtcp } = chosen.value;
      // The same keys again are the same context (RFC 4568 §7.1.4): a new key of ours would make the client's receiver start anew for nothing.
      const offer = JSON.stringify([tag, suite, theirs.map(({ key, salt, mki }) => [key, salt, mki ?? []].map((part) => Buffer.from(part).toString("base64"))), clearRtcp]);
      const before = current.get(label);
      if (before?.offered === offer) return { ok: true, value: before.of };
      const [keyBytes, saltBytes] = sizes[suite];
      const ours: SrtpMasterKey = { key: new Uint8Array(randomBytes(keyBytes)), salt: new Uint8Array(randomBytes(saltBytes)), mki: null };
      const of = { keys: { suite, theirs, ours, clearRtcp }, answer: sdes.answer(tag, suite, ours, clearRtcp) };
      current.set(label, { offered: offer, of });
      return { ok: true, value: of };
    },
    forget: (label) => void current.delete(label),
  };
}

/** Session keys out of a master key (RFC 3711 §4.3), with a key derivation rate of 0: once for its whole life. */
import { createCipheriv } from "node:crypto";
import type { SrtpMasterKey, SrtpSuite } from "./srtp-keys.ts";
import { srtpSuiteFacts } from "./srtp-suite.ts";

export interface SessionKeys {
  readonly encryption: Uint8Array;
  /** Empty with GCM, which authenticates by its own. */
  readonly authentication: Uint8Array;
  readonly salt: Uint8Array;
}

/** §4.3.2: SRTP has the labels 0, 1, 2 and SRTCP 3, 4, 5. */
export function deriveSessionKeys(suite: SrtpSuite, master: SrtpMasterKey, of: "rtp" | "rtcp"): SessionKeys {
  const { keyBytes, saltBytes, aead } = srtpSuiteFacts[suite];
  if (master.key.length !== keyBytes || master.salt.length !== saltBytes) throw new RangeError(`${suite} needs a key of ${keyBytes} and a salt of ${saltBytes} bytes`);
  const label = of === "rtp" ? 0 : 3;
  return {
    encryption: derive(master, label, keyBytes),
    authentication: aead ? new Uint8Array(0) : derive(master, label + 1, 20),
    salt: derive(master, label + 2, saltBytes),
  };
}

/**
 * AES in counter mode over zeros, keyed by the master key: of 128 or of 256 bits (RFC 7714 §11). The label stands above the 48
 * bits of the index; the shorter salt of GCM is filled up with zeros at its end.
 */
function derive(master: SrtpMasterKey, label: number, bytes: number): Uint8Array {
  const start = new Uint8Array(16);
  start.set(master.salt);
  start[7] = (start[7] as number) ^ label;
  return new Uint8Array(createCipheriv(`aes-${8 * master.key.length}-ctr`, master.key, start).update(new Uint8Array(bytes)));
}

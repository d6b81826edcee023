/**
 * Authenticated encryption under a data key: AES-256-GCM under subkeys that HKDF-SHA256 derives for each purpose.
 *
 * A nonce must never come twice under one key. Hence (core decision 12): a data key is minted for one recording in one
 * process and seals only there, counting its nonces; a key that was read back from the keystore can open and never seal.
 * `createSealingKey` takes a `MintedKey`, and only `Vault.createDataKey` makes one, so the type checker holds the rule.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, type KeyObject } from "node:crypto";

/** Fresh from `createDataKey`: may seal. It may be handed to one other thread, which then is the one that counts nonces; whole objects have subkeys of their own. */
export interface MintedKey {
  readonly origin: "minted";
  readonly keyId: string;
  readonly bytes: Uint8Array; // 32, only ever in memory
}

/** Read back from the keystore: opens, never seals. */
export interface StoredKey {
  readonly origin: "stored";
  readonly keyId: string;
  readonly bytes: Uint8Array;
}

export type DataKey = MintedKey | StoredKey;

/** What a subkey is for: frames of the crash journal, chunks of pieces, whole sealed objects, salts of digests. */
export type Purpose = "journal" | "vault" | "object" | "salt";

export const nonceBytes = 12;
export const tagBytes = 16;

export interface SealingKey {
  /** Ciphertext with its tag, under a nonce that this key never used before. `position` is authenticated, not stored. */
  seal(plaintext: Uint8Array, position: Uint8Array): { nonce: Uint8Array; ciphertext: Buffer };
  /** The same with the tag apart, for those who write both one after the other anyway: joining them costs a copy. */
  sealInParts(plaintext: Uint8Array, position: Uint8Array): { nonce: Uint8Array; body: Buffer; tag: Buffer };
}

export interface OpeningKey {
  /** Throws `NotAuthentic` unless exactly these bytes were sealed at exactly this position. */
  open(nonce: Uint8Array, ciphertext: Uint8Array, position: Uint8Array): Buffer;
}

/** Bytes that were altered, moved, or sealed under another key. */
export class NotAuthentic extends Error {
  constructor(what: string) {
    super(`${what} does not authenticate: altered, moved, or sealed under another key`);
    this.name = "NotAuthentic";
  }
}

/** A key object, not bytes: node:crypto imports bytes anew at every use (measured: 20 us for a 3 kB frame, 7 with this). */
export function deriveSubkey(key: DataKey, purpose: Purpose, context: Uint8Array = new Uint8Array(0)): KeyObject {
  const info = Buffer.concat([Buffer.from(`earwitness v1 ${purpose}\0`), context]);
  return createSecretKey(new Uint8Array(hkdfSync("sha256", key.bytes, new Uint8Array(0), info, 32)));
}

/**
 * The counter starts at 0, so a subkey (key, purpose, context) may be made into a sealing key once; a second time in the
 * same thread throws. The nonce's first four bytes are drawn at random for each sealing key: a second belt, should a
 * defect ever hand one data key to two threads.
 */
export function createSealingKey(key: MintedKey, purpose: Purpose, context?: Uint8Array): SealingKey {
  claimOnce(key, `${purpose} ${context === undefined ? "" : Buffer.from(context).toString("hex")}`);
  const subkey = deriveSubkey(key, purpose, context);
  const prefix = randomBytes(4);
  let counter = 0;
  function sealInParts(plaintext: Uint8Array, position: Uint8Array): { nonce: Uint8Array; body: Buffer; tag: Buffer } {
    const nonce = Buffer.alloc(nonceBytes);
    prefix.copy(nonce);
    nonce.writeUIntBE(counter, 6, 6);
    counter += 1;
    const cipher = createCipheriv("aes-256-gcm", subkey, nonce);
    cipher.setAAD(position);
    const body = cipher.update(plaintext);
    cipher.final();
    return { nonce, body, tag: cipher.getAuthTag() };
  }
  return {
    sealInParts,
    seal(plaintext, position) {
      const { nonce, body, tag } = sealInParts(plaintext, position);
      return { nonce, ciphertext: Buffer.concat([body, tag]) };
    },
  };
}

const claims = new WeakMap<MintedKey, Set<string>>();

function claimOnce(key: MintedKey, use: string): void {
  const claimed = claims.get(key) ?? new Set();
  if (claimed.has(use)) throw new Error(`data key ${key.keyId} already has a sealing key for this purpose`);
  claims.set(key, claimed.add(use));
}

export function createOpeningKey(key: DataKey, purpose: Purpose, context?: Uint8Array): OpeningKey {
  const subkey = deriveSubkey(key, purpose, context);
  return {
    open(nonce, ciphertext, position) {
      if (nonce.length !== nonceBytes || ciphertext.length < tagBytes) throw new NotAuthentic("a sealed block");
      const decipher = createDecipheriv("aes-256-gcm", subkey, nonce, { authTagLength: tagBytes });
      decipher.setAAD(position);
      decipher.setAuthTag(ciphertext.subarray(ciphertext.length - tagBytes));
      const body = decipher.update(ciphertext.subarray(0, ciphertext.length - tagBytes));
      try {
        decipher.final();
      } catch {
        throw new NotAuthentic("a sealed block");
      }
      return body;
    },
  };
}

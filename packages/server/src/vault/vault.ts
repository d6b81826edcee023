/**
 * The vault keeps encrypted objects in a store, and the data keys to read them in a keystore of its own. It knows nothing
 * of calls: an object has a name, bytes and a key id.
 */

import type { MintedKey, StoredKey } from "./envelope.ts";

/** Where objects lie: a directory, Azure Blob, S3. One contract suite runs on every implementation. */
export interface ObjectStore {
  /** Puts the bytes of a file that is synced already under the name, durable when it resolves; the same name with the same bytes is a success, with other bytes ObjectConflict. */
  putFile(name: string, path: string): Promise<void>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Bytes [offset, offset + length); shorter only at the end of the object. Throws ObjectMissing. */
  read(name: string, offset: number, length: number): Promise<Uint8Array>;
  size(name: string): Promise<number>;
  /** Objects whose names begin with this folder (such as a tenant), in the order of their names by bytes, behind `after`; files that are still being written are left out. */
  list(folder: string, after?: string): AsyncGenerator<{ readonly name: string; readonly storedAt: Date }>;
  /** Deleting what is not there is a success. */
  delete(name: string): Promise<void>;
}

/** Sealed data keys, apart from database and objects. Destroying a key here makes everything under it unreadable. */
export interface Keystore {
  put(tenantId: string, keyId: string, sealed: Uint8Array): Promise<void>; // durable when it resolves
  get(tenantId: string, keyId: string): Promise<Uint8Array>; // throws KeyMissing
  destroy(tenantId: string, keyId: string): Promise<void>;
}

/** The tenants' own key pairs: file, external KMS, later PKCS#11. */
export interface Keyring {
  /** Makes the tenant's key pair if there is none; answers the public half. */
  ensure(tenantId: string): Promise<{ publicKeyId: string; publicKey: Uint8Array }>;
  /** Opens a sealed data key with the tenant's private key. */
  open(identity: { readonly tenantId: string; readonly keyId: string }, sealed: Uint8Array): Promise<Uint8Array>;
}

export interface Vault {
  readonly store: ObjectStore;
  readonly keystore: Keystore;
  readonly keyring: Keyring;
  /** A new data key, sealed to the tenant's public key and durable in the keystore. Needs no private key and no database. */
  createDataKey(tenant: { tenantId: string; publicKey: Uint8Array; publicKeyId: string }): Promise<MintedKey>;
  /** Reads a data key back (kept in memory for seconds). It can open, never seal. Throws KeyMissing. */
  openDataKey(tenantId: string, keyId: string): Promise<StoredKey>;
  /** Seals bytes as a seekable object (64 KiB authenticated chunks) under a new name. */
  putSealed(name: string, key: MintedKey, tenantId: string, plaintext: Uint8Array): Promise<{ sizeBytes: number; sha256: string }>;
  /** Plaintext [offset, offset + length) of a sealed object; only the chunks it needs are read and opened. */
  readSealed(name: string, tenantId: string, keyId: string, offset: number, length: number): Promise<Uint8Array>;
  /** Plaintext size by arithmetic on the stored size; only reading to the end proves it. */
  sealedSize(name: string): Promise<number>;
  close(): Promise<void>;
}

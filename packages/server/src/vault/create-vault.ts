import { createHash, randomBytes } from "node:crypto";
import type { MintedKey, StoredKey } from "./envelope.ts";
import { sealDataKey } from "./hpke.ts";
import { openRange, plaintextSize, sealObject } from "./sealed-object.ts";
import type { Keyring, Keystore, ObjectStore, Vault } from "./vault.ts";

/** Long enough for the range requests of one player, short enough that a destroyed key is gone at once. */
const keyCacheMs = 5_000;

export function createVault(parts: { readonly store: ObjectStore; readonly keystore: Keystore; readonly keyring: Keyring }): Vault {
  const { store, keyring } = parts;
  const opened = new Map<string, { key: Promise<StoredKey>; timer: NodeJS.Timeout }>();

  function forget(cacheKey: string): void {
    const entry = opened.get(cacheKey);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    opened.delete(cacheKey);
  }

  // Destroying through the vault also empties the cache, so that nothing here outlives the key.
  const keystore: Keystore = {
    put: (tenantId, keyId, sealed) => parts.keystore.put(tenantId, keyId, sealed),
    get: (tenantId, keyId) => parts.keystore.get(tenantId, keyId),
    async destroy(tenantId, keyId) {
      await parts.keystore.destroy(tenantId, keyId);
      forget(`${tenantId} ${keyId}`);
    },
  };

  function openDataKey(tenantId: string, keyId: string): Promise<StoredKey> {
    const cacheKey = `${tenantId} ${keyId}`;
    const cached = opened.get(cacheKey);
    if (cached !== undefined) return cached.key;
    const key = (async (): Promise<StoredKey> => {
      const bytes = await keyring.open({ tenantId, keyId }, await keystore.get(tenantId, keyId));
      return { origin: "stored", keyId, bytes };
    })();
    opened.set(cacheKey, { key, timer: setTimeout(() => forget(cacheKey), keyCacheMs).unref() });
    key.catch(() => forget(cacheKey));
    return key;
  }

  return {
    store,
    keystore,
    keyring,
    async createDataKey({ tenantId, publicKey, publicKeyId }): Promise<MintedKey> {
      const key: MintedKey = { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: new Uint8Array(randomBytes(32)) };
      await keystore.put(tenantId, key.keyId, await sealDataKey({ publicKeyId, publicKey }, { tenantId, keyId: key.keyId }, key.bytes));
      return key;
    },
    openDataKey,
    async putSealed(name, key, tenantId, plaintext) {
      const sealed = sealObject(key, { tenantId, name }, plaintext);
      await store.put(name, sealed);
      return { sizeBytes: sealed.length, sha256: createHash("sha256").update(sealed).digest("hex") };
    },
    async readSealed(name, tenantId, keyId, offset, length) {
      const key = await openDataKey(tenantId, keyId);
      const source = { storedBytes: await store.size(name), read: (from: number, count: number) => store.read(name, from, count) };
      return openRange(key, { tenantId, name }, source, offset, length);
    },
    async sealedSize(name) {
      return plaintextSize(await store.size(name), name);
    },
    async close() {
      for (const cacheKey of opened.keys()) forget(cacheKey);
    },
  };
}

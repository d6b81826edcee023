/**
 * A client secret as it lies in the database: sealed under a data key of its own, which is in the keystore and sealed to the tenant's public
 * key. Whoever has the database alone reads nothing, and a secret that was replaced is gone with its key (core decision 12).
 */
import { createOpeningKey, createSealingKey, nonceBytes, type Vault } from "#vault";

export interface SealedSecret {
  readonly keyId: string;
  readonly sealed: Uint8Array;
}

/** What it was sealed for: it opens as nothing else. */
const positionOf = (tenantId: string, clientId: string): Uint8Array => Buffer.from(`directory secret\0${tenantId}\0${clientId}`);

export async function sealSecret(vault: Vault, tenantId: string, clientId: string, secret: string): Promise<SealedSecret> {
  const key = await vault.createDataKey({ tenantId, ...(await vault.keyring.ensure(tenantId)) });
  const { nonce, ciphertext } = createSealingKey(key, "object").seal(Buffer.from(secret, "utf8"), positionOf(tenantId, clientId));
  return { keyId: key.keyId, sealed: Buffer.concat([nonce, ciphertext]) };
}

export async function openSecret(vault: Vault, tenantId: string, clientId: string, { keyId, sealed }: SealedSecret): Promise<string> {
  const key = await vault.openDataKey(tenantId, keyId);
  return createOpeningKey(key, "object").open(sealed.subarray(0, nonceBytes), sealed.subarray(nonceBytes), positionOf(tenantId, clientId)).toString("utf8");
}

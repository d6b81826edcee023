export { createVault } from "./create-vault.ts";
export { makeDirectory, syncDirectory, temporaryPrefix, writeAll, writeFileDurably } from "./durable-file.ts";
export { createOpeningKey, createSealingKey, deriveSubkey, NotAuthentic, nonceBytes, tagBytes, type DataKey, type MintedKey, type OpeningKey, type SealingKey, type StoredKey } from "./envelope.ts";
export { createFileKeyring } from "./keyring-file.ts";
export { createFileKeystore } from "./keystore-file.ts";
export { KeyMissing, ObjectConflict, ObjectMissing } from "./missing.ts";
export { readOrMakeSecret } from "./secret-file.ts";
export { createLocalStore } from "./store-local.ts";
export type { Keyring, Keystore, ObjectStore, Vault } from "./vault.ts";

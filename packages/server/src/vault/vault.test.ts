import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createVault } from "./create-vault.ts";
import { NotAuthentic } from "./envelope.ts";
import { createFileKeyring } from "./keyring-file.ts";
import { createFileKeystore } from "./keystore-file.ts";
import { KeyMissing } from "./missing.ts";
import { createLocalStore } from "./store-local.ts";
import type { Vault } from "./vault.ts";

let dir: string;
let vault: Vault;
const openVault = (): Vault => createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
const newKey = async (tenantId: string) => vault.createDataKey({ tenantId, ...(await vault.keyring.ensure(tenantId)) });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-vault-"));
  vault = openVault();
});
afterEach(async () => {
  await vault.close();
  await rm(dir, { recursive: true });
});

describe("data keys", () => {
  test("a key that one process minted, the next can open", async () => {
    const key = await newKey("t1");
    const reopened = await openVault().openDataKey("t1", key.keyId);
    expect(reopened).toEqual({ origin: "stored", keyId: key.keyId, bytes: key.bytes });
  });

  test("minting needs the public half only", async () => {
    const tenant = { tenantId: "t1", ...(await vault.keyring.ensure("t1")) };
    await rm(join(dir, "keys"), { recursive: true });
    const key = await vault.createDataKey(tenant);
    await expect(vault.openDataKey("t1", key.keyId)).rejects.toThrow(KeyMissing);
  });

  test("a sealed key moved to another tenant or another id does not open", async () => {
    const key = await newKey("t1");
    await newKey("t2");
    const sealed = await vault.keystore.get("t1", key.keyId);
    await vault.keystore.put("t1", "a1b2c3", sealed);
    await expect(vault.openDataKey("t1", "a1b2c3")).rejects.toThrow(NotAuthentic);
    await vault.keystore.put("t2", key.keyId, sealed);
    await expect(vault.openDataKey("t2", key.keyId)).rejects.toThrow(KeyMissing); // t2 does not have the private key it names
  });

  test("a destroyed key is gone at once, and its file with it", async () => {
    const key = await newKey("t1");
    await vault.openDataKey("t1", key.keyId);
    await vault.keystore.destroy("t1", key.keyId);
    await expect(vault.openDataKey("t1", key.keyId)).rejects.toThrow(KeyMissing);
    await vault.keystore.destroy("t1", key.keyId);
    const left = await readdir(join(dir, "keystore"), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  test("a key id cannot name a file outside", async () => {
    await expect(vault.keystore.get("..", "keys")).rejects.toThrow(/safe name/);
    await expect(vault.keystore.put("t1", "../../x", Buffer.from("x"))).rejects.toThrow(/safe name/);
  });

  test("no byte of a data key lies in the keystore", async () => {
    const key = await newKey("t1");
    const sealed = Buffer.from(await vault.keystore.get("t1", key.keyId));
    expect(sealed.includes(Buffer.from(key.bytes.subarray(0, 8)))).toBe(false);
  });
});

describe("keyring of files", () => {
  test("is readable by its owner alone", async () => {
    await vault.keyring.ensure("t1");
    expect((await stat(join(dir, "keys"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dir, "keys", "t1.json"))).mode & 0o777).toBe(0o600);
  });

  test("two processes that ensure at once agree on one pair", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => createFileKeyring(join(dir, "keys")).ensure("t1")));
    expect(new Set(answers.map((answer) => answer.publicKeyId)).size).toBe(1);
  });

  test("says which file is damaged", async () => {
    await vault.keyring.ensure("t1");
    await writeFile(join(dir, "keys", "t1.json"), "{}");
    await expect(vault.keyring.ensure("t1")).rejects.toThrow(/t1\.json/);
  });
});

describe("sealed objects in the vault", () => {
  test("nothing of the plaintext lies in the store, and a range reads back", async () => {
    const key = await newKey("t1");
    const plaintext = Buffer.concat([randomBytes(100_000), Buffer.from("a name that must not lie about")]);
    const { sizeBytes } = await vault.putSealed("t1/m/manifest-1", key, "t1", plaintext);
    const bytes = await readFile(join(dir, "store", "t1", "m", "manifest-1"));
    expect(bytes.length).toBe(sizeBytes);
    expect(bytes.includes(Buffer.from("must not lie"))).toBe(false);
    expect(await vault.sealedSize("t1/m/manifest-1")).toBe(plaintext.length);
    const range = await vault.readSealed("t1/m/manifest-1", "t1", key.keyId, 99_990, 20);
    expect(Buffer.compare(range, plaintext.subarray(99_990, 100_010))).toBe(0);
  });

  test("an object whose key was destroyed cannot be read", async () => {
    const key = await newKey("t1");
    await vault.putSealed("t1/m/peaks", key, "t1", Buffer.from("x"));
    await vault.keystore.destroy("t1", key.keyId);
    await expect(vault.readSealed("t1/m/peaks", "t1", key.keyId, 0, 1)).rejects.toThrow(KeyMissing);
  });
});

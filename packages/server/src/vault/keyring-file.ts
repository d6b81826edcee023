/**
 * The tenants' key pairs as files, one per tenant, readable by the service's user alone. For installations without a key
 * management service; whoever holds this directory and the keystore can read every recording, so back it up apart.
 */
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, writeFileDurably } from "./durable-file.ts";
import { generateKeyPair, openDataKey, publicKeyIdOf, sealedTo, type KeyPair } from "./hpke.ts";
import { isMissingFile, KeyMissing } from "./missing.ts";
import { safeSegment } from "./object-name.ts";
import type { Keyring } from "./vault.ts";

export function createFileKeyring(dir: string): Keyring {
  const pathOf = (tenantId: string): string => join(dir, `${safeSegment(tenantId)}.json`);

  /** The newest pair is the last; older ones stay, to open what was sealed to them. */
  async function read(tenantId: string): Promise<KeyPair[] | null> {
    try {
      return parsePairs(JSON.parse(await readFile(pathOf(tenantId), "utf8")), pathOf(tenantId));
    } catch (error) {
      if (isMissingFile(error)) return null;
      throw error;
    }
  }

  return {
    async ensure(tenantId) {
      let pairs = await read(tenantId);
      if (pairs === null) {
        await makeDirectory(dir);
        await chmod(dir, 0o700); // it may have been made by hand, with another mode
        const pair = await generateKeyPair();
        const text = JSON.stringify({ version: 1, pairs: [{ publicKey: base64(pair.publicKey), privateKey: base64(pair.privateKey) }] });
        try {
          await writeFileDurably(pathOf(tenantId), [Buffer.from(text)], "fail");
        } catch (error) {
          // Another process was faster: its pair is the tenant's.
          if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
        }
        pairs = await read(tenantId);
      }
      const newest = pairs?.at(-1);
      if (newest === undefined) throw new Error(`${pathOf(tenantId)} holds no key pair`);
      return { publicKeyId: newest.publicKeyId, publicKey: newest.publicKey };
    },
    async open(identity, sealed) {
      const publicKeyId = sealedTo(sealed);
      const pair = (await read(identity.tenantId))?.find((candidate) => candidate.publicKeyId === publicKeyId);
      if (pair === undefined) throw new KeyMissing(identity.tenantId, publicKeyId);
      return openDataKey(pair.privateKey, identity, sealed);
    },
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function parsePairs(file: unknown, path: string): KeyPair[] {
  if (typeof file === "object" && file !== null && "pairs" in file && Array.isArray(file.pairs)) {
    return file.pairs.map((pair: unknown) => {
      if (typeof pair !== "object" || pair === null || !("publicKey" in pair) || !("privateKey" in pair)) throw new Error(`${path}: not a key pair`);
      const publicKey = new Uint8Array(Buffer.from(String(pair.publicKey), "base64"));
      return { publicKeyId: publicKeyIdOf(publicKey), publicKey, privateKey: new Uint8Array(Buffer.from(String(pair.privateKey), "base64")) };
    });
  }
  throw new Error(`${path}: not a key file`);
}

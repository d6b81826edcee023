import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, verify, type KeyObject } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "#vault";

/** A node's name and its key (Ed25519), which never leaves it. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** `purpose` keeps a signature for one thing from being shown for another. */
  sign(purpose: string, bytes: Uint8Array): Uint8Array;
  verify(purpose: string, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** Reads the identity from the directory; the first time it makes one. A configured id wins over the one that was made. */
export async function loadNodeIdentity(dir: string, configuredId: string | null): Promise<NodeIdentity> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const nodeId = configuredId ?? (await readOrMake(join(dir, "id"), () => `node-${randomBytes(4).toString("hex")}`)).trim();
  const pem = await readOrMake(join(dir, "key"), () => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType !== "ed25519") throw new Error("it is not an Ed25519 key");
  } catch (error) {
    throw new Error(`${join(dir, "key")} cannot be read as this node's key`, { cause: error });
  }
  const publicKey = createPublicKey(privateKey);
  const framed = (purpose: string, bytes: Uint8Array) => Buffer.concat([Buffer.from(`earwitness ${purpose}\n`), bytes]);
  return {
    nodeId,
    publicKey: Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"),
    sign: (purpose, bytes) => sign(null, framed(purpose, bytes), privateKey),
    verify: (purpose, bytes, signature) => verify(null, framed(purpose, bytes), publicKey, signature),
  };
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const made = make();
  await writeFileDurably(path, [Buffer.from(`${made.trimEnd()}\n`)]);
  return made;
}

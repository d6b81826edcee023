import { generateKeyPairSync, randomBytes, type JsonWebKey } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the identity provider signs tokens and cookies with: made on the first start, kept for the next. */
export interface IdentityKeys {
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
  readonly cookieKeys: readonly string[];
}

function makeKeys(): IdentityKeys {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key: JsonWebKey = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: randomBytes(8).toString("hex") };
  return { jwks: { keys: [key] }, cookieKeys: [randomBytes(32).toString("base64url")] };
}

function isKeys(value: unknown): value is IdentityKeys {
  if (typeof value !== "object" || value === null || !("jwks" in value) || !("cookieKeys" in value)) return false;
  const { jwks, cookieKeys } = value;
  const hasKeys = typeof jwks === "object" && jwks !== null && "keys" in jwks && Array.isArray(jwks.keys) && jwks.keys.length > 0;
  return hasKeys && Array.isArray(cookieKeys) && cookieKeys.length > 0 && cookieKeys.every((key) => typeof key === "string");
}

export function loadKeys(directory: string): IdentityKeys {
  const path = join(directory, "identity-keys.json");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    const kept: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (isKeys(kept)) return kept;
  } catch (error) {
    // No file yet, or half a one from a power cut: in a sandbox new keys only mean to sign in again.
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing && !(error instanceof SyntaxError)) throw error;
  }
  const keys = makeKeys();
  writeFileSync(`${path}.new`, JSON.stringify(keys), { mode: 0o600 });
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
  return keys;
}

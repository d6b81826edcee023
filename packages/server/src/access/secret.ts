import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** 256 random bits, so that a plain digest of it is enough to keep: there is nothing to guess. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

export const digestOf = (secret: string): Buffer => createHash("sha256").update(secret).digest();

export function isSecret(secret: string, digest: Uint8Array): boolean {
  return timingSafeEqual(digestOf(secret), digest);
}

export const secretForm = "[A-Za-z0-9_-]{43}";

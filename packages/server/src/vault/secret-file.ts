import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectory, writeFileDurably } from "./durable-file.ts";

/** 32 random bytes of the installation, made once: whole or not at all. `remedy` says what to do about a file of another length. */
export async function readOrMakeSecret(path: string, remedy: string): Promise<Uint8Array> {
  const found = await readSecret(path, remedy);
  if (found !== null) return found;
  const secret = randomBytes(32);
  await makeDirectory(dirname(path));
  await writeFileDurably(path, [secret], "fail");
  return secret;
}

/** Null where there is none yet. */
export async function readSecret(path: string, remedy: string): Promise<Uint8Array | null> {
  try {
    const secret = await readFile(path);
    if (secret.length !== 32) throw new Error(`${path} should hold 32 bytes, not ${secret.length}. ${remedy}`);
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

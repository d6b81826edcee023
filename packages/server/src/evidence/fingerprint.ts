import { createHash } from "node:crypto";

/**
 * Stands in a row for what a secret is checked by: whoever reads the row learns nothing that opens a door, and a secret that somebody
 * put in its place shows. Of secrets that nobody can guess only.
 */
export function fingerprintOf(...kept: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of kept) hash.update(part).update("\n");
  return hash.digest("hex");
}

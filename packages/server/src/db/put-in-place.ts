import { readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";

/*
 * A restored cluster takes the place of the one before it, which is kept beside. Two renames cannot be one: the restored one
 * first gets a name that says it is whole, so that a start after a power cut in between does what was left to do, instead of
 * making an empty database.
 *
 *   <major>.restoring            being filled; worthless
 *   <major>.restored             whole, about to take its place
 *   <major>.replaced-<time>      what was there before; for the operator to remove
 */

export const restoringDir = (clusterDir: string): string => `${clusterDir}.restoring`;
const restoredDir = (clusterDir: string): string => `${clusterDir}.restored`;

/** Answers where the former cluster is now; null when there was none. */
export async function putInPlace(clusterDir: string, at: Date): Promise<string | null> {
  await rename(restoringDir(clusterDir), restoredDir(clusterDir));
  const former = `${clusterDir}.replaced-${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  const existed = await stat(clusterDir).then(() => true, () => false);
  if (existed) await rename(clusterDir, former);
  await rename(restoredDir(clusterDir), clusterDir);
  return existed ? former : null;
}

/** Does what a restore that was cut short between its renames left to do. */
export async function finishRestore(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const [, major] = /^(\d+)\.restored$/.exec(name) ?? [];
    if (major === undefined) continue;
    const clusterDir = join(home, major);
    // Both there: it was cut short before the former one had moved, and whoever restored was not told that it is done.
    if (await stat(clusterDir).then(() => true, () => false)) continue;
    await rename(restoredDir(clusterDir), clusterDir);
  }
}

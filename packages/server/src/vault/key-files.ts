/** The private keys of an installation, as the files that they are: for escrow. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { temporaryPrefix } from "./durable-file.ts";

export interface KeyFile {
  /** In the key directory, with slashes. */
  readonly path: string;
  /** Base64. */
  readonly content: string;
}

/** Made anew when it is missing, and nothing is lost with it. */
const replaceable = ["cookies.key"];

export async function readKeyFiles(dir: string): Promise<KeyFile[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith(temporaryPrefix) && /\.(json|key)$/.test(entry.name) && !replaceable.includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  return await Promise.all(paths.map(async (path) => ({ path: relative(dir, path).split(sep).join("/"), content: (await readFile(path)).toString("base64") })));
}

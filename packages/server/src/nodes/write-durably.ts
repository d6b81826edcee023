import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** After a crash or a power loss the file is the old one or the new one, whole. Readable by this user alone. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const partial = `${path}.partial`;
  const file = await open(partial, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  const directory = await open(dirname(path), "r"); // the new name is durable when the directory is
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

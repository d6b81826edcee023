import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isPlainPath, Malformed, openZip, type BundleFile, type BundleFiles } from "@earwitness/verify";

/** A bundle as it was downloaded, or the folder that it was unpacked into. `use` gets its files; they are closed behind it. */
export async function withBundle<T>(path: string, use: (files: BundleFiles) => Promise<T>): Promise<T> {
  if ((await stat(path)).isDirectory()) return await use(await openFolder(path));
  const file = await open(path, "r");
  try {
    const { size: sizeBytes } = await file.stat();
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
        if (bytesRead === 0) throw new Malformed("the archive ends too early");
        at += bytesRead;
      }
      return bytes;
    };
    return await use(await openZip({ sizeBytes, read }));
  } finally {
    await file.close();
  }
}

const mostFiles = 200_000;

async function openFolder(folder: string): Promise<BundleFiles> {
  const files = new Map<string, BundleFile>();
  async function walk(under: string): Promise<void> {
    for (const entry of await readdir(join(folder, under), { withFileTypes: true })) {
      const path = under === "" ? entry.name : `${under}/${entry.name}`;
      if (entry.isDirectory()) {
        await walk(path);
        continue;
      }
      if (!entry.isFile()) throw new Malformed(`${path} is no file; in a bundle there are files and folders only`);
      if (!isPlainPath(path)) throw new Malformed(`the folder holds a file with the name ${JSON.stringify(path.slice(0, 80))}, which no bundle has`);
      if (files.size >= mostFiles) throw new Malformed(`the folder holds more than ${mostFiles} files`);
      const { size: sizeBytes } = await stat(join(folder, path));
      files.set(path, { path, sizeBytes, open: () => createReadStream(join(folder, path), { highWaterMark: 1024 * 1024 }) });
    }
  }
  await walk("");
  return files;
}

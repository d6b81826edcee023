/** syncfs(2), which answers with write errors since Linux 5.8: the file system that a descriptor lies in. Apart, so that a test can remember it. */
import { createRequire } from "node:module";
import { release } from "node:os";
import type Koffi from "koffi";

/** Null where it cannot be had. */
export const syncFileSystem = loadSyncFileSystem();

function loadSyncFileSystem(): ((fd: number) => Promise<void>) | null {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  if (process.platform !== "linux" || major < 5 || (major === 5 && minor < 8)) return null;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
    const syncfs = koffi.load("libc.so.6").func("int syncfs(int fd)");
    return (fd) =>
      new Promise((resolve, reject) => {
        syncfs.async(fd, (error: unknown, result: number) => {
          if (error !== null && error !== undefined) reject(error instanceof Error ? error : new Error("syncfs could not be called"));
          else if (result !== 0) reject(Object.assign(new Error("the file system could not be synced"), { code: "EIO" }));
          else resolve();
        });
      });
  } catch {
    return null; // no such library here: whoever waits syncs alone
  }
}

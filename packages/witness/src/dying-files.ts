/** Files of a process that dies: from its n-th call on the disk nothing happens any more, and nobody is told. For tests. */
import { disk, type Files } from "./durable-file.ts";

export class Died extends Error {}

/** `calls` is how many are left; the last one is done, or not, and its caller does not live to see it. */
export function dyingFiles(life: { calls: number; lastIsDone: boolean }): Files {
  async function step<T>(act: () => Promise<T>, letGo?: (done: T) => Promise<void>): Promise<T> {
    if (life.calls <= 0) throw new Died();
    life.calls -= 1;
    if (life.calls > 0) return await act();
    if (life.lastIsDone) {
      const done = await act();
      await letGo?.(done);
    }
    throw new Died();
  }
  const mortal = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => (...args: A): Promise<R> => step(() => act(...args));
  return {
    mkdir: mortal(disk.mkdir as (...args: unknown[]) => Promise<string | undefined>) as Files["mkdir"],
    link: mortal(disk.link),
    rename: mortal(disk.rename),
    unlink: mortal(disk.unlink),
    readdir: mortal(disk.readdir as (...args: unknown[]) => Promise<string[]>) as unknown as Files["readdir"],
    readFile: mortal(disk.readFile as (...args: unknown[]) => Promise<string>) as unknown as Files["readFile"],
    async open(...args) {
      const file = await step(() => disk.open(...args), (opened) => opened.close());
      const { writeFile, sync } = file;
      file.writeFile = mortal(writeFile.bind(file) as (...args: unknown[]) => Promise<void>) as typeof writeFile;
      file.sync = mortal(sync.bind(file));
      return file;
    },
  };
}

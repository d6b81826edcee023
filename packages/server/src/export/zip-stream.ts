/** A ZIP archive that is written while it is sent: one file behind the other, each opened when its turn comes. */
import { finished, PassThrough, Readable } from "node:stream";
import { ZipFile } from "yazl";

export interface ZipStream {
  readonly bytes: Readable;
  /** Resolves when the file is written whole. */
  add(path: string, content: AsyncIterable<Uint8Array>, options?: { readonly compress?: boolean }): Promise<void>;
  end(): void;
  fail(error: Error): void;
}

export function createZipStream(mtime: Date): ZipStream {
  const zip = new ZipFile();
  const bytes = new PassThrough();
  const fail = (error: Error): void => void bytes.destroy(error);
  zip.on("error", fail);
  (zip.outputStream as Readable).pipe(bytes);
  return {
    bytes,
    async add(path, content, { compress = false } = {}) {
      await new Promise<void>((resolve, reject) => {
        if (bytes.destroyed) return reject(new Error("nobody takes the bundle any more"));
        const source = Readable.from(content, { objectMode: false });
        const isGone = (): void => void source.destroy(new Error("nobody takes the bundle any more"));
        bytes.once("close", isGone);
        finished(source, (error) => {
          bytes.off("close", isGone);
          if (error) reject(error);
          else resolve();
        });
        zip.addReadStream(source, path, { mtime, compress });
      });
    },
    end: () => zip.end(),
    fail,
  };
}

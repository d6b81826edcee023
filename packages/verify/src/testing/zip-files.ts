import { ZipFile } from "yazl";

/** A ZIP archive of the files, by the library that the server uses. */
export async function zipFiles(files: ReadonlyMap<string, Uint8Array>, { compress = true } = {}): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [path, bytes] of files) zip.addBuffer(Buffer.from(bytes), path, { mtime: new Date("2026-11-27T08:00:00Z"), compress });
  zip.end();
  const parts: Buffer[] = [];
  for await (const part of zip.outputStream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export const sourceOf = (bytes: Uint8Array) => ({ sizeBytes: bytes.length, read: async (offset: number, length: number) => bytes.subarray(offset, offset + length) });

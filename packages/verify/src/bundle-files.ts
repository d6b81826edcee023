import type { ByteStream } from "./byte-stream.ts";

/** A file of an evidence bundle, wherever it lies: in an archive, in a folder, in a page. */
export interface BundleFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** May be opened more than once. Throws Malformed while it is read, where it is damaged. */
  open(): ByteStream;
}

export type BundleFiles = ReadonlyMap<string, BundleFile>;

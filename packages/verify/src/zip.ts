/**
 * Reads ZIP archives (APPNOTE 6.3.10, with zip64) that strangers may have made. Nothing is believed: the entries must lie one behind the
 * other and fill the archive, what stands before each must be what the directory says, names must be plain paths, and what comes out
 * must have the length and the checksum that were announced. Times and attributes of files are not looked at.
 */
import type { BundleFile, BundleFiles } from "./bundle-files.ts";
import { Malformed } from "./note.ts";

export interface ZipSource {
  readonly sizeBytes: number;
  /** Exactly so many bytes. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

const mostEntries = 200_000;
const mostDirectoryBytes = 64 * 1024 * 1024;
/** A file is read in one go by some readers of it; no file of a bundle that was exported is as large. */
const mostFileBytes = 64 * 1024 ** 3;
const readBytes = 1024 * 1024;
const maxUint16 = 0xffff;
const maxUint32 = 0xffff_ffff;
const usesDescriptor = 0x0008;
/** Deflate's speed (1, 2), a descriptor behind the data (3), names in UTF-8 (11). */
const knownFlags = 0x0002 | 0x0004 | usesDescriptor | 0x0800;

interface Entry {
  readonly path: string;
  readonly name: Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

export interface ZipEntry extends Entry {
  readonly dataAt: number;
}

/** Throws Malformed. What is wrong inside of a file shows when it is read. */
export async function openZip(source: ZipSource): Promise<BundleFiles> {
  const reading = readZipEntries(source.sizeBytes);
  let step = reading.next();
  while (step.done !== true) step = reading.next(await source.read(...step.value));
  return new Map(step.value.map((entry): [string, BundleFile] => [entry.path, { path: entry.path, sizeBytes: entry.sizeBytes, open: () => readEntry(source, entry) }]));
}

/** What is to be read next: offset and length. */
type Reading<T> = Generator<readonly [offset: number, length: number], T, Uint8Array>;

/** The files of an archive; asks for the bytes that it needs. Throws Malformed. */
export function* readZipEntries(sizeBytes: number): Reading<ZipEntry[]> {
  const directory = yield* findDirectory(sizeBytes);
  const entries = readDirectory(yield [directory.offset, directory.length], directory.entries);
  let expected = 0;
  const files: ZipEntry[] = [];
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
    if (entry.offset !== expected) throw new Malformed(`there are bytes in the archive that belong to no file, before ${entry.path}`);
    const { dataAt, endsAt } = yield* readLocal(entry, directory.offset);
    expected = endsAt;
    if (!entry.path.endsWith("/")) files.push({ ...entry, dataAt });
    else if (entry.sizeBytes > 0) throw new Malformed(`the folder ${entry.path} has a content`);
  }
  if (expected !== directory.offset) throw new Malformed("there are bytes in the archive that belong to no file, before its directory");
  return files;
}

function* findDirectory(sizeBytes: number): Reading<{ offset: number; length: number; entries: number }> {
  const notZip = (): Malformed => new Malformed("this is no ZIP archive, or its end is missing");
  if (sizeBytes < 22) throw notZip();
  const end = viewOf(yield [sizeBytes - 22, 22]);
  if (end.getUint32(0, true) !== 0x0605_4b50 || end.getUint16(20, true) !== 0) throw notZip();
  if (end.getUint16(4, true) !== 0 || end.getUint16(6, true) !== 0) throw new Malformed("the archive is split over several files");
  let [entries, here, length, offset] = [end.getUint16(10, true), end.getUint16(8, true), end.getUint32(12, true), end.getUint32(16, true)];
  let endsAt = sizeBytes - 22;
  if (entries === maxUint16 || length === maxUint32 || offset === maxUint32) {
    if (sizeBytes < 22 + 20 + 56) throw notZip();
    const locator = viewOf(yield [sizeBytes - 42, 20]);
    endsAt = sizeBytes - 42 - 56;
    if (locator.getUint32(0, true) !== 0x0706_4b50 || locator.getUint32(4, true) !== 0 || uint64(locator, 8) !== endsAt || locator.getUint32(16, true) !== 1) throw notZip();
    const large = viewOf(yield [endsAt, 56]);
    if (large.getUint32(0, true) !== 0x0606_4b50 || uint64(large, 4) !== 44 || large.getUint32(16, true) !== 0 || large.getUint32(20, true) !== 0) throw notZip();
    const small = { entries, here, length, offset };
    [here, entries, length, offset] = [uint64(large, 24), uint64(large, 32), uint64(large, 40), uint64(large, 48)];
    const agrees = (value: number, mark: number, whole: number): boolean => value === mark || value === whole;
    if (!agrees(small.entries, maxUint16, entries) || !agrees(small.here, maxUint16, here) || !agrees(small.length, maxUint32, length) || !agrees(small.offset, maxUint32, offset)) throw new Malformed("the archive's two ends say different things");
  }
  if (here !== entries) throw new Malformed("the archive is split over several files");
  if (entries > mostEntries || length > mostDirectoryBytes) throw new Malformed(`the archive claims ${entries} files; no more than ${mostEntries} are read`);
  if (offset + length !== endsAt) throw new Malformed("the archive's directory is not where its end says");
  return { offset, length, entries };
}

function readDirectory(bytes: Uint8Array, entries: number): Entry[] {
  const view = viewOf(bytes);
  const found: Entry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let index = 0; index < entries; index += 1) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x0201_4b50) throw new Malformed("the archive's directory cannot be read");
    const [nameLength, extraLength, commentLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true)];
    const nameAt = at + 46;
    const next = nameAt + nameLength + extraLength + commentLength;
    if (next > bytes.length) throw new Malformed("the archive's directory cannot be read");
    const name = bytes.subarray(nameAt, nameAt + nameLength);
    const path = plainPath(name);
    if (names.has(path.toLowerCase())) throw new Malformed(`the archive holds ${path} twice`);
    names.add(path.toLowerCase());
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    if ((flags & ~knownFlags) !== 0) throw new Malformed(`${path} is encrypted, or packed in a way that is not known here`);
    if (method !== 0 && method !== 8) throw new Malformed(`${path} is packed in a way that is not known here (method ${method})`);
    if (commentLength > 0 || view.getUint16(at + 34, true) !== 0) throw new Malformed(`${path} has a comment, or lies in another archive`);
    const extra = bytes.subarray(nameAt + nameLength, nameAt + nameLength + extraLength);
    const [sizeBytes, packedBytes, offset] = largeNumbers(path, extra, view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true));
    if (sizeBytes > mostFileBytes || packedBytes > mostFileBytes) throw new Malformed(`${path} claims ${sizeBytes} bytes; no file is read that is so large`);
    if (method === 0 && sizeBytes !== packedBytes) throw new Malformed(`${path} has two sizes`);
    found.push({ path, name, flags, method, crc: view.getUint32(at + 16, true), packedBytes, sizeBytes, offset });
    at = next;
  }
  if (at !== bytes.length) throw new Malformed("the archive's directory holds more than its files");
  return found;
}

/** Numbers that do not fit 32 bits stand in the extra field 1, in this order, each only where its own place is full. */
function largeNumbers(path: string, extra: Uint8Array, ...small: readonly [size: number, packed: number, offset: number]): [number, number, number] {
  const view = viewOf(extra);
  let large: DataView | null = null;
  let at = 0;
  for (; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > extra.length) break;
    if (view.getUint16(at, true) !== 1) continue;
    if (large !== null) throw new Malformed(`${path} has two sizes`);
    large = viewOf(extra.subarray(at + 4, at + 4 + length));
  }
  if (at !== extra.length) throw new Malformed(`what the archive says about ${path} cannot be read`);
  let used = 0;
  const numbers = small.map((value) => {
    if (value !== maxUint32) return value;
    if (large === null || used + 8 > large.byteLength) throw new Malformed(`what the archive says about ${path} cannot be read`);
    return uint64(large, (used += 8) - 8);
  });
  return numbers as [number, number, number];
}

function plainPath(name: Uint8Array): string {
  let path: string;
  try {
    path = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    throw new Malformed("the archive holds a file whose name is no UTF-8");
  }
  if (!isPlainPath(path.endsWith("/") ? path.slice(0, -1) : path)) throw new Malformed(`the archive holds a file with the name ${JSON.stringify(path.slice(0, 80))}, which leads out of it or cannot be written everywhere`);
  return path;
}

/** Relative, downward, and the same on every system. */
export function isPlainPath(path: string): boolean {
  return path.length <= 400 && path.split("/").every((segment) => /^[A-Za-z0-9_.-]+$/.test(segment) && !/^\.+$/.test(segment));
}

/** What stands before (and behind) a file's bytes must be what the directory says of it. */
function* readLocal(entry: Entry, directoryAt: number): Reading<{ dataAt: number; endsAt: number }> {
  const differs = (): Malformed => new Malformed(`the archive says two different things about ${entry.path}`);
  if (entry.offset + 30 + entry.name.length > directoryAt) throw differs();
  const head = yield [entry.offset, 30 + entry.name.length];
  const view = viewOf(head);
  if (view.getUint32(0, true) !== 0x0403_4b50 || view.getUint16(6, true) !== entry.flags || view.getUint16(8, true) !== entry.method || view.getUint16(26, true) !== entry.name.length) throw differs();
  if (!head.subarray(30).every((byte, at) => byte === entry.name[at])) throw differs();
  const extraLength = view.getUint16(28, true);
  const dataAt = entry.offset + 30 + entry.name.length + extraLength;
  const dataEnd = dataAt + entry.packedBytes;
  if (dataEnd > directoryAt) throw differs();
  const [crc, packed, size] = [view.getUint32(14, true), view.getUint32(18, true), view.getUint32(22, true)];
  if ((entry.flags & usesDescriptor) === 0) {
    const extra = extraLength === 0 ? new Uint8Array(0) : yield [dataAt - extraLength, extraLength];
    const [sizeBytes, packedBytes] = largeNumbers(entry.path, extra, size, packed, 0);
    if (crc !== entry.crc || sizeBytes !== entry.sizeBytes || packedBytes !== entry.packedBytes) throw differs();
    return { dataAt, endsAt: dataEnd };
  }
  if (crc !== 0 || (packed !== 0 && packed !== maxUint32) || (size !== 0 && size !== maxUint32)) throw differs();
  // The wide one first: of an empty file, it begins as the narrow one.
  for (const wide of [true, false]) {
    const length = wide ? 24 : 16;
    if (dataEnd + length > directoryAt) continue;
    const after = viewOf(yield [dataEnd, length]);
    const sizes = wide ? [Number(after.getBigUint64(8, true)), Number(after.getBigUint64(16, true))] : [after.getUint32(8, true), after.getUint32(12, true)];
    if (after.getUint32(0, true) === 0x0807_4b50 && after.getUint32(4, true) === entry.crc && sizes[0] === entry.packedBytes && sizes[1] === entry.sizeBytes) return { dataAt, endsAt: dataEnd + length };
  }
  throw differs();
}

async function* readEntry(source: ZipSource, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  let crc = 0xffff_ffff;
  let length = 0;
  const damaged = (): Malformed => new Malformed(`${entry.path} is damaged: what is packed in the archive is not what was packed`);
  const packed = readPacked(source, entry.dataAt, entry.packedBytes);
  for await (const bytes of entry.method === 0 ? packed : inflate(packed, damaged)) {
    length += bytes.length;
    if (length > entry.sizeBytes) throw damaged();
    crc = crc32(bytes, crc);
    yield bytes;
  }
  if (length !== entry.sizeBytes || (crc ^ 0xffff_ffff) >>> 0 !== entry.crc) throw damaged();
}

async function* readPacked(source: ZipSource, at: number, length: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; done += readBytes) yield await source.read(at + done, Math.min(readBytes, length - done));
}

/** By the platform. What it says of bytes that are no deflate differs; that they are none is all there is to say. */
async function* inflate(packed: AsyncGenerator<Uint8Array>, damaged: () => Malformed): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  const writer = writable.getWriter();
  const writing = (async () => {
    for await (const bytes of packed) await writer.write(bytes as Uint8Array<ArrayBuffer>);
    await writer.close();
  })();
  writing.catch(() => undefined); // its error is the reader's too
  const reader = readable.getReader();
  let whole = false;
  try {
    for (;;) {
      const next = await reader.read().catch(() => {
        throw damaged();
      });
      if (next.done) break;
      yield next.value;
    }
    whole = true;
  } finally {
    if (!whole) await reader.cancel().catch(() => undefined);
  }
  await writing.catch(() => {
    throw damaged();
  });
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

/** Running, not yet inverted at its end. */
function crc32(bytes: Uint8Array, before: number): number {
  let crc = before;
  for (let at = 0; at < bytes.length; at += 1) crc = crcTable[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return crc;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Numbers beyond 2^53 are none that anything here could have. */
function uint64(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed("the archive holds a number that cannot be");
  return Number(value);
}

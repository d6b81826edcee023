import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Malformed, openZip, readAll, type ZipSource } from "./index.ts";
import { bytesOf } from "./testing/sample-bundle.ts";
import { sourceOf, zipFiles } from "./testing/zip-files.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const some = new Map([
  ["a.txt", utf8("hello, hello, hello, hello, hello")],
  ["folder/b.bin", bytesOf("b", 3_000)],
  ["empty", new Uint8Array(0)],
]);

async function readZip(source: ZipSource): Promise<Map<string, Buffer>> {
  const read = new Map<string, Buffer>();
  for (const [path, file] of await openZip(source)) read.set(path, Buffer.from(await readAll(file.open(), 100_000_000, path)));
  return read;
}
const refusal = (bytes: Uint8Array): Promise<string> =>
  readZip(sourceOf(bytes)).then(
    () => "taken",
    (error: unknown) => {
      expect(error).toBeInstanceOf(Malformed);
      return (error as Malformed).message;
    },
  );

/** A stored entry with whatever a test wants otherwise, and the directory's word for it. */
function handmade(entries: readonly { name: string; data?: Uint8Array; method?: number; flags?: number; size?: number; offset?: number; localName?: string; extra?: Uint8Array }[], end: { entries?: number; comment?: number } = {}): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, data = new Uint8Array(0), method = 0, flags = 0, size = data.length, offset = at, localName = name, extra = new Uint8Array(0) } of entries) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(flags, 6);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc(data), 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(size, 22);
    local.writeUInt16LE(Buffer.byteLength(localName), 26);
    locals.push(local, Buffer.from(localName), Buffer.from(data));
    at += 30 + Buffer.byteLength(localName) + data.length;
    const head = Buffer.alloc(46);
    head.writeUInt32LE(0x02014b50, 0);
    head.writeUInt16LE(flags, 8);
    head.writeUInt16LE(method, 10);
    head.writeUInt32LE(crc(data), 16);
    head.writeUInt32LE(data.length, 20);
    head.writeUInt32LE(size, 24);
    head.writeUInt16LE(Buffer.byteLength(name), 28);
    head.writeUInt16LE(extra.length, 30);
    head.writeUInt32LE(offset, 42);
    central.push(head, Buffer.from(name), Buffer.from(extra));
  }
  const directory = Buffer.concat(central);
  const tail = Buffer.alloc(22);
  tail.writeUInt32LE(0x06054b50, 0);
  tail.writeUInt16LE(end.entries ?? entries.length, 8);
  tail.writeUInt16LE(end.entries ?? entries.length, 10);
  tail.writeUInt32LE(directory.length, 12);
  tail.writeUInt32LE(at, 16);
  tail.writeUInt16LE(end.comment ?? 0, 20);
  return Buffer.concat([...locals, directory, tail]);
}

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

describe("archives", () => {
  test.for([true, false])("what a foreign writer packed (deflate: %s) comes out as it was", async (compress) => {
    const read = await readZip(sourceOf(await zipFiles(some, { compress })));
    expect([...read]).toEqual([...some].map(([path, bytes]) => [path, Buffer.from(bytes)]));
  });

  test("files streamed into an archive, with their sizes behind them", async () => {
    const { ZipFile } = await import("yazl");
    for (const forceZip64Format of [false, true]) {
      const zip = new ZipFile();
      for (const [path, bytes] of some) zip.addReadStream(Readable.from([Buffer.from(bytes)]), path, { compress: path !== "empty", forceZip64Format });
      zip.end({ forceZip64Format, comment: "" });
      const read = await readZip(sourceOf(Buffer.concat(await (zip.outputStream as Readable).toArray())));
      expect([...read]).toEqual([...some].map(([path, bytes]) => [path, Buffer.from(bytes)]));
    }
  });

  test("every bit of an archive that means something is noticed; times and attributes of files are not read", async () => {
    const zip = await zipFiles(some);
    const unread: number[] = [];
    for (let at = 0; at < zip.length; at += 1) {
      const flipped = Buffer.from(zip);
      flipped[at]! ^= 1 << at % 8;
      const answer = await readZip(sourceOf(flipped)).catch((error: unknown) => error);
      if (answer instanceof Malformed) continue;
      expect(answer).toBeInstanceOf(Map);
      expect([...(answer as Map<string, Buffer>)], `byte ${at}`).toEqual([...some].map(([path, bytes]) => [path, Buffer.from(bytes)]));
      unread.push(at);
    }
    // Versions, times, attributes and the extra field with another time: 3 files, twice each.
    expect(unread.length).toBeLessThan(3 * (2 + 4 + 13 + 4 + 4 + 2 + 8 + 13));
  });

  test("archives that were made to harm are refused, in words", async () => {
    const data = utf8("x");
    for (const [name, why] of [["../up", "leads out of it"], ["/etc/passwd", "leads out of it"], ["a/../../b", "leads out of it"], ["a\\b", "leads out of it"], ["C:x", "leads out of it"], ["", "leads out of it"], ["a//b", "leads out of it"], [".", "leads out of it"], ["a b", "cannot be written everywhere"], ["ä", "cannot be written everywhere"], ["x".repeat(500), "leads out of it"]] as const) {
      expect(await refusal(handmade([{ name, data }])), name).toContain(why);
    }
    expect(await refusal(handmade([{ name: "a", data }, { name: "a", data }]))).toBe("the archive holds a twice");
    expect(await refusal(handmade([{ name: "a", data }, { name: "A", data }]))).toBe("the archive holds A twice");
    expect(await refusal(handmade([{ name: "a", data }], { entries: 65_534 }))).toContain("directory cannot be read");
    expect(await refusal(handmade([{ name: "a", data }, { name: "b", data, offset: 0 }]))).toMatch(/belong to no file|two different things/);
    expect(await refusal(handmade([{ name: "a", data, localName: "b" }]))).toContain("two different things about a");
    expect(await refusal(handmade([{ name: "a", data, flags: 1 }]))).toContain("encrypted");
    expect(await refusal(handmade([{ name: "a", data, method: 12 }]))).toContain("method 12");
    expect(await refusal(handmade([{ name: "a", data, method: 8 }]))).toContain("is damaged");
    expect(await refusal(handmade([{ name: "a", data, size: 2 }]))).toContain("two sizes");
    expect(await refusal(handmade([{ name: "a/", data }]))).toContain("has a content");
    expect(await refusal(handmade([{ name: "a", data }], { comment: 4 }))).toContain("no ZIP archive");
    expect(await refusal(Buffer.concat([Buffer.from("MZ"), handmade([{ name: "a", data }])]))).toMatch(/not where its end says/);
    expect(await refusal(handmade([{ name: "a", data, extra: Uint8Array.of(1, 0, 200, 0) }]))).toContain("cannot be read");
    for (const bytes of [new Uint8Array(0), new Uint8Array(21), new Uint8Array(100)]) expect(await refusal(bytes)).toContain("no ZIP archive");
  });

  test("a bomb stops at the size that it announced", async () => {
    const bomb = await zipFiles(new Map([["zeros", new Uint8Array(50_000_000)]]));
    const small = Buffer.from(bomb);
    expect(small.length).toBeLessThan(100_000);
    // Announces a hundred bytes, before and behind, and unpacks to fifty million.
    for (let at = 0; at + 4 <= small.length; at += 1) if (small.readUInt32LE(at) === 50_000_000) small.writeUInt32LE(100, at);
    const [file] = (await openZip(sourceOf(small))).values();
    let taken = 0;
    await expect(
      (async () => {
        for await (const bytes of file!.open()) taken += bytes.length;
      })(),
    ).rejects.toThrow("is damaged");
    expect(taken).toBeLessThan(1_000);
  });

  test("whatever the bytes, reading ends in files or in Malformed", async () => {
    const zip = await zipFiles(some);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(zip.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }), fc.nat(zip.length), async (changes, cut) => {
        const bent = Buffer.from(zip);
        for (const [at, byte] of changes) bent[at] = byte;
        for (const bytes of [bent, bent.subarray(cut), bent.subarray(0, cut)]) await refusal(bytes);
      }),
      { numRuns: 150 },
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createOggOpusWriter, findOpusPage, parseOggOpus } from "./ogg-opus.ts";
import type { OggOpusFile } from "./ogg-opus.ts";
import { readOggPages } from "./ogg-page.ts";
import { opusPacketSamples } from "./opus-packet.ts";
import { ffmpegMissing, runTool } from "./testing/ffmpeg.ts";

const FRAME = 960;
const OPTIONS = { serial: 0xcafe_f00d, channels: 1, inputSampleRate: 8000, preSkip: 312 } as const;

/** A packet of 20 ms: CELT-only fullband, one frame, `length` bytes. */
const packet = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill).with(0, 31 << 3);

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function mux(packets: readonly Uint8Array[], totalSamples?: number): Uint8Array {
  const writer = createOggOpusWriter({ ...OPTIONS, comments: ["TITLE=test"] });
  return join([writer.header, ...packets.map((one) => writer.write(one)), writer.end(totalSamples)]);
}

function demux(bytes: Uint8Array): OggOpusFile {
  const result = parseOggOpus(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

describe("CAP-70 writing", () => {
  test("pages of a second, granule positions that count pre-skip, the last one marked", () => {
    const { pages, skippedBytes } = readOggPages(mux(Array.from({ length: 120 }, () => packet(60))));
    expect(skippedBytes).toBe(0);
    expect(pages.map((page) => [page.sequence, page.granule, page.packets.length, page.first, page.last])).toEqual([
      [0, 0, 1, true, false],
      [1, 0, 1, false, false],
      [2, 48_000, 50, false, false],
      [3, 96_000, 50, false, false],
      [4, 115_200, 20, false, true],
    ]);
    expect(new Set(pages.map((page) => page.serial))).toEqual(new Set([0xcafe_f00d]));
  });

  test("a stream that ends on a full page still has a last page with audio", () => {
    const { pages } = readOggPages(mux(Array.from({ length: 100 }, () => packet(60))));
    expect(pages.at(-1)).toMatchObject({ last: true, granule: 96_000 });
    expect(pages.at(-1)?.packets).toHaveLength(50);
  });

  test("a page ends early where its 255 segments are used up", () => {
    const { pages } = readOggPages(mux(Array.from({ length: 10 }, () => packet(20_000))));
    expect(pages.slice(2).map((page) => page.packets.length)).toEqual([3, 3, 3, 1]);
  });

  test("the end is cut where the audio ends, but never before the last page", () => {
    const packets = Array.from({ length: 60 }, () => packet(60));
    expect(demux(mux(packets, 57_000)).totalSamples).toBe(57_000);
    expect(demux(mux(packets)).totalSamples).toBe(60 * FRAME - 312);
    expect(demux(mux(packets, 999_999)).totalSamples).toBe(60 * FRAME - 312);
    expect(demux(mux(packets, 10)).totalSamples).toBe(48_000 - 312);
  });

  test("a stream without audio is a whole file", () => {
    expect(demux(mux([]))).toMatchObject({ packets: [], pages: [], totalSamples: 0, skippedBytes: 0 });
  });

  test("what is no Opus packet is not written, nor anything after the end", () => {
    const writer = createOggOpusWriter(OPTIONS);
    expect(() => writer.write(new Uint8Array())).toThrow(RangeError);
    expect(() => writer.write(packet(65_100))).toThrow(RangeError);
    writer.end();
    expect(() => writer.write(packet(10))).toThrow(RangeError);
    expect(writer.end()).toHaveLength(0);
  });
});

describe("reading", () => {
  test("gives back every packet, of any length, at its place", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer({ min: 1, max: 400 }), fc.constantFrom(254, 255, 256, 509, 510, 511, 1275)), { maxLength: 130 }), (lengths) => {
        const packets = lengths.map((length, index) => packet(length, index & 0xff));
        const file = demux(mux(packets));
        expect(file).toMatchObject({ channels: 1, preSkip: 312, inputSampleRate: 8000, skippedBytes: 0 });
        expect(file.packets).toEqual(packets.map((data, index) => ({ data, fromSample: index * FRAME, samples: FRAME })));
      }),
      { numRuns: 50 },
    );
  });

  test("the page index finds where to begin for any sample", () => {
    const bytes = mux(Array.from({ length: 175 }, () => packet(60)));
    const { pages, packets } = demux(bytes);
    expect(pages.map((page) => [page.firstPacket, page.fromSample])).toEqual([
      [0, 0],
      [50, 48_000],
      [100, 96_000],
      [150, 144_000],
    ]);
    expect([0, 47_999, 48_000, 150_000, 1e9].map((sample) => findOpusPage(pages, sample)?.firstPacket)).toEqual([0, 0, 50, 150, 150]);
    expect(findOpusPage([], 0)).toBeNull();
    // What the index points at can be read on its own.
    const page = pages[2];
    if (page === undefined) throw new Error("no page");
    const [alone] = readOggPages(bytes.subarray(page.offset, page.offset + page.length)).pages;
    expect(alone?.packets[0]).toEqual(packets[100]?.data);
  });

  test("a damaged page is left out and the rest keeps its place", () => {
    const bytes = mux(Array.from({ length: 150 }, () => packet(60)));
    const [, , , damaged] = readOggPages(bytes).pages;
    if (damaged === undefined) throw new Error("no page");
    bytes[damaged.offset + 500] = 0xff;
    const file = demux(bytes);
    expect(file.skippedBytes).toBe(damaged.length);
    expect(file.packets).toHaveLength(100);
    expect(file.packets[50]?.fromSample).toBe(48_000); // the last page: its end only trims
    const longer = mux(Array.from({ length: 200 }, () => packet(60)));
    longer[damaged.offset + 500] = 0xff;
    expect(demux(longer).packets[50]?.fromSample).toBe(96_000);
    expect(demux(longer).pages.map((page) => page.fromSample)).toEqual([0, 96_000, 144_000]);
  });

  test("a packet that goes on in the next page is put together; one that lost its beginning is left out", () => {
    const packets = [packet(300, 1), packet(600, 2), packet(300, 3)];
    const bytes = respread(mux(packets), [2, 2, 2]);
    const file = demux(bytes);
    expect(file.packets.map((one) => one.data)).toEqual(packets);
    const { pages } = readOggPages(bytes);
    const withoutOne = join(pages.filter((_, index) => index !== 3).map((page) => bytes.subarray(page.offset, page.offset + page.length)));
    expect(demux(withoutOne).packets.map((one) => one.data)).toEqual([packets[0], packets[2]]);
  });

  test("pages of another stream and junk between pages are passed over", () => {
    const bytes = mux([packet(60), packet(60)]);
    const other = createOggOpusWriter({ ...OPTIONS, serial: 5 }).header;
    expect(demux(join([bytes, other])).packets).toHaveLength(2);
    const { pages } = readOggPages(bytes);
    const junk = Uint8Array.from([..."OggOggS!"].map((char) => char.charCodeAt(0)));
    const spoilt = join(pages.flatMap((page) => [bytes.subarray(page.offset, page.offset + page.length), junk]));
    expect(demux(spoilt)).toMatchObject({ skippedBytes: 24, totalSamples: 2 * FRAME - 312 });
  });

  test("a file that is cut anywhere is read up to there", () => {
    const bytes = mux(Array.from({ length: 60 }, () => packet(60)));
    fc.assert(
      fc.property(fc.nat(bytes.length), (length) => {
        const result = parseOggOpus(bytes.subarray(0, length));
        if (result.ok) expect([0, 50, 60]).toContain(result.value.packets.length);
      }),
    );
  });

  test("any bytes are read or refused", () => {
    const bytes = mux(Array.from({ length: 5 }, () => packet(60)));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }), (changes) => {
        const damaged = bytes.slice();
        for (const [at, byte] of changes) damaged[at] = byte;
        const result = parseOggOpus(damaged);
        if (result.ok) expect(result.value.packets.length).toBeLessThanOrEqual(5);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (input) => {
        expect(parseOggOpus(input).ok).toBe(false);
      }),
    );
  });

  test("a megabyte of page beginnings is read in linear time", () => {
    const started = performance.now();
    parseOggOpus(join(Array.from({ length: 30_000 }, () => Uint8Array.of(0x4f, 0x67, 0x67, 0x53, 0, ...new Uint8Array(21), 5, 255, 255, 255, 255, 255))));
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

/** Rewrites the audio of a file so that each page carries that many segments, packets running over. */
function respread(bytes: Uint8Array, segmentsPerPage: readonly number[]): Uint8Array {
  const { pages } = readOggPages(bytes);
  const [head, tags, audio] = pages;
  if (head === undefined || tags === undefined || audio === undefined) throw new Error("not a file of three pages");
  const lacing = audio.packets.flatMap((one) => [...Array.from({ length: Math.floor(one.length / 255) }, () => 255), one.length % 255]);
  const body = join(audio.packets);
  const out = [bytes.subarray(0, tags.offset + tags.length)];
  let at = 0;
  let segment = 0;
  let continued = false;
  for (let index = 0; segment < lacing.length; index += 1) {
    const take = lacing.slice(segment, segment + (segmentsPerPage[index] ?? 255));
    const length = take.reduce((total, one) => total + one, 0);
    const page = new Uint8Array(27 + take.length + length);
    const view = new DataView(page.buffer);
    page.set([0x4f, 0x67, 0x67, 0x53, 0, continued ? 1 : 0]);
    view.setBigInt64(6, -1n, true);
    view.setUint32(14, audio.serial, true);
    view.setUint32(18, 2 + index, true);
    page.set([take.length, ...take], 26);
    page.set(body.subarray(at, at + length), 27 + take.length);
    view.setUint32(22, slowCrc(page), true);
    out.push(page);
    continued = take.at(-1) === 255;
    at += length;
    segment += take.length;
  }
  return join(out);
}

/** RFC 3533's CRC bit by bit, apart from the table under test. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  }
  return crc >>> 0;
}

test("durations of packets (RFC 6716 3.1)", () => {
  const samples = (config: number, code: number, frames = 0): number => opusPacketSamples(Uint8Array.of((config << 3) | code, frames));
  expect([0, 1, 2, 3].map((config) => samples(config, 0))).toEqual([480, 960, 1920, 2880]); // SILK
  expect([12, 13].map((config) => samples(config, 0))).toEqual([480, 960]); // hybrid
  expect([16, 17, 18, 19].map((config) => samples(config, 0))).toEqual([120, 240, 480, 960]); // CELT
  expect([samples(31, 1), samples(31, 2), samples(31, 3, 6)]).toEqual([1920, 1920, 5760]);
  expect([samples(31, 3, 7), samples(31, 3, 0), opusPacketSamples(new Uint8Array())]).toEqual([0, 0, 0]);
});

describe.skipIf(ffmpegMissing() !== null)("ffmpeg's opinion", () => {
  const pcm = Int16Array.from({ length: 8000 * 3 }, (_, at) => Math.round(10_000 * Math.sin(2 * Math.PI * 440 * (at / 8000))));
  const encode = (): OggOpusFile =>
    demux(runTool("ffmpeg", ["-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "-", "-c:a", "libopus", "-b:a", "24k", "-f", "ogg", "-"], new Uint8Array(pcm.buffer)));

  test("what it writes, we read: packets, durations and the end", () => {
    const file = encode();
    expect(file).toMatchObject({ channels: 1, skippedBytes: 0, totalSamples: 3 * 48_000 });
    expect(file.packets.every((one) => one.samples === FRAME)).toBe(true);
  });

  test("what we write, it decodes without complaint to the same length and the same tone", () => {
    const encoded = encode();
    const writer = createOggOpusWriter({ ...OPTIONS, preSkip: encoded.preSkip });
    const bytes = join([writer.header, ...encoded.packets.map((one) => writer.write(one.data)), writer.end(3 * 48_000)]);
    const decoded = runTool("ffmpeg", ["-i", "-", "-ar", "8000", "-f", "s16le", "-"], bytes);
    const heard = new Int16Array(decoded.slice().buffer);
    expect(Math.abs(heard.length - pcm.length)).toBeLessThanOrEqual(1);
    let error = 0;
    let energy = 0;
    for (let at = 4000; at < 20_000; at += 1) {
      error += ((heard[at] ?? 0) - (pcm[at] ?? 0)) ** 2;
      energy += (pcm[at] ?? 0) ** 2;
    }
    expect(error / energy).toBeLessThan(0.05);
    const probe = new TextDecoder().decode(runTool("ffprobe", ["-show_entries", "stream=codec_name,channels,duration", "-of", "csv=p=0", "-"], bytes));
    expect(probe.trim()).toMatch(/^opus,1/);
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { renderWav, formatOf, type Rendering, type Sound } from "./render.ts";
import { wavHeader, wavSizeBytes } from "./wav.ts";

/** A sound whose samples say where they come from: track in the thousands, position below. */
const sound: Sound & { reads: [number, number, number][] } = {
  sampleRate: 100,
  reads: [],
  async readPcm(track, fromSample, count) {
    sound.reads.push([track, fromSample, count]);
    return Int16Array.from({ length: count }, (_, index) => track * 1000 + ((fromSample + index) % 1000));
  },
};

async function bytesOf(rendering: Rendering, from: number, to: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of renderWav(sound, rendering, { from, to })) parts.push(part);
  return Buffer.concat(parts);
}

const rendering = fc.record({
  layout: fc.constantFrom("mixed" as const, "channels" as const),
  tracks: fc.array(
    fc.record({ track: fc.integer({ min: 1, max: 30 }), fromSample: fc.nat(400), toSample: fc.nat(500) }),
    { maxLength: 4 },
  ),
  fromSample: fc.nat(50),
  frames: fc.nat(450),
});

test("CAP-70 any range of a virtual WAV equals the same slice of the whole", async () => {
  await fc.assert(
    fc.asyncProperty(rendering, fc.nat(4000), fc.nat(4000), async (drawn, a, b) => {
      const sizeBytes = wavSizeBytes(formatOf(sound, drawn));
      const from = Math.min(a, b, sizeBytes);
      const to = Math.min(Math.max(a, b), sizeBytes);
      const whole = await bytesOf(drawn, 0, sizeBytes);
      expect(whole.length).toBe(sizeBytes);
      expect(await bytesOf(drawn, from, to)).toEqual(whole.subarray(from, to));
    }),
    { numRuns: 300 },
  );
});

test("CAP-51 audio outside a person's bounds is neither served nor read", async () => {
  await fc.assert(
    fc.asyncProperty(rendering, async (drawn) => {
      sound.reads.length = 0;
      const format = formatOf(sound, drawn);
      const whole = await bytesOf(drawn, 0, wavSizeBytes(format));
      for (const [track, from, count] of sound.reads) {
        const inside = drawn.tracks.some((part) => part.track === track && part.fromSample <= from && from + count <= part.toSample);
        expect(inside).toBe(true);
      }
      const samples = whole.subarray(wavHeader(format).length);
      for (let frame = 0; frame < drawn.frames; frame++) {
        const heard = drawn.tracks.map((part) => {
          const at = drawn.fromSample + frame;
          return at >= part.fromSample && at < part.toSample ? part.track * 1000 + (at % 1000) : 0;
        });
        if (drawn.layout === "mixed") {
          expect(samples.readInt16LE(frame * 2)).toBe(Math.min(32767, heard.reduce((sum, sample) => sum + sample, 0)));
        } else {
          heard.forEach((sample, channel) => expect(samples.readInt16LE((frame * heard.length + channel) * 2)).toBe(sample));
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("a short range reads only the samples it needs", async () => {
  sound.reads.length = 0;
  const drawn: Rendering = { layout: "mixed", tracks: [{ track: 1, fromSample: 0, toSample: 10_000 }], fromSample: 0, frames: 10_000 };
  expect((await bytesOf(drawn, 44 + 2000, 44 + 2010)).length).toBe(10);
  expect(sound.reads).toEqual([[1, 1000, 5]]);
});

test("loud speakers at once saturate instead of wrapping around", async () => {
  const loud: Sound = { sampleRate: 100, readPcm: async (track, _from, count) => new Int16Array(count).fill(track === 1 ? 30_000 : track === 2 ? 20_000 : -32_768) };
  const first = async (tracks: number[]) => {
    const drawn: Rendering = { layout: "mixed", tracks: tracks.map((track) => ({ track, fromSample: 0, toSample: 1 })), fromSample: 0, frames: 1 };
    const parts: Buffer[] = [];
    for await (const part of renderWav(loud, drawn, { from: 44, to: 46 })) parts.push(part);
    return Buffer.concat(parts).readInt16LE(0);
  };
  expect(await first([1, 2])).toBe(32_767);
  expect(await first([3, 4])).toBe(-32_768);
  expect(await first([1])).toBe(30_000);
});

test("three speakers as channels are WAVE_FORMAT_EXTENSIBLE PCM; one is a plain 44-byte header", () => {
  const three = wavHeader({ sampleRate: 8000, channels: 3, frames: 10 });
  expect(three.length).toBe(68);
  expect(three.readUInt16LE(20)).toBe(0xfffe);
  expect(three.readUInt32LE(40)).toBe(0);
  expect(three.subarray(44, 60).toString("hex")).toBe("0100000000001000800000aa00389b71");
  expect(three.readUInt32LE(4)).toBe(60 + 60);
  expect(three.readUInt32LE(64)).toBe(60);
  const one = wavHeader({ sampleRate: 8000, channels: 1, frames: 10 });
  expect(one.length).toBe(44);
  expect([one.readUInt16LE(20), one.readUInt16LE(22), one.readUInt32LE(24), one.readUInt32LE(28), one.readUInt16LE(32), one.readUInt32LE(40)]).toEqual([1, 1, 8000, 16_000, 2, 20]);
});

test("a file longer than RIFF can say claims to reach until the end", () => {
  const header = wavHeader({ sampleRate: 8000, channels: 1, frames: 3_000_000_000 });
  expect(header.readUInt32LE(4)).toBe(0xffffffff);
  expect(header.readUInt32LE(40)).toBe(0xffffffff);
});

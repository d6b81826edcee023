import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeG711 } from "./g711.ts";
import { ffmpegMissing, runTool } from "./testing/ffmpeg.ts";
import { parseWavHeader, wavHeader } from "./wav.ts";
import type { WavDescription, WavFormat } from "./wav.ts";

const FORMATS: readonly WavFormat[] = ["pcm16", "pcmu", "pcma"];

describe("headers", () => {
  test("one or two channels take 44 bytes, more take 68, and both read back", () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), fc.integer({ min: 1, max: 32 }), fc.constantFrom(8000, 16_000, 48_000), fc.nat(1_000_000), (format, channels, sampleRate, samples) => {
        const header = wavHeader({ format, channels, sampleRate, samples });
        const dataOffset = channels > 2 ? 68 : 44;
        const dataBytes = samples * channels * (format === "pcm16" ? 2 : 1);
        expect(header).toHaveLength(dataOffset);
        expect(parseWavHeader(header)).toEqual({ ok: true, value: { format, channels, sampleRate, dataOffset, dataBytes } });
      }),
    );
  });

  test("sizes above 4 GiB are the largest there is", () => {
    const header = wavHeader({ format: "pcm16", channels: 2, sampleRate: 48_000, samples: 2 ** 31 });
    const view = new DataView(header.buffer);
    expect([view.getUint32(4, true), view.getUint32(40, true)]).toEqual([0xffff_ffff, 0xffff_ffff]);
  });

  test("other chunks before the data are passed over", () => {
    const header = wavHeader({ format: "pcmu", channels: 1, sampleRate: 8000, samples: 10 });
    const list = Uint8Array.of(0x4c, 0x49, 0x53, 0x54, 3, 0, 0, 0, 1, 2, 3, 0); // odd length, padded
    const withList = Uint8Array.of(...header.subarray(0, 36), ...list, ...header.subarray(36));
    expect(parseWavHeader(withList)).toMatchObject({ ok: true, value: { dataOffset: 56, dataBytes: 10 } });
  });

  test("what is no WAV of ours is refused, whatever the bytes", () => {
    const header = wavHeader({ format: "pcm16", channels: 3, sampleRate: 8000, samples: 10 });
    expect(parseWavHeader(header.subarray(0, 60)).ok).toBe(false);
    expect(parseWavHeader(Uint8Array.of(...header.subarray(0, 34), 24, 0, ...header.subarray(36))).ok).toBe(false);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(67), fc.nat(255))), fc.nat(68), (changes, length) => {
        const damaged = header.slice(0, length);
        for (const [at, byte] of changes) damaged[at] = byte;
        const result = parseWavHeader(damaged);
        if (result.ok) expect(result.value.channels).toBeGreaterThan(0);
      }),
    );
  });
});

describe.skipIf(ffmpegMissing() !== null)("ffmpeg reads what we write", () => {
  const tone = (samples: number, channel: number): number[] => Array.from({ length: samples }, (_, at) => Math.round(8000 * Math.sin(at * 0.05 * (channel + 1))));

  test.each([
    { format: "pcm16", channels: 1 },
    { format: "pcm16", channels: 5 },
    { format: "pcmu", channels: 2 },
    { format: "pcma", channels: 3 },
  ] as const)("CAP-69 $format, one channel for each of $channels speakers", ({ format, channels }) => {
    const samples = 800;
    const tones = Array.from({ length: channels }, (_, channel) => tone(samples, channel));
    const interleaved = Int16Array.from({ length: samples * channels }, (_, at) => tones[at % channels]?.[Math.floor(at / channels)] ?? 0);
    const description: WavDescription = { format, channels, sampleRate: 8000, samples };
    const body = format === "pcm16" ? new Uint8Array(interleaved.buffer) : encodeG711(format === "pcmu" ? "PCMU" : "PCMA", interleaved);
    const header = wavHeader(description);
    const file = new Uint8Array(header.length + body.length);
    file.set(header);
    file.set(body, header.length);

    // A channel is taken out by its number alone, so that no down-mixing can hide a mistake.
    const last = channels - 1;
    const foreign = runTool("ffmpeg", ["-guess_layout_max", "0", "-i", "-", "-filter_complex", `[0:a]pan=mono|c0=c${last}`, "-f", "s16le", "-"], file);
    const heard = new Int16Array(foreign.slice().buffer);
    expect(heard).toHaveLength(samples);
    const tolerance = format === "pcm16" ? 1 : 300;
    for (const [at, sample] of heard.entries()) expect(Math.abs(sample - (tones[last]?.[at] ?? 0))).toBeLessThanOrEqual(tolerance);
  });
});

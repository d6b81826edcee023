import { describe, expect, test } from "vitest";
import { decodeG711, decodeG711Into, encodeG711, encodeG711Into, G711_SILENCE } from "./g711.ts";
import type { G711Codec } from "./g711.ts";
import { ffmpegMissing, runTool } from "./testing/ffmpeg.ts";

const CODECS: readonly G711Codec[] = ["PCMU", "PCMA"];
const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const EVERY_SAMPLE = Int16Array.from({ length: 65_536 }, (_, index) => index - 32_768);

/**
 * The laws as tables 1a and 2a of G.711 state them, computed here another way: y of each of the 128 positive intervals, from
 * the innermost outward, scaled to 16 bits.
 */
function valuesOfTheRecommendation(codec: G711Codec): number[] {
  return Array.from({ length: 128 }, (_, interval) => {
    const segment = Math.floor(interval / 16);
    const step = interval % 16;
    if (codec === "PCMU") return 4 * ((2 * step + 33) * 2 ** segment - 33);
    return segment === 0 ? 8 * (2 * step + 1) : 8 * (2 * step + 33) * 2 ** (segment - 1);
  });
}

describe.each(CODECS)("%s", (codec) => {
  test("decodes to the values of the Recommendation", () => {
    // µ-law characters are sent inverted, A-law ones with every second bit inverted; the first bit is the sign.
    const positive = valuesOfTheRecommendation(codec).map((_, interval) => (codec === "PCMU" ? 0xff - interval : (0x80 | interval) ^ 0x55));
    expect([...decodeG711(codec, Uint8Array.from(positive))]).toEqual(valuesOfTheRecommendation(codec));
    const negative = positive.map((byte) => byte ^ 0x80);
    expect([...decodeG711(codec, Uint8Array.from(negative))]).toEqual(valuesOfTheRecommendation(codec).map((value) => 0 - value));
  });

  test("each character decodes and encodes to itself, but for the second zero of µ-law", () => {
    const back = encodeG711(codec, decodeG711(codec, EVERY_BYTE));
    const changed = [...EVERY_BYTE].filter((byte) => back[byte] !== byte);
    expect(changed).toEqual(codec === "PCMU" ? [0x7f] : []);
  });

  test("each sample encodes to the interval it lies in: the error is at most half of its width", () => {
    const values = valuesOfTheRecommendation(codec);
    const decoded = decodeG711(codec, encodeG711(codec, EVERY_SAMPLE));
    let worst = 0;
    for (const [index, sample] of EVERY_SAMPLE.entries()) {
      const value = decoded[index] ?? 0;
      const segment = Math.floor(values.indexOf(Math.abs(value)) / 16);
      const width = codec === "PCMU" ? 8 * 2 ** segment : 16 * 2 ** Math.max(0, segment - 1);
      const magnitude = Math.min(Math.abs(sample), codec === "PCMU" ? 4 * 8159 : 32_768); // where µ-law is clipped
      worst = Math.max(worst, (Math.abs(Math.abs(value) - magnitude) - width / 2) / (codec === "PCMU" ? 4 : 8));
      if (Math.abs(sample) > 16) expect(Math.sign(value)).toBe(Math.sign(sample));
    }
    expect(worst).toBeLessThanOrEqual(1); // samples have more bits than the law: one unit of its scale
  });

  test("silence is the least there is", () => {
    expect(encodeG711(codec, Int16Array.of(0))[0]).toBe(G711_SILENCE[codec]);
    expect(Math.abs(decodeG711(codec, Uint8Array.of(G711_SILENCE[codec]))[0] ?? 99)).toBeLessThanOrEqual(8);
  });

  test("into a target: from the offset, no further than its end", () => {
    const samples = new Int16Array(4).fill(99);
    expect(decodeG711Into(codec, encodeG711(codec, Int16Array.of(1000, -1000, 1000)), samples, 2)).toBe(2);
    expect([samples[0], samples[1]]).toEqual([99, 99]);
    expect(Math.sign(samples[3] ?? 0)).toBe(-1);
    expect(encodeG711Into(codec, samples, new Uint8Array(3), 5)).toBe(0);
  });

  test.skipIf(ffmpegMissing() !== null)("ffmpeg decodes every character to the same", () => {
    const format = codec === "PCMU" ? "mulaw" : "alaw";
    const foreign = runTool("ffmpeg", ["-f", format, "-ar", "8000", "-ac", "1", "-i", "-", "-f", "s16le", "-"], EVERY_BYTE);
    const view = new DataView(foreign.buffer, foreign.byteOffset, foreign.byteLength);
    expect([...decodeG711(codec, EVERY_BYTE)]).toEqual(Array.from({ length: 256 }, (_, byte) => view.getInt16(2 * byte, true)));
  });
});

test("encodes to characters known from the ITU's own program", () => {
  const samples = Int16Array.of(0, 1000, -1000, 32_767, -32_768, -1);
  expect([...encodeG711("PCMU", samples)]).toEqual([0xff, 0xce, 0x4e, 0x80, 0x00, 0x7f]);
  expect([...encodeG711("PCMA", samples)]).toEqual([0xd5, 0xfa, 0x7a, 0xaa, 0x2a, 0x55]);
});

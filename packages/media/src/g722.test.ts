import fc from "fast-check";
import { expect, test } from "vitest";
import { createG722Decoder } from "./g722.ts";
import { ffmpegMissing, runTool } from "./testing/ffmpeg.ts";

/** Speech-like: two moving tones and noise, at 16 kHz. */
function signal(samples: number): Int16Array {
  let noise = 12_345;
  return Int16Array.from({ length: samples }, (_, at) => {
    noise = (Math.imul(noise, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const swell = 0.3 + 0.7 * Math.abs(Math.sin(at / 9_000));
    return Math.round(swell * (9_000 * Math.sin(at * (0.12 + 0.05 * Math.sin(at / 20_000))) + 4_000 * Math.sin(at * 1.9) + (noise / 0x7fff_ffff - 0.5) * 1_500));
  });
}

test.skipIf(ffmpegMissing() !== null)("decodes what ffmpeg encodes to the very samples that ffmpeg decodes", () => {
  const pcm = signal(16_000 * 4);
  const encoded = runTool("ffmpeg", ["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "g722", "-f", "g722", "pipe:1"], new Uint8Array(pcm.buffer));
  const theirs = runTool("ffmpeg", ["-f", "g722", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", "16000", "pipe:1"], encoded).slice();
  const ours = createG722Decoder().decode(encoded);
  const reference = new Int16Array(theirs.buffer, theirs.byteOffset, theirs.length >> 1);
  expect(ours.length).toBe(reference.length);
  let worst = 0;
  for (let at = 0; at < ours.length; at += 1) worst = Math.max(worst, Math.abs(ours[at]! - reference[at]!));
  expect(worst).toBe(0);
});

test("packet by packet is the same as in one, and any bytes decode to something", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 80 }), (bytes, size) => {
      const whole = createG722Decoder().decode(bytes);
      const decoder = createG722Decoder();
      const parts: number[] = [];
      for (let at = 0; at < bytes.length; at += size) parts.push(...decoder.decode(bytes.subarray(at, at + size)));
      expect(parts).toEqual([...whole]);
    }),
  );
});

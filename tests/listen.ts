/** Listening to a recording with a program that we did not write: ffmpeg decodes, we look for tones. */
import { spawnSync } from "node:child_process";

/** Decodes any audio to mono samples at 8 kHz. */
export function decode(audio: Uint8Array): Int16Array {
  const ffmpeg = spawnSync("ffmpeg", ["-v", "error", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", "8000", "pipe:1"], { input: audio, maxBuffer: 1 << 30 });
  if (ffmpeg.status !== 0) throw new Error(`ffmpeg could not decode: ${ffmpeg.stderr.toString()}`);
  const bytes = ffmpeg.stdout;
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1).slice();
}

/** How strong a tone is in each 10 ms of the audio, 0…1 of full scale (Goertzel). */
export function toneStrength(samples: Int16Array, hz: number, rate = 8000): number[] {
  const size = rate / 100;
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / rate);
  return Array.from({ length: Math.floor(samples.length / size) }, (_, block) => {
    let [one, two] = [0, 0];
    for (let index = block * size; index < (block + 1) * size; index++) [one, two] = [coefficient * one - two + samples[index]! / 32768, one];
    return (2 * Math.sqrt(Math.max(0, one * one + two * two - coefficient * one * two))) / size;
  });
}

/** Where the tone sounds: [fromMs, toMs] of each burst longer than 50 ms. */
export function toneBursts(samples: Int16Array, hz: number): [number, number][] {
  const bursts: [number, number][] = [];
  let from: number | null = null;
  const strengths = [...toneStrength(samples, hz), 0];
  strengths.forEach((strength, block) => {
    if (strength > 0.05) from ??= block;
    else if (from !== null) {
      if (block - from >= 5) bursts.push([from * 10, block * 10]);
      from = null;
    }
  });
  return bursts;
}

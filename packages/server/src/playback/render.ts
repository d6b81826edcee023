/**
 * Renders any part of a recording's sound as PCM. Every output sample is a function of its position alone, so any range of
 * a virtual WAV equals the same slice of the whole.
 */
import { bytesPerFrame, wavHeader, wavHeaderBytes, type WavFormat } from "./wav.ts";
import type { ByteSpan } from "./range.ts";

/** The decoded sound of one finished recording. Sample 0 of every track is the start of the recording. */
export interface Sound {
  readonly sampleRate: number;
  /** `count` samples of the track from `fromSample`; zeros where there is no audio. */
  readPcm(track: number, fromSample: number, count: number): Promise<Int16Array>;
}

/** Which samples of the recording's timeline a file consists of, and how they are laid out. */
export interface Rendering {
  readonly layout: "mixed" | "channels";
  readonly tracks: readonly TrackPart[];
  /** The file begins here on the recording's timeline and has this many samples of each channel. */
  readonly fromSample: number;
  readonly frames: number;
}

/** Only [fromSample, toSample) of the track may be heard; all else is silence. */
export interface TrackPart {
  readonly track: number;
  readonly fromSample: number;
  readonly toSample: number;
}

/** One second of sound is read, decrypted and sent at a time, whatever the rate. */
const sliceSeconds = 1;

export function formatOf(sound: Pick<Sound, "sampleRate">, rendering: Rendering): WavFormat {
  return {
    sampleRate: sound.sampleRate,
    channels: rendering.layout === "mixed" ? 1 : Math.max(1, rendering.tracks.length),
    frames: rendering.frames,
  };
}

/** The bytes of `span` of the virtual WAV file, slice by slice; reads nothing outside the span. */
export async function* renderWav(sound: Sound, rendering: Rendering, span: ByteSpan): AsyncGenerator<Buffer> {
  const format = formatOf(sound, rendering);
  const headerBytes = wavHeaderBytes(format);
  const frameBytes = bytesPerFrame(format);
  if (span.from < headerBytes && span.from < span.to) {
    yield wavHeader(format).subarray(span.from, Math.min(span.to, headerBytes));
  }
  const dataFrom = Math.max(0, span.from - headerBytes);
  const dataTo = span.to - headerBytes;
  const sliceFrames = sound.sampleRate * sliceSeconds;
  let frame = Math.floor(dataFrom / frameBytes);
  while (frame * frameBytes < dataTo) {
    const count = Math.min(sliceFrames, Math.ceil(dataTo / frameBytes) - frame);
    const bytes = await renderFrames(sound, rendering, frame, count);
    const sliceFrom = frame * frameBytes;
    yield bytes.subarray(Math.max(0, dataFrom - sliceFrom), Math.min(bytes.length, dataTo - sliceFrom));
    frame += count;
  }
}

async function renderFrames(sound: Sound, rendering: Rendering, frame: number, count: number): Promise<Buffer> {
  const fromSample = rendering.fromSample + frame;
  const voices = await Promise.all(rendering.tracks.map((part) => readPart(sound, part, fromSample, count)));
  return rendering.layout === "mixed" ? mix(voices, count) : interleave(voices, count);
}

/** Samples of one track, silent outside its part. Audio outside is never even decrypted. */
async function readPart(sound: Sound, part: TrackPart, fromSample: number, count: number): Promise<Int16Array> {
  const from = Math.max(fromSample, part.fromSample);
  const to = Math.min(fromSample + count, part.toSample);
  const samples = new Int16Array(count);
  if (from < to) samples.set(await sound.readPcm(part.track, from, to - from), from - fromSample);
  return samples;
}

/** Sum with saturation: two people at once are as loud as two people, and one alone is bit for bit as it was recorded. */
function mix(voices: readonly Int16Array[], count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count * 2);
  for (let index = 0; index < count; index++) {
    let sum = 0;
    for (const voice of voices) sum += voice[index] ?? 0;
    bytes.writeInt16LE(Math.max(-32768, Math.min(32767, sum)), index * 2);
  }
  return bytes;
}

function interleave(voices: readonly Int16Array[], count: number): Buffer {
  const channels = Math.max(1, voices.length);
  const bytes = Buffer.alloc(count * channels * 2);
  voices.forEach((voice, channel) => {
    for (let index = 0; index < count; index++) bytes.writeInt16LE(voice[index] ?? 0, (index * channels + channel) * 2);
  });
  return bytes;
}

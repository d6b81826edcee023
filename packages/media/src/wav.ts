/** WAV headers for audio that is made while it is read: the length is known beforehand, nothing else has to be. */
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

export type WavFormat = "pcm16" | "pcmu" | "pcma";

export interface WavDescription {
  readonly format: WavFormat;
  readonly channels: number;
  readonly sampleRate: number;
  /** Per channel. */
  readonly samples: number;
}

const CODES: Readonly<Record<WavFormat, { readonly tag: number; readonly bytesPerSample: number }>> = {
  pcm16: { tag: 1, bytesPerSample: 2 },
  pcma: { tag: 6, bytesPerSample: 1 },
  pcmu: { tag: 7, bytesPerSample: 1 },
};
const EXTENSIBLE = 0xfffe;
/** The rest of a sub-format's GUID after its 16-bit tag: xxxx0000-0000-0010-8000-00AA00389B71. */
const GUID_TAIL = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
const MAX_UINT32 = 0xffff_ffff;

/**
 * 44 bytes for one or two channels, 68 (WAVE_FORMAT_EXTENSIBLE) for more. Sizes that do not fit 32 bits are set to the
 * largest there is, which players take for "until the end of the file". The samples follow; an odd length is not padded.
 */
export function wavHeader({ format, channels, sampleRate, samples }: WavDescription): Uint8Array {
  const { tag, bytesPerSample } = CODES[format];
  const extensible = channels > 2;
  const frameBytes = channels * bytesPerSample;
  const dataBytes = samples * frameBytes;
  const bytes = new Uint8Array(extensible ? 68 : 44);
  const view = new DataView(bytes.buffer);

  writeAscii(bytes, 0, "RIFF");
  view.setUint32(4, Math.min(MAX_UINT32, bytes.length - 8 + dataBytes), true);
  writeAscii(bytes, 8, "WAVEfmt ");
  view.setUint32(16, extensible ? 40 : 16, true);
  view.setUint16(20, extensible ? EXTENSIBLE : tag, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * frameBytes, true);
  view.setUint16(32, frameBytes, true);
  view.setUint16(34, 8 * bytesPerSample, true);
  if (extensible) {
    view.setUint16(36, 22, true);
    view.setUint16(38, 8 * bytesPerSample, true);
    view.setUint32(40, 0, true); // channel mask: speakers of a call have no place in a room
    view.setUint16(44, tag, true);
    bytes.set(GUID_TAIL, 46);
  }
  writeAscii(bytes, bytes.length - 8, "data");
  view.setUint32(bytes.length - 4, Math.min(MAX_UINT32, dataBytes), true);
  return bytes;
}

export interface WavHeader {
  readonly format: WavFormat;
  readonly channels: number;
  readonly sampleRate: number;
  /** Where the samples begin. */
  readonly dataOffset: number;
  /** As the header says; 2^32 − 1 stands for "until the end". */
  readonly dataBytes: number;
}

/** Finds the format and the samples of a WAV file from its first bytes; other chunks are passed over. */
export function parseWavHeader(bytes: Uint8Array): Parsed<WavHeader> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (readAscii(bytes, 0, 4) !== "RIFF" || readAscii(bytes, 8, 4) !== "WAVE") return refused("not a WAV file");
  let description: Pick<WavHeader, "format" | "channels" | "sampleRate"> | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = readAscii(bytes, at, 4);
    const size = view.getUint32(at + 4, true);
    if (id === "data") {
      return description === null
        ? refused("WAV without a format before its data")
        : parsed({ ...description, dataOffset: at + 8, dataBytes: size });
    }
    if (id === "fmt ") {
      if (size < 16 || at + 8 + size > bytes.length) return refused("WAV with a malformed format");
      const tag = view.getUint16(at + 8, true);
      const sub = tag === EXTENSIBLE && size >= 40 ? view.getUint16(at + 32, true) : tag;
      const format = (Object.keys(CODES) as WavFormat[]).find((one) => CODES[one].tag === sub);
      const channels = view.getUint16(at + 10, true);
      const bits = view.getUint16(at + 22, true);
      if (format === undefined || channels === 0 || bits !== 8 * CODES[format].bytesPerSample) {
        return refused("WAV of a format that is not supported");
      }
      description = { format, channels, sampleRate: view.getUint32(at + 12, true) };
    }
    at += 8 + size + (size & 1);
  }
  return refused("WAV without data");
}

function writeAscii(bytes: Uint8Array, at: number, text: string): void {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
}

function readAscii(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

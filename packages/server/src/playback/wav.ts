/** Header of a WAV file that is never stored: it is rendered as it is asked for, any part of it alone. */

export interface WavFormat {
  readonly sampleRate: number;
  readonly channels: number;
  readonly frames: number; // one sample of every channel
}

const bytesPerSample = 2;
const pcm = 1;
const extensible = 0xfffe;
/** KSDATAFORMAT_SUBTYPE_PCM, as it lies in the file. */
const pcmSubformat = Buffer.from("0100000000001000800000aa00389b71", "hex");
const largestSize = 0xffffffff;

export function bytesPerFrame(format: WavFormat): number {
  return format.channels * bytesPerSample;
}

export function wavHeaderBytes(format: WavFormat): number {
  return format.channels > 2 ? 68 : 44;
}

export function wavSizeBytes(format: WavFormat): number {
  return wavHeaderBytes(format) + format.frames * bytesPerFrame(format);
}

/**
 * PCM 16 bit little-endian. More than two channels need WAVE_FORMAT_EXTENSIBLE; its channel mask is 0, because the channels
 * are speakers of a call, not loudspeakers of a room. What is longer than RIFF's 4 GiB (37 hours of two speakers) says
 * 0xFFFFFFFF, which players read as "until the end".
 */
export function wavHeader(format: WavFormat): Buffer {
  const headerBytes = wavHeaderBytes(format);
  const dataBytes = format.frames * bytesPerFrame(format);
  const isExtensible = format.channels > 2;
  const formatBytes = isExtensible ? 40 : 16;
  const header = Buffer.alloc(headerBytes);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(Math.min(headerBytes - 8 + dataBytes, largestSize), 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(formatBytes, 16);
  header.writeUInt16LE(isExtensible ? extensible : pcm, 20);
  header.writeUInt16LE(format.channels, 22);
  header.writeUInt32LE(format.sampleRate, 24);
  header.writeUInt32LE(format.sampleRate * bytesPerFrame(format), 28);
  header.writeUInt16LE(bytesPerFrame(format), 32);
  header.writeUInt16LE(bytesPerSample * 8, 34);
  if (isExtensible) {
    header.writeUInt16LE(22, 36);
    header.writeUInt16LE(bytesPerSample * 8, 38);
    header.writeUInt32LE(0, 40);
    pcmSubformat.copy(header, 44);
  }
  header.write("data", headerBytes - 8, "latin1");
  header.writeUInt32LE(Math.min(dataBytes, largestSize), headerBytes - 4);
  return header;
}

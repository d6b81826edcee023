/** ITU-T G.711 by tables: 8-bit companded samples to and from 16-bit linear. */

/** As SDP names them: µ-law and A-law. */
export type G711Codec = "PCMU" | "PCMA";

/** What a µ-law or A-law byte means, scaled to 16 bits (µ-law has 14 significant bits, A-law 13). */
function expandUlaw(byte: number): number {
  const inverted = ~byte & 0xff;
  const exponent = (inverted >> 4) & 7;
  const magnitude = ((((inverted & 0x0f) << 3) + 0x84) << exponent) - 0x84;
  return inverted & 0x80 ? -magnitude : magnitude;
}

function expandAlaw(byte: number): number {
  const toggled = byte ^ 0x55;
  const exponent = (toggled >> 4) & 7;
  const mantissa = ((toggled & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return toggled & 0x80 ? magnitude : -magnitude;
}

const ULAW_BIAS = 33;
const ULAW_TOP = 0x1fff; // the end of the highest segment, bias included

/** `value` is a 14-bit sample. Negative ones are taken in one's complement, as the ITU's own program does. */
function compressUlaw(value: number): number {
  const magnitude = Math.min(ULAW_TOP, (value < 0 ? ~value : value) + ULAW_BIAS);
  const exponent = 26 - Math.clz32(magnitude); // 33…63 → 0, … 4096…8191 → 7
  const mantissa = (magnitude >> (exponent + 1)) & 0x0f;
  return ~((value < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

/** `value` is a sample of 12 bits: the 13th tells nothing apart in any A-law segment. */
function compressAlaw(value: number): number {
  const magnitude = value < 0 ? ~value : value;
  const exponent = Math.max(0, 28 - Math.clz32(magnitude)); // 0…15 → 0, 16…31 → 1, … 1024…2047 → 7
  const mantissa = (exponent > 1 ? magnitude >> (exponent - 1) : magnitude) & 0x0f;
  return ((value < 0 ? 0 : 0x80) | (exponent << 4) | mantissa) ^ 0x55;
}

const DECODE: Readonly<Record<G711Codec, Int16Array>> = {
  PCMU: Int16Array.from({ length: 256 }, (_, byte) => expandUlaw(byte)),
  PCMA: Int16Array.from({ length: 256 }, (_, byte) => expandAlaw(byte)),
};

/** Indexed by the sample's upper bits, as unsigned: 14 for µ-law, 12 for A-law. */
const ENCODE: Readonly<Record<G711Codec, { readonly shift: number; readonly mask: number; readonly table: Uint8Array }>> = {
  PCMU: { shift: 2, mask: 0x3fff, table: Uint8Array.from({ length: 0x4000 }, (_, index) => compressUlaw((index << 18) >> 18)) },
  PCMA: { shift: 4, mask: 0x0fff, table: Uint8Array.from({ length: 0x1000 }, (_, index) => compressAlaw((index << 20) >> 20)) },
};

/** The byte that means silence: the smallest positive value. */
export const G711_SILENCE: Readonly<Record<G711Codec, number>> = { PCMU: 0xff, PCMA: 0xd5 };

/** Decodes `source` from `from` to `to` into `target` from `targetOffset`; what does not fit is left out. Answers the number of samples. */
export function decodeG711Into(codec: G711Codec, source: Uint8Array, target: Int16Array, targetOffset = 0, from = 0, to = source.length): number {
  const table = DECODE[codec];
  const count = Math.max(0, Math.min(to - from, target.length - targetOffset));
  for (let at = 0; at < count; at += 1) target[targetOffset + at] = table[source[from + at] as number] as number;
  return count;
}

export function decodeG711(codec: G711Codec, source: Uint8Array): Int16Array {
  const target = new Int16Array(source.length);
  decodeG711Into(codec, source, target);
  return target;
}

/** Encodes all of `source` into `target` from `targetOffset`; what does not fit is left out. Answers the number of bytes. */
export function encodeG711Into(codec: G711Codec, source: Int16Array, target: Uint8Array, targetOffset = 0): number {
  const { shift, mask, table } = ENCODE[codec];
  const count = Math.max(0, Math.min(source.length, target.length - targetOffset));
  for (let at = 0; at < count; at += 1) target[targetOffset + at] = table[((source[at] as number) >> shift) & mask] as number;
  return count;
}

export function encodeG711(codec: G711Codec, source: Int16Array): Uint8Array {
  const target = new Uint8Array(source.length);
  encodeG711Into(codec, source, target);
  return target;
}

/** Ogg pages (RFC 3533 6): writing one, and finding those of a file. */

export interface OggPage {
  /** Of the page in its file. */
  readonly offset: number;
  readonly length: number;
  readonly serial: number;
  readonly sequence: number;
  /** Position at the end of the last packet that ends here; null where none does. */
  readonly granule: number | null;
  /** Its first packet began on the page before. */
  readonly continued: boolean;
  readonly first: boolean;
  readonly last: boolean;
  /** Views of the packets or parts of them, in order. */
  readonly packets: readonly Uint8Array[];
  /** The last packet goes on in the next page. */
  readonly unfinished: boolean;
}

const HEADER_BYTES = 27;
export const MAX_SEGMENTS = 255;
const CAPTURE = [0x4f, 0x67, 0x67, 0x53]; // OggS
const CONTINUED = 1;
const FIRST = 2;
const LAST = 4;

/** Polynomial 0x04c11db7, not reflected, no inversion: Ogg's own CRC. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  return crc >>> 0;
});

function crcOf(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let crc = seed;
  for (let at = from; at < to; at += 1) crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ (bytes[at] as number)) & 0xff] as number);
  return crc >>> 0;
}

/** Lacing values that a packet takes: one more than its full 255s. */
export function segmentsOf(packet: Uint8Array): number {
  return Math.floor(packet.length / 255) + 1;
}

export interface PageToBuild {
  readonly serial: number;
  readonly sequence: number;
  readonly granule: number;
  readonly first?: boolean;
  readonly last?: boolean;
  /** Whole packets, together at most 255 segments. */
  readonly packets: readonly Uint8Array[];
}

export function buildOggPage({ serial, sequence, granule, first = false, last = false, packets }: PageToBuild): Uint8Array {
  const lacing: number[] = [];
  let bodyBytes = 0;
  for (const packet of packets) {
    for (let full = segmentsOf(packet) - 1; full > 0; full -= 1) lacing.push(255);
    lacing.push(packet.length % 255);
    bodyBytes += packet.length;
  }
  if (lacing.length > MAX_SEGMENTS) throw new RangeError("packets do not fit one Ogg page");

  const bytes = new Uint8Array(HEADER_BYTES + lacing.length + bodyBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(CAPTURE);
  view.setUint8(5, (first ? FIRST : 0) | (last ? LAST : 0));
  view.setBigInt64(6, BigInt(granule), true);
  view.setUint32(14, serial, true);
  view.setUint32(18, sequence, true);
  view.setUint8(26, lacing.length);
  bytes.set(lacing, HEADER_BYTES);
  let at = HEADER_BYTES + lacing.length;
  for (const packet of packets) {
    bytes.set(packet, at);
    at += packet.length;
  }
  view.setUint32(22, crcOf(bytes, 0, bytes.length), true);
  return bytes;
}

const NO_CRC = new Uint8Array(4);

/** The page that begins exactly at `offset`; null where there is none, it is cut short, or its CRC is wrong. */
function readOggPage(bytes: Uint8Array, offset: number): OggPage | null {
  if (offset + HEADER_BYTES > bytes.length || CAPTURE.some((byte, index) => bytes[offset + index] !== byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.byteLength - offset);
  const segments = view.getUint8(26);
  const bodyStart = HEADER_BYTES + segments;
  if (view.getUint8(4) !== 0 || bodyStart > view.byteLength) return null;

  const packets: Uint8Array[] = [];
  let packetStart = bodyStart;
  let bodyEnd = bodyStart;
  let unfinished = false;
  for (let segment = 0; segment < segments; segment += 1) {
    const size = view.getUint8(HEADER_BYTES + segment);
    bodyEnd += size;
    unfinished = size === 255;
    if (!unfinished) {
      packets.push(bytes.subarray(offset + packetStart, offset + bodyEnd));
      packetStart = bodyEnd;
    }
  }
  if (bodyEnd > view.byteLength) return null;
  if (unfinished) packets.push(bytes.subarray(offset + packetStart, offset + bodyEnd));

  const beforeCrc = crcOf(bytes, offset, offset + 22);
  const crc = crcOf(bytes, offset + 26, offset + bodyEnd, crcOf(NO_CRC, 0, 4, beforeCrc));
  if (crc !== view.getUint32(22, true)) return null;
  const flags = view.getUint8(5);
  const granule = view.getBigInt64(6, true);
  return {
    offset,
    length: bodyEnd,
    serial: view.getUint32(14, true),
    sequence: view.getUint32(18, true),
    // Beyond 2^53 samples (5,000 years) lies only nonsense; −1 means that no packet ends here.
    granule: granule < 0n || granule > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(granule),
    continued: (flags & CONTINUED) !== 0,
    first: (flags & FIRST) !== 0,
    last: (flags & LAST) !== 0,
    packets,
    unfinished,
  };
}

/** Every whole page in order; damaged stretches are searched for the next page and reported by their length. */
export function readOggPages(bytes: Uint8Array): { pages: OggPage[]; skippedBytes: number } {
  const pages: OggPage[] = [];
  let skippedBytes = 0;
  for (let at = 0; at < bytes.length; ) {
    const page = readOggPage(bytes, at);
    if (page !== null) {
      pages.push(page);
      at += page.length;
      continue;
    }
    const next = bytes.indexOf(CAPTURE[0] as number, at + 1);
    const resume = next < 0 ? bytes.length : next;
    skippedBytes += resume - at;
    at = resume;
  }
  return { pages, skippedBytes };
}

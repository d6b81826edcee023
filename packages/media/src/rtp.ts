/** RTP packets (RFC 3550 5.1). Every byte is the sender's word, lengths included. */
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

/** Filled in by `readRtp`; make one per receiver and use it for every packet. */
export interface RtpFields {
  payloadType: number;
  marker: boolean;
  sequence: number;
  timestamp: number;
  ssrc: number;
  csrcCount: number;
  /** Into the buffer that was read. */
  payloadOffset: number;
  payloadLength: number;
}

export function createRtpFields(): RtpFields {
  return { payloadType: 0, marker: false, sequence: 0, timestamp: 0, ssrc: 0, csrcCount: 0, payloadOffset: 0, payloadLength: 0 };
}

const HEADER_BYTES = 12;

/** The hot path: no allocation. False when the bytes are no RTP packet; `out` is then undefined in content. */
export function readRtp(buffer: Uint8Array, offset: number, length: number, out: RtpFields): boolean {
  const end = offset + length;
  if (length < HEADER_BYTES || end > buffer.length) return false;
  const first = buffer[offset] as number;
  if (first >> 6 !== 2) return false;
  const second = buffer[offset + 1] as number;
  const csrcCount = first & 0x0f;

  let at = offset + HEADER_BYTES + 4 * csrcCount;
  if (first & 0x10) {
    if (at + 4 > end) return false;
    at += 4 + 4 * (((buffer[at + 2] as number) << 8) | (buffer[at + 3] as number));
  }
  let payloadEnd = end;
  if (first & 0x20) {
    const padding = buffer[end - 1] as number; // counts itself, so 0 is a lie
    if (padding === 0) return false;
    payloadEnd -= padding;
  }
  if (at > payloadEnd) return false;

  out.marker = second >= 0x80;
  out.payloadType = second & 0x7f;
  out.sequence = ((buffer[offset + 2] as number) << 8) | (buffer[offset + 3] as number);
  out.timestamp = readUint32(buffer, offset + 4);
  out.ssrc = readUint32(buffer, offset + 8);
  out.csrcCount = csrcCount;
  out.payloadOffset = at;
  out.payloadLength = payloadEnd - at;
  return true;
}

export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly csrcs: readonly number[];
  readonly extension: { readonly profile: number; readonly data: Uint8Array } | null;
  /** A view, not a copy. */
  readonly payload: Uint8Array;
}

/** Everything of one packet, for tools and tests; the receiver uses `readRtp`. */
export function parseRtp(bytes: Uint8Array): Parsed<RtpPacket> {
  const fields = createRtpFields();
  if (!readRtp(bytes, 0, bytes.length, fields)) return refused("not an RTP packet");
  const { payloadType, marker, sequence, timestamp, ssrc, csrcCount, payloadOffset, payloadLength } = fields;
  const csrcs = Array.from({ length: csrcCount }, (_, index) => readUint32(bytes, HEADER_BYTES + 4 * index));
  const extensionAt = HEADER_BYTES + 4 * csrcCount;
  const extension =
    ((bytes[0] as number) & 0x10) === 0
      ? null
      : {
          profile: ((bytes[extensionAt] as number) << 8) | (bytes[extensionAt + 1] as number),
          data: bytes.subarray(extensionAt + 4, payloadOffset),
        };
  const payload = bytes.subarray(payloadOffset, payloadOffset + payloadLength);
  return parsed({ payloadType, marker, sequence, timestamp, ssrc, csrcs, extension, payload });
}

export interface RtpToSend {
  readonly payloadType: number;
  readonly marker?: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
}

/** A packet without CSRCs, extension and padding. Counters are taken modulo their width. */
export function buildRtp(packet: RtpToSend): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + packet.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, (packet.marker ? 0x80 : 0) | (packet.payloadType & 0x7f));
  view.setUint16(2, packet.sequence);
  view.setUint32(4, packet.timestamp);
  view.setUint32(8, packet.ssrc);
  bytes.set(packet.payload, HEADER_BYTES);
  return bytes;
}

function readUint32(buffer: Uint8Array, at: number): number {
  return (
    (((buffer[at] as number) << 24) | ((buffer[at + 1] as number) << 16) | ((buffer[at + 2] as number) << 8) | (buffer[at + 3] as number)) >>> 0
  );
}

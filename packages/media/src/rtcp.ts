/** RTCP (RFC 3550 6): what a receiver of recordings needs to read and has to send. */
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

export interface ReportBlock {
  readonly ssrc: number;
  /** Of 256. */
  readonly fractionLost: number;
  /** Signed 24 bits: duplicates make it negative. */
  readonly cumulativeLost: number;
  readonly extendedSequence: number;
  /** In units of the stream's clock. */
  readonly jitter: number;
  /** Middle 32 bits of the NTP time of the last sender report; 0 if none came. */
  readonly lastSenderReport: number;
  /** Since then, in 1/65536 s. */
  readonly delaySinceLastSenderReport: number;
}

export type RtcpPacket =
  | {
      readonly kind: "sender-report";
      readonly ssrc: number;
      /** 64-bit NTP time. */
      readonly ntpSeconds: number;
      readonly ntpFraction: number;
      readonly rtpTimestamp: number;
      readonly packets: number;
      readonly octets: number;
      readonly blocks: readonly ReportBlock[];
    }
  | { readonly kind: "receiver-report"; readonly ssrc: number; readonly blocks: readonly ReportBlock[] }
  | { readonly kind: "source-description"; readonly chunks: readonly { readonly ssrc: number; readonly cname: string | null }[] }
  | { readonly kind: "goodbye"; readonly ssrcs: readonly number[]; readonly reason: string | null }
  | { readonly kind: "other"; readonly packetType: number };

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const GOODBYE = 203;
const CNAME = 1;
const REPORT_BLOCK_BYTES = 24;
const MAX_BLOCKS = 31;
/** A datagram cannot hold more. */
const MAX_BYTES = 65_535;

/** Tells RTCP from RTP on a shared port: packet types 192 … 223 are kept free of RTP with marker (RFC 5761 4). */
export function isRtcp(bytes: Uint8Array, offset = 0, length = bytes.length - offset): boolean {
  if (length < 4 || (bytes[offset] as number) >> 6 !== 2) return false;
  const packetType = bytes[offset + 1] as number;
  return packetType >= 192 && packetType <= 223;
}

/**
 * The packets of a compound datagram as far as they are whole: one that is cut short or lies about its length ends the
 * reading. Also reads a datagram that does not begin with a report (RFC 5506). Refused only if there is no packet at all.
 */
export function parseRtcp(bytes: Uint8Array): Parsed<RtcpPacket[]> {
  if (bytes.length > MAX_BYTES) return refused("RTCP datagram too large");
  const packets: RtcpPacket[] = [];
  for (let at = 0; isRtcp(bytes, at); ) {
    const length = 4 * ((((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) + 1);
    if (at + length > bytes.length) break;
    const packet = readPacket(bytes.subarray(at, at + length));
    if (packet === null) break;
    packets.push(packet);
    at += length;
  }
  return packets.length === 0 ? refused("not an RTCP packet") : parsed(packets);
}

function readPacket(bytes: Uint8Array): RtcpPacket | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint8(0) & 0x1f;
  const packetType = view.getUint8(1);
  switch (packetType) {
    case SENDER_REPORT:
      if (bytes.length < 28) return null;
      return {
        kind: "sender-report",
        ssrc: view.getUint32(4),
        ntpSeconds: view.getUint32(8),
        ntpFraction: view.getUint32(12),
        rtpTimestamp: view.getUint32(16),
        packets: view.getUint32(20),
        octets: view.getUint32(24),
        blocks: readBlocks(view, 28, count),
      };
    case RECEIVER_REPORT:
      if (bytes.length < 8) return null;
      return { kind: "receiver-report", ssrc: view.getUint32(4), blocks: readBlocks(view, 8, count) };
    case SOURCE_DESCRIPTION:
      return { kind: "source-description", chunks: readChunks(bytes, view, count) };
    case GOODBYE:
      return readGoodbye(bytes, view, count);
    default:
      return { kind: "other", packetType };
  }
}

function readBlocks(view: DataView, from: number, count: number): ReportBlock[] {
  const blocks: ReportBlock[] = [];
  for (let at = from; blocks.length < count && at + REPORT_BLOCK_BYTES <= view.byteLength; at += REPORT_BLOCK_BYTES) {
    blocks.push({
      ssrc: view.getUint32(at),
      fractionLost: view.getUint8(at + 4),
      cumulativeLost: (view.getInt32(at + 4) << 8) >> 8,
      extendedSequence: view.getUint32(at + 8),
      jitter: view.getUint32(at + 12),
      lastSenderReport: view.getUint32(at + 16),
      delaySinceLastSenderReport: view.getUint32(at + 20),
    });
  }
  return blocks;
}

function readChunks(bytes: Uint8Array, view: DataView, count: number): { ssrc: number; cname: string | null }[] {
  const chunks: { ssrc: number; cname: string | null }[] = [];
  for (let at = 4; chunks.length < count && at + 4 <= bytes.length; ) {
    const ssrc = view.getUint32(at);
    let cname: string | null = null;
    at += 4;
    while (at + 1 < bytes.length && bytes[at] !== 0) {
      const end = at + 2 + (bytes[at + 1] as number);
      if (end > bytes.length) return chunks;
      if (bytes[at] === CNAME) cname ??= new TextDecoder().decode(bytes.subarray(at + 2, end));
      at = end;
    }
    at = (at + 4) & ~3; // at least one null octet ends the chunk, then padding to the next word
    chunks.push({ ssrc, cname });
  }
  return chunks;
}

function readGoodbye(bytes: Uint8Array, view: DataView, count: number): RtcpPacket | null {
  const reasonAt = 4 + 4 * count;
  if (reasonAt > bytes.length) return null;
  const ssrcs = Array.from({ length: count }, (_, index) => view.getUint32(4 + 4 * index));
  const length = bytes[reasonAt];
  const reason = length ? new TextDecoder().decode(bytes.subarray(reasonAt + 1, reasonAt + 1 + length)) : null;
  return { kind: "goodbye", ssrcs, reason };
}

export interface ReceiverReport {
  readonly ssrc: number;
  /** At most 255 bytes in UTF-8; what is longer is cut. */
  readonly cname: string;
  /** At most 31; more are left out. */
  readonly blocks: readonly ReportBlock[];
}

/** The least compound packet (RFC 3550 6.1): a receiver report and the CNAME. */
export function buildReceiverReport({ ssrc, cname, blocks }: ReceiverReport): Uint8Array {
  const reported = blocks.slice(0, MAX_BLOCKS);
  const reportBytes = 8 + REPORT_BLOCK_BYTES * reported.length;
  const name = new TextEncoder().encode(cname).subarray(0, 255);
  const descriptionBytes = (8 + 2 + name.length + 4) & ~3; // header, SSRC, item, at least one null octet

  const bytes = new Uint8Array(reportBytes + descriptionBytes);
  const view = new DataView(bytes.buffer);
  writeHeader(view, 0, reported.length, RECEIVER_REPORT, reportBytes);
  view.setUint32(4, ssrc);
  for (const [index, block] of reported.entries()) writeBlock(view, 8 + REPORT_BLOCK_BYTES * index, block);

  writeHeader(view, reportBytes, 1, SOURCE_DESCRIPTION, descriptionBytes);
  view.setUint32(reportBytes + 4, ssrc);
  view.setUint8(reportBytes + 8, CNAME);
  view.setUint8(reportBytes + 9, name.length);
  bytes.set(name, reportBytes + 10);
  return bytes;
}

function writeHeader(view: DataView, at: number, count: number, packetType: number, length: number): void {
  view.setUint8(at, 0x80 | count);
  view.setUint8(at + 1, packetType);
  view.setUint16(at + 2, length / 4 - 1);
}

function writeBlock(view: DataView, at: number, block: ReportBlock): void {
  const lost = Math.max(-0x80_0000, Math.min(0x7f_ffff, block.cumulativeLost));
  view.setUint32(at, block.ssrc);
  view.setUint32(at + 4, ((block.fractionLost & 0xff) << 24) | (lost & 0xff_ffff));
  view.setUint32(at + 8, block.extendedSequence);
  view.setUint32(at + 12, block.jitter);
  view.setUint32(at + 16, block.lastSenderReport);
  view.setUint32(at + 20, block.delaySinceLastSenderReport);
}

/**
 * One frame of the crash journal. The header says whose it is in the clear, so that a segment can be freed and recovery
 * can find the key; the body is sealed with the header as its position.
 *
 *   "EJ" | version u8 | kind u8 | recording 12 | tenant 16 | key 12 | track u16 | started u48 (ms) | from u32 | to u32 (media ms)
 *        | body length u32 | nonce 12 | CRC-32 of the header u32 | body
 */
import { crc32 } from "node:zlib";
import { NotAuthentic, tagBytes, type OpeningKey, type SealingKey } from "#vault";

/**
 * `packets`: a packet log of one track. `mark`: the recording's state (recording-state.ts). `sealed`: the recording is whole
 * in pieces, and what the journal still has of it is to be passed over.
 */
export type FrameKind = "packets" | "mark" | "sealed";

/** By their number on disk. */
const kinds: readonly FrameKind[] = ["packets", "mark", "sealed"];
export const frameMagic = "EJ";
const magicNumber = Buffer.from(frameMagic, "latin1").readUInt16BE(0);
const version = 1;
const nonceAt = 64;
const crcAt = nonceAt + 12;
export const frameHeaderBytes = crcAt + 4;
/** 400 ms of the widest codec are a tenth of this: a longer body is garbage that happens to look like a header. */
const maxBodyBytes = 4 * 1024 * 1024;
/** What may be sealed into one: the tag counts with it. */
export const maxLogBytes = maxBodyBytes - tagBytes;

export interface FrameHeader {
  readonly kind: FrameKind;
  readonly recordingId: string;
  readonly tenantId: string;
  readonly keyId: string;
  readonly track: number;
  readonly startedAtMs: number;
  /** Media time that the body covers: what is missing when it cannot be opened. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The part of a header that is the same in all frames of a recording, made once for its key. */
interface Identity {
  readonly recordingId: string;
  readonly tenantId: string;
  readonly keyId: string;
  readonly bytes: Buffer;
}
const identityBytes = 44;
const identities = new WeakMap<SealingKey, Identity>();

function identityOf(sealing: SealingKey, { recordingId, tenantId, keyId }: FrameHeader): Buffer {
  const known = identities.get(sealing);
  if (known !== undefined && known.recordingId === recordingId && known.tenantId === tenantId && known.keyId === keyId) return known.bytes;
  const bytes = Buffer.alloc(identityBytes);
  bytes.write(frameMagic, 0, "latin1");
  bytes.writeUInt8(version, 2);
  writeHex(bytes, recordingId, 4, 12);
  writeHex(bytes, tenantId.replaceAll("-", ""), 16, 16);
  writeHex(bytes, keyId, 32, 12);
  identities.set(sealing, { recordingId, tenantId, keyId, bytes });
  return bytes;
}

export function sealFrame(sealing: SealingKey, header: FrameHeader, body: Uint8Array): Buffer[] {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes);
  bytes.set(identityOf(sealing, header));
  bytes.writeUInt8(kinds.indexOf(header.kind), 3);
  bytes.writeUInt16BE(header.track, 44);
  bytes.writeUIntBE(header.startedAtMs, 46, 6);
  bytes.writeUInt32BE(header.fromMs, 52);
  bytes.writeUInt32BE(header.toMs, 56);
  bytes.writeUInt32BE(body.length + tagBytes, 60);
  const sealed = sealing.sealInParts(body, bytes.subarray(0, nonceAt));
  bytes.set(sealed.nonce, nonceAt);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return [bytes, sealed.body, sealed.tag];
}

export interface SealedFrame {
  readonly header: FrameHeader;
  /** Throws NotAuthentic. */
  open(opening: OpeningKey): Buffer;
}

/** The frame at `at`, or null where the written part ends: too short, zeros, or the torn rest of a write that a crash cut. */
export function readFrame(segment: Buffer, at: number): { frame: SealedFrame; next: number } | null {
  const bytes = segment.subarray(at, at + frameHeaderBytes);
  if (bytes.length < frameHeaderBytes || bytes.readUInt16BE(0) !== magicNumber || bytes[2] !== version) return null;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32BE(crcAt)) return null;
  const kind = kinds[bytes.readUInt8(3)];
  const bodyBytes = bytes.readUInt32BE(60);
  const next = at + frameHeaderBytes + bodyBytes;
  if (kind === undefined || bodyBytes > maxBodyBytes || next > segment.length) return null;
  const header: FrameHeader = {
    kind,
    ...idsOf(bytes.toString("latin1", 4, identityBytes)),
    track: bytes.readUInt16BE(44),
    startedAtMs: bytes.readUIntBE(46, 6),
    fromMs: bytes.readUInt32BE(52),
    toMs: bytes.readUInt32BE(56),
  };
  const body = segment.subarray(at + frameHeaderBytes, next);
  return {
    frame: {
      header,
      open(opening) {
        try {
          return opening.open(bytes.subarray(nonceAt, crcAt), body, bytes.subarray(0, nonceAt));
        } catch (error) {
          throw error instanceof NotAuthentic ? new NotAuthentic(`a journal frame of recording ${header.recordingId}`) : error;
        }
      },
    },
    next,
  };
}

type Ids = Pick<FrameHeader, "recordingId" | "tenantId" | "keyId">;

/** A minute of 200 calls is 100,000 frames, and their ids are 200: making them anew for each was half of what looking through a journal cost. */
const knownIds = new Map<string, Ids>();
const mostKnownIds = 10_000;

function idsOf(latin1: string): Ids {
  const known = knownIds.get(latin1);
  if (known !== undefined) return known;
  const hex = Buffer.from(latin1, "latin1").toString("hex");
  const ids = { recordingId: hex.slice(0, 24), tenantId: uuid(hex.slice(24, 56)), keyId: hex.slice(56, 80) };
  if (knownIds.size >= mostKnownIds) knownIds.clear();
  knownIds.set(latin1, ids);
  return ids;
}

function writeHex(target: Buffer, hex: string, at: number, bytes: number): void {
  if (!/^[0-9a-f]*$/.test(hex) || target.write(hex, at, bytes, "hex") !== bytes || hex.length !== 2 * bytes) throw new Error(`not ${bytes} bytes of hex: ${hex}`);
}

const uuid = (hex: string): string => `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildReceiverReport, isRtcp, parseRtcp } from "./rtcp.ts";
import type { ReportBlock, RtcpPacket } from "./rtcp.ts";
import { buildRtp } from "./rtp.ts";

const BLOCK: ReportBlock = {
  ssrc: 0xdeadbeef,
  fractionLost: 12,
  cumulativeLost: -3,
  extendedSequence: 0x0001_fffe,
  jitter: 77,
  lastSenderReport: 0x1234_5678,
  delaySinceLastSenderReport: 65_536,
};

function packets(bytes: Uint8Array): RtcpPacket[] {
  const result = parseRtcp(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

describe("our reports", () => {
  test("read back as they were meant: report, then CNAME", () => {
    const bytes = buildReceiverReport({ ssrc: 5, cname: "recorder@198.51.100.5", blocks: [BLOCK] });
    expect(packets(bytes)).toEqual([
      { kind: "receiver-report", ssrc: 5, blocks: [BLOCK] },
      { kind: "source-description", chunks: [{ ssrc: 5, cname: "recorder@198.51.100.5" }] },
    ]);
  });

  test("are bit for bit what RFC 3550 draws", () => {
    const bytes = buildReceiverReport({ ssrc: 1, cname: "ab", blocks: [] });
    expect([...bytes]).toEqual([0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, 97, 98, 0, 0, 0, 0]);
  });

  test("keep to their fields: 31 blocks, 24 bits of loss, 255 bytes of name", () => {
    const [report, description] = packets(
      buildReceiverReport({ ssrc: 1, cname: "x".repeat(300), blocks: Array.from({ length: 40 }, () => ({ ...BLOCK, cumulativeLost: 2 ** 30 })) }),
    );
    expect(report?.kind === "receiver-report" && [report.blocks.length, report.blocks[0]?.cumulativeLost]).toEqual([31, 0x7f_ffff]);
    expect(description?.kind === "source-description" && description.chunks[0]?.cname?.length).toBe(255);
  });

  test("any name length ends on a word with at least one null octet", () => {
    for (let length = 0; length < 20; length += 1) {
      const bytes = buildReceiverReport({ ssrc: 1, cname: "y".repeat(length), blocks: [] });
      expect(bytes.length % 4).toBe(0);
      expect(bytes.at(-1)).toBe(0);
      expect(packets(bytes)[1]).toEqual({ kind: "source-description", chunks: [{ ssrc: 1, cname: "y".repeat(length) }] });
    }
  });
});

describe("others' packets", () => {
  const SENDER_REPORT = [0x80, 200, 0, 6, 0, 0, 0, 9, 0xe1, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 160, 0, 0, 0, 50, 0, 0, 31, 64];

  test("a sender report", () => {
    expect(packets(Uint8Array.from(SENDER_REPORT))).toEqual([
      { kind: "sender-report", ssrc: 9, ntpSeconds: 0xe100_0001, ntpFraction: 0x8000_0000, rtpTimestamp: 160, packets: 50, octets: 8000, blocks: [] },
    ]);
  });

  test("goodbye with and without a reason, and types we do not know", () => {
    expect(packets(Uint8Array.of(0x81, 203, 0, 3, 0, 0, 0, 9, 4, 100, 111, 110, 101, 0, 0, 0))).toEqual([{ kind: "goodbye", ssrcs: [9], reason: "done" }]);
    expect(packets(Uint8Array.of(0x80, 203, 0, 0))).toEqual([{ kind: "goodbye", ssrcs: [], reason: null }]);
    expect(packets(Uint8Array.of(0x81, 206, 0, 0))).toEqual([{ kind: "other", packetType: 206 }]);
  });

  test("a compound that is cut or lies about a length is read up to there", () => {
    expect(packets(Uint8Array.of(...SENDER_REPORT, 0x80, 203, 0, 9))).toHaveLength(1);
    expect(packets(Uint8Array.of(...SENDER_REPORT, 0x41, 203, 0, 0))).toHaveLength(1);
    expect(packets(Uint8Array.of(...SENDER_REPORT, 0x80, 200, 0, 0))).toHaveLength(1);
  });

  test("are told from RTP on the same port (RFC 5761)", () => {
    expect(isRtcp(Uint8Array.from(SENDER_REPORT))).toBe(true);
    for (const payloadType of [0, 8, 9, 18, 34, 96, 101, 127]) {
      for (const marker of [false, true]) {
        expect(isRtcp(buildRtp({ payloadType, marker, sequence: 1, timestamp: 1, ssrc: 1, payload: new Uint8Array(4) }))).toBe(false);
      }
    }
    expect(isRtcp(new Uint8Array(3))).toBe(false);
  });
});

test("any bytes are read or refused", () => {
  const packet = fc.tuple(fc.nat(31), fc.integer({ min: 192, max: 210 }), fc.nat(20), fc.uint8Array({ maxLength: 80 })).map(([count, type, words, body]) => [0x80 | count, type, 0, words, ...body]);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.array(packet, { maxLength: 5 }).map((all) => Uint8Array.from(all.flat()))), (bytes) => {
      const result = parseRtcp(bytes);
      if (result.ok) expect(result.value.length).toBeLessThanOrEqual(bytes.length / 4);
    }),
    { numRuns: 5000 },
  );
});

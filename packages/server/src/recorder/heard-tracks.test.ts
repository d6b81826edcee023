import { randomBytes, randomUUID } from "node:crypto";
import { encodeG711 } from "@earwitness/media";
import { createMerkleTree } from "@earwitness/verify";
import { beforeEach, describe, expect, test } from "vitest";
import { mintId } from "#ids";
import type { MintedKey } from "#vault";
import { createHeardTracks } from "./heard-tracks.ts";
import { keyPress, lost, type LogEntry } from "./packet-log.ts";
import { chunkLeaf, createPieceSealer, openPiece, readPieceHead, sha256, type OpenPiece, type PieceHead, type SealedChunk } from "./piece.ts";
import type { RecordingState } from "./recording-state.ts";
import { tone } from "./test-phone.ts";
import { createTrackAnalysis } from "./track-analysis.ts";

const identity = { tenantId: randomUUID(), recordingId: mintId(new Date()) };
const startedAtMs = Date.now();
const state: RecordingState = { revision: 1, startedAtMs, ended: null, tracks: [1, 2].map((track) => ({ track, label: String(track), sampleRate: 8_000, sending: [{ fromMs: 0, toMs: null }], gaps: [] })) };
const pieceSeconds = 5;
const seconds = 4 * pieceSeconds;

function entriesOf(track: number, second: number): LogEntry[] {
  if (second % 7 === 6) return [keyPress(second * 8_000 + 4_000, track, 80)];
  const at = (packet: number): number => second * 8_000 + packet * 160;
  return Array.from({ length: 40 }, (_, packet) => (packet === 3 + track ? lost(at(packet), 160) : { atSample: at(packet), codec: 1, payload: encodeG711("PCMU", tone(300 + 100 * track, at(packet), 160)) }));
}

interface Sealed {
  readonly bytes: Buffer;
  readonly head: PieceHead;
  readonly opened: OpenPiece;
}

/** Of a call of two tracks; of how many seconds the opening key was asked is told. */
async function sealPieces(isTold: (seq: number) => boolean): Promise<{ pieces: Sealed[]; opened: () => number }> {
  const key: MintedKey = { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: new Uint8Array(randomBytes(32)) };
  const sealer = createPieceSealer(key, identity);
  const analyses = new Map([1, 2].map((track) => [track, createTrackAnalysis(8_000)]));
  const pieces: Sealed[] = [];
  let count = 0;
  for (let from = 0; from < seconds; from += pieceSeconds) {
    const chunks: SealedChunk[] = [];
    for (let second = from; second < from + pieceSeconds; second += 1) {
      for (const [track, analysis] of analyses) {
        chunks.push(sealer.sealSecond(track, second, entriesOf(track, second), 8_000));
        analysis.add(second, entriesOf(track, second));
      }
    }
    const seq = from / pieceSeconds;
    const heard = new Map([...analyses].map(([track, analysis]) => [track, analysis.takePart()]));
    const bytes = Buffer.concat(sealer.sealPiece({ seq, fromSecond: from, toSecond: from + pieceSeconds, final: from + pieceSeconds === seconds, chunks, state, ...(isTold(seq) && { heard }) }));
    const source = { name: `${seq}.ewp`, size: async () => bytes.length, read: async (at: number, length: number) => bytes.subarray(at, at + length), close: async () => undefined };
    const head = await readPieceHead(source);
    const open = await openPiece(source, head, { ...key, origin: "stored" }, identity);
    pieces.push({ bytes, head, opened: { ...open, openLog: (...of) => ((count += 1), open.openLog(...of)) } });
  }
  return { pieces, opened: () => count };
}

function hear(pieces: readonly Sealed[], errors = new Set<string>()) {
  const tracks = createHeardTracks(state, errors);
  for (const { head, opened, bytes } of pieces) tracks.hear(head, opened, bytes);
  return state.tracks.map((track) => tracks.summary(track, seconds * 1_000)).map(({ merkleRoot: _root, ...summary }) => summary);
}

describe("what pieces say of themselves", () => {
  let told: Awaited<ReturnType<typeof sealPieces>>;
  let decoded: ReturnType<typeof hear>;
  beforeEach(async () => {
    told = await sealPieces(() => true);
    const silent = await sealPieces(() => false);
    decoded = hear(silent.pieces);
    expect(silent.opened()).toBe(2 * seconds);
  });

  test("PLT-03 the word of whole pieces is taken, nothing is decoded, and the same comes out; roots are made of the seconds themselves", () => {
    expect(hear(told.pieces)).toEqual(decoded);
    expect(told.opened()).toBe(0);
    const tracks = createHeardTracks(state, new Set());
    for (const { head, opened, bytes } of told.pieces) tracks.hear(head, opened, bytes);
    const tree = createMerkleTree(sha256);
    for (const { head } of told.pieces) for (const chunk of head.header.chunks) if (chunk.track === 2) tree.append(chunkLeaf({ saltedDigest: Buffer.from(chunk.saltedDigest, "base64"), ciphertextDigest: Buffer.from(chunk.ciphertextDigest, "base64") }));
    expect(tracks.summary(state.tracks[1]!, seconds * 1_000)).toMatchObject({ merkleRoot: Buffer.from(tree.root()).toString("hex"), chunks: seconds });
  });

  test("PLT-03 pieces of an earlier version among them are decoded", async () => {
    const mixed = await sealPieces((seq) => seq !== 1);
    expect(hear(mixed.pieces)).toEqual(decoded);
    expect(mixed.opened()).toBe(2 * pieceSeconds);
  });

  test("PLT-03 a second that was altered on disk is missing and said to be, whatever its piece says; of the other track nothing is doubted", () => {
    const { head, bytes } = told.pieces[1]!;
    const hit = head.header.chunks.find(({ track, second }) => track === 1 && second === 7)!;
    bytes[head.chunksAt + hit.offset + 9]! ^= 1;
    const errors = new Set<string>();
    const [one, two] = hear(told.pieces, errors);
    expect([...errors]).toEqual([expect.stringContaining("second 7 of track 1")]);
    expect(one!.gaps.filter(({ reason }) => reason === "decrypt")).toEqual([{ fromMs: 7_000, toMs: 8_000, reason: "decrypt" }]);
    expect(one!.packets).toBe(decoded[0]!.packets - 39);
    expect(two).toEqual(decoded[1]);
    expect(told.opened()).toBe(3 * pieceSeconds); // of this track, from there on
  });

  test("PLT-03 behind a piece that is gone, or that nobody can open, no later one's word is taken", () => {
    const left = told.pieces.filter((_, seq) => seq !== 1);
    expect(hear(left).map(({ packets }) => packets)).toEqual(decoded.map(({ packets }) => packets - 4 * 39));
    expect(told.opened()).toBe(2 * 2 * pieceSeconds);
    const tracks = createHeardTracks(state, new Set());
    for (const [seq, { head, opened, bytes }] of told.pieces.entries()) tracks.hear(head, seq === 1 ? null : opened, bytes);
    const summary = tracks.summary(state.tracks[0]!, seconds * 1_000);
    expect(summary.packets).toBe(decoded[0]!.packets - 4 * 39);
    expect(summary.gaps.filter(({ reason }) => reason === "decrypt")).toEqual([{ fromMs: 5_000, toMs: 10_000, reason: "decrypt" }]);
  });
});

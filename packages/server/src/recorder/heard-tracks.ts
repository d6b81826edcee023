/**
 * What recovery learns of each track, in the order of its seconds: from pieces, and from what it seals itself. A piece says what was heard
 * in it, sealed with the digests of its seconds; where these are as they were, and nothing before is missing, its word is taken and
 * nothing is decoded (decision 0022).
 */
import { hash } from "node:crypto";
import type { Gap } from "@earwitness/contract";
import { createMerkleTree, type MerkleTree } from "@earwitness/verify";
import { NotAuthentic } from "#vault";
import type { TrackSummary } from "./media.ts";
import { mergeGaps } from "./merge-gaps.ts";
import { chunkLeaf, indexLeaf, sha256, type ChunkIndex, type OpenPiece, type PieceHead, type PieceSealer, type SealedChunk } from "./piece.ts";
import type { Heard, RecordingState, TrackState } from "./recording-state.ts";
import { sealSecondLog } from "./seal-second.ts";
import type { SecondLog } from "./second-log.ts";
import { createTrackAnalysis, type TrackAnalysis } from "./track-analysis.ts";

export interface HeardTracks {
  /** Pieces come in their order; `opened` null: nobody can open it. `bytes` are the whole file's. */
  hear(head: PieceHead, opened: OpenPiece | null, bytes: Uint8Array): void;
  /** Seals a second behind all pieces. Its memory is let go of. */
  seal(sealer: PieceSealer, track: number, log: SecondLog): SealedChunk;
  /** What was heard since pieces told of it. */
  takeParts(): Heard;
  endMs(track: number): number;
  /** `untilMs` null: it has no end but that of its sound. */
  summary(state: TrackState, untilMs: number | null): TrackSummary;
}

interface Track {
  readonly sampleRate: number;
  readonly analysis: TrackAnalysis;
  readonly tree: MerkleTree;
  /** Seconds that cannot be opened. */
  readonly gaps: Gap[];
  /** Everything until now was heard: what the next piece says goes on from here. */
  isComplete: boolean;
}

export function createHeardTracks({ tracks: known }: RecordingState, errors: Set<string>): HeardTracks {
  const rates = new Map(known.map(({ track, sampleRate }) => [track, sampleRate]));
  const tracks = new Map<number, Track>();
  let nextSeq = 0;
  let isAllThere = true;

  function trackOf(number: number): Track {
    const track = tracks.get(number);
    if (track !== undefined) return track;
    const sampleRate = rates.get(number) ?? 8000;
    const made = { sampleRate, analysis: createTrackAnalysis(sampleRate), tree: createMerkleTree(sha256), gaps: [], isComplete: isAllThere };
    tracks.set(number, made);
    return made;
  }

  function hearSeconds(track: Track, chunks: readonly ChunkIndex[], bytesOf: (chunk: ChunkIndex) => Uint8Array, opened: OpenPiece): void {
    for (const chunk of chunks) {
      try {
        track.analysis.addLog(chunk.second, opened.openLog(chunk, bytesOf(chunk)));
      } catch (error) {
        if (!(error instanceof NotAuthentic)) throw error;
        errors.add(error.message);
        miss(track, chunk);
      }
    }
  }

  function miss(track: Track, { second }: ChunkIndex): void {
    track.gaps.push({ fromMs: second * 1000, toMs: (second + 1) * 1000, reason: "decrypt" });
    track.isComplete = false;
  }

  return {
    hear({ header, chunksAt }, opened, bytes) {
      if (header.seq !== nextSeq || opened === null) {
        isAllThere = false;
        for (const track of tracks.values()) track.isComplete = false;
      }
      nextSeq = header.seq + 1;
      const bytesOf = ({ offset, length }: ChunkIndex): Uint8Array => bytes.subarray(chunksAt + offset, chunksAt + offset + length);
      const isWhole = (chunk: ChunkIndex): boolean => hash("sha256", bytesOf(chunk), "base64") === chunk.ciphertextDigest;
      for (const [number, chunks] of Map.groupBy(header.chunks, (chunk) => chunk.track)) {
        const track = trackOf(number);
        for (const chunk of chunks) track.tree.append(indexLeaf(chunk));
        if (opened === null) {
          for (const chunk of chunks) miss(track, chunk);
          continue;
        }
        const part = opened.heard.get(number);
        const isTaken = track.isComplete && part !== undefined && chunks.every(isWhole) && track.analysis.takeUp(part);
        if (!isTaken) hearSeconds(track, chunks, bytesOf, opened);
      }
    },
    seal(sealer, number, log) {
      const track = trackOf(number);
      const chunk = sealSecondLog(sealer, number, track.sampleRate, log, track.analysis);
      track.tree.append(chunkLeaf(chunk));
      log.letGo();
      return chunk;
    },
    takeParts: () => new Map([...tracks].map(([number, track]) => [number, track.analysis.takePart()])),
    endMs: (number) => trackOf(number).analysis.endMs,
    summary(state, untilMs) {
      const { analysis, tree, gaps } = trackOf(state.track);
      return { ...analysis.summary({ ...state, gaps: mergeGaps([...state.gaps, ...gaps]) }, untilMs ?? analysis.endMs), merkleRoot: Buffer.from(tree.root()).toString("hex"), chunks: tree.size };
    },
  };
}

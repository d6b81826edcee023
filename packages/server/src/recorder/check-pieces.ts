/** Holds the pieces of a finished recording against themselves and makes the tracks' roots anew, second by second: what lies in the store is read, not what an index says of it. */
import { chunkLeaf, createMerkleTree, saltedDigest, type Manifest, type MerkleTree } from "@earwitness/verify";
import { NotAuthentic, ObjectMissing, type Vault } from "#vault";
import { openPiece, readPieceHead, sha256, type ChunkIndex, type OpenPiece, type PieceSource } from "./piece.ts";
import type { ReadableObject } from "./reader.ts";

export type PieceDifference =
  /** Nothing of the piece can be relied on. */
  | { readonly kind: "piece"; readonly objectName: string; readonly why: string }
  | { readonly kind: "second"; readonly objectName: string; readonly track: number; readonly second: number };

export interface PiecesChecked {
  /** By track. */
  readonly roots: ReadonlyMap<number, { readonly root: Uint8Array; readonly seconds: number }>;
  /** SHA-256 of each piece's bytes, and how many they are; a piece that is not in the store has none. */
  readonly files: ReadonlyMap<string, { readonly sha256: Buffer; readonly sizeBytes: number }>;
  readonly differences: readonly PieceDifference[];
  /** A piece could not be read, so that roots are of less than the whole. */
  readonly isPartial: boolean;
}

export interface PiecesToCheck {
  readonly vault: Vault;
  readonly tenantId: string;
  readonly recordingId: string;
  readonly pieces: readonly ReadableObject[];
  /** Seconds that are known to be as they are, and cannot be opened. */
  isKnownUnreadable(second: number, track: number): boolean;
}

/** One piece, a minute at most, is in memory at a time. Throws KeyMissing before anything is read. */
export async function checkPieces({ vault, tenantId, recordingId, pieces, isKnownUnreadable }: PiecesToCheck): Promise<PiecesChecked> {
  const trees = new Map<number, MerkleTree>();
  const files = new Map<string, { sha256: Buffer; sizeBytes: number }>();
  const differences: PieceDifference[] = [];
  let isPartial = false;
  for (const { keyId } of pieces) await vault.openDataKey(tenantId, keyId);
  for (const { objectName, keyId } of pieces.toSorted((a, b) => a.seq - b.seq)) {
    const piece = await readWhole(vault, objectName);
    if (piece === null) {
      isPartial = true;
      continue;
    }
    files.set(objectName, { sha256: sha256(piece.bytes), sizeBytes: piece.bytes.length });
    let open: OpenPiece;
    try {
      open = await openPiece(piece.source, await readPieceHead(piece.source), await vault.openDataKey(tenantId, keyId), { tenantId, recordingId });
    } catch (error) {
      if (!(error instanceof NotAuthentic)) throw error;
      differences.push({ kind: "piece", objectName, why: error.message });
      isPartial = true;
      continue;
    }
    for (const chunk of open.header.chunks) {
      const tree = trees.get(chunk.track) ?? createMerkleTree(sha256);
      trees.set(chunk.track, tree);
      const said = { saltedDigest: Buffer.from(chunk.saltedDigest, "base64"), ciphertextDigest: Buffer.from(chunk.ciphertextDigest, "base64") };
      const isWhole = (await isSecondWhole(open, chunk, said)) || isKnownUnreadable(chunk.second, chunk.track);
      if (!isWhole) differences.push({ kind: "second", objectName, track: chunk.track, second: chunk.second });
      // The index is sealed: one damaged second is one difference, and leaves the others their proof.
      tree.append(chunkLeaf(sha256, said));
    }
  }
  return { roots: new Map([...trees].map(([track, tree]) => [track, { root: tree.root(), seconds: tree.size }])), files, differences, isPartial };
}

async function isSecondWhole(piece: OpenPiece, chunk: ChunkIndex, said: { readonly saltedDigest: Uint8Array; readonly ciphertextDigest: Uint8Array }): Promise<boolean> {
  try {
    const { plaintext, salt } = await piece.openSecond(chunk);
    return Buffer.compare(saltedDigest(sha256, { second: chunk.second, salt, plaintext }), said.saltedDigest) === 0;
  } catch (error) {
    if (error instanceof NotAuthentic) return false;
    throw error;
  }
}

async function readWhole(vault: Vault, name: string): Promise<{ readonly bytes: Uint8Array; readonly source: PieceSource } | null> {
  try {
    const bytes = await vault.store.read(name, 0, await vault.store.size(name));
    return { bytes, source: { name, size: async () => bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length), close: async () => undefined } };
  } catch (error) {
    if (error instanceof ObjectMissing) return null;
    throw error;
  }
}

/** Seconds that the manifest itself says nobody could open, when the recording was finished. */
export function isKnownUnreadable(second: number, track: number, manifest: Manifest): boolean {
  const gaps = manifest.sources.find((source) => source.track === track)?.gaps ?? [];
  return gaps.some(({ reason, fromMs, toMs }) => reason === "decrypt" && fromMs <= second * 1000 && toMs >= (second + 1) * 1000);
}

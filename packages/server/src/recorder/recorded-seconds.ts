/** The seconds of a finished recording as they were sealed, in the order of their leaves: what its proofs are made of. */
import type { Vault } from "#vault";
import { indexLeaf, openPiece, readPieceHead, type OpenPiece, type PieceSource } from "./piece.ts";
import type { ReadableObject } from "./reader.ts";

export interface RecordedSecond {
  readonly second: number;
  /** In the track's Merkle tree. */
  readonly leaf: Uint8Array;
  readonly ciphertextDigest: Uint8Array;
  /** Packets and salt. Throws NotAuthentic. */
  open(): Promise<{ readonly plaintext: Uint8Array; readonly salt: Uint8Array }>;
}

export interface RecordedSeconds {
  /** Of a wire track; may be asked for more than once. */
  seconds(track: number): AsyncGenerator<RecordedSecond>;
}

export interface RecordedSecondsOptions {
  readonly vault: Vault;
  readonly tenantId: string;
  readonly recordingId: string;
  readonly pieces: readonly ReadableObject[];
}

/** Opens every piece, so that a key that is gone is known before the first second is read. Throws NotAuthentic, ObjectMissing, KeyMissing. */
export async function openRecordedSeconds({ vault, tenantId, recordingId, pieces }: RecordedSecondsOptions): Promise<RecordedSeconds> {
  const opened: OpenPiece[] = [];
  for (const { objectName: name, keyId } of pieces.toSorted((a, b) => a.seq - b.seq)) {
    const source: PieceSource = { name, size: () => vault.store.size(name), read: (offset, length) => vault.store.read(name, offset, length), close: async () => undefined };
    opened.push(await openPiece(source, await readPieceHead(source), await vault.openDataKey(tenantId, keyId), { tenantId, recordingId }));
  }
  return {
    async *seconds(track) {
      for (const piece of opened) {
        for (const chunk of piece.header.chunks) {
          if (chunk.track === track) yield { second: chunk.second, leaf: indexLeaf(chunk), ciphertextDigest: Buffer.from(chunk.ciphertextDigest, "base64"), open: () => piece.openSecond(chunk) };
        }
      }
    },
  };
}

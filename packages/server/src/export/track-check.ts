/** Holds the packets of a wire track that are being handed out against the manifest, while they pass. */
import { createMerkleTree, createTrackReader, chunkLeaf, saltedDigest, toHex, type ManifestSource } from "@earwitness/verify";
import { sha256 } from "#evidence";

export interface TrackCheck {
  push(bytes: Uint8Array): void;
  /** What came of it, in words; `holds` where every second led to the root that the manifest names. */
  end(): { readonly holds: boolean; readonly says: string };
}

export function createTrackCheck({ track, codec, chunks, merkleRoot }: ManifestSource): TrackCheck {
  const reader = createTrackReader();
  const tree = createMerkleTree(sha256);
  let seconds = 0;
  return {
    push(bytes) {
      for (const record of reader.push(bytes)) {
        if (record.kind === "withheld") tree.appendSubtree(record.level, record.root);
        else {
          tree.append(chunkLeaf(sha256, { saltedDigest: saltedDigest(sha256, record), ciphertextDigest: record.ciphertextDigest }));
          seconds += 1;
        }
      }
    },
    end() {
      reader.end();
      const holds = tree.size === chunks && toHex(tree.root()) === merkleRoot;
      const which = seconds === chunks ? `All ${chunks} seconds with sound` : `${seconds} of ${chunks} seconds with sound`;
      return { holds, says: holds ? `${which} of track ${track} (${codec}) were opened, and are what the manifest says was recorded.` : `The packets of track ${track} (${codec}) are not the ones that the manifest says were recorded.` };
    },
  };
}

import { createMerkleTree, leafHash } from "@earwitness/verify";
import { sha256 } from "../../../packages/server/src/evidence/index.ts";

/** The root at every size from 0 on. */
export function rootsOf(entries: readonly Uint8Array[]): Uint8Array[] {
  const tree = createMerkleTree(sha256);
  return [tree.root(), ...entries.map((entry) => (tree.append(leafHash(sha256, entry)), tree.root()))];
}

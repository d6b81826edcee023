export { createMerkleTree, inclusionProof, leafHash, nodeHash, verifyInclusion, type Hash, type MerkleTree } from "./merkle.ts";
export { sha256 } from "./sha256.ts";

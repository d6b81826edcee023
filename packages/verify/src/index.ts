export { formatAddCheckpoint, parseAddCheckpoint, type AddCheckpoint, type ReadAddCheckpoint } from "./add-checkpoint.ts";
export { fromBase64, toBase64, toHex } from "./base64.ts";
export { canonicalJson } from "./canonical-json.ts";
export { formatCheckpoint, parseCheckpoint, type Checkpoint } from "./checkpoint.ts";
export { canonicalRow, rowCommitment, rowLeaf, saltBytes, type EvidenceRow } from "./evidence-row.ts";
export { followHandovers, formatHandover, keysFor, parseHandover, verifyHandover, type Handover, type KeyPeriod } from "./handover.ts";
export { createMerkleTree, inclusionProof, leafHash, nodeHash, verifyInclusion, type Hash, type MerkleTree } from "./merkle.ts";
export { proveConsistency, proveInclusion, treeRoot, verifyConsistency, type ReadHashes, type Subtree } from "./merkle-proof.ts";
export {
  cosignedText,
  formatNote,
  formatSignatureLine,
  formatVkey,
  Malformed,
  noteKey,
  noteKeyId,
  noteTypes,
  parseNote,
  parseSignatureLine,
  parseVkey,
  verifyEd25519,
  verifyNote,
  type Cosigned,
  type Note,
  type NoteKey,
  type NoteSignature,
} from "./note.ts";
export { sha256 } from "./sha256.ts";
export { hashBytes, newTiles, parseTilePath, readFromTiles, tilePath, tileWidth, type Tile } from "./tile.ts";
export { formatTlogProof, parseTlogProof, type TlogProof } from "./tlog-proof.ts";

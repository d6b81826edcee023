export { formatAddCheckpoint, parseAddCheckpoint, type AddCheckpoint, type ReadAddCheckpoint } from "./add-checkpoint.ts";
export { fromBase64, toBase64, toHex } from "./base64.ts";
export { canonicalJson } from "./canonical-json.ts";
export { formatCheckpoint, parseCheckpoint, type Checkpoint } from "./checkpoint.ts";
export { canonicalRow, rowCommitment, rowLeaf, saltBytes, type EvidenceRow } from "./evidence-row.ts";
export { followHandovers, formatHandover, keysFor, parseHandover, verifyHandover, type Handover, type KeyPeriod } from "./handover.ts";
export { coverLeaves, createMerkleTree, inclusionProof, leafHash, nodeHash, verifyInclusion, type Hash, type MerkleTree } from "./merkle.ts";
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
export { beginSha256, sha256, sha256Here, type RunningSha256, type Sha256 } from "./sha256.ts";
export { hashBytes, newTiles, parseTilePath, readFromTiles, tilePath, tileWidth, type Tile } from "./tile.ts";
export { formatTlogProof, parseTlogProof, type TlogProof } from "./tlog-proof.ts";
export { firstDifference, readAll, streamOf, type ByteStream } from "./byte-stream.ts";
export { chunkLeaf, chunkSaltBytes, parsePacketLog, saltedDigest, saltedPrefix, type Packet } from "./packet-chunk.ts";
export { createTrackReader, encodeTrackRecord, readTrackFile, rootOfTrack, trackFileHead, type SecondRecord, type TrackRecord, type TrackRoot, type WithheldRecord } from "./track-file.ts";
export { parseDerivation, parseManifest, type Derivation, type Manifest, type ManifestGap, type ManifestInteraction, type ManifestSource, type ManifestTrack } from "./manifest.ts";
export { formatEvidenceLine, parseEvidenceLine, type ErasedRow, type EvidenceLine, type PlacedRow } from "./evidence-lines.ts";
export {
  bundleFormat,
  checkpointPath,
  formatBundleIndex,
  handoverPath,
  indexPath,
  interactionPaths,
  pagePath,
  parseBundleIndex,
  timestampPath,
  type BundledInteraction,
  type BundleIndex,
  type ListedFile,
} from "./bundle-index.ts";
export type { BundleFile, BundleFiles } from "./bundle-files.ts";
export { beginData, besideData, dataPlace, dataScript, dataScriptPath, endData, isPageData } from "./page-data.ts";
export { isPlainPath, openZip, readZipEntries, type ZipEntry, type ZipSource } from "./zip.ts";
export type { BundleReport, Statement, StatementKind } from "./bundle-report.ts";
export { verifyBundle } from "./verify-bundle.ts";
export type { BundleTrust, SoundOf, TimedPackets, TimestampCheck, Voice } from "./bundle.ts";
export { mixedSpan, secondsOf, voicesOf } from "./verify-audio.ts";
export { pageData, pageFiles } from "./verify-page.ts";
export { time as mediaTime } from "./verify-interaction.ts";
export { isCertificate } from "./certificate.ts";
export { readPemCertificates } from "./pem.ts";
export { formatTimestampRequest, isOid, readTimestampResponse, type TimestampRequest } from "./timestamp-exchange.ts";
export { checkpointTimestamp, readTimestampUnsafe, stampedDigest, verifyTimestamp, type Timestamp, type TimestampExpectation } from "./timestamp.ts";

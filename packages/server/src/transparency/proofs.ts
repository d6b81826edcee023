import { formatTlogProof, proveConsistency, proveInclusion, toBase64, tileWidth } from "@earwitness/verify";
import type { ConsistencyProof, EvidenceProof } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { newestCheckpoint, readEntries, readHashes, rowsOf, sha256 } from "#evidence";

/** That a row is in the log, up to the newest kept checkpoint. */
export async function proveRow(tx: TenantTransaction, evidenceId: string): Promise<EvidenceProof> {
  const [stored] = await rowsOf(tx, { evidenceIds: [evidenceId] });
  if (stored === undefined) throw new Refusal("NOT_FOUND", 404, "There is no such row of evidence.");
  const kept = await newestCheckpoint(tx);
  const place = stored.treeIndex;
  if (place === null || kept === null || place >= kept.size) throw new Refusal("NOT_YET_COVERED", 409, "No kept checkpoint covers this row yet. One is kept every minute; POST /api/v1/log/checkpoints keeps one now.");
  const proof = await proveInclusion(sha256, place, kept.size, readHashes(tx));
  const entry = await readEntries(tx, Math.floor(place / tileWidth), (place % tileWidth) + 1);
  return {
    row: { ...stored.row, actor: { ...stored.row.actor } },
    salt: stored.salt === null ? null : toBase64(stored.salt),
    erasedBy: stored.erasedBy,
    place,
    entry: toBase64(entry.subarray(-32)),
    proof: formatTlogProof({ index: place, proof, checkpoint: kept.note }),
  };
}

/** That what was published at one size is the beginning of what was published later. */
export async function proveGrowth(tx: TenantTransaction, first: number, second: number | undefined): Promise<ConsistencyProof> {
  const size = (await newestCheckpoint(tx))?.size ?? 0;
  const end = second ?? size;
  if (first > end || end > size) throw new Refusal("NOT_YET_COVERED", 409, `The newest kept checkpoint has ${size} rows; \`first\` may not be more than \`second\`, nor that more than ${size}.`);
  return { first, second: end, proof: (await proveConsistency(sha256, first, end, readHashes(tx))).map(toBase64) };
}

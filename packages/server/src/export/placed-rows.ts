import { formatEvidenceLine, proveInclusion } from "@earwitness/verify";
import type { TenantTransaction } from "#db";
import { readHashes, rowsOf, sha256 } from "#evidence";

/** Everything that the log has about a call and its recording up to this head, a line each, with the way to its root. */
export async function placedRows(tx: TenantTransaction, subjects: readonly string[], size: number): Promise<string> {
  const read = readHashes(tx);
  const lines: string[] = [];
  for (const subject of subjects) {
    for (const { row, salt, treeIndex } of await rowsOf(tx, { subject })) {
      if (treeIndex === null || treeIndex >= size || salt === null) continue;
      lines.push(formatEvidenceLine({ kind: "row", row, salt, index: treeIndex, proof: await proveInclusion(sha256, treeIndex, size, read) }));
    }
  }
  return lines.join("");
}

import type { TenantTransaction } from "#db";
import { mintedAt } from "#ids";
import type { StoredObject } from "./facts.ts";

/** Names what lies in the store for a recording; the objects are there already. */
export async function writeObjects(tx: TenantTransaction, recordingId: string, objects: readonly StoredObject[], storedAt: Date): Promise<void> {
  if (objects.length === 0) return;
  await tx
    .insertInto("media_objects")
    .values(
      objects.map((object) => ({
        tenant_id: tx.tenantId,
        minted_at: mintedAt(recordingId),
        media_id: recordingId,
        object_name: object.objectName,
        kind: object.kind,
        seq: object.seq,
        key_id: object.keyId,
        size_bytes: object.sizeBytes,
        sha256: Buffer.from(object.sha256, "hex"),
        from_ms: object.fromMs,
        to_ms: object.toMs,
        stored_at: storedAt,
      })),
    )
    .execute();
}

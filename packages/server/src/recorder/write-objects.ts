import { insertRows, type TenantTransaction } from "#db";
import { mintedAt } from "#ids";
import type { StoredObject } from "./facts.ts";

/** Names what lies in the store for recordings; the objects are there already. */
export async function writeObjects(tx: TenantTransaction, recordings: readonly { readonly recordingId: string; readonly objects: readonly StoredObject[]; readonly atMs: number }[]): Promise<void> {
  const rows = recordings.flatMap(({ recordingId, objects, atMs }) =>
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
      stored_at: new Date(atMs),
    })),
  );
  await insertRows(tx, "media_objects", rows);
}

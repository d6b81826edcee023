/**
 * The job that compacts a finished recording to Ogg/Opus, one file for each stream (CAP-70). It adds a second manifest that
 * says from which bytes, by which encoder and with which settings; the pieces stay (docs/decisions/0005).
 */
import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import type { Clock } from "#clock";
import { withTenant, type Database, type Db, type TenantTransaction } from "#db";
import { append } from "#evidence";
import { mintedAt } from "#ids";
import type { Vault } from "#vault";
import { compact } from "./compact.ts";
import type { StoredObject } from "./facts.ts";
import { objectPrefix } from "./object-prefix.ts";
import { writeObjects } from "./write-objects.ts";

export interface CompactionOptions {
  readonly db: Db;
  readonly vault: Vault;
  readonly nodeId: string;
  readonly clock: Clock;
  tenantOf(tenantId: string): { tenantId: string; publicKey: Uint8Array; publicKeyId: string } | null;
}

/** Runs once for a recording however often it is asked: a recording that has its Opus is left alone. */
export function createCompaction({ db, vault, nodeId, clock, tenantOf }: CompactionOptions): (ids: { tenantId: string; recordingId: string }) => Promise<void> {
  return async ({ tenantId, recordingId }) => {
    const tenant = tenantOf(tenantId);
    if (tenant === null) throw new Error("the tenant is not in the node's snapshot");
    const known = await withTenant(db, tenantId, (tx) => readRecording(tx, recordingId));
    if (known === null) return;

    const { objects, derivation } = await compact({ vault, tenant, recordingId, pieces: known.pieces, tracks: known.tracks });
    if (objects.length === 0) return;
    const manifest = Buffer.from(JSON.stringify({ manifest: "earwitness/1", revision: 2, tenantId, recordingId, node: nodeId, derivedFrom: known.manifestSha256, derivedAt: clock.now().toISOString(), ...derivation, objects }));
    const key = await vault.createDataKey(tenant);
    const objectName = `${objectPrefix(tenantId, recordingId)}/manifest-2-${key.keyId}`;
    const second: StoredObject = { objectName, kind: "manifest", seq: 2, keyId: key.keyId, fromMs: null, toMs: null, ...(await vault.putSealed(objectName, key, tenantId, manifest)) };

    await withTenant(db, tenantId, async (tx) => {
      if ((await readRecording(tx, recordingId)) === null) return; // another run was faster; its objects count, ours are never read
      const storedAt = clock.now();
      await writeObjects(tx, [{ recordingId, objects: [...objects, second], atMs: storedAt.getTime() }]);
      await append(tx, {
        actor: { kind: "job", id: "compact_recording", name: "Compaction" },
        action: "Recording Compacted",
        item: "Call",
        subject: recordingId,
        occurredAt: storedAt,
        nodeId,
        detail: { storedAt: storedAt.toISOString(), manifestSha256: createHash("sha256").update(manifest).digest("hex"), encoder: derivation.encoder, objects: objects.map(({ objectName: name, sha256 }) => ({ objectName: name, sha256 })) },
      });
    });
  };
}

/** What there is to compact; null where there is nothing, or nothing left to do. Locks the recording for the transaction. */
async function readRecording(tx: TenantTransaction, recordingId: string) {
  const of = { minted_at: mintedAt(recordingId), media_id: recordingId };
  const media = await tx.selectFrom("media").select(["state", "manifest_sha256"]).where("minted_at", "=", of.minted_at).where("media_id", "=", of.media_id).forUpdate().executeTakeFirst();
  if (media?.state !== "available") return null;
  const objects = await tx.selectFrom("media_objects").selectAll().where("minted_at", "=", of.minted_at).where("media_id", "=", of.media_id).where("kind", "in", ["piece", "opus"]).orderBy("seq").execute();
  if (objects.some((object) => object.kind === "opus")) return null;
  const tracks = await tx.selectFrom("media_tracks").selectAll().where("minted_at", "=", of.minted_at).where("media_id", "=", of.media_id).orderBy("track").execute();
  return {
    manifestSha256: media.manifest_sha256?.toString("hex") ?? null,
    pieces: objects.map((object) => ({ objectName: object.object_name, kind: object.kind, keyId: object.key_id, seq: object.seq, fromMs: object.from_ms, toMs: object.to_ms, sizeBytes: object.size_bytes, sha256: object.sha256.toString("hex") })),
    tracks: wireTracks(tracks),
  };
}

/** Speakers who shared a stream share its file. */
function wireTracks(rows: readonly Selectable<Database["media_tracks"]>[]) {
  return [...Map.groupBy(rows, (row) => row.source_track)].map(([track, speakers]) => {
    const audible = speakers.filter((row) => row.duration_ms > 0);
    const offsetMs = Math.min(...audible.map((row) => row.offset_ms));
    const endMs = Math.max(...audible.map((row) => row.offset_ms + row.duration_ms));
    return { track, sampleRate: speakers[0]!.sample_rate, ...(audible.length === 0 ? { offsetMs: 0, durationMs: 0 } : { offsetMs, durationMs: endMs - offsetMs }) };
  });
}

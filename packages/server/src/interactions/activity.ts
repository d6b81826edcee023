import { withTenant, type Db } from "#db";

/** Levels of one running recording, as the recorder of this node hears them. */
export interface RecordingActivity {
  readonly tenantId: string;
  readonly recordingId: string;
  readonly tracks: readonly { readonly track: number; readonly level: number; readonly speaking: boolean }[];
}

export interface NamedActivity {
  /** As much of each row as says who may see it. */
  readonly interactions: readonly { readonly interaction_id: string; readonly person_id: string | null }[];
  readonly tracks: RecordingActivity["tracks"];
}

/** A call gets another interaction seldom (a transfer, somebody joins); until then its levels need no query. */
const staleAfterMs = 2_000;

/** Knows which interactions a running recording belongs to. */
export function createActivityMap(db: Db) {
  const tenants = new Map<string, { readAtMs: number; byRecording: Map<string, NamedActivity["interactions"]> }>();

  async function read(tenantId: string, recordingIds: readonly string[]) {
    const rows = await withTenant(db, tenantId, (tx) =>
      tx
        .selectFrom("interaction_media as part")
        .innerJoin("interactions as row", (join) =>
          join.onRef("row.minted_at", "=", "part.minted_at").onRef("row.interaction_id", "=", "part.interaction_id"),
        )
        .select(["part.media_id", "row.interaction_id", "row.person_id"])
        .where("part.media_id", "in", recordingIds)
        .where("part.to_ms", "is", null) // who has left the call may not hear who speaks after that (CAP-51)
        .execute(),
    );
    return Map.groupBy(rows, (row) => row.media_id);
  }

  return {
    async name(tenantId: string, recordings: readonly RecordingActivity[]): Promise<NamedActivity[]> {
      const nowMs = performance.now();
      let known = tenants.get(tenantId);
      if (known === undefined || nowMs - known.readAtMs > staleAfterMs || recordings.some(({ recordingId }) => !known?.byRecording.has(recordingId))) {
        const byRecording = await read(tenantId, recordings.map(({ recordingId }) => recordingId));
        // A recording without rows yet is remembered as such until the map is stale, not asked for at every beat.
        known = { readAtMs: nowMs, byRecording: new Map(recordings.map(({ recordingId }) => [recordingId, byRecording.get(recordingId) ?? []])) };
        tenants.set(tenantId, known);
      }
      const { byRecording } = known;
      return recordings.map(({ recordingId, tracks }) => ({ interactions: byRecording.get(recordingId) ?? [], tracks }));
    },
  };
}

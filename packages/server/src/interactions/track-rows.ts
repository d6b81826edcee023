import type { Selectable } from "kysely";
import type { Database, TenantTransaction } from "#db";
import { mintedAt } from "#ids";

export type TrackRow = Selectable<Database["media_tracks"]>;

/** The recording's tracks, one for each speaker, whole: whoever shows or plays them cuts them to the person's part. */
export async function readTrackRows(tx: TenantTransaction, mediaId: string): Promise<TrackRow[]> {
  return await tx.selectFrom("media_tracks").selectAll().where("minted_at", "=", mintedAt(mediaId)).where("media_id", "=", mediaId).orderBy("track").execute();
}

import type { Selectable } from "kysely";
import type { MediaStatus } from "@earwitness/contract";
import type { Principal } from "#access";
import type { Database, TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { mintedAt } from "#ids";
import { findPart, findRow, noSuchInteraction, readTrackRows, type InteractionRow, type RecordingPart, type TrackRow } from "#interactions";

export type ObjectRow = Selectable<Database["media_objects"]>;

/** A recording that may be played now, by this principal, in this part. */
export interface Playable {
  readonly row: InteractionRow;
  readonly part: RecordingPart;
  readonly tracks: readonly TrackRow[];
}

const whyNot: Readonly<Record<Exclude<MediaStatus, "Available">, string>> = {
  Recording: "The call is still running; it can be played when it has ended.",
  Pending: "The call has ended and its recording is being finished; try again in a moment.",
  Failed: "The recording failed; there is nothing to play.",
  Unavailable: "The call was never answered, so there is no recording.",
  Deleted: "The recording was deleted.",
};

/** CAP-19: playback is offered only in Available. What the principal may not see is not found. */
export async function findPlayable(tx: TenantTransaction, principal: Principal, id: string, now: Date): Promise<Playable> {
  const row = await findRow(tx, principal, id);
  if (row === null) throw noSuchInteraction();
  if (row.media_status !== "Available") throw new Refusal("NOT_PLAYABLE", 409, `${row.media_status}: ${whyNot[row.media_status]}`);
  const part = await findPart(tx, id, now);
  if (part === null) throw new Error(`interaction ${id} is Available and has no recording`);
  return { row, part, tracks: await readTrackRows(tx, part.media.media_id) };
}

/** What of the recording lies in the store, in order. */
export async function readObjects(tx: TenantTransaction, mediaId: string, kind: ObjectRow["kind"]): Promise<ObjectRow[]> {
  return await tx
    .selectFrom("media_objects")
    .selectAll()
    .where("minted_at", "=", mintedAt(mediaId))
    .where("media_id", "=", mediaId)
    .where("kind", "=", kind)
    .orderBy("seq")
    .execute();
}

import type { Selectable } from "kysely";
import type { Database, TenantTransaction } from "#db";
import { mintedAt } from "#ids";

/** The part of a recording that belongs to an interaction. Media time, from the start of the recording. */
export interface RecordingPart {
  readonly media: Selectable<Database["media"]>;
  readonly fromMs: number;
  readonly toMs: number;
  /** Of the whole recording; while it runs, up to now. */
  readonly durationMs: number;
}

/** Null before the first fact of the recording has arrived. `now` is wall time, for recordings that still run. */
export async function findPart(tx: TenantTransaction, interactionId: string, now: Date): Promise<RecordingPart | null> {
  const link = await tx
    .selectFrom("interaction_media")
    .select(["media_id", "from_ms", "to_ms"])
    .where("minted_at", "=", mintedAt(interactionId))
    .where("interaction_id", "=", interactionId)
    .orderBy("media_id")
    .limit(1)
    .executeTakeFirst();
  if (link === undefined) return null;
  const media = await tx
    .selectFrom("media")
    .selectAll()
    .where("minted_at", "=", mintedAt(link.media_id))
    .where("media_id", "=", link.media_id)
    .executeTakeFirst();
  if (media === undefined) return null;
  const durationMs = media.duration_ms ?? Math.max(0, (media.ended_at ?? now).getTime() - media.started_at.getTime());
  return { media, fromMs: link.from_ms, toMs: link.to_ms ?? Math.max(link.from_ms, durationMs), durationMs };
}

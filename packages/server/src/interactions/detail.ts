import type { CallEvent, InteractionDetail, Track } from "@earwitness/contract";
import type { Origin, Principal } from "#access";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { appendOnce } from "#evidence";
import { mintedAt } from "#ids";
import { viewOf } from "./looks.ts";
import { findPart, type RecordingPart } from "./part.ts";
import { findRow } from "./rows.ts";
import { readTrackRows } from "./track-rows.ts";
import { toInteraction, type InteractionRow } from "./row.ts";
import { toVerification } from "./verifications.ts";

export function noSuchInteraction(): Refusal<"NOT_FOUND"> {
  return new Refusal("NOT_FOUND", 404, "There is no such interaction, or you may not see it.");
}

/** Everything known of one interaction; refuses as not found what the principal may not see. */
export async function readDetail(tx: TenantTransaction, principal: Principal, id: string, origin: Origin): Promise<InteractionDetail> {
  const row = await findRow(tx, principal, id);
  if (row === null) throw noSuchInteraction();
  await appendOnce(tx, viewOf(row, origin));
  return await describeInteraction(tx, row, origin.occurredAt);
}

/** The same without asking who looks. */
export async function describeInteraction(tx: TenantTransaction, row: InteractionRow, now: Date): Promise<InteractionDetail> {
  const part = await findPart(tx, row.interaction_id, now);
  const trunk =
    row.trunk_id === null ? undefined : await tx.selectFrom("trunks").select("name").where("trunk_id", "=", row.trunk_id).executeTakeFirst();
  return {
    ...toInteraction(row, now),
    recording:
      part === null
        ? null
        : {
            id: part.media.media_id,
            startedAt: part.media.started_at.toISOString(),
            durationMs: part.durationMs,
            fromMs: part.fromMs,
            toMs: part.toMs,
            manifestSha256: part.media.manifest_sha256?.toString("hex") ?? null,
            node: part.media.node_id,
          },
    tracks: part === null ? [] : await readTracks(tx, part),
    events: part === null ? [] : await readEvents(tx, part),
    decision: row.decision,
    trunk: trunk?.name ?? null,
    verification: row.verification === null ? null : toVerification(row.verification),
  };
}

/** The recording's tracks, cut to the person's part: who spoke when outside of it is not theirs to know (CAP-51). */
async function readTracks(tx: TenantTransaction, part: RecordingPart): Promise<Track[]> {
  const rows = await readTrackRows(tx, part.media.media_id);
  return rows.map((row) => ({
    track: row.track,
    participant: { name: row.participant_name, aor: row.participant_aor },
    mixed: row.participant_aor.includes(" "),
    offsetMs: row.offset_ms,
    durationMs: row.duration_ms,
    codec: row.codec,
    speech: row.speech.flatMap(([fromMs, toMs]) => {
      const cut = cutTo(part, fromMs, toMs);
      return cut === null ? [] : [cut];
    }),
    gaps: row.gaps.flatMap((gap) => {
      const cut = cutTo(part, gap.fromMs, gap.toMs);
      return cut === null ? [] : [{ ...gap, fromMs: cut[0], toMs: cut[1] }];
    }),
  }));
}

function cutTo(part: RecordingPart, fromMs: number, toMs: number): [number, number] | null {
  const from = Math.max(fromMs, part.fromMs);
  const to = Math.min(toMs, part.toMs);
  return from < to ? [from, to] : null;
}

const eventKinds: ReadonlySet<string> = new Set(["join", "leave", "hold", "retrieve", "transfer", "metadata"] satisfies CallEvent["kind"][]);

async function readEvents(tx: TenantTransaction, part: RecordingPart): Promise<CallEvent[]> {
  const { media_id: mediaId } = part.media;
  const rows = await tx
    .selectFrom("media_events")
    .select(["at_ms", "kind", "participant", "body"])
    .where("minted_at", "=", mintedAt(mediaId))
    .where("media_id", "=", mediaId)
    .orderBy("at_ms")
    .orderBy("seq")
    .execute();
  // The last to leave may do so a moment after the last sample: the end of the recording cuts nothing off.
  const untilMs = part.toMs < part.durationMs ? part.toMs : Number.POSITIVE_INFINITY;
  return rows
    .filter((row) => eventKinds.has(row.kind) && row.at_ms >= part.fromMs && row.at_ms <= untilMs)
    .map((row) => ({ atMs: row.at_ms, kind: row.kind as CallEvent["kind"], participant: row.participant, text: row.body }));
}

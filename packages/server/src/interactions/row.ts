import type { Database } from "#db";
import type { Interaction } from "@earwitness/contract";
import type { Selectable } from "kysely";
import { toLastVerified, type VerificationRow } from "./verifications.ts";

/** With the newest verification, which lists and pages show; null: never verified. */
export type InteractionRow = Selectable<Database["interactions"]> & { readonly verification: VerificationRow | null };

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;
const between = (from: Date, to: Date): number => Math.max(0, to.getTime() - from.getTime());

/** A row as the API shows it. `now` is wall time, for calls that still run. */
export function toInteraction(row: InteractionRow, now: Date): Interaction {
  return {
    id: row.interaction_id,
    mediaStatus: row.media_status,
    user: { name: row.user_name, upn: row.user_upn, address: row.user_address },
    calling: row.calling,
    called: row.called,
    answering: row.answering,
    onBehalfOf: row.on_behalf_of,
    transferredBy: row.transferred_by,
    transferredTo: row.transferred_to,
    participants: row.participants,
    startedAt: row.started_at.toISOString(),
    answeredAt: iso(row.answered_at),
    releasedAt: iso(row.released_at),
    durationMs: row.answered_at === null ? 0 : between(row.answered_at, row.released_at ?? now),
    waitMs: row.answered_at === null ? 0 : between(row.started_at, row.answered_at),
    direction: row.direction,
    type: row.call_type,
    releaseCause: row.release_cause,
    recordingType: "Full Time",
    sysCallId: row.sys_call_id,
    sipCallId: row.sip_call_id,
    hasGaps: row.has_gaps,
    sandbox: row.sandbox,
    lastVerified: row.verification === null ? null : toLastVerified(row.verification),
  };
}

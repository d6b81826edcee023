/**
 * What the log is told of interactions, so that nothing but `Recording Finalized` and the rows of an interaction is needed to say what
 * its row in the database has to be (`earwitness fsck`). What names people stands in the interaction's own rows, which can be erased
 * without taking the manifest's digest with them; the row that says that a recording was finished holds moments and outcomes alone.
 */
import type { InteractionChanged, InteractionState } from "./facts.ts";

/** What an interaction is from its beginning to its end: told when it opens, and never again. */
export const toldOnce = ["personId", "sipCallId", "sysCallId", "chainId", "decision"] as const satisfies readonly (keyof InteractionState)[];

/** How it is from this fact on. */
export function toldOfChange({ change, interaction, recordingId }: InteractionChanged): Readonly<Record<string, unknown>> {
  const { user, startedAtMs, mediaStatus, releaseCause, direction, callType, calling, called, answering, participants, transferredBy, transferredTo } = interaction;
  return {
    name: user.name ?? user.address,
    startedAt: new Date(startedAtMs).toISOString(),
    recordingId,
    ...(change === "opened" && Object.fromEntries(toldOnce.map((name) => [name, interaction[name]]))),
    direction,
    callType,
    calling,
    called,
    answering,
    mediaStatus,
    releaseCause,
    participants,
    transferredBy,
    transferredTo,
  };
}

/** What is decided by the end of its recording. */
export interface ToldAtEnd {
  readonly interactionId: string;
  readonly answeredAt: string | null;
  readonly releasedAt: string | null;
  readonly mediaStatus: string;
  readonly releaseCause: string | null;
  readonly sandbox: boolean;
}

export function toldAtEnd({ interactionId, answeredAtMs, releasedAtMs, mediaStatus, releaseCause, trunkId }: InteractionState, sandboxTrunks: ReadonlySet<string>): ToldAtEnd {
  return { interactionId, answeredAt: momentOf(answeredAtMs), releasedAt: momentOf(releasedAtMs), mediaStatus, releaseCause, sandbox: sandboxTrunks.has(trunkId) };
}

const momentOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/**
 * Recordings that were cut off (a client or network that went silent, a fault, a restart of ours), so that the recording of the same
 * conversation which its client begins anew says what it continues. A finished recording is never opened again: what was kept, and the time
 * for which there is nothing, stand side by side and not one over the other.
 */
import type { CallFacts } from "./call.ts";
import type { Fact } from "./facts.ts";

export interface Continuations {
  /** Every fact of the call journal, in order. `earlier`: of a start before this one, whose running calls were cut off with it. */
  note(fact: Fact, earlier: boolean): void;
  /** The recording that was cut off and had one of these conversations; the latest. */
  cutOff(tenantId: string, trunkId: string, conversationIds: readonly string[], atMs: number): string | null;
}

/** Shorter ones are counters in the field, and would tie strangers' calls. */
const minIdLength = 16;
const maxIds = 50;
const maxIdLength = 200;
/** Who comes back later than this speaks of something else. */
const memoryMs = 60 * 60_000;
const maxKnown = 20_000;

/** Ends that somebody meant. */
const meant: ReadonlySet<string> = new Set(["released", "cancelled"]);

interface Known {
  readonly recordingId: string;
  readonly keys: readonly string[];
  /** Null while it runs. */
  cutOffAtMs: number | null;
}

/** Ids by which a conversation is known again. */
export const continuableIds = (facts: CallFacts): string[] =>
  facts.conversations.filter(({ id, endedAt }) => endedAt === null && id.length >= minIdLength && id.length <= maxIdLength).map(({ id }) => id).slice(0, maxIds);

export function createContinuations(): Continuations {
  const byKey = new Map<string, Known>();
  const byRecording = new Map<string, Known>();
  const keyOf = (tenantId: string, trunkId: string, id: string): string => JSON.stringify([tenantId, trunkId, id]);

  function forget(known: Known): void {
    byRecording.delete(known.recordingId);
    for (const key of known.keys) if (byKey.get(key) === known) byKey.delete(key);
  }

  return {
    note(fact, earlier) {
      if (fact.kind === "recording.opened") {
        const keys = (fact.conversationIds ?? []).map((id) => keyOf(fact.tenantId, fact.trunkId, id));
        if (keys.length === 0) return;
        const known: Known = { recordingId: fact.recordingId, keys, cutOffAtMs: earlier ? fact.atMs : null };
        byRecording.set(fact.recordingId, known);
        for (const key of keys) byKey.set(key, known);
        const [oldest] = byRecording.values();
        if (byRecording.size > maxKnown && oldest !== undefined) forget(oldest);
      } else if (fact.kind === "interaction.changed" || fact.kind === "call.event" || fact.kind === "speaker.assigned") {
        // The last sign of life of a call that an earlier start lost.
        const known = byRecording.get(fact.recordingId);
        if (known !== undefined && earlier) known.cutOffAtMs = fact.atMs;
      } else if (fact.kind === "recording.ended") {
        const known = byRecording.get(fact.recordingId);
        if (known === undefined) return;
        if (meant.has(fact.endReason)) forget(known);
        else known.cutOffAtMs = fact.atMs;
      }
    },
    cutOff(tenantId, trunkId, conversationIds, atMs) {
      const found = conversationIds.flatMap((id) => byKey.get(keyOf(tenantId, trunkId, id)) ?? []).filter(({ cutOffAtMs }) => cutOffAtMs !== null && atMs - cutOffAtMs <= memoryMs);
      return found.toSorted((a, b) => b.cutOffAtMs! - a.cutOffAtMs!)[0]?.recordingId ?? null;
    },
  };
}

/** One person's part of a call, as the database tells it, against what rows of the log told of it. In words. */
import { fact, finer, isDifferent } from "./facts-that-differ.ts";
import type { InteractionRow } from "./recording-as-stored.ts";
import { momentText } from "./stored-value.ts";
import type { Saying, ToldOfInteraction } from "./told-of-interaction.ts";

/** What the rows of an interaction say of its columns while the call goes on. */
const columns: readonly (readonly [inWords: string, column: keyof InteractionRow, name: string])[] = [
  ["whose it is", "person_id", "personId"],
  ["direction", "direction", "direction"],
  ["kind of call", "call_type", "callType"],
  ["who called", "calling", "calling"],
  ["who was called", "called", "called"],
  ["who answered", "answering", "answering"],
  ["transferred by", "transferred_by", "transferredBy"],
  ["transferred to", "transferred_to", "transferredTo"],
  ["the call's id", "sip_call_id", "sipCallId"],
  ["id of the first call", "sys_call_id", "sysCallId"],
  ["id of the chain of calls", "chain_id", "chainId"],
  ["decision", "decision", "decision"],
];

export function interactionAgainstRows(row: InteractionRow, { changed, settled, finished }: ToldOfInteraction): string[] {
  const against = (inWords: string, database: unknown, saying: Saying | undefined): string | null => (saying === undefined || saying.isMaybeOver ? null : fact(inWords, database, saying.value, saying.by));
  const moment = (saying: Saying | undefined): Saying | undefined => saying && { ...saying, value: saying.value ?? "none" };
  return [
    row.times_whole ? null : finer,
    ...columns.map(([inWords, column, name]) => against(inWords, row[column], changed.get(name))),
    against("answer", momentText(row.answered_at), moment(settled.get("answeredAt"))),
    against("release", momentText(row.released_at), moment(settled.get("releasedAt"))),
    against("whether there is sound", row.media_status, settled.get("mediaStatus")),
    against("how it ended", row.release_cause, settled.get("releaseCause")),
    against("whether the sandbox made it", row.sandbox, settled.get("sandbox")),
    finished === undefined ? null : fact("node", row.node_id, finished.row.nodeId, "the row that says that it was finished"),
    // Before rows told this, it was the database's clock's word.
    finished === undefined || settled.size === 0 ? null : fact("last change", momentText(row.updated_at), finished.row.occurredAt, settled.get("interactionId")?.by),
  ].filter(isDifferent);
}

/** What of it was not compared, because rows were erased that may have said it last. */
export const maybeErased = ({ changed }: ToldOfInteraction): string[] => columns.filter(([, , name]) => changed.get(name)?.isMaybeOver === true).map(([inWords]) => inWords);

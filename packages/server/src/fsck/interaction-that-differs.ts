/** One person's part of a call, as the database tells it, against the manifest and the log's rows of it. docs/operate/fsck.md lists what neither of them tells. */
import type { Manifest, ManifestInteraction } from "@earwitness/verify";
import type { StoredRow } from "#evidence";
import { partyText } from "#recorder";
import { fact, finer, isDifferent } from "./facts-that-differ.ts";
import { said, type InteractionRow, type PartRow } from "./recording-as-stored.ts";
import { hasGaps, isHeard } from "./sealed-sound.ts";
import type { SealedFacts } from "./sealed-facts.ts";
import { fieldOf } from "./stored-value.ts";

export interface InteractionVouchers {
  readonly manifest: Manifest;
  readonly facts: SealedFacts;
  /** The row that says that the recording was finished: who wrote it wrote the interaction. */
  readonly finished: StoredRow | undefined;
  /** The last row of the interaction; null where another may have followed that was erased. */
  readonly last: StoredRow | null;
}

export function interactionThatDiffers(sealed: ManifestInteraction, row: InteractionRow, part: PartRow, { manifest, facts, finished, last }: InteractionVouchers): string[] {
  const whole = facts.interactions.get(sealed.interactionId);
  const user = fieldOf(whole, "user");
  const people = fieldOf(whole, "participants");
  const isSound = isHeard(sealed, manifest);
  const answered = row.answered_at !== null;
  const told = last === null ? "" : `row ${last.treeIndex ?? last.row.evidenceId}`;
  const saidLast = (name: string): unknown => (last === null ? undefined : said(last, name));
  return [
    row.times_whole ? null : finer,
    fact("part of the recording", [part.from_ms, part.to_ms], [sealed.fromMs, sealed.toMs]),
    fact("recorded person", [row.user_name, row.user_address], [sealed.user.name ?? sealed.user.address, sealed.user.address]),
    fact("the person's account", row.user_upn, fieldOf(user, "upn")),
    fact("people", row.participants, people),
    fact("what is searched for", row.party_text, searched(user, people)),
    fact("trunk", row.trunk_id, facts.trunkId),
    fact("node", row.node_id, finished?.row.nodeId, "the row that says that it was finished"),
    fact("whether there is sound", row.media_status, isSound ? "Available" : answered ? "Failed" : "Unavailable"),
    isSound && !answered ? "answer: the database has no time of it, and there is sound" : null,
    fact("gaps", row.has_gaps, hasGaps(sealed, manifest)),
    fact("on behalf of", row.on_behalf_of, null, "a recorder always"),
    fact("transferred by", row.transferred_by, saidLast("transferredBy"), told),
    fact("transferred to", row.transferred_to, saidLast("transferredTo"), told),
    isSound ? fact("how it ended", row.release_cause, causeOf(saidLast("releaseCause")), told) : null,
  ].filter(isDifferent);
}

/** As a recorder settles it where there is sound: who was heard was neither missed nor gave up. */
function causeOf(cause: unknown): unknown {
  if (cause === null) return "Failure"; // the recorder died before the call ended
  return cause === "Missed" || cause === "Abandoned" ? "Normal" : cause;
}

interface Party {
  readonly name: string | null;
  readonly address: string;
  readonly upn: string | null;
}

const isText = (value: unknown): boolean => value === null || typeof value === "string";
const isParty = (value: unknown): value is Party => typeof fieldOf(value, "address") === "string" && isText(fieldOf(value, "name")) && isText(fieldOf(value, "upn"));

function searched(user: unknown, people: unknown): string | undefined {
  return isParty(user) && Array.isArray(people) && people.every(isParty) ? partyText([user, ...people]) : undefined;
}

/** One person's part of a call, as the database tells it, against the manifest. What the log's rows say of it beyond that: interaction-against-rows.ts. */
import type { Manifest, ManifestInteraction } from "@earwitness/verify";
import { partyText } from "#recorder";
import { fact, isDifferent } from "./facts-that-differ.ts";
import type { InteractionRow, PartRow } from "./recording-as-stored.ts";
import { hasGaps, isHeard } from "./sealed-sound.ts";
import type { SealedFacts } from "./sealed-facts.ts";
import { fieldOf } from "./stored-value.ts";
import type { ToldOfInteraction } from "./told-of-interaction.ts";

export interface InteractionVouchers {
  readonly manifest: Manifest;
  readonly facts: SealedFacts;
  readonly told: ToldOfInteraction;
}

export function interactionThatDiffers(sealed: ManifestInteraction, row: InteractionRow, part: PartRow, { manifest, facts, told }: InteractionVouchers): string[] {
  const whole = facts.interactions.get(sealed.interactionId);
  const user = fieldOf(whole, "user");
  const people = fieldOf(whole, "participants");
  const isSound = isHeard(sealed, manifest);
  const answered = row.answered_at !== null;
  // Rows of an earlier version say how it ended as it was before its sound was known, and those of this one as it was settled.
  const cause = told.settled.has("releaseCause") ? undefined : told.changed.get("releaseCause");
  return [
    fact("part of the recording", [part.from_ms, part.to_ms], [sealed.fromMs, sealed.toMs]),
    fact("recorded person", [row.user_name, row.user_address], [sealed.user.name ?? sealed.user.address, sealed.user.address]),
    fact("the person's account", row.user_upn, fieldOf(user, "upn")),
    fact("people", row.participants, people),
    fact("what is searched for", row.party_text, searched(user, people)),
    fact("trunk", row.trunk_id, facts.trunkId),
    fact("whether there is sound", row.media_status, isSound ? "Available" : answered ? "Failed" : "Unavailable"),
    isSound && !answered ? "answer: the database has no time of it, and there is sound" : null,
    fact("gaps", row.has_gaps, hasGaps(sealed, manifest)),
    fact("on behalf of", row.on_behalf_of, null, "a recorder always"),
    isSound && cause !== undefined && !cause.isMaybeOver ? fact("how it ended", row.release_cause, causeOf(cause.value), cause.by) : null,
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

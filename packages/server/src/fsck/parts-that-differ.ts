/** The people's parts of one recording: each against the manifest, where it can be opened, and against what the log was told of it. */
import type { Manifest } from "@earwitness/verify";
import type { Finder } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { interactionAgainstRows, maybeErased } from "./interaction-against-rows.ts";
import { interactionThatDiffers } from "./interaction-that-differs.ts";
import type { StoredRecording } from "./recording-as-stored.ts";
import type { SealedFacts } from "./sealed-facts.ts";
import { toldOfInteraction } from "./told-of-interaction.ts";

interface Sealed {
  readonly manifest: Manifest;
  readonly facts: SealedFacts;
}

/** `sealed` null: nobody can say here what the manifest has. `erased`: places, up to the recording's end, of rows that may have told of an interaction. */
export function partsThatDiffer(finding: Finder, { media, parts, strangeParts, interactions, told, evidence }: StoredRecording, sealed: Sealed | null, erased: readonly number[]): Finding[] {
  const at = (id: string): string => `interaction ${id} of recording ${media.media_id}`;
  const finished = evidence.find(({ row }) => row.action === "Recording Finalized");
  const differing = strangeParts.map((id) => finding("INTERACTION_ADDED", at(JSON.stringify(id)), "The database ties it to this recording, and it is no id of an interaction."));
  for (const { interactionId: id } of sealed?.manifest.interactions ?? []) {
    if (!parts.some(({ interaction_id }) => interaction_id === id)) differing.push(finding("INTERACTION_MISSING", at(id), "The database does not tie it to its recording."));
    else if (!interactions.has(id)) differing.push(finding("INTERACTION_MISSING", at(id), "The database has no such interaction."));
  }
  for (const part of parts) {
    const id = part.interaction_id;
    const inManifest = sealed?.manifest.interactions.find(({ interactionId }) => interactionId === id);
    if (sealed !== null && inManifest === undefined) {
      differing.push(finding("INTERACTION_ADDED", at(id), "The database ties it to this recording, whose manifest does not know it."));
      continue;
    }
    const row = interactions.get(id);
    if (row === undefined) continue; // told above, or as one that the log knows
    const ofIt = toldOfInteraction(id, told.get(id) ?? [], finished, erased);
    const inWords = [...(sealed === null || inManifest === undefined ? [] : interactionThatDiffers(inManifest, row, part, { ...sealed, told: ofIt })), ...interactionAgainstRows(row, ofIt)];
    if (inWords.length > 0) differing.push(finding("FACTS_DIFFER", at(id), `${inWords.join("; ")}.`));
    const unheld = maybeErased(ofIt);
    if (unheld.length > 0) differing.push(finding("FACTS_MAYBE_ERASED", at(id), `Rows were erased that may have said something of it after the last one that is left: ${unheld.join(", ")}.`));
  }
  return differing;
}

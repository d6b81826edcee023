import type { ParticipantStreamAssociation, RecordingMetadata } from "./rs-metadata.ts";

/**
 * Who speaks on which stream where no document says so: by order, the first participant on the first labelled stream; all of
 * them on it where it is the only one, because then it can only be their mix. A guess, so it is flagged, and it makes way as
 * soon as a document does say.
 */
export function inferStreamAssociations(metadata: RecordingMetadata): RecordingMetadata {
  const said = metadata.participantStreamAssociations.filter((association) => !association.inferred);
  if (said.length > 0) return { ...metadata, participantStreamAssociations: said };
  const labelled = metadata.streams.filter((stream) => stream.label !== null);
  const inferred: ParticipantStreamAssociation[] = [];
  for (const [index, participant] of metadata.participants.entries()) {
    const stream = labelled.length === 1 ? labelled[0] : labelled[index];
    if (stream === undefined) break;
    inferred.push({
      participantId: participant.id,
      sends: [stream.id],
      receives: [],
      associatedAt: null,
      disassociatedAt: null,
      inferred: true,
    });
  }
  return { ...metadata, participantStreamAssociations: inferred };
}

import { inferStreamAssociations } from "./rs-inference.ts";
import type {
  MetadataGroup,
  MetadataParticipant,
  MetadataSession,
  MetadataStream,
  ParticipantSessionAssociation,
  ParticipantStreamAssociation,
  RecordingMetadata,
  SessionRecordingAssociation,
} from "./rs-metadata.ts";

/**
 * Of each kind of thing. A recording session may stay up for months while calls come and go in it (persistent recording):
 * what has been gone longest is forgotten first.
 */
const MAX_KNOWN = 5000;

/**
 * What is known after one more document (RFC 7865 6.1). A partial one adds, and changes only the fields it gives. A
 * complete one replaces; with `receivedAt`, what it no longer names is kept all the same and has ended then, because a
 * recording must go on naming everybody who spoke in it.
 */
export function mergeRecordingMetadata(
  known: RecordingMetadata | null,
  document: RecordingMetadata,
  receivedAt?: Date,
): RecordingMetadata {
  if (document.mode === "complete") {
    return known === null || receivedAt === undefined ? document : replaceKeepingEnds(known, document, receivedAt);
  }
  if (known === null) return inferStreamAssociations({ ...document, mode: "complete" });
  return inferStreamAssociations({
    ...known,
    groups: mergeBy(known.groups, document.groups, idOf, (before, after) => ({ ...before, ...times(before, after) })),
    sessions: mergeBy(known.sessions, document.sessions, idOf, mergeSession),
    participants: mergeBy(known.participants, document.participants, idOf, (before, after) =>
      after.names.length === 0 ? before : after,
    ),
    streams: mergeBy(known.streams, document.streams, idOf, mergeStream),
    sessionRecordingAssociations: mergeBy(
      known.sessionRecordingAssociations,
      document.sessionRecordingAssociations,
      (one) => one.sessionId,
      (before, after) => ({ ...before, ...times(before, after) }),
    ),
    participantSessionAssociations: mergeBy(
      known.participantSessionAssociations,
      document.participantSessionAssociations,
      pairOf,
      mergeParticipantSession,
    ),
    participantStreamAssociations: mergeParticipantStreams(known, document),
    extensions: mergeExtensions(known, document),
    problems: document.problems,
  });
}

interface Span {
  readonly associatedAt: Date | null;
  readonly disassociatedAt: Date | null;
}

/** Times that a document leaves out stay; a new beginning alone means that what had ended goes on again. */
function times(before: Span, after: Span): Span {
  const resumed = after.associatedAt !== null && before.disassociatedAt !== null && after.associatedAt >= before.disassociatedAt;
  return {
    associatedAt: after.associatedAt ?? before.associatedAt,
    disassociatedAt: after.disassociatedAt ?? (resumed ? null : before.disassociatedAt),
  };
}

function mergeSession(before: MetadataSession, after: MetadataSession): MetadataSession {
  return {
    id: before.id,
    groupId: after.groupId ?? before.groupId,
    sipSessionIds: after.sipSessionIds.length > 0 ? after.sipSessionIds : before.sipSessionIds,
    reasons: after.reasons.length > 0 ? after.reasons : before.reasons,
    startedAt: after.startedAt ?? before.startedAt,
    stoppedAt: after.stoppedAt ?? before.stoppedAt,
  };
}

function mergeStream(before: MetadataStream, after: MetadataStream): MetadataStream {
  return {
    id: before.id,
    sessionId: after.sessionId ?? before.sessionId,
    label: after.label ?? before.label,
    mode: after.mode ?? before.mode,
  };
}

function mergeParticipantSession(
  before: ParticipantSessionAssociation,
  after: ParticipantSessionAssociation,
): ParticipantSessionAssociation {
  return { ...before, ...times(before, after), params: after.params.length > 0 ? after.params : before.params };
}

/**
 * The association has no id of its own: what a document says of a participant's streams replaces what was said of them
 * before (hold is a participant who no longer sends, RFC 8068 3.2) — except that an end without streams ends them all, and
 * that associations which have ended stay.
 */
function mergeParticipantStreams(known: RecordingMetadata, document: RecordingMetadata): ParticipantStreamAssociation[] {
  const news = Map.groupBy(document.participantStreamAssociations, (one) => one.participantId);
  const merged: ParticipantStreamAssociation[] = [];
  for (const before of known.participantStreamAssociations) {
    const afters = news.get(before.participantId);
    const end = afters?.find((after) => after.disassociatedAt !== null && after.sends.length + after.receives.length === 0);
    if (afters === undefined || before.disassociatedAt !== null) merged.push(before);
    else if (end !== undefined) merged.push({ ...before, disassociatedAt: end.disassociatedAt });
  }
  for (const after of document.participantStreamAssociations) {
    const ends = after.disassociatedAt !== null && after.sends.length + after.receives.length === 0;
    if (!ends) merged.push(after);
  }
  return merged.slice(-MAX_KNOWN);
}

/** An extension said again replaces what the same owner said before under the same path. */
function mergeExtensions(known: RecordingMetadata, document: RecordingMetadata): RecordingMetadata["extensions"] {
  const placeOf = (one: RecordingMetadata["extensions"][number]): string => `${one.owner.kind} ${one.owner.id} ${one.path}`;
  const said = new Set(document.extensions.map(placeOf));
  return [...known.extensions.filter((one) => !said.has(placeOf(one))), ...document.extensions].slice(-MAX_KNOWN);
}

/** Everything of the new document first, then what only the old one knew, ended. */
function replaceKeepingEnds(known: RecordingMetadata, document: RecordingMetadata, endedAt: Date): RecordingMetadata {
  const ended = <T extends Span>(one: T): T => ({ ...one, disassociatedAt: one.disassociatedAt ?? endedAt });
  const streamOf = (one: ParticipantStreamAssociation): string => JSON.stringify([one.participantId, one.sends, one.receives]);
  const keepsStreams = (one: ParticipantStreamAssociation): boolean => one.sends.length > 0;
  return {
    ...document,
    groups: withGone(document.groups, known.groups, idOf, ended<MetadataGroup>),
    sessions: withGone(document.sessions, known.sessions, idOf, (one) => ({ ...one, stoppedAt: one.stoppedAt ?? endedAt })),
    participants: withGone(document.participants, known.participants, idOf, (one) => one),
    streams: withGone(document.streams, known.streams, idOf, (one) => one),
    sessionRecordingAssociations: withGone(
      document.sessionRecordingAssociations,
      known.sessionRecordingAssociations,
      (one) => one.sessionId,
      ended<SessionRecordingAssociation>,
    ),
    participantSessionAssociations: withGone(
      document.participantSessionAssociations,
      known.participantSessionAssociations,
      pairOf,
      ended<ParticipantSessionAssociation>,
    ),
    participantStreamAssociations: withGone(
      document.participantStreamAssociations,
      known.participantStreamAssociations.filter(keepsStreams),
      streamOf,
      ended<ParticipantStreamAssociation>,
    ),
  };
}

function withGone<T>(present: readonly T[], known: readonly T[], keyOf: (one: T) => string, end: (one: T) => T): T[] {
  const named = new Set(present.map(keyOf));
  const gone = known.filter((one) => !named.has(keyOf(one))).map(end);
  return [...present, ...gone].slice(0, Math.max(MAX_KNOWN, present.length));
}

function mergeBy<T>(known: readonly T[], news: readonly T[], keyOf: (one: T) => string, merge: (before: T, after: T) => T): T[] {
  const merged = new Map(known.map((one) => [keyOf(one), one]));
  for (const one of news) {
    const before = merged.get(keyOf(one));
    merged.set(keyOf(one), before === undefined ? one : merge(before, one));
  }
  return [...merged.values()].slice(-MAX_KNOWN);
}

function idOf(one: MetadataGroup | MetadataSession | MetadataParticipant | MetadataStream): string {
  return one.id;
}

function pairOf(one: ParticipantSessionAssociation): string {
  return JSON.stringify([one.participantId, one.sessionId]);
}

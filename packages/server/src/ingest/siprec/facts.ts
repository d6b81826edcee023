/** From the state of a recording session to what the recorder knows of a call. Pure; every text in it is the client's word. */
import { normalizeAddress } from "@earwitness/media";
import type { MetadataParticipant, MetadataSession, NameAddr, ParticipantSessionAssociation, RecordingMetadata } from "@earwitness/media";
import type { CallFacts, CallParty, Conversation } from "#recorder";
import { noHints } from "./invite-hints.ts";
import type { InviteHints } from "./invite-hints.ts";
import { isPlaceholder, readVendorFacts } from "./vendor-metadata.ts";

export interface CallState {
  /** All documents of the session, merged; null where none came or none could be read. */
  readonly metadata: RecordingMetadata | null;
  /** Labels of the streams, in the order of their m-lines. */
  readonly labels: readonly string[];
  /** The INVITE that opened the session: its parties stand in where metadata names none. */
  readonly invite: { readonly callId: string; readonly from: NameAddr; readonly to: NameAddr };
  /** What its other headers said. */
  readonly hints?: InviteHints;
  /** What was said last; tells one on hold from one who only listens. */
  readonly before: CallFacts | null;
  readonly at: Date;
}

export function describeCall(state: CallState): CallFacts {
  const { metadata, before, at } = state;
  const described = metadata === null || metadata.participants.length === 0 ? [withoutMetadata(state)] : withMetadata(metadata, state);
  // Metadata that comes late names its own conversations; the stand-in ends, because nothing vanishes from the facts.
  const present = new Set(described.map(({ id }) => id));
  const gone = (before?.conversations ?? []).filter(({ id }) => !present.has(id));
  const all = [...described, ...gone.map((old) => ({ ...old, endedAt: old.endedAt ?? at }))];
  return { conversations: bounded(all, maxConversations, ({ endedAt }) => endedAt === null) };
}

/**
 * Everybody in a call stands in every interaction of it, so that a document of a few thousand people would become millions. No conference that is
 * recorded voice by voice has as many; of conversations, those that have long ended are done with.
 */
const maxParties = 200;
const maxConversations = 200;

/** Names and addresses stand in every interaction as well. */
const maxName = 200;
const maxAddress = 500;

/** Not through the middle of a character that UTF-16 writes in two: a database takes no half of one. */
const cut = (text: string, most: number): string => (text.length <= most ? text : text.slice(0, most).toWellFormed());

/** In their order, at most so many; those that still matter before the others. */
function bounded<T>(all: readonly T[], most: number, matters: (one: T) => boolean): readonly T[] {
  if (all.length <= most) return all;
  const kept = new Set([...all.filter(matters), ...all.filter((one) => !matters(one))].slice(0, most));
  return all.filter((one) => kept.has(one));
}

/** A plain INVITE: From calls To, and by convention the caller is on the first stream. One stream carries both. Some say better in headers. */
function withoutMetadata({ labels, invite, hints = noHints }: CallState): Conversation {
  const { callId, from, to } = invite;
  const party = (id: string, name: string | null, written: string, sends: readonly string[]): CallParty => ({
    id,
    name: cut(name ?? "", maxName) || null,
    address: normalizeAddress(cut(written, maxAddress)),
    writtenAddress: cut(written, maxAddress),
    joinedAt: null,
    leftAt: null,
    sends,
    onHold: false,
  });
  const parties =
    hints.parties.length > 0
      ? hints.parties.map(({ id, name, writtenAddress, lines }) => party(id, name, writtenAddress, lines.flatMap((line) => labels[line] ?? (labels.length === 1 && line > 0 ? labels : []))))
      : [party("from", from.displayName, from.uri, labels.slice(0, 1)), party("to", to.displayName, to.uri, labels.length === 1 ? labels : labels.slice(1, 2))];
  return { id: hints.joinKey ?? callId, chainId: hints.chainId, originalCallId: hints.globalCallId, sipCallId: null, startedAt: null, endedAt: null, parties };
}

function withMetadata(metadata: RecordingMetadata, state: CallState): Conversation[] {
  // Some clients leave the session element out; the recording session is the conversation then.
  const sessions: readonly MetadataSession[] =
    metadata.sessions.length > 0 ? metadata.sessions : [{ id: state.invite.callId, groupId: null, sipSessionIds: [], reasons: [], startedAt: null, stoppedAt: null }];
  const participants = new Map(metadata.participants.map((participant) => [participant.id, participant]));
  const associations = Map.groupBy(metadata.participantSessionAssociations, ({ sessionId }) => sessionId);
  const recorded = new Map(metadata.sessionRecordingAssociations.map((association) => [association.sessionId, association]));
  // Some leave the associations out; such a participant is taken to be in the session that runs.
  const current = sessions.findLast(({ stoppedAt }) => stoppedAt === null) ?? sessions.at(-1);
  const associated = new Set(metadata.participantSessionAssociations.map(({ participantId }) => participantId));
  const strays = metadata.participants.filter(({ id }) => !associated.has(id));
  const labelsSent = readVoices(metadata, state.labels);
  const hints = state.hints ?? noHints;
  const vendorOf = readVendorFacts(metadata);
  const conversationsBefore = new Map(state.before?.conversations.map((conversation) => [conversation.id, conversation]));
  const placeholders = metadata.participants.filter(({ names }) => isPlaceholder(names[0]?.aor ?? ""));
  // Until the client knows who is there, whom it vouches for in SIP stands in: unless it is the other party.
  const { asserted } = hints;
  const isOther = asserted !== null && placeholders.length > 0 && metadata.participants.some(({ names }) => normalizeAddress(names[0]?.aor ?? "") === asserted.address);
  const standIn = isOther ? null : asserted;

  return sessions.map((session) => {
    const before = new Map(conversationsBefore.get(session.id)?.parties.map((party) => [party.id, party]));
    const vendor = vendorOf(session);
    function party(participant: MetadataParticipant, association: ParticipantSessionAssociation | null): CallParty[] {
      const sends = labelsSent(participant, session);
      const leftAt = association?.disassociatedAt ?? session.stoppedAt;
      const known = before.get(participant.id);
      const aor = cut(participant.names[0]?.aor ?? "", maxAddress);
      const name = standIn !== null && isPlaceholder(aor) ? standIn.name : (participant.names.find((one) => one.name !== null)?.name ?? null);
      const standsIn = isPlaceholder(aor) ? standIn : null;
      if (isPlaceholder(aor) && (standsIn === null || leftAt !== null)) return [];
      const written = standsIn?.writtenAddress ?? aor;
      const one: CallParty = {
        id: participant.id,
        name: name === null ? null : cut(name, maxName),
        // RFC 3323's way to say that nobody says who.
        address: standsIn?.address ?? (aor === "" ? "sip:anonymous@anonymous.invalid" : normalizeAddress(aor)),
        ...(written === "" ? {} : { writtenAddress: written }),
        joinedAt: association?.associatedAt ?? null,
        leftAt,
        sends,
        // Who never sent only listens (a supervisor); who did and no longer does is on hold (RFC 8068 §3.2).
        onHold: leftAt === null && sends.length === 0 && known !== undefined && (known.onHold || known.sends.length > 0),
      };
      return [one];
    }
    // Said twice, the later word counts.
    const members = new Map((associations.get(session.id) ?? []).map((association) => [association.participantId, association]));
    const named = [...members.values()].flatMap((association) => {
      const participant = participants.get(association.participantId);
      return participant === undefined ? [] : party(participant, association);
    });
    const parties = session === current ? [...named, ...strays.flatMap((stray) => party(stray, null))] : named;
    const caller = parties.find((one, index) => vendor.calls(one, index) === true);
    return {
      id: session.id,
      chainId: vendor.chainId ?? hints.chainId,
      originalCallId: vendor.globalCallId ?? hints.globalCallId,
      sipCallId: vendor.sipCallId,
      startedAt: session.startedAt ?? recorded.get(session.id)?.associatedAt ?? null,
      endedAt: session.stoppedAt ?? recorded.get(session.id)?.disassociatedAt ?? null,
      parties: bounded(parties, maxParties, ({ leftAt }) => leftAt === null),
      ...(caller === undefined ? {} : { callingPartyId: caller.id }),
    };
  });
}

/** Answers which labels carry a participant's voice in a session. */
function readVoices(metadata: RecordingMetadata, labels: readonly string[]): (participant: MetadataParticipant, session: MetadataSession) => string[] {
  const labelled = metadata.streams.filter(({ label }) => label !== null);
  if (labelled.length === 0) {
    // Nothing ties participants to streams but their order: the first is on the first line, or all on the only one.
    const byOrder = new Map(metadata.participants.map(({ id }, index) => [id, labels.length === 1 ? labels : labels.slice(index, index + 1)]));
    return ({ id }) => [...(byOrder.get(id) ?? [])];
  }
  // An SDP without labels: the first labelled stream is the first line.
  const known = new Set(labels);
  const byPlace = !labelled.some(({ label }) => known.has(label!));
  const streams = new Map(labelled.map((stream, place) => [stream.id, { sessionId: stream.sessionId, label: byPlace ? labels[place] : stream.label! }]));
  const associations = Map.groupBy(metadata.participantStreamAssociations, ({ participantId }) => participantId);
  // A stream that is said to be mixed carries everybody, also whom nobody associated with it.
  const mixed = metadata.streams.filter(({ mode }) => mode === "mixed").map(({ id }) => id);
  return (participant, session) => {
    const said = associations.get(participant.id);
    const sending = (said ?? []).filter(({ disassociatedAt }) => disassociatedAt === null);
    const sent = (said === undefined ? mixed : sending.flatMap(({ sends }) => sends)).flatMap((streamId) => {
      const stream = streams.get(streamId);
      const here = stream !== undefined && (stream.sessionId === null || stream.sessionId === session.id);
      return here && stream.label !== undefined ? [stream.label] : [];
    });
    return [...new Set(sent)];
  };
}

import { randomBytes } from "node:crypto";

/**
 * What an SRC tells the recorder of the calls it copies (RFC 7865): the whole of it, or only what changed.
 * The elements stand in the order of the schema; ids are 16 random bytes in base64.
 */

export interface Participant {
  readonly id: string;
  readonly aor: string;
  readonly name: string | null;
}

export interface Stream {
  readonly id: string;
  readonly label: string;
  sessionId: string;
}

interface Session {
  readonly id: string;
  readonly sipSessionId: string;
  readonly startedAt: Date;
  endedAt: Date | null;
  endReason: string | null;
}

interface Presence {
  readonly participantId: string;
  readonly sessionId: string;
  readonly since: Date;
  until: Date | null;
}

interface Voicing {
  readonly participantId: string;
  sends: string[];
  receives: string[];
  readonly since: Date;
  until: Date | null;
}

export interface CallMetadata {
  readonly groupId: string;
  sessionId(): string;
  startSession(at: Date): string;
  endSession(at: Date, reason?: string): void;
  addParticipant(name: string | null, aor: string, at: Date): Participant;
  /** The participant leaves the session and every stream. */
  removeParticipant(participantId: string, at: Date): void;
  addStream(label: string): Stream;
  moveStream(streamId: string): void;
  /** Which streams carry the participant's voice, and which it hears. */
  associate(participantId: string, sends: readonly string[], receives: readonly string[], at: Date): void;
  /** Everything known. */
  complete(): string;
  /** What changed since the last document, or null where nothing did. */
  partial(): string | null;
}

export const uniqueId = (): string => randomBytes(16).toString("base64");

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" })[character] ?? "");

const element = (name: string, attributes: Record<string, string>, children: readonly string[]): string => {
  const opening = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escaped(value)}"`)].join(" ");
  return children.length === 0 ? `<${opening}/>` : `<${opening}>${children.join("")}</${name}>`;
};
const leaf = (name: string, text: string): string => `<${name}>${escaped(text)}</${name}>`;
const time = (name: string, at: Date | null): string[] => (at === null ? [] : [leaf(name, at.toISOString())]);

export function createMetadata({ groupId = uniqueId(), sessionId }: { groupId?: string; sessionId?: string }, startedAt: Date): CallMetadata {
  const sessions: Session[] = [];
  const participants: Participant[] = [];
  const streams: Stream[] = [];
  const presences: Presence[] = [];
  const voicings: Voicing[] = [];
  /** What the recorder has not been told yet. */
  const changed = new Set<object>();

  const current = (): Session => sessions.at(-1) as Session;
  const startSession = (at: Date, id = uniqueId()): string => {
    const session: Session = { id, sipSessionId: `${randomBytes(16).toString("hex")};remote=${randomBytes(16).toString("hex")}`, startedAt: at, endedAt: null, endReason: null };
    sessions.push(session);
    changed.add(session);
    return session.id;
  };
  startSession(startedAt, sessionId);

  function document(mode: "complete" | "partial"): string {
    const told = (entry: object): boolean => mode === "complete" || changed.has(entry);
    const parts: string[] = [leaf("datamode", mode)];
    if (mode === "complete" || sessions.some((session) => changed.has(session))) parts.push(element("group", { group_id: groupId }, time("associate-time", startedAt)));
    for (const session of sessions.filter(told)) {
      parts.push(
        element("session", { session_id: session.id }, [
          leaf("sipSessionID", session.sipSessionId),
          ...(session.endReason === null ? [] : [`<reason cause="200" protocol="SIP">${escaped(session.endReason)}</reason>`]),
          leaf("group-ref", groupId),
          ...time("start-time", session.startedAt),
          ...time("stop-time", session.endedAt),
        ]),
      );
    }
    for (const participant of participants.filter(told)) {
      const name = participant.name === null ? [] : [`<name xml:lang="en">${escaped(participant.name)}</name>`];
      parts.push(element("participant", { participant_id: participant.id }, [element("nameID", { aor: participant.aor }, name)]));
    }
    for (const stream of streams.filter(told)) parts.push(element("stream", { stream_id: stream.id, session_id: stream.sessionId }, [leaf("label", stream.label)]));
    for (const session of sessions.filter(told)) {
      parts.push(element("sessionrecordingassoc", { session_id: session.id }, [...time("associate-time", session.startedAt), ...time("disassociate-time", session.endedAt)]));
    }
    for (const presence of presences.filter(told)) {
      parts.push(
        element("participantsessionassoc", { participant_id: presence.participantId, session_id: presence.sessionId }, [
          ...time("associate-time", presence.since),
          ...time("disassociate-time", presence.until),
        ]),
      );
    }
    for (const voicing of voicings.filter(told)) {
      parts.push(
        element("participantstreamassoc", { participant_id: voicing.participantId }, [
          ...voicing.sends.map((id) => leaf("send", id)),
          ...voicing.receives.map((id) => leaf("recv", id)),
          ...time("associate-time", voicing.since),
          ...time("disassociate-time", voicing.until),
        ]),
      );
    }
    changed.clear();
    return `<?xml version="1.0" encoding="UTF-8"?>\n<recording xmlns="urn:ietf:params:xml:ns:recording:1">\n  ${parts.join("\n  ")}\n</recording>\n`;
  }

  const present = (participantId: string, at: Date): void => {
    const presence: Presence = { participantId, sessionId: current().id, since: at, until: null };
    presences.push(presence);
    changed.add(presence);
  };

  return {
    groupId,
    sessionId: () => current().id,
    startSession: (at) => startSession(at),
    endSession(at, reason) {
      const session = current();
      session.endedAt ??= at;
      session.endReason = reason ?? session.endReason;
      changed.add(session);
      for (const presence of presences.filter((each) => each.sessionId === session.id && each.until === null)) {
        presence.until = at;
        changed.add(presence);
      }
    },
    addParticipant(name, aor, at) {
      const known = participants.find((each) => each.aor === aor);
      const participant = known ?? { id: uniqueId(), aor, name };
      if (known === undefined) participants.push(participant);
      changed.add(participant);
      present(participant.id, at);
      return participant;
    },
    removeParticipant(participantId, at) {
      for (const entry of [...presences.filter((each) => each.sessionId === current().id), ...voicings]) {
        if (entry.participantId !== participantId || entry.until !== null) continue;
        entry.until = at;
        changed.add(entry);
      }
    },
    addStream(label) {
      const stream: Stream = { id: uniqueId(), label, sessionId: current().id };
      streams.push(stream);
      changed.add(stream);
      return stream;
    },
    moveStream(streamId) {
      const stream = streams.find((each) => each.id === streamId);
      if (stream === undefined) return;
      stream.sessionId = current().id;
      changed.add(stream);
    },
    associate(participantId, sends, receives, at) {
      const open = voicings.find((each) => each.participantId === participantId && each.until === null);
      if (open === undefined) {
        const voicing: Voicing = { participantId, sends: [...sends], receives: [...receives], since: at, until: null };
        voicings.push(voicing);
        changed.add(voicing);
      } else if (open.sends.join() !== sends.join() || open.receives.join() !== receives.join()) {
        open.sends = [...sends];
        open.receives = [...receives];
        changed.add(open);
      }
    },
    complete: () => document("complete"),
    partial: () => (changed.size === 0 ? null : document("partial")),
  };
}

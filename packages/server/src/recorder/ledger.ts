/**
 * What the call journal says about every recording that is not yet finished in the database. Built the same way from the
 * facts of this start and of earlier ones, so that an ordinary end and a recovery finish a recording by the same path.
 */
import type {
  BodyReceived,
  CallEventHappened,
  Fact,
  InteractionState,
  PieceStored,
  RecordingEnded,
  RecordingFinalized,
  RecordingOpened,
  SpeakerAssigned,
} from "./facts.ts";

export interface LedgerEntry {
  readonly opened: RecordingOpened;
  readonly interactions: Map<string, InteractionState>;
  readonly events: CallEventHappened[];
  readonly bodies: BodyReceived[];
  readonly speakers: SpeakerAssigned[];
  readonly pieces: PieceStored[];
  ended: RecordingEnded | null;
  finalized: RecordingFinalized | null;
}

export interface Ledger {
  note(fact: Fact): void;
  get(recordingId: string): LedgerEntry | undefined;
  /** Opened by an earlier start and never finalized. */
  unfinished(): LedgerEntry[];
  /** The database has all of it. */
  forget(recordingId: string): void;
  has(recordingId: string): boolean;
  size(): number;
}

export function createLedger(): Ledger {
  const entries = new Map<string, LedgerEntry>();
  return {
    note(fact) {
      if (fact.kind === "call.not-recorded") return;
      if (fact.kind === "recording.opened") {
        entries.set(fact.recordingId, { opened: fact, interactions: new Map(), events: [], bodies: [], speakers: [], pieces: [], ended: null, finalized: null });
        return;
      }
      const entry = entries.get(fact.recordingId);
      if (entry === undefined) return; // its recording is finished and forgotten
      switch (fact.kind) {
        case "interaction.changed":
          entry.interactions.set(fact.interaction.interactionId, fact.interaction);
          break;
        case "call.event":
          entry.events.push(fact);
          break;
        case "body.received":
          entry.bodies.push(fact);
          break;
        case "speaker.assigned":
          entry.speakers.push(fact);
          break;
        case "piece.stored":
          entry.pieces.push(fact);
          break;
        case "recording.ended":
          entry.ended = fact;
          break;
        case "recording.finalized":
          entry.finalized = fact;
          break;
      }
    },
    get: (recordingId) => entries.get(recordingId),
    unfinished: () => [...entries.values()].filter((entry) => entry.finalized === null),
    forget: (recordingId) => void entries.delete(recordingId),
    has: (recordingId) => entries.has(recordingId),
    size: () => entries.size,
  };
}

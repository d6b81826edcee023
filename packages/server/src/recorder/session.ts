/**
 * One call that is being recorded: the owner of its legs, its tracks and its end. Everything that happens to it becomes a
 * fact in the node's call journal before it is believed; the database is not asked anything here.
 */
import { createHash } from "node:crypto";
import type { Clock } from "#clock";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { CallFacts, CallOffer, EndCause, LocalPorts, RawBody, RecordedCall, StreamOffer } from "./call.ts";
import type { BodyReceived, Fact } from "./facts.ts";
import type { FactLog } from "./fact-log.ts";
import { createLegFollower, type LegContext } from "./legs.ts";
import type { MediaPool, RecordingSummary } from "./media.ts";

/** Metadata of a long, busy call is some 100 kB; who sends this much is broken or means harm, and it all waits in memory. */
const maxKeptBytes = 4 * 1024 * 1024;
const maxContentType = 200;

export interface SessionParts {
  readonly pool: MediaPool;
  readonly facts: FactLog;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes over when the call has ended and its last piece is sealed. `owed`: facts that the call journal has refused so far. */
  finished(recordingId: string, summary: RecordingSummary, owed: readonly Fact[]): void;
  /** The media of a call that ended could not be closed in order; it has to be asked for again, or recovered from disk. */
  abandoned(recordingId: string, owed: readonly Fact[]): void;
}

export interface Session extends RecordedCall {
  readonly tenantId: string;
  firstFrame(): void;
  /** Opens the call's first streams, and remembers who is in it. */
  begin(streams: readonly StreamOffer[], at: Date, raw: readonly RawBody[]): Promise<ReadonlyMap<string, LocalPorts>>;
  /** Number of the speaker's track that a wire track carries now. */
  speakerOn(sourceTrack: number): number | null;
  /** The recorder cannot go on with it; whoever offered the call is told. Never rejects. */
  fault(message: string, cause?: EndCause): Promise<void>;
}

export function createSession(offer: CallOffer, context: LegContext, parts: SessionParts): Session {
  const { recordingId, tenantId, recordingStartMs } = context;
  const { pool, facts, clock, log } = parts;
  const legs = createLegFollower(context);
  const tracks = new Map<string, number>();
  let lastFacts = offer.facts;
  let ended: Promise<void> | null = null;
  /** Facts that the call journal refused; they go before the next ones. */
  let owed: readonly Fact[] = [];
  let keptBytes = 0;

  const mediaMs = (at: Date) => Math.max(0, at.getTime() - recordingStartMs);
  const of = (atMs: number) => ({ tenantId, recordingId, atMs });
  const trackOf = (label: string) => tracks.get(label) ?? null;

  async function remember(...happened: Fact[]): Promise<void> {
    const due = [...owed, ...happened];
    if (due.length === 0) return;
    owed = [];
    try {
      await facts.append(...due);
    } catch (error) {
      owed = [...due, ...owed];
      throw error;
    }
  }

  /** Where the call is to go on: the facts are owed until the journal takes them. */
  async function rememberInTime(...happened: Fact[]): Promise<void> {
    await remember(...happened).catch((error: unknown) => log.error({ recordingId, err: messageOf(error) }, "call journal refused facts"));
  }

  async function addStream(stream: StreamOffer, at: Date): Promise<LocalPorts> {
    const known = tracks.get(stream.label);
    if (known !== undefined) return pool.changeTrack(recordingId, known, stream, mediaMs(at));
    const ports = await openTrack(stream, at);
    await rememberInTime(...legs.update(lastFacts, at.getTime(), trackOf));
    return ports;
  }

  async function openTrack(stream: StreamOffer, at: Date): Promise<LocalPorts> {
    const track = tracks.size + 1;
    tracks.set(stream.label, track);
    try {
      return await pool.addTrack(recordingId, track, stream, mediaMs(at));
    } catch (error) {
      tracks.delete(stream.label);
      throw error;
    }
  }

  async function end(cause: EndCause, at: Date): Promise<void> {
    await rememberInTime(...legs.end(cause, at.getTime()), { kind: "recording.ended", ...of(at.getTime()), endReason: cause });
    try {
      parts.finished(recordingId, await pool.finish(recordingId, mediaMs(at)), owed);
    } catch (error) {
      log.error({ recordingId, err: messageOf(error) }, "recording could not be closed in order; it is being rescued");
      parts.abandoned(recordingId, owed);
    }
  }

  const bodies = (raw: readonly RawBody[]): BodyReceived[] =>
    raw.map(({ receivedAt, contentType, body, origin }) => {
      keptBytes += body.length;
      return {
        kind: "body.received",
        ...of(receivedAt.getTime()),
        contentType: contentType.slice(0, maxContentType),
        bodyBase64: keptBytes > maxKeptBytes ? null : Buffer.from(body).toString("base64"),
        sha256: createHash("sha256").update(body).digest("hex"),
        ...(origin === undefined ? {} : { origin }),
      };
    });

  return {
    recordingId,
    tenantId,
    async begin(streams, at, raw) {
      const ports = new Map<string, LocalPorts>();
      for (const stream of streams) ports.set(stream.label, await openTrack(stream, at));
      await remember(...legs.update(lastFacts, at.getTime(), trackOf), ...bodies(raw));
      return ports;
    },
    speakerOn: (sourceTrack) => legs.speakerOn(sourceTrack),
    addStream,
    changeStream: addStream,
    async removeStream(label, at) {
      const track = tracks.get(label);
      if (track !== undefined && ended === null) await pool.removeTrack(recordingId, track, mediaMs(at));
    },
    async update(next: CallFacts, at, raw) {
      if (ended !== null) return;
      lastFacts = next;
      await remember(...bodies(raw), ...legs.update(next, at.getTime(), trackOf));
    },
    async keep(raw) {
      if (ended === null) await remember(...bodies(raw));
    },
    firstFrame() {
      void rememberInTime(...legs.audioArrived(clock.now().getTime()));
    },
    end(cause, at) {
      ended ??= end(cause, at);
      return ended;
    },
    fault(message, cause = "fault") {
      if (ended !== null) return ended;
      log.error({ recordingId, message }, "recording failed");
      ended = end(cause, clock.now());
      offer.onEnded?.(message);
      return ended;
    },
  };
}

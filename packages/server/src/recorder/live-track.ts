/**
 * One stream of a running recording: packets come in, in any order; out go frames for the journal and, second by second,
 * what a piece will hold. For each packet it does what cannot wait (order, place, keep); the rest is done per second.
 */
import { createReorder, createTimeline, type Reorder } from "@earwitness/media";
import { codecById, noSound } from "./codecs.ts";
import { lost, type LogEntry } from "./packet-log.ts";

export interface ArrivedPacket {
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker: boolean;
}

export interface LiveTrack {
  /** Media time of arrival. The payload is kept. */
  receive(packet: ArrivedPacket, codec: number, payload: Uint8Array, arrivalMs: number): void;
  /** Entries that are not yet in the journal, if the oldest has waited since before `olderThanMs` (media time). */
  takeFrame(olderThanMs: number): readonly LogEntry[] | null;
  /** Gives up packets that have been waited for long enough; all of them at the end of the call. */
  drain(nowMs: number): void;
  /** Takes the seconds before this one; nothing may be added to them from now on. */
  takeSeconds(before: number): { second: number; entries: LogEntry[] }[];
  /** Loudest sample since the last call, 0…1. */
  takeLevel(): number;
  readonly packets: number;
  readonly lost: number;
}

const maxAheadSeconds = 10;

interface Waiting {
  readonly timestamp: number;
  readonly marker: boolean;
  readonly codec: number;
  readonly payload: Uint8Array;
}

export function createLiveTrack(options: { readonly sampleRate: number; readonly firstSecond: number; readonly level: (codec: number, payload: Uint8Array) => number }): LiveTrack {
  const { sampleRate } = options;
  const timeline = createTimeline({ sampleRate });
  const seconds = new Map<number, LogEntry[]>();
  let reorder: Reorder<Waiting> = newReorder(-1);
  let ssrc = -1;
  let newest = { timestamp: 0, atSample: 0 };
  let pending: LogEntry[] = [];
  let pendingSinceMs = 0;
  let sealedBefore = options.firstSecond;
  let packets = 0;
  let missing = 0;
  let level = 0;

  function newReorder(ofSsrc: number): Reorder<Waiting> {
    return createReorder<Waiting>({
      release(packet, arrivalMs, missed, restarted) {
        const samples = codecById(packet.codec)?.samplesIn(packet.payload.length) ?? 0;
        const { fromSample, gap } = timeline.place({ ssrc: ofSsrc, timestamp: packet.timestamp, samples, arrivalMs, missing: missed, marker: packet.marker, restarted });
        newest = { timestamp: packet.timestamp, atSample: fromSample };
        missing += missed;
        if (gap !== null) keepLoss(gap.fromSample, gap.toSample, arrivalMs);
        if (packet.codec !== noSound) keep({ atSample: fromSample, codec: packet.codec, payload: packet.payload }, arrivalMs);
      },
    });
  }

  function keep(entry: LogEntry, arrivalMs: number): void {
    const second = Math.floor(entry.atSample / sampleRate);
    if (second < sealedBefore) return; // too late: its second is sealed, and says that this was lost
    const entries = seconds.get(second);
    if (entries === undefined) seconds.set(second, [entry]);
    else entries.push(entry);
    if (pending.length === 0) pendingSinceMs = arrivalMs;
    pending.push(entry);
  }

  /** Loss is written down when it shows; a packet that comes late after all takes it back when its second is settled. */
  function keepLoss(from: number, to: number, arrivalMs: number): void {
    for (let at = from; at < to; ) {
      const until = Math.min(to, (Math.floor(at / sampleRate) + 1) * sampleRate);
      keep(lost(at, until - at), arrivalMs);
      at = until;
    }
  }

  return {
    receive(packet, codec, payload, arrivalMs) {
      if (packet.ssrc !== ssrc) {
        // Another source numbers its packets afresh: nothing of the old one's is waited for any more.
        reorder.flush();
        ssrc = packet.ssrc;
        reorder = newReorder(ssrc);
      }
      // Faster than anyone can speak: a sender that is broken or means harm shall not fill the memory.
      if (timeline.endSample !== null && timeline.endSample - (arrivalMs * sampleRate) / 1000 > maxAheadSeconds * sampleRate) return;
      const { timestamp, marker } = packet;
      const became = reorder.push(packet.sequence, { timestamp, marker, codec, payload }, arrivalMs);
      if (became === "duplicate") return;
      if (codec === noSound) {
        if (became === "late") missing -= 1;
        return;
      }
      packets += 1;
      if (became === "late") {
        missing -= 1;
        keep({ atSample: Math.max(0, newest.atSample + ((timestamp - newest.timestamp) | 0)), codec, payload }, arrivalMs);
        return;
      }
      level = Math.max(level, options.level(codec, payload));
    },
    takeFrame(olderThanMs) {
      if (pending.length === 0 || pendingSinceMs > olderThanMs) return null;
      const frame = pending;
      pending = [];
      return frame;
    },
    drain(nowMs) {
      reorder.drain(nowMs);
    },
    takeSeconds(before) {
      sealedBefore = Math.max(sealedBefore, before);
      const taken: { second: number; entries: LogEntry[] }[] = [];
      for (const [second, entries] of seconds) {
        if (second >= before) continue;
        seconds.delete(second);
        taken.push({ second, entries });
      }
      return taken.sort((a, b) => a.second - b.second);
    },
    takeLevel() {
      const loudest = level;
      level = 0;
      return loudest;
    },
    get packets() {
      return packets;
    },
    get lost() {
      return Math.max(0, missing);
    },
  };
}

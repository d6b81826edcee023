/**
 * One stream of a running recording: packets come in, in any order; out go frames for the journal and, second by second,
 * what a piece will hold. For each packet it does what cannot wait (order, place, keep); the rest is done per second.
 */
import type { Gap } from "@earwitness/contract";
import { createLatePlaces, createReorder, createTimeline, type LatePlaces, type Reorder } from "@earwitness/media";
import { comfortNoise, isSound, keyPressEntry, lostEntry } from "./codecs.ts";
import { createLivePresses, type PressPacket } from "./live-presses.ts";
import { lost, samplesOf, type LogEntry } from "./packet-log.ts";
import { createQuiet } from "./quiet.ts";

export interface ArrivedPacket {
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker: boolean;
}

export interface LiveTrack {
  /** Media time of arrival. The payload is kept. `clockRateHz`: what the packet's timestamp counts in. */
  receive(packet: ArrivedPacket, codec: number, payload: Uint8Array, arrivalMs: number, clockRateHz: number): void;
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
  /** Packets that have no place: late ones whose timestamp is false, and what comes faster than anyone can speak. */
  readonly refused: number;
  /** Packets that came, or were read, after their second was sealed. */
  readonly late: number;
  /** What of them no sealed second tells of. */
  readonly gaps: readonly Gap[];
  /** Silences of a second and more that the sender left out on purpose. */
  readonly quiet: readonly { readonly fromMs: number; readonly toMs: number | null }[];
}

const maxAheadSeconds = 10;
/** So many packets that overtook each other at the beginning still find their place. */
const maxBeforeFirst = 100;

interface Waiting {
  readonly sequence: number;
  /** In samples of the track, and like a clock that began anywhere. */
  readonly timestamp: number;
  readonly marker: boolean;
  readonly codec: number;
  readonly payload: Uint8Array;
  readonly press: PressPacket | null;
}

export function createLiveTrack(options: { readonly sampleRate: number; readonly firstSecond: number; readonly level: (codec: number, payload: Uint8Array) => number }): LiveTrack {
  const { sampleRate } = options;
  const timeline = createTimeline({ sampleRate });
  const presses = createLivePresses({ sampleRate, sealedBefore: () => sealedBefore, keep });
  const quiet = createQuiet(sampleRate);
  const seconds = new Map<number, LogEntry[]>();
  const tooLate: { fromSample: number; toSample: number; reason: "late" | "loss" }[] = [];
  let reorder: Reorder<Waiting> = newReorder(-1);
  let latePlaces: LatePlaces = createLatePlaces();
  let ssrc = -1;
  let clock = 0;
  const newest = { timestamp: 0, atSample: 0, samples: 0, arrivalMs: 0 };
  /** A key was pressed on the stream: until then no packet of speech has to ask. */
  let hasPresses = false;
  /** Where the numbering of the present packets begins; null before. */
  let firstSample: number | null = null;
  /** Packets that are missing before others than speech, and may have been speech. */
  let owed = 0;
  /** The last that came was comfort noise. */
  let isNoisy = false;
  let pending: LogEntry[] = [];
  let pendingSinceMs = 0;
  let sealedBefore = options.firstSecond;
  let packets = 0;
  let missing = 0;
  let refused = 0;
  let late = 0;
  let level = 0;

  function newReorder(ofSource: number): Reorder<Waiting> {
    return createReorder<Waiting>({
      release(packet, arrivalMs, missed, restarted) {
        if (isSound(packet.codec) || packet.codec === comfortNoise) place(ofSource, packet, arrivalMs, missed, restarted);
        else if (packet.press !== null) {
          hasPresses = true;
          const atSample = newest.samples === 0 ? null : newest.atSample + ((packet.timestamp - newest.timestamp) | 0);
          const fromSample = presses.receive(packet.press, arrivalMs, packet.press.clockRateHz === clock ? atSample : null, arrivalSample(arrivalMs));
          if (missed > 0) owed += presses.speechAmong(missed, timeline.endSample === null || newest.samples === 0 ? 0 : (fromSample - timeline.endSample) / newest.samples);
        } else owed += missed;
      },
    });
  }

  /** Where on the timeline something lies that comes now. */
  const arrivalSample = (arrivalMs: number): number => Math.max(0, Math.round(newest.samples === 0 ? (arrivalMs * sampleRate) / 1000 : newest.atSample + ((arrivalMs - newest.arrivalMs) * sampleRate) / 1000));

  function place(ofSource: number, packet: Waiting, arrivalMs: number, missed: number, restarted: boolean): void {
    const hasSound = isSound(packet.codec);
    const samples = hasSound ? samplesOf({ atSample: 0, codec: packet.codec, payload: packet.payload }, sampleRate) : 0;
    const before = timeline.endSample;
    const gone = (hasPresses ? presses.speechAfter(missed) : missed) + owed;
    owed = 0;
    const { fromSample, gap, anchored } = timeline.place({ ssrc: ofSource, timestamp: packet.timestamp, samples, arrivalMs, missing: gone, marker: packet.marker, restarted });
    newest.timestamp = packet.timestamp;
    newest.atSample = fromSample;
    newest.samples = samples || newest.samples;
    newest.arrivalMs = arrivalMs;
    missing += gone;
    if (firstSample === null || restarted) {
      firstSample = fromSample;
      latePlaces = createLatePlaces();
      const room = samples === 0 ? 0 : Math.min(maxBeforeFirst, Math.floor((fromSample - (before ?? 0)) / samples));
      latePlaces.add(packet.sequence, room, fromSample - room * samples, fromSample);
    } else if (missed > 0) latePlaces.add(packet.sequence, missed, before ?? 0, fromSample);
    if (gap !== null) keepLoss(gap.fromSample, gap.toSample, arrivalMs);
    // The sender had nothing to say: nothing is missing in the sequence and its clock went on, or it sent comfort noise before.
    if (before !== null && fromSample > before && (isNoisy || (!anchored && gone === 0 && !restarted))) quiet.add(gap?.toSample ?? before, fromSample);
    if (!hasSound) quiet.open(fromSample);
    else if (isNoisy) quiet.close();
    isNoisy = !hasSound;
    if (hasSound) keep({ atSample: fromSample, codec: packet.codec, payload: packet.payload }, arrivalMs);
  }

  function keep(entry: LogEntry, arrivalMs: number): void {
    const second = Math.floor(entry.atSample / sampleRate);
    if (second < sealedBefore) return missedItsSecond(entry);
    const entries = seconds.get(second);
    if (entries === undefined) seconds.set(second, [entry]);
    else entries.push(entry);
    if (pending.length === 0) pendingSinceMs = arrivalMs;
    pending.push(entry);
  }

  /** In order, but read when its second was sealed: nothing else would say that it is missing. */
  function missedItsSecond(entry: LogEntry): void {
    const reason = entry.codec === lostEntry ? "loss" : "late";
    if (reason === "late") late += 1;
    const toSample = entry.atSample + samplesOf(entry, sampleRate);
    const last = tooLate.at(-1);
    if (last !== undefined && last.reason === reason && last.toSample === entry.atSample) last.toSample = toSample;
    else tooLate.push({ fromSample: entry.atSample, toSample, reason });
  }

  /** Loss is written down when it shows; a packet that comes late after all takes it back when its second is settled. */
  function keepLoss(from: number, to: number, arrivalMs: number): void {
    for (let at = from; at < to; ) {
      const until = Math.min(to, (Math.floor(at / sampleRate) + 1) * sampleRate);
      keep(lost(at, until - at), arrivalMs);
      at = until;
    }
  }

  /** It was waited for and given up; the sequence says where it belongs. */
  function receiveLate(packet: Waiting, arrivalMs: number): void {
    const { sequence, codec, payload } = packet;
    const samples = samplesOf({ atSample: 0, codec, payload }, sampleRate);
    const atSample = latePlaces.take(sequence, samples, newest.atSample + ((packet.timestamp - newest.timestamp) | 0));
    if (atSample === null) {
      refused += 1;
      return;
    }
    // A second that is sealed says already that this was lost.
    if (Math.floor(atSample / sampleRate) < sealedBefore) {
      late += 1;
      return;
    }
    packets += 1;
    if (firstSample !== null && atSample >= firstSample) missing -= 1;
    keep({ atSample, codec, payload }, arrivalMs);
  }

  return {
    receive({ sequence, timestamp: rtpTimestamp, ssrc: source, marker }, codec, payload, arrivalMs, clockRateHz) {
      const counts = isSound(codec) ? clockRateHz : clock || clockRateHz;
      if (source !== ssrc || counts !== clock) {
        // Another source numbers its packets afresh, and another clock its time: nothing of the old one's is waited for any more.
        reorder.flush();
        ssrc = source;
        clock = counts;
        reorder = newReorder(ssrc + clock * 0x1_0000_0000);
        firstSample = null;
      }
      // Faster than anyone can speak: a sender that is broken or means harm shall not fill the memory.
      if (timeline.endSample !== null && timeline.endSample - (arrivalMs * sampleRate) / 1000 > maxAheadSeconds * sampleRate) {
        refused += 1;
        return;
      }
      // Wraps as the packet's own does, where the track's rate is a multiple of the clock's; else once in a day it is placed by its arrival.
      const factor = sampleRate / clockRateHz;
      const timestamp = (Number.isInteger(factor) ? Math.imul(rtpTimestamp, factor) : Math.floor(rtpTimestamp * factor)) >>> 0;
      const press = codec === keyPressEntry ? { rtpTimestamp, marker, clockRateHz, payload } : null;
      const packet: Waiting = { sequence, timestamp, marker, codec, payload, press };
      const became = reorder.push(sequence, packet, arrivalMs);
      if (became === "duplicate" || !isSound(codec)) return;
      if (became === "late") return receiveLate(packet, arrivalMs);
      packets += 1;
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
      if (hasPresses) presses.drain(nowMs);
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
    get quiet() {
      return quiet.spans();
    },
    get gaps() {
      const ms = (samples: number): number => (samples * 1000) / sampleRate;
      return tooLate.map(({ fromSample, toSample, reason }) => ({ fromMs: Math.floor(ms(fromSample)), toMs: Math.ceil(ms(toSample)), reason }));
    },
    get packets() {
      return packets;
    },
    get lost() {
      return Math.max(0, missing);
    },
    get refused() {
      return refused;
    },
    get late() {
      return late;
    },
  };
}

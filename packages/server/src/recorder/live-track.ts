/**
 * One stream of a running recording: packets come in, in any order; out go frames for the journal and, second by second,
 * what a piece will hold. For each packet it does what cannot wait (order, place, keep); the rest is done per second.
 * What comes is lent for the call: a packet in order is copied once, to where its second is sealed from.
 */
import type { Gap } from "@earwitness/contract";
import { createLatePlaces, createReorder, createTimeline, type LatePlaces, type Reorder } from "@earwitness/media";
import { comfortNoise, isSound, keyPressEntry, lostEntry } from "./codecs.ts";
import { createLivePresses } from "./live-presses.ts";
import { lost, samplesOf, samplesOfSound, type LogEntry } from "./packet-log.ts";
import type { LevelMeter } from "./pcm.ts";
import { createQuiet } from "./quiet.ts";
import { SecondLog } from "./second-log.ts";

export interface ArrivedPacket {
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker: boolean;
}

export interface LiveTrack {
  /** Media time of arrival. The payload are `length` bytes from `from` on. `clockRateHz`: what the packet's timestamp counts in. */
  receive(packet: ArrivedPacket, codec: number, bytes: Uint8Array, from: number, length: number, arrivalMs: number, clockRateHz: number): void;
  /** What is not yet in the journal, if the oldest has waited since before `olderThanMs` (media time). Its log is lent until the next call, of any track. */
  takeFrame(olderThanMs: number): Frame | null;
  /** Whether something of the seconds before this one is not yet in the journal. */
  hasUnframed(before: number): boolean;
  /** Gives up packets that have been waited for long enough; all of them at the end of the call. */
  drain(nowMs: number): void;
  /** Takes the seconds before this one, in order; nothing may be added to them from now on. */
  takeSeconds(before: number): SecondLog[];
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

/** Of the entries of one frame. */
export interface Frame {
  readonly firstSample: number;
  readonly lastSample: number;
  /** A packet log that counts from the second of the first sample on. */
  readonly log: Buffer;
}

const maxAheadSeconds = 10;
/** So many packets that overtook each other at the beginning still find their place. */
const maxBeforeFirst = 100;

/** A packet on its way to its place. One is used for all that come in order; those that have to wait are copied. */
interface Waiting {
  sequence: number;
  /** In samples of the track, and like a clock that began anywhere. */
  timestamp: number;
  /** As it came, in `clockRateHz`. */
  rtpTimestamp: number;
  clockRateHz: number;
  marker: boolean;
  codec: number;
  /** The payload: so many bytes from `from` on. */
  bytes: Uint8Array;
  from: number;
  length: number;
}

const payloadOf = ({ bytes, from, length }: Waiting): Uint8Array => bytes.subarray(from, from + length);
const copyOf = (packet: Waiting): Waiting => ({ ...packet, bytes: Uint8Array.from(payloadOf(packet)), from: 0 });

const none = new Uint8Array(0);
/** The frame that was taken last; one for all tracks of the thread. */
let lent = Buffer.allocUnsafeSlow(16 * 1024);

export function createLiveTrack(options: { readonly sampleRate: number; readonly firstSecond: number; readonly level: LevelMeter }): LiveTrack {
  const { sampleRate } = options;
  const timeline = createTimeline({ sampleRate });
  const presses = createLivePresses({ sampleRate, sealedBefore: () => sealedBefore, keep: keepEntry });
  const quiet = createQuiet(sampleRate);
  const seconds = new Map<number, SecondLog>();
  /** The one that was added to last. */
  let current: SecondLog | null = null;
  const arrived: Waiting = { sequence: 0, timestamp: 0, rtpTimestamp: 0, clockRateHz: 0, marker: false, codec: 0, bytes: none, from: 0, length: 0 };
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
  /** What is in no frame yet: where its first and its last entry lie, and since when it waits. */
  const unframed = { firstSample: Infinity, lastSample: 0, sinceMs: 0 };
  let sealedBefore = options.firstSecond;
  let packets = 0;
  let missing = 0;
  let refused = 0;
  let late = 0;
  let level = 0;

  function newReorder(ofSource: number): Reorder<Waiting> {
    return createReorder<Waiting>({
      keep: copyOf,
      release(packet, arrivalMs, missed, restarted) {
        if (isSound(packet.codec) || packet.codec === comfortNoise) place(ofSource, packet, arrivalMs, missed, restarted);
        else if (packet.codec === keyPressEntry) {
          hasPresses = true;
          const { rtpTimestamp, marker, clockRateHz } = packet;
          const atSample = newest.samples === 0 ? null : newest.atSample + ((packet.timestamp - newest.timestamp) | 0);
          const fromSample = presses.receive({ rtpTimestamp, marker, clockRateHz, payload: payloadOf(packet) }, arrivalMs, clockRateHz === clock ? atSample : null, arrivalSample(arrivalMs));
          if (missed > 0) owed += presses.speechAmong(missed, timeline.endSample === null || newest.samples === 0 ? 0 : (fromSample - timeline.endSample) / newest.samples);
        } else owed += missed;
      },
    });
  }

  /** Where on the timeline something lies that comes now. */
  const arrivalSample = (arrivalMs: number): number => Math.max(0, Math.round(newest.samples === 0 ? (arrivalMs * sampleRate) / 1000 : newest.atSample + ((arrivalMs - newest.arrivalMs) * sampleRate) / 1000));

  function place(ofSource: number, packet: Waiting, arrivalMs: number, missed: number, restarted: boolean): void {
    const hasSound = isSound(packet.codec);
    const samples = hasSound ? samplesIn(packet) : 0;
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
    if (hasSound) keep(fromSample, packet.codec, packet.bytes, packet.from, packet.length, arrivalMs);
  }

  const samplesIn = ({ codec, bytes, from, length }: Waiting): number => samplesOfSound(codec, bytes, from, length, sampleRate);

  function keep(atSample: number, codec: number, bytes: Uint8Array, from: number, length: number, arrivalMs: number): void {
    const second = Math.floor(atSample / sampleRate);
    if (second < sealedBefore) return missedItsSecond({ atSample, codec, payload: bytes.subarray(from, from + length) });
    if (current?.second !== second) {
      current = seconds.get(second) ?? new SecondLog(second, sampleRate);
      seconds.set(second, current);
    }
    current.add(atSample, codec, bytes, from, length);
    if (unframed.firstSample === Infinity) unframed.sinceMs = arrivalMs;
    if (atSample < unframed.firstSample) unframed.firstSample = atSample;
    if (atSample > unframed.lastSample) unframed.lastSample = atSample;
  }

  function keepEntry({ atSample, codec, payload }: LogEntry, arrivalMs: number): void {
    keep(atSample, codec, payload, 0, payload.length, arrivalMs);
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
      keepEntry(lost(at, until - at), arrivalMs);
      at = until;
    }
  }

  /** It was waited for and given up; the sequence says where it belongs. */
  function receiveLate(packet: Waiting, arrivalMs: number): void {
    const atSample = latePlaces.take(packet.sequence, samplesIn(packet), newest.atSample + ((packet.timestamp - newest.timestamp) | 0));
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
    keep(atSample, packet.codec, packet.bytes, packet.from, packet.length, arrivalMs);
  }

  return {
    receive({ sequence, timestamp, ssrc: source, marker }, codec, bytes, from, length, arrivalMs, clockRateHz) {
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
      arrived.timestamp = (Number.isInteger(factor) ? Math.imul(timestamp, factor) : Math.floor(timestamp * factor)) >>> 0;
      arrived.rtpTimestamp = timestamp;
      arrived.clockRateHz = clockRateHz;
      arrived.sequence = sequence;
      arrived.marker = marker;
      arrived.codec = codec;
      arrived.bytes = bytes;
      arrived.from = from;
      arrived.length = length;
      const became = reorder.push(sequence, arrived, arrivalMs);
      if (became === "duplicate" || !isSound(codec)) return;
      if (became === "late") return receiveLate(arrived, arrivalMs);
      packets += 1;
      level = Math.max(level, options.level(codec, bytes, from, length));
    },
    takeFrame(olderThanMs) {
      const { firstSample, lastSample, sinceMs } = unframed;
      if (firstSample === Infinity || sinceMs > olderThanMs) return null;
      unframed.firstSample = Infinity;
      unframed.lastSample = 0;
      const waiting = [...seconds.values()].filter((log) => log.hasUnframed);
      const length = waiting.reduce((sum, log) => sum + log.unframedBytes, 0);
      if (length > lent.length) lent = Buffer.allocUnsafeSlow(2 * length);
      const baseSample = Math.floor(firstSample / sampleRate) * sampleRate;
      let end = 0;
      for (const log of waiting) end = log.copyUnframed(lent, end, baseSample);
      return { firstSample, lastSample, log: lent.subarray(0, end) };
    },
    hasUnframed: (before) => Math.floor(unframed.firstSample / sampleRate) < before,
    drain(nowMs) {
      reorder.drain(nowMs);
      if (hasPresses) presses.drain(nowMs);
    },
    takeSeconds(before) {
      sealedBefore = Math.max(sealedBefore, before);
      const taken: SecondLog[] = [];
      for (const log of seconds.values()) if (log.second < before) taken.push(log);
      for (const { second } of taken) seconds.delete(second);
      if (current !== null && current.second < before) current = null;
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

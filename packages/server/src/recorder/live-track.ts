/**
 * One stream of a running recording: packets come in, in any order; out go frames for the journal and, second by second,
 * what a piece will hold. For each packet it does what cannot wait (order, place, keep); the rest is done per second.
 */
import { createReorder, createTimeline, type Reorder } from "@earwitness/media";
import { isSound, keyPressEntry } from "./codecs.ts";
import { keyPress, lost, samplesOf, type LogEntry } from "./packet-log.ts";

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
  /** Silences of a second and more that the sender left out on purpose. */
  readonly quiet: readonly { readonly fromMs: number; readonly toMs: number }[];
}

const maxAheadSeconds = 10;

/** Shorter pauses are how people speak. */
const leastQuietMs = 1_000;
/** A key whose end got lost is over when nothing more is heard of it. */
const pressEndsMs = 400;

interface Press {
  /** As it came; all packets of one press carry it. */
  readonly timestamp: number;
  readonly event: number;
  readonly atSample: number;
  durationMs: number;
  heardMs: number;
  ended: boolean;
}

interface Waiting {
  /** In samples of the track, and like a clock that began anywhere. */
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
  let clock = 0;
  let press: Press | null = null;
  const quiet: { fromMs: number; toMs: number }[] = [];
  let quietFrom: number | null = null;
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
        const samples = isSound(packet.codec) ? samplesOf({ atSample: 0, codec: packet.codec, payload: packet.payload }, sampleRate) : 0;
        const before = timeline.endSample;
        const { fromSample, gap, anchored } = timeline.place({ ssrc: ofSsrc, timestamp: packet.timestamp, samples, arrivalMs, missing: missed, marker: packet.marker, restarted });
        newest = { timestamp: packet.timestamp, atSample: fromSample };
        missing += missed;
        if (gap !== null) keepLoss(gap.fromSample, gap.toSample, arrivalMs);
        // Nothing is missing in the sequence and the sender's clock went on: it had nothing to send.
        if (before !== null && !anchored && missed === 0 && !restarted) noteQuiet(before, fromSample, samples > 0);
        if (isSound(packet.codec)) keep({ atSample: fromSample, codec: packet.codec, payload: packet.payload }, arrivalMs);
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

  /** Comfort noise comes in between: a silence lasts until there is sound. */
  function noteQuiet(from: number, to: number, isOver: boolean): void {
    if (to > from) quietFrom ??= from;
    if (quietFrom !== null && ((to - quietFrom) * 1000) / sampleRate >= leastQuietMs) {
      const span = { fromMs: Math.floor((quietFrom * 1000) / sampleRate), toMs: Math.ceil((to * 1000) / sampleRate) };
      if (quiet.at(-1)?.fromMs === span.fromMs) quiet.pop();
      quiet.push(span);
    }
    if (isOver) quietFrom = null;
  }

  /** Every packet of a press says how long it lasts so far, the last one thrice (RFC 4733 §2.5.1.4); a long one goes on under another timestamp. */
  function receivePress(timestamp: number, payload: Uint8Array, arrivalMs: number, clockRateHz: number): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const [event, ends, durationMs] = [view.getUint8(0), view.getUint8(1) >= 0x80, (view.getUint16(2) * 1000) / clockRateHz];
    if (press?.timestamp !== timestamp) {
      keepPress(arrivalMs);
      const ticks = (timestamp * (sampleRate / clockRateHz)) | 0;
      const atSample = packets > 0 ? newest.atSample + ((ticks - newest.timestamp) | 0) : Math.round((arrivalMs * sampleRate) / 1000);
      press = { timestamp, event, atSample: Math.max(0, atSample), durationMs, heardMs: arrivalMs, ended: false };
    }
    press.durationMs = Math.max(press.durationMs, durationMs);
    press.heardMs = arrivalMs;
    if (ends && !press.ended) {
      keepPress(arrivalMs);
      press.ended = true; // its repetitions are still on their way
    }
  }

  function keepPress(arrivalMs: number): void {
    if (press !== null && !press.ended) keep(keyPress(press.atSample, press.event, press.durationMs), arrivalMs);
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
    receive(packet, codec, payload, arrivalMs, clockRateHz) {
      const counts = isSound(codec) ? clockRateHz : clock || clockRateHz;
      if (packet.ssrc !== ssrc || counts !== clock) {
        // Another source numbers its packets afresh, and another clock its time: nothing of the old one's is waited for any more.
        reorder.flush();
        ssrc = packet.ssrc;
        clock = counts;
        reorder = newReorder(ssrc + clock * 0x1_0000_0000);
      }
      // Faster than anyone can speak: a sender that is broken or means harm shall not fill the memory.
      if (timeline.endSample !== null && timeline.endSample - (arrivalMs * sampleRate) / 1000 > maxAheadSeconds * sampleRate) return;
      const { marker } = packet;
      // Wraps as the packet's own does, where the track's rate is a multiple of the clock's; else once in a day it is placed by its arrival.
      const factor = sampleRate / clockRateHz;
      const timestamp = (Number.isInteger(factor) ? Math.imul(packet.timestamp, factor) : Math.floor(packet.timestamp * factor)) >>> 0;
      const became = reorder.push(packet.sequence, { timestamp, marker, codec, payload }, arrivalMs);
      if (became === "duplicate") return;
      if (!isSound(codec)) {
        if (became === "late") missing -= 1;
        if (codec === keyPressEntry && payload.length >= 4) receivePress(packet.timestamp, payload, arrivalMs, clockRateHz);
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
      if (press !== null && nowMs - press.heardMs > pressEndsMs) {
        keepPress(nowMs === Infinity ? press.heardMs : nowMs);
        press = null;
      }
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
    quiet,
    get packets() {
      return packets;
    },
    get lost() {
      return Math.max(0, missing);
    },
  };
}

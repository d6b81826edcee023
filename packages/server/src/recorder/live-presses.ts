/**
 * Keys that are pressed while a stream runs (RFC 4733): where each lies, when it is written down, and which of the packets
 * that are missing beside it were speech. Packets come in the order of their sequence.
 */
import { createPressFollower, readTelephoneEvent, type Press } from "@earwitness/media";
import { keyPress, type LogEntry } from "./packet-log.ts";

export interface PressPacket {
  readonly rtpTimestamp: number;
  readonly marker: boolean;
  readonly clockRateHz: number;
  readonly payload: Uint8Array;
}

export interface LivePresses {
  /** `byClock`: where its timestamp puts it; null where that is not to be compared with the speech's. Answers where the press begins. */
  receive(packet: PressPacket, arrivalMs: number, byClock: number | null, byArrival: number): number;
  /** Of the packets missing before the one just received; `room`: packets of speech that fit before the press. */
  speechAmong(missed: number, room: number): number;
  /** Of the packets missing before a packet of speech. */
  speechAfter(missed: number): number;
  /** Writes down a press of which nothing more is heard. */
  drain(nowMs: number): void;
}

/** A key whose end got lost is over when nothing more is heard of it. */
const pressEndsMs = 400;
/** So often it is written down while it lasts: no more of its length is lost in a crash. */
const tellMs = 1_000;
/** A timestamp that is further off its arrival is not believed. */
const believedMs = 1_000;
/** The end of a press is said in so many packets. */
const endPackets = 3;

export function createLivePresses({ sampleRate, sealedBefore, keep }: { readonly sampleRate: number; readonly sealedBefore: () => number; readonly keep: (entry: LogEntry, arrivalMs: number) => void }): LivePresses {
  const follower = createPressFollower();
  let press: Press | null = null;
  let fromSample = 0;
  let heardMs = 0;
  /** As it was written down last. */
  let toldMs = 0;
  /** The packet just received told of the press before, not of another. */
  let isSame = false;
  /** No speech came since. */
  let wasLast = false;
  /** The sender goes on speaking, or sending silence, while the key is down. */
  let spoke = false;

  function tell(arrivalMs: number): void {
    if (press === null) return;
    toldMs = press.durationMs;
    const sealed = sealedBefore() * sampleRate;
    // Its second may be sealed by now: then it lies where the recording is, and says how long ago it began.
    const atSample = fromSample >= sealed ? fromSample : Math.max(sealed, fromSample, Math.round((arrivalMs * sampleRate) / 1000));
    keep(keyPress(atSample, press.event, press.durationMs, atSample - fromSample), arrivalMs);
  }

  return {
    receive(packet, arrivalMs, byClock, byArrival) {
      const told = readTelephoneEvent(packet.payload);
      if (told === null) return byArrival;
      const last = press;
      const wasOver = last !== null && last.ends > 0;
      const now = follower.receive({ timestamp: packet.rtpTimestamp, marker: packet.marker, arrivalMs, clockRateHz: packet.clockRateHz }, told);
      isSame = now === last;
      wasLast = true;
      if (now !== last) {
        if (last !== null && !wasOver && last.durationMs > toldMs) tell(heardMs);
        press = now;
        spoke = false;
        const began = Math.max(0, byArrival - Math.round((now.durationMs * sampleRate) / 1000));
        fromSample = byClock !== null && Math.abs(byClock - began) <= (believedMs * sampleRate) / 1000 ? Math.max(0, byClock) : began;
        heardMs = arrivalMs;
        tell(arrivalMs);
        return fromSample;
      }
      heardMs = arrivalMs;
      const isOver = now.ends > 0 && !wasOver;
      if ((isOver && now.durationMs > toldMs) || now.durationMs - toldMs >= tellMs) tell(arrivalMs);
      return fromSample;
    },
    speechAmong(missed, room) {
      // While a key is down speech is only missing where the sender goes on speaking; before that, as much as there is room for.
      if (isSame) return spoke ? missed : 0;
      return Math.min(missed, Math.max(0, Math.round(room)));
    },
    speechAfter(missed) {
      const untold = press !== null && wasLast ? Math.max(0, endPackets - press.ends) : 0;
      wasLast = false;
      spoke = true;
      return Math.max(0, missed - untold);
    },
    drain(nowMs) {
      if (press === null || nowMs - heardMs <= pressEndsMs) return;
      if (press.durationMs > toldMs) tell(heardMs);
    },
  };
}

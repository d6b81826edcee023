/** Keys pressed on a telephone, and other named events, as RTP carries them (RFC 4733). */

export interface TelephoneEvent {
  /** Number of RFC 4733 table 3 for keys: 0 … 15. */
  readonly event: number;
  /** Said with the last packets of an event. */
  readonly ends: boolean;
  /** How long it lasts so far, in ticks of its clock: 16 bits, so no more than 8.19 s of 8000 Hz. */
  readonly duration: number;
}

/** The first event of a payload (several may come in one packet, §2.5.1.5); null where it is too short to hold one. */
export function readTelephoneEvent(payload: Uint8Array): TelephoneEvent | null {
  const [event, flags, high, low] = payload;
  if (event === undefined || flags === undefined || high === undefined || low === undefined) return null;
  return { event, ends: flags >= 0x80, duration: high * 256 + low };
}

/** One pressing of one key, whatever number of packets and segments told of it. */
export interface Press {
  readonly event: number;
  /** Of its beginning, as it came. */
  readonly timestamp: number;
  readonly durationMs: number;
  /** How often its end was said: thrice, where nothing is lost (§2.5.1.4). */
  readonly ends: number;
}

export interface PressFollower {
  /** A packet in the order of its sequence number; answers the press that it tells of, the same object until another begins. */
  receive(packet: { readonly timestamp: number; readonly marker: boolean; readonly arrivalMs: number; readonly clockRateHz: number }, told: TelephoneEvent): Press;
}

const MAX_DURATION = 0xffff;
/** So many segments in a row may have been lost whole: a minute and more. */
const MAX_LOST_SEGMENTS = 8;
/** A sender that stays at the longest duration is believed to go on only when it does so for longer than a network delays. */
const SATURATED_MS = 200;

export function createPressFollower(): PressFollower {
  let press: { event: number; timestamp: number; durationMs: number; ends: number } | null = null;
  let firstArrivalMs = 0;
  let segment = { timestamp: 0, ticks: 0 };
  /** Ticks of the segments before. */
  let ticksBefore = 0;

  function goesOn({ timestamp, marker }: { timestamp: number; marker: boolean }, told: TelephoneEvent): boolean {
    if (press === null || told.event !== press.event) return false;
    if (timestamp === segment.timestamp) return true;
    if (press.ends > 0 || marker) return false;
    // A key held for longer than 16 bits goes on under another timestamp, which continues where the segment before was full (§2.5.1.3).
    const step = (timestamp - segment.timestamp) >>> 0;
    const isFull = step === 0x1_0000 || (step % MAX_DURATION === 0 && step <= MAX_DURATION * MAX_LOST_SEGMENTS);
    return step > 0 && (isFull || step === segment.ticks);
  }

  return {
    receive(packet, told) {
      const { timestamp, arrivalMs, clockRateHz } = packet;
      if (press === null || !goesOn(packet, told)) {
        press = { event: told.event, timestamp, durationMs: 0, ends: 0 };
        segment = { timestamp, ticks: told.duration };
        ticksBefore = 0;
        firstArrivalMs = arrivalMs - (told.duration * 1000) / clockRateHz;
      } else if (timestamp === segment.timestamp) {
        segment.ticks = longer(segment.ticks, told.duration);
      } else {
        ticksBefore += (timestamp - segment.timestamp) >>> 0;
        segment = { timestamp, ticks: told.duration };
      }
      const heardMs = arrivalMs - firstArrivalMs;
      const toldMs = ((ticksBefore + segment.ticks) * 1000) / clockRateHz;
      const isSaturated = told.duration === MAX_DURATION && heardMs - toldMs > SATURATED_MS;
      press.durationMs = Math.max(press.durationMs, isSaturated ? heardMs : toldMs);
      if (told.ends) press.ends += 1;
      return press;
    },
  };
}

/** Some senders let the 16 bits wrap instead of beginning another segment. */
function longer(ticks: number, duration: number): number {
  const low = ticks & 0xffff;
  if (duration >= low) return ticks + duration - low;
  return low >= 0xc000 && duration < 0x4000 ? ticks + duration + 0x1_0000 - low : ticks;
}

/** Reception statistics of one SSRC (RFC 3550 A.1, A.3, A.8), for receiver reports and for the recording's own figures. */
import type { ReportBlock } from "./rtcp.ts";

export interface Reception {
  /**
   * One packet, in the order of arrival; answers its sequence number extended over wraps. The count begins in the second
   * cycle, so that a packet from before the first one has a number too. `timestamp` null: it is not the clock of the moment
   * (a key press carries that of its beginning) and says nothing of jitter.
   */
  receive(sequence: number, timestamp: number | null, arrivalMs: number): number;
  senderReport(ntpSeconds: number, ntpFraction: number, arrivalMs: number): void;
  /** Highest extended sequence number; null before the first packet. */
  readonly highest: number | null;
  readonly received: number;
  readonly expected: number;
  /** Signed: duplicates count as received. Over all restarts of the sender. */
  readonly lost: number;
  /** In milliseconds, smoothed over 16 packets. */
  readonly jitterMs: number;
  /** The next report's block; the fraction counts from the block before. */
  report(nowMs: number): ReportBlock;
}

const WRAP = 0x1_0000;
/** A forward jump of a minute of 20 ms packets, or a step back of two seconds, may be a sender that began again (A.1). */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
/** A larger step between the clocks is a new beginning, not jitter. */
const MAX_JITTER_STEP_S = 10;

/** Probation is left out: a recorder must not lose the first packet of a real source; sources are checked elsewhere. */
export function createReception({ ssrc, clockRateHz }: { ssrc: number; clockRateHz: number }): Reception {
  let first = -1;
  let highest = -1;
  let received = 0;
  /** Sums of the runs before the last restart. */
  let expectedBefore = 0;
  let receivedBefore = 0;
  /** A far-off number has to be followed by its successor before it is believed (A.1). */
  let awaited = -1;
  let transit: number | null = null;
  let jitter = 0;
  let reportedExpected = 0;
  let reportedReceived = 0;
  let lastSenderReport = 0;
  let lastSenderReportMs = 0;

  function restart(sequence: number): number {
    expectedBefore += highest < 0 ? 0 : highest - first + 1;
    receivedBefore += received;
    received = 0;
    // Extended numbers go on rising, so that whoever orders by them never sees the past again.
    const base = highest < 0 ? WRAP : (Math.floor(highest / WRAP) + 1) * WRAP;
    first = base + sequence;
    highest = first;
    awaited = -1;
    transit = null;
    return first;
  }

  function extend(sequence: number): number {
    if (highest < 0) return restart(sequence);
    const step = ((sequence - highest) << 16) >> 16; // the shorter way round
    if (step > MAX_DROPOUT || step < -MAX_MISORDER) {
      if (sequence === awaited) return restart(sequence);
      awaited = (sequence + 1) % WRAP;
      return highest + step;
    }
    awaited = -1;
    const extended = highest + step;
    highest = Math.max(highest, extended);
    return extended;
  }

  const expectedNow = (): number => expectedBefore + (highest < 0 ? 0 : highest - first + 1);
  const receivedNow = (): number => receivedBefore + received;

  return {
    receive(sequence, timestamp, arrivalMs) {
      const extended = extend(sequence);
      received += 1;
      if (timestamp === null) return extended;
      const arrival = (arrivalMs * clockRateHz) / 1000;
      const newTransit = arrival - timestamp;
      if (transit !== null) {
        // Timestamps wrap: the difference is brought near zero, as 32-bit arithmetic would.
        const difference = Math.abs(wrapDifference(newTransit - transit));
        if (difference < MAX_JITTER_STEP_S * clockRateHz) jitter += (difference - jitter) / 16;
      }
      transit = newTransit;
      return extended;
    },
    senderReport(ntpSeconds, ntpFraction, arrivalMs) {
      lastSenderReport = ((ntpSeconds & 0xffff) * WRAP + (ntpFraction >>> 16)) >>> 0;
      lastSenderReportMs = arrivalMs;
    },
    get highest() {
      return highest < 0 ? null : highest;
    },
    get received() {
      return receivedNow();
    },
    get expected() {
      return expectedNow();
    },
    get lost() {
      return expectedNow() - receivedNow();
    },
    get jitterMs() {
      return (jitter * 1000) / clockRateHz;
    },
    report(nowMs) {
      const expectedInterval = expectedNow() - reportedExpected;
      const lostInterval = expectedInterval - (receivedNow() - reportedReceived);
      reportedExpected = expectedNow();
      reportedReceived = receivedNow();
      const fraction = expectedInterval <= 0 || lostInterval <= 0 ? 0 : Math.floor((lostInterval * 256) / expectedInterval);
      return {
        ssrc,
        fractionLost: Math.min(255, fraction),
        cumulativeLost: expectedNow() - receivedNow(),
        extendedSequence: Math.max(0, highest - WRAP) >>> 0,
        jitter: Math.floor(jitter) >>> 0,
        lastSenderReport,
        delaySinceLastSenderReport:
          lastSenderReport === 0 ? 0 : Math.min(0xffff_ffff, Math.max(0, Math.round(((nowMs - lastSenderReportMs) * WRAP) / 1000))),
      };
    },
  };
}

const TIMESTAMP_WRAP = 2 ** 32;

function wrapDifference(difference: number): number {
  return difference - TIMESTAMP_WRAP * Math.round(difference / TIMESTAMP_WRAP);
}

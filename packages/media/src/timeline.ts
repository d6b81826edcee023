/**
 * Where on a recording's timeline each packet of a stream belongs, counted in samples from the recording's beginning.
 *
 * Inside a stream the sender's own clock (the RTP timestamp) is the truth: it alone is free of the network's jitter. Where
 * it cannot be trusted (another source, a jump, a clock that stood still during hold) the packet's arrival is.
 */

export interface TimelineOptions {
  readonly sampleRate: number;
  /** Of the RTP timestamp, where it differs from the sample rate. */
  readonly clockRateHz?: number;
  /** How far clock and arrival may disagree before the clock is no longer believed. */
  readonly toleranceMs?: number;
}

/** Packets come in the order of their sequence numbers, as `createReorder` releases them. */
export interface PacketToPlace {
  readonly ssrc: number;
  readonly timestamp: number;
  /** 0 for a packet without audio of its own, such as a telephone event. */
  readonly samples: number;
  /** From the recording's beginning. */
  readonly arrivalMs: number;
  /** Packets lost just before this one. */
  readonly missing: number;
  readonly marker?: boolean;
  /** Its sequence number has nothing to do with those before. */
  readonly restarted?: boolean;
}

export interface Placement {
  readonly fromSample: number;
  /**
   * What the missing packets before this one would have filled, as long as this packet, but never more than there is room.
   * Null where nothing was lost; silence that the sender did not send is no gap.
   */
  readonly gap: { readonly fromSample: number; readonly toSample: number } | null;
  /** Placed by its arrival: the first packet, or one whose clock has nothing to do with the packets before. */
  readonly anchored: boolean;
}

export interface Timeline {
  /** Never overlaps what has been placed before. */
  place(packet: PacketToPlace): Placement;
  /** End of the last placed packet; null before the first. */
  readonly endSample: number | null;
}

/** A late packet whose clock is continuous is a network that stalled: a burst follows. If none follows, it was a pause. */
const STALL_MS = 1000;
/** No network holds packets this long. */
const PAUSE_MS = 5000;
/** Of each packet's disagreement goes into the expected one: 10 s of 20 ms packets, far slower than jitter, far faster than any drift. */
const DRIFT_SHARE = 1 / 512;

export function createTimeline({ sampleRate, clockRateHz = sampleRate, toleranceMs = 250 }: TimelineOptions): Timeline {
  const samplesPerTick = sampleRate / clockRateHz;
  const samplesPerMs = sampleRate / 1000;
  const tolerance = toleranceMs * samplesPerMs;

  let ssrc = -1;
  let lastTimestamp = 0;
  let lastSample = 0;
  let lastSamples = 0;
  let end: number | null = null;
  /** Arrival minus clock as it usually is; follows the drift of the sender's clock, so that drift alone never steps the audio. */
  let usualDelay = 0;
  /** Arrival of the first of the late packets that no on-time packet has followed yet. */
  let lateSinceMs: number | null = null;

  /** The clock's position for the packet, or null where it is not to be believed. */
  function byClock(packet: PacketToPlace, arrival: number): number | null {
    if (end === null || packet.ssrc !== ssrc) return null;
    const sample = lastSample + Math.round(((packet.timestamp - lastTimestamp) | 0) * samplesPerTick);
    const disagreement = arrival - sample - usualDelay;
    if (Math.abs(disagreement) <= tolerance) {
      usualDelay += disagreement * DRIFT_SHARE;
      lateSinceMs = null;
      // Clock and arrival have drifted apart, and here is silence in which setting it right cannot be heard.
      const silence = sample > end && packet.missing === 0;
      return silence && Math.abs(usualDelay) > tolerance ? null : sample;
    }

    const expected = lastSample + lastSamples * (packet.missing + 1);
    const continuous = packet.restarted !== true && Math.abs(sample - expected) <= lastSamples;
    if (!continuous) return null;
    // Ahead of its arrival, with no room to go back; but nothing can come long before it was sent.
    if (disagreement < 0) return -disagreement > PAUSE_MS * samplesPerMs ? null : sample;
    lateSinceMs ??= packet.arrivalMs;
    const paused = packet.marker === true || disagreement > PAUSE_MS * samplesPerMs;
    return paused || packet.arrivalMs - lateSinceMs > STALL_MS ? null : sample;
  }

  return {
    place(packet) {
      const arrival = Math.max(0, Math.round(packet.arrivalMs * samplesPerMs));
      const clock = byClock(packet, arrival);
      const before = end;
      const fromSample = Math.max(clock ?? arrival, before ?? 0);
      if (clock === null) {
        usualDelay = arrival - fromSample;
        lateSinceMs = null;
      }

      const length = packet.samples > 0 ? packet.samples : lastSamples;
      const lost = before === null ? 0 : Math.min(fromSample - before, packet.missing * length);
      ssrc = packet.ssrc;
      lastTimestamp = packet.timestamp;
      lastSample = fromSample;
      if (packet.samples > 0) lastSamples = packet.samples;
      end = fromSample + packet.samples;
      return {
        fromSample,
        gap: before !== null && lost > 0 ? { fromSample: before, toSample: before + lost } : null,
        anchored: clock === null,
      };
    },
    get endSample() {
      return end;
    },
  };
}

/**
 * Which SSRC is the voice of a stream. A sender may change its own without a word, and then not a packet may be missing; but
 * packets of other sources that come from the same port are not the stream's and must not be mixed into it. What is not yet
 * known to be the one or the other is held back until the source that spoke has been silent for long enough.
 */
export interface SourceChoice<T> {
  /** -1 before the first packet. */
  readonly current: number;
  /** Packets of another source are held. */
  readonly isDoubted: boolean;
  /** A packet of the current source came. To be said only while that is doubted, so that a stream of one source costs nothing. */
  heard(atMs: number): void;
  /** A packet of another source, the current one having been heard last at `heardMs`; answers the packets that are the stream's from now on, in the order in which they came. */
  other(ssrc: number, atMs: number, heardMs: number, packet: T): readonly T[];
  /** Nothing more will come: what is held was a change if the source before said no more. */
  end(): readonly T[];
  /** The stream comes from elsewhere now: the next source is taken as it comes. */
  forget(): void;
  /** Packets that were not the stream's. */
  readonly strays: number;
}

/** A change is believed after so many packets of the one and so much silence of the other … */
const PACKETS = 3;
const SILENCE_MS = 200;
/** … more of it where both were heard at the same time, and much more where that went on, or a source that was followed proved to be a stray. */
const SILENCES_MS = [SILENCE_MS, 2_000, 30_000];
/** Heard beside each other for longer than a network delays; for longer than a sender that changes need overlap. */
const BESIDE_MS = 500;
const STRAY_MS = 2_000;
/** The source before comes back: so many packets, and it is the stream's again. */
const RETURN_PACKETS = 5;
/** Held for no longer, so that what is taken after all comes in time to be kept. */
const HELD_MS = 2_300;
/** The network may bring the last of one source after the first of the next. */
const OVERLAP_MS = 100;
const MAX_HELD = 256;
const MAX_KNOWN = 64;

interface Candidate<T> {
  readonly ssrc: number;
  readonly firstMs: number;
  lastMs: number;
  /** Packets since the last of the current source. */
  alone: number;
  held: { readonly atMs: number; readonly packet: T }[];
}

export function createSourceChoice<T>(): SourceChoice<T> {
  let current = -1;
  let currentMs = 0;
  /** The source before the current one. */
  let before = -1;
  let candidate: Candidate<T> | null = null;
  /** What is held against a source: an index into SILENCES_MS. */
  const known = new Map<number, number>();
  let strays = 0;

  function suspect(ssrc: number, how: number): void {
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!);
    known.set(ssrc, Math.max(known.get(ssrc) ?? 0, how));
  }

  function drop(): void {
    strays += candidate?.held.length ?? 0;
    candidate = null;
  }

  function adopt({ ssrc, held, alone }: Candidate<T>, atMs: number): readonly T[] {
    const isBack = ssrc === before;
    const taken = isBack ? held : held.filter((one) => one.atMs >= currentMs - OVERLAP_MS);
    strays += held.length - taken.length;
    // The current one goes on beside it: it never was the stream's.
    if (isBack && held.length - alone >= PACKETS) suspect(current, 2);
    before = isBack ? -1 : current;
    current = ssrc;
    currentMs = atMs;
    candidate = null;
    return taken.map(({ packet }) => packet);
  }

  function isBelieved(one: Candidate<T>, atMs: number): boolean {
    if (one.ssrc === before && one.held.length >= RETURN_PACKETS) return true;
    return one.alone >= PACKETS && atMs - currentMs >= SILENCES_MS[known.get(one.ssrc) ?? 0]!;
  }

  return {
    get current() {
      return current;
    },
    get isDoubted() {
      return candidate !== null;
    },
    heard(atMs) {
      currentMs = atMs;
      if (candidate === null) return;
      candidate.alone = 0;
      const besideMs = candidate.lastMs - candidate.firstMs;
      if (besideMs > BESIDE_MS) suspect(candidate.ssrc, besideMs > STRAY_MS ? 2 : 1);
      if (atMs - candidate.lastMs > HELD_MS) drop();
    },
    other(ssrc, atMs, heardMs, packet) {
      if (current < 0) {
        current = ssrc;
        return [packet];
      }
      currentMs = Math.max(currentMs, heardMs);
      if (candidate !== null && candidate.ssrc !== ssrc) {
        // One at a time: a sender that makes up a new source for each packet shall not fill the memory.
        if (atMs - candidate.lastMs <= SILENCE_MS) {
          strays += 1;
          return [];
        }
        drop();
      }
      candidate ??= { ssrc, firstMs: atMs, lastMs: atMs, alone: 0, held: [] };
      candidate.lastMs = atMs;
      candidate.alone += 1;
      candidate.held.push({ atMs, packet });
      while (candidate.held.length > MAX_HELD || atMs - candidate.held[0]!.atMs > HELD_MS) {
        candidate.held.shift();
        strays += 1;
      }
      return isBelieved(candidate, atMs) ? adopt(candidate, atMs) : [];
    },
    end() {
      if (candidate !== null && candidate.alone >= 2 && !known.has(candidate.ssrc)) return adopt(candidate, candidate.lastMs);
      drop();
      return [];
    },
    forget() {
      drop();
      current = -1;
      before = -1;
      known.clear();
    },
    get strays() {
      return strays;
    },
  };
}

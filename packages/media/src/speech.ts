/**
 * Who speaks when, and how loud: activity and peaks of one speaker's audio, computed while it is recorded.
 *
 * Activity is evidence that a track is not silent, so a steady tone or music counts; only what is as quiet as the line's own
 * noise does not. Blocks of 20 ms are compared with an adaptive noise floor; the floor never rises above FLOOR_MAX_DB, so
 * nothing loud can become its own noise.
 */

export type SpeechSegment = readonly [fromMs: number, toMs: number];

export interface SpeechDetector {
  /**
   * Samples that begin at `fromSample` of the recording. What was skipped since the last push counts as silent; what lies
   * before the end of the last push is left out.
   */
  push(pcm: Int16Array, fromSample: number): void;
  /** Nothing came up to here: ends a segment whose stream has stopped. */
  advance(toSample: number): void;
  readonly speaking: boolean;
  /** Loudness now, 0 … 1: −60 dBFS … 0 dBFS. */
  readonly level: number;
  /** In recording time; includes a segment that still runs. */
  segments(): SpeechSegment[];
  /** Largest magnitude of each 100 ms from the first pushed sample on, 0 … 255, linear; a sample of 1 … 128 gives 1. */
  peaks(): Uint8Array;
  /** Where the first peak begins, in samples of the recording; null before the first push. */
  readonly originSample: number | null;
  /** What it knows now beyond what the parts before told of. */
  takePart(): SpeechPart;
  /** Goes on behind a part that was taken: after all of them, in their order, as the detector does that they were taken of. */
  takeUp(part: SpeechPart): void;
}

/** Lists hold what came since the part before, and from which place on; everything else is as it stands. */
export interface SpeechPart {
  readonly segmentsFrom: number;
  readonly segments: readonly SpeechSegment[];
  /** The first of them may have been told of before, when it was not complete. */
  readonly peaksFrom: number;
  readonly peaks: Uint8Array;
  readonly origin: number | null;
  readonly blocks: number;
  readonly filled: number;
  readonly block: Readonly<BlockMeasure>;
  readonly floorDb: number;
  readonly level: number;
  readonly segmentStart: number;
  readonly segmentEnd: number;
  readonly activeBlocks: number;
}

const BLOCK_MS = 20;
const BLOCKS_PER_PEAK = 5;
/** Pauses shorter than this are part of speaking. */
const MERGE_MS = 300;
/** Shorter ones are clicks. */
const SHORTEST_MS = 100;
/** `speaking` is said after this much activity: early enough to look live. */
const ONSET_MS = 60;

/** Powers relative to a full-scale square wave, in dB. */
const FLOOR_START_DB = -52;
const FLOOR_MIN_DB = -75;
const FLOOR_MAX_DB = -45;
/** Speech stands at least this far above the noise. */
const ABOVE_FLOOR_DB = 8;
/** Never active below this: A-law's smallest step is −72 dB, µ-law idle noise about −66 dB. */
const QUIETEST_DB = -50;
/** Falls fast, so that the first pause teaches it; rises by 1 dB/s, so that talking does not. */
const FLOOR_FALL = 0.2;
const FLOOR_RISE_DB = 0.02;
const LEVEL_FALL = 0.8;
const FULL_SCALE_POWER = 32_768 ** 2;
/** Of what grows with a call: it is held by every running one, so little of it is empty. */
const growth = 1.25;

export function createSpeechDetector({ sampleRate }: { sampleRate: number }): SpeechDetector {
  if (!(sampleRate >= 8000 && sampleRate <= 48_000)) throw new RangeError("sample rate must be 8000 … 48000");
  const blockSamples = Math.round((sampleRate * BLOCK_MS) / 1000);
  const closed = createPairs();
  let peaks = new Uint8Array(600);

  let origin: number | null = null;
  /** Blocks finished since the origin. */
  let blocks = 0;
  /** The block being filled. */
  let filled = 0;
  const block: BlockMeasure = { sum: 0, squares: 0, peak: 0 };

  let floorDb = FLOOR_START_DB;
  let level = 0;
  /** The running segment, in blocks: its first active one, the one after its last active one, and how many were active. */
  let segmentStart = -1;
  let segmentEnd = 0;
  let activeBlocks = 0;
  /** Of the parts that were taken. */
  let toldSegments = 0;
  let toldPeaks = 0;

  const toMs = (blockIndex: number): number => Math.round((((origin ?? 0) + blockIndex * blockSamples) * 1000) / sampleRate);
  const isLongEnough = (): boolean => segmentStart >= 0 && (segmentEnd - segmentStart) * BLOCK_MS >= SHORTEST_MS;

  function closeSegment(): void {
    if (isLongEnough()) closed.push(toMs(segmentStart), toMs(segmentEnd));
    segmentStart = -1;
    activeBlocks = 0;
  }

  function countBlock(active: boolean): void {
    if (active) {
      if (segmentStart < 0) segmentStart = blocks;
      segmentEnd = blocks + 1;
      activeBlocks += 1;
    } else if (segmentStart >= 0 && (blocks + 1 - segmentEnd) * BLOCK_MS >= MERGE_MS) closeSegment();
  }

  function makeRoom(count: number): void {
    if (count <= peaks.length) return;
    const grown = new Uint8Array(Math.max(Math.ceil(growth * peaks.length), count));
    grown.set(peaks);
    peaks = grown;
  }

  function notePeak(): void {
    const index = Math.floor(blocks / BLOCKS_PER_PEAK);
    makeRoom(index + 1);
    peaks[index] = Math.max(peaks[index] as number, peakByte(block.peak));
  }

  function endBlock(): void {
    const mean = block.sum / blockSamples;
    const power = block.squares / blockSamples - mean * mean; // a constant offset of a cheap gateway is no sound
    const db = power < 1 ? -100 : 10 * Math.log10(power / FULL_SCALE_POWER);
    const threshold = Math.max(QUIETEST_DB, floorDb + ABOVE_FLOOR_DB);
    countBlock(db >= threshold);
    const floor = db < floorDb ? floorDb + (db - floorDb) * FLOOR_FALL : floorDb + FLOOR_RISE_DB;
    floorDb = Math.max(FLOOR_MIN_DB, Math.min(FLOOR_MAX_DB, floor));
    level = Math.max(Math.min(1, Math.max(0, 1 + db / 60)), level * LEVEL_FALL);
    notePeak();
    blocks += 1;
    filled = 0;
    block.sum = 0;
    block.squares = 0;
    block.peak = 0;
  }

  /** Silence needs no arithmetic: once nothing runs any more, its blocks are only counted. */
  function addSilence(samples: number): void {
    let left = samples;
    if (filled > 0) {
      const rest = Math.min(left, blockSamples - filled);
      filled += rest;
      left -= rest;
      if (filled === blockSamples) endBlock();
    }
    const settle = MERGE_MS / BLOCK_MS;
    for (let quiet = 0; left >= blockSamples && quiet < settle; quiet += 1) {
      left -= blockSamples;
      endBlock();
    }
    const skipped = Math.floor(left / blockSamples);
    if (skipped > 0) {
      blocks += skipped - 1;
      level = 0;
      endBlock(); // the last of them makes room for its peak
      left -= skipped * blockSamples;
    }
    filled += left;
  }

  function addSamples(pcm: Int16Array, from: number): void {
    for (let at = from; at < pcm.length; ) {
      const end = Math.min(pcm.length, at + blockSamples - filled);
      filled += end - at;
      measure(pcm, at, end, block);
      at = end;
      if (filled === blockSamples) endBlock();
    }
  }

  function endSample(): number {
    return (origin ?? 0) + blocks * blockSamples + filled;
  }

  function noteTold(): void {
    toldSegments = closed.length;
    toldPeaks = Math.floor(blocks / BLOCKS_PER_PEAK);
  }

  return {
    push(pcm, fromSample) {
      origin ??= fromSample;
      const skipped = fromSample - endSample();
      if (skipped > 0) addSilence(skipped);
      addSamples(pcm, Math.max(0, -skipped));
    },
    advance(toSample) {
      if (origin !== null && toSample > endSample()) addSilence(toSample - endSample());
    },
    get speaking() {
      return segmentStart >= 0 && activeBlocks * BLOCK_MS >= ONSET_MS;
    },
    get level() {
      return level;
    },
    segments() {
      const all = closed.from(0);
      return isLongEnough() ? [...all, [toMs(segmentStart), toMs(segmentEnd)]] : all;
    },
    peaks() {
      const begun = blocks + (filled > 0 ? 1 : 0);
      const result = peaks.slice(0, Math.ceil(begun / BLOCKS_PER_PEAK));
      // The block that is not full yet counts too, or the last samples of a recording would have no peak.
      if (filled > 0) {
        const last = Math.floor(blocks / BLOCKS_PER_PEAK);
        result[last] = Math.max(result[last] ?? 0, peakByte(block.peak));
      }
      return result;
    },
    get originSample() {
      return origin;
    },
    takePart() {
      const part = { segmentsFrom: toldSegments, segments: closed.from(toldSegments), peaksFrom: toldPeaks, peaks: peaks.slice(toldPeaks, Math.ceil(blocks / BLOCKS_PER_PEAK)), origin, blocks, filled, block: { ...block }, floorDb, level, segmentStart, segmentEnd, activeBlocks };
      noteTold();
      return part;
    },
    takeUp(part) {
      closed.cut(part.segmentsFrom);
      for (const [fromMs, toMs] of part.segments) closed.push(fromMs, toMs);
      makeRoom(part.peaksFrom + part.peaks.length);
      peaks.set(part.peaks, part.peaksFrom);
      ({ origin, blocks, filled, floorDb, level, segmentStart, segmentEnd, activeBlocks } = part);
      Object.assign(block, part.block);
      noteTold();
    },
  };
}

interface Pairs {
  readonly length: number;
  push(from: number, to: number): void;
  cut(length: number): void;
  from(index: number): SpeechSegment[];
}

/** A running call keeps all of its segments: 8 bytes for each, where an array of two numbers takes 76 (measured), and speech has one every three seconds. */
function createPairs(): Pairs {
  let values = new Uint32Array(32);
  let length = 0;
  return {
    get length() {
      return length;
    },
    push(from, to) {
      if (2 * length + 2 > values.length) {
        const grown = new Uint32Array(Math.ceil(growth * values.length) + 2);
        grown.set(values);
        values = grown;
      }
      values[2 * length] = from;
      values[2 * length + 1] = to;
      length += 1;
    },
    cut(to) {
      length = Math.min(length, to);
    },
    from: (index) => Array.from({ length: Math.max(0, length - index) }, (_, at) => [values[2 * (index + at)]!, values[2 * (index + at) + 1]!] as const),
  };
}

interface BlockMeasure {
  sum: number;
  squares: number;
  peak: number;
}

/** The only loop over samples, apart and on local variables: kept in the detector's own it takes four times as long. */
function measure(pcm: Int16Array, from: number, to: number, block: BlockMeasure): void {
  let sum = 0;
  let squares = 0;
  let top = block.peak;
  let bottom = -block.peak;
  for (let at = from; at < to; at += 1) {
    const sample = pcm[at] as number;
    sum = (sum + sample) | 0; // at most 960 samples of 16 bits
    squares += sample * sample;
    if (sample > top) top = sample;
    if (sample < bottom) bottom = sample;
  }
  block.sum += sum;
  block.squares += squares;
  block.peak = Math.max(top, -bottom);
}

function peakByte(magnitude: number): number {
  return Math.min(255, (magnitude + 127) >> 7);
}

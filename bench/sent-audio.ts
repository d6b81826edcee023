/** What had been sent at a moment, and how much of it is missing in what was kept. */

export interface Turn {
  /** Wall time. */
  readonly atMs: number;
  /** Sent before this turn began. */
  readonly sent: number;
}

/** Everything of a turn that had begun counts as sent. */
export function sentAt(turns: readonly Turn[], atMs: number): number {
  const next = turns.findIndex((turn) => turn.atMs > atMs);
  return turns[next === -1 ? turns.length - 1 : next]?.sent ?? 0;
}

export interface Compared {
  /** Places where a sample is another than was sent. */
  readonly wrong: number;
  /** Samples at the end that were sent and are not there. */
  readonly missing: number;
}

/** A track is served from a whole millisecond on, and its first packet may have come up to one later. */
const mostSamplesLate = 8;

/** Holds a recorded track against the samples that were sent, from the first one on. */
export function compareSamples(sent: Int16Array, recorded: Int16Array): Compared {
  const differing = (late: number, until: number): number => {
    let wrong = 0;
    for (let at = 0; at < until && at + late < recorded.length; at += 1) if (recorded[at + late] !== sent[at]) wrong += 1;
    return wrong;
  };
  const late = Array.from({ length: mostSamplesLate + 1 }, (_, samples) => samples).toSorted((a, b) => differing(a, 2_000) - differing(b, 2_000))[0] ?? 0;
  const held = recorded.length - late;
  // What lies beyond is silence up to the next whole millisecond, and nothing else may.
  const beyond = recorded.subarray(late + sent.length).filter((sample) => sample !== 0).length;
  return { wrong: differing(late, sent.length) + beyond, missing: Math.max(0, sent.length - held) };
}

/**
 * Packets of a protected stream that were not let in. A few are an attack or a copy; where nothing else came, the keys did not
 * fit, and the recording has to say so.
 */
export interface RefusedSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Refusals {
  readonly packets: number;
  /** Media time in which packets came that no key fitted, in order. */
  readonly spans: readonly RefusedSpan[];
  /** `atMs` null: counted only, as it says nothing of the keys (a replay, a report). */
  add(atMs: number | null): void;
}

/** What is nearer than that is one span. */
const joinMs = 2_000;
/** Whoever sends rubbish every three seconds for half an hour gets one long span in the end. */
const maxSpans = 512;

export function createRefusals(): Refusals {
  const spans: { fromMs: number; toMs: number }[] = [];
  let packets = 0;
  return {
    get packets() {
      return packets;
    },
    spans,
    add(atMs) {
      packets += 1;
      if (atMs === null) return;
      const last = spans.at(-1);
      if (last !== undefined && (atMs - last.toMs <= joinMs || spans.length >= maxSpans)) last.toMs = Math.max(last.toMs, atMs);
      else spans.push({ fromMs: atMs, toMs: atMs });
    },
  };
}

/**
 * Silence that a sender left out on purpose (RFC 3389, discontinuous Opus), as spans of samples. Its last word may be comfort
 * noise, after which nothing need ever come: such a silence is open.
 */
export interface Quiet {
  /** Nothing was missing between the two, and the sender had nothing to say. */
  add(fromSample: number, toSample: number): void;
  /** From here on there is comfort noise, until something else comes. */
  open(fromSample: number): void;
  close(): void;
  /** Those of a second and more; shorter pauses are how people speak. */
  spans(): { fromMs: number; toMs: number | null }[];
}

const leastMs = 1_000;

export function createQuiet(sampleRate: number): Quiet {
  const spans: { from: number; to: number }[] = [];
  let openFrom: number | null = null;
  const isLong = ({ from, to }: { from: number; to: number }): boolean => to - from >= (leastMs * sampleRate) / 1000;

  return {
    add(from, to) {
      if (to <= from) return;
      const last = spans.at(-1);
      if (last !== undefined && last.to >= from) last.to = Math.max(last.to, to);
      else if (last !== undefined && !isLong(last)) Object.assign(last, { from, to });
      else spans.push({ from, to });
    },
    open(from) {
      openFrom = from;
    },
    close() {
      openFrom = null;
    },
    spans() {
      const ms = (sample: number): number => (sample * 1000) / sampleRate;
      const all = spans.filter(isLong).map(({ from, to }) => ({ fromMs: Math.floor(ms(from)), toMs: Math.ceil(ms(to)) as number | null }));
      if (openFrom !== null) all.push({ fromMs: Math.floor(ms(openFrom)), toMs: null });
      return all;
    },
  };
}

/** Spans in rising order, of which the last may still grow. */
export interface Span {
  readonly from: number;
  to: number;
}

/** What came since the part before. Begins `at` the last span of that one, which may have grown. */
export interface SpanPart {
  readonly at: number;
  readonly spans: readonly (readonly [from: number, to: number])[];
}

export interface SpanList {
  readonly all: readonly Span[];
  /** Appends the span, or lengthens the last one when it follows within `reach`. */
  join(from: number, to: number, reach: number): void;
  takePart(): SpanPart;
  takeUp(part: SpanPart): void;
}

export function createSpanList(): SpanList {
  const all: Span[] = [];
  let told = 0;
  return {
    all,
    join(from, to, reach) {
      const last = all.at(-1);
      if (last !== undefined && from <= last.to + reach) last.to = Math.max(last.to, to);
      else all.push({ from, to });
    },
    takePart() {
      const at = Math.max(0, told - 1);
      told = all.length;
      return { at, spans: all.slice(at).map(({ from, to }) => [from, to]) };
    },
    takeUp({ at, spans }) {
      all.splice(at, Infinity, ...spans.map(([from, to]) => ({ from, to })));
      told = all.length;
    },
  };
}

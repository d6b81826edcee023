/** HTTP byte ranges (RFC 9110, section 14). */

export interface ByteSpan {
  readonly from: number;
  readonly to: number; // exclusive
}

export type RangeAnswer =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly span: ByteSpan }
  | { readonly kind: "unsatisfiable" };

/**
 * What a Range header asks for. A unit we do not know, a header that does not parse and several ranges at once are answered
 * with the whole, as the RFC allows; one well-formed range that lies beyond the end is not satisfiable.
 */
export function parseRange(header: string | undefined, sizeBytes: number): RangeAnswer {
  if (header === undefined) return { kind: "whole" };
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header);
  if (match === null) return { kind: "whole" };
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return { kind: "whole" };
  if (first === "") {
    const wanted = Number(last);
    if (wanted === 0 || sizeBytes === 0) return { kind: "unsatisfiable" };
    return { kind: "part", span: { from: Math.max(0, sizeBytes - wanted), to: sizeBytes } };
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return { kind: "whole" };
  if (from >= sizeBytes) return { kind: "unsatisfiable" };
  const to = last === "" ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  return { kind: "part", span: { from, to } };
}

/** Whether an If-None-Match list names the entity tag; weak comparison, as it asks only for a cached copy. */
export function matchesAny(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((candidate) => {
    const tag = candidate.trim();
    return tag === "*" || tag.replace(/^W\//, "") === etag;
  });
}

/** Whether If-Range lets the range stand: only the very same strong tag does; a date never, as we send none. */
export function rangeStillMeansTheSame(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag;
}

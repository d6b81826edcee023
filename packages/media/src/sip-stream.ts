import { findHeadEnd, MAX_HEAD_BYTES, readContentLength, readHead } from "./sip-head.ts";

export type SipStreamEvent =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  /** The other side sent CRLF CRLF and expects CRLF (RFC 5626 3.5.1). */
  | { readonly kind: "keepalive" }
  /** Where the next message begins is no longer known: the connection has to be closed. Nothing follows. `head`: of the message that broke it, to answer it by. */
  | { readonly kind: "error"; readonly reason: string; readonly head: Uint8Array | null };

export interface SipStreamFramer {
  push(bytes: Uint8Array): SipStreamEvent[];
  /** A message has begun and is not all here. */
  readonly midway: boolean;
}

const LF = 10;
const CR = 13;
const EMPTY = new Uint8Array(0);

/** Cuts a TCP or TLS byte stream into SIP messages. Holds at most `maxMessageBytes` and one push. */
export function createSipStreamFramer({ maxMessageBytes = 1 << 20 }: { maxMessageBytes?: number } = {}): SipStreamFramer {
  let pending: Uint8Array = EMPTY;
  let pendingLength = 0;
  /** Head searched up to here, so that a message that trickles in byte by byte costs linear time. */
  let searched = 0;
  /** Length of the message whose head is complete; null while it is not. */
  let expected: number | null = null;
  /** CRLFs in a row between messages. */
  let lineEnds = 0;
  let broken = false;

  function append(bytes: Uint8Array): void {
    if (pendingLength + bytes.length > pending.length) {
      const grown = new Uint8Array(Math.max(pendingLength + bytes.length, 2 * pendingLength));
      grown.set(pending.subarray(0, pendingLength));
      pending = grown;
    }
    pending.set(bytes, pendingLength);
    pendingLength += bytes.length;
  }

  /** Eats what stands between messages; answers how many bytes that was. */
  function eatLineEnds(from: number, events: SipStreamEvent[]): number {
    let at = from;
    while (at < pendingLength && (pending[at] === CR || pending[at] === LF)) {
      if (pending[at] === LF) lineEnds += 1;
      if (lineEnds === 2) {
        events.push({ kind: "keepalive" });
        lineEnds = 0;
      }
      at += 1;
    }
    return at;
  }

  /** Length of the whole message beginning at `start`, null if its head is not here yet, or what is wrong with it. */
  function measure(start: number): number | null | { reason: string; head: Uint8Array | null } {
    const end = findHeadEnd(pending.subarray(0, pendingLength), Math.max(start, searched - 3));
    searched = pendingLength;
    const headLength = (end?.headEnd ?? pendingLength) - start;
    if (headLength > Math.min(maxMessageBytes, MAX_HEAD_BYTES)) return { reason: "head too large", head: end === null ? null : pending.slice(start, start + MAX_HEAD_BYTES) };
    if (end === null) return null;
    const head = readHead(pending.subarray(start, end.headEnd));
    if (head === null) return { reason: "too many header lines", head: null };
    const length = readContentLength(head.headers);
    if (length === "malformed") return { reason: "malformed Content-Length", head: pending.slice(start, end.bodyStart) };
    // RFC 3261 18.3 demands it on streams; without a body its absence does no harm.
    if (length === null && head.headers.has("Content-Type")) return { reason: "no Content-Length", head: pending.slice(start, end.bodyStart) };
    const total = end.bodyStart - start + (length ?? 0);
    return total > maxMessageBytes ? { reason: "message too large", head: pending.slice(start, end.bodyStart) } : total;
  }

  return {
    get midway() {
      return pendingLength > 0;
    },
    push(bytes) {
      const events: SipStreamEvent[] = [];
      if (broken) return events;
      append(bytes);
      let start = 0;
      for (;;) {
        if (expected === null) {
          start = eatLineEnds(start, events);
          if (start === pendingLength) break;
          lineEnds = 0;
          const total = measure(start);
          if (total === null) break;
          if (typeof total === "object") {
            broken = true;
            pending = EMPTY;
            pendingLength = 0;
            events.push({ kind: "error", ...total });
            return events;
          }
          expected = total;
        }
        if (pendingLength - start < expected) break;
        events.push({ kind: "message", bytes: pending.slice(start, start + expected) });
        start += expected;
        searched = start;
        expected = null;
      }
      if (start > 0) {
        pending = pending.slice(start, pendingLength);
        pendingLength = pending.length;
        searched = Math.max(0, searched - start);
      }
      return events;
    },
  };
}

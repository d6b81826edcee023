import { Session } from "node:inspector";
import type { Profiler } from "node:inspector";

export interface BlockCoverage {
  /** Looks at what ran since the last look; answers how many characters of source ran for the first time. */
  take(): number;
  /** What the last look found new will be new again. */
  forgetLast(): void;
  /** Blocks that have run. */
  blocks(): number;
  stop(): void;
}

interface Source {
  /** 1 where the code at this character has run. */
  readonly ran: Uint8Array;
  /** Where V8 said that a block begins. */
  readonly starts: Set<number>;
}

/**
 * V8's own counters, of the sources whose path holds one of `covers`. V8 says counts of nested ranges, and leaves a range out where it ran
 * as often as the one around it; so each look is painted from the outside in, and what counts is a character that was never painted before.
 */
export function startBlockCoverage(covers: readonly string[]): BlockCoverage {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const sources = new Map<string, Source>();
  let last: { readonly ran: Uint8Array; readonly at: number }[] = [];

  function look(): Profiler.ScriptCoverage[] {
    let result: Profiler.ScriptCoverage[] = [];
    // A session with its own thread answers before `post` returns.
    session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error !== null) throw error;
      result = answer.result;
    });
    return result.filter(({ url }) => covers.some((part) => url.includes(part)));
  }

  function sourceOf(url: string, length: number): Source {
    const known = sources.get(url);
    if (known !== undefined && known.ran.length >= length) return known;
    const grown: Source = { ran: new Uint8Array(length), starts: known?.starts ?? new Set() };
    if (known !== undefined) grown.ran.set(known.ran);
    sources.set(url, grown);
    return grown;
  }

  return {
    take() {
      last = [];
      for (const { url, functions } of look()) {
        const ranges = functions.flatMap((one) => one.ranges).toSorted((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
        const source = sourceOf(url, Math.max(...ranges.map(({ endOffset }) => endOffset)));
        const now = new Uint8Array(source.ran.length);
        for (const { startOffset, endOffset, count } of ranges) {
          now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
          source.starts.add(startOffset);
        }
        for (let at = 0; at < now.length; at += 1) {
          if (now[at] === 1 && source.ran[at] === 0) {
            source.ran[at] = 1;
            last.push({ ran: source.ran, at });
          }
        }
      }
      return last.length;
    },
    forgetLast() {
      for (const { ran, at } of last) ran[at] = 0;
      last = [];
    },
    blocks() {
      let blocks = 0;
      for (const { ran, starts } of sources.values()) for (const start of starts) blocks += ran[start] ?? 0;
      return blocks;
    },
    stop() {
      session.post("Profiler.stopPreciseCoverage");
      session.disconnect();
    },
  };
}

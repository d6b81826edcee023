/**
 * Memory that is used again instead of being given back and asked for anew (decision 0011). What a rush needed and nothing has needed since
 * goes back to the system: kept for good it was most of what a node's memory grew by in an hour.
 */
export interface SpareMemory {
  take(): Buffer;
  /** Nobody looks at it any more. */
  give(memory: Buffer): void;
  readonly count: number;
}

/** Seconds wait for their piece up to a minute: what was not wanted for two is not wanted. */
const lookMs = 120_000;

/** `most`: so many bytes are kept at most. */
export function createSpareMemory({ bytesEach, most, now = performance.now.bind(performance) }: { readonly bytesEach: number; readonly most: number; readonly now?: () => number }): SpareMemory {
  const spare: Buffer[] = [];
  const mostSpare = Math.floor(most / bytesEach);
  /** Fewest that lay here since the last look: as many were never wanted. */
  let fewest = 0;
  let lookedAt = now();

  function look(): void {
    lookedAt = now();
    spare.splice(0, fewest); // those that lay longest
    fewest = spare.length;
  }

  return {
    take() {
      const memory = spare.pop() ?? Buffer.allocUnsafeSlow(bytesEach);
      fewest = Math.min(fewest, spare.length);
      return memory;
    },
    give(memory) {
      if (spare.length < mostSpare) spare.push(memory);
      if (now() - lookedAt >= lookMs) look();
    },
    get count() {
      return spare.length;
    },
  };
}

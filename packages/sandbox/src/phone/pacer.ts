/** The beat of all RTP streams of a process: 20 ms, counted from the start so that lateness never adds up. */
export interface Pacer {
  /** Calls `beat` every 20 ms until the answer of this is called. */
  add(beat: () => void): () => void;
  close(): void;
}

export const beatMs = 20;

/** After a stall (a suspended laptop, a debugger) older beats are not made up for: what a phone could not say is not said later. */
const mostBeatsAtOnce = 50;

export function createPacer(): Pacer {
  const beats = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  let startedAtMs = 0;
  let count = 0;

  const run = (): void => {
    const due = Math.floor((performance.now() - startedAtMs) / beatMs) + 1;
    if (due - count > mostBeatsAtOnce) {
      startedAtMs += (due - count - 1) * beatMs;
    }
    const now = Math.floor((performance.now() - startedAtMs) / beatMs) + 1;
    for (; count < now; count++) for (const beat of beats) beat();
    schedule();
  };
  const schedule = (): void => {
    // Node rounds timers down to whole milliseconds; waiting a part too long keeps the loop from waking twice for one beat.
    timer = beats.size === 0 ? undefined : setTimeout(run, Math.max(1, Math.ceil(startedAtMs + count * beatMs - performance.now())));
  };

  return {
    add(beat) {
      beats.add(beat);
      if (timer === undefined) {
        startedAtMs = performance.now();
        count = 0;
        schedule();
      }
      return () => {
        beats.delete(beat);
        if (beats.size > 0) return;
        clearTimeout(timer);
        timer = undefined;
      };
    },
    close() {
      beats.clear();
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

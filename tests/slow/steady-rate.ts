/** Does something so many times a second, in small portions: what a late timer missed is made up for, but never more than 100 ms of it. */
export interface SteadyRate {
  readonly done: number;
  stop(): void;
}

const tickMs = 5;

export function atSteadyRate(perSecond: number, act: (count: number) => void): SteadyRate {
  let done = 0;
  let owed = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    owed += ((now - last) / 1000) * perSecond;
    last = now;
    owed = Math.min(owed, perSecond / 10);
    for (; owed >= 1; owed -= 1) {
      act(done);
      done += 1;
    }
  }, tickMs);
  return {
    get done() {
      return done;
    },
    stop: () => clearInterval(timer),
  };
}

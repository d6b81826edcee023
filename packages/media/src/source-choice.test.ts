import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSourceChoice, type SourceChoice } from "./source-choice.ts";

/** As a receiver uses it; packets are the times at which they came. */
function createListener(choice: SourceChoice<number>): (ssrc: number, atMs: number) => readonly number[] {
  let heardMs = 0;
  return (ssrc, atMs) => {
    const isCurrent = ssrc === choice.current;
    if (isCurrent && choice.isDoubted) choice.heard(atMs);
    const taken = isCurrent ? [atMs] : choice.other(ssrc, atMs, heardMs, atMs);
    heardMs = taken.at(-1) ?? heardMs;
    return taken;
  };
}

describe("RFC 3550 a change of SSRC", () => {
  test("nothing of the next is missing, however many packets a second it sends", () => {
    for (const ptime of [5, 10, 20, 40, 60]) {
      const choice = createSourceChoice<number>();
      const hear = createListener(choice);
      const taken: number[] = [];
      for (let at = 0; at < 2_000; at += ptime) taken.push(...hear(at < 1_000 ? 1 : 2, at));
      taken.push(...choice.end());
      expect(taken).toEqual(Array.from({ length: Math.ceil(2_000 / ptime) }, (_, n) => n * ptime));
      expect(choice.strays).toBe(0);
    }
  });

  test("sources that change in turns are followed each time", () => {
    const hear = createListener(createSourceChoice<number>());
    const taken: number[] = [];
    for (let at = 0; at < 20_000; at += 20) taken.push(...hear(1 + (Math.floor(at / 4_000) % 2), at));
    expect(taken).toHaveLength(1_000);
  });

  test("after a move the next source is taken as it comes", () => {
    const choice = createSourceChoice<number>();
    const hear = createListener(choice);
    hear(1, 0);
    choice.forget();
    expect(hear(2, 5)).toEqual([5]);
  });

  test("the last packets of a call may be those of another source", () => {
    const choice = createSourceChoice<number>();
    const hear = createListener(choice);
    hear(1, 0);
    expect([...hear(2, 20), ...hear(2, 40)]).toEqual([]);
    expect(choice.end()).toEqual([20, 40]);
  });
});

test("whatever comes, each packet is taken once and in order, is a stray, or is still held; and not for long", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), fc.nat(700)), { maxLength: 400 }), (packets) => {
      const choice = createSourceChoice<{ readonly n: number; readonly atMs: number }>();
      const taken: number[] = [];
      let [now, heardMs] = [0, 0];
      for (const [n, [ssrc, step]] of packets.entries()) {
        now += step;
        if (ssrc === choice.current) {
          if (choice.isDoubted) choice.heard(now);
          heardMs = now;
          taken.push(n);
          continue;
        }
        for (const one of choice.other(ssrc, now, heardMs, { n, atMs: now })) {
          heardMs = one.atMs;
          expect(now - one.atMs).toBeLessThanOrEqual(2_300);
          taken.push(one.n);
        }
      }
      taken.push(...choice.end().map(({ n }) => n));
      expect(new Set(taken).size).toBe(taken.length);
      expect(taken.length + choice.strays).toBe(packets.length);
    }),
    { numRuns: 500 },
  );
});

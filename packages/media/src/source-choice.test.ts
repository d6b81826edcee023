import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSourceChoice, type SourceChoice } from "./source-choice.ts";

/** As a receiver uses it; packets are the times at which they came. */
function hear(choice: SourceChoice<number>, ssrc: number, atMs: number): readonly number[] {
  if (ssrc !== choice.current) return choice.other(ssrc, atMs, atMs);
  choice.heard(atMs);
  return [atMs];
}

describe("RFC 3550 a change of SSRC", () => {
  test("nothing of the next is missing, however many packets a second it sends", () => {
    for (const ptime of [5, 10, 20, 40, 60]) {
      const choice = createSourceChoice<number>();
      const taken: number[] = [];
      for (let at = 0; at < 2_000; at += ptime) taken.push(...hear(choice, at < 1_000 ? 1 : 2, at));
      taken.push(...choice.end());
      expect(taken).toEqual(Array.from({ length: Math.ceil(2_000 / ptime) }, (_, n) => n * ptime));
      expect(choice.strays).toBe(0);
    }
  });

  test("sources that change in turns are followed each time", () => {
    const choice = createSourceChoice<number>();
    const taken: number[] = [];
    for (let at = 0; at < 20_000; at += 20) taken.push(...hear(choice, 1 + (Math.floor(at / 4_000) % 2), at));
    expect(taken).toHaveLength(1_000);
  });

  test("after a move the next source is taken as it comes", () => {
    const choice = createSourceChoice<number>();
    hear(choice, 1, 0);
    choice.forget();
    expect(hear(choice, 2, 5)).toEqual([5]);
  });

  test("the last packets of a call may be those of another source", () => {
    const choice = createSourceChoice<number>();
    hear(choice, 1, 0);
    expect([...hear(choice, 2, 20), ...hear(choice, 2, 40)]).toEqual([]);
    expect(choice.end()).toEqual([20, 40]);
  });
});

test("whatever comes, each packet is taken once and in order, is a stray, or is still held; and not for long", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), fc.nat(700)), { maxLength: 400 }), (packets) => {
      const choice = createSourceChoice<{ readonly n: number; readonly atMs: number }>();
      const taken: number[] = [];
      let now = 0;
      for (const [n, [ssrc, step]] of packets.entries()) {
        now += step;
        if (ssrc === choice.current) {
          choice.heard(now);
          taken.push(n);
          continue;
        }
        for (const one of choice.other(ssrc, now, { n, atMs: now })) {
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

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTimeline } from "./timeline.ts";
import type { PacketToPlace, Placement, Timeline } from "./timeline.ts";

const RATE = 8000;
const FRAME = 160;

interface Source {
  /** Places packet number `index` (20 ms each), by default on time. */
  send(index: number, changes?: Partial<PacketToPlace>): Placement;
  readonly timeline: Timeline;
}

function source(base: Partial<PacketToPlace> = {}, startMs = 1000): Source {
  const timeline = createTimeline({ sampleRate: RATE });
  return {
    timeline,
    send: (index, changes = {}) =>
      timeline.place({ ssrc: 1, timestamp: (4_294_960_000 + index * FRAME) >>> 0, samples: FRAME, arrivalMs: startMs + index * 20, missing: 0, ...base, ...changes }),
  };
}

const atMs = (ms: number): number => (ms * RATE) / 1000;

describe("a stream on time", () => {
  test("begins where its first packet arrived and goes on by its own clock, over the wrap", () => {
    const { send, timeline } = source();
    expect(timeline.endSample).toBeNull();
    expect(send(0)).toEqual({ fromSample: 8000, gap: null, anchored: true });
    for (let index = 1; index < 200; index += 1) {
      expect(send(index, { arrivalMs: 1000 + index * 20 + (index % 7) * 15 })).toEqual({ fromSample: 8000 + index * FRAME, gap: null, anchored: false });
    }
    expect(timeline.endSample).toBe(8000 + 200 * FRAME);
  });

  test("lost packets leave a gap as long as they were", () => {
    const { send } = source();
    send(0);
    expect(send(4, { missing: 3 })).toEqual({ fromSample: 8000 + 4 * FRAME, gap: { fromSample: 8000 + FRAME, toSample: 8000 + 4 * FRAME }, anchored: false });
  });

  test("silence that was not sent is no gap; a packet lost in it is as long as a packet", () => {
    const { send } = source();
    send(0);
    expect(send(100)).toEqual({ fromSample: 8000 + 100 * FRAME, gap: null, anchored: false });
    expect(send(200, { missing: 1 }).gap).toEqual({ fromSample: 8000 + 101 * FRAME, toSample: 8000 + 102 * FRAME });
  });

  test("a packet without samples of its own moves nothing", () => {
    const { send } = source();
    send(0);
    send(1, { samples: 0 });
    expect(send(2)).toMatchObject({ fromSample: 8000 + 2 * FRAME, gap: null, anchored: false });
  });

  test("a clock rate that is not the sample rate", () => {
    const timeline = createTimeline({ sampleRate: 16_000, clockRateHz: 8000 }); // G.722
    timeline.place({ ssrc: 1, timestamp: 0, samples: 320, arrivalMs: 0, missing: 0 });
    expect(timeline.place({ ssrc: 1, timestamp: 160, samples: 320, arrivalMs: 20, missing: 0 })).toEqual({ fromSample: 320, gap: null, anchored: false });
  });
});

describe("a clock that cannot be believed", () => {
  test("another source begins where it arrives, never on top of what is there", () => {
    const { send } = source();
    send(0);
    expect(send(1, { ssrc: 2, timestamp: 77, arrivalMs: 3000 })).toMatchObject({ fromSample: atMs(3000), gap: null, anchored: true });
    expect(send(2, { ssrc: 3, timestamp: 5, arrivalMs: 3001 })).toMatchObject({ fromSample: atMs(3020), anchored: true });
  });

  test("a timestamp that jumps away begins again where it arrives", () => {
    const { send } = source();
    send(0);
    expect(send(1, { timestamp: 123_456_789 })).toMatchObject({ fromSample: atMs(1020), anchored: true });
    expect(send(2, { timestamp: 123_456_949 })).toMatchObject({ fromSample: atMs(1040), anchored: false });
  });

  test("another numbering whose clock agrees goes on", () => {
    const { send } = source();
    send(0);
    expect(send(1, { restarted: true })).toMatchObject({ fromSample: atMs(1020), anchored: false });
  });

  test("a clock that stood still during hold: the pause is kept", () => {
    const { send } = source();
    send(0);
    expect(send(1, { arrivalMs: 11_020 })).toMatchObject({ fromSample: atMs(11_020), gap: null, anchored: true });
    expect(send(2, { arrivalMs: 11_040 })).toMatchObject({ fromSample: atMs(11_040), anchored: false });
  });

  test("a marker says that a short pause was one", () => {
    const { send } = source();
    send(0);
    expect(send(1, { arrivalMs: 2000, marker: true })).toMatchObject({ fromSample: atMs(2000), anchored: true });
  });

  test("late for more than a second without catching up was a pause", () => {
    const { send } = source();
    send(0);
    const anchors = Array.from({ length: 100 }, (_, index) => send(index + 1, { arrivalMs: 1000 + (index + 1) * 20 + 800 })).filter((one) => one.anchored);
    expect(anchors).toHaveLength(1);
    expect(anchors[0]?.fromSample).toBe(atMs(1000 + 52 * 20 + 800));
  });
});

describe("a network that stalls", () => {
  test("a burst after a second of nothing is placed where it was spoken", () => {
    const { send } = source();
    for (let index = 0; index < 50; index += 1) send(index);
    for (let index = 50; index < 100; index += 1) expect(send(index, { arrivalMs: 3000 })).toMatchObject({ fromSample: 8000 + index * FRAME, anchored: false });
    for (let index = 100; index < 200; index += 1) expect(send(index)).toMatchObject({ fromSample: 8000 + index * FRAME, anchored: false });
  });

  test("a first packet that was late itself cannot push the others onto each other", () => {
    const { send } = source();
    send(0, { arrivalMs: 1600 });
    for (let index = 1; index < 100; index += 1) expect(send(index)).toMatchObject({ fromSample: atMs(1600) + index * FRAME });
    // The next silence has room to set it right.
    expect(send(200)).toMatchObject({ fromSample: atMs(1000 + 200 * 20), anchored: true });
  });
});

describe("a clock that drifts", () => {
  test.each([100, -100, 500, -500])("by %i ppm for three hours: never anchored again, never a step", (ppm) => {
    const { send } = source();
    send(0);
    let steps = 0;
    for (let index = 1; index < 540_000; index += 1) {
      const placed = send(index, { arrivalMs: 1000 + index * 20 * (1 + ppm / 1e6) + ((index * 7919) % 60) });
      if (placed.anchored || placed.gap !== null || placed.fromSample !== 8000 + index * FRAME) steps += 1;
    }
    expect(steps).toBe(0);
  });
});

describe("whatever comes", () => {
  const packet = fc.record({
    ssrc: fc.nat(2),
    timestamp: fc.oneof(fc.nat(0xffff_ffff), fc.nat(40).map((index) => index * FRAME)),
    samples: fc.constantFrom(0, 80, 160, 320),
    arrivalMs: fc.nat(100_000),
    missing: fc.oneof(fc.constant(0), fc.nat(3000)),
    marker: fc.boolean(),
    restarted: fc.boolean(),
  });

  test("nothing overlaps, time goes on, and a gap lies in the hole before its packet", () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 200 }), (packets) => {
        const timeline = createTimeline({ sampleRate: RATE });
        let end = 0;
        for (const one of packets) {
          const { fromSample, gap } = timeline.place(one);
          expect(Number.isSafeInteger(fromSample) && fromSample >= end).toBe(true);
          if (gap !== null) {
            expect(gap.fromSample).toBe(end);
            expect(gap.toSample > gap.fromSample && gap.toSample <= fromSample).toBe(true);
            expect(one.missing).toBeGreaterThan(0);
          }
          end = fromSample + one.samples;
          expect(timeline.endSample).toBe(end);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("the gaps of a steady stream are together exactly what was lost", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(200)), { minLength: 1, maxLength: 200 }), (steps) => {
        const { send } = source();
        send(0);
        let index = 0;
        let lost = 0;
        let gaps = 0;
        for (const [missing, jitter] of steps) {
          index += missing + 1;
          lost += missing * FRAME;
          const { gap } = send(index, { missing, arrivalMs: 1000 + index * 20 + jitter });
          gaps += gap === null ? 0 : gap.toSample - gap.fromSample;
        }
        expect(gaps).toBe(lost);
      }),
    );
  });
});

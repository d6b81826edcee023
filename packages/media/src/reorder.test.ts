import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createReorder } from "./reorder.ts";
import type { Pushed, Reorder } from "./reorder.ts";

interface Recorded {
  readonly reorder: Reorder<number>;
  readonly released: { item: number; missing: number; restarted: boolean }[];
}

function record(options: { depthMs?: number; maxPackets?: number } = {}): Recorded {
  const released: Recorded["released"] = [];
  const reorder = createReorder<number>({ ...options, release: (item, _arrivalMs, missing, restarted) => released.push({ item, missing, restarted }) });
  return { reorder, released };
}

const items = (recorded: Recorded): number[] => recorded.released.map((one) => one.item);
/** Pushes numbers 1 ms apart. */
const push = (recorded: Recorded, ...numbers: readonly number[]): Pushed[] => numbers.map((number, index) => recorded.reorder.push(number, number, index));

describe("order", () => {
  test("packets in order pass at once", () => {
    const recorded = record();
    expect(push(recorded, 5, 6, 7)).toEqual(["released", "released", "released"]);
    expect(items(recorded)).toEqual([5, 6, 7]);
  });

  test("packets out of order wait for the one that is missing", () => {
    const recorded = record();
    expect(push(recorded, 1, 3, 4, 2, 5)).toEqual(["released", "held", "held", "released", "released"]);
    expect(items(recorded)).toEqual([1, 2, 3, 4, 5]);
    expect(recorded.reorder.missing).toBe(0);
  });

  test("over the wrap", () => {
    const recorded = record();
    push(recorded, 65_534, 0, 65_535, 2, 1);
    expect(items(recorded)).toEqual([65_534, 65_535, 0, 1, 2]);
  });

  test("extended numbers are as good", () => {
    const recorded = record();
    push(recorded, 0x1_ffff, 0x2_0001, 0x2_0000);
    expect(items(recorded)).toEqual([0x1_ffff, 0x2_0000, 0x2_0001]);
  });
});

describe("giving up", () => {
  test("what is missing is waited for as long as said, counted from the first packet past it", () => {
    const recorded = record({ depthMs: 200 });
    recorded.reorder.push(1, 1, 0);
    recorded.reorder.push(4, 4, 100);
    recorded.reorder.push(5, 5, 250);
    recorded.reorder.drain(299);
    expect(items(recorded)).toEqual([1]);
    recorded.reorder.drain(300);
    expect(recorded.released.slice(1)).toEqual([
      { item: 4, missing: 2, restarted: false },
      { item: 5, missing: 0, restarted: false },
    ]);
    expect(recorded.reorder.missing).toBe(2);
  });

  test("a second hole has its own wait", () => {
    const recorded = record({ depthMs: 200 });
    recorded.reorder.push(1, 1, 0);
    recorded.reorder.push(3, 3, 0);
    recorded.reorder.push(5, 5, 150);
    recorded.reorder.drain(200);
    expect(items(recorded)).toEqual([1, 3]);
    recorded.reorder.drain(350);
    expect(items(recorded)).toEqual([1, 3, 5]);
  });

  test("an arriving packet is enough of a clock", () => {
    const recorded = record({ depthMs: 200 });
    recorded.reorder.push(1, 1, 0);
    recorded.reorder.push(3, 3, 20);
    recorded.reorder.push(4, 4, 220);
    expect(items(recorded)).toEqual([1, 3, 4]);
  });

  test("never more packets are held than said", () => {
    const recorded = record({ maxPackets: 3, depthMs: 1e9 });
    push(recorded, 1, 3, 5, 7, 9);
    expect(items(recorded)).toEqual([1, 3]);
    recorded.reorder.flush();
    expect(items(recorded)).toEqual([1, 3, 5, 7, 9]);
    expect(recorded.reorder.missing).toBe(4);
  });
});

describe("too late, twice, or from elsewhere", () => {
  test("duplicates are dropped, whether released or held", () => {
    const recorded = record();
    expect(push(recorded, 1, 1, 3, 3)).toEqual(["released", "duplicate", "held", "duplicate"]);
    expect([items(recorded), recorded.reorder.duplicates]).toEqual([[1], 2]);
  });

  test("what was given up and comes all the same is late, once", () => {
    const recorded = record();
    push(recorded, 1, 4);
    recorded.reorder.flush();
    expect(push(recorded, 2, 2, 4, 3)).toEqual(["late", "duplicate", "duplicate", "late"]);
    expect([items(recorded), recorded.reorder.late]).toEqual([[1, 4], 2]);
  });

  test("a big jump either way is another numbering: what is held goes first", () => {
    const recorded = record();
    push(recorded, 10_000, 10_002, 20_000, 20_001, 5000, 5001);
    expect(recorded.released).toEqual([
      { item: 10_000, missing: 0, restarted: false },
      { item: 10_002, missing: 1, restarted: false },
      { item: 20_000, missing: 0, restarted: true },
      { item: 20_001, missing: 0, restarted: false },
      { item: 5000, missing: 0, restarted: true },
      { item: 5001, missing: 0, restarted: false },
    ]);
    expect(recorded.reorder.restarts).toBe(2);
  });

  test("a hole of a minute is a hole, one packet more is another numbering", () => {
    const hole = record();
    push(hole, 0, 3001);
    hole.reorder.flush();
    expect(hole.released[1]).toEqual({ item: 3001, missing: 3000, restarted: false });
    const restart = record();
    push(restart, 0, 3002);
    expect(restart.released[1]).toEqual({ item: 3002, missing: 0, restarted: true });
  });
});

describe("whatever the network does", () => {
  test("a shuffled and thinned stream comes out in order, once, with every hole told", () => {
    const network = fc.array(fc.record({ lost: fc.boolean(), doubled: fc.boolean(), delay: fc.nat(8) }), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(network, fc.nat(0xffff), (packets, first) => {
        const sent = packets.map((packet, index) => ({ ...packet, index, arrival: index + packet.delay })).filter((packet) => !packet.lost);
        const arrivals = sent.flatMap((packet) => (packet.doubled ? [packet, packet] : [packet])).toSorted((a, b) => a.arrival - b.arrival);
        const recorded = record({ depthMs: 1e9, maxPackets: 20 });
        for (const packet of arrivals) recorded.reorder.push((first + packet.index) & 0xffff, packet.index, packet.arrival);
        recorded.reorder.flush();

        // The first to arrive begins the stream; those from before it are late.
        const start = arrivals[0]?.index ?? 0;
        const expected = sent.map((packet) => packet.index).filter((index) => index >= start);
        expect(items(recorded)).toEqual(expected);
        expect(recorded.released.map((one) => one.missing)).toEqual(expected.map((index, at) => (at === 0 ? 0 : index - (expected[at - 1] ?? 0) - 1)));
      }),
      { numRuns: 500 },
    );
  });

  test("any numbers at any times: nothing is released twice, lost silently or held for ever", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(fc.nat(0xffff), fc.nat(20)), fc.nat(300)), { maxLength: 300 }), (pushes) => {
        const recorded = record({ maxPackets: 10 });
        let now = 0;
        let kept = 0;
        for (const [index, [sequence, wait]] of pushes.entries()) {
          now += wait;
          const outcome = recorded.reorder.push(sequence, index, now);
          if (outcome === "released" || outcome === "held") kept += 1;
        }
        recorded.reorder.drain(now + 200);
        expect(recorded.released).toHaveLength(kept);
        expect(new Set(items(recorded)).size).toBe(kept);
        expect(kept + recorded.reorder.duplicates + recorded.reorder.late).toBe(pushes.length);
      }),
      { numRuns: 1000 },
    );
  });
});

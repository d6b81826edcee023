import fc from "fast-check";
import { expect, test } from "vitest";
import { createLatePlaces } from "./late-places.ts";

test("whatever timestamps say: late packets lie in their hole, in the order of their numbers, none on another", () => {
  const late = fc.record({ number: fc.nat(14), byClock: fc.oneof(fc.integer({ min: -500, max: 4_000 }), fc.integer()), samples: fc.constantFrom(80, 160, 320) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(2_400), fc.nat(0xffff), fc.array(late, { maxLength: 30 }), (count, room, next, packets) => {
      const places = createLatePlaces();
      places.add(next, count, 1_000, 1_000 + room);
      const placed = new Map<number, { from: number; to: number }>();
      for (const { number, byClock, samples } of packets) {
        const at = places.take((next - count + number) & 0xffff, samples, byClock);
        if (number >= count || placed.has(number)) expect(at).toBeNull();
        if (at !== null) placed.set(number, { from: at, to: at + samples });
      }
      let end = 1_000;
      for (const [, { from, to }] of [...placed].sort(([a], [b]) => a - b)) {
        expect(from).toBeGreaterThanOrEqual(end);
        end = to;
      }
      expect(end).toBeLessThanOrEqual(1_000 + Math.max(room, 0));
    }),
  );
});

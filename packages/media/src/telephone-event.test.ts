import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPressFollower, readTelephoneEvent } from "./telephone-event.ts";

describe("RFC 4733 reading", () => {
  test("an event, whether it ends, and how long it lasts", () => {
    expect(readTelephoneEvent(Uint8Array.of(11, 0x8a, 0x03, 0x20))).toEqual({ event: 11, ends: true, duration: 800 });
    expect(readTelephoneEvent(Uint8Array.of(0, 0x4a, 0xff, 0xff, 9, 9, 9, 9))).toEqual({ event: 0, ends: false, duration: 65_535 });
    for (const length of [0, 1, 2, 3]) expect(readTelephoneEvent(new Uint8Array(length))).toBeNull();
  });
});

/** What a sender says of a press that lasts so long, a packet every 20 ms, as RFC 4733 §2.5.1.3 has it. */
function saidOf(totalTicks: number, timestamp: number) {
  const packets: { timestamp: number; event: number; ends: boolean; duration: number; atTicks: number }[] = [];
  for (let at = 160; ; at = Math.min(at + 160, totalTicks)) {
    const segment = Math.floor((at - 1) / 0xffff);
    packets.push({ timestamp: (timestamp + segment * 0xffff) >>> 0, event: 7, ends: at === totalTicks, duration: at - segment * 0xffff, atTicks: at });
    if (at === totalTicks) return packets;
  }
}

describe("RFC 4733 following a press", () => {
  test("whatever is lost of it but its end, it is one press of its full length", () => {
    fc.assert(
      fc.property(fc.integer({ min: 320, max: 400_000 }), fc.nat(0xffff_ffff), fc.infiniteStream(fc.nat(9)), (totalTicks, timestamp, luck) => {
        const follower = createPressFollower();
        const seen = new Set<object>();
        let last = null;
        for (const { atTicks, ...told } of saidOf(totalTicks, timestamp)) {
          if (!told.ends && luck.next().value < 4) continue;
          last = follower.receive({ timestamp: told.timestamp, marker: false, arrivalMs: atTicks / 8, clockRateHz: 8_000 }, told);
          seen.add(last);
        }
        expect(seen.size).toBe(1);
        // Where the first segment was lost whole nobody can know that there was one.
        if (last!.timestamp === timestamp) expect(last!.durationMs).toBeCloseTo(totalTicks / 8, 6);
      }),
      { numRuns: 200 },
    );
  });

  test("the same key twice is two presses: each has its timestamp, and a marker or an end between them", () => {
    const follower = createPressFollower();
    const say = (timestamp: number, duration: number, ends: boolean, marker = false) => follower.receive({ timestamp, marker, arrivalMs: timestamp / 8, clockRateHz: 8_000 }, { event: 1, ends, duration });
    const first = say(1_000, 160, false, true);
    expect(say(1_000, 320, true)).toBe(first);
    expect(say(1_000, 320, true)).toMatchObject({ ends: 2, durationMs: 40 });
    const second = say(1_320, 160, false); // right after the end
    expect(second).not.toBe(first);
    const third = say(1_480, 160, false, true); // its marker says that it is another, though no end was heard
    expect(third).not.toBe(second);
  });
});

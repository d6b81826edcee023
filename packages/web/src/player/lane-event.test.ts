import { expect, test } from "vitest";
import type { Track } from "@earwitness/contract";
import { laneEvents } from "./lane-event.ts";

test("keys that were pressed stand between the events, at the person's own time and under who pressed them", () => {
  const tracks = [{ track: 2, participant: { aor: "sip:joni@example.com" } }] as unknown as Track[];
  const events = [{ atMs: 5_000, kind: "hold" as const, participant: null, text: "" }];
  const peaks = { stepMs: 100, tracks: [{ track: 2, peaks: [], keyPresses: [{ atMs: 3_500, key: "#", durationMs: 100 }] }] };
  expect(laneEvents({ tracks, events, partOffsetMs: 1_000 }, peaks)).toEqual([{ atMs: 2_500, kind: "key", participant: "sip:joni@example.com", text: "#" }, events[0]]);
  expect(laneEvents({ tracks, events, partOffsetMs: 0 }, { stepMs: 100, tracks: [{ track: 2, peaks: [] }] })).toEqual(events);
});

import type { CallEvent, Track } from "@earwitness/contract";
import { expect, test } from "vitest";
import { presence } from "./use-speech.ts";

const track = (change: Partial<Track> = {}): Track => ({ track: 1, participant: { name: null, aor: "sip:joni" }, mixed: false, offsetMs: 0, durationMs: 0, codec: "PCMU", speech: [], gaps: [], ...change });
const event = (atMs: number, kind: CallEvent["kind"], participant = "sip:joni"): CallEvent => ({ atMs, kind, participant, text: "" });

test("while a call runs, presence follows who joined and left", () => {
  expect(presence({ events: [] }, track(), 30_000)).toEqual({ offsetMs: 0, durationMs: 30_000 });
  expect(presence({ events: [event(22_000, "join"), event(5_000, "join", "sip:adele")] }, track(), 30_000)).toEqual({ offsetMs: 22_000, durationMs: 8_000 });
  expect(presence({ events: [event(22_000, "join"), event(25_000, "leave")] }, track(), 30_000)).toEqual({ offsetMs: 22_000, durationMs: 3_000 });
  // Left in the moment the call was passed on to whose page this is.
  expect(presence({ events: [event(0, "leave")] }, track({ offsetMs: -14_877 }), 30_000)).toEqual({ offsetMs: -14_877, durationMs: 14_877 });
  expect(presence({ events: [event(9_000, "leave"), event(12_000, "join")] }, track({ offsetMs: 40, durationMs: 8_900 }), 30_000)).toEqual({ offsetMs: 40, durationMs: 29_960 });
});

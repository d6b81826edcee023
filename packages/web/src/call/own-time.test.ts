import type { InteractionDetail } from "@earwitness/contract";
import { expect, test } from "vitest";
import { inOwnTime } from "./own-time.ts";

const recording = { id: "6b01116ef4f17abc408e3a51", startedAt: "2026-11-21T03:35:10.719Z", durationMs: 52_982, fromMs: 14_877, toMs: 52_968, manifestSha256: null, node: "node" };
const call = {
  recording,
  tracks: [{ track: 1, participant: { name: null, aor: "sip:a" }, mixed: false, offsetMs: 21, durationMs: 52_961, codec: "PCMU", speech: [[15_877, 16_877]], gaps: [{ fromMs: 52_982, toMs: 900_000, reason: "recorder_restart" }] }],
  events: [{ atMs: 14_877, kind: "transfer", participant: null, text: "" }],
} as unknown as InteractionDetail;

test("CAP-51 a part of a recording begins at zero; the media is still the whole recording's", () => {
  const own = inOwnTime(call);
  expect(own.partOffsetMs).toBe(14_877);
  expect(own.recording).toMatchObject({ fromMs: 0, toMs: 38_091, durationMs: 38_105, startedAt: recording.startedAt });
  expect(own.tracks[0]).toMatchObject({ offsetMs: -14_856, durationMs: 52_961, speech: [[1_000, 2_000]] });
  expect(own.events[0]?.atMs).toBe(0);
});

test("a part that was left open by a crash ends with its sound", () => {
  const own = inOwnTime({ ...call, recording: { ...recording, toMs: 9_000_000 } });
  expect(own.recording?.toMs).toBe(52_982 - 14_877);
  expect(own.tracks[0]?.gaps[0]).toEqual({ fromMs: 38_105, toMs: 885_123, reason: "recorder_restart" });
});

test("a call without a recording stays as it is", () => {
  expect(inOwnTime({ ...call, recording: null, tracks: [], events: [] })).toMatchObject({ partOffsetMs: 0, recording: null });
});

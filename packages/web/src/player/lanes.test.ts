import type { CallEvent, Track } from "@earwitness/contract";
import { expect, test } from "vitest";
import { extendSpeech, lanesOf, withHolds } from "./lanes.ts";

const track = (number: number, aor: string, speech: [number, number][], offsetMs = 0): Track => ({
  track: number,
  participant: { name: aor.slice(4), aor },
  mixed: false,
  offsetMs,
  durationMs: 60_000,
  codec: "PCMU",
  speech,
  gaps: [],
});

test("INT-41 one lane for each speaker, who spoke first on top", () => {
  const lanes = lanesOf([track(1, "sip:adele", [[5_000, 6_000]]), track(2, "sip:alex", [[900, 2_000]]), track(3, "sip:megan", [[3_000, 4_000]])]);
  expect(lanes.map((lane) => lane.aor)).toEqual(["sip:alex", "sip:megan", "sip:adele"]);
});

test("INT-41 a three-party meeting has three colors, and they stay whoever speaks first", () => {
  const before = lanesOf([track(1, "sip:adele", []), track(2, "sip:alex", []), track(3, "sip:megan", [])]);
  const after = lanesOf([track(3, "sip:megan", [[100, 200]]), track(2, "sip:alex", [[300, 400]]), track(1, "sip:adele", [[500, 600]])]);
  const colors = (lanes: typeof before) => Object.fromEntries(lanes.map((lane) => [lane.aor, lane.color]));
  expect(new Set(before.map((lane) => lane.color)).size).toBe(3);
  expect(colors(after)).toEqual(colors(before));
});

test("whoever never spoke comes last, in the order of joining", () => {
  const lanes = lanesOf([track(1, "sip:silent-late", [], 9_000), track(2, "sip:silent", [], 10), track(3, "sip:alex", [[50_000, 51_000]])]);
  expect(lanes.map((lane) => lane.aor)).toEqual(["sip:alex", "sip:silent", "sip:silent-late"]);
});

test("the tracks of one person share a lane, and talk over oneself is counted once", () => {
  const [lane, ...others] = lanesOf([track(1, "sip:adele", [[1_000, 3_000]]), track(4, "sip:adele", [[2_000, 5_000]], 30_000)]);
  expect(others).toEqual([]);
  expect(lane?.tracks.map((one) => one.track)).toEqual([1, 4]);
  expect(lane?.spokenMs).toBe(4_000);
  expect(lane?.present).toEqual([[0, 90_000]]);
});

test("CAP-51 who left before the call was passed on has no lane in what came after; who stayed has theirs from its beginning", () => {
  const gone = { ...track(2, "sip:joni", [[-9_000, -2_000]], -14_856), durationMs: 14_900 };
  const stayed = { ...track(1, "sip:caller", [[-5_000, -4_000], [1_000, 2_000]], -14_856), durationMs: 52_961 };
  const lanes = lanesOf([stayed, gone, track(3, "sip:pradeep", [[3_000, 4_000]])], [0, 38_091]);
  expect(lanes.map(({ aor, present, speech, color }) => ({ aor, present, speech, color }))).toEqual([
    { aor: "sip:caller", present: [[0, 38_091]], speech: [[1_000, 2_000]], color: 0 },
    { aor: "sip:pradeep", present: [[0, 38_091]], speech: [[3_000, 4_000]], color: 2 },
  ]);
});

test("who has just come has a lane before the first sound", () => {
  expect(lanesOf([{ ...track(1, "sip:adele", []), durationMs: 0 }])).toHaveLength(1);
});

test("live levels make segments that a breath does not end", () => {
  let spans = extendSpeech([], 5_000);
  spans = extendSpeech(spans, 5_400);
  spans = extendSpeech(spans, 6_000);
  spans = extendSpeech(spans, 9_000);
  expect(spans).toEqual([
    [4_800, 6_000],
    [8_800, 9_000],
  ]);
});

test("who is on hold is dotted until they are back, have left, or the call is over", () => {
  const lanes = lanesOf([track(1, "sip:adele", []), track(2, "sip:alex", [])]);
  const event = (atMs: number, kind: CallEvent["kind"], participant: string): CallEvent => ({ atMs, kind, participant, text: "" });
  const events = [event(5_000, "hold", "sip:alex"), event(6_000, "retrieve", "sip:adele"), event(9_000, "retrieve", "sip:alex"), event(20_000, "hold", "sip:alex")];
  const [adele, alex] = withHolds(lanes, events, 60_000);
  expect(adele?.gaps).toEqual([]);
  expect(alex?.gaps).toEqual([
    { fromMs: 5_000, toMs: 9_000, reason: "hold" },
    { fromMs: 20_000, toMs: 60_000, reason: "hold" },
  ]);
});

test("a lane of which nothing arrived is not one of somebody silent", () => {
  const heard = (change: Partial<Track>) => lanesOf([{ ...track(1, "sip:adele", []), ...change }])[0]?.heard;
  expect(heard({})).toBe(true);
  expect(heard({ durationMs: 0 })).toBe(false);
  expect(heard({ gaps: [{ fromMs: 0, toMs: 60_000, reason: "loss" }] })).toBe(false);
  expect(heard({ gaps: [{ fromMs: 0, toMs: 59_000, reason: "loss" }] })).toBe(true);
  expect(heard({ durationMs: 10_000, gaps: [{ fromMs: 10_000, toMs: 60_000, reason: "no_media" }] }), "what is missing after the last packet").toBe(true);
});

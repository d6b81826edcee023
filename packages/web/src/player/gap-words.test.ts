import { createIntl } from "react-intl";
import { expect, test } from "vitest";
import type { OwnCall } from "../call/own-time.ts";
import { en } from "../messages/en.ts";
import type { Text } from "../text.ts";
import { missingOf, wallClockOf } from "./gap-words.ts";

const intl = createIntl({ locale: "en", messages: en });
const text: Text = (id, values) => intl.formatMessage({ id }, values);
const reader = { locale: "en-US", timeZone: "Europe/Berlin" };

const cut = (untilMs: number, speaker: number, name: string) => ({
  track: speaker,
  participant: { name, aor: `sip:${speaker}` },
  mixed: false,
  offsetMs: 16 * speaker,
  durationMs: 23_000,
  codec: "PCMU",
  speech: [],
  gaps: [{ fromMs: 23_397 + speaker, toMs: untilMs, reason: "recorder_restart" as const }],
});
const callDownFor = (ms: number): OwnCall =>
  ({
    mediaStatus: "Available",
    partOffsetMs: 10_000,
    recording: { startedAt: "2026-11-21T03:37:11.860Z", fromMs: 0, toMs: 23_397, durationMs: 23_397 },
    tracks: [cut(23_397 + ms, 1, "Adele Vance"), cut(23_397 + ms, 2, "Alex Wilber")],
  }) as unknown as OwnCall;
const said = (call: OwnCall) => missingOf(call, text, wallClockOf(call, reader));

test("a recorder that was down is said once for all speakers, by the clock on the wall", () => {
  expect(said(callDownFor(97_000))).toEqual(["Recorder was down from 04:37:45 until 04:39:22 (00:01:37)"]);
});

test("an outage over midnight names the day it ended on", () => {
  expect(said(callDownFor(20 * 3_600_000))).toEqual(["Recorder was down from 04:37:45 until Nov 22, 00:37:45 (20:00:00)"]);
});

test("other losses keep their speaker and their place in the recording", () => {
  const call = callDownFor(60_000);
  const [first, ...others] = call.tracks;
  const lossy = { ...call, tracks: [{ ...first!, gaps: [{ fromMs: 2_000, toMs: 2_400, reason: "loss" as const }, ...first!.gaps] }, ...others] };
  expect(said(lossy)).toEqual(["Recorder was down from 04:37:45 until 04:38:45 (00:01:00)", "Adele Vance: Packets were lost on the network, 0:02.0–0:02.4"]);
});

test.each([
  ["late", "The recorder was too busy to read the audio in time"],
  ["undecodable", "Audio could not be decoded"],
] as const)("a gap of %s says why", (reason, words) => {
  const call = callDownFor(60_000);
  const [first] = call.tracks;
  expect(said({ ...call, tracks: [{ ...first!, gaps: [{ fromMs: 2_000, toMs: 2_400, reason }] }] })).toEqual([`Adele Vance: ${words}, 0:02.0–0:02.4`]);
});

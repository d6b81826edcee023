import type { OwnCall } from "../call/own-time.ts";
import { shortAddress } from "../party.ts";
import type { Text } from "../text.ts";
import { formatDuration, formatMoment, formatPosition, type Reader } from "../time.ts";
import { lanesOf, type Lane } from "./lanes.ts";
import { groupGaps, mergeSpans, type GapGroup } from "./segments.ts";

/** Says of a place in the recording when it was by the clock on the wall; the day only where it is not the call's. */
export type WallClock = (ms: number) => string;

export function wallClockOf(call: OwnCall, reader: Reader): WallClock {
  const startMs = Date.parse(call.recording?.startedAt ?? call.startedAt) + call.partOffsetMs;
  return (ms) => formatMoment(new Date(startMs + ms).toISOString(), reader, new Date(startMs));
}

const isOutage = (group: GapGroup): boolean => group.reasons.every((reason) => reason === "recorder_restart");

export const laneName = (lane: Pick<Lane, "name" | "aor">): string => lane.name ?? shortAddress(lane.aor);

export function gapWords(group: GapGroup, who: string, text: Text, wallClock: WallClock): string {
  // The recorder's own absence is nobody's in particular, and outlasts the recording: its place there would say nothing.
  if (isOutage(group)) return outageWords(group.fromMs, group.toMs, text, wallClock);
  const reason = group.reasons.map((one) => text(`gap.${one}`)).join(", ");
  const from = formatPosition(group.fromMs, true);
  const to = formatPosition(group.toMs, true);
  return group.count === 1
    ? text("gap.one", { who, reason, from, to })
    : text("gap.many", { who, reason, from, to, count: group.count, missing: formatPosition(group.missingMs, true) });
}

const outageWords = (fromMs: number, toMs: number, text: Text, wallClock: WallClock): string =>
  text("gap.down", { from: wallClock(fromMs), until: wallClock(toMs), duration: formatDuration(Math.round((toMs - fromMs) / 1000) * 1000) });

/** When the recorder itself was away, once for all speakers. */
export function outagesOf(lanes: readonly Lane[], text: Text, wallClock: WallClock): string[] {
  const gaps = lanes.flatMap((lane) => lane.gaps.filter((gap) => gap.reason === "recorder_restart"));
  return mergeSpans(gaps.map((gap) => [gap.fromMs, gap.toMs]), 1_000).map(([from, to]) => outageWords(from, to, text, wallClock));
}

/** All that is missing of a call, a sentence each. Two losses within a second are one sentence to a reader. */
export function missingOf(call: OwnCall, text: Text, wallClock: WallClock): string[] {
  const lanes = lanesOf(call.tracks, call.mediaStatus === "Recording" ? undefined : [0, call.recording?.toMs ?? 0]);
  const losses = lanes.flatMap((lane) => {
    const gaps = lane.gaps.filter((gap) => gap.reason !== "recorder_restart");
    return groupGaps(gaps, 1_000).map((group) => gapWords(group, laneName(lane), text, wallClock));
  });
  return [...outagesOf(lanes, text, wallClock), ...losses];
}

import type { Peaks } from "@earwitness/contract";
import type { Playable } from "./playable.ts";

/** Peaks and key presses as they were sealed with the recording, none outside of the person's part: loudness too says who spoke when. */
export function cutPeaks(sealed: Peaks, { part, tracks }: Playable): Peaks {
  const { stepMs } = sealed;
  return {
    stepMs,
    tracks: sealed.tracks.map(({ track, peaks, keyPresses }) => {
      const offsetMs = tracks.find((row) => row.track === track)?.offset_ms ?? 0;
      return {
        track,
        peaks: peaks.map((peak, step) => {
          const fromMs = offsetMs + step * stepMs;
          return fromMs + stepMs > part.fromMs && fromMs < part.toMs ? peak : 0;
        }),
        ...(keyPresses === undefined ? {} : { keyPresses: keyPresses.filter(({ atMs }) => atMs >= part.fromMs && atMs < part.toMs) }),
      };
    }),
  };
}

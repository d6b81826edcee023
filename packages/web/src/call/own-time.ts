import type { InteractionDetail } from "@earwitness/contract";

/** An interaction on the clock of its own person: zero is where their part of the recording begins (CAP-51), and `toMs` where its sound ends. */
export type OwnCall = InteractionDetail & {
  /** Where the person's part begins in the recording, and so in its media. */
  readonly partOffsetMs: number;
};

/**
 * Who joined a meeting late, or was passed a call, has a part of a recording. All the portal says of places in it counts from
 * the beginning of that part. Only the media is the whole recording's; `partOffsetMs` leads back to it.
 */
export function inOwnTime(call: InteractionDetail): OwnCall {
  const { recording } = call;
  if (!recording) return { ...call, partOffsetMs: 0 };
  const by = recording.fromMs;
  const at = (ms: number) => ms - by;
  return {
    ...call,
    partOffsetMs: by,
    recording: {
      ...recording,
      fromMs: 0,
      // A part is open until the recorder knows better; after a crash that is long after the last sound.
      toMs: Math.max(0, at(Math.min(recording.toMs, recording.durationMs))),
      durationMs: Math.max(0, at(recording.durationMs)),
    },
    tracks: call.tracks.map((track) => ({
      ...track,
      offsetMs: at(track.offsetMs),
      speech: track.speech.map(([from, to]): [number, number] => [at(from), at(to)]),
      gaps: track.gaps.map((gap) => ({ ...gap, fromMs: at(gap.fromMs), toMs: at(gap.toMs) })),
    })),
    events: call.events.map((event) => ({ ...event, atMs: at(event.atMs) })),
  };
}

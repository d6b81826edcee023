import type { CallEvent, Peaks } from "@earwitness/contract";
import type { OwnCall } from "../call/own-time.ts";

/** A key pressed on somebody's telephone; it comes with the peaks, for whoever may hear the call. */
export interface KeyEvent {
  readonly atMs: number;
  readonly kind: "key";
  readonly participant: string | null;
  /** `5`, `#` … */
  readonly text: string;
}

export type LaneEvent = CallEvent | KeyEvent;

/** Everything on the event lane, in order, on the person's own clock. */
export function laneEvents(call: Pick<OwnCall, "events" | "tracks" | "partOffsetMs">, peaks: Peaks | undefined): LaneEvent[] {
  const pressed = (peaks?.tracks ?? []).flatMap(({ track, keyPresses = [] }) => {
    const participant = call.tracks.find((one) => one.track === track)?.participant.aor ?? null;
    return keyPresses.map(({ atMs, key }): KeyEvent => ({ atMs: atMs - call.partOffsetMs, kind: "key", participant, text: key }));
  });
  return [...call.events, ...pressed].toSorted((one, two) => one.atMs - two.atMs);
}

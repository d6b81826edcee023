import type { InteractionDetail, Track } from "@earwitness/contract";
import { useRef, useState } from "react";
import { useLiveEvents } from "../live.ts";
import { runningDurationMs } from "../time.ts";
import { extendSpeech } from "./lanes.ts";
import { mergeSpans, type Span } from "./segments.ts";

export interface LiveSpeech {
  /** What was heard since the page was opened, by track. */
  readonly speech: ReadonlyMap<number, readonly Span[]>;
  /** 0…1 by track, now. */
  readonly levels: ReadonlyMap<number, number>;
}

const nothing: LiveSpeech = { speech: new Map(), levels: new Map() };

/** While a call runs: who speaks now and how loud, and the speech that this makes, until the recorder's own record of it comes. */
export function useLiveSpeech(call: InteractionDetail & { seenAtMs: number }): LiveSpeech {
  const [live, setLive] = useState<{ id: string; now: LiveSpeech }>({ id: call.id, now: nothing });
  const recording = useRef(call);
  recording.current = call;
  const running = call.mediaStatus === "Recording";

  useLiveEvents((event) => {
    if (!running || event.kind !== "activity") return;
    const mine = event.recordings.find((one) => one.interactionIds.includes(call.id));
    if (!mine) return;
    const atMs = positionOf(recording.current, Date.now());
    setLive((before) => {
      const known = before.id === call.id ? before.now : nothing;
      const speech = new Map(known.speech);
      for (const { track, speaking } of mine.tracks) if (speaking) speech.set(track, extendSpeech(speech.get(track) ?? [], atMs));
      return { id: call.id, now: { speech, levels: new Map(mine.tracks.map(({ track, level }) => [track, level])) } };
    });
  });
  return running && live.id === call.id ? live.now : nothing;
}

/** How far the recording has got, on its own timeline. */
export const positionOf = (call: InteractionDetail & { seenAtMs: number }, nowMs: number): number =>
  runningDurationMs({ durationMs: call.recording?.durationMs ?? 0, seenAtMs: call.seenAtMs }, nowMs);

/** Adds what was heard live to what the recorder has said. */
export function withLiveSpeech(call: InteractionDetail, live: LiveSpeech, untilMs: number): InteractionDetail["tracks"] {
  if (call.mediaStatus !== "Recording") return call.tracks;
  return call.tracks.map((track) => ({
    ...track,
    ...presence(call, track, untilMs),
    // Levels come between two ticks of the clock; nobody is drawn ahead of it.
    speech: mergeSpans([...track.speech, ...(live.speech.get(track.track) ?? [])]).flatMap(([from, to]): [number, number][] =>
      from < untilMs ? [[from, Math.min(to, untilMs)]] : [],
    ),
  }));
}

/** The recorder says where a track lies when it is sealed; until then those who came late or went early are known by the events of it. */
export function presence(call: Pick<InteractionDetail, "events">, track: Track, untilMs: number): Pick<Track, "offsetMs" | "durationMs"> {
  const own = call.events.filter((event) => event.participant === track.participant.aor);
  const joinedMs = own.find((event) => event.kind === "join")?.atMs ?? track.offsetMs;
  const last = own.findLast((event) => event.kind === "join" || event.kind === "leave");
  const endMs = last?.kind === "leave" ? last.atMs : untilMs;
  const offsetMs = track.durationMs > 0 ? track.offsetMs : Math.max(track.offsetMs, joinedMs);
  return { offsetMs, durationMs: Math.max(track.durationMs, endMs - offsetMs) };
}

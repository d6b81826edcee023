import { useEffect, useState, useSyncExternalStore } from "react";
import { api, problemOf, readProblem } from "../api.ts";
import type { OwnCall } from "../call/own-time.ts";
import { apiPaths } from "../paths.ts";
import { createEngine, type Engine, type EngineState } from "./engine.ts";

const volumeKey = "earwitness.volume";
const storedVolume = (): number => {
  const stored = Number.parseFloat(localStorage.getItem(volumeKey) ?? "");
  return stored >= 0 && stored <= 1 ? stored : 1;
};
export const rememberVolume = (volume: number): void => localStorage.setItem(volumeKey, String(volume));

async function explain(error: unknown, address: string | null) {
  if (address === null) return problemOf(error);
  try {
    const response = await fetch(address, { headers: { range: "bytes=0-0" }, credentials: "same-origin" });
    if (!response.ok) return await readProblem(response);
    await response.body?.cancel();
  } catch {
    return { type: "about:blank", title: "", status: 0, code: "UNREACHABLE" };
  }
  return problemOf(error);
}

/** The sound of one interaction; null as long as there is none to play. */
export function useEngine(call: OwnCall, startMs: number | null): Engine | null {
  const [engine, setEngine] = useState<Engine | null>(null);
  const { id, mediaStatus, recording, tracks, partOffsetMs: mediaFromMs } = call;
  const playable = mediaStatus === "Available" && recording !== null && tracks.length > 0;
  const toMs = recording?.toMs ?? 0;
  const numbers = tracks.map((track) => track.track).join();

  useEffect(() => {
    if (!playable) return;
    const made = createEngine({
      tracks: numbers.split(",").map(Number),
      mediaFromMs,
      toMs,
      volume: storedVolume(),
      muted: false,
      open: async () => apiPaths.media(id, (await api.startPlay(id)).playId),
      explain,
    });
    setEngine(made);
    return () => {
      made.close();
      setEngine(null);
    };
  }, [id, playable, mediaFromMs, toMs, numbers]);

  useEffect(() => {
    // Only where the address led; later changes of the address come from the engine itself.
    if (engine && startMs !== null && engine.state().phase === "idle") engine.seek(startMs);
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [engine]);
  return engine;
}

const never = () => () => undefined;
export function useEngineState(engine: Engine | null): EngineState | null {
  return useSyncExternalStore(engine?.subscribe ?? never, () => engine?.state() ?? null);
}

import type { LiveEvent } from "@earwitness/contract";
import { useEffect, useEffectEvent, useSyncExternalStore } from "react";
import { apiPaths } from "./paths.ts";

export type LiveState = "connecting" | "open" | "lost";

/**
 * One event stream for the whole page. A browser allows six connections to a host under HTTP/1.1, so a page that nobody looks
 * at gives its own back after a minute and reads everything again when it is looked at.
 */
const hiddenForMs = 60_000;

const listeners = new Set<(event: LiveEvent) => void>();
const stateListeners = new Set<() => void>();
let state: LiveState = "connecting";

const tell = (event: LiveEvent) => {
  for (const listener of listeners) listener(event);
};
const become = (next: LiveState) => {
  state = next;
  for (const listener of stateListeners) listener();
};

export function openLive(onRefused: () => void): { close(): void } {
  let source: EventSource | null = null;
  let missed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const stop = () => {
    source?.close();
    source = null;
    missed = true;
  };
  const start = () => {
    if (source) return;
    source = new EventSource(apiPaths.live);
    const read = (message: MessageEvent<string>) => tell(JSON.parse(message.data) as LiveEvent);
    for (const kind of ["interaction", "activity", "reset"]) source.addEventListener(kind, read as EventListener);
    source.onopen = () => {
      become("open");
      // What happened while nobody listened is not told again.
      if (missed) tell({ kind: "reset" });
      missed = false;
    };
    source.onerror = () => {
      missed = true;
      become("lost");
      // CONNECTING: the browser tries again by itself. CLOSED: the server refused, perhaps because the session ended.
      if (source?.readyState !== EventSource.CLOSED) return;
      stop();
      onRefused();
      timer = setTimeout(start, 5_000);
    };
  };
  const onVisibility = () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") start();
    else timer = setTimeout(stop, hiddenForMs);
  };

  document.addEventListener("visibilitychange", onVisibility);
  start();
  return {
    close() {
      document.removeEventListener("visibilitychange", onVisibility);
      clearTimeout(timer);
      stop();
      become("connecting");
    },
  };
}

export function useLiveEvents(listen: (event: LiveEvent) => void): void {
  const latest = useEffectEvent(listen);
  useEffect(() => {
    const listener = (event: LiveEvent) => latest(event);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
}

const subscribeState = (listener: () => void) => {
  stateListeners.add(listener);
  return () => void stateListeners.delete(listener);
};

export const useLiveState = (): LiveState => useSyncExternalStore(subscribeState, () => state);

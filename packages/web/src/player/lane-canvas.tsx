import type { Peaks } from "@earwitness/contract";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { drawLane } from "./draw.ts";
import type { Lane } from "./lanes.ts";
import { laneGrounds } from "./speakers.ts";
import type { View } from "./view.ts";
import s from "./timeline.module.css";

export function LaneCanvas({ lane, view, peaks, dark }: { lane: Lane; view: View; peaks: Peaks | undefined; dark: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ widthPx: 0, heightPx: 0 });

  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const measure = () => setSize({ widthPx: element.clientWidth, heightPx: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || size.widthPx === 0) return;
    const density = devicePixelRatio || 1;
    element.width = Math.round(size.widthPx * density);
    element.height = Math.round(size.heightPx * density);
    context.scale(density, density);
    // The style sheet knows the colors, also those of a high-contrast theme.
    const style = getComputedStyle(element);
    const own = (name: string) => style.getPropertyValue(name).trim();
    drawLane(
      context,
      size.widthPx,
      size.heightPx,
      {
        view,
        present: lane.present,
        speech: lane.speech,
        gaps: lane.gaps,
        stepMs: peaks?.stepMs ?? 1,
        peaks: lane.tracks.map((track) => ({ fromMs: track.offsetMs, values: peaks?.tracks.find((one) => one.track === track.track)?.peaks ?? [] })),
      },
      { speaker: style.color, onSpeaker: own("--ew-on-speaker"), ground: own("--ew-lane-ground") || laneGrounds[dark ? "dark" : "light"], hatch: own("--ew-hatch") },
    );
  }, [lane, view, peaks, size, dark]);

  return <canvas ref={canvas} className={s.canvas} aria-hidden="true" />;
}

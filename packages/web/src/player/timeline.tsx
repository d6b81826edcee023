import type { Peaks } from "@earwitness/contract";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { Slider } from "@fluentui/react-components";
import { FullScreenMaximizeRegular } from "@fluentui/react-icons/svg/full-screen-maximize";
import { SpeakerMuteRegular } from "@fluentui/react-icons/svg/speaker-mute";
import { Speaker2Regular } from "@fluentui/react-icons/svg/speaker";
import { SubtractRegular } from "@fluentui/react-icons/svg/subtract";
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState, type CSSProperties, type PointerEvent as ReactPointerEvent, type RefObject } from "react";
import { shortAddress } from "../party.ts";
import { useText } from "../text.ts";
import { formatPosition } from "../time.ts";
import { useIsDark } from "../theme.ts";
import { EventMarks } from "./events.tsx";
import type { LaneEvent } from "./lane-event.ts";
import { laneName, type WallClock } from "./gap-words.ts";
import { GapMarks } from "./gaps.tsx";
import { LaneCanvas } from "./lane-canvas.tsx";
import type { Lane } from "./lanes.ts";
import { isInside } from "./segments.ts";
import { speakerColor } from "./speakers.ts";
import { isFit, lengthOfView, pan, ticks, zoom, type View } from "./view.ts";
import s from "./timeline.module.css";

export interface SpeakerState {
  readonly on: boolean;
  /** 0…1 */
  readonly level: number;
}

interface TimelineProps {
  readonly lanes: readonly Lane[];
  readonly events: readonly LaneEvent[];
  readonly peaks: Peaks | undefined;
  readonly whole: View;
  readonly view: View;
  readonly onView: (view: View) => void;
  readonly speakers: ReadonlyMap<string, SpeakerState>;
  readonly onSpeaker: (aor: string, change: Partial<SpeakerState>) => void;
  readonly onOnly: (aor: string) => void;
  /** Null while everybody is shown. */
  readonly onEveryone: (() => void) | null;
  /** Null while there is nothing to play. */
  readonly position: (() => number) | null;
  readonly onSeek: (toMs: number) => void;
  /** Loudness now, by track, while the call runs. */
  readonly levels: ReadonlyMap<number, number>;
  /** How far a running call has got; null when it is over. */
  readonly runningMs: number | null;
  readonly wallClock: WallClock;
}

/** Two speakers have room to be seen well; ten must still fit on a screen. */
const laneHeightPx = (lanes: number): number => Math.max(36, Math.min(76, Math.round(240 / lanes)));

export function Timeline(props: TimelineProps) {
  const { lanes, events, peaks, whole, view, onView, speakers, onSpeaker, onOnly, onEveryone, position, onSeek, levels, runningMs, wallClock } = props;
  const text = useText();
  const dark = useIsDark();
  const surface = useRef<HTMLDivElement>(null);
  const root = useRef<HTMLDivElement>(null);
  const widthPx = useWidth(surface);
  const perPx = lengthOfView(view) / Math.max(1, widthPx);
  const scale = ticks(view, widthPx);
  const percentOf = (ms: number) => ((ms - view.fromMs) / lengthOfView(view)) * 100;
  const talkMs = lanes.reduce((sum, lane) => sum + lane.spokenMs, 0);
  const nameOf = (aor: string | null) => {
    const lane = lanes.find((one) => one.aor === aor);
    return lane ? laneName(lane) : aor ? shortAddress(aor) : text("event.someone");
  };

  usePlayhead(root, view, lanes, position ?? (runningMs === null ? null : () => runningMs));
  useZoomKeys(surface, view, whole, onView);

  const msAt = (event: { clientX: number }) => {
    const box = surface.current?.getBoundingClientRect();
    return box ? view.fromMs + ((event.clientX - box.left) / box.width) * lengthOfView(view) : view.fromMs;
  };
  const scrub = (event: ReactPointerEvent<HTMLDivElement>) => {
    if (!position || (event.type === "pointerdown" ? event.button !== 0 : event.buttons !== 1)) return;
    if (event.type === "pointerdown") event.currentTarget.setPointerCapture(event.pointerId);
    onSeek(Math.max(whole.fromMs, Math.min(whole.toMs, msAt(event))));
  };
  const hover = (event: ReactPointerEvent<HTMLDivElement>) => {
    const box = surface.current?.getBoundingClientRect();
    if (!box || !root.current) return;
    root.current.style.setProperty("--hover", `${event.clientX - box.left}px`);
    const label = root.current.querySelector("[data-hover-time]");
    if (label) label.textContent = formatPosition(msAt(event), perPx < 60);
  };

  return (
    <section className={s.timeline} aria-label={text("player.timeline")}>
      <div ref={root} className={s.grid} data-playable={position ? true : undefined} style={{ "--tall": `${laneHeightPx(lanes.length)}px` } as CSSProperties}>
        <div className={s.ruler} aria-hidden="true">
          {scale.atMs.filter((at) => (view.toMs - at) / perPx > 34).map((at) => (
            <span key={at} className={s.tick} style={{ left: `${percentOf(at)}%` }}>
              {formatPosition(at, scale.stepMs < 1000)}
            </span>
          ))}
        </div>

        {lanes.map((lane, index) => {
          const name = laneName(lane);
          const state = speakers.get(lane.aor) ?? { on: true, level: 1 };
          const level = Math.max(0, ...lane.tracks.map((track) => levels.get(track.track) ?? 0));
          const share = talkMs > 0 ? lane.spokenMs / talkMs : 0;
          return (
            <div
              key={lane.aor}
              className={s.lane}
              data-off={!state.on || undefined}
              data-lane={lane.aor}
              style={{ "--speaker": speakerColor(lane.color, dark), "--level": level, gridRow: index + 2 } as CSSProperties}
            >
              <div className={s.head}>
                <button
                  type="button"
                  className={s.toggle}
                  aria-pressed={state.on}
                  aria-label={text("player.speaker.on", { name })}
                  data-tip={index < 9 ? `${text("player.speaker.on", { name })} (${index + 1})` : undefined}
                  onClick={() => onSpeaker(lane.aor, { on: !state.on })}
                >
                  {state.on ? <Speaker2Regular /> : <SpeakerMuteRegular />}
                </button>
                <div className={s.who}>
                  <button type="button" className={s.name} onClick={() => onOnly(lane.aor)} data-tip={lane.mixed ? text("player.mixed") : `${text("player.speaker.only", { name })} · ${shortAddress(lane.aor)}`}>
                    {name}
                  </button>
                  {runningMs !== null ? (
                    <span className={s.meter} aria-hidden="true" />
                  ) : (
                    <div className={s.under}>
                      <span className={s.share}>{lane.mixed ? text("player.mixed.short") : lane.spokenMs > 0 ? text("player.speaker.share", { share }) : text(lane.heard ? "player.speaker.never" : "player.speaker.nothing")}</span>
                      <Slider
                        size="small"
                        className={s.level ?? ""}
                        data-changed={state.level < 1 || undefined}
                        min={0}
                        max={100}
                        value={Math.round(state.level * 100)}
                        disabled={!state.on}
                        aria-label={text("player.speaker.level", { name })}
                        aria-valuetext={text("player.speaker.level.value", { level: state.level })}
                        onChange={(_, { value }) => onSpeaker(lane.aor, { level: value / 100 })}
                      />
                    </div>
                  )}
                </div>
              </div>
              <div className={s.body}>
                <LaneCanvas lane={lane} view={view} peaks={peaks} dark={dark} />
                <GapMarks lane={lane} view={view} perPx={perPx} wallClock={wallClock} onSeek={onSeek} />
              </div>
              <p className="unseen">
                {text("player.speaker.summary", { name, count: lane.speech.length, spoken: formatPosition(lane.spokenMs) })}
              </p>
            </div>
          );
        })}

        <div className={s.events} style={{ gridRow: lanes.length + 2 }}>
          <span className={s.eventsHead}>{text("player.events")}</span>
          <div className={s.eventsBody}>
            <EventMarks events={events} view={view} widthPx={widthPx} untilMs={runningMs ?? view.toMs} nameOf={nameOf} onSeek={onSeek} />
          </div>
        </div>

        <div className={s.overlay}>
          <div
            ref={surface}
            className={s.surface}
            onPointerDown={scrub}
            onPointerMove={(event) => {
              hover(event);
              scrub(event);
            }}
          />
          <div className={s.hover} aria-hidden="true">
            <span data-hover-time className="numbers" />
          </div>
          {(position || runningMs !== null) && <div className={s.playhead} data-playhead data-live={runningMs !== null || undefined} aria-hidden="true" />}
        </div>
      </div>

      <div className={s.foot}>
        <div className={s.footHead}>
          {onEveryone && (
            <button type="button" className={s.everyone} onClick={onEveryone}>
              {text("player.everyone")}
            </button>
          )}
        </div>
        <ScrollBar idle={!position && isFit(view, whole)} view={view} whole={whole} onView={onView} position={position} onSeek={onSeek} />
        <div className={s.zoom}>
          <button type="button" aria-label={text("player.zoomOut")} data-tip={`${text("player.zoomOut")} (−)`} disabled={isFit(view, whole)} onClick={() => onView(zoom(view, 1 / 1.6, middle(view, position), whole))}>
            <SubtractRegular />
          </button>
          <button type="button" aria-label={text("player.fit")} data-tip={`${text("player.fit")} (0)`} disabled={isFit(view, whole)} onClick={() => onView(whole)}>
            <FullScreenMaximizeRegular />
          </button>
          <button type="button" aria-label={text("player.zoomIn")} data-tip={`${text("player.zoomIn")} (+)`} onClick={() => onView(zoom(view, 1.6, middle(view, position), whole))}>
            <AddRegular />
          </button>
        </div>
      </div>
    </section>
  );
}

/** Zooming by button or key keeps the playhead where it is, if it is on the screen. */
export function middle(view: View, position: (() => number) | null): number {
  const at = position?.();
  return at !== undefined && at >= view.fromMs && at <= view.toMs ? at : (view.fromMs + view.toMs) / 2;
}

/** Moves by the screen's own beat and not through React: sixty times a second a style, nothing else. */
function usePlayhead(root: RefObject<HTMLDivElement | null>, view: View, lanes: readonly Lane[], position: (() => number) | null): void {
  useEffect(() => {
    const element = root.current;
    if (!element || !position) return;
    let frame = 0;
    const paint = () => {
      const at = position();
      element.style.setProperty("--at", String((at - view.fromMs) / lengthOfView(view)));
      for (const lane of lanes) {
        const row = element.querySelector<HTMLElement>(`[data-lane="${CSS.escape(lane.aor)}"]`);
        row?.toggleAttribute("data-speaking", isInside(lane.speech, at));
      }
      frame = requestAnimationFrame(paint);
    };
    paint();
    return () => cancelAnimationFrame(frame);
  });
}

function useWidth(of: RefObject<HTMLElement | null>): number {
  const [widthPx, setWidthPx] = useState(800);
  useLayoutEffect(() => {
    const element = of.current;
    if (!element) return;
    setWidthPx(element.clientWidth);
    const observer = new ResizeObserver(() => setWidthPx(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [of]);
  return widthPx;
}

/** Ctrl and wheel zoom at the pointer, wheel sideways (or with shift) moves. A plain wheel belongs to the page. */
function useZoomKeys(surface: RefObject<HTMLElement | null>, view: View, whole: View, onView: (view: View) => void): void {
  const onWheel = useEffectEvent((event: WheelEvent) => {
    const box = surface.current?.getBoundingClientRect();
    if (!box) return;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
    if (event.ctrlKey) {
      event.preventDefault();
      const around = view.fromMs + ((event.clientX - box.left) / box.width) * lengthOfView(view);
      onView(zoom(view, Math.exp(-event.deltaY * 0.004), around, whole));
    } else if (sideways !== 0 && !isFit(view, whole)) {
      event.preventDefault();
      onView(pan(view, (sideways / box.width) * lengthOfView(view), whole));
    }
  });
  useEffect(() => {
    const element = surface.current?.parentElement?.parentElement;
    if (!element) return;
    const listener = (event: WheelEvent) => onWheel(event);
    // React listens passively to wheels, and could not keep the browser from zooming the page.
    element.addEventListener("wheel", listener, { passive: false });
    return () => element.removeEventListener("wheel", listener);
  }, [surface]);
}

/** The whole call, the part that is shown, and the playhead in it. For the keyboard it is the position (arrows as everywhere). */
function ScrollBar({ idle, view, whole, onView, position, onSeek }: { idle: boolean; view: View; whole: View; onView: (view: View) => void; position: (() => number) | null; onSeek: (toMs: number) => void }) {
  const text = useText();
  const bar = useRef<HTMLDivElement>(null);
  const grabbed = useRef<number | null>(null);
  const total = Math.max(1, lengthOfView(whole));
  const fit = isFit(view, whole);

  useEffect(() => {
    const element = bar.current;
    if (!element || !position) return;
    const tell = () => {
      const at = Math.round((position() - whole.fromMs) / 1000);
      element.setAttribute("aria-valuenow", String(at));
      element.setAttribute("aria-valuetext", text("player.position", { at: formatPosition(position() - whole.fromMs), total: formatPosition(total) }));
      element.style.setProperty("--done", String((position() - whole.fromMs) / total));
    };
    tell();
    const timer = setInterval(tell, 200);
    return () => clearInterval(timer);
  });

  const move = (event: ReactPointerEvent<HTMLDivElement>) => {
    const box = bar.current?.getBoundingClientRect();
    if (!box || (event.type === "pointermove" && grabbed.current === null)) return;
    const at = whole.fromMs + ((event.clientX - box.left) / box.width) * total;
    if (event.type === "pointerdown") {
      event.currentTarget.setPointerCapture(event.pointerId);
      // Grabbed where it is held; a click beside it brings it there.
      grabbed.current = at >= view.fromMs && at <= view.toMs ? at - view.fromMs : lengthOfView(view) / 2;
    }
    if (fit) {
      if (position) onSeek(Math.max(whole.fromMs, Math.min(whole.toMs, at)));
    } else onView(pan(view, at - (grabbed.current ?? 0) - view.fromMs, whole));
  };
  const drop = () => {
    grabbed.current = null;
  };

  return (
    <div
      ref={bar}
      className={s.scroll}
      role={position ? "slider" : undefined}
      tabIndex={position ? 0 : undefined}
      aria-label={position ? text("player.seek") : undefined}
      aria-valuemin={position ? 0 : undefined}
      aria-valuemax={position ? Math.round(total / 1000) : undefined}
      aria-valuenow={position ? 0 : undefined}
      data-fit={fit || undefined}
      data-idle={idle || undefined}
      onPointerDown={move}
      onPointerMove={move}
      onPointerUp={drop}
      onPointerCancel={drop}
    >
      <div className={s.done} />
      <div className={s.thumb} style={{ left: `${((view.fromMs - whole.fromMs) / total) * 100}%`, width: `${(lengthOfView(view) / total) * 100}%` }} />
    </div>
  );
}

import { Button, MessageBar, MessageBarActions, MessageBarBody } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useEffectEvent, useMemo, useState, type ReactNode } from "react";
import type { OwnCall } from "../call/own-time.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { TipRegion } from "../frame/tip.tsx";
import { isTyping } from "../keyboard.ts";
import { GapsMark } from "../list/gaps-mark.tsx";
import { useSecond } from "../second.ts";
import { peaksQuery } from "../queries.ts";
import { laneEvents } from "./lane-event.ts";
import { useReader, useText } from "../text.ts";
import type { Engine, EngineState } from "./engine.ts";
import { outagesOf, wallClockOf } from "./gap-words.ts";
import { nextSpeed, playerCommand, type Command } from "./keys.ts";
import { lanesOf, withHolds } from "./lanes.ts";
import { nextSegment, previousSegment } from "./segments.ts";
import { middle, Timeline, type SpeakerState } from "./timeline.tsx";
import { Transport } from "./transport.tsx";
import { positionOf, useLiveSpeech, withLiveSpeech } from "./use-speech.ts";
import { follow, paperFor, roomFor, zoom, type View } from "./view.ts";
import s from "./player.module.css";

interface PlayerProps {
  readonly call: OwnCall & { seenAtMs: number };
  readonly engine: Engine | null;
  readonly state: EngineState | null;
  readonly onPosition: (atMs: number) => void;
  readonly onNeighbor: (direction: 1 | -1) => void;
}

const heard: SpeakerState = { on: true, level: 1 };

/** The timeline and what plays it. While the call runs, the same lanes fill by themselves. */
export function Player({ call, engine, state, onPosition, onNeighbor }: PlayerProps) {
  const text = useText();
  const reader = useReader();
  const running = call.mediaStatus === "Recording";
  const nowMs = useSecond();
  const live = useLiveSpeech(call);
  const runningMs = running ? positionOf(call, Math.max(nowMs, call.seenAtMs)) : null;
  const endMs = runningMs ?? call.recording?.toMs ?? 0;
  const lanes = useMemo(() => withHolds(lanesOf(withLiveSpeech(call, live, endMs), [0, endMs]), call.events, endMs), [call, live, endMs]);
  const peaks = useQuery({ ...peaksQuery(call.id), enabled: engine !== null });

  const events = useMemo(() => laneEvents(call, peaks.data), [call, peaks.data]);
  const wallClock = useMemo(() => wallClockOf(call, reader), [call, reader]);
  const paperMs = runningMs === null ? paperFor(endMs, Math.max(0, ...lanes.flatMap((lane) => lane.gaps.map((gap) => gap.toMs)))) : roomFor(runningMs);
  const whole = useMemo<View>(() => ({ fromMs: 0, toMs: Math.max(paperMs, 1) }), [paperMs]);
  const [chosenView, setView] = useState<View | null>(null);
  const view = chosenView ?? whole;

  const [speakers, setSpeakers] = useState<ReadonlyMap<string, SpeakerState>>(new Map());
  const stateOf = (aor: string) => speakers.get(aor) ?? heard;
  const everyone = lanes.every((lane) => stateOf(lane.aor).on);
  const shown = lanes.filter((lane) => stateOf(lane.aor).on);
  const changeSpeaker = (aor: string, change: Partial<SpeakerState>) => setSpeakers((before) => new Map(before).set(aor, { ...heard, ...before.get(aor), ...change }));
  const onlySpeaker = (aor: string) => {
    // A second click on the same name brings everyone back.
    const alone = shown.length === 1 && shown[0]?.aor === aor;
    setSpeakers((before) => new Map(lanes.map((lane) => [lane.aor, { level: before.get(lane.aor)?.level ?? 1, on: alone || lane.aor === aor }])));
  };
  const allSpeakers = () => setSpeakers((before) => new Map([...before].map(([aor, one]) => [aor, { ...one, on: true }])));

  useEffect(() => {
    for (const lane of lanes) {
      const { on, level } = speakers.get(lane.aor) ?? heard;
      for (const track of lane.tracks) engine?.setLevel(track.track, on ? level : 0);
    }
  }, [engine, lanes, speakers]);

  const seek = useCallback(
    (atMs: number) => {
      if (!engine) return;
      engine.seek(atMs);
      onPosition(engine.positionMs());
      setView((before) => before && follow(before, atMs, whole));
    },
    [engine, onPosition, whole],
  );
  const jump = (direction: 1 | -1) => {
    if (!engine) return;
    const speech = shown.map((lane) => lane.speech);
    const at = direction === 1 ? nextSegment(speech, engine.positionMs()) : previousSegment(speech, engine.positionMs());
    if (at !== null) seek(at);
  };

  // The shown part follows the playhead, and the address learns where it stopped.
  const phase = state?.phase;
  useEffect(() => {
    if (!engine || phase !== "playing") return;
    const timer = setInterval(() => setView((before) => before && follow(before, engine.positionMs(), whole)), 250);
    return () => {
      clearInterval(timer);
      onPosition(engine.positionMs());
    };
  }, [engine, phase, whole, onPosition]);

  const run = useEffectEvent((command: Command): void => {
    switch (command.kind) {
      case "previousResult":
        return onNeighbor(-1);
      case "nextResult":
        return onNeighbor(1);
      case "zoomIn":
        return setView(zoom(view, 1.6, middle(view, engine?.positionMs ?? null), whole));
      case "zoomOut":
        return setView(zoom(view, 1 / 1.6, middle(view, engine?.positionMs ?? null), whole));
      case "fit":
        return setView(null);
      case "speaker": {
        const lane = lanes[command.index];
        return lane && changeSpeaker(lane.aor, { on: !stateOf(lane.aor).on });
      }
    }
    if (!engine || !state) return;
    switch (command.kind) {
      case "toggle":
        return engine.toggle();
      case "skip":
        return seek(engine.positionMs() + command.byMs);
      case "start":
        return seek(0);
      case "end":
        return seek(endMs);
      case "previousSegment":
        return jump(-1);
      case "nextSegment":
        return jump(1);
      case "slower":
        return engine.setSpeed(nextSpeed(state.speed, -1));
      case "faster":
        return engine.setSpeed(nextSpeed(state.speed, 1));
      case "mute":
        return engine.setMuted(!state.muted);
    }
  });
  useEffect(() => {
    // What has the focus because it was clicked.
    let clicked: Element | null = null;
    const onKey = (event: KeyboardEvent) => {
      const command = playerCommand(event);
      if (!command || isTyping(event) || belongsToControl(event, clicked)) return;
      event.preventDefault();
      run(command);
    };
    // Some browsers press a focused button when the space bar comes up, whatever was done when it went down.
    const onKeyUp = (event: KeyboardEvent) => {
      if (event.key === " " && !isTyping(event) && !belongsToControl(event, clicked)) event.preventDefault();
    };
    const onPointerDown = (event: Event) => {
      clicked = event.target instanceof Element ? event.target.closest("button, a") : null;
    };
    document.addEventListener("pointerdown", onPointerDown, true);
    document.addEventListener("keydown", onKey);
    document.addEventListener("keyup", onKeyUp);
    return () => {
      document.removeEventListener("pointerdown", onPointerDown, true);
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("keyup", onKeyUp);
    };
  }, []);

  let notice: ReactNode = null;
  if (running) notice = text("player.live");
  else if (call.mediaStatus === "Pending") notice = text("player.sealing");
  else if (call.mediaStatus !== "Available") notice = text(`status.${call.mediaStatus}.why`);

  return (
    <div className={s.player}>
      <TipRegion>
        {lanes.length > 0 ? (
          <Timeline
            lanes={lanes}
            events={events}
            peaks={peaks.data}
            whole={whole}
            view={view}
            onView={setView}
            speakers={speakers}
            onSpeaker={changeSpeaker}
            onOnly={onlySpeaker}
            onEveryone={everyone ? null : allSpeakers}
            position={engine?.positionMs ?? null}
            onSeek={seek}
            levels={live.levels}
            runningMs={runningMs}
            wallClock={wallClock}
          />
        ) : (
          <p className={s.nothing}>{text(running ? "player.noTracks.Recording" : "player.noTracks")}</p>
        )}
        {outagesOf(lanes, text, wallClock).map((words) => (
          <p key={words} className={s.outage}>
            <GapsMark />
            {text("gap.down.lost", { down: words })}
          </p>
        ))}
        {state?.problem && engine && <PlayFault state={state} engine={engine} />}
        {engine && state && lanes.length > 0 ? (
          <Transport engine={engine} state={state} toMs={endMs} onPrevious={() => jump(-1)} onNext={() => jump(1)} />
        ) : (
          <p className={s.notice} role="status" data-status={call.mediaStatus}>
            {notice}
          </p>
        )}
      </TipRegion>
    </div>
  );
}

function PlayFault({ state, engine }: { state: EngineState; engine: Engine }) {
  const text = useText();
  const words = useProblemWords();
  const problem = state.problem;
  if (!problem) return null;
  return (
    <MessageBar intent="error" className={s.fault ?? ""}>
      <MessageBarBody>
        {text("player.failed")} {words(problem).detail}
      </MessageBarBody>
      <MessageBarActions>
        <Button size="small" onClick={engine.play}>
          {text("app.retry")}
        </Button>
      </MessageBarActions>
    </MessageBar>
  );
}

/**
 * Keys that a control needs itself: a level its arrows, a button that was reached by keyboard its space bar. A button that was
 * clicked with the pointer keeps the focus but not the space bar, or playing would depend on what was clicked last.
 */
function belongsToControl(event: KeyboardEvent, clicked: Element | null): boolean {
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (!target) return false;
  if (target.matches("input[type=range]")) return /^(Arrow|Home|End|Page)/.test(event.key);
  return event.key === " " && target.matches("button, a") && target !== clicked;
}

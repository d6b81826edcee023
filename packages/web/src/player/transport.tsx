import { Menu, MenuItemRadio, MenuList, MenuPopover, MenuTrigger, Slider, Spinner } from "@fluentui/react-components";
import { NextFilled } from "@fluentui/react-icons/svg/next";
import { PauseFilled } from "@fluentui/react-icons/svg/pause";
import { PlayFilled } from "@fluentui/react-icons/svg/play";
import { PreviousFilled } from "@fluentui/react-icons/svg/previous";
import { Speaker2Regular } from "@fluentui/react-icons/svg/speaker";
import { SpeakerMuteRegular } from "@fluentui/react-icons/svg/speaker-mute";
import { useEffect, useRef } from "react";
import { useText } from "../text.ts";
import { formatPosition } from "../time.ts";
import type { Engine, EngineState } from "./engine.ts";
import { speeds } from "./keys.ts";
import { rememberVolume } from "./use-engine.ts";
import s from "./transport.module.css";

interface TransportProps {
  readonly engine: Engine;
  readonly state: EngineState;
  readonly toMs: number;
  readonly onPrevious: () => void;
  readonly onNext: () => void;
}

export function Transport({ engine, state, toMs, onPrevious, onNext }: TransportProps) {
  const text = useText();
  const playing = state.phase === "playing" || state.phase === "starting";
  const silent = state.muted || state.volume === 0;
  return (
    <div className={s.transport} onPointerEnter={engine.prepare}>
      <div className={s.elapsed}>
        <Elapsed engine={engine} />
        <span className={s.total}>/ {formatPosition(toMs)}</span>
      </div>
      <div className={s.buttons}>
        <button type="button" className={s.button} aria-label={text("player.previousSegment")} data-tip={`${text("player.previousSegment")} ([)`} onClick={onPrevious}>
          <PreviousFilled />
        </button>
        <button
          type="button"
          className={s.play}
          aria-label={text(playing ? "player.pause" : "player.play")}
          data-tip={`${text(playing ? "player.pause" : "player.play")} – ${text("player.logged")}`}
          onClick={engine.toggle}
        >
          {state.waiting && playing ? <Spinner size="tiny" appearance="inverted" /> : playing ? <PauseFilled /> : <PlayFilled />}
        </button>
        <button type="button" className={s.button} aria-label={text("player.nextSegment")} data-tip={`${text("player.nextSegment")} (])`} onClick={onNext}>
          <NextFilled />
        </button>
      </div>
      <div className={s.right}>
        <Menu
          checkedValues={{ speed: [String(state.speed)] }}
          onCheckedValueChange={(_, { checkedItems }) => engine.setSpeed(Number(checkedItems[0] ?? 1))}
          positioning="above-end"
        >
          <MenuTrigger disableButtonEnhancement>
            <button type="button" className={s.speed} data-changed={state.speed !== 1 || undefined} aria-label={`${text("player.speed")}: ${text("player.speedValue", { speed: state.speed })}`} data-tip={`${text("player.speed")} (< >)`}>
              {text("player.speedValue", { speed: state.speed })}
            </button>
          </MenuTrigger>
          <MenuPopover className={s.speeds ?? ""}>
            <MenuList>
              {speeds.map((speed) => (
                <MenuItemRadio key={speed} name="speed" value={String(speed)}>
                  {text("player.speedValue", { speed })}
                </MenuItemRadio>
              ))}
            </MenuList>
          </MenuPopover>
        </Menu>
        <div className={s.volume}>
          <button type="button" className={s.button} aria-label={text(silent ? "player.unmute" : "player.mute")} aria-pressed={silent} data-tip={`${text(silent ? "player.unmute" : "player.mute")} (m)`} onClick={() => engine.setMuted(!state.muted)}>
            {silent ? <SpeakerMuteRegular /> : <Speaker2Regular />}
          </button>
          <Slider
            size="small"
            className={s.slider ?? ""}
            min={0}
            max={100}
            value={state.muted ? 0 : Math.round(state.volume * 100)}
            aria-label={text("player.volume")}
            onChange={(_, { value }) => {
              engine.setVolume(value / 100);
              rememberVolume(value / 100);
            }}
          />
        </div>
      </div>
    </div>
  );
}

/** Runs by itself, so that nothing else has to be drawn again four times a second. */
function Elapsed({ engine }: { engine: Engine }) {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let frame = 0;
    let shown = "";
    const paint = () => {
      const now = formatPosition(engine.positionMs());
      if (now !== shown && place.current) place.current.textContent = shown = now;
      frame = requestAnimationFrame(paint);
    };
    paint();
    return () => cancelAnimationFrame(frame);
  }, [engine]);
  return <span ref={place} className={s.now} data-elapsed />;
}

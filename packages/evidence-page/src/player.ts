/** Plays an interaction. The space bar plays and pauses, arrows go five seconds. */
import { mediaTime, type BundledInteraction, type Manifest } from "@earwitness/verify";
import { element } from "./element.ts";
import { createLanes } from "./lanes.ts";
import type { Sounds } from "./sound.ts";

const stepMs = 5_000;

export function createPlayer(manifest: Manifest, interaction: BundledInteraction, sounds: Sounds): HTMLElement {
  const { fromMs, toMs } = interaction;
  const lengthMs = Math.max(0, Math.min(toMs, manifest.durationMs) - fromMs);
  const audio = new Audio();
  const button = element("button", { type: "button", className: "play", disabled: sounds.tracks.length === 0 }, "Play");
  const clock = element("span", { className: "clock" }, `${mediaTime(0)} / ${mediaTime(lengthMs)}`);
  const slider = element("input", { type: "range", min: "0", max: String(lengthMs), step: "100", value: "0", ariaLabel: "Position", disabled: sounds.tracks.length === 0 });
  const whose = element("select", { ariaLabel: "Whose voice" }, element("option", { value: "" }, "All voices"), ...sounds.tracks.map((track) => element("option", { value: String(track) }, nameOf(manifest, track))));
  const said = element("p", { className: "quiet", role: "status" }, sounds.tracks.length === 0 ? "Nothing is played: no packets are here that were proved." : "Played from the packets themselves, those that were proved and no others.");
  const lanes = createLanes(manifest, interaction, (ms) => void begin(ms - fromMs));

  async function load(): Promise<void> {
    const address = await sounds.address(whose.value === "" ? null : Number(whose.value));
    if (audio.src !== address) audio.src = address;
  }

  async function begin(atMs: number): Promise<void> {
    if (sounds.tracks.length === 0) return;
    try {
      button.textContent = "…";
      await load();
      audio.currentTime = Math.max(0, Math.min(lengthMs, atMs)) / 1000;
      await audio.play();
    } catch (error) {
      said.textContent = `It cannot be played here: ${error instanceof Error ? error.message : String(error)}`;
    }
    show();
  }

  function show(): void {
    const atMs = audio.currentTime * 1000;
    button.textContent = audio.paused ? "Play" : "Pause";
    clock.textContent = `${mediaTime(Math.floor(atMs / 1000) * 1000)} / ${mediaTime(lengthMs)}`;
    slider.value = String(atMs);
    lanes.at(fromMs + atMs);
  }

  const toggle = (): void => (audio.paused ? void begin(audio.ended ? 0 : audio.currentTime * 1000) : audio.pause());
  button.addEventListener("click", toggle);
  slider.addEventListener("input", () => void begin(Number(slider.value)));
  whose.addEventListener("change", () => {
    const [atMs, wasPlaying] = [audio.currentTime * 1000, !audio.paused];
    audio.pause();
    if (wasPlaying) void begin(atMs);
  });
  for (const event of ["play", "pause", "timeupdate", "ended", "seeked"]) audio.addEventListener(event, show);
  const view = element("section", { className: "player", tabIndex: 0, ariaLabel: "Player" }, element("div", { className: "transport" }, button, clock, slider, whose), lanes.view, said);
  view.addEventListener("keydown", (event) => {
    if (event.target !== view && event.target !== button) return;
    const by = { ArrowLeft: -stepMs, ArrowRight: stepMs }[event.key];
    if (event.key === " " && event.target === view) toggle();
    else if (by !== undefined) void begin(audio.currentTime * 1000 + by);
    else return;
    event.preventDefault();
  });
  lanes.at(fromMs);
  return view;
}

function nameOf(manifest: Manifest, number: number): string {
  const track = manifest.tracks.find((one) => one.track === number);
  return track === undefined ? `Track ${number}` : `Only ${track.name ?? track.address}`;
}

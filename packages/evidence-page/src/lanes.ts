/** A lane for each speaker: when they spoke, what is missing, where the player is. */
import { mediaTime, type BundledInteraction, type Manifest } from "@earwitness/verify";
import { element } from "./element.ts";

export interface Lanes {
  readonly view: HTMLElement;
  /** Moves the mark; milliseconds from the start of the recording. */
  at(ms: number): void;
}

export function createLanes(manifest: Manifest, { fromMs, toMs }: BundledInteraction, seek: (ms: number) => void): Lanes {
  const end = Math.max(fromMs + 1, Math.min(toMs, manifest.durationMs));
  const percent = (ms: number): string => `${(100 * (Math.max(fromMs, Math.min(end, ms)) - fromMs)) / (end - fromMs)}%`;
  const place = (node: HTMLElement, from: number, to: number): HTMLElement => {
    node.style.left = percent(from);
    node.style.width = `calc(${percent(to)} - ${percent(from)})`;
    return node;
  };
  const marks: HTMLElement[] = [];
  const lanes = manifest.tracks.map((track, number) => {
    const mark = element("div", { className: "mark" });
    marks.push(mark);
    const lane = element(
      "div",
      { className: "lane", title: "Click to play from here" },
      ...track.speech.filter(([from, to]) => to > fromMs && from < end).map(([from, to]) => place(element("div", { className: `speech voice${number % 4}` }), from, to)),
      ...track.gaps.filter((gap) => gap.toMs > fromMs && gap.fromMs < end).map((gap) => place(element("div", { className: "gap", title: `Missing: ${mediaTime(gap.fromMs)} to ${mediaTime(gap.toMs)} (${gap.reason})` }), gap.fromMs, gap.toMs)),
      mark,
    );
    lane.addEventListener("click", (event) => {
      const { left, width } = lane.getBoundingClientRect();
      seek(fromMs + ((event.clientX - left) / width) * (end - fromMs));
    });
    const spoken = track.speech.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, end) - Math.max(from, fromMs)), 0);
    return element("div", { className: "row" }, element("div", { className: "who" }, element("b", {}, track.name ?? track.address), element("span", { className: "quiet" }, track.name === null ? "" : track.address), element("span", { className: "quiet" }, `spoke ${mediaTime(Math.round(spoken / 1000) * 1000)}${track.gaps.length === 0 ? "" : ` · ${track.gaps.length} ${track.gaps.length === 1 ? "gap" : "gaps"}`}`)), lane);
  });
  const view = element("div", { className: "lanes" }, ...lanes, element("div", { className: "row scale" }, element("div", { className: "who" }), element("div", { className: "ends quiet" }, element("span", {}, mediaTime(fromMs)), element("span", {}, mediaTime(end)))));
  return {
    view,
    at(ms) {
      for (const mark of marks) mark.style.left = percent(ms);
    },
  };
}

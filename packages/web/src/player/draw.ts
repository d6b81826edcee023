import { isMeant, type Span } from "./segments.ts";
import type { View } from "./view.ts";
import type { Gap } from "@earwitness/contract";

export interface LanePicture {
  readonly view: View;
  readonly present: readonly Span[];
  readonly speech: readonly Span[];
  readonly gaps: readonly Gap[];
  /** Loudness of each track of the lane, 0…255 every `stepMs` from where the track begins. */
  readonly peaks: readonly { readonly fromMs: number; readonly values: readonly number[] }[];
  readonly stepMs: number;
}

export interface LaneColors {
  readonly speaker: string;
  /** Drawn over solid speech. */
  readonly onSpeaker: string;
  readonly ground: string;
  readonly hatch: string;
}

/** Draws one lane: presence as ground, loudness faint, speech solid with its loudness inside, what is missing never blank. */
export function drawLane(context: CanvasRenderingContext2D, widthPx: number, heightPx: number, picture: LanePicture, colors: LaneColors): void {
  const { view } = picture;
  const perMs = widthPx / (view.toMs - view.fromMs);
  const xOf = (ms: number) => (ms - view.fromMs) * perMs;
  const visible = ([from, to]: Span) => to >= view.fromMs && from <= view.toMs;
  const top = 5;
  const height = heightPx - 2 * top;
  const middle = heightPx / 2;
  context.clearRect(0, 0, widthPx, heightPx);

  context.fillStyle = colors.ground;
  for (const span of picture.present.filter(visible)) block(context, xOf(span[0]), xOf(span[1]), 0, heightPx, 6);

  const loudness = loudnessPerPixel(picture, widthPx);
  context.fillStyle = colors.speaker;
  context.save();
  context.beginPath();
  for (const [from, to] of picture.present.filter(visible)) context.rect(xOf(from), 0, xOf(to) - xOf(from), heightPx);
  context.clip();
  context.globalAlpha = 0.38;
  silhouette(context, loudness, middle, height / 2 - 2);
  context.restore();

  context.save();
  context.beginPath();
  for (const span of picture.speech.filter(visible)) {
    const from = xOf(span[0]);
    const width = Math.max(2, xOf(span[1]) - from - 1);
    context.roundRect(from, top, width, height, Math.min(5, width / 2));
  }
  context.fill();
  context.clip();
  context.fillStyle = colors.onSpeaker;
  silhouette(context, loudness, middle, (height / 2) * 0.74);
  context.restore();

  for (const gap of picture.gaps) {
    if (!visible([gap.fromMs, gap.toMs])) continue;
    const from = xOf(gap.fromMs);
    const to = Math.max(from + 3, xOf(gap.toMs));
    if (isMeant(gap.reason)) dots(context, from, to, middle, colors);
    else hatching(context, from, to, heightPx, colors);
  }
}

function block(context: CanvasRenderingContext2D, from: number, to: number, top: number, height: number, radius: number): void {
  context.beginPath();
  context.roundRect(from, top, Math.max(1, to - from), height, radius);
  context.fill();
}

/** Finer is noise to the eye. */
const columnPx = 1.5;

function loudnessPerPixel({ view, peaks, stepMs }: LanePicture, widthPx: number): Float32Array {
  const columns = new Float32Array(Math.ceil(widthPx / columnPx) + 1);
  const msPerColumn = ((view.toMs - view.fromMs) / widthPx) * columnPx;
  for (let column = 0; column < columns.length; column++) {
    const atMs = view.fromMs + column * msPerColumn;
    let most = 0;
    for (const { fromMs, values } of peaks) {
      const first = Math.floor((atMs - fromMs) / stepMs);
      const last = Math.max(first + 1, Math.floor((atMs + msPerColumn - fromMs) / stepMs));
      for (let step = Math.max(0, first); step < last && step < values.length; step++) most = Math.max(most, values[step] ?? 0);
    }
    // Ears are not linear: a whisper should be seen beside a shout.
    columns[column] = (most / 255) ** 0.75;
  }
  return columns;
}

function silhouette(context: CanvasRenderingContext2D, loudness: Float32Array, middle: number, reach: number): void {
  context.beginPath();
  loudness.forEach((share, column) => context.lineTo(column * columnPx, middle - share * reach));
  loudness.toReversed().forEach((share, column) => context.lineTo((loudness.length - 1 - column) * columnPx, middle + share * reach));
  context.fill();
}

function hatching(context: CanvasRenderingContext2D, from: number, to: number, height: number, colors: LaneColors): void {
  context.save();
  context.beginPath();
  context.rect(from, 0, to - from, height);
  context.clip();
  context.fillStyle = colors.ground;
  context.fillRect(from, 0, to - from, height);
  context.strokeStyle = colors.hatch;
  context.lineWidth = 1.25;
  context.beginPath();
  // Stripes are anchored to the lane, not to the gap, so that neighbours look like one cloth.
  for (let x = Math.floor((from - height) / 6) * 6; x < to; x += 6) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
  context.fillStyle = colors.hatch;
  context.fillRect(from, 0, 1, height);
  context.fillRect(to - 1, 0, 1, height);
}

function dots(context: CanvasRenderingContext2D, from: number, to: number, middle: number, colors: LaneColors): void {
  context.fillStyle = colors.hatch;
  for (let x = from + 4; x < to - 2; x += 8) {
    context.beginPath();
    context.arc(x, middle, 1.5, 0, Math.PI * 2);
    context.fill();
  }
}

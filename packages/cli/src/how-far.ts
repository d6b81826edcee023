/** How far a long check is: one line that is written over on a terminal, a line now and then where nobody watches. */
import type { HowFar } from "@earwitness/server/operate";

export interface HowFarLine {
  show(how: HowFar): void;
  /** Takes the line away before something else is printed. */
  clear(): void;
}

interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const words: Readonly<Record<HowFar["step"], { readonly what: string; readonly unit: string }>> = {
  rows: { what: "rows against the log", unit: "rows" },
  log: { what: "log against its checkpoints", unit: "rows" },
  witness: { what: "checkpoints against witnesses", unit: "rows" },
  recordings: { what: "recordings against their manifests", unit: "recordings" },
  opened: { what: "log against interactions", unit: "rows" },
  interactions: { what: "interactions against the log", unit: "interactions" },
  added: { what: "log against what is set up", unit: "rows" },
  settings: { what: "what is set up against the log", unit: "things" },
  store: { what: "store against the database", unit: "files" },
};

/** Written over so often; and where it is not, a line so often. */
const everyMs = { terminal: 200, lines: 10_000 };

export function createHowFarLine(screen: Screen, now: () => number = () => performance.now()): HowFarLine {
  let step = "";
  let began = { atMs: 0, done: 0, bytes: 0 };
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let width = 0;

  return {
    show({ tenant, step: current, done, of, counted }) {
      const atMs = now();
      const isNew = step !== `${tenant} ${current}`;
      if (isNew) {
        step = `${tenant} ${current}`;
        // The first portion is what the rest is measured from: a check that goes on did not do all of it.
        began = { atMs, done, bytes: counted.bytes };
      }
      const isEnd = done >= of;
      if (atMs - shownAtMs < (screen.isTTY === true ? everyMs.terminal : everyMs.lines) && !isEnd && !(isNew && screen.isTTY === true)) return;
      shownAtMs = atMs;
      const seconds = (atMs - began.atMs) / 1_000;
      const perSecond = seconds > 0 ? (done - began.done) / seconds : 0;
      const megabytes = seconds > 0 ? (counted.bytes - began.bytes) / 1_000_000 / seconds : 0;
      const { what, unit } = words[current];
      const percent = of === 0 ? 100 : Math.floor((done / of) * 100);
      const left = perSecond > 0 && !isEnd ? `, ${duration((of - done) / perSecond)} left` : "";
      const text = `${tenant}: ${what}: ${percent} % of ${of} ${unit}${perSecond >= 1 ? `, ${Math.round(perSecond)} a second` : ""}${megabytes >= 1 ? `, ${Math.round(megabytes)} MB a second` : ""}${left}`;
      if (screen.isTTY !== true) return void screen.write(`${text}\n`);
      screen.write(`\r${text.padEnd(width)}`);
      width = text.length;
    },
    clear() {
      if (width > 0) screen.write(`\r${" ".repeat(width)}\r`);
      width = 0;
    },
  };
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : whole < 3_600 ? `${Math.ceil(whole / 60)} min` : `${(whole / 3_600).toFixed(1)} h`;
}

import type { MessageId } from "../messages/en.ts";

export const speeds = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] as const;

export type Command =
  | { kind: "toggle" | "previousSegment" | "nextSegment" | "slower" | "faster" | "mute" | "zoomIn" | "zoomOut" | "fit" | "start" | "end" | "previousResult" | "nextResult" }
  | { kind: "skip"; byMs: number }
  | { kind: "speaker"; index: number };

interface Press {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

/** By the character, not the place of the key: `[` is elsewhere on a German keyboard, where it needs AltGr (reported as Ctrl+Alt). */
export function playerCommand(press: Press): Command | null {
  if (press.metaKey || press.ctrlKey !== press.altKey) return null;
  if (press.ctrlKey && !"[]{}<>".includes(press.key)) return null;
  switch (press.key) {
    case " ":
      return { kind: "toggle" };
    case "[":
      return { kind: "previousSegment" };
    case "]":
      return { kind: "nextSegment" };
    case "<":
    case ",":
      return { kind: "slower" };
    case ">":
    case ".":
      return { kind: "faster" };
    case "m":
      return { kind: "mute" };
    case "+":
    case "=":
      return { kind: "zoomIn" };
    case "-":
      return { kind: "zoomOut" };
    case "0":
      return { kind: "fit" };
    case "Home":
      return { kind: "start" };
    case "End":
      return { kind: "end" };
    case "j":
      return { kind: "nextResult" };
    case "k":
      return { kind: "previousResult" };
    case "ArrowLeft":
      return { kind: "skip", byMs: -5_000 };
    case "ArrowRight":
      return { kind: "skip", byMs: 5_000 };
  }
  return /^[1-9]$/.test(press.key) ? { kind: "speaker", index: Number(press.key) - 1 } : null;
}

export function nextSpeed(speed: number, direction: 1 | -1): number {
  const wanted = direction === 1 ? speeds.find((one) => one > speed) : speeds.findLast((one) => one < speed);
  return wanted ?? speed;
}

/** What `?` shows. */
export const keyMap: readonly { readonly title: MessageId; readonly keys: readonly { readonly keys: readonly string[]; readonly does: MessageId }[] }[] = [
  {
    title: "help.anywhere",
    keys: [{ keys: ["?"], does: "help.keys.help" }],
  },
  {
    title: "help.list",
    keys: [
      { keys: ["j", "k"], does: "help.keys.rows" },
      { keys: ["Enter"], does: "help.keys.open" },
      { keys: ["x"], does: "help.keys.select" },
      { keys: ["/"], does: "help.keys.search" },
    ],
  },
  {
    title: "help.player",
    keys: [
      { keys: ["Space"], does: "help.keys.toggle" },
      { keys: ["[", "]"], does: "help.keys.segments" },
      { keys: ["←", "→"], does: "help.keys.skip" },
      { keys: ["1", "…", "9"], does: "help.keys.speakers" },
      { keys: ["<", ">"], does: "help.keys.speed" },
      { keys: ["m"], does: "help.keys.mute" },
      { keys: ["+", "-", "0"], does: "help.keys.zoom" },
      { keys: ["Home", "End"], does: "help.keys.ends" },
      { keys: ["j", "k"], does: "help.keys.results" },
    ],
  },
];

import { expect, test } from "vitest";
import { nextSpeed, playerCommand } from "./keys.ts";

const press = (key: string, held: Partial<Record<"ctrlKey" | "altKey" | "metaKey", boolean>> = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, ...held });

test("INT-28 INT-30 keys of the player", () => {
  expect(playerCommand(press(" "))).toEqual({ kind: "toggle" });
  expect(playerCommand(press("["))).toEqual({ kind: "previousSegment" });
  expect(playerCommand(press("]"))).toEqual({ kind: "nextSegment" });
  expect(playerCommand(press("ArrowLeft"))).toEqual({ kind: "skip", byMs: -5_000 });
  expect(playerCommand(press("3"))).toEqual({ kind: "speaker", index: 2 });
  expect(playerCommand(press("x"))).toBeNull();
});

test("brackets also come with AltGr; the browser's own shortcuts stay the browser's", () => {
  expect(playerCommand(press("]", { ctrlKey: true, altKey: true }))).toEqual({ kind: "nextSegment" });
  expect(playerCommand(press("+", { ctrlKey: true }))).toBeNull();
  expect(playerCommand(press("ArrowLeft", { altKey: true }))).toBeNull();
  expect(playerCommand(press("1", { metaKey: true }))).toBeNull();
});

test("INT-31 speeds go up and down in the seven steps and stop at the ends", () => {
  const up = [0.5];
  while (nextSpeed(up.at(-1) ?? 0, 1) !== up.at(-1)) up.push(nextSpeed(up.at(-1) ?? 0, 1));
  expect(up).toEqual([0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]);
  expect(nextSpeed(1, -1)).toBe(0.75);
  expect(nextSpeed(0.5, -1)).toBe(0.5);
});

import type { CallEvent } from "@earwitness/contract";
import { expect, test } from "vitest";
import { fitting, groupEvents, leading, placeLabels } from "./event-layout.ts";

const event = (atMs: number, kind: CallEvent["kind"]): CallEvent => ({ atMs, kind, participant: null, text: "" });

test("events at one moment are one mark, named after the transfer among them", () => {
  const events = [event(0, "leave"), event(0, "join"), event(2, "transfer"), event(5_000, "leave")];
  const groups = groupEvents(events, (ms) => ms / 100, 30);
  expect(groups.map((group) => group.length)).toEqual([3, 1]);
  expect(leading(groups[0]!)?.kind).toBe("transfer");
  expect(leading([])).toBeUndefined();
});

test("words stand at the right of a mark as far as the next one, and at the left at the end of the lane", () => {
  expect(placeLabels([11, 200, 490], 500, 14)).toEqual([
    { side: "right", roomPx: 161 },
    { side: "right", roomPx: 131 },
    { side: "left", roomPx: 131 },
  ]);
});

test("where two marks are near, the first keeps what room there is, or nothing", () => {
  expect(placeLabels([430, 495], 500, 14)).toEqual([{ side: "right", roomPx: 37 }, null]);
  expect(placeLabels([11, 60, 300], 500, 14)).toEqual([null, { side: "right", roomPx: 212 }, { side: "right", roomPx: 186 }]);
  expect(placeLabels([495], 500, 14)).toEqual([{ side: "left", roomPx: 481 }]);
  expect(placeLabels([], 500, 14)).toEqual([]);
});

test("the longest words that fit stand beside a mark, none are cut", () => {
  const words = ["Grady Archie left", "Left"];
  expect(fitting(words, 120)).toBe("Grady Archie left");
  expect(fitting(words, 60)).toBe("Left");
  expect(fitting(words, 20)).toBeNull();
});

import { expect, test } from "vitest";
import { byOf, filterOf } from "./audit-filter.ts";

test("MON-25 the address is the question: lists by commas, days whole, what is unknown left out", () => {
  expect(filterOf({})).toEqual({ actor: ["person", "api_key"] });
  expect(filterOf({ by: "all" })).toEqual({});
  expect(filterOf({ by: "provider" })).toEqual({ provider: true });
  expect(filterOf({ by: "job", action: "Play,View,Peek", item: "Call", name: "adele", description: "was" })).toEqual({ actor: ["job"], action: ["View", "Play"], item: ["Call"], name: "adele", description: "was" });
  const { from, to } = filterOf({ by: "all", from: "2026-11-27", to: "2026-11-27" });
  expect(Date.parse(to!) - Date.parse(from!)).toBe(86_400_000 - 1);
  expect(new Date(from!).getHours()).toBe(0);
  expect(filterOf({ by: "all", from: "yesterday", to: "2026" })).toEqual({});
});

test("of one thing everybody's doing is shown, unless asked otherwise", () => {
  expect([byOf({}), byOf({ subject: "x" }), byOf({ subject: "x", by: "person" }), byOf({ by: "ghost" })]).toEqual(["people", "all", "person", "people"]);
});

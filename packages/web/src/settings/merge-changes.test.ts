import { expect, test } from "vitest";
import { mergeChanges } from "./merge-changes.ts";

const base = { name: "Berlin", enabled: true, networks: ["10.0.0.1/32", "10.0.0.2/32"], numbers: { country: "49", prefix: null as string | null } };

test("what only one of two changed is kept of each", () => {
  const merged = mergeChanges(base, { ...base, name: "Berlin 2" }, { ...base, enabled: false });
  expect(merged).toEqual({ value: { ...base, name: "Berlin 2", enabled: false }, both: [], theirs: ["enabled"] });
});

test("lists take what either added and lose what either took away", () => {
  const merged = mergeChanges(base, { ...base, networks: ["10.0.0.2/32", "10.0.0.9"] }, { ...base, networks: ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.7/32"] });
  expect(merged.value.networks).toEqual(["10.0.0.2/32", "10.0.0.7/32", "10.0.0.9"]);
  expect(merged.both).toEqual([]);
});

test("inside of a group each field counts for itself", () => {
  const merged = mergeChanges(base, { ...base, numbers: { country: "44", prefix: null } }, { ...base, numbers: { country: "49", prefix: "0" } });
  expect(merged.value.numbers).toEqual({ country: "44", prefix: "0" });
  expect(merged.both).toEqual([]);
});

test("where both changed the same to something else, mine stands and it is said", () => {
  const merged = mergeChanges(base, { ...base, name: "Mine", numbers: { country: "44", prefix: null } }, { ...base, name: "Theirs", numbers: { country: "43", prefix: null } });
  expect(merged).toEqual({ value: { ...base, name: "Mine", numbers: { country: "44", prefix: null } }, both: ["name", "numbers"], theirs: [] });
});

test("both wanted the same: nothing to tell", () => {
  expect(mergeChanges(base, { ...base, name: "X" }, { ...base, name: "X" })).toEqual({ value: { ...base, name: "X" }, both: [], theirs: [] });
});

import { expect, test } from "vitest";
import { firstSaid, fromProblem, mistakesAt, mistakesOfChanged, mistakesStillThere, placesAt } from "./mistakes.ts";

const said = fromProblem([
  { where: "body.settings.sourceNetworks.1", message: "“x” is no network" },
  { where: "body.settings.numbers.countryCode", message: "must match a pattern" },
  { where: "body.name", message: "is empty" },
]);

test("a field hears of itself and of what is inside it, in sentences", () => {
  expect(mistakesAt(said, "name")).toBe("Is empty.");
  expect(mistakesAt(said, "numbers")).toBe("Must match a pattern.");
  expect(mistakesAt(said, "sourceNetworks")).toBe("“x” is no network.");
  expect(mistakesAt(said, "number")).toBeUndefined();
  expect([...placesAt(said, "sourceNetworks")]).toEqual([1]);
});

test("nobody is told of what they have not touched", () => {
  const base = { name: "", sourceNetworks: ["10.0.0.1", "x"], numbers: { countryCode: null } };
  expect(mistakesOfChanged(said, base, { ...base, numbers: { countryCode: "+49" } } as unknown as typeof base).map(({ where }) => where)).toEqual(["numbers.countryCode"]);
});

test("what was refused is no longer said once the field is another", () => {
  const sent = { name: "", sourceNetworks: ["10.0.0.1", "x"], numbers: { countryCode: "+49" } };
  expect(mistakesStillThere(said, sent, { ...sent, name: "Berlin" }).map(({ where }) => where)).toEqual(["sourceNetworks.1", "numbers.countryCode"]);
  expect(mistakesStillThere(said, undefined, sent)).toEqual([]);
});

test("of two who speak of the same place the first is heard", () => {
  expect(firstSaid([{ where: "name", message: "a" }], [{ where: "name", message: "b" }, { where: "upn", message: "c" }])).toEqual([{ where: "name", message: "a" }, { where: "upn", message: "c" }]);
  expect(firstSaid([{ where: "list.0", message: "a" }, { where: "list.1", message: "b" }], [])).toHaveLength(2);
});

import { expect, test } from "vitest";
import { contosoPeople, findContact } from "../contoso.ts";
import { parseClauses } from "../speech/clauses.ts";
import { speak } from "../speech/speak.ts";
import { castScript, faultsOf, quickCheck, say, scripts, type Script } from "./index.ts";

for (const script of scripts) {
  test(`script ${script.name} can be performed and every word of it can be said`, () => {
    expect(faultsOf(script)).toEqual([]);
    const cast = castScript(script);
    expect(cast === null ? 0 : new Set([...cast.values()].map((contact) => contact.key)).size).toBe(Object.keys(script.cast).length);
    for (const step of script.steps) if (step.kind === "say") expect(parseClauses(step.text).length).toBeGreaterThan(0);
  });
}

const spokenMs = (script: Script): number => {
  let end = 0;
  for (const step of script.steps) {
    if (step.kind === "say") end += step.gapMs + speak(step.text, "milo").length / 8;
    else if (step.kind === "wait") end += step.ms;
  }
  return end;
};

test("the first script is over soon, the others are of many lengths up to three minutes", () => {
  expect(scripts[0]).toBe(quickCheck);
  expect(spokenMs(quickCheck)).toBeLessThan(12_000);
  const lengths = scripts.slice(1).map(spokenMs);
  expect(Math.min(...lengths)).toBeGreaterThan(15_000);
  expect(Math.max(...lengths)).toBeLessThan(180_000);
});

test("together they show hold both ways, join, leave, both kinds of transfer and overlaps", () => {
  const steps = scripts.flatMap((script) => script.steps);
  for (const kind of ["hold", "resume", "join", "leave", "replace", "transfer", "wait"]) expect(steps.some((step) => step.kind === kind)).toBe(true);
  expect(steps.some((step) => step.kind === "hold" && step.style === "inactive")).toBe(true);
  expect(steps.some((step) => step.kind === "say" && step.gapMs < 0)).toBe(true);
  expect(new Set(scripts.map((script) => script.codec))).toEqual(new Set(["PCMU", "PCMA"]));
});

test("every call has a recorded person from its first moment on, or the recorder would rightly not take it", () => {
  for (const script of scripts) {
    const recorded = script.opening.some((role) => script.cast[role]?.every((key) => contosoPeople.some((person) => person.key === key && person.recorded)));
    expect(recorded, script.name).toBe(true);
  }
});

test("a broken script is named as such", () => {
  const broken: Script = { ...quickCheck, steps: [say("nobody", "Hello."), { kind: "resume", who: "caller" }, { kind: "leave", who: "caller" }, say("caller", "Still here?")] };
  expect(faultsOf(broken)).toEqual(["step 1 (say): nobody is not in the call", "step 2 (resume): caller is not on hold", "step 4 (say): caller is not in the call"]);
});

test("nobody plays two roles or is in two calls", () => {
  const busy = new Set(contosoPeople.map((person) => person.key));
  expect(castScript(quickCheck, { busy })).toBeNull();
  for (let round = 0; round < 200; round++) {
    const cast = castScript(quickCheck, { busy: new Set(["adele", "nestor", "grady"]) });
    expect([...(cast?.values() ?? [])].map((contact) => contact.key)).not.toContain("adele");
  }
});

test("people are found however they are spelled", () => {
  for (const asked of ["Adele Vance", "adele", "AdeleV@contoso.example", "sip:adelev@contoso.example", "101", "+17325550101", "(732) 555-0101", "1-732-555-0101"]) {
    expect(findContact(asked)?.key).toBe("adele");
  }
  expect(findContact("tel:+12065550142")?.key).toBe("debra");
  expect(findContact("nobody")).toBeUndefined();
});

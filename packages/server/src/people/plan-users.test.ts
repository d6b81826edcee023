import { describe, expect, test } from "vitest";
import type { Person, PersonSettings } from "@earwitness/contract";
import { planUsers, type KnownBefore } from "./plan-users.ts";

const id = (last: string): string => `00000000-0000-4000-8000-00000000000${last}`;
const plain: Omit<PersonSettings, "upn" | "displayName"> = { givenName: null, familyName: null, role: "User", recorded: false, addresses: [], extensions: [], groupIds: [], managedGroupIds: [] };
const person = (last: string, upn: string, more: Partial<PersonSettings> = {}): Person => ({ id: id(last), settings: { ...plain, upn, displayName: upn, ...more } });
const nobody: KnownBefore = { linked: new Map(), people: [], claimed: new Set(), taken: new Set(), remembered: new Map() };
const linkedTo = (...people: Person[]): KnownBefore => ({ linked: new Map(people.map((each) => [each.id, each.id])), people, claimed: new Set(people.map((each) => each.id)), taken: new Set(people.map((each) => each.id)), remembered: new Map() });

describe("planUsers", () => {
  test("M365-58 somebody new stands under the object's own id, with name and UPN of the directory", () => {
    const { users, problems } = planUsers([{ id: id("A").toUpperCase(), userPrincipalName: "a@x.example", displayName: "  A\n Vance " }], nobody, true);
    expect(problems).toEqual([]);
    expect(users).toMatchObject([{ objectId: id("a"), before: null, after: { id: id("a"), settings: { ...plain, upn: "a@x.example", displayName: "A Vance", recorded: true } } }]);
    const other = planUsers([{ id: id("a"), userPrincipalName: "a@x.example" }], { ...nobody, taken: new Set([id("a")]) }, false);
    expect(other.users[0]?.after.id, "the id is a removed person's").not.toBe(id("a"));
  });

  test("who came by form is found by UPN, in any case, and keeps what the directory does not say", () => {
    const before = person("1", "A@x.example", { displayName: "By form", recorded: true, role: "Admin", extensions: ["123"] });
    const { users } = planUsers([{ id: id("a"), userPrincipalName: "a@x.example", displayName: "A" }], { ...nobody, people: [before] }, false);
    expect(users[0]).toMatchObject({ before, after: { id: before.id, settings: { ...before.settings, upn: "a@x.example", displayName: "A" } } });
    expect(Object.keys(users[0]?.change ?? {})).toEqual(["upn", "display_name"]);
  });

  test("what a change leaves out stays, and nothing changed is no change", () => {
    const a = person("a", "a@x.example", { displayName: "A" });
    expect(planUsers([{ id: a.id, accountEnabled: false }, { id: a.id, displayName: null, userPrincipalName: null }], linkedTo(a), true).users.map(({ change }) => change)).toEqual([{}, {}]);
  });

  test("a UPN that goes from one to another does so in whatever order they come; two who swap theirs are told", () => {
    const [a, b, c] = [person("a", "1@x.example"), person("b", "2@x.example"), person("c", "3@x.example")];
    const chain = planUsers([{ id: a.id, userPrincipalName: "2@x.example" }, { id: b.id, userPrincipalName: "3@x.example" }, { id: c.id, userPrincipalName: "4@x.example" }], linkedTo(a, b, c), false);
    expect(chain.problems).toEqual([]);
    expect(chain.users.map(({ objectId }) => objectId)).toEqual([c.id, b.id, a.id]);
    const swap = planUsers([{ id: a.id, userPrincipalName: "2@x.example" }, { id: b.id, userPrincipalName: "1@x.example" }], linkedTo(a, b), false);
    expect(swap.users).toEqual([]);
    expect(swap.problems).toEqual([{ objectId: a.id, message: "2@x.example is the UPN of 2@x.example already" }, { objectId: b.id, message: "1@x.example is the UPN of 1@x.example already" }]);
  });

  test("whoever cannot be a person is told, and the others are taken", () => {
    const users = ["a b@x.example", "nobody", "", "a@b@c", `${"x".repeat(400)}@x.example`, "bell\u0007@x.example", "half\ud800@x.example"].map((upn, index) => ({ id: id(String(index)), userPrincipalName: upn }));
    const plan = planUsers([...users, { id: id("8") }, { id: id("9"), userPrincipalName: "fine@x.example" }], nobody, false);
    expect(plan.problems).toHaveLength(users.length + 1);
    expect(plan.problems.every(({ message }) => message.isWellFormed() && !/\p{Cc}/u.test(message))).toBe(true);
    expect(plan.users.map(({ after }) => after.settings.displayName)).toEqual(["fine@x.example"]);
    const twins = planUsers([{ id: id("1"), userPrincipalName: "t@x.example" }, { id: id("2"), userPrincipalName: "T@x.example" }], nobody, false);
    expect([twins.users.length, twins.problems.length]).toEqual([1, 1]);
  });
});

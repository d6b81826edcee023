import { describe, expect, test } from "vitest";
import { decide, ruleVersion, type PolicyTrunk } from "./decide.ts";

const adele = { id: "p1", address: "sip:adelev@contoso.example", person: { personId: "a", recorded: true } };
const excluded = { id: "p2", address: "sip:norecord@contoso.example", person: { personId: "b", recorded: false } };
const stranger = { id: "p3", address: "+17325550142", person: null };
const closed: PolicyTrunk = { name: "SBC", unknown: "ignore" };
const open: PolicyTrunk = { name: "Lab", unknown: "record" };

describe("decide", () => {
  test("a known person is recorded, the outside party is not", () => {
    const decision = decide(closed, [adele, stranger]);
    expect(decision).toMatchObject({ record: true, ruleVersion, recordedPartyIds: ["p1"] });
    expect(decision.reasons).toEqual(["sip:adelev@contoso.example is a person whose calls are recorded."]);
  });

  test("a trunk that records all gives an unknown participant an interaction as well", () => {
    expect(decide(open, [adele, stranger]).recordedPartyIds).toEqual(["p1", "p3"]);
  });

  test("no recorded party: ignored, and the first reason says so", () => {
    const decision = decide(closed, [excluded, stranger]);
    expect(decision.record).toBe(false);
    expect(decision.reasons[0]).toBe("No party of the call is recorded on trunk “SBC”.");
    expect(decision.reasons).toContain("sip:norecord@contoso.example is excluded from recording.");
  });

  test("an excluded person is not recorded even where the trunk records all", () => {
    expect(decide(open, [excluded]).record).toBe(false);
  });

  test("a call without known parties is recorded only where the trunk records all", () => {
    expect(decide(open, []).record).toBe(true);
    expect(decide(closed, []).record).toBe(false);
  });
});

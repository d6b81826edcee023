import { describe, expect, test } from "vitest";
import type { PersonMatch } from "@earwitness/contract";
import { findPerson, matchPerson, type DirectoryPerson } from "./match-person.ts";

const adele: DirectoryPerson = { personId: "a", upn: "AdeleV@contoso.example", displayName: "Adele Vance", recorded: true, addresses: ["+17325550101", "sip:desk101@pbx.contoso.example"], extensions: ["123", "4711"] };
const alex: DirectoryPerson = { personId: "b", upn: "alexw@contoso.example", displayName: "Alex Wilber", recorded: false, addresses: ["sip:adelev@fabrikam.example"] };
const tenant = { people: [adele, alex] };
const trunk = { personDomains: ["contoso.example"] };

describe("matchPerson", () => {
  test("CAP-15 knows a person by a number or an address on record", () => {
    expect(matchPerson(tenant, trunk, "+17325550101")).toBe(adele);
    expect(matchPerson(tenant, trunk, "sip:desk101@pbx.contoso.example")).toBe(adele);
    expect(matchPerson(tenant, trunk, "sip:adelev@fabrikam.example")).toBe(alex);
  });

  test("knows a person by UPN, whatever its case in the directory, in the trunk's domains only", () => {
    expect(matchPerson(tenant, trunk, "sip:adelev@contoso.example")).toBe(adele);
    expect(matchPerson(tenant, { personDomains: [] }, "sip:adelev@contoso.example")).toBeNull();
    expect(matchPerson(tenant, { personDomains: ["example"] }, "sip:adelev@contoso.example")).toBeNull();
  });

  test("knows nobody else", () => {
    for (const address of ["+17325550102", "sip:@contoso.example", "sip:contoso.example", "sip:a@b@contoso.example", "tel:adelev@contoso.example", "", "sip:__proto__@contoso.example"]) {
      expect(matchPerson(tenant, trunk, address), address).toBeNull();
    }
  });

  test("CAP-75 a call of a listed extension is that person's; the last digits of a longer number only where the trunk says so", () => {
    for (const address of ["sip:4711@10.0.0.1", "+4711", "sip:123@pbx.example"]) expect(matchPerson(tenant, trunk, address), address).toBe(adele);
    expect(matchPerson(tenant, trunk, "+49301234711")).toBeNull();
    const byExtension = { ...trunk, matching: [{ by: "extension", digits: 4 } as const] };
    expect(findPerson(tenant, byExtension, "+49301234711")).toEqual({ person: adele, explanation: "Rule 1: the last digits, 4711, are an extension of theirs." });
    expect(matchPerson(tenant, byExtension, "sip:123@pbx.example"), "shorter than the rule's digits, but whole").toBe(adele);
    expect(matchPerson(tenant, byExtension, "+49301230123")).toBeNull();
    expect(matchPerson(tenant, byExtension, "sip:11@pbx.example")).toBeNull();
    expect(matchPerson(tenant, byExtension, "sip:desk4711@pbx.example")).toBeNull();
  });

  test("CAP-75 rules are asked in order, and only those that the trunk has; the one that found somebody says so", () => {
    const people = { people: [adele, { ...alex, addresses: ["+49301234711"] }] };
    const order = (...matching: PersonMatch[]) => findPerson(people, { ...trunk, matching }, "+49301234711");
    expect(order({ by: "number" }, { by: "extension", digits: 4 })).toMatchObject({ person: { personId: "b" }, explanation: "Rule 1: +49301234711 is a number of theirs." });
    expect(order({ by: "address" }, { by: "extension", digits: 4 }, { by: "number" })).toMatchObject({ person: { personId: "a" }, explanation: expect.stringMatching(/^Rule 2: /) });
    expect(order({ by: "address" })).toEqual({ person: null, explanation: "No rule finds a person for +49301234711." });
    expect(matchPerson(people, { ...trunk, matching: [{ by: "number" }] }, "sip:adelev@contoso.example")).toBeNull();
  });

  test("a pattern makes the person's address, number or UPN of the participant's", () => {
    const by = (match: string, address: string) => ({ personDomains: [], matching: [{ by: "pattern", match, address } as const] });
    expect(findPerson(tenant, by("^sip:(\\w+)-desk@", "sip:$1@contoso.example"), "sip:adelev-desk@pbx.example")).toEqual({
      person: adele,
      explanation: "Rule 1: “^sip:(\\w+)-desk@” made sip:adelev@contoso.example of sip:adelev-desk@pbx.example, which is theirs.",
    });
    expect(matchPerson(tenant, by("^sip:x(\\d{4})@", "+1732555$1"), "sip:x0101@pbx")).toBe(adele);
    expect(matchPerson(tenant, by("^sip:x(\\d{4})@", "+1732555$1"), "sip:y0101@pbx")).toBeNull();
    expect(matchPerson(tenant, by("(", "+17325550101"), "sip:y0101@pbx"), "an expression that is none finds nobody").toBeNull();
  });
});

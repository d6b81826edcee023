import { describe, expect, test } from "vitest";
import { matchPerson, type DirectoryPerson } from "./match-person.ts";

const adele: DirectoryPerson = { personId: "a", upn: "AdeleV@contoso.example", displayName: "Adele Vance", recorded: true, addresses: ["+17325550101", "sip:desk101@pbx.contoso.example"] };
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
});

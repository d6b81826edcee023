import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseProvision, ProvisionMistakes } from "./provision-file.ts";

const tenantId = "47eaa099-2cb6-416d-86dc-283cf0480ff9";
const adele = { personId: "59ba1b0d-5c90-4158-a909-406c2e416788", upn: "AdeleV@contoso.example", displayName: "Adele Vance" };
const trunk = { trunkId: "627bf322-5fac-4cb6-a34a-cb115ee347dd", name: "SBC", sourceNetworks: ["192.0.2.0/24"] };
const contoso = { tenantId, slug: "contoso", displayName: "Contoso" };

const parse = (file: unknown) => parseProvision(JSON.stringify(file));

function mistakesOf(text: string, folder?: string): readonly string[] {
  try {
    parseProvision(text, folder);
  } catch (error) {
    if (error instanceof ProvisionMistakes) return error.mistakes;
    throw error;
  }
  return [];
}

describe("parseProvision", () => {
  test("fills in what was left out, and brings addresses and networks into one spelling", () => {
    const file = parse({
      tenants: [{ ...contoso, tenantId: tenantId.toUpperCase(), people: [{ ...adele, addresses: ["tel:+1-732-555-0101", "sip:AdeleV@Contoso.Example;transport=tls", "+17325550101"] }], trunks: [{ ...trunk, sourceNetworks: ["2001:DB8:0::/32", "192.0.2.0/24"], personDomains: ["Contoso.Example"] }] }],
    });
    expect(file.tenants[0]).toEqual({
      ...contoso,
      m365TenantId: null,
      sandbox: false,
      keepOriginal: true,
      directory: null,
      groups: [],
      accessProfiles: [],
      people: [{ ...adele, givenName: null, familyName: null, role: "User", recorded: true, addresses: ["+17325550101", "sip:adelev@contoso.example"], extensions: null, groups: null, managedGroups: null }],
      trunks: [
        {
          trunkId: trunk.trunkId,
          named: ["name", "sourceNetworks", "personDomains"],
          recordingUser: null,
          digest: null,
          sandbox: false,
          settings: {
            name: "SBC",
            enabled: true,
            sourceNetworks: ["192.0.2.0/24", "2001:db8::/32"],
            transport: "any",
            media: "any",
            certificates: [],
            personDomains: ["contoso.example"],
            numbers: { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] },
            matching: [{ by: "address" }, { by: "number" }],
            unknown: "ignore",
          },
        },
      ],
    });
  });

  test("recordAll is an old name of unknown; expressions and certificates are looked at", () => {
    const read = (more: object) => parse({ tenants: [{ ...contoso, trunks: [{ ...trunk, sourceNetworks: ["192.0.2.7"], ...more }] }] }).tenants[0]!.trunks[0]!.settings;
    expect(read({ recordAll: true })).toMatchObject({ unknown: "record", sourceNetworks: ["192.0.2.7/32"] });
    expect(read({ recordAll: false }).unknown).toBe("ignore");
    expect(read({ numbers: { countryCode: "49" } }).numbers).toEqual({ countryCode: "49", internationalPrefix: null, nationalPrefix: null, rewrites: [] });
    const wrong = { recordAll: true, unknown: "record", numbers: { rewrites: [{ match: "(0", replace: "" }] }, certificates: ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] };
    expect(mistakesOf(JSON.stringify({ tenants: [{ ...contoso, trunks: [{ ...trunk, ...wrong }] }] }))).toEqual([
      "/tenants/0/trunks/0/certificates/0: cannot be read: it is damaged, or was cut while copying",
      "/tenants/0/trunks/0/numbers/rewrites/0/match: is not a regular expression in RE2 syntax: missing closing )",
      "/tenants/0/trunks/0/recordAll: says what unknown says; leave it out",
    ]);
  });

  test("a password lies in a file of its own: what is wrong with one is a mistake of the provision file, and no mistake tells it", () => {
    const folder = mkdtempSync(join(tmpdir(), "earwitness-provision-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const password = "Kp7wq2Zt9vRmX4hsLdYb3QeN";
    writeFileSync(join(folder, "sbc"), `${password}\n`);
    writeFileSync(join(folder, "empty"), "");
    const file = (...trunks: object[]) => JSON.stringify({ tenants: [{ ...contoso, trunks: trunks.map((more, at) => ({ ...trunk, trunkId: trunk.trunkId.replace("62", `6${at}`), name: `SBC ${at}`, ...more })) }] });
    const read = parseProvision(file({ recordingUser: "sbc123456", passwordFile: "sbc" }, {}), folder);
    expect(read.tenants[0]!.trunks.map(({ digest, named }) => [digest?.username ?? null, named.join()])).toEqual([["sbc123456", "name,sourceNetworks,personDomains"], [null, "name,sourceNetworks,personDomains"]]);
    expect(JSON.stringify(read)).not.toContain(password);
    const wrong = mistakesOf(file({ passwordFile: "sbc" }, { recordingUser: "sbc123456", passwordFile: "empty" }, { recordingUser: "sbc654321", passwordFile: "gone" }), folder);
    expect(wrong).toEqual([
      "/tenants/0/trunks/0/passwordFile: needs recordingUser beside it, which is the user name that belongs to the password",
      `/tenants/0/trunks/1/passwordFile: ${folder}/empty is empty. Write the password into it, in one line`,
      expect.stringContaining(`/tenants/0/trunks/2/passwordFile: ${folder}/gone is not there. Make it`),
    ]);
    expect(mistakesOf(file({ password }))).toEqual(["/tenants/0/trunks/0/password: is not known here. Write it into a file of its own and name that in passwordFile"]);
  });

  test("tells all mistakes of form at once, each with its place", () => {
    const mistakes = mistakesOf(JSON.stringify({ tenants: [{ ...contoso, slug: "Contoso!", colour: "red", people: [{ ...adele, personId: "adele", upn: "adele" }] }] }));
    expect(mistakes).toHaveLength(4);
    for (const where of ["/tenants/0/slug", "/tenants/0/colour", "/tenants/0/people/0/personId", "/tenants/0/people/0/upn"]) {
      expect(mistakes.filter((mistake) => mistake.startsWith(`${where}: `)), where).toHaveLength(1);
    }
  });

  test("tells all mistakes of sense at once: repetitions, networks that are none, networks of two tenants", () => {
    const other = { tenantId: "9a1e40b4-5815-4a99-99e2-d15364c7a500", slug: "contoso", displayName: "Other", trunks: [{ ...trunk, sourceNetworks: ["192.0.2.0/24", "192.0.2.9/24", "lab"] }] };
    const twin = { ...adele, upn: "adelev@contoso.example", addresses: ["+17325550101"] };
    expect(mistakesOf(JSON.stringify({ tenants: [{ ...contoso, people: [{ ...adele, addresses: ["tel:+17325550101"] }, twin], trunks: [trunk] }, { ...other, slug: "other" }, other] }))).toEqual([
      "/tenants: tenantId 9a1e40b4-5815-4a99-99e2-d15364c7a500 is there more than once",
      "/tenants: slug contoso is there more than once",
      "/tenants/0/people: personId 59ba1b0d-5c90-4158-a909-406c2e416788 is there more than once",
      "/tenants/0/people: upn adelev@contoso.example is there more than once",
      "/tenants/0/people: address +17325550101 is there more than once",
      ...[1, 2].flatMap((tenant) => [
        `/tenants/${tenant}/trunks/0/sourceNetworks/1: “192.0.2.9/24” has bits to the right of its /24; did you mean 192.0.2.0/24?`,
        `/tenants/${tenant}/trunks/0/sourceNetworks/2: “lab” is no network such as 192.0.2.0/24 or 192.0.2.7/32`,
      ]),
      "/tenants: the network 192.0.2.0/24 is claimed by contoso and by other",
    ]);
  });

  test("ACC-01 tells what is wrong with groups and access profiles", () => {
    const [care, unknown] = ["11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"];
    const profile = { accessProfileId: tenantId, name: "Supervisor", level: "groups", permissions: ["recording.listen"] };
    expect(mistakesOf(JSON.stringify({ tenants: [{ ...contoso, groups: [{ groupId: care, name: "Care" }, { groupId: unknown.replace("2", "3"), name: "CARE" }], people: [{ ...adele, groups: [care, unknown], managedGroups: [care] }], accessProfiles: [profile, { ...profile, name: "P", level: "none", groups: [unknown] }] }] }))).toEqual([
      "/tenants/0/groups: name care is there more than once",
      `/tenants/0/accessProfiles: accessProfileId ${tenantId} is there more than once`,
      `/tenants/0/people/0/groups: the group ${unknown} is not among the file's groups`,
      "/tenants/0/people/0/managedGroups: have a meaning with the roles Supervisor and Admin only",
      "/tenants/0/accessProfiles/0/name: is the name of a role",
      "/tenants/0/accessProfiles/0/ofGroups: names no group: choose at least one, or another level",
      "/tenants/0/accessProfiles/1/permissions/0: “Play Media Related to a Call” needs a level other than No Call Access",
      `/tenants/0/accessProfiles/1/groups: the group ${unknown} is not among the file's groups`,
    ]);
    expect(mistakesOf(JSON.stringify({ tenants: [{ ...contoso, accessProfiles: [{ ...profile, permissions: ["everything"] }] }] }))[0]).toMatch(/^\/tenants\/0\/accessProfiles\/0\/permissions/);
  });

  test("tells of a role that does not exist, and of characters that no name has", () => {
    const { personId } = adele;
    expect(mistakesOf(JSON.stringify({ tenants: [{ ...contoso, people: [{ ...adele, role: "User Self View" }, { personId: personId.replace("5", "6"), upn: "a@b", displayName: "A", role: "global admin" }] }] }))).toEqual([
      "/tenants/0/people/1/role: there is no role “global admin”; there are Admin, Supervisor, User Self View, User, API User",
    ]);
    for (const displayName of ["a\u0000b", "a\u001fb", "a\ud800"]) expect(mistakesOf(JSON.stringify({ tenants: [{ ...contoso, displayName }] }))).toEqual([expect.stringMatching(/^displayName: .* holds a control character$/)]);
  });

  test.each([["{", /not JSON/], ["null", /^\/: /], ["[]", /^\/: /], ["{}", /tenants/]])("refuses %s", (text, words) => {
    expect(mistakesOf(text)).toEqual([expect.stringMatching(words)]);
  });
});

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "#clock";
import { withTenant } from "#db";
import { createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { parseProvision } from "./provision-file.ts";
import { provision } from "./provision.ts";
import { createTenant, listTenants, type TenantsContext } from "./tenants.ts";

let database: TestDatabase;
let context: TenantsContext;
const operator = { kind: "machine", id: "cli", name: "cli" } as const;

beforeAll(async () => {
  database = await createTestDatabase();
  context = { db: database.db, clock: systemClock, nodeId: "n1", ensureKey: (tenantId) => Promise.resolve({ publicKeyId: `key of ${tenantId}`, publicKey: randomBytes(32) }) };
});
afterAll(() => database?.close());

const evidenceOf = (tenantId: string) =>
  withTenant(database.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "subject", "actor_kind", "detail"]).orderBy("recorded_at").execute());

describe("createTenant", () => {
  test("makes the key first, the row and its evidence together", async () => {
    const tenant = await createTenant(context, { slug: "fabrikam", displayName: "Fabrikam" }, operator);
    expect(await listTenants(database.db)).toContainEqual(tenant);
    expect(await evidenceOf(tenant.tenantId)).toEqual([
      {
        action: "Add",
        item: "Tenant",
        subject: tenant.tenantId,
        actor_kind: "machine",
        detail: {
          name: "Fabrikam",
          change: {
            slug: { from: null, to: "fabrikam" },
            displayName: { from: null, to: "Fabrikam" },
            m365TenantId: { from: null, to: null },
            sandbox: { from: null, to: false },
            keepOriginal: { from: null, to: true },
            publicKeyId: { from: null, to: `key of ${tenant.tenantId}` },
          },
        },
      },
    ]);
  });

  test("a slug, a Microsoft 365 tenant or an id that is taken is refused in words, and leaves nothing", async () => {
    const m365TenantId = randomUUID();
    const { tenantId } = await createTenant(context, { slug: "tailspin", displayName: "Tailspin", m365TenantId }, operator);
    const before = await listTenants(database.db);
    await expect(createTenant(context, { slug: "tailspin", displayName: "B" }, operator)).rejects.toMatchObject({ code: "TENANT_SLUG_TAKEN", status: 409 });
    await expect(createTenant(context, { slug: "other", displayName: "B", m365TenantId }, operator)).rejects.toMatchObject({ code: "M365_TENANT_TAKEN" });
    await expect(createTenant(context, { tenantId, slug: "other", displayName: "B" }, operator)).rejects.toMatchObject({ code: "TENANT_EXISTS" });
    expect(await listTenants(database.db)).toEqual(before);
  });

  test("no key, no tenant", async () => {
    const failing = { ...context, ensureKey: () => Promise.reject(new Error("the disk is full")) };
    await expect(createTenant(failing, { slug: "keyless", displayName: "K" }, operator)).rejects.toThrow("the disk is full");
    expect((await listTenants(database.db)).map(({ slug }) => slug)).not.toContain("keyless");
  });
});

describe("provision", () => {
  const tenantId = "47eaa099-2cb6-416d-86dc-283cf0480ff9";
  const adele = { personId: "59ba1b0d-5c90-4158-a909-406c2e416788", upn: "adelev@contoso.example", displayName: "Adele Vance", role: "User Self View", addresses: ["+17325550101"] };
  const alex = { personId: "5d32fe61-985f-44e7-aa09-5ee82bb29976", upn: "alexw@contoso.example", displayName: "Alex Wilber", addresses: ["sip:alexw@contoso.example"] };
  const trunk = { trunkId: "627bf322-5fac-4cb6-a34a-cb115ee347dd", name: "SBC", sourceNetworks: ["127.0.0.2/32", "2001:db8::/32"], personDomains: ["contoso.example"] };
  const file = (changes: { people?: unknown[]; trunks?: unknown[]; displayName?: string; groups?: unknown[]; accessProfiles?: unknown[] } = {}, folder?: string) =>
    parseProvision(JSON.stringify({ tenants: [{ tenantId, slug: "contoso", displayName: "Contoso", sandbox: true, people: [adele, alex], trunks: [trunk], ...changes }] }), folder);

  test("makes what is missing, each with its evidence; a second time nothing happens and nothing is written", async () => {
    expect(await provision(context, file())).toEqual({ changes: 4 });
    const evidence = await evidenceOf(tenantId);
    expect(evidence.map(({ action, item }) => `${action} ${item}`).sort()).toEqual(["Add Tenant", "Add Trunk", "Add User", "Add User"]);
    expect(evidence.every(({ actor_kind }) => actor_kind === "machine")).toBe(true);
    expect(await provision(context, file())).toEqual({ changes: 0 });
    expect(await evidenceOf(tenantId)).toHaveLength(4);
    const stored = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("trunks").select(["source_networks", "person_domains", "unknown", "recording_user"]).execute());
    expect(stored).toEqual([{ source_networks: ["127.0.0.2/32", "2001:db8::/32"], person_domains: ["contoso.example"], unknown: "ignore", recording_user: expect.stringMatching(/^[a-z0-9]{10}$/) }]);
  });

  test("changes what differs, says from what to what, and takes nothing away", async () => {
    expect(await provision(context, file({ displayName: "Contoso Ltd", people: [{ ...adele, recorded: false }], trunks: [] }))).toEqual({ changes: 2 });
    const changes = (await evidenceOf(tenantId)).slice(4);
    expect(changes.map(({ action, item, detail }) => ({ action, item, detail }))).toEqual([
      { action: "Modify", item: "Tenant", detail: { name: "Contoso Ltd", change: { display_name: { from: "Contoso", to: "Contoso Ltd" } } } },
      { action: "Modify", item: "User", detail: { name: "Adele Vance", change: { recorded: { from: true, to: false } } } },
    ]);
    const left = await withTenant(database.db, tenantId, async (tx) => [await tx.selectFrom("people").select("upn").execute(), await tx.selectFrom("trunks").select("name").execute()]);
    expect(left.map((rows) => rows.length)).toEqual([2, 1]);
  });

  test("ACC-01 ACC-12 USR-13 groups, who is in them and who manages them, and access profiles: made, changed, and left alone where the file is silent", async () => {
    const [care, sales, profileId] = [randomUUID(), randomUUID(), randomUUID()];
    const groups = [{ groupId: care, name: "Care" }, { groupId: sales, name: "Sales" }];
    const profile = { accessProfileId: profileId, name: "Compliance", level: "groups", ofGroups: [care], permissions: ["recording.listen", "audit.read"], groups: [sales] };
    const wanted = (more: object = {}) => file({ people: [{ ...adele, role: "Supervisor", groups: [care], managedGroups: [sales] }], trunks: [], groups, accessProfiles: [profile], ...more });
    const begun = (await evidenceOf(tenantId)).length;
    await provision(context, wanted());
    expect((await evidenceOf(tenantId)).slice(begun).map(({ action, item }) => `${action} ${item}`)).toEqual(["Modify Tenant", "Add Group", "Add Group", "Modify User", "Add Access Profile"]);
    expect(await provision(context, wanted()), "a second time").toEqual({ changes: 0 });
    expect(await provision(context, file({ people: [{ ...adele, role: "Supervisor" }], trunks: [] })), "silent").toEqual({ changes: 0 });
    expect(await provision(context, wanted({ accessProfiles: [{ ...profile, groups: [care, sales].toSorted() }], groups: [groups[0], { groupId: sales, name: "Selling" }] }))).toEqual({ changes: 2 });
    const stored = await withTenant(database.db, tenantId, async (tx) => [
      await tx.selectFrom("group_members").select(["person_id", "group_id"]).execute(),
      await tx.selectFrom("managed_groups").select(["person_id", "group_id"]).execute(),
      await tx.selectFrom("access_profile_groups").select("group_id").orderBy("group_id").execute(),
      await tx.selectFrom("access_profiles").select(["name", "level", "permissions"]).execute(),
    ]);
    expect(stored).toEqual([[{ person_id: adele.personId, group_id: care }], [{ person_id: adele.personId, group_id: sales }], [care, sales].toSorted().map((group_id) => ({ group_id })), [{ name: "Compliance", level: "groups", permissions: ["audit.read", "recording.listen"] }]]);
  });

  test("what the file does not name of a trunk stays as people have set it; what it names is brought back", async () => {
    const settings = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("trunks").select(["name", "enabled", "transport", "unknown", "numbers", "recording_user"]).executeTakeFirstOrThrow());
    const { recording_user } = await settings();
    await withTenant(database.db, tenantId, (tx) => tx.updateTable("trunks").set({ enabled: false, transport: "tls", name: "Renamed" }).execute());
    expect(await provision(context, file())).toEqual({ changes: expect.any(Number) });
    expect(await settings()).toMatchObject({ name: "SBC", enabled: false, transport: "tls", unknown: "ignore", recording_user });
    const numbers = { countryCode: "49", nationalPrefix: "0", rewrites: [{ match: "^8", replace: "" }] };
    const named = { ...trunk, enabled: true, recordAll: true, numbers, transport: "any", recordingUser: "desk123456" };
    expect(await provision(context, file({ trunks: [named] }))).toEqual({ changes: 1 });
    expect(await provision(context, file({ trunks: [named] })), "a second time").toEqual({ changes: 0 });
    expect(await settings()).toEqual({ name: "SBC", enabled: true, transport: "any", unknown: "record", numbers: { internationalPrefix: null, ...numbers }, recording_user: "desk123456" });
  });

  test("a trunk's password is set from its file, told without a letter of it, brought back when it was changed, and changed with the file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "earwitness-tenants-"));
    const put = (password: string) => writeFile(join(folder, "sbc"), `${password}\n`);
    const trunkId = randomUUID();
    const provisioned = (more: object) => provision(context, file({ people: [], trunks: [{ ...trunk, trunkId, name: "With password", recordingUser: "secret1234", ...more }] }, folder));
    const asked = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("trunks").select(["digest_username", "digest_ha1_sha256"]).where("trunk_id", "=", trunkId).executeTakeFirstOrThrow());
    const sha256 = (password: string) => createHash("sha256").update(`secret1234:earwitness:${password}`).digest("hex");
    try {
      await put("firstfirstfirst");
      expect(await provisioned({ passwordFile: "sbc" })).toEqual({ changes: expect.any(Number) });
      expect(await asked()).toEqual({ digest_username: "secret1234", digest_ha1_sha256: sha256("firstfirstfirst") });
      expect(await provisioned({ passwordFile: "sbc" }), "a second time").toEqual({ changes: 0 });
      expect(await provisioned({}), "not named").toEqual({ changes: 0 });
      expect(await asked()).toMatchObject({ digest_username: "secret1234" });
      await put("secondsecondsecond");
      expect(await provisioned({ passwordFile: "sbc" })).toEqual({ changes: 1 });
      expect(await asked()).toMatchObject({ digest_ha1_sha256: sha256("secondsecondsecond") });
      await withTenant(database.db, tenantId, (tx) => tx.updateTable("trunks").set({ digest_username: null, digest_realm: null, digest_ha1_md5: null, digest_ha1_sha256: null, digest_set_at: null }).where("trunk_id", "=", trunkId).execute());
      expect(await provisioned({ passwordFile: "sbc" })).toEqual({ changes: 1 });
      const told = (await evidenceOf(tenantId)).filter(({ subject }) => subject === trunkId);
      const set = { username: "secret1234", realm: "earwitness", setAt: expect.any(String) };
      expect(told.map(({ action, detail }) => [action, (detail as { change: { digest: unknown } }).change.digest])).toEqual([
        ["Add", { from: null, to: set }],
        ["Modify", { from: set, to: set }],
        ["Modify", { from: null, to: set }],
      ]);
      for (const secret of ["first", "second", sha256("firstfirstfirst"), sha256("secondsecondsecond")]) expect(JSON.stringify(told)).not.toContain(secret);
    } finally {
      await rm(folder, { recursive: true });
      await withTenant(database.db, tenantId, (tx) => tx.deleteFrom("trunks").where("trunk_id", "=", trunkId).execute());
    }
  });

  test("CAP-75 gives people their extensions; a UPN of somebody else stops it in words", async () => {
    expect(await provision(context, file({ people: [{ ...adele, extensions: ["4711", "123"] }] }))).toEqual({ changes: 1 });
    expect(await provision(context, file({ people: [{ ...adele, extensions: ["123", "4711"] }] }))).toEqual({ changes: 0 });
    expect(await provision(context, file({ people: [adele] })), "not named").toEqual({ changes: 0 });
    expect(await withTenant(database.db, tenantId, (tx) => tx.selectFrom("person_extensions").select("extension").where("person_id", "=", adele.personId).orderBy("extension").execute())).toEqual([{ extension: "123" }, { extension: "4711" }]);
    expect(() => file({ people: [{ ...adele, extensions: ["12"] }] })).toThrow(/extensions/);
    const other = randomUUID();
    await expect(provision(context, file({ people: [{ ...adele, personId: other }] }))).rejects.toThrow(`to person ${other}, but it is that of person ${adele.personId}`);
  });

  test("an address moves to the person that the file gives it to", async () => {
    await provision(context, file({ people: [{ ...adele, addresses: [] }, { ...alex, addresses: ["+17325550101"] }] }));
    const addresses = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("person_addresses").select(["address", "person_id"]).execute());
    expect(addresses).toEqual([{ address: "+17325550101", person_id: alex.personId }]);
  });

  test("nodes that start together write everything once", async () => {
    const people = Array.from({ length: 5 }, (_, n) => ({ personId: randomUUID(), upn: `p${n}@contoso.example`, displayName: `P${n}` }));
    const before = (await evidenceOf(tenantId)).length;
    const results = await Promise.all(Array.from({ length: 4 }, () => provision(context, file({ people }))));
    const made = results.reduce((sum, { changes }) => sum + changes, 0);
    expect((await evidenceOf(tenantId)).length - before).toBe(made);
    expect((await evidenceOf(tenantId)).filter(({ subject, action }) => action === "Add" && people.some(({ personId }) => personId === subject))).toHaveLength(5);
  });
});

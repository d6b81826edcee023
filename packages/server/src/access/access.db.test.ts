import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withTenant } from "#db";
import { addProfile, addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { createApiKeys, type ApiKeys } from "./api-keys.ts";
import { can, scopeOf } from "./principal.ts";
import { createSessions, type Sessions } from "./sessions.ts";

let database: TestDatabase;
let tenantId: string;
let now: Date;
const clock = { now: () => now };
const admin = { kind: "person", id: "admin", name: "MOD Administrator" } as const;
const from = { remoteAddress: "192.0.2.1" };

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.close());
beforeEach(async () => {
  now = new Date();
  tenantId = await addTenant(database.db);
});

const wait = (ms: number): void => void (now = new Date(now.getTime() + ms));
const evidence = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "subject", "actor_id", "actor_kind", "remote_address"]).orderBy("recorded_at").execute());

describe("API keys", () => {
  let keys: ApiKeys;
  beforeEach(() => void (keys = createApiKeys({ db: database.db, clock, nodeId: "n1" })));

  test("a key opens its tenant with its profile's rights; only its digest is kept", async () => {
    const { apiKeyId, key } = await keys.create(tenantId, { name: "Export job", profile: "Admin" }, admin);
    expect(key).toMatch(/^ew_[0-9a-f]{32}_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/);
    const principal = await keys.verify(key);
    expect(principal).toMatchObject({ kind: "api_key", id: apiKeyId, name: "Export job", tenantId, profile: "Admin", personId: null });
    expect(scopeOf(principal!)).toEqual({ kind: "all" });
    const [row] = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("api_keys").selectAll().execute());
    expect(JSON.stringify(row)).not.toContain(key.slice(-43));
    expect(row?.secret_sha256).toHaveLength(32);
  });

  test("a key with own calls has no calls: it is nobody's", async () => {
    const { key } = await keys.create(tenantId, { name: "x", profile: await addProfile(database.db, tenantId) }, admin);
    expect(scopeOf((await keys.verify(key))!)).toEqual({ kind: "none" });
  });

  test("anything else is nobody: another secret, tenant or key, a cut or padded one", async () => {
    const { key } = await keys.create(tenantId, { name: "x", profile: "Admin" }, admin);
    const other = await addTenant(database.db);
    const [prefix, tenant, id] = key.split("_") as [string, string, string];
    const wrong = [
      "",
      "ew_",
      key.slice(0, -1),
      `${key}A`,
      ` ${key}`,
      key.toUpperCase(),
      key.replace(tenant, other.replaceAll("-", "")),
      key.replace(id, randomUUID().replaceAll("-", "")),
      `${prefix}_${tenant}_${id}_${"A".repeat(43)}`,
    ];
    for (const text of wrong) expect(await keys.verify(text), text).toBeNull();
    expect(await keys.verify(key)).not.toBeNull();
  });

  test("a revoked key is refused at once; revoking is told, and works once", async () => {
    const { apiKeyId, key } = await keys.create(tenantId, { name: "x", profile: "Admin" }, admin);
    await keys.revoke(tenantId, apiKeyId, admin);
    expect(await keys.verify(key)).toBeNull();
    await expect(keys.revoke(tenantId, apiKeyId, admin)).rejects.toMatchObject({ status: 404 });
    expect((await evidence()).map(({ action, item, subject, actor_id }) => [action, item, subject, actor_id])).toEqual([
      ["Add", "API Key", apiKeyId, "admin"],
      ["Disabled", "API Key", apiKeyId, "admin"],
    ]);
  });

  test("another tenant can neither revoke nor see it", async () => {
    const { apiKeyId, key } = await keys.create(tenantId, { name: "x", profile: "Admin" }, admin);
    const other = await addTenant(database.db);
    await expect(keys.revoke(other, apiKeyId, admin)).rejects.toMatchObject({ status: 404 });
    expect(await keys.list(other, admin)).toEqual([]);
    expect(await keys.verify(key)).not.toBeNull();
  });

  test("last use is known to the minute, and written no oftener", async () => {
    const { key } = await keys.create(tenantId, { name: "x", profile: "Admin" }, admin);
    const lastUsed = async () => (await keys.list(tenantId, admin))[0]?.lastUsedAt;
    expect(await lastUsed()).toBeNull();
    await keys.verify(key);
    const first = now;
    wait(59_000);
    await keys.verify(key);
    expect(await lastUsed()).toEqual(first);
    wait(1_000);
    await keys.verify(key);
    expect(await lastUsed()).toEqual(now);
  });

  test("a profile that does not exist is refused", async () => {
    await expect(keys.create(tenantId, { name: "x", profile: "Root" }, admin)).rejects.toMatchObject({ code: "UNKNOWN_PROFILE" });
    expect(await evidence()).toEqual([]);
  });
});

describe("portal sessions", () => {
  let sessions: Sessions;
  let personId: string;
  beforeEach(async () => {
    sessions = createSessions({ db: database.db, clock, nodeId: "n1" });
    personId = randomUUID();
    await withTenant(database.db, tenantId, (tx) => tx.insertInto("people").values({ tenant_id: tenantId, person_id: personId, upn: "adelev@contoso.example", display_name: "Adele Vance", role: "User Self View" }).execute());
  });

  test("a signed-in person sees her own calls; signing in and out are evidence", async () => {
    const { cookie } = (await sessions.create(tenantId, personId, from))!;
    const principal = (await sessions.verify(cookie))!;
    expect(principal).toMatchObject({ kind: "person", id: personId, name: "Adele Vance", tenantId, profile: "User Self View", personId });
    expect(scopeOf(principal)).toEqual({ kind: "some", personId, groupIds: [] });
    expect([can(principal, "recording.listen"), can(principal, "access.manage")]).toEqual([true, false]);
    await Promise.all([sessions.end(cookie, from), sessions.end(cookie, from)]);
    expect(await sessions.verify(cookie)).toBeNull();
    const [signIn, signOut, ...more] = await evidence();
    expect(signIn).toMatchObject({ action: "Login", item: "Session", actor_kind: "person", actor_id: personId, remote_address: "192.0.2.1" });
    expect(signOut).toMatchObject({ action: "Logout", subject: signIn?.subject });
    expect(more).toEqual([]);
  });

  test("CON-07 a person without an access profile signs in and may do nothing", async () => {
    await withTenant(database.db, tenantId, (tx) => tx.updateTable("people").set({ role: "User" }).execute());
    const { cookie, principal } = (await sessions.create(tenantId, personId, from))!;
    expect(principal.permissions.size).toBe(0);
    expect(scopeOf((await sessions.verify(cookie))!)).toEqual({ kind: "none" });
  });

  test("ends after 8 idle hours, each use beginning them anew, and after 24 hours in any case", async () => {
    const hour = 3_600_000;
    const { cookie } = (await sessions.create(tenantId, personId, from))!;
    for (let used = 0; used < 3; used++) {
      wait(7.9 * hour);
      expect(await sessions.verify(cookie)).not.toBeNull();
    }
    wait(0.3 * hour);
    expect(await sessions.verify(cookie), "24 hours").toBeNull();
    const { cookie: idle } = (await sessions.create(tenantId, personId, from))!;
    wait(8 * hour);
    expect(await sessions.verify(idle), "8 idle hours").toBeNull();
  });

  test("a page left open does not keep its session from going idle", async () => {
    const { cookie } = (await sessions.create(tenantId, personId, from))!;
    for (let hours = 0; hours < 7; hours++) {
      wait(3_600_000);
      expect(await sessions.verify(cookie, false)).not.toBeNull();
    }
    wait(3_600_000);
    expect(await sessions.verify(cookie)).toBeNull();
  });

  test("rights that are taken away are gone with the next request, and so is a person", async () => {
    const { cookie } = (await sessions.create(tenantId, personId, from))!;
    await withTenant(database.db, tenantId, (tx) => tx.updateTable("people").set({ role: "User" }).execute());
    expect((await sessions.verify(cookie))?.permissions.size).toBe(0);
    await withTenant(database.db, tenantId, (tx) => tx.updateTable("people").set({ deleted_at: now }).execute());
    expect(await sessions.verify(cookie)).toBeNull();
    expect(await sessions.create(tenantId, personId, from)).toBeNull();
  });

  test("a cookie with another tenant, session or secret is nobody", async () => {
    const { cookie } = (await sessions.create(tenantId, personId, from))!;
    const [tenant, session, secret] = cookie.split(".") as [string, string, string];
    const other = await addTenant(database.db);
    for (const text of ["", "..", `${other}.${session}.${secret}`, `${tenant}.${randomUUID()}.${secret}`, `${tenant}.${session}.${"A".repeat(43)}`, `${cookie}.`, cookie.slice(0, -1)]) {
      expect(await sessions.verify(text), text).toBeNull();
    }
    const [row] = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("portal_sessions").selectAll().execute());
    expect(JSON.stringify(row)).not.toContain(secret);
  });
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { givenPermissions, permissionWords, type AccessChoices, type AccessExplanation, type AccessGrant, type AccessProfile, type AccessProfilePage, type AccessProfileSettings, type GivenPermission, type PersonSettings, type Problem, type Role, type RolePage } from "@earwitness/contract";
import { withTenant } from "#db";
import { addInteraction, addPerson, addRecording, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";

const by = { kind: "machine", id: "test", name: "Test" } as const;
let now = new Date();
let stage: TestPortal;
let tenantId: string;
let admin: Caller;

beforeAll(async () => {
  stage = await createTestPortal({ clock: { now: () => now } });
});
afterAll(() => stage.close());
beforeEach(async () => {
  now = new Date();
  tenantId = await addSealingTenant(stage, `t${randomUUID().slice(0, 8)}`);
  admin = await somebody("Admin");
});

interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly etag: string;
}
interface Caller {
  readonly id: string;
  call<T = Problem>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object, headers?: Record<string, string>): Promise<Answer<T>>;
  seen(): Promise<string[]>;
}

async function caller(id: string, headers: Record<string, string>): Promise<Caller> {
  const call = async <T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object, more: Record<string, string> = {}): Promise<Answer<T>> => {
    const answer = await stage.portal.app.inject({ method, url: `/api/v1${path}`, headers: { ...headers, ...more }, ...(payload === undefined ? {} : { payload }) });
    return { status: answer.statusCode, body: (answer.body.startsWith("{") ? answer.json() : null) as T, etag: String(answer.headers["etag"] ?? "") };
  };
  return { id, call, seen: async () => (await call<{ items: { id: string }[] }>("GET", "/interactions?limit=100")).body.items?.map((item) => item.id).toSorted() ?? [] };
}

async function signedIn(personId: string): Promise<Caller> {
  const session = await stage.sessions.create(tenantId, personId, { remoteAddress: "127.0.0.1" });
  return await caller(personId, { cookie: `${stage.sessionCookie}=${session!.cookie}`, "sec-fetch-site": "same-origin" });
}

async function somebody(role: Role = "User"): Promise<Caller> {
  const { personId } = await addPerson(stage.db, tenantId, `${randomUUID()}@contoso.example`, role);
  return await signedIn(personId);
}

async function group(...members: readonly string[]): Promise<string> {
  const groupId = randomUUID();
  await withTenant(stage.db, tenantId, async (tx) => {
    await tx.insertInto("people_groups").values({ tenant_id: tenantId, group_id: groupId, name: groupId }).execute();
    for (const person_id of members) await tx.insertInto("group_members").values({ tenant_id: tenantId, group_id: groupId, person_id }).execute();
  });
  return groupId;
}

const settings = (more: Partial<AccessProfileSettings> = {}): AccessProfileSettings => ({ name: `P ${randomUUID()}`, description: "", level: "own", ofGroupIds: [], permissions: [], groupIds: [], ...more });
async function profile(more: Partial<AccessProfileSettings> = {}): Promise<AccessProfile> {
  const made = await admin.call<AccessProfile>("POST", "/access-profiles", settings(more));
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body;
}
const change = async ({ id, settings: before }: AccessProfile, more: Partial<AccessProfileSettings>) => await admin.call<AccessProfile>("PUT", `/access-profiles/${id}`, { ...before, ...more });
const callOf = (personId: string | null) => addInteraction(stage.db, tenantId, { person_id: personId });
const leave = (groupId: string, personId: string) => withTenant(stage.db, tenantId, (tx) => tx.deleteFrom("group_members").where("group_id", "=", groupId).where("person_id", "=", personId).execute());
const personOf = async (id: string) => (await admin.call<{ settings: PersonSettings }>("GET", `/people/${id}`)).body.settings;

describe("levels", () => {
  test("ACC-02 ACC-16 ACC-25 OVR-08 each level shows its calls in list, count, search, detail and playback, and no others; without a profile there are none", async () => {
    const [me, colleague, stranger] = [await somebody(), await somebody(), await somebody()];
    const calls = { mine: await callOf(me.id), theirs: await callOf(colleague.id), strange: await callOf(stranger.id), unknown: await callOf(null) };
    for (const id of Object.values(calls)) await addRecording(stage.db, tenantId, id, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    const [mine, sales] = [await group(me.id), await group(colleague.id)];
    const made = await profile({ groupIds: [mine], permissions: ["recording.listen"] });
    const levels = { none: [], own: [calls.mine], groups: [calls.mine, calls.theirs], all: Object.values(calls) };
    for (const [level, wanted] of Object.entries(levels) as [AccessProfileSettings["level"], string[]][]) {
      const permissions: GivenPermission[] = level === "none" ? ["audit.read"] : ["recording.listen"];
      expect((await change(made, { level, permissions, ofGroupIds: level === "groups" ? [sales] : [] })).status).toBe(200);
      expect(await me.seen(), level).toEqual(wanted.toSorted());
      const counted = await me.call<{ total: { count: number } }>("GET", "/interactions?q=adele");
      expect(counted.status === 403 ? 0 : counted.body.total.count, level).toBe(wanted.length);
      for (const id of Object.values(calls)) {
        const expected = wanted.includes(id) ? [200, 201] : level === "none" ? [403, 403] : [404, 404];
        expect([(await me.call("GET", `/interactions/${id}`)).status, (await me.call("POST", `/interactions/${id}/plays`, {})).status], `${level} ${id}`).toEqual(expected);
      }
    }
  });

  test("ACC-02 a scope of more people than are named in a query sees the same as one of few", async () => {
    const me = await somebody();
    const people = Array.from({ length: 520 }, () => randomUUID());
    await withTenant(stage.db, tenantId, (tx) => tx.insertInto("people").values(people.map((person_id) => ({ tenant_id: tenantId, person_id, upn: `${person_id}@x`, display_name: person_id, deleted_at: null }))).execute());
    const [mine, many] = [await group(me.id), await group(...people)];
    const calls = [await callOf(people[0]!), await callOf(people[519]!), await callOf(me.id)];
    await callOf(randomUUID());
    await profile({ level: "groups", ofGroupIds: [many], groupIds: [mine] });
    expect(await me.seen()).toEqual(calls.toSorted());
    for (const person of people.slice(0, 100)) await leave(many, person);
    expect(await me.seen()).toEqual(calls.slice(1).toSorted());
  });

  test("ACC-14 ACC-15 several profiles and the role add up: all permissions, for all calls", async () => {
    const [me, other] = [await somebody("User Self View"), await somebody()];
    const calls = [await callOf(me.id), await callOf(other.id)];
    const mine = await group(me.id);
    await profile({ level: "groups", ofGroupIds: [await group(other.id)], groupIds: [mine] });
    await profile({ level: "none", permissions: ["audit.read"], groupIds: [mine] });
    expect(await me.seen()).toEqual(calls.toSorted());
    const session = (await me.call<{ permissions: string[]; level: string; profile: string }>("GET", "/session")).body;
    expect([session.level, session.permissions.toSorted()]).toEqual(["groups", ["audit.read", "interaction.list", "interaction.note", "recording.listen"]]);
    expect((await me.call("GET", "/audit")).status).toBe(200);
  });
});

describe("permissions", () => {
  test("ACC-01 ACC-03 ACC-05 ACC-07 ACC-08 ACC-09 ACC-10 ACC-11 each is independent: with all but one of them, that one is missing", async () => {
    const me = await somebody();
    const made = await profile({ groupIds: [await group(me.id)], level: "all" });
    for (const missing of givenPermissions) {
      expect((await change(made, { permissions: givenPermissions.filter((one) => one !== missing) })).status).toBe(200);
      const { permissions } = (await me.call<{ permissions: string[] }>("GET", "/session")).body;
      expect(permissions.toSorted()).toEqual(["interaction.list", ...givenPermissions.filter((one) => one !== missing)].toSorted());
    }
    expect(Object.values(permissionWords).map(({ label }) => label)).toEqual(expect.arrayContaining(["Play Media Related to a Call", "Download Media Related to a Call", "Tag Calls", "Add Notes", "Delete Notes of Other Users", "Delete Calls", "Create and Modify Recording Profiles", "Create and Modify Access Profiles", "Create and Modify Tags", "Configure System", "Audit Trail Access/Export"]));
  });

  test("ACC-03 ACC-09 without Play the call is there and its sound is not; without Configure System and Audit Trail their routes are refused", async () => {
    const me = await somebody();
    const id = await callOf(me.id);
    await addRecording(stage.db, tenantId, id, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    await profile({ groupIds: [await group(me.id)] });
    expect((await me.call("GET", `/interactions/${id}`)).status).toBe(200);
    for (const [method, path] of [["POST", `/interactions/${id}/plays`], ["GET", `/interactions/${id}/media`], ["GET", "/people"], ["GET", "/trunks"], ["GET", "/audit"], ["GET", "/access-profiles"]] as const) {
      expect([path, (await me.call(method, path, method === "POST" ? {} : undefined)).status]).toEqual([path, 403]);
    }
  });

  test("ACC-21 ACC-22 ACC-13 what is changed, deleted, or lost with a group is gone with the very next request of an open session", async () => {
    const me = await somebody();
    const id = await callOf(null);
    const mine = await group(me.id);
    const made = await profile({ groupIds: [mine], level: "all" });
    const sees = async () => (await me.call("GET", `/interactions/${id}`)).status;
    expect(await sees()).toBe(200);
    await change(made, { level: "own" });
    expect(await sees()).toBe(404);
    await change(made, { level: "all" });
    expect(await sees()).toBe(200);
    await leave(mine, me.id);
    expect(await sees()).toBe(403);
    await withTenant(stage.db, tenantId, (tx) => tx.insertInto("group_members").values({ tenant_id: tenantId, group_id: mine, person_id: me.id }).execute());
    expect(await sees()).toBe(200);
    expect((await admin.call("DELETE", `/access-profiles/${made.id}`)).status).toBe(204);
    expect([await sees(), (await me.call("GET", "/session")).status]).toEqual([403, 200]);
  });
});

describe("the form", () => {
  test("ACC-12 ACC-17 ACC-18 ACC-19 ACC-20 the list has who is in each, counted once, and the administrators; nobody overwrites another's change unseen", async () => {
    const [one, two] = [await somebody(), await somebody()];
    const made = await profile({ groupIds: [await group(one.id, two.id), await group(one.id)] });
    const { profiles, administrators } = (await admin.call<AccessProfilePage>("GET", "/access-profiles")).body;
    expect(profiles).toEqual([{ ...made, people: 2 }]);
    expect(administrators.map(({ id }) => id)).toEqual([admin.id]);
    const { etag, body } = await admin.call<AccessProfile>("GET", `/access-profiles/${made.id}`);
    expect((await admin.call("PUT", `/access-profiles/${made.id}`, { ...body.settings, description: "first" }, { "if-match": etag })).status).toBe(200);
    expect((await admin.call("PUT", `/access-profiles/${made.id}`, { ...body.settings, description: "second" }, { "if-match": etag })).body.code).toBe("CHANGED_MEANWHILE");
  });

  test("ACC-06 says everything that is wrong at once, and where", async () => {
    const taken = await profile({});
    const [unknown, known] = [randomUUID(), await group()];
    const wrong = async (more: Partial<AccessProfileSettings>) => (await admin.call("POST", "/access-profiles", settings(more))).body.errors?.map(({ where, message }) => `${where} ${message}`);
    expect(await wrong({ name: " admin ", level: "groups", groupIds: [known, unknown] })).toEqual(["body.name is the name of a role", "body.ofGroupIds names no group: choose at least one, or another level", "body.groupIds.1 is no group of yours"]);
    expect(await wrong({ level: "none", permissions: ["audit.read", "recording.listen"], ofGroupIds: [known] })).toEqual(["body.ofGroupIds has a meaning with the level Access User's Own and Group Calls only", "body.permissions.1 “Play Media Related to a Call” needs a level other than No Call Access"]);
    expect(await wrong({ name: taken.settings.name.toUpperCase() })).toEqual(["body.name is the name of another access profile already"]);
    for (const body of [{ ...settings(), permissions: ["interaction.list"] }, { ...settings(), level: "everything" }, { ...settings(), tenantId: randomUUID() }, { ...settings(), name: "" }, { ...settings(), name: "\ud800" }]) expect((await admin.call("POST", "/access-profiles", body)).status, JSON.stringify(body)).toBe(400);
  });

  test("OVR-14 another tenant's profiles, groups and grants are not found", async () => {
    const made = await profile({ groupIds: [await group()] });
    const grant = (await admin.call<AccessGrant>("POST", "/access-grants", { personId: (await somebody()).id, profileId: made.id, until: new Date(now.getTime() + 60_000).toISOString(), reason: "Audit" })).body;
    tenantId = await addSealingTenant(stage, `t${randomUUID().slice(0, 8)}`);
    const foreign = await somebody("Admin");
    for (const [method, path] of [["GET", `/access-profiles/${made.id}`], ["DELETE", `/access-profiles/${made.id}`], ["DELETE", `/access-grants/${grant.id}`], ["GET", `/people/${admin.id}/access`]] as const) expect((await foreign.call(method, path)).status, path).toBe(404);
    expect((await foreign.call("PUT", `/access-profiles/${made.id}`, settings())).status).toBe(404);
    expect((await foreign.call("POST", "/access-profiles", settings({ groupIds: made.settings.groupIds }))).status).toBe(400);
    expect((await foreign.call("POST", "/access-grants", grant.settings)).body.errors?.map(({ where }) => where)).toEqual(["body.personId", "body.profileId"]);
    expect((await foreign.call<AccessProfilePage>("GET", "/access-profiles")).body.profiles).toEqual([]);
  });
});

describe("no escalation", () => {
  test("ACC-24 whoever makes profiles gives groups of their own nothing beyond what they have, by none of the ways there are; to others, and an administrator, they do", async () => {
    const [me, other] = [await somebody(), await somebody()];
    const [mine, theirs] = [await group(me.id), await group(other.id)];
    await profile({ groupIds: [mine], level: "own", permissions: ["access.manage", "tenant.manage", "recording.listen"] });
    const strong = await profile({ level: "all", permissions: ["audit.read"], groupIds: [theirs] });
    const refused = async (answer: Promise<Answer<Problem>>) => expect([(await answer).status, (await answer).body.code]).toEqual([403, "ESCALATION"]);
    await refused(me.call("POST", "/access-profiles", settings({ level: "all", groupIds: [mine] })));
    await refused(me.call("POST", "/access-profiles", settings({ permissions: ["audit.read"], groupIds: [theirs, mine] })));
    await refused(me.call("POST", "/access-profiles", settings({ level: "groups", ofGroupIds: [theirs], groupIds: [mine] })));
    await refused(me.call("PUT", `/access-profiles/${strong.id}`, { ...strong.settings, groupIds: [theirs, mine] }));
    expect((await me.call("POST", "/access-grants", { personId: me.id, profileId: strong.id, until: new Date(now.getTime() + 60_000).toISOString(), reason: "Me" })).body.code).toBe("YOURSELF");
    const own = await personOf(me.id);
    // Nobody but an administrator makes or unmakes one, or takes the name by which one signs in.
    await refused(me.call("POST", "/people", { ...own, upn: `${randomUUID()}@x.example`, role: "Admin", groupIds: [] }));
    await refused(me.call("PUT", `/people/${other.id}`, { ...(await personOf(other.id)), role: "Admin" }));
    await refused(me.call("PUT", `/people/${admin.id}`, { ...(await personOf(admin.id)), upn: `${randomUUID()}@x.example` }));
    const second = await somebody("Admin");
    await refused(me.call("DELETE", `/people/${second.id}`));
    await refused(me.call("PUT", `/people/${me.id}`, { ...own, groupIds: [mine, theirs].toSorted() }));
    expect((await me.call("PUT", `/people/${me.id}`, { ...own, role: "Admin" })).body.code).toBe("YOURSELF");
    expect((await me.call<AccessProfilePage>("GET", "/access-profiles")).body.profiles.map(({ settings: { groupIds } }) => groupIds.length).toSorted()).toEqual([1, 1]);
    // What they have already may be said once more; others may get more; an administrator may do all of it.
    expect((await me.call("POST", "/access-profiles", settings({ permissions: ["recording.listen"], groupIds: [mine] }))).status).toBe(201);
    expect((await me.call("POST", "/access-profiles", settings({ level: "all", groupIds: [theirs] }))).status).toBe(201);
    expect((await change(strong, { groupIds: [theirs, mine] })).status).toBe(200);
  });

  test("ACC-24 who may configure people and not access puts nobody into groups that give access, and makes nobody a supervisor", async () => {
    const [me, other] = [await somebody(), await somebody()];
    const [plain, mapped, seen] = [await group(), await group(), await group()];
    await profile({ groupIds: [await group(me.id)], permissions: ["tenant.manage"] });
    await profile({ groupIds: [mapped], level: "groups", ofGroupIds: [seen] });
    const before = await personOf(other.id);
    const put = async (more: Partial<PersonSettings>) => (await me.call("PUT", `/people/${other.id}`, { ...before, ...more })).body;
    for (const more of [{ groupIds: [mapped] }, { groupIds: [seen] }, { role: "Supervisor" as const }]) expect(await put(more), JSON.stringify(more)).toMatchObject({ status: 403, code: "FORBIDDEN" });
    const csv = (await stage.portal.app.inject({ method: "POST", url: "/api/v1/people/import?apply=true", headers: { authorization: `Bearer ${(await stage.apiKeys.create(tenantId, { name: "k", profile: (await profile({ permissions: ["tenant.manage"] })).settings.name }, by)).key}`, "content-type": "text/csv" }, payload: `upn,groups\n${before.upn},${mapped}` })).json();
    expect([csv.applied, csv.mistakes[0].column]).toEqual([false, "groups"]);
    expect((await me.call("PUT", `/people/${other.id}`, { ...before, groupIds: [plain] })).status).toBe(200);
    expect((await me.call("DELETE", `/groups/${mapped}`)).body).toMatchObject({ status: 409, code: "IN_USE" });
  });

  test("ACC-24 what is granted for a time is not made lasting by whoever has it", async () => {
    const me = await somebody();
    const mapped = await group();
    const made = await profile({ groupIds: [mapped], permissions: ["access.manage", "tenant.manage"] });
    await admin.call("POST", "/access-grants", { personId: me.id, profileId: made.id, until: new Date(now.getTime() + 60_000).toISOString(), reason: "A day" });
    expect((await me.call("PUT", `/people/${me.id}`, { ...(await personOf(me.id)), groupIds: [mapped] })).body.code).toBe("ESCALATION");
  });

  test("ACC-17 the last administrator stays one; USR-01 roles are read and never changed", async () => {
    const second = await somebody("Admin");
    expect((await admin.call("DELETE", `/people/${second.id}`)).status).toBe(204);
    const key = (await stage.apiKeys.create(tenantId, { name: "k", profile: "Admin" }, by)).key;
    const program = await caller("k", { authorization: `Bearer ${key}` });
    expect((await program.call("DELETE", `/people/${admin.id}`)).body.code).toBe("LAST_ADMINISTRATOR");
    expect((await program.call("PUT", `/people/${admin.id}/sign-in`, { portalAccess: false, validTill: null })).body.code).toBe("LAST_ADMINISTRATOR");
    // Another one who may not sign in is none.
    const third = await somebody("Admin");
    expect((await program.call("PUT", `/people/${third.id}/sign-in`, { portalAccess: false, validTill: null })).status).toBe(200);
    expect((await program.call("DELETE", `/people/${admin.id}`)).body.code).toBe("LAST_ADMINISTRATOR");
    expect((await program.call("PUT", `/people/${admin.id}`, { ...(await personOf(admin.id)), role: "User" })).body.code).toBe("LAST_ADMINISTRATOR");
    const { roles } = (await admin.call<RolePage>("GET", "/roles")).body;
    expect(roles.map(({ name, level, portal }) => [name, level, portal])).toEqual([["Admin", "all", true], ["Supervisor", "groups", true], ["User Self View", "own", true], ["User", "none", false], ["API User", "none", false]]);
    for (const method of ["POST", "PUT", "DELETE"] as const) for (const path of ["/roles", "/roles/Supervisor"]) expect([404, 405]).toContain((await admin.call(method, path, {})).status);
  });
});

describe("roles", () => {
  test("USR-02 USR-03 USR-04 USR-05 USR-07 USR-08 CON-46 CON-07 USR-13 each role sees its calls and may do its acts", async () => {
    const [user, self, boss] = [await somebody(), await somebody("User Self View"), await somebody("Supervisor")];
    const calls = { admin: await callOf(admin.id), user: await callOf(user.id), self: await callOf(self.id), boss: await callOf(boss.id) };
    const team = await group(user.id);
    const before = await personOf(boss.id);
    expect(await boss.seen()).toEqual([calls.boss]);
    expect((await admin.call("PUT", `/people/${boss.id}`, { ...before, managedGroupIds: [team] })).status).toBe(200);
    expect([await admin.seen(), await boss.seen(), await self.seen(), await user.seen()]).toEqual([Object.values(calls).toSorted(), [calls.user, calls.boss].toSorted(), [calls.self], []]);
    for (const path of ["/people", "/trunks", "/audit", "/access-profiles", "/interactions"]) {
      const statuses = await Promise.all([admin, boss, self, user].map(async (one) => (await one.call("GET", path)).status));
      expect([path, ...statuses]).toEqual(path === "/interactions" ? [path, 200, 200, 200, 403] : [path, 200, 403, 403, 403]);
    }
    expect((await admin.call("PUT", `/people/${boss.id}`, { ...before, role: "User", managedGroupIds: [team] })).body.errors?.[0]).toEqual({ where: "body.managedGroupIds", message: "has a meaning with the roles Supervisor and Admin only" });
    expect((await admin.call("DELETE", `/groups/${team}`)).body).toMatchObject({ code: "IN_USE" });
  });

  test("USR-06 an API User's key has its profile's rights and no more; the profile that a key has is not removed", async () => {
    const worker = await somebody();
    const id = await callOf(worker.id);
    const made = await profile({ level: "groups", ofGroupIds: [await group(worker.id)], permissions: ["recording.listen"] });
    await callOf(null);
    const { key, apiKeyId } = await stage.apiKeys.create(tenantId, { name: "crm", profile: made.settings.name }, by);
    const program = await caller("k", { authorization: `Bearer ${key}` });
    expect(await program.seen()).toEqual([id]);
    expect((await program.call("GET", "/people")).status).toBe(403);
    expect((await admin.call("DELETE", `/access-profiles/${made.id}`)).body.code).toBe("IN_USE");
    await stage.apiKeys.revoke(tenantId, apiKeyId, by);
    expect((await admin.call("DELETE", `/access-profiles/${made.id}`)).status).toBe(204);
    expect((await stage.apiKeys.list(tenantId, by)).find((one) => one.apiKeyId === apiKeyId)?.profile).toBe("(removed)");
  });
});

describe("for a time, and why", () => {
  test("ACC-24 a grant holds until its end, or until it is taken back", async () => {
    const me = await somebody();
    const id = await callOf(null);
    const made = await profile({ level: "all" });
    const wanted = { personId: me.id, profileId: made.id, until: new Date(now.getTime() + 3_600_000).toISOString(), reason: "Annual audit" };
    const grant = await admin.call<AccessGrant>("POST", "/access-grants", wanted);
    expect(grant).toMatchObject({ status: 201, body: { holds: true, profileName: made.settings.name } });
    expect(await me.seen()).toEqual([id]);
    now = new Date(now.getTime() + 3_600_000);
    expect((await me.call("GET", "/interactions")).status).toBe(403);
    const again = await admin.call<AccessGrant>("POST", "/access-grants", { ...wanted, until: new Date(now.getTime() + 60_000).toISOString() });
    expect(await me.seen()).toEqual([id]);
    expect((await admin.call("DELETE", `/access-grants/${again.body.id}`)).status).toBe(204);
    expect([(await me.call("GET", "/interactions")).status, (await admin.call("DELETE", `/access-grants/${again.body.id}`)).status]).toEqual([403, 404]);
    for (const until of [new Date(now.getTime() - 1).toISOString(), new Date(now.getTime() + 367 * 86_400_000).toISOString()]) expect((await admin.call("POST", "/access-grants", { ...wanted, until })).body.errors?.[0]?.where).toBe("body.until");
    expect((await admin.call<{ grants: AccessGrant[] }>("GET", "/access-grants")).body.grants.map(({ holds }) => holds)).toEqual([false, false]);
  });

  test("ACC-13 why somebody may, and may not: by which role, profile and group, and what would let them; of a call as the list does it", async () => {
    const [me, other] = [await somebody("User Self View"), await somebody()];
    const calls = [await callOf(me.id), await callOf(other.id), await callOf(null)];
    const [mine, sales] = [await group(me.id), await group(other.id)];
    const made = await profile({ name: "Sales EU", level: "groups", ofGroupIds: [sales], groupIds: [mine], permissions: ["interaction.tag"] });
    await profile({ name: "Auditors", level: "none", permissions: ["audit.read"] });
    const { body } = await admin.call<AccessExplanation>("GET", `/people/${me.id}/access`);
    expect(body.sources.map(({ kind, name, groups }) => [kind, name, groups])).toEqual([["role", "User Self View", []], ["profile", "Sales EU", [mine]]]);
    const why = (label: string) => body.permissions.find(({ permission }) => permission === label);
    expect(why("Tag Calls")).toEqual({ permission: "Tag Calls", allowed: true, because: [`The access profile Sales EU gives it, which members of ${mine} have.`] });
    expect(why("Audit Trail Access/Export")).toEqual({ permission: "Audit Trail Access/Export", allowed: false, because: ["The access profile Auditors would give it, and the person does not have it.", "The role Admin would give it; the person has the role User Self View."] });
    // Held against what the list really shows, call by call.
    const seen = new Set(await me.seen());
    for (const id of calls) {
      const told = (await admin.call<AccessExplanation>("GET", `/people/${me.id}/access?interaction=${id}`)).body.call;
      expect([told?.visible, told!.because.length > 0], told?.because.join(" ")).toEqual([seen.has(id), true]);
    }
    expect((await admin.call("GET", `/people/${me.id}/access?interaction=nonsense`)).body.code).toBe("INTERACTION_NOT_FOUND");
    expect((await me.call<AccessExplanation>("GET", "/session/access")).body.sources).toEqual(body.sources);
    expect((await me.call("GET", `/people/${other.id}/access`)).status).toBe(403);
    const offered = (await admin.call<AccessChoices>("GET", `/access-profiles/choices?q=${(await personOf(me.id)).upn.slice(2, 20)}`)).body;
    expect([offered.groups.map(({ id, people }) => [id, people]).toSorted(), offered.people.map(({ id }) => id)]).toEqual([[[mine, 1], [sales, 1]].toSorted(), [me.id]]);
    expect(made.people).toBe(1);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withTenant } from "#db";
import { commandLine } from "#evidence";
import { addProfile, quietLog } from "../testing/index.ts";
import { addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import type { Role } from "./permissions.ts";
import { createAttemptLimit } from "./attempt-limit.ts";
import { enrollAdministrator } from "./enrollments.ts";
import { createOpenEmergencies } from "./open-emergencies.ts";
import { codeOf, stepAt, stepOfCode } from "./one-time-code.ts";
import { passwordMistake } from "./password.ts";

let now = new Date("2026-11-20T10:00:00.000Z");
const clock = { now: () => now };
const later = (ms: number): void => void (now = new Date(now.getTime() + ms));
const minute = 60_000;
let stage: TestPortal;
let tenantId: string;
let boss: Record<string, string>;

beforeAll(async () => {
  stage = await createTestPortal({ clock });
  tenantId = await addSealingTenant(stage, "bank");
});
afterAll(() => stage.close());

let address = 0;
async function ask(method: "GET" | "POST" | "PUT" | "DELETE", url: string, payload?: object, headers: Record<string, string> = {}, remoteAddress = `10.1.${address >> 8}.${address++ & 255}`) {
  const answer = await stage.portal.app.inject({ method, url, remoteAddress, headers: { "sec-fetch-site": "same-origin", ...headers }, ...(payload === undefined ? {} : { payload }) });
  const cookies = Object.fromEntries([answer.headers["set-cookie"] ?? []].flat().map((line) => (line.split(";")[0] ?? "").split(/=(.*)/s).slice(0, 2) as [string, string]));
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json(), cookies, headers: answer.headers };
}
const cookieOf = (cookies: Record<string, string>) => ({ cookie: Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join("; ") });

/** An administrator's session that lasts for what the test does to the clock. */
async function administrator(): Promise<Record<string, string>> {
  const { personId } = await addPerson(stage.db, tenantId, `${crypto.randomUUID()}@bank.example`, "Admin");
  return { cookie: `${stage.sessionCookie}=${(await stage.sessions.create(tenantId, personId, { remoteAddress: "10.0.0.1" }))!.cookie}` };
}

const textOf = (url: string) => new URL(url).hash.slice(1);
const password = "Correct-Horse-7";

/** Enrolled, and set up with what an app would show. */
async function newAccount(role: Role = "User Self View") {
  boss = await administrator();
  const person = await addPerson(stage.db, tenantId, `${crypto.randomUUID().slice(0, 8)}@bank.example`, role);
  const enrolled = await ask("POST", `/api/v1/people/${person.personId}/enrollments`, undefined, boss);
  const enrollment = textOf(enrolled.body.url);
  const look = (await ask("POST", "/api/v1/enrollments/look", { enrollment })).body;
  const secret: string = look.code.secret;
  const accepted = await ask("POST", "/api/v1/enrollments/accept", { enrollment, setup: look.setup, password, code: codeOf(secret, stepAt(now)) });
  return { ...person, enrollment, look, secret, accepted, code: () => codeOf(secret, stepAt(now)) };
}
const signIn = (upn: string, code: string, more: { password?: string; tenant?: string } = {}, headers: Record<string, string> = {}, from?: string) => ask("POST", "/api/v1/sign-in/local", { tenant: "bank", upn, password, code, ...more }, headers, from);
const rows = (subject: string) => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "actor_id", "detail"]).where((eb) => eb.or([eb("subject", "=", subject), eb("actor_id", "=", subject)])).orderBy("recorded_at").execute());

describe("an account of one's own", () => {
  test("USR-21 is set up by an enrollment that works once; then password and code open a session, and each code one alone", async () => {
    const account = await newAccount();
    expect(account.look).toMatchObject({ person: { upn: account.upn }, tenant: { slug: "bank" }, code: { uri: expect.stringContaining(`secret=${account.secret}`) } });
    expect(account.accepted).toMatchObject({ status: 200, body: { signedIn: true } });
    expect((await ask("GET", "/api/v1/session", undefined, cookieOf(account.accepted.cookies))).body).toMatchObject({ person: { upn: account.upn } });
    expect((await ask("POST", "/api/v1/enrollments/look", { enrollment: account.enrollment })).body).toMatchObject({ status: 410, code: "ENROLLMENT_OVER" });
    expect((await signIn(account.upn, account.code())).body, "the code that it was set up with").toMatchObject({ status: 401, code: "WRONG_SIGN_IN" });
    later(minute);
    const code = account.code();
    const both = await Promise.all([signIn(account.upn.toUpperCase(), code), signIn(account.upn, code)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 401]);
    const told = await rows(account.personId);
    expect(told.map(({ action, item }) => `${action} ${item}`)).toEqual(["Modify User", "Modify User", "Login Session", "Login Failed Session", "Login Session"]);
    expect(told[1]!.detail).toMatchObject({ change: { enrollment: { to: null }, local_sign_in: { from: null, to: expect.stringMatching(/^[0-9a-f]{64}$/) } } });
    const everything = JSON.stringify([told, stage.logged]);
    for (const secret of [password, account.secret, account.enrollment.split(".")[2]!, code]) expect(everything).not.toContain(secret);
    const [stored] = await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("local_accounts").selectAll().where("person_id", "=", account.personId).execute());
    expect(stored!.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(JSON.stringify(stored)).not.toContain(account.secret);
  });

  test("an unknown organization, an unknown name, a wrong password and a wrong code are one answer, and take as long", async () => {
    const account = await newAccount();
    later(minute);
    const begun = performance.now();
    const wrong = await Promise.all([
      signIn(account.upn, "000000"),
      signIn(account.upn, account.code(), { password: "Wrong-Horse-7" }),
      signIn("nobody@bank.example", account.code()),
      signIn(account.upn, account.code(), { tenant: "nowhere" }),
    ]);
    expect(performance.now() - begun).toBeGreaterThan(490);
    expect(new Set(wrong.map(({ status, body, cookies }) => JSON.stringify({ status, body: { ...body, instance: "" }, cookies }))).size).toBe(1);
    expect((await signIn(account.upn, account.code())).status, "none of them used the code up").toBe(200);
  });

  test("somebody else's sealed code secret, put in place of one's own in the database, opens nothing", async () => {
    const [mine, theirs] = [await newAccount(), await newAccount("Admin")];
    later(minute);
    const sealed = await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("local_accounts").select(["code_sealed", "password_hash"]).where("person_id", "=", mine.personId).executeTakeFirstOrThrow());
    await withTenant(stage.db, tenantId, (tx) => tx.updateTable("local_accounts").set(sealed).where("person_id", "=", theirs.personId).execute());
    expect((await signIn(theirs.upn, mine.code())).status).toBe(401);
  });

  test("guessing is slowed down for the name, not for the browser that was let in before, and never for good", async () => {
    const account = await newAccount();
    later(minute);
    for (let tries = 0; tries < 5; tries++) expect((await signIn(account.upn, "000000")).status).toBe(401);
    later(500);
    expect(await signIn(account.upn, account.code()), "even with the right one").toMatchObject({ status: 429, headers: { "retry-after": "1" } });
    expect((await signIn(account.upn, account.code(), {}, cookieOf({ "earwitness-device": account.accepted.cookies["earwitness-device"]! }))).status).toBe(200);
    const other = await newAccount();
    expect((await signIn(account.upn, "000000", {}, cookieOf({ "earwitness-device": other.accepted.cookies["earwitness-device"]! }))).status, "a device of somebody else").toBe(429);
    later(15 * minute);
    expect((await signIn(account.upn, account.code())).status).toBe(200);
    // Of one address all names count together.
    const same = await Promise.all(Array.from({ length: 25 }, (_, at) => signIn(`name${at}@bank.example`, "000000", {}, {}, "10.2.2.2")));
    expect(same.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(5);
  });

  test("USR-17 who may see nothing, or may not sign in, hears so after proving who they are, and not before", async () => {
    const account = await newAccount("User");
    expect(account.accepted.body).toEqual({ signedIn: true }); // CON-07: to nothing
    later(minute);
    expect((await signIn(account.upn, account.code())).body).toMatchObject({ status: 403, code: "NO_ACCESS" });
    await withTenant(stage.db, tenantId, (tx) => tx.updateTable("people").set({ valid_till: "2026-11-19" }).where("person_id", "=", account.personId).execute());
    later(minute);
    expect((await signIn(account.upn, account.code())).body).toMatchObject({ status: 403, code: "VALID_TILL_OVER" });
    expect((await signIn(account.upn, "000000")).body).toMatchObject({ code: "WRONG_SIGN_IN" });
  });

  test("an administrator takes it away and enrolls anew; a newer enrollment takes the place of the older, and each ends after three days", async () => {
    const account = await newAccount();
    boss = await administrator();
    const session = cookieOf(account.accepted.cookies);
    expect((await ask("GET", `/api/v1/people/${account.personId}/sign-in`, undefined, boss)).body).toMatchObject({ local: { since: now.toISOString() }, enrollment: null });
    expect((await ask("DELETE", `/api/v1/people/${account.personId}/local-account`, undefined, boss)).status).toBe(204);
    expect((await ask("GET", "/api/v1/session", undefined, session)).status).toBe(401);
    later(minute);
    expect((await signIn(account.upn, account.code())).status).toBe(401);
    const [older, newer] = [await ask("POST", `/api/v1/people/${account.personId}/enrollments`, undefined, boss), await ask("POST", `/api/v1/people/${account.personId}/enrollments`, undefined, boss)];
    const look = (url: string) => ask("POST", "/api/v1/enrollments/look", { enrollment: textOf(url) });
    expect([(await look(older.body.url)).status, (await look(newer.body.url)).status]).toEqual([410, 200]);
    const { body } = await look(newer.body.url);
    const wanted = { enrollment: textOf(newer.body.url), setup: body.setup, password, code: codeOf(body.code.secret, stepAt(now)) };
    expect((await ask("POST", "/api/v1/enrollments/accept", { ...wanted, password: "short" })).body).toMatchObject({ status: 400, errors: [{ where: "body.password" }] });
    expect((await ask("POST", "/api/v1/enrollments/accept", { ...wanted, code: "000000" })).body).toMatchObject({ status: 400, errors: [{ where: "body.code" }] });
    const other = await newAccount();
    expect((await ask("POST", "/api/v1/enrollments/accept", { ...wanted, setup: other.look.setup, code: other.code() })).body).toMatchObject({ code: "SETUP_OVER" });
    later(31 * minute);
    expect((await ask("POST", "/api/v1/enrollments/accept", wanted)).body).toMatchObject({ code: "SETUP_OVER" });
    later(3 * 24 * 60 * minute);
    expect((await look(newer.body.url)).status).toBe(410);
    for (const text of ["", "x", `${tenantId}.${crypto.randomUUID()}.${"A".repeat(43)}`]) expect((await ask("POST", "/api/v1/enrollments/look", { enrollment: text })).body).toMatchObject({ status: 410, code: "ENROLLMENT_OVER" });
  });

  test("OVR-17 is not for whoever signs in with the provider, nor for a tenant's people without the right to give access", async () => {
    boss = await administrator();
    const { personId } = await addPerson(stage.db, tenantId, "provider@bank.example", "User Self View");
    await withTenant(stage.db, tenantId, (tx) => tx.insertInto("person_identities").values({ tenant_id: tenantId, issuer: "https://id.example", subject: "x", person_id: personId }).execute());
    expect((await ask("POST", `/api/v1/people/${personId}/enrollments`, undefined, boss)).body).toMatchObject({ status: 409, code: "HAS_PROVIDER" });
    const own = { cookie: `${stage.sessionCookie}=${(await stage.sessions.create(tenantId, personId, { remoteAddress: "10.0.0.1" }))!.cookie}` };
    expect((await ask("POST", `/api/v1/people/${personId}/enrollments`, undefined, own)).status).toBe(403);
  });
});

test("ACC-24 who gives access and is no administrator neither hands out an administrator's way in nor shuts it", async () => {
  const [giver, admin, clerk] = await Promise.all((["User", "Admin", "User"] as const).map((role) => addPerson(stage.db, tenantId, `${crypto.randomUUID()}@bank.example`, role)));
  const groupId = crypto.randomUUID();
  await withTenant(stage.db, tenantId, async (tx) => {
    await tx.insertInto("people_groups").values({ tenant_id: tenantId, group_id: groupId, name: groupId }).execute();
    await tx.insertInto("group_members").values({ tenant_id: tenantId, group_id: groupId, person_id: giver!.personId }).execute();
  });
  await addProfile(stage.db, tenantId, "Gives access", { permissions: ["access.manage"], groupIds: [groupId] });
  const session = { cookie: `${stage.sessionCookie}=${(await stage.sessions.create(tenantId, giver!.personId, { remoteAddress: "10.0.0.1" }))!.cookie}` };
  const tries = (personId: string) => [
    ask("POST", `/api/v1/people/${personId}/enrollments`, undefined, session),
    ask("DELETE", `/api/v1/people/${personId}/local-account`, undefined, session),
    ask("PUT", `/api/v1/people/${personId}/sign-in`, { portalAccess: false, validTill: null }, session),
  ];
  await withTenant(stage.db, tenantId, (tx) => tx.insertInto("local_accounts").values({ tenant_id: tenantId, person_id: admin!.personId, password_hash: "h", code_sealed: "c", code_step: 0, since: now }).execute());
  for (const answer of await Promise.all(tries(admin!.personId))) expect(answer.body).toMatchObject({ status: 403, code: "ESCALATION" });
  expect((await Promise.all(tries(clerk!.personId))).map(({ status }) => status)).toEqual([201, 204, 200]);
});

test("the operator enrolls an administrator on the command line, also one whose provider is away; it stands in the log", async () => {
  const context = { db: stage.db, clock, nodeId: "n1" };
  const { text } = await enrollAdministrator(context, tenantId, { upn: "first@bank.example", name: "First" }, commandLine);
  const { body } = await ask("POST", "/api/v1/enrollments/look", { enrollment: text });
  const accepted = await ask("POST", "/api/v1/enrollments/accept", { enrollment: text, setup: body.setup, password, code: codeOf(body.code.secret, stepAt(now)) });
  expect((await ask("GET", "/api/v1/session", undefined, cookieOf(accepted.cookies))).body).toMatchObject({ person: { name: "First" }, profile: "Admin" });
  const { person_id: personId } = await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("people").select("person_id").where("upn", "=", "first@bank.example").executeTakeFirstOrThrow());
  expect((await rows(personId)).slice(0, 2)).toMatchObject([{ action: "Add", actor_id: commandLine.id }, { action: "Modify", actor_id: commandLine.id, detail: { emergency: true } }]);
  await withTenant(stage.db, tenantId, (tx) => tx.insertInto("person_identities").values({ tenant_id: tenantId, issuer: "https://id.example", subject: "first", person_id: personId }).execute());
  expect((await enrollAdministrator(context, tenantId, { upn: "FIRST@bank.example" }, commandLine)).text).toContain(tenantId);
  const emergencies = createOpenEmergencies({ db: stage.db, clock, log: quietLog, ready: Promise.resolve() });
  await emergencies.look();
  expect(emergencies.warnings()).toEqual([expect.stringContaining("An administrator of bank was enrolled on the command line; the link works until")]);
  later(3 * 24 * 60 * minute);
  await emergencies.look();
  expect(emergencies.warnings()).toEqual([]);
  await emergencies.close();
  const { upn } = await addPerson(stage.db, tenantId, "clerk@bank.example", "User Self View");
  await expect(enrollAdministrator(context, tenantId, { upn }, commandLine)).rejects.toMatchObject({ code: "NO_ADMINISTRATOR" });
});

test.each([
  ["Abcdef1!", null],
  ["Ünïcode-9", null],
  ["Abcde1!", "fewer than 8"],
  [`Abcdef1!${"x".repeat(23)}`, "more than 30"],
  ["abcdef1!", "capital"],
  ["Abcdefg!", "digit"],
  ["Abcdefg1", "special"],
  ["Abcdef1!\n", "control"],
])("USR-21 the password %j: %s", (password, mistake) => {
  if (mistake === null) expect(passwordMistake(password)).toBe(null);
  else expect(passwordMistake(password)).toContain(mistake);
});

test("one-time codes are those of RFC 6238, taken a step early or late and never twice", () => {
  const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; // its appendix B: 12345678901234567890
  for (const [seconds, code] of [[59, "287082"], [1_111_111_109, "081804"], [1_234_567_890, "005924"], [20_000_000_000, "353130"]] as const) {
    const at = new Date(seconds * 1_000);
    expect(codeOf(secret, stepAt(at))).toBe(code);
    const step = stepAt(at);
    for (const beside of [-30_000, 0, 30_000]) expect(stepOfCode(secret, code, new Date(at.getTime() + beside), 0)).toBe(step);
    for (const far of seconds < 90 ? [90_000] : [-90_000, 90_000]) expect(stepOfCode(secret, code, new Date(at.getTime() + far), 0)).toBe(null);
    expect(stepOfCode(secret, code, at, step)).toBe(null);
  }
  for (const code of ["", "28708", "2870820", "28708a"]) expect(stepOfCode(secret, code, new Date(59_000), 0)).toBe(null);
});

test("waits double from the sixth try on, up to a quarter of an hour, count tries that run at once, and are forgotten after a day", () => {
  let at = new Date(0);
  const attempts = createAttemptLimit({ now: () => at });
  expect(Array.from({ length: 7 }, () => attempts.begin("a"))).toEqual([0, 0, 0, 0, 0, 1_000, 1_000]);
  for (let failures = 0; failures < 20; failures++) at = new Date(at.getTime() + attempts.begin("a"));
  expect(attempts.begin("a")).toBe(15 * minute);
  expect(attempts.begin("b")).toBe(0);
  at = new Date(at.getTime() + 24 * 60 * minute);
  expect(Array.from({ length: 6 }, () => attempts.begin("a"))).toEqual([0, 0, 0, 0, 0, 1_000]);
  attempts.succeed("a");
  expect(attempts.begin("a")).toBe(0);
});

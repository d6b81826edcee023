import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withTenant } from "#db";
import { addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import type { Role } from "./permissions.ts";

const hour = 3_600_000;
const start = new Date("2026-11-20T10:00:00.000Z");
let now = start;
let stage: TestPortal;
let tenantId: string;
let adele: string;
let admin: string;

beforeAll(async () => {
  stage = await createTestPortal({ clock: { now: () => now } });
  tenantId = await addSealingTenant(stage, "contoso");
});
afterAll(() => stage.close());
beforeEach(async () => {
  now = start;
  const person = async (role: Role) => (await addPerson(stage.db, tenantId, `${crypto.randomUUID()}@contoso.example`, role)).personId;
  [adele, admin] = [await person("User Self View"), await person("Admin")];
  await withTenant(stage.db, tenantId, (tx) => tx.updateTable("tenants").set({ session_idle_minutes: 480, session_whole_minutes: 1_440 }).execute());
});

const later = (ms: number): void => void (now = new Date(now.getTime() + ms));
const signIn = async (personId: string, userAgent = "Browser") => (await stage.sessions.create(tenantId, personId, { remoteAddress: "192.0.2.1", userAgent }))?.cookie ?? null;
const idOf = (cookie: string) => cookie.split(".")[1]!;

async function ask(cookie: string | null, method: "GET" | "PUT" | "DELETE", url: string, payload?: object, headers: Record<string, string> = {}) {
  const answer = await stage.portal.app.inject({ method, url, headers: { cookie: `${stage.sessionCookie}=${cookie}`, "sec-fetch-site": "same-origin", ...headers }, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, etag: answer.headers.etag, body: answer.body === "" ? null : answer.json(), cookies: [answer.headers["set-cookie"] ?? []].flat() };
}
const isOpen = async (cookie: string | null) => (await ask(cookie, "GET", "/api/v1/session")).status === 200;
const rows = (action: "Logout" | "Modify") =>
  withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["subject", "actor_id", "detail"]).where("action", "=", action).where("occurred_at", "=", now).orderBy("recorded_at").execute());

describe("one's own sessions", () => {
  test("are listed with when, from where and by which browser; one ends alone, all end together, each with its row", async () => {
    const first = (await signIn(adele, "Old \0browser"))!;
    later(hour);
    const [second, other] = [(await signIn(adele))!, (await signIn(admin))!];
    const { body } = await ask(second, "GET", "/api/v1/sessions");
    const shown = { remoteAddress: "192.0.2.1", userAgent: "Browser", since: now.toISOString(), lastSeen: now.toISOString(), until: "2026-11-21T11:00:00.000Z", current: true };
    expect(body.sessions).toEqual([{ id: idOf(second), ...shown }, { id: idOf(first), ...shown, userAgent: "Old browser", since: start.toISOString(), lastSeen: start.toISOString(), until: "2026-11-21T10:00:00.000Z", current: false }]);
    expect((await ask(second, "DELETE", `/api/v1/sessions/${idOf(other)}`)).body).toMatchObject({ status: 404, code: "SESSION_NOT_FOUND" });
    expect(await isOpen(other)).toBe(true);
    expect(await ask(second, "DELETE", `/api/v1/sessions/${idOf(first)}`)).toMatchObject({ status: 204, cookies: [] });
    expect([await isOpen(first), await isOpen(second)]).toEqual([false, true]);
    expect((await ask(second, "DELETE", `/api/v1/sessions/${idOf(first)}`)).status).toBe(404);
    const third = (await signIn(adele))!;
    const everywhere = await ask(second, "DELETE", "/api/v1/sessions");
    expect([everywhere.status, everywhere.body]).toEqual([200, { ended: 2 }]);
    expect(everywhere.cookies[0]).toContain(`${stage.sessionCookie}=;`);
    expect([await isOpen(second), await isOpen(third), await isOpen(other)]).toEqual([false, false, true]);
    expect((await rows("Logout")).map(({ subject, actor_id }) => [subject, actor_id]).toSorted()).toEqual([first, second, third].map((cookie) => [idOf(cookie), adele]).toSorted());
  });

  test("an API key has none", async () => {
    const { key } = await stage.apiKeys.create(tenantId, { name: "key", profile: "Admin" }, { kind: "machine", id: "t", name: "T" });
    const by = { authorization: `Bearer ${key}`, cookie: "" };
    expect((await ask(null, "GET", "/api/v1/sessions", undefined, by)).body).toEqual({ sessions: [] });
    expect((await ask(null, "DELETE", "/api/v1/sessions", undefined, by)).body).toMatchObject({ code: "NOT_A_SESSION" });
  });
});

describe("a person's sign-in", () => {
  const change = (cookie: string | null, personId: string, settings: object, headers = {}) => ask(cookie, "PUT", `/api/v1/people/${personId}/sign-in`, settings, headers);

  test("USR-17 the day after Valid till sign-in is refused and what was open has ended, until an administrator changes it", async () => {
    const boss = (await signIn(admin))!;
    expect(await change(boss, adele, { portalAccess: true, validTill: "2026-11-20" })).toMatchObject({ status: 200, body: { settings: { validTill: "2026-11-20" } } });
    const session = (await signIn(adele))!;
    now = new Date("2026-11-20T23:59:59.999Z");
    const last = (await signIn(adele))!;
    expect([await isOpen(last), await isOpen(session)]).toEqual([true, false]); // idle since the morning
    now = new Date("2026-11-21T00:00:00.000Z");
    expect(await signIn(adele)).toBe(null);
    expect([await isOpen(last), await isOpen(last)]).toEqual([false, false]);
    expect(await rows("Logout")).toEqual([{ subject: idOf(last), actor_id: "sign-in", detail: { person: expect.any(String), why: "valid_till_over" } }]);
    const unseen = (await signIn(admin))!;
    await change(unseen, adele, { portalAccess: true, validTill: null });
    expect([await isOpen(last), await isOpen(await signIn(adele))]).toEqual([false, true]);
  });

  test("USR-17 portal access that is switched off ends every session at once and leaves none to come back", async () => {
    const [boss, session] = [(await signIn(admin))!, (await signIn(adele))!];
    const { etag } = await ask(boss, "GET", `/api/v1/people/${adele}/sign-in`);
    later(1_000);
    expect((await change(boss, adele, { portalAccess: false, validTill: null }, { "if-match": etag })).body).toMatchObject({ settings: { portalAccess: false, validTill: null }, sessions: [] });
    expect(await isOpen(session)).toBe(false);
    expect(await signIn(adele)).toBe(null);
    expect(await rows("Modify")).toMatchObject([{ subject: adele, actor_id: admin, detail: { change: { portal_access: { from: true, to: false } } } }]);
    expect(await rows("Logout")).toMatchObject([{ subject: idOf(session), actor_id: admin, detail: { why: "no_portal_access" } }]);
    expect((await change(boss, adele, { portalAccess: true, validTill: null }, { "if-match": etag })).status, "somebody else changed it").toBe(412);
    await change(boss, adele, { portalAccess: true, validTill: null });
    expect([await isOpen(session), await isOpen(await signIn(adele))]).toEqual([false, true]);
  });

  test("is nobody's to see or change without the right, and nobody locks themselves out", async () => {
    const [boss, session] = [(await signIn(admin))!, (await signIn(adele))!];
    expect((await ask(session, "GET", `/api/v1/people/${admin}/sign-in`)).status).toBe(403);
    expect((await change(session, adele, { portalAccess: true, validTill: null })).status).toBe(403);
    expect((await ask(session, "DELETE", `/api/v1/people/${admin}/sessions`)).status).toBe(403);
    for (const settings of [{ portalAccess: false, validTill: null }, { portalAccess: true, validTill: "2026-11-19" }]) expect((await change(boss, admin, settings)).body).toMatchObject({ status: 409, code: "YOURSELF" });
    expect((await change(boss, adele, { portalAccess: true, validTill: "2026-02-30" })).body).toMatchObject({ code: "VALIDATION", errors: [{ where: "body.validTill" }] });
    const foreign = await addSealingTenant(stage, `other-${crypto.randomUUID().slice(0, 8)}`);
    const { personId } = await addPerson(stage.db, foreign, "x@other.example", "Admin");
    for (const url of [`/api/v1/people/${personId}/sign-in`, `/api/v1/people/${crypto.randomUUID()}/sign-in`]) expect((await ask(boss, "GET", url)).body).toMatchObject({ status: 404, code: "PERSON_NOT_FOUND" });
    expect((await ask(boss, "DELETE", `/api/v1/people/${adele}/sessions/${idOf(boss)}`)).status).toBe(404);
    expect((await ask(boss, "DELETE", `/api/v1/people/${adele}/sessions/${idOf(session)}`)).status).toBe(204);
    expect([await isOpen(session), await isOpen(boss)]).toEqual([false, true]);
  });
});

describe("how long sessions last", () => {
  test("is the tenant's to say, within bounds; shorter limits hold at once", async () => {
    const boss = (await signIn(admin))!;
    const { body, etag } = await ask(boss, "GET", "/api/v1/session-limits");
    expect(body).toEqual({ idleMinutes: 480, wholeMinutes: 1_440 });
    for (const [idleMinutes, wholeMinutes] of [[4, 60], [1_441, 2_000], [5, 14], [5, 10_081], [61, 60]]) {
      expect((await ask(boss, "PUT", "/api/v1/session-limits", { idleMinutes, wholeMinutes })).body, `${idleMinutes} of ${wholeMinutes}`).toMatchObject({ status: 400, code: "VALIDATION" });
    }
    const session = (await signIn(adele))!;
    later(29 * 60_000);
    await isOpen(boss);
    expect((await ask(boss, "PUT", "/api/v1/session-limits", { idleMinutes: 30, wholeMinutes: 60 }, { "if-match": etag! })).body).toEqual({ idleMinutes: 30, wholeMinutes: 60 });
    expect((await ask(boss, "PUT", "/api/v1/session-limits", { idleMinutes: 30, wholeMinutes: 90 }, { "if-match": etag! })).status).toBe(412);
    expect(await rows("Modify")).toMatchObject([{ subject: tenantId, detail: { change: { session_idle_minutes: { from: 480, to: 30 }, session_whole_minutes: { from: 1_440, to: 60 } } } }]);
    later(60_000);
    expect([await isOpen(session), await isOpen(boss)], "30 idle minutes").toEqual([false, true]);
    expect((await ask(boss, "GET", `/api/v1/people/${adele}/sign-in`)).body.sessions).toEqual([]);
    later(29 * 60_000);
    expect(await isOpen(boss)).toBe(true);
    later(60_000);
    expect(await isOpen(boss), "60 minutes in all").toBe(false);
  });
});

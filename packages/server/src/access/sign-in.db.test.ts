import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contosoPeople, contosoTenant, createIdentity, type Identity } from "@earwitness/sandbox";
import { withTenant } from "#db";
import { addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { createCookieSeal } from "./sealed-cookie.ts";
import { safeReturnTo } from "./sign-in.ts";

const publicUrl = "http://localhost:8123";
const clientSecret = "made for this test only";
const [admin, other] = contosoPeople.filter((person) => person.role === "Admin" || person.role === "User Self View");
let identity: Identity;
let directory: string;
let stage: TestPortal;
let tenantId: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "earwitness-sign-in-"));
  identity = await createIdentity({ port: 0, publicUrl, directory, clientSecret, problem: (text) => expect.unreachable(text) });
  stage = await createTestPortal({ publicUrl, oidc: { issuer: identity.issuer, clientId: "earwitness-portal", clientSecret } });
});
afterAll(async () => {
  await stage.close();
  await identity.close();
  await rm(directory, { recursive: true });
});

/** A browser: keeps cookies by site, and goes where it is sent. Requests to the portal are injected. */
function browser(portal: TestPortal = stage) {
  const jars = new Map<string, Map<string, string>>();
  async function visit(url: URL, form?: Record<string, string>): Promise<{ url: URL; status: number; setCookies: string[] }> {
    const jar = jars.get(url.origin) ?? new Map<string, string>();
    jars.set(url.origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer =
      url.origin === publicUrl
        ? await portal.portal.app.inject({ url: url.pathname + url.search, headers: { host: url.host, ...(cookie === "" ? {} : { cookie }) } }).then((response) => ({
            status: response.statusCode,
            setCookies: [response.headers["set-cookie"] ?? []].flat(),
            location: response.headers.location,
          }))
        : await fetch(url, { redirect: "manual", headers: { cookie }, ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }) }).then((response) => ({
            status: response.status,
            setCookies: response.headers.getSetCookie(),
            location: response.headers.get("location") ?? undefined,
          }));
    for (const line of answer.setCookies) {
      const [name = "", ...value] = (line.split(";")[0] ?? "").split("=");
      if (value.join("=") === "" || /Max-Age=0|1970/.test(line)) jar.delete(name);
      else jar.set(name, value.join("="));
    }
    if (answer.location === undefined) return { url, status: answer.status, setCookies: answer.setCookies };
    const next = new URL(answer.location, url);
    // The portal's pages themselves are not part of this.
    if (next.origin === publicUrl && !next.pathname.startsWith("/api/")) return { url: next, status: answer.status, setCookies: answer.setCookies };
    return await visit(next);
  }
  const portalCookies = () => jars.get(publicUrl) ?? new Map<string, string>();
  return {
    visit,
    portalCookies,
    async signIn(personId: string, returnTo = "/ui/interactions/0123456789abcdef01234567?at=5") {
      const page = await visit(new URL(`/api/v1/sign-in?returnTo=${encodeURIComponent(returnTo)}`, publicUrl));
      return await visit(page.url, { person: personId });
    },
    ask: (url: string, method: "GET" | "POST" = "GET") =>
      portal.portal.app.inject({ method, url, headers: { cookie: [...portalCookies()].map(([name, value]) => `${name}=${value}`).join("; "), "sec-fetch-site": "same-origin" } }),
  };
}

const evidence = () => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "actor_kind", "actor_id"]).where("item", "=", "Session").orderBy("recorded_at").execute());
const failed = (actorId: string) => ({ action: "Login Failed", item: "Session", actor_kind: "person", actor_id: actorId });

describe("signing in", () => {
  test("OVR-17 an identity of an unknown tenant is refused with a page that says so", async () => {
    const user = browser();
    const end = await user.signIn(admin!.personId);
    expect([end.status, end.url.pathname + end.url.search]).toEqual([302, "/sign-in?error=unknown_tenant"]);
    expect(user.portalCookies().size).toBe(0);
  });

  test("OVR-17 MON-22 so is one that the tenant does not know, and one that may see nothing; the tenant can read who tried", async () => {
    tenantId = await addSealingTenant(stage, contosoTenant.slug, contosoTenant.m365TenantId);
    expect((await browser().signIn(admin!.personId)).url.search).toBe("?error=unknown_person");
    const { personId } = await addPerson(stage.db, tenantId, other!.upn);
    const end = await browser().signIn(other!.personId);
    expect(end.url.search).toBe("?error=no_access");
    expect(await evidence()).toEqual([failed(admin!.personId), failed(personId)]);
  });

  test("OVR-17 a person of the tenant gets a session, comes back to the page that was wanted, and it is evidence", async () => {
    // Known by the name, in whatever case it was written down; the object id is another.
    const { personId } = await addPerson(stage.db, tenantId, admin!.upn.toUpperCase(), "Admin");
    const user = browser();
    const end = await user.signIn(admin!.personId);
    expect(end.url.href).toBe(`${publicUrl}/ui/interactions/0123456789abcdef01234567?at=5`);
    expect([...user.portalCookies().keys()]).toEqual(["earwitness"]);
    const flags = end.setCookies.find((line) => line.startsWith("earwitness="));
    expect(flags).toMatch(/; HttpOnly/);
    expect(flags).toMatch(/; SameSite=Lax/);
    expect(flags).toMatch(/; Path=\//);
    const session = (await user.ask("/api/v1/session")).json();
    expect(session).toMatchObject({ person: { upn: admin!.upn.toUpperCase() }, tenant: { id: tenantId, slug: "contoso" }, profile: "Admin" });
    expect(session.permissions).toContain("recording.listen");
    expect((await evidence()).slice(2)).toEqual([{ action: "Login", item: "Session", actor_kind: "person", actor_id: personId }]);

    const out = await user.ask("/api/v1/sign-out", "POST");
    expect([out.statusCode, out.body]).toEqual([204, ""]);
    expect((await user.ask("/api/v1/session")).statusCode).toBe(401);
    expect((await user.ask("/api/v1/sign-out", "POST")).statusCode).toBe(401);
    expect((await evidence()).slice(2).map((row) => row.action)).toEqual(["Login", "Logout"]);
  });

  test("OVR-17 a callback without, with another's, or with a used sign-in is refused", async () => {
    const callback = new URL("/api/v1/sign-in/callback?code=stolen&state=guessed", publicUrl);
    expect((await browser().visit(callback)).url.search).toBe("?error=expired");
    const user = browser();
    await user.visit(new URL("/api/v1/sign-in", publicUrl));
    expect((await user.visit(callback)).url.search).toBe("?error=refused");
    // The sign-in is used up by its refusal.
    expect((await user.visit(callback)).url.search).toBe("?error=expired");
  });

  test("a key is told that it has no session to end", async () => {
    const { key } = await stage.apiKeys.create(tenantId, { name: "key", profile: "Admin" }, { kind: "machine", id: "test", name: "Test" });
    const answer = await stage.portal.app.inject({ method: "POST", url: "/api/v1/sign-out", headers: { authorization: `Bearer ${key}` } });
    expect([answer.statusCode, answer.json().code]).toEqual([409, "NOT_A_SESSION"]);
    const session = await stage.portal.app.inject({ url: "/api/v1/session", headers: { authorization: `Bearer ${key}` } });
    expect(session.json()).toMatchObject({ person: { name: "key", upn: "" }, profile: "Admin" });
  });

  test("who came by another name of this machine is sent to the portal's own first", async () => {
    const answer = await stage.portal.app.inject({ url: "/api/v1/sign-in?returnTo=/x", headers: { host: "127.0.0.1:8123" } });
    expect([answer.statusCode, answer.headers.location]).toEqual([302, "http://localhost:8123/api/v1/sign-in?returnTo=%2Fx"]);
  });

  test("a provider that is away is said, and tried again at the next sign-in", async () => {
    const reserved = createServer();
    await new Promise<void>((resolve) => reserved.listen(0, "127.0.0.1", resolve));
    const { port } = reserved.address() as AddressInfo;
    await new Promise((resolve) => reserved.close(resolve));
    const later = await createTestPortal({ publicUrl, oidc: { issuer: `http://localhost:${port}`, clientId: "earwitness-portal", clientSecret } });
    try {
      const start = () => later.portal.app.inject({ url: "/api/v1/sign-in", headers: { host: "localhost:8123" } });
      expect((await start()).headers.location).toBe("/sign-in?error=provider_away");
      const back = await createIdentity({ port, publicUrl, directory, clientSecret, problem: () => undefined });
      expect((await start()).headers.location).toContain(`${back.issuer}/auth?`);
      await back.close();
    } finally {
      await later.close();
    }
  });

  test("without a provider nobody can sign in, and over plain HTTP none elsewhere is taken", async () => {
    const none = await createTestPortal();
    expect((await none.portal.app.inject({ url: "/api/v1/sign-in" })).headers.location).toBe("/sign-in?error=not_configured");
    await none.close();
    const { createOidc } = await import("./oidc.ts");
    expect(() => createOidc({ issuer: "http://login.example", clientId: "x", clientSecret: null })).toThrow("https");
    expect(() => createOidc({ issuer: "http://localhost.evil.example", clientId: "x", clientSecret: null })).toThrow("https");
  });
});

test.each([
  ["/", "/"],
  ["/ui/interactions/1?x=1#y", "/ui/interactions/1?x=1#y"],
  [undefined, "/"],
  ["", "/"],
  ["https://evil.example", "/"],
  ["//evil.example", "/"],
  ["/\\evil.example", "/"],
  ["/\t/evil.example", "/"],
  ["/\n/evil.example/x", "/"],
  ["/./\\evil.example", "/"],
  ["/..//evil.example", "/"],
  ["javascript:alert(1)", "/"],
  ["ui", "/"],
])("a sign-in from %j returns to %j", (wanted, path) => {
  expect(safeReturnTo(wanted)).toBe(path);
});

describe("a sealed cookie", () => {
  const secret = Buffer.alloc(32, 7);
  const now = new Date("2026-11-20T10:00:00Z");
  const later = new Date(now.getTime() + 60_000);

  test("opens for a while, on every node with the secret, for its own purpose only", () => {
    const text = createCookieSeal(secret, "a").seal({ nonce: "n" }, later);
    expect(createCookieSeal(secret, "a").open(text, now)).toEqual({ nonce: "n" });
    expect(createCookieSeal(secret, "a").open(text, later)).toBe(null);
    expect(createCookieSeal(secret, "b").open(text, now)).toBe(null);
    expect(createCookieSeal(Buffer.alloc(32, 8), "a").open(text, now)).toBe(null);
    expect(text).not.toContain(Buffer.from("nonce").toString("base64url"));
  });

  test("does not open when any of its bytes is another", () => {
    const seal = createCookieSeal(secret, "a");
    const bytes = Buffer.from(seal.seal("x", later), "base64url");
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(seal.open(changed.toString("base64url"), now)).toBe(null);
    }
    for (const text of ["", "x", "AAAA"]) expect(seal.open(text, now)).toBe(null);
  });
});

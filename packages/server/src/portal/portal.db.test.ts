import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { permissions } from "#access";
import { Refusal } from "#errors";
import { addProfile, quietLog } from "#testing";
import { addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { createPortal } from "./server.ts";

const by = { kind: "machine", id: "test", name: "Test" } as const;
let stage: TestPortal;
let tenantId: string;
let adminKey: string;
let powerlessKey: string;
let webRoot: string;
let adminId: string;

beforeAll(async () => {
  webRoot = await mkdtemp(join(tmpdir(), "earwitness-web-"));
  await mkdir(join(webRoot, "assets"));
  await writeFile(join(webRoot, "index.html"), "<!doctype html><title>Earwitness</title>");
  await writeFile(join(webRoot, "assets", "app-1a2b.js"), "export {};");
  await writeFile(join(webRoot, "favicon.svg"), "<svg/>");
  await writeFile(join(webRoot, ".env"), "SECRET=1");
  stage = await createTestPortal({
    webRoot,
    keepsLogs: true,
    routes: [
      (app) => {
        app.get("/api/v1/test/defect", { config: { access: "public" }, schema: { summary: "Fails" } }, async () => {
          throw new Error("the password is hunter2");
        });
        app.get("/api/v1/test/away", { config: { access: "public" }, schema: { summary: "Fails" } }, async () => {
          throw Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), { code: "ECONNREFUSED" });
        });
        app.post(
          "/api/v1/test/form",
          { config: { access: "public" }, schema: { summary: "Takes a form", body: Type.Object({ name: Type.String({ minLength: 2 }), size: Type.Integer(), more: Type.Object({ deep: Type.Boolean() }) }, { additionalProperties: false }) } },
          async () => ({ ok: true }),
        );
        app.get("/api/v1/test/rare", { config: { access: "public", perMinute: 2 }, schema: { summary: "Seldom" } }, async () => ({ ok: true }));
        app.post("/api/v1/test/change", { config: { access: "signed-in" }, schema: { summary: "Changes" } }, async () => ({ ok: true }));
        app.get("/api/v1/test/refuse", { config: { access: "public" }, schema: { summary: "Refuses" } }, async (_request, reply) => {
          reply.header("etag", '"x"').header("content-range", "bytes 0-1/2");
          throw new Refusal("TEAPOT", 418, "Only tea.");
        });
      },
    ],
  });
  tenantId = await addSealingTenant(stage, "contoso");
  const { personId } = await addPerson(stage.db, tenantId, "admin@contoso.example", "Admin");
  adminId = personId;
  adminKey = (await stage.apiKeys.create(tenantId, { name: "admin", profile: "Admin" }, by)).key;
  powerlessKey = (await stage.apiKeys.create(tenantId, { name: "powerless", profile: await addProfile(stage.db, tenantId) }, by)).key;
});
afterAll(async () => {
  await stage.close();
  await rm(webRoot, { recursive: true });
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const signIn = async () => {
  const session = await stage.sessions.create(tenantId, adminId, { remoteAddress: "127.0.0.1" });
  return { cookie: `${stage.sessionCookie}=${session!.cookie}` };
};

describe("the guard", () => {
  /** Every route with the methods it answers, as a request to it could look. */
  const routes = () => {
    const described = stage.portal.describe() as unknown as { paths: Record<string, Record<string, { security: unknown[]; "x-permission"?: string }>> };
    return Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase() as "GET" | "POST",
        url: path.replace("{id}", "0123456789abcdef01234567").replace("{track}", "1").replace(/directory\/groups$/, "$&?q=a").replace(/\/as-of$/, "$&?item=Group&subject=0&at=2026-11-20T10:00:00Z"),
        isPublic: operation.security.length === 0,
        permission: operation["x-permission"] ?? null,
      })),
    );
  };

  test("the public routes are these and no others", () => {
    expect(routes().filter((route) => route.isPublic && !route.url.includes("/test/")).map((route) => route.url)).toEqual([
      "/api/v1/enrollments/accept",
      "/api/v1/enrollments/look",
      "/api/v1/health",
      "/api/v1/sign-in",
      "/api/v1/sign-in/callback",
      "/api/v1/sign-in/local",
      "/api/v1/sign-in/ways",
      "/log/{tenantId}/checkpoint",
      "/log/{tenantId}/keys",
      "/log/{tenantId}/tile/{path}",
    ]);
  });

  test("PLT-20 every other route answers 401 without credentials, with a wrong key and with a dead session", async () => {
    const guarded = routes().filter((route) => !route.isPublic);
    expect(guarded.length).toBeGreaterThanOrEqual(10);
    for (const { method, url } of guarded) {
      for (const headers of [{}, bearer("ew_nonsense"), bearer(adminKey.slice(0, -1) + (adminKey.endsWith("A") ? "B" : "A")), { authorization: "Basic YTpi" }, { cookie: `${stage.sessionCookie}=dead`, "sec-fetch-site": "same-origin" }]) {
        const answer = await stage.portal.app.inject({ method, url, headers, remoteAddress: `10.1.${guarded.findIndex((route) => route.url === url)}.${method.length}` });
        expect([method, url, answer.statusCode, answer.json().code]).toEqual([method, url, 401, "UNAUTHENTICATED"]);
        expect(answer.headers["www-authenticate"]).toBe("Bearer");
      }
    }
  });

  test("PLT-20 every route with a permission answers 403 to a key that lacks it, and lets one through that has it", async () => {
    const own = new Set(["interaction.list", "interaction.note", "recording.listen"]);
    const withPermission = routes().filter((route) => route.permission !== null);
    expect(new Set(withPermission.map((route) => route.permission)).size).toBeGreaterThan(1);
    const nothingKey = (await stage.apiKeys.create(tenantId, { name: "nothing", profile: "API User" }, by)).key;
    for (const { method, url, permission } of withPermission) {
      expect(permissions).toContain(permission);
      const refused = await stage.portal.app.inject({ method, url, headers: bearer(nothingKey) });
      expect([url, refused.statusCode]).toEqual([url, 403]);
      expect(refused.json().detail).toContain(permission);
      if (url.endsWith("/live")) continue; // would stream for ever; interactions' tests listen to it
      const partial = await stage.portal.app.inject({ method, url, headers: bearer(powerlessKey), ...(method === "POST" ? { payload: {} } : {}) });
      expect([url, partial.statusCode === 403]).toEqual([url, !own.has(permission!)]);
      const admitted = await stage.portal.app.inject({ method, url, headers: bearer(adminKey), ...(method === "POST" ? { payload: {} } : {}) });
      // There is nothing of this id, and an empty form is none: but whoever may not come in is not told so.
      // Where no directory is connected, nothing can be asked of it.
      expect([200, 201, 404, ...(url.includes("/directory/") ? [409] : []), ...(method === "GET" && !url.includes("0123456789abcdef") ? [] : [400, 415])], `${method} ${url}`).toContain(admitted.statusCode);
    }
  });

  test("a portal with a route that does not say who may call it does not start", async () => {
    const app = createPortal({
      log: quietLog,
      version: "0",
      publicUrl: new URL("http://localhost"),
      trustedProxies: [],
      webRoot: null,
      authenticate: async () => null,
      isDatabaseAway: () => false,
      ready: () => ({ ready: true, reasons: [] }),
      portalReady: async () => ({ ready: true, reasons: [] }),
      metrics: { recorder: () => ({ calls: 0, recordings: 0, tracks: 0, packets: 0, packetsLost: 0, packetsLate: 0, packetsDropped: 0, packetsRefusedSrtp: 0, gaps: 0, journalBytes: 0, journalLagMs: 0, lastSyncMs: 0 }), uploads: () => ({ pieces: 0, bytes: 0, oldestMs: 0 }), facts: () => ({ facts: 0, oldestMs: 0, rejected: 0 }), logs: () => null, outside: () => [], liveStreams: () => 0,
        directoriesFailing: () => 0, invitations: () => ({ recorded: 0, ignored: 0, refused: 0 }), sip: () => null, backup: () => null, keystoreBackupFailing: () => false, ready: () => true },
      routes: [(portal) => void portal.get("/api/v1/open", async () => "for everyone")],
    });
    await expect(app).rejects.toThrow("GET /api/v1/open does not declare config.access");
  });

  test("too many wrong keys from one address have to wait; others do not", async () => {
    const attempt = (remoteAddress: string) => stage.portal.app.inject({ url: "/api/v1/session", headers: bearer("ew_guess"), remoteAddress });
    const statuses = new Set<number>();
    for (let attempts = 0; attempts < 70; attempts++) statuses.add((await attempt("10.9.9.9")).statusCode);
    expect(statuses).toEqual(new Set([401, 429]));
    expect(Number((await attempt("10.9.9.9")).headers["retry-after"])).toBeGreaterThan(0);
    expect((await attempt("10.9.9.8")).statusCode).toBe(401);
  });
});

describe("requests with a cookie", () => {
  const post = async (headers: Record<string, string>) => (await stage.portal.app.inject({ method: "POST", url: "/api/v1/test/change", headers: { ...(await signIn()), ...headers } })).statusCode;

  test("change something only from the portal's own pages", async () => {
    expect(await post({ "sec-fetch-site": "same-origin" })).toBe(200);
    expect(await post({ origin: "http://localhost:8080" })).toBe(200);
    expect(await post({ "sec-fetch-site": "cross-site", origin: "http://localhost:8080" })).toBe(403);
    expect(await post({ "sec-fetch-site": "same-site" })).toBe(403);
    expect(await post({ "sec-fetch-site": "none" })).toBe(403);
    expect(await post({ origin: "https://evil.example" })).toBe(403);
    expect(await post({ origin: "null" })).toBe(403);
    expect(await post({})).toBe(403);
  });

  test("read only from the portal's own pages or the address bar", async () => {
    const read = async (headers: Record<string, string>) => (await stage.portal.app.inject({ url: "/api/v1/session", headers: { ...(await signIn()), ...headers } })).statusCode;
    expect(await read({})).toBe(200);
    expect(await read({ "sec-fetch-site": "none" })).toBe(200);
    expect(await read({ "sec-fetch-site": "cross-site" })).toBe(403);
  });

  test("with an API key need no origin: no browser adds one by itself", async () => {
    expect((await stage.portal.app.inject({ method: "POST", url: "/api/v1/test/change", headers: bearer(adminKey) })).statusCode).toBe(200);
  });

  test("a key that is wrong is not made good by a cookie that is right", async () => {
    const answer = await stage.portal.app.inject({ url: "/api/v1/session", headers: { ...(await signIn()), ...bearer("ew_wrong") }, remoteAddress: "10.7.7.7" });
    expect(answer.statusCode).toBe(401);
  });
});

describe("problems", () => {
  const get = (url: string) => stage.portal.app.inject({ url });

  test("an unknown address of the API is 404 problem+json", async () => {
    for (const url of ["/api/v1/nowhere", "/api/", "/api", "/api/v2/interactions"]) {
      const answer = await get(url);
      expect([url, answer.statusCode, answer.headers["content-type"]]).toEqual([url, 404, "application/problem+json"]);
      expect(answer.json()).toMatchObject({ status: 404, code: "NOT_FOUND", type: "urn:earwitness:problem:not-found", title: "Not Found" });
    }
  });

  test("every wrong field is named", async () => {
    const answer = await stage.portal.app.inject({ method: "POST", url: "/api/v1/test/form", payload: { name: "x", more: {}, surplus: 1 } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: "VALIDATION", title: "The request is not well-formed" });
    expect(answer.json().errors.map((error: { where: string }) => error.where).toSorted()).toEqual(["body.more.deep", "body.name", "body.size", "body.surplus"]);
    const query = await stage.portal.app.inject({ url: "/api/v1/interactions?limit=0&direction=Sideways&nonsense=1", headers: bearer(adminKey) });
    expect(query.json().errors.map((error: { where: string }) => error.where).toSorted()).toEqual(["query.direction.0", "query.limit", "query.nonsense"]);
  });

  test("a body too large is 413, one that is no JSON 400, one of another type 415", async () => {
    const send = (payload: string, type = "application/json") => stage.portal.app.inject({ method: "POST", url: "/api/v1/test/form", payload, headers: { "content-type": type } });
    expect((await send(JSON.stringify({ name: "x".repeat(300_000) }))).json()).toMatchObject({ status: 413, code: "TOO_LARGE" });
    expect((await send("{")).json()).toMatchObject({ status: 400, code: "MALFORMED" });
    expect((await send('{"__proto__": {"admin": true}, "name": "xx", "size": 1, "more": {"deep": true}}')).json()).toMatchObject({ status: 400 });
    expect((await send("a=b", "application/x-www-form-urlencoded")).json()).toMatchObject({ status: 415, code: "UNSUPPORTED_MEDIA_TYPE" });
  });

  test("a defect is answered without its text and found in the log by its instance", async () => {
    const answer = await get("/api/v1/test/defect");
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain("hunter2");
    const { instance } = answer.json();
    expect(stage.logged.filter((line) => line.includes(instance) && line.includes("hunter2")).length).toBe(1);
  });

  test("a database that is away is 503, not a defect", async () => {
    const answer = await get("/api/v1/test/away");
    expect(answer.statusCode).toBe(503);
    expect(answer.json().code).toBe("DATABASE_AWAY");
    expect(answer.body).not.toContain("5432");
  });

  test("what a route said of its answer does not stand on the error's", async () => {
    const answer = await get("/api/v1/test/refuse");
    expect([answer.statusCode, answer.headers["etag"], answer.headers["content-range"], answer.headers["cache-control"]]).toEqual([418, undefined, undefined, "no-store"]);
  });

  test("a route with a limit of its own answers 429 with the time to wait", async () => {
    const ask = () => stage.portal.app.inject({ url: "/api/v1/test/rare", remoteAddress: "10.3.3.3" });
    expect([(await ask()).statusCode, (await ask()).statusCode]).toEqual([200, 200]);
    const answer = await ask();
    expect([answer.statusCode, answer.json().code]).toEqual([429, "TOO_MANY_REQUESTS"]);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  });
});

describe("headers", () => {
  test("every answer forbids what is not ours, and the API's are not stored", async () => {
    for (const url of ["/api/v1/health", "/", "/api/v1/nowhere"]) {
      const { headers } = await stage.portal.app.inject({ url });
      const policy = String(headers["content-security-policy"]);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["strict-transport-security"]).toBeUndefined();
      if (url.startsWith("/api")) expect(headers["cache-control"]).toBe("no-store");
    }
  });

  test("OVR-16 where the portal is reached by TLS, browsers are told to stay with it", async () => {
    const other = await createTestPortal({ publicUrl: "https://portal.example" });
    try {
      const { headers } = await other.portal.app.inject({ url: "/api/v1/health" });
      expect(headers["strict-transport-security"]).toBe("max-age=31536000");
      expect(other.sessionCookie).toBe("__Host-earwitness");
    } finally {
      await other.close();
    }
  });
});

describe("the web application", () => {
  const get = (url: string) => stage.portal.app.inject({ url });

  test("INT-55 a call's link, like every page, is the application", async () => {
    for (const url of ["/", "/sign-in?error=expired", "/ui/interactions/0123456789abcdef01234567"]) {
      const answer = await get(url);
      expect([url, answer.statusCode, answer.headers["cache-control"]]).toEqual([url, 200, "no-cache"]);
      expect(answer.body).toContain("<title>Earwitness</title>");
    }
  });

  test("what is named by its digest is kept for ever; what is not there is 404, not the page", async () => {
    const asset = await get("/assets/app-1a2b.js");
    expect([asset.statusCode, asset.headers["cache-control"], asset.headers["content-type"]]).toEqual([200, "public, max-age=31536000, immutable", "application/javascript; charset=utf-8"]);
    const missing = await get("/assets/app-gone.js");
    expect([missing.statusCode, missing.headers["content-type"], missing.headers["cache-control"]]).toEqual([404, "application/problem+json", "no-store"]);
    expect((await get("/favicon.svg")).headers["content-type"]).toBe("image/svg+xml");
  });

  test("nothing outside of the application is served", async () => {
    for (const url of ["/.env", "/assets/../.env", "/assets/%2e%2e/.env", "/assets/..%2f.env", "/%2e%2e/%2e%2e/etc/passwd", "/assets/%00"]) {
      const answer = await get(url);
      expect(answer.body, url).not.toContain("SECRET");
      expect(answer.body, url).not.toContain("root:");
      expect(answer.statusCode, url).toBeLessThan(500);
    }
  });
});

describe("operation", () => {
  test("CAP-14 health says whether a call would be recorded, and why not", async () => {
    let reasons: string[] = [];
    const other = await createTestPortal({ ready: () => ({ ready: reasons.length === 0, reasons }) });
    try {
      const ready = await other.portal.app.inject({ url: "/api/v1/health" });
      expect([ready.statusCode, ready.json()]).toEqual([200, { ready: true, reasons: [], warnings: [] }]);
      reasons = ["the spool is full"];
      const full = await other.portal.app.inject({ url: "/api/v1/health" });
      expect([full.statusCode, full.json()]).toEqual([503, { ready: false, reasons: ["the spool is full"], warnings: [] }]);
      expect((await other.portal.app.inject({ method: "HEAD", url: "/api/v1/health" })).statusCode).toBe(503);
    } finally {
      await other.close();
    }
  });

  test("metrics are what the rooms say, as counters and gauges", async () => {
    const answer = await stage.portal.app.inject({ url: "/api/v1/metrics", headers: bearer(adminKey) });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toContain("text/plain");
    for (const line of ["# TYPE earwitness_packets_total counter", "earwitness_packets_total 1000", "earwitness_packets_lost_total 3", "earwitness_spool_lag_seconds 0.15", "earwitness_facts_lag_seconds 0.25", "# TYPE earwitness_calls gauge", "earwitness_calls 2", "earwitness_upload_lag_seconds 1.5"]) {
      expect(answer.body).toContain(line);
    }
    expect(answer.body).toMatch(/earwitness_http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/health",status="200"\} \d/);
    expect(answer.body).not.toContain(adminKey);
    // A second scrape counts from the same zero.
    expect((await stage.portal.app.inject({ url: "/api/v1/metrics", headers: bearer(adminKey) })).body).toContain("earwitness_packets_total 1000\n");
  });

  test("the log holds no query strings and no credentials", async () => {
    await stage.portal.app.inject({ url: "/api/v1/interactions?q=adele&after=nonsense", headers: bearer(adminKey) });
    const lines = stage.logged.join("\n");
    expect(lines).not.toContain("q=adele");
    expect(lines).not.toContain(adminKey);
  });
});

import { connect } from "node:net";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addInteraction, addPerson, addRecording, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";

let stage: TestPortal;
let key: string;
let id: string;
let webRoot: string;
let port: number;

beforeAll(async () => {
  webRoot = await mkdtemp(join(tmpdir(), "earwitness-web-"));
  await mkdir(join(webRoot, "assets"));
  await writeFile(join(webRoot, "index.html"), "<!doctype html><title>Earwitness</title>");
  await writeFile(join(webRoot, ".env"), "SECRET=1");
  stage = await createTestPortal({
    webRoot,
    openReader: async ({ tracks }) => ({ durationMs: 2_000, sampleRate: 8_000, tracks: tracks.map(({ track }) => track), readPcm: async (_track, _from, count) => new Int16Array(count), close: async () => undefined }),
  });
  const tenantId = await addSealingTenant(stage, "contoso");
  await addPerson(stage.db, tenantId, "admin@contoso.example", "Admin");
  key = (await stage.apiKeys.create(tenantId, { name: "odd", profile: "Admin" }, { kind: "machine", id: "test", name: "Test" })).key;
  id = await addInteraction(stage.db, tenantId);
  await addRecording(stage.db, tenantId, id, { durationMs: 2_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 2_000 }] });
  ({ port } = await stage.portal.listen({ host: "127.0.0.1", port: 0 }));
});
afterAll(async () => {
  await stage.close();
  await rm(webRoot, { recursive: true });
});

/** The bytes as they are, past every client that would tidy them up. */
async function raw(method: string, target: string, headers: string[] = [], body = ""): Promise<{ status: number; type: string; body: string; headers: string }> {
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("latin1");
  let text = "";
  socket.on("data", (part) => (text += part));
  socket.write([`${method} ${target} HTTP/1.1`, "host: localhost", "connection: close", `authorization: Bearer ${key}`, ...headers, ...(body === "" ? [] : [`content-length: ${Buffer.byteLength(body)}`]), "", body].join("\r\n"), "latin1");
  await new Promise((resolve, reject) => {
    socket.setTimeout(5_000, () => socket.destroy(new Error(`${method} ${target} was not answered`)));
    socket.once("close", resolve).once("error", reject);
  });
  const [head = "", ...rest] = text.split("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), type: /^content-type: (.*)$/im.exec(head)?.[1] ?? "", body: rest.join("\r\n\r\n"), headers: head };
}

const oddTexts = ["", "%00", "a%00b", "%", "%zz", "%ff", "%ED%A0%80", "%F0%9F%98%80", "'", "%5C", "_%25", "-1", "0", "1e309", "1.5", "0x10", "NaN", "null", "true", "[]", "{}", "__proto__", "constructor", "..%2f..%2fetc%2fpasswd", "%0d%0aset-cookie:x=1", "a".repeat(300), "9".repeat(400), "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-01-01T00:00:00%2B23:59", "2026-01-01T24:00:00Z", "2026-02-30T00:00:00Z"];
const cursor = (text: string) => Buffer.from(text, "latin1").toString("base64url");

test("no request, however odd, is a defect, and every refusal is problem+json", async () => {
  const targets = [
    ...["limit", "after", "status", "direction", "q", "sipCallId", "from", "to", "nonsense"].flatMap((name) => oddTexts.map((text) => `/api/v1/interactions?${name}=${text}`)),
    ...["status", "q", "limit", "from"].map((name) => `/api/v1/interactions?${name}=x&${name}=y`),
    ...["999999999999999", "-999999999999999", "-0", "99999999999999999"].map((ms) => `/api/v1/interactions?after=${cursor(`${ms}.${id}`)}`),
    ...oddTexts.flatMap((text) => [`/api/v1/interactions/${text}`, `/api/v1/interactions/${text}/media`, `/api/v1/interactions/${id}/media/${text}`, `/api/v1/interactions/${id}/media?play=${text}`, `/api/v1/interactions/${id}/media?layout=${text}`, `/api/v1/interactions/${id}/media/1?format=${text}`, `/api/v1/interactions/${id}/peaks?${text}`, `/api/v1/interactions/${id}/manifest?revision=${text}`, `/api/v1/sign-in/callback?code=${text}&state=${text}`, `/api/v1/sign-in?returnTo=${text}`, `/api/v1/${text}`, `/api/${text}`, `/${text}`, `/assets/${text}`]),
    ...["ffffffffffffffffffffffff", "000000000000000000000000", "80000000ffffffffffffffff"].flatMap((odd) => [`/api/v1/interactions/${odd}`, `/api/v1/interactions/${odd}/media`, `/api/v1/interactions/${odd}/peaks`]),
    "//", "//evil.example/", "///", "/\\evil", "http://localhost:99999/", "http://evil.example/api/v1/session", "/./", "/assets/../index.html", "/assets/%2e%2e/.env", "/.env", "/%2eenv", "/api", "/api/v1/interactions/", "/?", "/#", "*",
  ];
  const wrong: string[] = [];
  for (const target of targets) {
    for (const method of ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]) {
      if (target.startsWith("/api/v1/sign-in") && method !== "GET") continue;
      const answer = await raw(method, target);
      const isProblem = answer.type === "application/problem+json";
      if (!(answer.status >= 200 && answer.status < 500)) wrong.push(`${method} ${target.slice(0, 100)}: ${answer.status} ${answer.body.slice(0, 150)}`);
      else if (answer.status >= 400 && !isProblem) wrong.push(`${method} ${target.slice(0, 100)}: ${answer.status} ${answer.type}`);
      if (answer.body.includes("SECRET")) wrong.push(`${target} leaks`);
    }
  }
  expect(wrong).toEqual([]);
}, 120_000);

test("an address that is there and does not take the method is 405 and says which it takes", async () => {
  const tried = [
    ["POST", "/api/v1/health", "GET, HEAD"],
    ["PUT", `/api/v1/interactions/${id}`, "GET"],
    ["DELETE", `/api/v1/interactions/${id}/media/1?play=x`, "GET, HEAD"],
    ["GET", `/api/v1/interactions/${id}/plays`, "POST"],
    ["HEAD", "/api/v1/live", "GET"],
    ["PROPFIND", "/ui/interactions", "GET, HEAD"],
  ] as const;
  for (const [method, target, allow] of tried) {
    const answer = await raw(method, target);
    expect([method, target, answer.status, answer.type, /^allow: (.*)$/im.exec(answer.headers)?.[1]]).toEqual([method, target, 405, "application/problem+json", allow]);
  }
});

test("what is no HTTP, or too much of it, is problem+json too", async () => {
  const tried = [
    [400, await raw("BREW", "/")],
    [400, await raw("GET", "/api/v1/session\u0001")],
    [431, await raw("GET", `/${"a".repeat(20_000)}`)],
    [431, await raw("GET", "/api/v1/session", [`cookie: ${"a".repeat(20_000)}`])],
    [415, await raw("POST", `/api/v1/interactions/${id}/plays`, [], "x")],
    [415, await raw("POST", `/api/v1/interactions/${id}/plays`, ["content-type: nonsense"], "x")],
    [400, await raw("POST", `/api/v1/interactions/${id}/plays`, ["content-type: application/json"], '{"track":1e309}')],
    [413, await raw("POST", `/api/v1/interactions/${id}/plays`, ["content-type: application/json"], `"${"x".repeat(300_000)}"`)],
  ] as const;
  for (const [status, answer] of tried) {
    expect([answer.status, answer.type]).toEqual([status, "application/problem+json"]);
    expect(JSON.parse(answer.body)).toMatchObject({ status });
  }
});

test("a HEAD of a page or a file says what a GET would send", async () => {
  const [get, head] = [await raw("GET", "/ui/interactions"), await raw("HEAD", "/ui/interactions")];
  const length = /^content-length: (\d+)$/im;
  expect([head.status, head.type, length.exec(head.headers)?.[1], head.body]).toEqual([200, get.type, length.exec(get.headers)?.[1], ""]);
  expect((await raw("HEAD", "/assets/gone.js")).status).toBe(404);
});

test("without the database every route that needs it is 503, and health goes on answering", async () => {
  await stage.db.close();
  for (const target of ["session", "interactions", `interactions/${id}`, `interactions/${id}/media`, `interactions/${id}/peaks`, `interactions/${id}/manifest`, "live", "metrics"]) {
    const answer = await raw("GET", `/api/v1/${target}`);
    expect([target, answer.status, answer.type, JSON.parse(answer.body).code]).toEqual([target, 503, "application/problem+json", "DATABASE_AWAY"]);
  }
  expect((await raw("GET", "/api/v1/health")).status).toBe(200);
});

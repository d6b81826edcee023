import { Type } from "typebox";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { contosoGroups, contosoPeople, contosoTenant, createContosoDirectory, createGraph, type SandboxGraph } from "@earwitness/sandbox";
import { DirectoryUser, findGroups, readGroups, readMembers, readUsers } from "./directory-reads.ts";
import { createGraphClient, type GraphClient, type GraphSettings } from "./graph-client.ts";
import { GraphError, type GraphErrorKind } from "./graph-error.ts";
import type { Limits, World } from "./send.ts";

const secret = "a secret that stands nowhere else";
const app = { clientId: "earwitness", clientSecret: secret, permissions: ["User.Read.All", "GroupMember.Read.All"] };
const blind = { clientId: "blind", clientSecret: secret, permissions: [] };

let graph: SandboxGraph;
let nowMs = 0;
let slept: number[] = [];
const problems: string[] = [];
/** Time goes on only by waiting. */
const world: Partial<World> = {
  now: () => new Date(nowMs),
  random: () => 0,
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    slept.push(ms);
    nowMs += ms;
  },
};

function client({ settings = {}, limits = {}, outside = {} }: { settings?: Partial<GraphSettings>; limits?: Partial<Limits>; outside?: Partial<World> } = {}): GraphClient {
  return createGraphClient(
    { graphUrl: graph.graphUrl, loginUrl: graph.origin, m365TenantId: contosoTenant.m365TenantId, clientId: app.clientId, clientSecret: secret, ...settings },
    { world: { ...world, ...outside }, limits },
  );
}

/** A client whose Graph answers what the test says; its token comes from the sandbox. */
function hostile(answer: (url: string, init: RequestInit) => Response | Promise<Response>, limits: Partial<Limits> = {}): GraphClient {
  return client({ limits, outside: { fetch: async (url, init) => (url.includes("/oauth2/") ? await fetch(url, init) : await answer(url, init)) } });
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response => new Response(JSON.stringify(body), { status, headers });

async function failureOf(promise: Promise<unknown>, kind: GraphErrorKind): Promise<GraphError> {
  const error: unknown = await promise.then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof GraphError)) throw new Error(`expected a GraphError, got ${String(error)}`);
  expect(error.kind, error.message).toBe(kind);
  for (let at: unknown = error; at instanceof Error; at = at.cause) expect(JSON.stringify([at.message, at.stack, { ...at }])).not.toContain(secret);
  return error;
}

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const page of pages) collected.push(page);
  return collected;
}

const all = async <T>(pages: AsyncIterable<{ items: readonly T[] }>): Promise<T[]> => (await collect(pages)).flatMap(({ items }) => items);

const user = (): string => `/users/${contosoPeople[0]!.personId}`;
const userList = (graphClient: GraphClient, from = "/users?$top=5"): Promise<DirectoryUser[]> => all(graphClient.pages(from, DirectoryUser));

beforeAll(async () => {
  graph = await createGraph({ port: 0, directory: createContosoDirectory(), apps: [app, blind], now: () => new Date(nowMs), problem: (text) => problems.push(text) });
});
beforeEach(() => {
  nowMs = Date.parse("2026-11-02T10:00:00Z");
  slept = [];
  graph.throttle(null);
  // A request that ended before it was sent leaves what was meant for it.
  graph.mend();
});
afterAll(async () => {
  await graph.close();
  expect(problems).toEqual([]);
});

describe("tokens", () => {
  test("one is fetched for all that ask at once, kept, and renewed five minutes before its end", async () => {
    const mine = client();
    await Promise.all([mine.get(user(), DirectoryUser), mine.get(user(), DirectoryUser), mine.get(user(), DirectoryUser)]);
    expect(mine.usage().requests).toBe(4);
    nowMs += 3_298_000;
    await mine.get(user(), DirectoryUser);
    expect(mine.usage().requests).toBe(5);
    nowMs += 2_000;
    await mine.get(user(), DirectoryUser);
    expect(mine.usage().requests).toBe(7);
    nowMs -= 60_000; // our clock was set back: how old the token is is not known any more
    await mine.get(user(), DirectoryUser);
    expect(mine.usage().requests).toBe(9);
  });

  test("our clock may be hours from theirs: a token's life is counted from when it was asked for", async () => {
    for (const hours of [-12, 12]) {
      const mine = client({ outside: { now: () => new Date(nowMs + hours * 3_600_000) } });
      await mine.get(user(), DirectoryUser);
      await mine.get(user(), DirectoryUser);
      expect(mine.usage().requests).toBe(3);
    }
  });

  test("a 401 is answered with one new token, and a second 401 is the end", async () => {
    const mine = client();
    await mine.get(user(), DirectoryUser);
    const refusal = { on: "GET /v1.0/users", what: { status: 401, body: { error: { code: "InvalidAuthenticationToken", message: "Lifetime validation failed" } } } } as const;
    graph.fail(refusal);
    await mine.get(user(), DirectoryUser);
    expect(mine.usage().requests).toBe(5);
    graph.fail({ ...refusal, times: 2 });
    const error = await failureOf(mine.get(user(), DirectoryUser), "credentials");
    expect(error).toMatchObject({ status: 401, code: "InvalidAuthenticationToken", retry: false });
  });

  test.each([
    [{ clientSecret: "wrong" }, "AADSTS7000215"],
    [{ clientId: "nobody" }, "AADSTS700016"],
    [{ m365TenantId: "common" }, "AADSTS90002"],
  ])("%o is told in Entra's words, with what to do, and is not tried again", async (settings, code) => {
    const mine = client({ settings });
    const error = await failureOf(mine.get(user(), DirectoryUser), "credentials");
    expect(error).toMatchObject({ code, retry: false, where: expect.stringMatching(/^POST \/.*\/oauth2\/v2.0\/token$/) });
    expect(error.message).toContain("whether the secret has expired");
    expect(error.message).not.toContain("Trace ID");
    expect(slept).toEqual([]);
    await failureOf(mine.get(user(), DirectoryUser), "credentials");
    expect(mine.usage().requests, "a refusal is not kept").toBe(2);
  });

  test("a sign-in service that is busy is waited for; one that answers nonsense is told", async () => {
    graph.fail({ on: "/oauth2/", what: { status: 429, headers: { "retry-after": "3" }, body: {} } });
    await client().get(user(), DirectoryUser);
    expect(slept).toEqual([3_000]);
    for (const body of ["<html>a proxy's page</html>", {}, { access_token: 5, token_type: "Bearer" }, { access_token: "x", token_type: "mac" }]) {
      graph.fail({ on: "/oauth2/", what: { status: 200, body } });
      await failureOf(client().get(user(), DirectoryUser), "malformed");
    }
    graph.fail({ on: "/oauth2/", times: 6, what: { status: 503 } });
    await failureOf(client().get(user(), DirectoryUser), "failed");
  });

  test("http is for this machine only", () => {
    for (const settings of [{ graphUrl: "http://graph.example/v1.0" }, { loginUrl: "http://login.example" }, { graphUrl: "ftp://localhost/v1.0" }]) {
      expect(() => client({ settings })).toThrow("must be reached by https");
    }
  });
});

describe("reading", () => {
  test("M365-58 users come page by page, each once, and from a link that was kept", async () => {
    expect((await userList(client())).map(({ id }) => id).sort()).toEqual(contosoPeople.map(({ personId }) => personId).sort());
    const [first] = await collect(client().pages("/users?$top=5", DirectoryUser));
    expect(first?.nextLink).toContain("skiptoken");
    expect(await userList(client(), first!.nextLink!)).toHaveLength(contosoPeople.length - 5);
  });

  test("M365-58 direct and nested members are told apart, and groups are found by words of their name", async () => {
    const names = async (which: "direct" | "nested"): Promise<(string | null | undefined)[]> => (await all(readMembers(client(), contosoGroups.recorded, which))).map(({ displayName }) => displayName);
    expect(await names("direct")).not.toContain("Diego Siciliani");
    expect(await names("nested")).toContain("Diego Siciliani");
    expect(await findGroups(client(), 'care "agents')).toMatchObject([{ id: contosoGroups.care, displayName: "Contoso Care Agents" }]);
    expect(await findGroups(client(), "\\")).toHaveLength(5);
    expect(() => readMembers(client(), "x' or 'y", "direct")).toThrow("GUID");
  });

  test("delta: everything first, then what changed; a link that is too old starts over and says so", async () => {
    const read = async (link: string | null) => {
      const pages = await collect(readUsers(client(), link));
      return { users: pages.flatMap(({ items }) => items), startsOver: pages.map((page) => page.startsOver), deltaLink: pages.at(-1)?.deltaLink ?? null };
    };
    const first = await read(null);
    expect([first.users.length, first.startsOver]).toEqual([contosoPeople.length, [true]]);
    graph.directory.putUser({ id: contosoPeople[2]!.personId, userPrincipalName: contosoPeople[2]!.upn, accountEnabled: false });
    const second = await read(first.deltaLink);
    expect(second).toMatchObject({ users: [{ id: contosoPeople[2]!.personId, accountEnabled: false }], startsOver: [false] });
    graph.expireDeltaLinks();
    const third = await read(second.deltaLink);
    expect([third.users.length, third.startsOver]).toEqual([contosoPeople.length, [true]]);
    nowMs += 8 * 86_400_000;
    expect((await read(third.deltaLink)).startsOver).toEqual([true]);
  });

  test("members of groups by delta, and no more than fifty groups at once", async () => {
    const groups = await all(readGroups(client(), [contosoGroups.care, contosoGroups.recorded], null));
    expect(groups.flatMap((group) => (group.id === contosoGroups.care ? (group["members@delta"] ?? []) : []))).toHaveLength(3);
    for (const count of [0, 51]) expect(() => readGroups(client(), Array.from({ length: count }, () => contosoGroups.care), null)).toThrow(RangeError);
  });

  test("what is not there and what is not allowed is told with what to do", async () => {
    const missing = await failureOf(client().get("/users/00000000-0000-4000-8000-000000000000", DirectoryUser), "missing");
    expect(missing).toMatchObject({ status: 404, code: "Request_ResourceNotFound", requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    const forbidden = await failureOf(client({ settings: { clientId: "blind" } }).get(user(), DirectoryUser), "forbidden");
    expect(forbidden.message).toMatch(/^GET \/v1.0\/users\/.*: answered 403 Authorization_RequestDenied: .*consent to the missing permission/);
    expect((await failureOf(client().get("/users?$top=5000", Type.Unknown()), "refused")).status).toBe(400);
  });

  test("many reads in few requests, in the order asked, each with its own end", async () => {
    const paths = contosoPeople.flatMap(({ personId }) => [`/users/${personId}`, `/users/${personId}?$select=mail`]).toSpliced(3, 0, "/users/00000000-0000-4000-8000-000000000000");
    const mine = client();
    const results = await mine.batch(paths, DirectoryUser);
    expect(mine.usage().requests).toBe(3);
    expect(results.map((result) => (result.ok ? result.value.id : result.error.kind))).toEqual(paths.map((path) => (path.includes("/0000") ? "missing" : path.slice(7, 43))));
  });
});

describe("waiting", () => {
  test("429 is waited for as long as it says, and counted", async () => {
    graph.throttle({ units: 2, perMs: 10_000 });
    const mine = client();
    expect(await userList(mine)).toHaveLength(contosoPeople.length);
    expect(slept).toEqual([10_000]);
    expect(mine.usage()).toEqual({ requests: 5, repeated: 1, waitedMs: 10_000 });
  });

  test("without a word of theirs the waits double; the sixth refusal is the end", async () => {
    graph.fail({ on: "/users", times: 6, what: { status: 429, body: { error: { code: "TooManyRequests" } } } });
    const error = await failureOf(client().get(user(), DirectoryUser), "throttled");
    expect(error.retry).toBe(true);
    expect(slept).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
  });

  test("whoever asks for more than five minutes gets no second request now", async () => {
    graph.fail({ on: "/users", what: { status: 503, headers: { "retry-after": "301" }, body: "" } });
    expect(await failureOf(client().get(user(), DirectoryUser), "throttled")).toMatchObject({ retryAfterMs: 301_000, status: 503 });
    expect(slept).toEqual([]);
  });

  test("a throttled batch is asked again for its rest only", async () => {
    graph.throttle({ units: 4, perMs: 10_000 });
    const mine = client();
    const results = await mine.batch(contosoPeople.map(({ personId }) => `/users/${personId}`), DirectoryUser);
    expect(results.every((result) => result.ok)).toBe(true);
    expect(slept).toEqual([10_000, 10_000, 10_000]);
    expect(mine.usage().requests).toBe(5);
  });

  test("a connection that breaks off is tried again; no answer at all is told as such", async () => {
    graph.fail({ on: "/users", what: "cut" });
    await client().get(user(), DirectoryUser);
    expect(slept).toEqual([500]);
    graph.fail({ on: "/users", times: 2, what: "hang" });
    const error = await failureOf(client({ limits: { timeoutMs: 40, mostAttempts: 2 } }).get(user(), DirectoryUser), "timeout");
    expect(error.message).toContain("within 0.04 s");
    const nobody = client({ settings: { loginUrl: "http://localhost:1" }, limits: { mostAttempts: 1 } });
    expect((await failureOf(nobody.get(user(), DirectoryUser), "unreachable")).retry).toBe(true);
  });

  test("an abort ends requests and waits at once, with the caller's reason", async () => {
    const leaving = new AbortController();
    graph.fail({ on: "/users", what: "hang" });
    const asked = client().get(user(), DirectoryUser, { signal: leaving.signal });
    setTimeout(() => leaving.abort(new Error("the node stops")), 20);
    await expect(asked).rejects.toThrow("the node stops");
    await expect(client().get(user(), DirectoryUser, { signal: leaving.signal })).rejects.toThrow("the node stops");
  });
});

describe("answers by whoever is in between", () => {
  const item = { id: contosoPeople[0]!.personId };

  test("a link to elsewhere is refused before anything is asked there", async () => {
    const origin = new URL(graph.origin);
    for (const link of [
      "https://evil.example/v1.0/users?$skiptoken=1", `http://localhost:${Number(origin.port) + 1}/v1.0/users`, `${graph.origin}/beta/users`, `${graph.graphUrl}.evil/users`, `${graph.graphUrl}/../beta/users`,
      `http://user:pass@${origin.host}/v1.0/users`, "//evil.example/", "/users", "nonsense", "", "javascript:alert(1)", `https://localhost:${origin.port}/v1.0/users`,
      `${graph.graphUrl}/users?$skiptoken=${"x".repeat(40_000)}`,
    ]) {
      const asked: string[] = [];
      for (const name of ["@odata.nextLink", "@odata.deltaLink"]) {
        const mine = hostile((url) => {
          asked.push(url);
          return json({ value: [item], [name]: link });
        });
        await failureOf(userList(mine), "malformed");
      }
      for (const url of asked) expect(url.startsWith(`${graph.graphUrl}/`), url).toBe(true);
    }
  });

  test("a kept link of another Graph is not followed: everything is read anew", async () => {
    const link = "https://graph.example/v1.0/users/delta?$deltatoken=x";
    expect((await collect(readUsers(client(), link))).map(({ startsOver }) => startsOver)).toEqual([true]);
    await failureOf(userList(client(), link), "resync");
  });

  test("pages that go round in a circle end", async () => {
    let count = 0;
    const mine = hostile(() => json({ value: [item], "@odata.nextLink": `${graph.graphUrl}/users?$skiptoken=${count++ % 3}` }));
    expect((await failureOf(userList(mine), "malformed")).message).toContain("circle");
    expect(count).toBe(4);
  });

  test("a sign-in service that repeats the secret puts it into no error", async () => {
    const mine = client({ outside: { fetch: async () => json({ error: "invalid_client", error_description: `AADSTS7000215: ${secret} is not it.` }, 401, { "content-type": "application/json" }) } });
    expect((await failureOf(mine.get(user(), DirectoryUser), "credentials")).message).toContain("AADSTS7000215: [left out] is not it");
  });

  test("addresses are the same however they are written", async () => {
    const mine = client({ settings: { graphUrl: `${graph.graphUrl.replace("http:", "HTTP:").replace("localhost", "LOCALHOST")}//` } });
    expect((await collect(readUsers(mine, null))).length).toBeGreaterThan(0);
  });

  test("a redirect is not followed", async () => {
    const asked: string[] = [];
    const mine = hostile((url) => {
      asked.push(url);
      return new Response(null, { status: 302, headers: { location: "https://evil.example/" } });
    });
    expect((await failureOf(mine.get(user(), DirectoryUser), "malformed")).status).toBe(302);
    expect(asked).toHaveLength(1);
  });

  test("an answer without an end is cut off", async () => {
    let sent = 0;
    const mine = hostile(() => new Response(new ReadableStream({ pull: (controller) => void (sent++, controller.enqueue(new Uint8Array(1_000))) })), { mostBodyBytes: 10_000 });
    expect((await failureOf(mine.get(user(), DirectoryUser), "malformed")).message).toContain("larger than 10000 bytes");
    expect(sent).toBeLessThan(20);
  });

  test.each([
    ["no JSON", "<html>", /no JSON; it begins “<html>”/],
    ["nothing", "", /no JSON/],
    ["no list", '{"value":{}}', /\/value/],
    ["no value", "{}", /value/],
    ["null", "null", /it must/],
    ["an item without an id", `{"value":[{"id":"${item.id}"},{"displayName":"x"}]}`, /\/value\/1.*id/],
    ["an id that is none", '{"value":[{"id":"../../users"}]}', /\/value\/0\/id/],
    ["a number for a name", `{"value":[{"id":"${item.id}","displayName":5}]}`, /\/value\/0\/displayName/],
    ["a page that goes on and ends", JSON.stringify({ value: [], "@odata.nextLink": "http://x/", "@odata.deltaLink": "http://x/" }), /both goes on and ends/],
    ["more than any page has", JSON.stringify({ value: Array.from({ length: 2_001 }, () => item) }), /\/value/],
    ["a link that is none", `{"value":[],"@odata.nextLink":7}`, /nextLink/],
    ["a key of objects", `{"value":[{"__proto__":{"id":"${item.id}"}}]}`, /\/value\/0/],
  ])("%s is told with its place", async (_, body, expected) => {
    expect((await failureOf(userList(hostile(() => new Response(body))), "malformed")).message).toMatch(expected);
  });

  test("a walk of changes that ends without a link for the next is none", async () => {
    await failureOf(all(readUsers(hostile(() => json({ value: [] })), null)), "malformed");
    // Too old, and too old again when everything is read: not for ever.
    let count = 0;
    const error = await failureOf(all(readUsers(hostile(() => (count++, json({ error: { code: "resyncRequired" } }, 410))), `${graph.graphUrl}/users/delta?$deltatoken=x`)), "resync");
    expect([count, error.status]).toEqual([2, 410]);
  });

  test("batches with missing, foreign and misshapen parts", async () => {
    for (const responses of [[], [{ id: "7", status: 200, body: item }], [{ id: "0", status: "200" }], [{ id: "0" }], null]) {
      await failureOf(hostile(() => json({ responses })).batch([user()], DirectoryUser), "malformed");
    }
    const [result] = await hostile(() => json({ responses: [{ id: "0", status: 200, body: { id: 5 } }] })).batch([user()], DirectoryUser);
    expect(result).toMatchObject({ ok: false, error: { kind: "malformed" } });
  });

  test("what an error says of itself is one short line, without tokens, whatever it is", async () => {
    const token = "x".repeat(900);
    const message = `your token ${token}\r\n\u001b[31mwas\u0000 ${"very ".repeat(500)}bad`;
    for (const body of [{ error: { code: "Bad\nCode", message } }, { error: "text" }, { error: { code: 5 } }, "text", null, [], 7]) {
      const error = await failureOf(hostile(() => json(body, 403)).get(`${user()}?$skiptoken=${token}`, DirectoryUser), "forbidden");
      expect(error.message.length).toBeLessThan(700);
      expect(error.message).not.toMatch(/[\p{Cc}]|x{60}/u);
    }
  });
});

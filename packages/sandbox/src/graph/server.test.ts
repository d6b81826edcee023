import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contosoPeople, contosoTenant } from "../contoso.ts";
import { contosoGroups, createContosoDirectory } from "./contoso-directory.ts";
import { createGraph, type SandboxGraph } from "./server.ts";

const reader = { clientId: "reader", clientSecret: "reader's secret", permissions: ["User.Read.All", "GroupMember.Read.All"] };
const groupsOnly = { clientId: "groups", clientSecret: "groups' secret", permissions: ["GroupMember.Read.All"] };
const lapsed = { clientId: "lapsed", clientSecret: "old", permissions: [], secretExpiresAt: new Date("2026-01-01") };
const startMs = Date.parse("2026-11-02T10:00:00Z");
let nowMs = startMs;
let graph: SandboxGraph;
const problems: string[] = [];

beforeAll(async () => {
  graph = await createGraph({ port: 0, directory: createContosoDirectory(), apps: [reader, groupsOnly, lapsed], now: () => new Date(nowMs), problem: (text) => problems.push(text) });
});
afterAll(async () => {
  await graph.close();
  expect(problems).toEqual([]);
});

interface Thing {
  readonly id: string;
  readonly displayName?: string;
  readonly status?: number;
  readonly "@odata.type"?: string;
  readonly "@removed"?: { readonly reason: string };
  readonly "members@delta"?: readonly Thing[];
}

/** Whatever stands in one answer or another; each test says what it has to be. */
interface Body extends Thing {
  readonly value: readonly Thing[];
  readonly responses: readonly Thing[];
  readonly error: { readonly code: string };
  readonly error_codes: readonly number[];
  readonly access_token: string;
  readonly "@odata.nextLink"?: string;
  readonly "@odata.deltaLink"?: string;
  readonly "@odata.count"?: number;
}

interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

async function call(path: string, { token = graph.mint(reader), eventual = false, body }: { token?: string | null; eventual?: boolean; body?: unknown } = {}): Promise<Seen> {
  const response = await fetch(path.startsWith("http") ? path : graph.graphUrl + path, {
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(eventual ? { ConsistencyLevel: "eventual" } : {}) },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  expect(response.headers.get("x-earwitness-sandbox")).toBe("contoso");
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}

async function signIn(form: Record<string, string>, tenant: string = contosoTenant.m365TenantId): Promise<Seen> {
  const response = await fetch(`${graph.origin}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: new URLSearchParams({ grant_type: "client_credentials", client_id: "reader", client_secret: "reader's secret", scope: `${graph.origin}/.default`, ...form }) });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}

describe("tokens", () => {
  test("client credentials give a token that says what the app may", async () => {
    const { status, body } = await signIn({});
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599 });
    const claims = JSON.parse(Buffer.from(body.access_token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
    expect(claims).toMatchObject({ aud: graph.origin, tid: contosoTenant.m365TenantId, appid: "reader", idtyp: "app", roles: reader.permissions });
    expect((await call("/users?$top=1", { token: body.access_token })).status).toBe(200);
    expect((await signIn({}, "contoso.example")).status).toBe(200);
  });

  test.each([
    [{ client_secret: "wrong" }, 401, "invalid_client", 7000215],
    [{ client_id: "lapsed", client_secret: "old" }, 401, "invalid_client", 7000222],
    [{ client_id: "nobody" }, 400, "unauthorized_client", 700016],
    [{ scope: "openid" }, 400, "invalid_scope", 1002012],
    [{ scope: "" }, 400, "invalid_request", 900144],
    [{ grant_type: "password" }, 400, "unsupported_grant_type", 70003],
  ] as const)("a sign-in with %o is refused as Entra refuses it", async (form, status, error, number) => {
    const seen = await signIn(form);
    expect(seen.status).toBe(status);
    expect(seen.body).toMatchObject({ error, error_codes: [number], error_description: expect.stringMatching(new RegExp(`^AADSTS${number}: `)) });
    expect(JSON.stringify(seen.body)).not.toContain("secret's");
  });

  test("an unknown tenant has no app, and neither has `common`", async () => {
    for (const tenant of ["common", "fabrikam.example"]) expect((await signIn({}, tenant)).body.error_codes).toEqual([90002]);
  });

  test("Graph refuses no token, an old one, one for others and one that was changed", async () => {
    const changed = graph.mint(groupsOnly).split(".");
    const body = JSON.parse(Buffer.from(changed[1] ?? "", "base64url").toString()) as object;
    const forged = [changed[0], Buffer.from(JSON.stringify({ ...body, roles: reader.permissions })).toString("base64url"), changed[2]].join(".");
    for (const token of [null, "", "nonsense", graph.mint(reader, { livesS: 0 }), graph.mint(reader, { audience: "https://management.example" }), forged]) {
      const seen = await call("/users", { token });
      expect(seen.status, String(token)).toBe(401);
      expect(seen.body.error).toMatchObject({ code: "InvalidAuthenticationToken", innerError: { "request-id": seen.headers.get("request-id") } });
    }
  });

  test("an app without the permission is refused, and members it may not read are nulls", async () => {
    const token = graph.mint(groupsOnly);
    const refused = await call("/users", { token });
    expect([refused.status, refused.body.error.code]).toEqual([403, "Authorization_RequestDenied"]);
    const { body } = await call(`/groups/${contosoGroups.care}/members?$select=displayName`, { token });
    expect(body.value).toHaveLength(3);
    expect(body.value[0]).toEqual({ "@odata.type": "#microsoft.graph.user", id: expect.any(String), displayName: null });
  });
});

describe("lists", () => {
  test("pages follow each other until all were shown once; $top and $select hold", async () => {
    const seen: string[] = [];
    let pages = 0;
    for (let next: string | undefined = "/users?$top=5&$select=displayName"; next !== undefined; pages++) {
      const { body } = await call(next);
      for (const user of body.value) {
        expect(Object.keys(user).sort()).toEqual(["displayName", "id"]);
        seen.push(user.id);
      }
      next = body["@odata.nextLink"];
    }
    expect(pages).toBe(3);
    expect(seen.sort()).toEqual(contosoPeople.map(({ personId }) => personId).sort());
  });

  test("what Graph does not take is refused: pages over 999, $skip, unknown properties and filters, foreign tokens", async () => {
    for (const query of ["$top=1000", "$top=0", "$top=x", "$skip=5", "$select=shoeSize", "$filter=shoeSize eq 1", "$skiptoken=abc", "$expand=manager"]) {
      expect((await call(`/users?${query}`)).status, query).toBe(400);
    }
    expect((await call("/users?$count=true")).body.error.code).toBe("Request_UnsupportedQuery");
    expect((await call("/users?$count=true", { eventual: true })).body["@odata.count"]).toBe(contosoPeople.length);
    expect((await call("/nothing")).status).toBe(400);
    expect((await call("/groups", { body: {} })).status).toBe(405);
    expect((await call(`/users?$skiptoken=${String((await call("/groups?$top=1")).body["@odata.nextLink"]).split("skiptoken=")[1]}`)).status, "a token of another list").toBe(400);
  });

  test("one user by id and by name, one group, and what is not there", async () => {
    const adele = contosoPeople.find(({ key }) => key === "adele")!;
    expect((await call(`/users/${adele.personId}`)).body).toMatchObject({ userPrincipalName: adele.upn, displayName: "Adele Vance" });
    expect((await call(`/users/${adele.upn}?$select=accountEnabled`)).body).toMatchObject({ id: adele.personId, accountEnabled: true });
    expect((await call(`/groups/${contosoGroups.care}`)).body.displayName).toBe("Contoso Care Agents");
    const missing = await call("/users/00000000-0000-4000-8000-000000000000");
    expect([missing.status, missing.body.error.code]).toEqual([404, "Request_ResourceNotFound"]);
  });

  test("groups are found by words of their name and by filter", async () => {
    const found = await call(`/groups?$search="displayName:care cont"&$count=true`, { eventual: true });
    expect(found.body.value.map(({ id }) => id)).toEqual([contosoGroups.care]);
    expect((await call(`/groups?$filter=startswith(displayName,'Rec')`)).body.value).toHaveLength(1);
    expect((await call(`/groups?$search="displayName:care"`)).status).toBe(400);
  });

  test("direct members are those in the group itself, transitive ones also those of groups in it, each once", async () => {
    const path = (which: string): string => `/groups/${contosoGroups.recorded}/${which}/microsoft.graph.user?$count=true&$select=id&$top=999`;
    const direct = await call(path("members"), { eventual: true });
    const nested = await call(path("transitiveMembers"), { eventual: true });
    const recorded = contosoPeople.filter((person) => person.recorded).length;
    expect(direct.body.value).toHaveLength(recorded - 6);
    expect(nested.body.value).toHaveLength(recorded);
    expect((await call(path("members"))).status, "a cast wants the index").toBe(400);
    expect((await call(`/groups/${contosoGroups.recorded}/members?$top=999`)).body.value.map((member) => member["@odata.type"])).toContain("#microsoft.graph.group");
  });

  test("checkMemberGroups looks through nested groups", async () => {
    const diego = contosoPeople.find(({ key }) => key === "diego")!;
    const { body } = await call(`/users/${diego.personId}/checkMemberGroups`, { body: { groupIds: [contosoGroups.recorded, contosoGroups.care, "00000000-0000-4000-8000-000000000000"] } });
    expect(body.value).toEqual([contosoGroups.recorded, contosoGroups.care]);
    expect((await call(`/users/${diego.personId}/checkMemberGroups`, { body: { groupIds: Array.from({ length: 21 }, () => "x") } })).status).toBe(400);
  });
});

describe("delta", () => {
  async function walk(from: string | undefined): Promise<{ value: Thing[]; deltaLink: string; pages: number }> {
    const value: Thing[] = [];
    let link = from ?? "";
    for (let pages = 1; ; pages++) {
      const { status, body } = await call(link);
      expect(status).toBe(200);
      value.push(...body.value);
      if (body["@odata.deltaLink"] !== undefined) return { value, deltaLink: body["@odata.deltaLink"], pages };
      link = body["@odata.nextLink"] ?? "";
    }
  }

  test("everything first, then only what changed, then nothing", async () => {
    const first = await walk("/users/delta?$select=displayName&$top=4");
    expect([first.pages, first.value.length]).toEqual([4, contosoPeople.length]);
    const guest = "aaaaaaaa-0000-4000-8000-000000000001";
    graph.directory.putUser({ id: guest, userPrincipalName: "guest@contoso.example", displayName: "A guest" });
    graph.directory.putUser({ id: contosoPeople[1]!.personId, userPrincipalName: contosoPeople[1]!.upn, displayName: "Adele Vance-Miller" });
    const second = await walk(first.deltaLink);
    expect(second.value.map(({ displayName }) => displayName).sort()).toEqual(["A guest", "Adele Vance-Miller"]);
    graph.directory.remove(guest, "deleted");
    const third = await walk(second.deltaLink);
    expect(third.value).toEqual([{ id: guest, "@removed": { reason: "deleted" } }]);
    expect((await walk(third.deltaLink)).value).toEqual([]);
    expect((await walk(third.deltaLink)).value, "asked twice, the same").toEqual([]);
  });

  test("what changes during a walk is in it or in the next, never in neither", async () => {
    const first = await call("/users/delta?$top=5");
    for (const person of contosoPeople) graph.directory.putUser({ id: person.personId, userPrincipalName: person.upn, department: "moved" });
    const rest = await walk(first.body["@odata.nextLink"]);
    expect((await walk(rest.deltaLink)).value).toHaveLength(contosoPeople.length);
  });

  test("groups: members over several pages under one id, then who came and who went; only the groups that were asked for", async () => {
    const filter = encodeURIComponent(`id eq '${contosoGroups.recorded}' or id eq '${contosoGroups.care}'`);
    const first = await walk(`/groups/delta?$select=displayName,members&$filter=${filter}&$top=4`);
    const members = (id: string) => first.value.filter((group) => group.id === id).flatMap((group) => group["members@delta"] ?? []);
    expect(members(contosoGroups.care)).toHaveLength(3);
    expect(new Set(members(contosoGroups.recorded).map(({ id }) => id)).size).toBe(graph.directory.members(contosoGroups.recorded, false).length);
    expect(first.pages).toBeGreaterThan(2);
    const [leaver] = graph.directory.members(contosoGroups.care, false);
    graph.directory.removeMember(contosoGroups.care, leaver!);
    graph.directory.removeMember(contosoGroups.everybody, leaver!);
    const second = await walk(first.deltaLink);
    expect(second.value).toEqual([{ id: contosoGroups.care, displayName: "Contoso Care Agents", "members@delta": [{ "@odata.type": "#microsoft.graph.user", id: leaver, "@removed": { reason: "deleted" } }] }]);
    graph.directory.addMember(contosoGroups.care, leaver!);
    graph.directory.addMember(contosoGroups.everybody, leaver!);
  });

  test("a link is refused after seven days, on command, and when it was changed; more than fifty groups too", async () => {
    const { deltaLink } = await walk("/users/delta");
    nowMs += 7 * 86_400_000 + 1;
    const old = await call(deltaLink);
    expect([old.status, old.body.error.code]).toEqual([410, "syncStateNotFound"]);
    expect(old.headers.get("location")).toContain("/users/delta");
    const { deltaLink: next } = await walk("/users/delta");
    graph.expireDeltaLinks();
    expect((await call(next)).status).toBe(410);
    expect((await call("/users/delta?$deltatoken=abc")).status).toBe(400);
    expect((await call(`/groups/delta?$deltatoken=${next.split("deltatoken=")[1]}`)).status).toBe(400);
    const many = Array.from({ length: 51 }, () => `id eq '${contosoGroups.care}'`).join(" or ");
    expect((await call(`/groups/delta?$filter=${encodeURIComponent(many)}`)).status).toBe(400);
    nowMs = startMs;
  });
});

describe("batches, limits and faults", () => {
  test("a batch answers each part by itself, and skips what depended on a failed one", async () => {
    const part = (id: string, url: string, dependsOn?: string[]) => ({ id, method: "GET", url, ...(dependsOn === undefined ? {} : { dependsOn }) });
    const { body } = await call("/$batch", { body: { requests: [part("1", `/users/${contosoPeople[0]!.personId}`), part("2", "/users/00000000-0000-4000-8000-000000000000"), part("3", "/users", ["2"])] } });
    const statuses = Object.fromEntries(body.responses.map(({ id, status }) => [id, status]));
    expect(statuses).toEqual({ 1: 200, 2: 404, 3: 424 });
    expect((await call("/$batch", { body: { requests: Array.from({ length: 21 }, (_, index) => part(String(index), "/users")) } })).status).toBe(400);
    for (const wrong of [{}, { requests: [] }, { requests: [null] }, { requests: [part("1", "/users"), part("1", "/users")] }, { requests: [part("1", "https://elsewhere.example/")] }]) {
      expect((await call("/$batch", { body: wrong })).status).toBe(400);
    }
  });

  test("used up units are 429 with Retry-After until the time is over", async () => {
    graph.throttle({ units: 4, perMs: 10_000 });
    const statuses = [];
    for (let index = 0; index < 4; index++) statuses.push((await call("/users")).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
    nowMs += 4_500;
    const limited = await call("/users");
    expect(limited.headers.get("retry-after")).toBe("6");
    expect(limited.body.error.code).toBe("TooManyRequests");
    nowMs += 6_000;
    const again = await call("/users?$select=id");
    expect([again.status, again.headers.get("x-ms-resource-unit")]).toEqual([200, "1"]);
    graph.throttle({ units: 1, perMs: 10_000, saysWhen: false });
    await call("/users");
    expect((await call("/users")).headers.get("retry-after")).toBeNull();
    graph.throttle(null);
  });

  test("faults come on command, as often as asked, for what fits", async () => {
    graph.fail({ on: "GET /v1.0/groups", times: 2, what: { status: 503, headers: { "retry-after": "7" }, body: { error: { code: "serviceNotAvailable", message: "away" } } } });
    expect((await call("/users?$top=1")).status).toBe(200);
    expect((await call("/groups")).headers.get("retry-after")).toBe("7");
    expect((await call("/groups")).status).toBe(503);
    expect((await call("/groups")).status).toBe(200);
    graph.fail({ what: "cut" });
    await expect(call("/groups")).rejects.toThrow();
  });

  test("20,000 users in 500 groups are read page by page", async () => {
    const { createGraphDirectory } = await import("./directory.ts");
    const directory = createGraphDirectory();
    const id = (kind: string, index: number): string => `${kind}-0000-4000-8000-${String(index).padStart(12, "0")}`;
    for (let index = 0; index < 500; index++) directory.putGroup({ id: id("bbbbbbbb", index), displayName: `Group ${index}` });
    for (let index = 0; index < 20_000; index++) {
      directory.putUser({ id: id("cccccccc", index), userPrincipalName: `user${index}@contoso.example` });
      directory.addMember(id("bbbbbbbb", index % 500), id("cccccccc", index));
    }
    const large = await createGraph({ port: 0, directory, apps: [reader], problem: (text) => problems.push(text) });
    let users = 0;
    for (let link: string | undefined = `${large.graphUrl}/users/delta?$select=id&$top=999`; link !== undefined; ) {
      const { body } = await call(link, { token: large.mint(reader) });
      users += body.value.length;
      link = body["@odata.nextLink"];
    }
    expect([users, large.requests()]).toEqual([20_000, 21]);
    await large.close();
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { DirectoryGroupsFound, DirectoryRun, DirectoryRunPage, DirectoryTrial, GroupPage, Problem, Replication as Told } from "@earwitness/contract";
import { contosoGroups, contosoPeople, contosoTenant, createContosoDirectory, createGraph, type SandboxGraph } from "@earwitness/sandbox";
import { withTenant, type TenantTransaction } from "#db";
import { commandLine } from "#evidence";
import { addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { openSecret } from "./sealed-secret.ts";

const first = { clientId: "6dd1b4d0-7d2f-4d0e-b2a5-5f5e0c1d9a01", clientSecret: "first~secret.Value_1", permissions: ["User.Read.All", "GroupMember.Read.All"] };
const second = { ...first, clientId: "6dd1b4d0-7d2f-4d0e-b2a5-5f5e0c1d9a02", clientSecret: "second~secret.Value_2" };
const blind = { ...first, clientId: "6dd1b4d0-7d2f-4d0e-b2a5-5f5e0c1d9a03", clientSecret: "third~secret.Value_3", permissions: ["GroupMember.Read.All"] };

let stage: TestPortal;
let graph: SandboxGraph;
let tenantId: string;
let key: string;

beforeAll(async () => {
  graph = await createGraph({ port: 0, directory: createContosoDirectory(), apps: [first, second, blind], problem: (text) => expect.unreachable(text) });
  stage = await createTestPortal({ graph: { graphUrl: graph.graphUrl, loginUrl: graph.origin } });
});
afterAll(async () => {
  await stage?.close();
  await graph?.close();
});
beforeEach(async () => {
  tenantId = await addSealingTenant(stage, `t-${crypto.randomUUID().slice(0, 8)}`);
  await inTenant((tx) => tx.updateTable("tenants").set({ m365_tenant_id: contosoTenant.m365TenantId }).execute());
  onTestFinished(async () => void (await inTenant((tx) => tx.updateTable("tenants").set({ m365_tenant_id: null }).execute())));
  ({ key } = await stage.apiKeys.create(tenantId, { name: "admin", profile: "Admin" }, commandLine));
});

const inTenant = <T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> => withTenant(stage.db, tenantId, work);
async function call<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object): Promise<{ status: number; body: T; text: string }> {
  const answer = await stage.portal.app.inject({ method, url: `/api/v1${path}`, headers: { authorization: `Bearer ${key}` }, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, text: answer.body, body: (answer.body.startsWith("{") ? answer.json() : null) as T };
}
const settings = (more: object = {}) => ({ clientId: first.clientId, recordsNew: false, secretExpiresOn: "2027-05-01", clientSecret: first.clientSecret, ...more });
const connect = () => call<Told>("PUT", "/directory/settings", settings());
/** What the queue would do. */
const perform = (signal = new AbortController().signal) => stage.replication.perform(tenantId, stage.runsAsked.at(-1)!, signal);
const runs = async () => (await call<DirectoryRunPage>("GET", "/directory/runs")).body.runs;
const evidence = () => inTenant((tx) => tx.selectFrom("evidence").selectAll().orderBy("recorded_at").execute());

describe("the connection", () => {
  test("M365-57 credentials are tried before they are kept, sealed, and never come out again; the key of old ones is destroyed", async () => {
    const refused = await call<Problem>("PUT", "/directory/settings", settings({ clientSecret: "wrong" }));
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([409, "GRAPH_REFUSED", expect.stringContaining("AADSTS7000215")]);
    expect((await connect()).body).toMatchObject({ settings: { clientId: first.clientId, recordsNew: false, secretExpiresOn: "2027-05-01" }, last: { kind: "everything", cause: "asked", state: "waiting" } });
    const kept = () => inTenant((tx) => tx.selectFrom("directory_connections").selectAll().executeTakeFirstOrThrow());
    const before = await kept();
    expect(await openSecret(stage.vault, tenantId, first.clientId, { keyId: before.secret_key_id, sealed: before.secret_sealed })).toBe(first.clientSecret);

    expect((await call<Problem>("PUT", "/directory/settings", settings({ clientId: second.clientId, clientSecret: undefined }))).body).toMatchObject({ code: "VALIDATION", errors: [{ where: "body.clientSecret" }] });
    expect((await call<Problem>("PUT", "/directory/settings", settings({ clientId: blind.clientId, clientSecret: blind.clientSecret }))).body.detail).toContain("consent to the missing permission");
    expect((await kept()).secret_key_id, "the old ones hold").toBe(before.secret_key_id);
    expect((await call("PUT", "/directory/settings", settings({ clientSecret: undefined, recordsNew: true }))).status).toBe(200);
    expect((await call("PUT", "/directory/settings", settings({ clientId: second.clientId, clientSecret: second.clientSecret }))).status).toBe(200);
    await expect(stage.vault.openDataKey(tenantId, before.secret_key_id)).rejects.toThrow();

    const after = await kept();
    const everything = [JSON.stringify(await evidence()), stage.logged.join(""), (await call("GET", "/directory")).text, JSON.stringify(after)].join("");
    for (const { clientSecret } of [first, second, blind]) expect(everything).not.toContain(clientSecret);
    expect((await call("DELETE", "/directory/settings")).status).toBe(204);
    await expect(stage.vault.openDataKey(tenantId, after.secret_key_id)).rejects.toThrow();
    expect((await call<Problem>("POST", "/directory/runs", {})).body.code).toBe("NOT_CONNECTED");
  });

  test("trying it says in words what Microsoft answers, step by step, and changes nothing", async () => {
    expect((await call<DirectoryTrial>("POST", "/directory/test", { clientId: blind.clientId, clientSecret: blind.clientSecret })).body).toMatchObject({ ok: false, steps: [{ ok: false, message: expect.stringMatching(/^Answered 403 /) }, { ok: true }, { ok: true }] });
    expect((await call<DirectoryTrial>("POST", "/directory/test", { clientId: first.clientId, clientSecret: "no" })).body).toMatchObject({ ok: false, steps: [{ ok: false, message: expect.stringContaining("AADSTS7000215") }] });
    expect((await call<Problem>("POST", "/directory/test", {})).body.code).toBe("NOT_CONNECTED");
    await connect();
    expect((await call<DirectoryTrial>("POST", "/directory/test", {})).body).toMatchObject({ ok: true });
    await inTenant((tx) => tx.updateTable("tenants").set({ m365_tenant_id: null }).execute());
    expect((await call<Problem>("POST", "/directory/test", {})).body.code).toBe("NO_M365_TENANT");
  });
});

describe("a run", () => {
  test("M365-54 M365-58 M365-60 ACC-13 groups are found, chosen and filled; what changes in the directory is here with the next look, without anybody doing anything", async () => {
    await connect();
    await perform();
    const found = (await call<DirectoryGroupsFound>("GET", "/directory/groups?q=recorded")).body.groups;
    expect(found).toMatchObject([{ objectId: contosoGroups.recorded, name: "Recorded Users" }]);
    const none = await call<Problem>("PUT", "/directory/groups", { objectIds: [contosoGroups.recorded, contosoTenant.tenantId] });
    expect([none.status, none.body.errors]).toEqual([400, [{ where: "body.objectIds.1", message: "is no group of the directory" }]]);
    expect((await call<Told>("PUT", "/directory/groups", { objectIds: [contosoGroups.recorded] })).body).toMatchObject({ groups: [{ name: "Recorded Users", waits: true, people: 0 }], last: { state: "waiting", kind: "changes" } });
    expect((await call<Problem>("POST", "/directory/runs", {})).body.code, "one at a time").toBe("RUN_UNDER_WAY");
    await perform();
    const recorded = contosoPeople.filter((person) => person.recorded).length;
    expect((await call<Told>("GET", "/directory")).body).toMatchObject({ people: contosoPeople.length, groups: [{ name: "Recorded Users", waits: false, people: recorded }], last: { state: "done", report: { groups: { read: 3, came: recorded } } }, lastWhole: { report: { people: { added: contosoPeople.length } } } });

    const newcomer = crypto.randomUUID();
    graph.directory.putUser({ id: newcomer, userPrincipalName: "newcomer@contoso.example", displayName: "New Comer" });
    graph.directory.addMember(contosoGroups.care, newcomer);
    const watch = stage.replication.watch(new Promise(() => undefined));
    onTestFinished(() => watch.close());
    const asked = stage.runsAsked.length;
    await watch.look();
    expect(stage.runsAsked.length, "it was looked at just now").toBe(asked);
    const longAgo = () => inTenant((tx) => tx.updateTable("directory_connections").set({ looked_at: new Date(Date.now() - 300_000) }).execute());
    await longAgo();
    await watch.look();
    await perform();
    expect((await call<GroupPage>("GET", "/groups")).body.groups).toMatchObject([{ people: recorded + 1, directory: { objectId: contosoGroups.recorded } }]);
    expect((await runs())[0]).toMatchObject({ cause: "watch", askedBy: "Directory synchronization", report: { everything: false, people: { added: 1 }, groups: { came: 1 } } });
    const before = (await runs()).length;
    const rows = (await evidence()).length;
    await longAgo();
    await watch.look();
    await perform();
    expect([(await runs()).length, (await evidence()).length], "a look that finds nothing leaves nothing").toEqual([before, rows]);
    graph.directory.remove(newcomer, "deleted");
  });

  test("M365-54 a run that failed is seen, says why, and counts those that fail alike; the next that works ends it", async () => {
    await connect();
    await perform();
    const watch = stage.replication.watch(new Promise(() => undefined));
    onTestFinished(() => watch.close());
    graph.fail({ on: "GET /v1.0/users/delta", times: 3, what: { status: 403, body: { error: { code: "Authorization_RequestDenied", message: "Insufficient privileges." } } } });
    for (let turn = 0; turn < 3; turn++) {
      await inTenant((tx) => tx.updateTable("directory_connections").set({ looked_at: new Date(0) }).execute());
      await watch.look();
      await perform();
    }
    await watch.look();
    expect((await runs())[0]).toMatchObject({ state: "failed", repeated: 3, report: null, error: expect.stringContaining("consent to the missing permission") });
    expect(stage.replication.warnings()).toEqual([expect.stringContaining("directory of a tenant cannot be read")]);
    expect((await evidence()).filter(({ action, item, detail }) => action === "Import" && item === "Auto Sync with AAD" && "error" in detail), "one row for all that fail alike").toHaveLength(1);
    await call<DirectoryRun>("POST", "/directory/runs", { everything: true });
    await perform();
    await watch.look();
    expect([(await runs())[0]?.state, stage.replication.warnings()]).toEqual(["done", []]);
  });

  test("M365-54 a run that is stopped waits and goes on; one whose node died is given to another, and nobody takes one that is under way", async () => {
    await connect();
    const stopping = new AbortController();
    stopping.abort(new Error("stopping"));
    await perform(stopping.signal);
    expect((await runs())[0]).toMatchObject({ state: "waiting", endedAt: null });
    const died = (seenAt: Date) => inTenant((tx) => tx.updateTable("directory_runs").set({ state: "running", node_id: "node-2", seen_at: seenAt, begun_at: seenAt }).execute());
    await died(new Date());
    const watch = stage.replication.watch(new Promise(() => undefined));
    onTestFinished(() => watch.close());
    const asked = stage.runsAsked.length;
    await watch.look();
    await perform();
    expect([stage.runsAsked.length, (await runs())[0]?.state], "node-2 is at it").toEqual([asked, "running"]);
    await died(new Date(Date.now() - 120_000));
    await watch.look();
    expect(stage.runsAsked.slice(asked)).toEqual([stage.runsAsked[asked - 1]]);
    await perform();
    expect((await runs())[0]).toMatchObject({ state: "done", report: { people: { added: contosoPeople.length } } });
  });
});

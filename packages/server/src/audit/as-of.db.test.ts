import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Group, Person, Problem, RecordAsOf, RecordKind, Trunk } from "@earwitness/contract";
import { systemClock } from "#clock";
import { withTenant } from "#db";
import { append, commandLine, erase, type EvidenceEntry } from "#evidence";
import { listTenants, parseProvision, provision } from "#tenants";
import { Client } from "pg";
import { createTestPortal, type TestPortal } from "../testing/test-portal.ts";

let stage: TestPortal;
beforeAll(async () => {
  stage = await createTestPortal({ keepsLogs: true });
});
afterAll(() => stage.close());

interface Tenant {
  readonly tenantId: string;
  readonly key: string;
  readonly apiKeyId: string;
  readonly file: (displayName: string, people: readonly object[], trunks?: readonly object[]) => Promise<unknown>;
}

async function newTenant(): Promise<Tenant> {
  const tenantId = crypto.randomUUID();
  const context = { db: stage.db, clock: systemClock, nodeId: "node-1", ensureKey: (id: string) => stage.vault.keyring.ensure(id) };
  const file: Tenant["file"] = (displayName, people, trunks = []) => provision(context, parseProvision(JSON.stringify({ tenants: [{ tenantId, slug: `t${tenantId.slice(0, 8)}`, displayName, people, trunks }] })));
  await file("Contoso", []);
  return { tenantId, file, ...(await stage.apiKeys.create(tenantId, { name: "admin", profile: "Admin" }, commandLine)) };
}

async function call<T>({ key }: Tenant, method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object): Promise<{ status: number; body: T; text: string }> {
  const answer = await stage.portal.app.inject({ method, url: `/api/v1${path}`, headers: { authorization: `Bearer ${key}` }, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, text: answer.body, body: (answer.body.startsWith("{") ? answer.json() : null) as T };
}
const asOf = async (tenant: Tenant, item: RecordKind, subject: string, at: Date) => await call<RecordAsOf>(tenant, "GET", `/audit/as-of?item=${encodeURIComponent(item)}&subject=${encodeURIComponent(subject)}&at=${at.toISOString()}`);

/** Everything that is written after it is a millisecond later at least. */
async function moment(): Promise<Date> {
  const now = new Date();
  while (Date.now() <= now.getTime()) await new Promise((later) => setTimeout(later, 1));
  return now;
}

const contentOf = ({ fields }: RecordAsOf) => Object.fromEntries(fields.filter(({ doubt }) => doubt !== "secret").map(({ field, value }) => [field, value]));
const doubtsOf = ({ fields }: RecordAsOf) => Object.fromEntries(fields.flatMap(({ field, doubt }) => (doubt === null || doubt === "secret" ? [] : [[field, doubt]])));
const columns = (settings: object) => Object.fromEntries(Object.entries(settings).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value as unknown]));

const person = (upn: string, more: Partial<Person["settings"]> = {}): Person["settings"] => ({ displayName: upn, upn, givenName: null, familyName: null, role: "User", recorded: true, addresses: [], extensions: [], groupIds: [], managedGroupIds: [], ...more });
const trunk = (name: string, more: Partial<Trunk["settings"]> = {}): Trunk["settings"] => ({ name, enabled: true, sourceNetworks: [], transport: "any", media: "any", certificates: [], personDomains: [], numbers: { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] }, matching: [{ by: "number" }], unknown: "ignore", ...more });

/** What the API says that there is now, by kind and id. */
async function everything(tenant: Tenant): Promise<Map<string, unknown>> {
  const now = new Map<string, unknown>();
  for (const { id, settings } of (await call<{ people: Person[] }>(tenant, "GET", "/people?limit=200")).body.people) now.set(`User ${id}`, columns(settings));
  for (const { id, settings } of (await call<{ groups: Group[] }>(tenant, "GET", "/groups")).body.groups) now.set(`Group ${id}`, settings);
  for (const { id, settings, recordingUser, digest } of (await call<{ trunks: Trunk[] }>(tenant, "GET", "/trunks")).body.trunks) now.set(`Trunk ${id}`, { ...columns(settings), recording_user: recordingUser, digest });
  for (const { apiKeyId, name, profile, revokedAt } of await stage.apiKeys.list(tenant.tenantId, commandLine)) now.set(`API Key ${apiKeyId}`, { name, role: profile, access_profile_id: null, revoked: revokedAt !== null });
  const { slug, displayName, m365TenantId, sandbox, keepOriginal } = (await listTenants(stage.db)).find(({ tenantId }) => tenantId === tenant.tenantId)!;
  now.set(`Tenant ${tenant.tenantId}`, { slug, display_name: displayName, m365_tenant_id: m365TenantId, sandbox, keep_original: keepOriginal, public_key_id: expect.any(String) });
  return now;
}

const things = ["User", "Group", "Trunk", "API Key", "File"] as const;
const step = fc.record({
  thing: fc.constantFrom(...things),
  act: fc.constantFrom("add", "change", "change", "change", "remove", "digest"),
  which: fc.nat(7),
  text: fc.stringMatching(/^[a-zäß=']{1,6}$/),
  numbers: fc.subarray(["+4930100", "+4930101", "+4930102"]),
  extensions: fc.subarray(["100", "101"]),
  flag: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does what the step says as far as it can be done; refusals are as good as any other step: they change nothing. */
async function take(tenant: Tenant, now: ReadonlyMap<string, unknown>, files: readonly string[], { thing, act, which, text, numbers, extensions, flag }: Step): Promise<void> {
  const ids = (kind: string): string[] => [...now.keys()].flatMap((key) => (key.startsWith(`${kind} `) ? [key.slice(kind.length + 1)] : []));
  const id = ids(thing)[which % Math.max(1, ids(thing).length)] ?? "";
  if (thing === "File") {
    // Two people of the file's own, whom people may have taken out meanwhile; numbers move to whom it gives them to.
    const [first, second] = flag ? files : files.toReversed();
    await tenant.file(text, [{ personId: first, upn: `${first}@contoso.example`, displayName: text, addresses: numbers, extensions }], act === "add" ? [{ trunkId: second, name: `file ${second}`, sourceNetworks: ["192.0.2.7/32"], enabled: flag }] : []);
    return;
  }
  if (act === "remove") {
    // The one that asks is needed to the end.
    if (thing === "API Key" && id !== tenant.apiKeyId) await stage.apiKeys.revoke(tenant.tenantId, id, commandLine).catch(() => undefined); // revoked before
    else if (thing !== "API Key" && id !== "") await call(tenant, "DELETE", `/${thing === "User" ? "people" : `${thing.toLowerCase()}s`}/${id}`);
    return;
  }
  const isNew = act === "add" || id === "";
  const [method, at] = isNew ? (["POST", ""] as const) : (["PUT", `/${id}`] as const);
  if (thing === "User") await call(tenant, method, `/people${at}`, person(`${isNew ? text : id}@contoso.example`, { displayName: text, addresses: numbers, extensions, recorded: flag, groupIds: ids("Group").slice(0, which % 3) }));
  if (thing === "Group") await call(tenant, method, `/groups${at}`, { name: text });
  if (thing === "API Key") await stage.apiKeys.create(tenant.tenantId, { name: text, profile: "API User" }, commandLine);
  if (thing === "Trunk" && act === "digest" && id !== "") await call(tenant, flag ? "POST" : "DELETE", `/trunks/${id}/digest`);
  else if (thing === "Trunk") await call(tenant, method, `/trunks${at}`, trunk(text, { enabled: flag, numbers: { countryCode: "49", internationalPrefix: null, nationalPrefix: null, rewrites: extensions.map((match) => ({ match, replace: text })) }, personDomains: [`${text.replace(/[^a-z]/g, "x")}.example`] }));
}

describe("a record as it stood", () => {
  test("MON-20 MON-26 whatever was done to people, groups, trunks, keys and the tenant: at every instant it is what the API answered then, and certain", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const tenant = await newTenant();
        const files = [crypto.randomUUID(), crypto.randomUUID()];
        const then: { at: Date; was: Map<string, unknown> }[] = [];
        for (let n = 0, was = await everything(tenant); ; was = await everything(tenant)) {
          then.push({ at: await moment(), was });
          if (n === steps.length) break;
          await take(tenant, was, files, steps[n++]!);
        }
        const all = [...new Set(then.flatMap(({ was }) => [...was.keys()]))];
        const begun = new Set<string>();
        for (const { at, was } of then) {
          for (const key of all) {
            const [, item, subject] = /^(.*) (\S+)$/.exec(key)!;
            const { status, body, text } = await asOf(tenant, item as RecordKind, subject!, at);
            expect(status, text).toBe(200);
            if (was.has(key)) {
              begun.add(key);
              expect([body.state, contentOf(body), doubtsOf(body)], `${key} at ${at.toISOString()}`).toEqual(["there", was.get(key), {}]);
            } else expect(body.state, `${key} at ${at.toISOString()}`).toBe(begun.has(key) ? "deleted" : "not yet");
          }
        }
      }),
      { numRuns: 8, endOnFailure: true },
    );
  }, 300_000);

  test("says which entry each field is from, and which changed it next; what is secret is never there", async () => {
    const tenant = await newTenant();
    const made = (await call<Trunk>(tenant, "POST", "/trunks", trunk("Berlin"))).body;
    const before = await moment();
    await call(tenant, "PUT", `/trunks/${made.id}`, trunk("Hamburg"));
    const { password } = (await call<{ password: string }>(tenant, "POST", `/trunks/${made.id}/digest`)).body;
    const after = await moment();
    const [then, now] = [(await asOf(tenant, "Trunk", made.id, before)).body, (await asOf(tenant, "Trunk", made.id, after)).body];
    expect([then.name, now.name, now.next]).toEqual(["Berlin", "Hamburg", null]);
    const entryOf = ({ fields }: RecordAsOf, name: string) => fields.find(({ field }) => field === name)!.entry;
    expect(then.next).toBe(entryOf(now, "name"));
    expect(entryOf(now, "enabled")).toBe(entryOf(then, "name"));
    expect(now.fields.find(({ field }) => field === "digest_password")).toEqual({ field: "digest_password", value: null, doubt: "secret", entry: null });
    expect(JSON.stringify(now)).not.toContain(password);
    expect((await asOf(tenant, "Trunk", made.id, new Date(0))).body).toMatchObject({ state: "not yet", fields: [] });
  });

  test("a trunk that a provision file made with a password is as it stands, user name and moment included, without the password", async () => {
    const tenant = await newTenant();
    const folder = await mkdtemp(join(tmpdir(), "earwitness-as-of-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const passwordFile = join(folder, "berlin");
    await writeFile(passwordFile, "kP7wq2Zt9vRmX4hsLdYb3QeN\n");
    const trunkId = randomUUID();
    const recordingUser = `u${trunkId.slice(0, 8)}`;
    await tenant.file("Contoso", [], [{ trunkId, name: "Berlin", sourceNetworks: ["198.51.100.88"], recordingUser, passwordFile }]);
    const { digest } = (await call<Trunk>(tenant, "GET", `/trunks/${trunkId}`)).body;
    expect(digest).toMatchObject({ username: recordingUser, realm: "earwitness" });
    const { state, fields } = (await asOf(tenant, "Trunk", trunkId, await moment())).body;
    expect(state).toBe("there");
    expect(fields.find(({ field }) => field === "digest")).toMatchObject({ value: digest });
    expect(JSON.stringify(fields)).not.toContain("kP7wq2Zt9");
  });

  test("what was deleted is what it was last", async () => {
    const tenant = await newTenant();
    const { id, settings } = (await call<Person>(tenant, "POST", "/people", person("a@contoso.example", { addresses: ["+4930100"] }))).body;
    await call(tenant, "DELETE", `/people/${id}`);
    const gone = (await asOf(tenant, "User", id, await moment())).body;
    expect([gone.state, contentOf(gone)]).toEqual(["deleted", columns(settings)]);
  });

  test("an entry that was erased leaves a doubt about what it may have changed, and about nothing else", async () => {
    const tenant = await newTenant();
    const kept = (await call<Person>(tenant, "POST", "/people", person("a@contoso.example"))).body;
    const group = (await call<Group>(tenant, "POST", "/groups", { name: "Traders" })).body;
    const before = await moment();
    const other = (await call<Person>(tenant, "POST", "/people", person("b@contoso.example"))).body;
    const after = await moment();
    await call(tenant, "PUT", `/people/${kept.id}`, person("c@contoso.example"));
    const at = await moment();
    await stage.sequencer!.keep(tenant.tenantId);
    await withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { which: { subject: other.id }, reason: "Article 17", actor: commandLine, occurredAt: new Date(), nodeId: "node-1" }));
    expect(doubtsOf((await asOf(tenant, "User", kept.id, before)).body)).toEqual({});
    expect(doubtsOf((await asOf(tenant, "User", kept.id, after)).body)).toEqual(Object.fromEntries(Object.keys(columns(kept.settings)).map((field) => [field, "erased"])));
    const now = (await asOf(tenant, "User", kept.id, at)).body;
    expect([doubtsOf(now)["recorded"], doubtsOf(now)["upn"]]).toEqual(["erased", undefined]);
    expect(doubtsOf((await asOf(tenant, "Group", group.id, at)).body), "no group was changed by what was erased").toEqual({});
    expect((await asOf(tenant, "User", other.id, at)).status).toBe(404);
  });

  test("what somebody changed behind the log's back is told", async () => {
    const tenant = await newTenant();
    const { id } = (await call<Group>(tenant, "POST", "/groups", { name: "Traders" })).body;
    const at = await moment();
    await withTenant(stage.db, tenant.tenantId, (tx) => tx.updateTable("people_groups").set({ name: "Insiders" }).where("group_id", "=", id).execute());
    await call(tenant, "PUT", `/groups/${id}`, { name: "Sales" });
    expect((await asOf(tenant, "Group", id, at)).body.fields).toMatchObject([{ field: "name", value: "Traders", doubt: "contradicted" }]);

    await stage.sequencer!.keep(tenant.tenantId);
    const superuser = new Client({ connectionString: stage.database.superuserUrl });
    await superuser.connect();
    await superuser.query("set session_replication_role = replica");
    await superuser.query(`update evidence set detail = jsonb_set(detail, '{change,name,to}', '"Managers"') where tenant_id = $1 and item = 'Group' and action = 'Modify'`, [tenant.tenantId]);
    await superuser.end();
    expect((await asOf(tenant, "Group", id, await moment())).body.fields).toMatchObject([{ field: "name", value: "Managers", doubt: "altered" }]);
  });

  test("a thing whose beginning no entry tells is what the next entry says that it was", async () => {
    const tenant = await newTenant();
    const groupId = crypto.randomUUID();
    await withTenant(stage.db, tenant.tenantId, (tx) => tx.insertInto("people_groups").values({ tenant_id: tenant.tenantId, group_id: groupId, name: "Old" }).execute());
    const at = await moment();
    await call(tenant, "PUT", `/groups/${groupId}`, { name: "New" });
    expect((await asOf(tenant, "Group", groupId, at)).body).toMatchObject({ state: "unknown", name: "Old", fields: [{ field: "name", value: "Old", doubt: "later" }] });
  });

  test("a call is what its recorder wrote down of it, and says what it did not", async () => {
    const tenant = await newTenant();
    const subject = "64b0c1d2a1b2c3d4e5f60718";
    const entry = (action: EvidenceEntry["action"], mediaStatus: string): EvidenceEntry => ({ actor: { kind: "machine", id: "n1", name: "Recorder" }, action, item: "Call", subject, occurredAt: new Date(), nodeId: "n1", detail: { name: "Adele Vance", startedAt: "2026-11-20T10:00:00.000Z", mediaStatus, participants: [] } });
    await withTenant(stage.db, tenant.tenantId, (tx) => append(tx, entry("Interaction Opened", "Recording")));
    const at = await moment();
    await withTenant(stage.db, tenant.tenantId, (tx) => append(tx, entry("Interaction Released", "Available")));
    const status = async (then: Date) => (await asOf(tenant, "Call", subject, then)).body.fields.find(({ field }) => field === "media_status");
    expect([await status(at), await status(await moment())]).toMatchObject([{ value: "Recording", doubt: null }, { value: "Available", doubt: null }]);
    expect(doubtsOf((await asOf(tenant, "Call", subject, at)).body)).toMatchObject({ calling: "unwritten", released_at: "unwritten" });
    const calling = { name: "Bill", address: "+17326524689", upn: null };
    await withTenant(stage.db, tenant.tenantId, (tx) => append(tx, { ...entry("Interaction Changed", "Available"), detail: { calling, callType: "P2P_PSTN", personId: null } }));
    const { fields } = (await asOf(tenant, "Call", subject, await moment())).body;
    expect(fields.filter(({ field }) => ["calling", "call_type", "person_id"].includes(field)).map(({ field, value, doubt }) => [field, value, doubt])).toEqual([["call_type", "P2P_PSTN", null], ["calling", calling, null], ["person_id", null, null]]);
  });

  test("ACC-09 another tenant's things, odd questions and those without the right get nothing", async () => {
    const [mine, other] = [await newTenant(), await newTenant()];
    const { id } = (await call<Group>(other, "POST", "/groups", { name: "Theirs" })).body;
    expect((await asOf(mine, "Group", id, new Date())).status).toBe(404);
    for (const query of ["", `item=Group&subject=${id}`, "item=Session&subject=x&at=2026-11-20T10:00:00Z", "item=Group&subject=%00&at=2026-11-20T10:00:00Z", "item=Group&subject=x&at=yesterday", "item=Group&subject=x&at=2016-12-31T23:59:60Z", "item=Group&subject=x&at=2026-11-20T10:00:00Z&more=1"]) {
      const refused = await call<Problem>(mine, "GET", `/audit/as-of?${query}`);
      expect([refused.status, refused.body.code], query).toEqual([400, "VALIDATION"]);
    }
    const { key } = await stage.apiKeys.create(other.tenantId, { name: "reader", profile: "API User" }, commandLine);
    expect((await asOf({ ...other, key }, "Group", id, new Date())).status).toBe(403);
  });
});

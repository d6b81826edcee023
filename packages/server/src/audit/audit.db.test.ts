import type { AuditEntry, AuditPage, Problem } from "@earwitness/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withTenant } from "#db";
import { append, appendMany, commandLine, type EvidenceEntry } from "#evidence";
import { addInteraction, addPerson, addRecording, addSealingTenant, createTestPortal, type TestPerson, type TestPortal } from "../testing/test-portal.ts";
import { addProfile } from "../testing/test-tenant.ts";

let stage: TestPortal;
let tenantId: string;
let megan: TestPerson;
let key: string;
let readerKey: string;

const machine = { kind: "machine", id: "test", name: "Test" } as const;

beforeAll(async () => {
  stage = await createTestPortal();
});
afterAll(() => stage.close());

/** Every test has a tenant of its own, with one person who did what is in it. */
async function newTenant(): Promise<void> {
  tenantId = await addSealingTenant(stage, `t${crypto.randomUUID().slice(0, 8)}`);
  megan = await addPerson(stage.db, tenantId, "meganb@contoso.example", "Admin");
  ({ key } = await stage.apiKeys.create(tenantId, { name: "auditor", profile: "Admin" }, machine));
  ({ key: readerKey } = await stage.apiKeys.create(tenantId, { name: "reader", profile: await addProfile(stage.db, tenantId) }, machine));
}

const entry = (more: Partial<EvidenceEntry> = {}): EvidenceEntry => ({ actor: { kind: "person", id: megan.personId, name: "Megan Bowen" }, action: "View", item: "User", subject: "u1", occurredAt: new Date(), nodeId: "n1", detail: { name: "Adele Vance" }, ...more });
const write = (...entries: EvidenceEntry[]) => withTenant(stage.db, tenantId, (tx) => appendMany(tx, entries));

async function call<T = AuditPage>(method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH", url: string, payload?: object, bearer = key): Promise<{ status: number; body: T; text: string; headers: Record<string, unknown> }> {
  const answer = await stage.portal.app.inject({ method, url: `/api/v1/audit${url}`, headers: { authorization: `Bearer ${bearer}` }, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, body: /json/.test(String(answer.headers["content-type"])) ? (answer.json() as T) : (null as T), text: answer.body, headers: answer.headers };
}
/** What is listed but for what this test's own looking left. */
const listed = async (query: string): Promise<AuditEntry[]> => (await call("GET", `?${query}`)).body.items.filter(({ item }) => item !== "Audit Trail");
const evidence = () => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").selectAll().orderBy("recorded_at").execute());

describe("the list", () => {
  test("MON-20 MON-22 MON-26 has who, when, what, to what and in words; the newest first", async () => {
    await newTenant();
    await write(entry({ remoteAddress: "192.0.2.9", reason: "Complaint 17" }));
    await write(entry({ action: "Modify", item: "Trunk", subject: "t1", detail: { name: "SBC Berlin", change: { enabled: { from: true, to: false } } } }));
    const [changed, viewed] = await listed("actor=person");
    expect(viewed).toEqual({
      id: expect.stringMatching(/^[0-9a-z]+-[0-9a-f-]{36}$/),
      at: expect.any(String),
      happenedAt: expect.any(String),
      actor: { kind: "person", id: megan.personId, name: "Megan Bowen", upn: "meganb@contoso.example", provider: false },
      action: "View",
      item: "User",
      description: "User Adele Vance was viewed by Megan Bowen",
      subject: "u1",
      thing: null,
      remoteAddress: "192.0.2.9",
      reason: "Complaint 17",
      node: "n1",
      change: [],
      detail: { name: "Adele Vance" },
      place: null,
      erased: false,
    });
    expect(changed).toMatchObject({ description: "Trunk SBC Berlin was modified by Megan Bowen: enabled", change: [{ field: "enabled", from: true, to: false }], detail: { name: "SBC Berlin" } });
  });

  test("MON-25 is filtered by time, name, action, item, description and who did it; filters combine", async () => {
    await newTenant();
    await write(entry());
    const between = new Date(Date.now() + 1);
    await new Promise((later) => setTimeout(later, 3));
    await write(entry({ action: "Export", item: "User", actor: { kind: "api_key", id: "k", name: "100%_Reports" }, detail: { people: 3 } }));
    await write(entry({ actor: commandLine, action: "View", item: "Tenant", detail: { name: "Contoso" } }));
    await write(entry({ actor: { kind: "job", id: "compact_recording", name: "Compaction" }, action: "Recording Compacted", item: "Call", subject: "r1" }));
    const found = async (query: string) => (await listed(query)).filter(({ action }) => action !== "Add").map(({ action, item }) => `${action} ${item}`);
    expect(await found("name=BOWEN")).toEqual(["View User"]);
    expect(await found(`name=${encodeURIComponent("100%_r")}`)).toEqual(["Export User"]);
    expect(await found("name=%25")).toEqual(["Export User"]);
    expect(await found("name=no")).toEqual([]);
    expect(await found("action=View")).toEqual(["View Tenant", "View User"]);
    expect(await found("action=View&action=Export&item=User")).toEqual(["Export User", "View User"]);
    expect(await found("description=ADELE%20Vance%20was")).toEqual(["View User"]);
    expect(await found("description=was%20exported&name=reports")).toEqual(["Export User"]);
    expect(await found("actor=person&actor=api_key")).toEqual(["Export User", "View User"]);
    expect(await found("actor=job")).toEqual(["Recording Compacted Call"]);
    expect(await found(`to=${between.toISOString()}&actor=person`)).toEqual(["View User"]);
    expect(await found(`from=${between.toISOString()}&action=Export`)).toEqual(["Export User"]);
    expect(await found(`actorId=${megan.personId}`)).toEqual(["View User"]);
    for (const wrong of ["action=Peek", "item=Nothing", "after=x", "limit=0", "from=now", "from=2016-12-31T23:59:60Z", "name=%00", "actor=ghost", "what=1"]) expect((await call<Problem>("GET", `?${wrong}`)).status, wrong).toBe(400);
  });

  test("MON-28 what the provider of the service did is marked, and can be looked for", async () => {
    await newTenant();
    await write(entry(), entry({ actor: commandLine, action: "View", item: "Tenant", subject: tenantId, detail: { name: "Contoso" } }));
    const items = await listed("provider=true");
    expect(items).toMatchObject([{ action: "View", item: "Tenant", actor: { kind: "machine", provider: true }, description: "Tenant Contoso was viewed by Command line of this machine" }]);
    expect((await listed("action=View&item=User"))[0]!.actor.provider).toBe(false);
  });

  test("pages follow each other without a gap or a repetition, also when entries share a moment and others come in", async () => {
    await newTenant();
    await write(...Array.from({ length: 60 }, (_, n) => entry({ subject: `u${n}` })));
    const seen: string[] = [];
    let after = "";
    do {
      const { items, next } = (await call("GET", `?limit=7&action=View&item=User${after}`)).body;
      seen.push(...items.map(({ subject }) => subject!));
      await write(entry({ subject: "late" }));
      after = next === null ? "" : `&after=${next}`;
    } while (after !== "");
    expect(seen).toHaveLength(60);
    expect(new Set(seen).size).toBe(60);
    expect((await call("GET", "?limit=7&action=View&item=User")).body.total).toEqual({ count: 69, exact: true });
    expect((await call("GET", `?limit=7&action=View&item=User${after}`)).body.items[0]!.subject).toBe("late");
  });

  test("a search in descriptions that does not come to an end says how far it came, and goes on from there", async () => {
    await newTenant();
    await write(entry({ subject: "needle", detail: { name: "Needle" } }));
    for (let n = 0; n < 41; n++) await write(...Array.from({ length: 500 }, () => entry()));
    const first = (await call("GET", "?description=needle&actor=person")).body;
    expect([first.items, first.total]).toEqual([[], undefined]);
    expect(Date.parse(first.searchedTo!)).toBeLessThanOrEqual(Date.now());
    const second = (await call("GET", `?description=needle&actor=person&after=${first.next}`)).body;
    expect(second).toMatchObject({ items: [{ subject: "needle" }], next: null, searchedTo: null });
  });

  test("ACC-09 OVR-14 needs Audit Trail Access/Export, and shows the tenant's own alone", async () => {
    await newTenant();
    await write(entry());
    const [{ id }] = (await listed("action=View&item=User")) as [AuditEntry];
    for (const [method, url, payload] of [["GET", ""], ["GET", `/${id}`], ["POST", "/export", { ids: [id] }]] as const) {
      const refused = await call<Problem>(method, url, payload, readerKey);
      expect([refused.status, refused.body.code]).toEqual([403, "FORBIDDEN"]);
    }
    const mine = key;
    await newTenant();
    expect((await call("GET", `/${id}`)).status).toBe(404);
    expect((await call("GET", "?limit=200")).body.items.map((one) => one.id)).not.toContain(id);
    expect((await call("POST", "/export", { ids: [id] })).text).not.toContain("Adele");
    expect((await call("GET", `/${id}`, undefined, mine)).body).toMatchObject({ id, subject: "u1" });
  });

  test("MON-21 nobody changes or deletes an entry, administrators neither: there is no such request, and rows stay byte for byte", async () => {
    await newTenant();
    await write(entry());
    const before = await evidence();
    const [{ id }] = (await listed("action=View&item=User")) as [AuditEntry];
    for (const method of ["PUT", "PATCH", "DELETE", "POST"] as const) {
      expect((await call<Problem>(method, `/${id}`, method === "DELETE" ? undefined : { action: "Nothing" })).status, method).toBe(405);
      expect((await call<Problem>(method, "", method === "DELETE" ? undefined : {})).status, method).toBe(405);
    }
    expect((await evidence()).slice(0, before.length)).toEqual(before);
  });
});

describe("from an entry to the thing, and back", () => {
  test("INT-48 a call is found by its entries, its recording's as well, and its entries by the call", async () => {
    await newTenant();
    const interactionId = await addInteraction(stage.db, tenantId);
    const recordingId = await addRecording(stage.db, tenantId, interactionId, { durationMs: 1_000, tracks: [] });
    await write(entry({ action: "Play", item: "Call", subject: interactionId }), entry({ actor: machine, action: "Recording Ended", item: "Call", subject: recordingId }), entry({ action: "Play", item: "Call", subject: "64b0c1d2a1b2c3d4e5f60718" }));
    const items = await listed(`subject=${interactionId}`);
    expect(items.map(({ action, thing }) => [action, thing]).toSorted()).toEqual([
      ["Play", { kind: "interaction", id: interactionId }],
      ["Recording Ended", { kind: "interaction", id: interactionId }],
    ]);
    expect((await listed("subject=64b0c1d2a1b2c3d4e5f60718"))[0]!.thing, "that one is gone").toBeNull();
  });

  test("people, groups and trunks too, for as long as they are there", async () => {
    await newTenant();
    const [trunk, group] = [crypto.randomUUID(), crypto.randomUUID()];
    await withTenant(stage.db, tenantId, async (tx) => {
      await tx.insertInto("trunks").values({ tenant_id: tenantId, trunk_id: trunk, name: "SBC", source_networks: [], recording_user: trunk.replaceAll("-", "") }).execute();
      await tx.insertInto("people_groups").values({ tenant_id: tenantId, group_id: group, name: "Traders" }).execute();
    });
    await write(entry({ subject: megan.personId }), entry({ item: "Group", subject: group }), entry({ item: "Trunk", subject: trunk }), entry({ item: "API Key", subject: "not a uuid" }));
    const things = async () => new Map((await listed("action=View")).map(({ item, thing }) => [item, thing]));
    expect(await things()).toEqual(new Map<string, unknown>([["User", { kind: "person", id: megan.personId }], ["Group", { kind: "group", id: group }], ["Trunk", { kind: "trunk", id: trunk }], ["API Key", null]]));
    await withTenant(stage.db, tenantId, async (tx) => {
      await tx.updateTable("people").set({ deleted_at: new Date() }).where("person_id", "=", megan.personId).execute();
      await tx.deleteFrom("trunks").execute();
    });
    expect([(await things()).get("User"), (await things()).get("Trunk")]).toEqual([null, null]);
    expect((await listed("action=View"))[0]!.actor.upn, "who did it is still known").toBe("meganb@contoso.example");
  });

  test("MON-29 progress and result of a job can be followed", async () => {
    await newTenant();
    const job = { kind: "job", id: "delete_calls", name: "Deletion" } as const;
    await write(entry({ actor: job, action: "Delete", item: "Call", subject: "64b0c1d2a1b2c3d4e5f60718", detail: { name: "Adele Vance", startedAt: "2026-11-20T10:00:00.000Z" } }));
    expect(await listed("actor=job&action=Delete&item=Call")).toMatchObject([{ description: "Call of Adele Vance at 2026-11-20 10:00:00 UTC was deleted by Deletion" }]);
  });

  test("REC-36 ACC-23 what is done to recording profiles and access profiles stands under their own names, with what was changed", async () => {
    await newTenant();
    const acts = { Add: "added", Modify: "modified", View: "viewed", Disabled: "disabled", Delete: "deleted" } as const;
    const change = { name: { from: "Brokers", to: "Traders" } };
    for (const item of ["Recording Profile", "Access Profile"] as const) {
      await write(...(Object.keys(acts) as (keyof typeof acts)[]).map((action) => entry({ action, item, subject: "p-1", detail: { name: "Traders", ...(action === "Modify" && { change }) } })));
      const found = await listed(`item=${encodeURIComponent(item)}`);
      expect(found.map(({ description }) => description).sort()).toEqual(Object.values(acts).map((word) => `${item} Traders was ${word} by Megan Bowen${word === "modified" ? ": name" : ""}`).sort());
      expect(found.find(({ action }) => action === "Modify")!.change).toEqual([{ field: "name", from: "Brokers", to: "Traders" }]);
      expect((await listed("action=Disabled")).map(({ item: of }) => of), "found by what was done").toContain(item);
    }
  });
});

describe("looking at the trail", () => {
  test("MON-22 is an entry itself: opening it, searching it, one entry, each once", async () => {
    await newTenant();
    await write(entry());
    const [{ id }] = (await call("GET", "?item=User")).body.items as [AuditEntry];
    await call("GET", "?item=User");
    for (const query of ["", "", "?actor=person&actor=api_key"]) await call("GET", query);
    for (let n = 0; n < 2; n++) await call("GET", `/${id}`);
    const own = (await call("GET", "?item=Audit%20Trail")).body.items;
    expect(own.map(({ description }) => description)).toEqual([
      expect.stringMatching(/^Audit Trail entry of 20.* was viewed by auditor$/),
      "auditor accessed Audit Trail",
      "auditor searched the audit trail for item User",
    ]);
  });
});

describe("the export", () => {
  const lines = (text: string) => text.replace("\ufeff", "").split("\r\n");

  test("MON-27 INT-53 OVR-13 all that match, with the header block; formulas are disarmed; exporting is an entry", async () => {
    await newTenant();
    await write(...Array.from({ length: 2_345 }, (_, n) => entry({ subject: `u${n}`, detail: { name: `Adele, "${n}"` } })), entry({ actor: { kind: "person", id: megan.personId, name: "=cmd|'/c calc'!A0" }, action: "Login", item: "Session", detail: {} }));
    const answer = await call("POST", "/export", { filter: { actor: ["person"], name: "e" } });
    expect(answer.headers).toMatchObject({ "content-type": "text/csv; charset=utf-8", "content-disposition": expect.stringMatching(/^attachment; filename="audit-trail-\d{8}T\d{6}Z\.csv"$/) });
    expect(answer.text.startsWith("\ufeff")).toBe(true);
    const [report, by, at, criteria, head, ...rows] = lines(answer.text);
    expect([report, by, criteria]).toEqual(["Report Header", "Requested By,auditor", `Search Criteria,"actor: person; name: e"`]);
    expect(at).toMatch(/^Created At,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(head).toBe("Date and Time,Name,UPN,Action,Item,Description,Address,Reason,Happened At,Change,Detail,Node,Place in Log,Entry");
    expect(rows.at(-1)).toBe("");
    expect(rows).toHaveLength(2_345 + 1);
    expect(rows[0]).toContain(`,Megan Bowen,meganb@contoso.example,View,User,"User Adele, ""`);
    expect((await call("POST", "/export", { filter: { action: ["Login"] } })).text).toContain(`,'=cmd|'/c calc'!A0,`);
    const [second, first] = (await call("GET", "?action=Export")).body.items;
    expect(first).toMatchObject({ item: "Audit Trail", description: "auditor exported all matching audit entries to file", detail: { filter: { actor: ["person"], name: "e" } } });
    expect(second!.detail).toEqual({ filter: { action: ["Login"] } });
  });

  test("MON-27 the ticked ones alone, and what came in since is not in it", async () => {
    await newTenant();
    await write(entry({ subject: "a" }), entry({ subject: "b" }), entry({ subject: "c" }));
    const items = await listed("item=User");
    const ids = items.filter(({ subject }) => subject !== "b").map(({ id }) => id);
    const rows = lines((await call("POST", "/export", { ids })).text).slice(5, -1);
    expect(rows.map((row) => row.split(",").at(-1)).toSorted()).toEqual(ids.toSorted());
    expect((await call("GET", "?action=Export")).body.items[0]).toMatchObject({ description: "auditor exported 2 audit entries to file" });
    const all = lines((await call("POST", "/export", { filter: {} })).text).slice(5, -1);
    expect(all.some((row) => row.includes("exported all matching")), "not itself").toBe(false);
    for (const wrong of [{}, { ids: [] }, { ids: ["x"] }, { filter: { action: ["Peek"] } }, { ids, filter: {} }]) expect((await call<Problem>("POST", "/export", wrong)).status, JSON.stringify(wrong)).toBe(400);
  });
});

test("a row with content that nobody foresaw is shown as it is", async () => {
  await newTenant();
  await withTenant(stage.db, tenantId, (tx) => append(tx, entry({ detail: { name: 7, change: "no object", "naïve": ["ä", null] } })));
  await withTenant(stage.db, tenantId, (tx) => append(tx, entry({ detail: { change: { a: null, b: 1, c: { from: 2 } } } })));
  expect((await listed("item=User")).map(({ change, detail }) => [change, detail])).toEqual([
    [[{ field: "a", from: null, to: null }, { field: "b", from: null, to: null }, { field: "c", from: 2, to: null }], {}],
    [[], { name: 7, "naïve": ["ä", null] }],
  ]);
});

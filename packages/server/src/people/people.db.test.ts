import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Group, ImportResult, Person, PersonPage, PersonSettings, Problem } from "@earwitness/contract";
import { withTenant } from "#db";
import { addInteraction, addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";

let stage: TestPortal;
let tenantId: string;
let key: string;
const by = { kind: "machine", id: "test", name: "Test" } as const;

beforeAll(async () => {
  stage = await createTestPortal();
});
afterAll(() => stage?.close());
beforeEach(async () => {
  tenantId = await addSealingTenant(stage, `tenant-${randomUUID().slice(0, 8)}`);
  key = (await stage.apiKeys.create(tenantId, { name: "admin", profile: "Admin" }, by)).key;
});

const settings = (upn: string, more: Partial<PersonSettings> = {}): PersonSettings => ({ displayName: upn.split("@")[0]!, upn, givenName: null, familyName: null, role: "User", recorded: true, addresses: [], extensions: [], groupIds: [], managedGroupIds: [], ...more });

async function call<T = Person>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: unknown, headers: Record<string, string> = {}) {
  const answer = await stage.portal.app.inject({ method, url: `/api/v1${path}`, headers: { authorization: `Bearer ${key}`, ...headers }, ...(payload === undefined ? {} : { payload: payload as object }) });
  return { status: answer.statusCode, headers: answer.headers, text: answer.body, body: (answer.body.startsWith("{") ? answer.json() : null) as T };
}
const add = async (upn: string, more: Partial<PersonSettings> = {}): Promise<Person> => {
  const { status, body, text } = await call("POST", "/people", settings(upn, more));
  expect(status, text).toBe(201);
  return body;
};
const addGroup = async (name: string): Promise<Group> => (await call<Group>("POST", "/groups", { name })).body;
const importCsv = async (csv: string | Buffer, apply = false) => (await call<ImportResult>("POST", `/people/import?apply=${apply}`, csv, { "content-type": "text/csv" })).body;
/** What was done to them; that they were looked at is another matter. */
const evidence = (item: string) => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "subject", "detail"]).where("item", "=", item).where("action", "not in", ["View", "Search"]).orderBy("recorded_at").execute());

describe("people", () => {
  test("are added, found, changed and removed, each with its row of evidence; what was recorded of them stays", async () => {
    const traders = await addGroup("Traders");
    const adele = await add("AdeleV@contoso.example", { displayName: " Adele Vance ", addresses: ["tel:+1-732-555-0101", "sip:AdeleV@Contoso.Example"], extensions: ["4711", "123"], groupIds: [traders.id] });
    expect(adele.settings).toEqual(settings("AdeleV@contoso.example", { displayName: "Adele Vance", addresses: ["+17325550101", "sip:adelev@contoso.example"], extensions: ["123", "4711"], groupIds: [traders.id] }));
    expect((await call("GET", `/people/${adele.id}`)).body).toEqual(adele);
    const interactionId = await addInteraction(stage.db, tenantId, { person_id: adele.id });
    const changed = await call("PUT", `/people/${adele.id}`, { ...adele.settings, recorded: false, extensions: ["999"] });
    expect(changed.body.settings).toEqual({ ...adele.settings, recorded: false, extensions: ["999"] });
    await call("PUT", `/people/${adele.id}`, changed.body.settings);
    expect((await call("DELETE", `/people/${adele.id}`)).status).toBe(204);
    expect((await call("GET", `/people/${adele.id}`)).status).toBe(404);
    expect((await call("DELETE", `/people/${adele.id}`)).status).toBe(404);
    expect((await evidence("User")).map(({ action, subject, detail }) => [action, subject, action === "Modify" ? detail : null])).toEqual([
      ["Add", adele.id, null],
      ["Modify", adele.id, { name: "Adele Vance", change: { recorded: { from: true, to: false }, extensions: { from: ["123", "4711"], to: ["999"] } } }],
      ["Delete", adele.id, null],
    ]);
    expect((await call<{ id: string }>("GET", `/interactions/${interactionId}`)).status).toBe(200);
    const again = await add("adelev@contoso.example", { addresses: ["+17325550101"], extensions: ["999"] });
    expect(again.id).not.toBe(adele.id);
    expect((await call<{ groups: Group[] }>("GET", "/groups")).body.groups).toEqual([{ ...traders, people: 0 }]);
  });

  test("are listed by name in pages, with how many there are, and found by whatever they are known by", async () => {
    const names = ["Émile", "adele", "Bill", "Zoë", "100%", "a_b", "O'Neil"];
    for (const [n, displayName] of names.entries()) await add(`p${n}@contoso.example`, { displayName, addresses: [`+4930100${n}`], extensions: [`55${n}`] });
    const all = (await call<PersonPage>("GET", "/people?limit=200")).body;
    expect([all.total, all.next, all.people.length]).toEqual([7, null, 7]);
    const paged: string[] = [];
    for (let next: string | null = ""; next !== null; ) {
      const { body }: { body: PersonPage } = await call<PersonPage>("GET", `/people?limit=2${next === "" ? "" : `&after=${next}`}`);
      expect(body.total).toBe(7);
      paged.push(...body.people.map(({ settings: { displayName } }) => displayName));
      next = body.next;
    }
    expect(paged).toEqual(all.people.map(({ settings: { displayName } }) => displayName));
    const found = async (q: string) => (await call<PersonPage>("GET", `/people?q=${encodeURIComponent(q)}`)).body.people.map(({ settings: { displayName } }) => displayName);
    expect(await found("ADEL")).toEqual(["adele"]);
    expect(await found("%")).toEqual(["100%"]);
    expect(await found("_")).toEqual(["a_b"]);
    expect(await found("P2@CONTOSO")).toEqual(["Bill"]);
    expect(await found("+49 (30) 100-3")).toEqual(["Zoë"]);
    expect(await found("556")).toEqual(["O'Neil"]);
    expect(await found("nobody\u0000")).toEqual([]);
  });

  test("CAP-75 an extension of two digits is refused, of three accepted; what belongs to somebody else is refused by name", async () => {
    await add("adele@x", { displayName: "Adele Vance", addresses: ["+4930123"], extensions: ["123"] });
    expect((await call<Problem>("POST", "/people", settings("bill@x", { extensions: ["12"] }))).body.errors?.[0]?.where).toBe("body.extensions.0");
    const taken = await call<Problem>("POST", "/people", settings("ADELE@x", { addresses: ["sip:b@x", "tel:+4930123"], extensions: ["456", "123"] }));
    expect([taken.status, taken.body.errors]).toEqual([409, [
      { where: "body.upn", message: "is the UPN of Adele Vance already" },
      { where: "body.addresses.1", message: "is an address of Adele Vance already" },
      { where: "body.extensions.1", message: "is an extension of Adele Vance already" },
    ]]);
    const wrong = await call<Problem>("POST", "/people", settings("bill@x", { displayName: " ", addresses: ["nonsense here"] }));
    expect(wrong.body.errors).toEqual([
      { where: "body.displayName", message: "is empty" },
      { where: "body.addresses.0", message: expect.stringContaining("is no address such as") },
    ]);
    expect((await call<Problem>("POST", "/people", settings("bill@x", { groupIds: [randomUUID()] }))).body.errors?.[0]).toEqual({ where: "body.groupIds.0", message: "is no group of yours" });
    expect((await add("bill@x", { extensions: ["456"] })).settings.extensions).toEqual(["456"]);
  });

  test("two who change the same person do not overwrite each other unseen; many at once agree on whose an address is", async () => {
    const adele = await add("adele@x");
    const etag = String((await call("GET", `/people/${adele.id}`)).headers["etag"]);
    expect((await call("PUT", `/people/${adele.id}`, { ...adele.settings, givenName: "Adele" }, { "if-match": etag })).status).toBe(200);
    expect((await call<Problem>("PUT", `/people/${adele.id}`, { ...adele.settings, givenName: "Adela" }, { "if-match": etag })).body.code).toBe("CHANGED_MEANWHILE");
    const rivals = await Promise.all(Array.from({ length: 4 }, (_, n) => call("POST", "/people", settings(`rival${n}@x`, { addresses: ["+4930999"] }))));
    expect(rivals.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  test("CON-07 nobody takes rights from or gives rights to themselves, or removes themselves", async () => {
    const { personId } = await addPerson(stage.db, tenantId, "admin@x", "Admin");
    const session = await stage.sessions.create(tenantId, personId, { remoteAddress: "127.0.0.1" });
    const own = { authorization: "", cookie: `${stage.sessionCookie}=${session!.cookie}`, "sec-fetch-site": "same-origin" };
    expect((await call<Problem>("DELETE", `/people/${personId}`, undefined, own)).body.code).toBe("YOURSELF");
    const { settings: mine } = (await call("GET", `/people/${personId}`, undefined, own)).body;
    expect((await call<Problem>("PUT", `/people/${personId}`, { ...mine, role: "User" }, own)).body.code).toBe("YOURSELF");
    expect((await call("PUT", `/people/${personId}`, { ...mine, displayName: "Admin" }, own)).status).toBe(200);
  });

  test("nothing that somebody types is a defect", async () => {
    const { id } = await add("adele@x");
    for (const text of ["", "\u0000", "\ud800", "a\u001fb", "x".repeat(600), "__proto__", "'", "sip:", "+", "💥@💥", "%", "\\"]) {
      const drafts = [settings("b@x", { displayName: text }), settings(text), settings("b@x", { givenName: text }), settings("b@x", { addresses: [text] }), settings("b@x", { extensions: [text] }), settings("b@x", { groupIds: [text] }), { ...settings("b@x"), role: text }];
      for (const draft of drafts) for (const path of ["/people", `/people/${id}`]) expect((await call(path === "/people" ? "POST" : "PUT", path, draft)).status, JSON.stringify(draft)).toBeLessThan(500);
      expect((await call("POST", "/groups", { name: text })).status, text).toBeLessThan(500);
      for (const query of ["q", "group", "limit", "after"]) expect((await call("GET", `/people?${query}=${encodeURIComponent(text.toWellFormed())}`)).status, `${query}=${text}`).toBeLessThan(500);
      expect((await call("POST", "/people/import", `upn,displayName\n${text}@x,${text}`, { "content-type": "text/csv" })).status).toBeLessThan(500);
    }
    for (const after of ["e30", Buffer.from(`${randomUUID()}\0`).toString("base64url")]) expect((await call("GET", `/people?after=${after}`)).status).toBe(400);
    expect((await call("POST", "/people/import", { a: 1 })).status, "JSON is no CSV").toBe(415);
    expect((await call("POST", "/people", "upn\na@x", { "content-type": "text/csv" })).status, "and CSV no person").toBe(415);
  });
});

describe("groups", () => {
  test("are made, renamed and removed; their people stay", async () => {
    const group = await addGroup(" Traders ");
    expect(group).toEqual({ id: expect.any(String), settings: { name: "Traders" }, people: 0, directory: null });
    const adele = await add("adele@x", { groupIds: [group.id] });
    expect((await call<Group>("GET", `/groups/${group.id}`)).body.people).toBe(1);
    expect((await call<PersonPage>("GET", `/people?group=${group.id}`)).body.total).toBe(1);
    expect((await call<Problem>("POST", "/groups", { name: "TRADERS" })).body.errors).toEqual([{ where: "body.name", message: "is the name of another group already" }]);
    expect((await call<Problem>("POST", "/groups", { name: "a|b" })).status).toBe(400);
    expect((await call<Group>("PUT", `/groups/${group.id}`, { name: "traders" })).body.settings.name).toBe("traders");
    expect((await call("DELETE", `/groups/${group.id}`)).status).toBe(204);
    expect((await call("GET", `/people/${adele.id}`)).body.settings.groupIds).toEqual([]);
    expect((await evidence("Group")).map(({ action }) => action)).toEqual(["Add", "Modify", "Delete"]);
  });
});

describe("the import", () => {
  const csv = "upn;displayName;recorded;addresses;extensions;groups\nadele@x;Adele Vance;yes;sip:adele@x tel:+4930123;4711 123;Traders|Berlin\nbill@x;Bill;no;;;traders\n";

  test("looks first, then does all of it: people and groups, one row of evidence for the import and one for each", async () => {
    const looked = await importCsv(csv);
    expect(looked).toEqual({ applied: false, created: 2, changed: 0, unchanged: 0, newGroups: ["Traders", "Berlin"], mistakes: [] });
    expect((await call<PersonPage>("GET", "/people")).body.total).toBe(0);
    expect(await importCsv(csv, true)).toEqual({ ...looked, applied: true });
    const { people } = (await call<PersonPage>("GET", "/people")).body;
    const groups = new Map((await call<{ groups: Group[] }>("GET", "/groups")).body.groups.map(({ id, settings: { name } }) => [name, id]));
    expect(people.map((person) => person.settings)).toEqual([
      settings("adele@x", { displayName: "Adele Vance", addresses: ["+4930123", "sip:adele@x"], extensions: ["123", "4711"], groupIds: [groups.get("Berlin")!, groups.get("Traders")!].sort() }),
      settings("bill@x", { displayName: "Bill", recorded: false, groupIds: [groups.get("Traders")!] }),
    ]);
    expect((await evidence("User")).map(({ action, detail }) => [action, detail["name"] ?? detail]).toSorted()).toEqual([["Add", "Adele Vance"], ["Add", "Bill"], ["Import", { created: 2, changed: 0, unchanged: 0, newGroups: ["Traders", "Berlin"] }]]);
    expect((await evidence("Group")).length).toBe(2);
    expect(await importCsv(csv, true), "once more").toEqual({ applied: true, created: 0, changed: 0, unchanged: 2, newGroups: [], mistakes: [] });
    expect((await evidence("User")).length, "leaves no trace").toBe(3);
  });

  test("columns that are not there leave what they are about as it is; addresses may change hands", async () => {
    await importCsv(csv, true);
    expect(await importCsv("UPN,addresses\nADELE@x,\nbill@x,+4930123", true)).toMatchObject({ applied: true, created: 0, changed: 2 });
    const [adele, bill] = (await call<PersonPage>("GET", "/people")).body.people;
    expect([adele!.settings.upn, adele!.settings.addresses, adele!.settings.extensions]).toEqual(["ADELE@x", [], ["123", "4711"]]);
    expect([bill!.settings.addresses, bill!.settings.recorded]).toEqual([["+4930123"], false]);
    expect((await evidence("User")).at(-1)!.action).toBe("Modify");
  });

  test("one mistake and nothing happens; each is told by line and column", async () => {
    await add("owner@x", { displayName: "Owner", addresses: ["+4930777"], extensions: ["777"] });
    const wrong = "upn,displayName,recorded,role,addresses,extensions,groups\ngood@x,Good,,,,,\nbad,B,,,,,\nc@x,C,perhaps,Root,,,\nd@x,D,,,+4930777 x,12 777,a\u0007\ngood@x,G,,,,,\n,,,,,,\ne@x,,,,,,\n,F,,,,,\n";
    const result = await importCsv(wrong, true);
    expect([result.applied, result.mistakes]).toEqual([false, [
      { line: 3, column: "upn", message: "“bad” is no UPN such as name@contoso.example" },
      { line: 4, column: "recorded", message: "“perhaps” is neither true nor false" },
      { line: 4, column: "role", message: "there is no role “Root”; there are Admin, Supervisor, User Self View, User, API User" },
      { line: 5, column: "extensions", message: "“12” is no extension: it should be 3 to 15 digits" },
      { line: 5, column: "groups", message: expect.stringContaining("holds a control character") },
      { line: 5, column: "addresses", message: "“x” is no address such as sip:name@host or +4930123456" },
      { line: 5, column: "addresses", message: "+4930777 is an address of Owner already" },
      { line: 5, column: "extensions", message: "777 is an extension of Owner already" },
      { line: 6, column: "upn", message: "good@x stands in line 2 already" },
      { line: 8, column: "displayName", message: "is empty" },
      { line: 9, column: "upn", message: "The UPN is missing" },
    ]]);
    expect((await call<PersonPage>("GET", "/people")).body.total).toBe(1);
    expect((await call<{ groups: Group[] }>("GET", "/groups")).body.groups).toEqual([]);
    expect((await importCsv("upn,displayName\na@x,A\n", true)).applied).toBe(true);
    expect((await importCsv(`upn,displayName\n${Array.from({ length: 400 }, (_, n) => `bad${n},x`).join("\n")}`)).mistakes, "the first 200").toHaveLength(200);
  });

  test("what is exported is imported again without a change", async () => {
    await importCsv(csv, true);
    await add("odd@x", { displayName: "=1+1", givenName: "'-x", familyName: 'A "B", C' });
    const { text, headers } = await call("GET", "/people/export");
    expect([headers["content-type"], headers["content-disposition"]]).toEqual(["text/csv; charset=utf-8", 'attachment; filename="people.csv"']);
    expect(await importCsv(text)).toEqual({ applied: false, created: 0, changed: 0, unchanged: 3, newGroups: [], mistakes: [] });
  });

  test("20,000 people go in, in bounded time, while the portal goes on answering", { timeout: 60_000 }, async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => `person${n}@contoso.example,Person ${n},sip:person${n}@contoso.example +4930${1_000_000 + n},${100_000 + n},Floor ${n % 20}`);
    const file = ["upn,displayName,addresses,extensions,groups", ...rows].join("\r\n");
    const done = new AbortController();
    const waits: number[] = [];
    const watching = (async () => {
      while (!done.signal.aborted) {
        const began = performance.now();
        await new Promise((later) => setTimeout(later, 10));
        await stage.portal.app.inject({ url: "/api/v1/health" });
        waits.push(performance.now() - began);
      }
    })();
    const began = performance.now();
    expect(await importCsv(file, true)).toMatchObject({ applied: true, created: 20_000, mistakes: [] });
    const took = performance.now() - began;
    done.abort();
    await watching;
    expect((await call<PersonPage>("GET", "/people?q=Person%2019999")).body.total).toBe(1);
    expect(took).toBeLessThan(30_000);
    expect(Math.max(...waits), `the longest of ${waits.length} answers meanwhile`).toBeLessThan(500);
  });
});

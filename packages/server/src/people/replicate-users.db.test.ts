import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { contosoTenant, createGraph, createGraphDirectory, type GraphDirectory, type SandboxGraph } from "@earwitness/sandbox";
import { systemClock } from "#clock";
import { withTenant, type TenantTransaction } from "#db";
import { createGraphClient, GraphError, type GraphClient } from "#directory";
import { addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { readPeople } from "./person-rows.ts";
import { replicateUsers, type Replicating, type ReplicationReport } from "./replicate-users.ts";

const app = { clientId: "earwitness", clientSecret: "a secret", permissions: ["User.Read.All"] };
const problems: string[] = [];
let database: TestDatabase;
let directory: GraphDirectory;
let graph: SandboxGraph;
let tenantId: string;
let announced = 0;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.close();
  expect(problems).toEqual([]);
});
beforeEach(async () => {
  await graph?.close();
  directory = createGraphDirectory();
  graph = await createGraph({ port: 0, directory, apps: [app], mostOnPage: 4, problem: (text) => problems.push(text) });
  tenantId = await addTenant(database.db, `tenant-${randomUUID().slice(0, 8)}`);
  announced = 0;
  for (let index = 0; index < 10; index++) directory.putUser({ id: oid(index), userPrincipalName: `user${index}@x.example`, displayName: `User ${index}` });
});
afterAll(() => graph?.close());

const oid = (index: number): string => `0a0a0a0a-0000-4000-8000-${String(index).padStart(12, "0")}`;
const client = (): GraphClient =>
  createGraphClient({ graphUrl: graph.graphUrl, loginUrl: graph.origin, m365TenantId: contosoTenant.m365TenantId, clientId: app.clientId, clientSecret: app.clientSecret }, { world: { sleep: async () => undefined }, limits: { mostAttempts: 2 } });
/** A client that does something between the arrival of each page and its being taken. */
function disturbed(by: () => Promise<void>): GraphClient {
  const reader = client();
  return {
    ...reader,
    async *delta(...asked) {
      for await (const page of reader.delta(...asked)) {
        await by();
        yield page;
      }
    },
  };
}
const run = (more: Partial<Replicating> = {}, reader = client()): Promise<ReplicationReport> =>
  replicateUsers({ db: database.db, clock: systemClock, nodeId: "node-1", announce: () => announced++ }, { tenantId, by: { kind: "job", id: "directory", name: "Directory" }, mayGiveAccess: false }, reader, { recordsNew: false, ...more });
const inTenant = <T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> => withTenant(database.db, tenantId, work);
const people = () => inTenant((tx) => tx.selectFrom("people").select(["person_id", "upn", "display_name", "recorded"]).where("deleted_at", "is", null).orderBy("upn").execute());
const evidence = () => inTenant((tx) => tx.selectFrom("evidence").select(["action", "item", "subject", "detail"]).orderBy("recorded_at").orderBy("evidence_id").execute());

describe("replicateUsers", () => {
  test("M365-54 M365-58 everything first, then what changed; each change is one row of evidence in its transaction, and each run one", async () => {
    const first = await run({ recordsNew: true });
    expect(first).toMatchObject({ everything: true, resumed: false, added: 10, changed: 0, removed: 0, kept: 0, problems: 0, requests: 4, repeated: 0 });
    expect((await people()).map(({ person_id, display_name, recorded }) => [person_id, display_name, recorded])).toEqual(Array.from({ length: 10 }, (_, index) => [oid(index), `User ${index}`, true]));
    expect((await evidence()).map(({ action }) => action)).toEqual([...Array.from({ length: 10 }, () => "Add"), "Import"]);
    expect(announced).toBe(3);

    directory.putUser({ id: oid(3), userPrincipalName: "user3@x.example", displayName: "Renamed" });
    directory.putUser({ id: oid(4), userPrincipalName: "user4@x.example", department: "not ours" });
    directory.remove(oid(5), "changed");
    directory.putUser({ id: oid(11), userPrincipalName: "new@x.example" });
    expect(await run()).toMatchObject({ everything: false, added: 1, changed: 1, removed: 1, kept: 1, problems: 0 });
    expect((await evidence()).slice(11).map(({ action, subject }) => [action, subject])).toEqual(expect.arrayContaining([["Delete", oid(5)], ["Modify", oid(3)], ["Add", oid(11)], ["Import", null]]));
    expect(await evidence()).toHaveLength(15);
    expect((await people()).find(({ upn }) => upn === "new@x.example")).toMatchObject({ display_name: "new@x.example", recorded: false });
    expect(await run()).toMatchObject({ everything: false, added: 0, changed: 0, removed: 0, kept: 0, requests: 2 });

  });

  test("who is restored within thirty days is the same person, with what nobody else has taken; later, or removed here by hand, they begin afresh", async () => {
    await run();
    const groupId = randomUUID();
    await inTenant(async (tx) => {
      await tx.insertInto("people_groups").values({ tenant_id: tenantId, group_id: groupId, name: "Ours" }).execute();
      for (const index of [1, 2]) {
        await tx.updateTable("people").set({ role: "User Self View", recorded: true }).where("person_id", "=", oid(index)).execute();
        await tx.insertInto("group_members").values({ tenant_id: tenantId, group_id: groupId, person_id: oid(index) }).execute();
        for (const address of [`+4930${index}1`, `+4930${index}2`]) await tx.insertInto("person_addresses").values({ tenant_id: tenantId, person_id: oid(index), address }).execute();
      }
    });
    directory.remove(oid(1), "changed");
    directory.remove(oid(2), "changed");
    await inTenant((tx) => tx.updateTable("people").set({ deleted_at: new Date() }).where("person_id", "=", oid(3)).execute());
    expect(await run()).toMatchObject({ removed: 2 });
    await inTenant((tx) => tx.insertInto("person_addresses").values({ tenant_id: tenantId, person_id: oid(4), address: "+493011" }).execute());
    await inTenant((tx) => tx.updateTable("directory_people").set({ removed_at: new Date(Date.now() - 31 * 86_400_000) }).where("object_id", "=", oid(2)).execute());
    expect(await run({ everything: true }), "who can be restored no more is forgotten").toMatchObject({ restored: 1 });

    for (const index of [1, 2]) directory.putUser({ id: oid(index), userPrincipalName: `user${index}@x.example`, displayName: "Back" });
    expect(await run()).toMatchObject({ restored: 1, added: 1 });
    const here = await inTenant((tx) => readPeople(tx, null));
    const settingsOf = (upn: string) => here.find(({ settings }) => settings.upn === upn);
    expect(settingsOf("user1@x.example")).toMatchObject({ id: oid(1), settings: { displayName: "Back", role: "User Self View", recorded: true, addresses: ["+493012"], groupIds: [groupId] } });
    expect(settingsOf("user2@x.example")).toMatchObject({ id: expect.not.stringMatching(oid(2)), settings: { role: "User", recorded: false, addresses: [], groupIds: [] } });
    expect(settingsOf("user3@x.example")).toMatchObject({ id: oid(3), settings: { role: "User" } });
    expect((await evidence()).findLast(({ subject }) => subject === oid(1))).toMatchObject({ action: "Modify", detail: { change: { deleted_at: { from: expect.any(String), to: null }, addresses: { from: [], to: ["+493012"] }, group_ids: { from: [], to: [groupId] } } } });
  });

  test("the last person with full access stays, whatever the directory says, until somebody else has it", async () => {
    await run();
    const giveAccess = (index: number) => inTenant((tx) => tx.updateTable("people").set({ role: "Admin" }).where("person_id", "=", oid(index)).execute());
    await giveAccess(1);
    directory.remove(oid(1), "deleted");
    expect(await run()).toMatchObject({ removed: 0, problems: 1, told: [{ objectId: oid(1), message: expect.stringContaining("last person with full access") }] });
    expect(await run({ onlyChanges: true }), "a light run leaves it to the next whole one").toMatchObject({ everything: false, problems: 0 });
    expect(await run({ everything: true })).toMatchObject({ removed: 0, problems: 1 });
    await giveAccess(2);
    expect(await run()).toMatchObject({ everything: true, removed: 1, problems: 0 });
  });

  test("a run that was stopped goes on where it was, with one report and one row for the whole", async () => {
    graph.fail({ on: "GET /v1.0/users/delta", what: { status: 200, body: '{"value":[],"@odata.deltaLink":5}' } });
    await expect(run()).rejects.toThrow(GraphError);
    expect(await people(), "nothing of a page that was not read").toEqual([]);

    const stopping = new AbortController();
    let pages = 0;
    const stopped = disturbed(async () => {
      if (++pages === 3) stopping.abort(new Error("killed"));
      stopping.signal.throwIfAborted();
    });
    await expect(run({ signal: stopping.signal }, stopped)).rejects.toThrow("killed");
    expect(await people()).toHaveLength(8);
    directory.remove(oid(0), "deleted");
    expect(await run()).toMatchObject({ everything: true, resumed: true, added: 10, requests: 5 });
    expect((await evidence()).filter(({ action }) => action === "Import")).toHaveLength(1);
    expect(await run(), "what happened meanwhile").toMatchObject({ everything: false, removed: 1 });
    expect(await people()).toHaveLength(9);
  });

  test("links that are too old: everything is read again, and whoever is not there any more is gone", async () => {
    await run();
    directory.remove(oid(1), "deleted");
    directory.putUser({ id: oid(2), userPrincipalName: "user2@x.example", displayName: "Renamed" });
    graph.expireDeltaLinks();
    expect(await run()).toMatchObject({ everything: true, added: 0, changed: 1, removed: 1, kept: 8 });
    expect(await run({ everything: true })).toMatchObject({ everything: true, kept: 9, removed: 0 });
  });

  test("a directory that is suddenly half empty removes nobody, says so, and is read whole the next time", async () => {
    for (let index = 10; index < 30; index++) directory.putUser({ id: oid(index), userPrincipalName: `user${index}@x.example` });
    await run();
    for (let index = 0; index < 20; index++) directory.remove(oid(index), "deleted");
    graph.expireDeltaLinks();
    expect(await run()).toMatchObject({ removed: 0, problems: 1, told: [{ message: expect.stringContaining("20 of 30 people") }] });
    expect(await people()).toHaveLength(30);
    for (let index = 0; index < 20; index++) directory.putUser({ id: oid(index), userPrincipalName: `user${index}@x.example` });
    expect(await run()).toMatchObject({ everything: true, kept: 30, problems: 0 });
    expect(await run()).toMatchObject({ everything: false });
  });

  test("a small directory that is suddenly empty removes nobody", async () => {
    await run();
    for (let index = 0; index < 10; index++) directory.remove(oid(index), "deleted");
    graph.expireDeltaLinks();
    expect(await run()).toMatchObject({ everything: true, removed: 0, problems: 1, told: [{ message: expect.stringContaining("10 of 10 people") }] });
    expect(await people()).toHaveLength(10);
  });

  test("one user several times on a page is all of what is said, and who was removed before begins afresh", async () => {
    await run();
    const said = [
      { id: oid(1), displayName: "First" },
      { id: oid(1).toUpperCase(), userPrincipalName: "then@x.example" },
      { id: oid(2), displayName: "Forgotten" },
      { id: oid(2), "@removed": { reason: "deleted" } },
      { id: oid(3), "@removed": { reason: "changed" } },
      { id: oid(3), userPrincipalName: "again@x.example" },
    ];
    const reader: GraphClient = {
      ...client(),
      async *delta() {
        yield { items: said as never[], nextLink: null, deltaLink: `${graph.graphUrl}/users/delta?$deltatoken=x`, startsOver: false };
      },
    };
    expect(await run({}, reader)).toMatchObject({ changed: 2, removed: 1, problems: 0 });
    const now = new Map((await people()).map(({ person_id, upn, display_name }) => [person_id, [upn, display_name]]));
    expect([now.get(oid(1)), now.get(oid(2)), now.get(oid(3))]).toEqual([["then@x.example", "First"], undefined, ["again@x.example", "User 3"]]);
  });

  test("who came by form is taken over by UPN, keeps what is ours, and a UPN of somebody else's is told", async () => {
    const byForm = randomUUID();
    await inTenant((tx) => tx.insertInto("people").values({ tenant_id: tenantId, person_id: byForm, upn: "USER1@x.example", display_name: "By form", recorded: true, role: "User Self View", deleted_at: null, given_name: null, family_name: null }).execute());
    await inTenant((tx) => tx.insertInto("people").values({ tenant_id: tenantId, person_id: oid(2), upn: "user2@x.example", display_name: "User 2", recorded: true, role: "User", deleted_at: null, given_name: null, family_name: null }).execute());
    directory.putUser({ id: oid(40), userPrincipalName: "user1@X.example", displayName: "Twin" });
    directory.putUser({ id: oid(41), userPrincipalName: "no upn" });
    const report = await run();
    expect(report).toMatchObject({ added: 8, changed: 2, problems: 2, told: expect.arrayContaining([{ objectId: oid(40), message: "user1@x.example is the UPN of User 1 already" }, { objectId: oid(41), message: "“no upn” is no UPN" }]) });
    expect((await people()).find(({ person_id }) => person_id === byForm)).toMatchObject({ upn: "user1@x.example", display_name: "User 1", recorded: true });
    const links = (await evidence()).filter(({ action }) => action === "Modify").map(({ subject, detail }) => [subject, detail]);
    expect(links, "that it is the directory's from now on is written down, also where nothing else changes").toEqual(expect.arrayContaining([[byForm, expect.objectContaining({ directoryObject: oid(1) })], [oid(2), { name: "User 2", change: {}, directoryObject: oid(2) }]]));
    directory.remove(oid(1), "deleted");
    directory.remove(oid(41), "deleted");
    expect(await run(), "with problems before, everything is read").toMatchObject({ everything: true, added: 0, removed: 1 });
    expect((await run({ everything: true })).problems, "the UPN is free now").toBe(0);
  });

  test("of two runs at once one ends, wherever the other overtakes it, and nobody is taken twice", async () => {
    for (const overtakenAt of [1, 2, 3]) {
      let pages = 0;
      const slow = disturbed(async () => {
        if (++pages === overtakenAt) await run();
      });
      await expect(run({ everything: true }, slow)).rejects.toThrow("read by another run");
    }
    await run();
    expect(await people()).toHaveLength(10);
    expect((await evidence()).filter(({ action }) => action === "Add")).toHaveLength(10);
  });
});

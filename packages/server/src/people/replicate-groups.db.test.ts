import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { contosoTenant, createGraph, createGraphDirectory, type GraphDirectory, type SandboxGraph } from "@earwitness/sandbox";
import { systemClock } from "#clock";
import { withTenant, type TenantTransaction } from "#db";
import { createGraphClient, type GraphClient } from "#directory";
import { addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import type { Act, PeopleOptions } from "./act.ts";
import { chooseGroups } from "./chosen-groups.ts";
import { createGroupStore } from "./group-store.ts";
import { readPeople } from "./person-rows.ts";
import { createPersonStore } from "./person-store.ts";
import { replicateGroups, type ReplicatingGroups } from "./replicate-groups.ts";
import { replicateUsers } from "./replicate-users.ts";

const app = { clientId: "earwitness", clientSecret: "a secret", permissions: ["User.Read.All", "GroupMember.Read.All"] };
const problems: string[] = [];
let database: TestDatabase;
let directory: GraphDirectory;
let graph: SandboxGraph;
let tenantId: string;
let options: PeopleOptions;
let act: Act;

beforeAll(async () => {
  database = await createTestDatabase();
  options = { db: database.db, clock: systemClock, nodeId: "node-1", announce: () => undefined };
});
afterAll(async () => {
  await graph?.close();
  await database?.close();
  expect(problems).toEqual([]);
});
beforeEach(async () => {
  await graph?.close();
  directory = createGraphDirectory();
  graph = await createGraph({ port: 0, directory, apps: [app], mostOnPage: 4, problem: (text) => problems.push(text) });
  tenantId = await addTenant(database.db, `tenant-${randomUUID().slice(0, 8)}`);
  act = { tenantId, by: { kind: "job", id: "directory", name: "Directory" }, mayGiveAccess: false };
  for (let index = 0; index < 12; index++) directory.putUser({ id: user(index), userPrincipalName: `user${index}@x.example` });
});

const user = (index: number): string => `0a0a0a0a-0000-4000-8000-${String(index).padStart(12, "0")}`;
const group = (index: number): string => `0b0b0b0b-0000-4000-8000-${String(index).padStart(12, "0")}`;
const client = (): GraphClient => createGraphClient({ graphUrl: graph.graphUrl, loginUrl: graph.origin, m365TenantId: contosoTenant.m365TenantId, ...app }, { world: { sleep: async () => undefined }, limits: { mostAttempts: 2 } });
const inTenant = <T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> => withTenant(database.db, tenantId, work);
function put(index: number, name: string, ...members: readonly string[]): void {
  directory.putGroup({ id: group(index), displayName: name });
  for (const member of members) directory.addMember(group(index), member);
}
const choose = (...indexes: readonly number[]) => chooseGroups(options, act, indexes.map((index) => ({ objectId: group(index), name: directory.group(group(index))?.object.displayName ?? "?" })));
async function run(more: ReplicatingGroups = {}, reader = client()) {
  await replicateUsers(options, act, reader, { recordsNew: false, onlyChanges: true, quietly: true });
  return await replicateGroups(options, act, reader, more);
}
const groups = () => createGroupStore(options).list(act);
const inGroup = async (index: number): Promise<number[]> => (await inTenant((tx) => tx.selectFrom("group_members").select("person_id").where("group_id", "=", group(index)).orderBy("person_id").execute())).map(({ person_id }) => Number(person_id.slice(-12)));
const evidence = (subject: string) => inTenant((tx) => tx.selectFrom("evidence").select(["action", "item", "detail"]).where("subject", "=", subject).orderBy("recorded_at").orderBy("evidence_id").execute());

describe("replicateGroups", () => {
  test("M365-58 CON-35 a chosen group has the people who stand in it and in groups in it, also in a circle; who came and who went is written down with them and with the group", async () => {
    put(1, "Sales EU", user(0), user(1));
    put(2, "Sales Berlin", user(1), user(2), user(3), user(4), user(5), user(6));
    put(3, "Trainees", user(7));
    put(4, "Not chosen", user(8));
    directory.addMember(group(1), group(2));
    directory.addMember(group(2), group(3));
    directory.addMember(group(3), group(1));
    await choose(1);
    expect(await run()).toMatchObject({ read: 3, came: 8, went: 0, missing: [] });
    expect(await inGroup(1)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await groups(), "those in it are read, and are no groups here").toMatchObject([{ id: group(1), settings: { name: "Sales EU" }, people: 8, directory: { objectId: group(1), missingSince: null } }]);

    directory.removeMember(group(2), user(2));
    directory.removeMember(group(2), user(1)); // stands in the other one too
    directory.addMember(group(3), user(9));
    directory.putGroup({ id: group(1), displayName: "Sales Europe" });
    expect(await run()).toMatchObject({ came: 1, went: 1 });
    expect(await inGroup(1)).toEqual([0, 1, 3, 4, 5, 6, 7, 9]);
    expect((await evidence(group(1))).slice(-2)).toMatchObject([{ action: "Modify", detail: { change: { name: { from: "Sales EU", to: "Sales Europe" } } } }, { action: "Modify", detail: { name: "Sales Europe", came: [user(9)], went: [user(2)] } }]);
    expect((await evidence(user(2))).at(-1)).toMatchObject({ action: "Modify", item: "User", detail: { change: { group_ids: { from: [group(1)], to: [] } } } });

    directory.removeMember(group(1), group(2));
    expect(await run(), "what is reached no more is read no more").toMatchObject({ read: 1, went: 6 });
    expect(await inGroup(1)).toEqual([0, 1]);
  });

  test("M365-58 a run that was stopped goes on where it was; links that are too old: everything is read again, and who is not there any more goes", async () => {
    put(1, "Everybody", ...Array.from({ length: 12 }, (_, index) => user(index)));
    put(2, "Few", user(0));
    await choose(1, 2);
    const stopping = new AbortController();
    const reader = client();
    let pages = 0;
    const stopped: GraphClient = {
      ...reader,
      async *delta(path, ...rest) {
        for await (const page of reader.delta(path, ...rest)) {
          if (path.startsWith("/groups") && ++pages === 3) stopping.abort(new Error("killed"));
          stopping.signal.throwIfAborted();
          yield page;
        }
      },
    };
    await expect(run({ signal: stopping.signal }, stopped)).rejects.toThrow("killed");
    expect(await inGroup(1), "nobody is put anywhere before all was read").toEqual([]);
    expect(await run()).toMatchObject({ came: 13, requests: 2 });

    directory.removeMember(group(1), user(3));
    directory.addMember(group(2), user(4));
    graph.expireDeltaLinks();
    expect(await run()).toMatchObject({ came: 1, went: 1 });
    expect([(await inGroup(1)).length, await inGroup(2)]).toEqual([11, [0, 4]]);
    const since = new Date();
    directory.removeMember(group(2), user(4));
    expect(await run({ everythingSince: since }), "everything, asked for").toMatchObject({ went: 1, requests: 4 });
    expect(await run({ everythingSince: since }), "and not again for the same asking").toMatchObject({ went: 0, requests: 1 });
  });

  test("M365-59 a group that is gone there keeps its people here and is told, until somebody decides; it may come back", async () => {
    put(1, "Compliance", user(0), user(1));
    await choose(1);
    await run();
    directory.remove(group(1), "changed");
    expect(await run()).toMatchObject({ went: 0, missing: [{ objectId: group(1), name: "Compliance" }] });
    expect(await inGroup(1)).toEqual([0, 1]);
    expect(await groups()).toMatchObject([{ directory: { missingSince: expect.any(String) } }]);
    put(1, "Compliance", user(1), user(2));
    expect(await run()).toMatchObject({ came: 1, went: 1, missing: [] });
    directory.remove(group(1), "deleted");
    graph.expireDeltaLinks();
    expect(await run()).toMatchObject({ went: 0, missing: [{ name: "Compliance" }] });
    await choose();
    expect(await groups(), "chosen no more it is our own, with its people").toMatchObject([{ id: group(1), people: 2, directory: null }]);
    await createGroupStore(options).remove(act, group(1));
  });

  test("groups beyond fifty are read in several questions, and places that came one by one are given again with the next whole reading", async () => {
    await graph.close();
    graph = await createGraph({ port: 0, directory, apps: [app], problem: (text) => problems.push(text) });
    for (let index = 0; index < 60; index++) put(index, `Group ${index}`, user(index % 12));
    for (const chosen of [30, 60]) {
      await choose(...Array.from({ length: chosen }, (_, at) => at));
      await run();
    }
    const sizes = () => inTenant((tx) => tx.selectFrom("directory_watches").select((eb) => ["batch", eb.fn.countAll<number>().as("count")]).groupBy("batch").orderBy("batch").execute());
    expect(await sizes()).toEqual([{ batch: 0, count: 50 }, { batch: 1, count: 10 }]);
    expect(await inGroup(59)).toEqual([11]);
    await choose(...Array.from({ length: 30 }, (_, at) => 2 * at));
    expect(await run({ everythingSince: new Date() })).toMatchObject({ read: 30, came: 0, went: 0 });
    expect(await sizes()).toEqual([{ batch: 0, count: 30 }]);
  });

  test("who is in a group of the directory, and its name, cannot be changed by hand; everything else of a person can", async () => {
    put(1, "Sales", user(0));
    await createGroupStore(options).create(act, { name: "sales" });
    await choose(1);
    await run();
    const store = createPersonStore(options);
    const [person] = await inTenant((tx) => readPeople(tx, [user(0)]));
    const settings = { ...person!.settings, recorded: true };
    expect(settings.groupIds).toEqual([group(1)]);
    await expect(store.change(act, user(0), { ...settings, groupIds: [] })).rejects.toMatchObject({ code: "DIRECTORY_GROUP", status: 409, errors: [{ where: "body.groupIds" }] });
    await expect(store.change(act, user(1), { ...settings, upn: "user1@x.example" })).rejects.toThrow("follows the Microsoft 365 directory");
    expect(await store.change(act, user(0), settings)).toMatchObject({ settings: { recorded: true, groupIds: [group(1)] } });
    expect((await groups()).map(({ settings: { name } }) => name), "a name that is taken gets the beginning of its id").toEqual(["sales", "Sales (0b0b0b0b)"]);
    await expect(createGroupStore(options).rename(act, group(1), { name: "Mine" })).rejects.toMatchObject({ code: "DIRECTORY_GROUP" });
    await expect(createGroupStore(options).remove(act, group(1))).rejects.toMatchObject({ code: "DIRECTORY_GROUP" });
    directory.remove(user(0), "changed");
    await run();
    directory.putUser({ id: user(0), userPrincipalName: "user0@x.example" });
    directory.addMember(group(1), user(0));
    expect(await run()).toMatchObject({ came: 1 });
    expect(await inGroup(1)).toEqual([0]);
  });
});

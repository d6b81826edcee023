/** Groups of people. */
import type { Group, GroupSettings } from "@earwitness/contract";
import { withTenant, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce } from "#evidence";
import { newUuid } from "#ids";
import { isStorable } from "#tenants";
import { usesOfGroup } from "./access-groups.ts";
import { changing, evidenceOf, invalid, type Act, type PeopleOptions } from "./act.ts";
import { refuseDirectoryGroup } from "./directory-group-guard.ts";

export interface GroupStore {
  list(act: Act): Promise<Group[]>;
  get(act: Act, groupId: string): Promise<Group>;
  create(act: Act, settings: GroupSettings): Promise<Group>;
  rename(act: Act, groupId: string, settings: GroupSettings): Promise<Group>;
  /** Its people stay. */
  remove(act: Act, groupId: string): Promise<void>;
}

const mostGroups = 5_000;

/** What is wrong with the name of a group; null: nothing. */
export function groupNameMistake(name: string): string | null {
  if (name.trim() === "") return "is empty";
  if (name.length > 200) return "is longer than 200 characters";
  if (!isStorable(name) || /\p{Cc}/u.test(name)) return "holds a control character or half a character";
  return name.includes("|") ? "may not hold a |, which parts groups in a CSV file" : null;
}

export function createGroupStore(options: PeopleOptions): GroupStore {
  async function read(tx: TenantTransaction, groupId?: string): Promise<Group[]> {
    const rows = await tx
      .selectFrom("people_groups as g")
      .leftJoin("directory_groups as d", (join) => join.onRef("d.tenant_id", "=", "g.tenant_id").onRef("d.group_id", "=", "g.group_id"))
      .select((eb) => ["g.group_id", "g.name", "d.object_id", "d.missing_since", eb.selectFrom("group_members as m").select((count) => count.fn.countAll<number>().as("people")).whereRef("m.tenant_id", "=", "g.tenant_id").whereRef("m.group_id", "=", "g.group_id").as("people")])
      .$if(groupId !== undefined, (query) => query.where("g.group_id", "=", groupId!))
      .orderBy((eb) => eb.fn("lower", ["g.name"]))
      .execute();
    return rows.map(({ group_id, name, people, object_id: objectId, missing_since }) => ({
      id: group_id,
      settings: { name },
      people: people ?? 0,
      directory: objectId === null ? null : { objectId, missingSince: missing_since?.toISOString() ?? null },
    }));
  }

  async function one(tx: TenantTransaction, groupId: string): Promise<Group> {
    const [group] = await read(tx, groupId);
    if (group === undefined) throw new Refusal("GROUP_NOT_FOUND", 404, "There is no such group.");
    return group;
  }

  async function checked(tx: TenantTransaction, { name }: GroupSettings, groupId: string | null): Promise<string> {
    const message = groupNameMistake(name);
    if (message !== null) throw invalid([{ where: "name", message }]);
    const other = await tx.selectFrom("people_groups").select("group_id").where((eb) => eb(eb.fn("lower", ["name"]), "=", eb.fn("lower", [eb.val(name.trim())]))).$if(groupId !== null, (query) => query.where("group_id", "<>", groupId!)).executeTakeFirst();
    if (other !== undefined) throw invalid([{ where: "name", message: "is the name of another group already" }], 409, "TAKEN");
    return name.trim();
  }

  return {
    list: (act) =>
      withTenant(options.db, act.tenantId, async (tx) => {
        await appendOnce(tx, evidenceOf(options, act, "Access", "Directory", null, {}));
        return await read(tx);
      }),
    get: (act, groupId) =>
      withTenant(options.db, act.tenantId, async (tx) => {
        const group = await one(tx, groupId);
        await appendOnce(tx, evidenceOf(options, act, "View", "Group", groupId, { name: group.settings.name }));
        return group;
      }),
    create: (act, settings) =>
      changing(options, act, async (tx) => {
        const name = await checked(tx, settings, null);
        const { count } = await tx.selectFrom("people_groups").select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
        if (count >= mostGroups) throw new Refusal("TOO_MANY_GROUPS", 409, `There are ${mostGroups} groups already; that is as many as there can be.`);
        const groupId = newUuid();
        await createGroups(tx, [{ id: groupId, name }]);
        await append(tx, evidenceOf(options, act, "Add", "Group", groupId, { name, change: { name: { from: null, to: name } } }));
        return await one(tx, groupId);
      }),
    rename: (act, groupId, settings) =>
      changing(options, act, async (tx) => {
        const before = await one(tx, groupId);
        await refuseDirectoryGroup(tx, groupId);
        const name = await checked(tx, settings, groupId);
        if (name === before.settings.name) return before;
        await tx.updateTable("people_groups").set({ name }).where("group_id", "=", groupId).execute();
        await append(tx, evidenceOf(options, act, "Modify", "Group", groupId, { name, change: { name: { from: before.settings.name, to: name } } }));
        return await one(tx, groupId);
      }),
    remove: (act, groupId) =>
      changing(options, act, async (tx) => {
        const { settings } = await one(tx, groupId);
        await refuseDirectoryGroup(tx, groupId);
        const uses = await usesOfGroup(tx, groupId);
        if (uses.length > 0) throw new Refusal("IN_USE", 409, `This group says what people may see: ${uses.slice(0, 10).join("; ")}. Take it out there first.`);
        const members = (await tx.selectFrom("group_members").select("person_id").where("group_id", "=", groupId).orderBy("person_id").execute()).map(({ person_id }) => person_id);
        await tx.deleteFrom("people_groups").where("group_id", "=", groupId).execute();
        await append(tx, evidenceOf(options, act, "Delete", "Group", groupId, { name: settings.name, was: { name: settings.name, people: members } }));
      }),
  };
}

export async function createGroups(tx: TenantTransaction, groups: readonly { readonly id: string; readonly name: string }[]): Promise<void> {
  if (groups.length === 0) return;
  await tx.insertInto("people_groups").values(groups.map(({ id, name }) => ({ tenant_id: tx.tenantId, group_id: id, name }))).execute();
}

/** Groups of a tenant's directory that are groups of its people too. */
import type { TenantTransaction } from "#db";
import { append } from "#evidence";
import { isStorable } from "#tenants";
import { changing, evidenceOf, type Act, type PeopleOptions } from "./act.ts";
import { createGroups } from "./group-store.ts";

export interface DirectoryGroupNamed {
  readonly objectId: string;
  readonly name: string;
}

export const mostChosen = 1_000;

/**
 * From now on these are the chosen ones. Whoever is in a new one comes with the next run. One that is chosen no more stays as a group of our
 * own, with the people who are in it. A group has the id of its object, so that what was given to it is still its own when it is chosen again.
 */
export async function chooseGroups(options: PeopleOptions, act: Act, wanted: readonly DirectoryGroupNamed[]): Promise<void> {
  await changing(options, act, async (tx) => {
    const before = await tx.selectFrom("directory_groups as d").innerJoin("people_groups as g", (join) => join.onRef("g.tenant_id", "=", "d.tenant_id").onRef("g.group_id", "=", "d.group_id")).select(["d.object_id", "d.group_id", "g.name"]).execute();
    const ids = new Set(wanted.map(({ objectId }) => objectId));
    for (const { object_id: objectId, group_id: groupId, name } of before.filter(({ object_id }) => !ids.has(object_id))) {
      await tx.deleteFrom("directory_groups").where("object_id", "=", objectId).execute();
      await append(tx, evidenceOf(options, act, "Modify", "Group", groupId, { name, change: { directory_object: { from: objectId, to: null } } }));
    }
    const known = new Set(before.map(({ object_id }) => object_id));
    for (const { objectId, name: theirs } of wanted.filter((group) => !known.has(group.objectId))) {
      const own = await tx.selectFrom("people_groups").select("name").where("group_id", "=", objectId).executeTakeFirst();
      const name = await freeName(tx, theirs, objectId);
      if (own === undefined) await createGroups(tx, [{ id: objectId, name }]);
      else await tx.updateTable("people_groups").set({ name }).where("group_id", "=", objectId).execute();
      await tx.insertInto("directory_groups").values({ tenant_id: tx.tenantId, object_id: objectId, group_id: objectId, missing_since: null }).execute();
      const change = { ...(own?.name === name ? {} : { name: { from: own?.name ?? null, to: name } }), directory_object: { from: null, to: objectId } };
      await append(tx, evidenceOf(options, act, own === undefined ? "Add" : "Modify", "Group", objectId, { name, change }));
    }
  });
}

/** As it is called there, in one line; where a group here is called so already, with the beginning of its object's id. */
export async function freeName(tx: TenantTransaction, theirs: string | null | undefined, objectId: string): Promise<string> {
  const line = (theirs ?? "").toWellFormed().replaceAll(/[\p{Cc}|\s]+/gu, " ").trim().slice(0, 180).toWellFormed().trim();
  const name = line === "" || !isStorable(line) ? `Group ${objectId.slice(0, 8)}` : line;
  const other = await tx.selectFrom("people_groups").select("group_id").where((eb) => eb(eb.fn("lower", ["name"]), "=", eb.fn("lower", [eb.val(name)]))).where("group_id", "<>", objectId).executeTakeFirst();
  return other === undefined ? name : `${name} (${objectId.slice(0, 8)})`;
}

/** Groups and access profiles of the provision file, brought to what it says. Who is in a group, and who manages it, the file says with each person. */
import type { AccessProfileSettings } from "@earwitness/contract";
import type { TenantTransaction } from "#db";

export interface ProvisionedGroup {
  readonly groupId: string;
  readonly name: string;
}

export interface ProvisionedProfile extends AccessProfileSettings {
  readonly accessProfileId: string;
}

type Change = Record<string, { from: unknown; to: unknown }>;
/** Writes the row of evidence. */
type Tell = (isNew: boolean, change: Change) => Promise<void>;

export async function putGroup(tx: TenantTransaction, { groupId, name }: ProvisionedGroup, tell: Tell): Promise<boolean> {
  const row = await tx.selectFrom("people_groups").select("name").where("group_id", "=", groupId).executeTakeFirst();
  if (row?.name === name) return false;
  const other = await tx.selectFrom("people_groups").select("group_id").where((eb) => eb(eb.fn("lower", ["name"]), "=", name.toLowerCase())).where("group_id", "<>", groupId).executeTakeFirst();
  if (other !== undefined) throw new Error(`The provision file names group ${groupId} “${name}”, but that is the name of group ${other.group_id}. Name that id in the file, or rename the group in the portal.`);
  if (row === undefined) await tx.insertInto("people_groups").values({ tenant_id: tx.tenantId, group_id: groupId, name }).execute();
  else await tx.updateTable("people_groups").set({ name }).where("group_id", "=", groupId).execute();
  await tell(row === undefined, { name: { from: row?.name ?? null, to: name } });
  return true;
}

export async function putProfile(tx: TenantTransaction, profile: ProvisionedProfile, tell: Tell): Promise<boolean> {
  const { accessProfileId: id, name, description, level, permissions, groupIds, ofGroupIds } = profile;
  const row = await tx.selectFrom("access_profiles").select(["name", "description", "level", "permissions"]).where("access_profile_id", "=", id).executeTakeFirst();
  const idsIn = async (table: "access_profile_groups" | "access_profile_reach") => (await tx.selectFrom(table).select("group_id").where("access_profile_id", "=", id).orderBy("group_id").execute()).map(({ group_id }) => group_id);
  const before = row === undefined ? null : { ...row, group_ids: await idsIn("access_profile_groups"), of_group_ids: await idsIn("access_profile_reach") };
  const after = { name, description, level, permissions: permissions.toSorted(), group_ids: groupIds.toSorted(), of_group_ids: ofGroupIds.toSorted() };
  const change: Change = Object.fromEntries((Object.keys(after) as (keyof typeof after)[]).flatMap((field) => (JSON.stringify(before?.[field]) === JSON.stringify(after[field]) ? [] : [[field, { from: before?.[field] ?? null, to: after[field] }]])));
  if (Object.keys(change).length === 0) return false;
  const other = await tx.selectFrom("access_profiles").select("access_profile_id").where((eb) => eb(eb.fn("lower", ["name"]), "=", name.toLowerCase())).where("access_profile_id", "<>", id).executeTakeFirst();
  if (other !== undefined) throw new Error(`The provision file names access profile ${id} “${name}”, but that is the name of ${other.access_profile_id}. Name that id in the file, or rename it in the portal.`);
  const { group_ids: mapped, of_group_ids: reached, ...columns } = after;
  if (row === undefined) await tx.insertInto("access_profiles").values({ tenant_id: tx.tenantId, access_profile_id: id, ...columns }).execute();
  else await tx.updateTable("access_profiles").set(columns).where("access_profile_id", "=", id).execute();
  for (const [table, ids] of [["access_profile_groups", mapped], ["access_profile_reach", reached]] as const) {
    await tx.deleteFrom(table).where("access_profile_id", "=", id).execute();
    if (ids.length > 0) await tx.insertInto(table).values(ids.map((groupId) => ({ tenant_id: tx.tenantId, access_profile_id: id, group_id: groupId }))).execute();
  }
  await tell(row === undefined, change);
  return true;
}

/** Groups that somebody is in, or manages, as the file names them; what it does not name stays. */
export async function putMemberships(tx: TenantTransaction, table: "group_members" | "managed_groups", personId: string, wanted: readonly string[]): Promise<void> {
  await tx.deleteFrom(table).where("person_id", "=", personId).execute();
  if (wanted.length > 0) await tx.insertInto(table).values(wanted.map((groupId) => ({ tenant_id: tx.tenantId, person_id: personId, group_id: groupId }))).execute();
}

export async function membershipsOf(tx: TenantTransaction, table: "group_members" | "managed_groups", personId: string): Promise<string[]> {
  return (await tx.selectFrom(table).select("group_id").where("person_id", "=", personId).orderBy("group_id").execute()).map(({ group_id }) => group_id);
}

/** Who is in a group that follows the Microsoft 365 directory is said there, whatever the file names. */
export async function beingInDirectoryGroups(tx: TenantTransaction, wanted: readonly string[], has: readonly string[]): Promise<string[]> {
  const following = new Set((await tx.selectFrom("directory_groups").select("group_id").execute()).map(({ group_id }) => group_id));
  return [...wanted.filter((id) => !following.has(id)), ...has.filter((id) => following.has(id))].toSorted();
}

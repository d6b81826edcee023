/** A group of the directory is not changed by hand here: the next run would undo it. */
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";

/** Of these groups, the ones whose people the directory says. */
export async function fromDirectory(tx: TenantTransaction, groupIds: readonly string[]): Promise<{ readonly id: string; readonly name: string }[]> {
  if (groupIds.length === 0) return [];
  const rows = await tx.selectFrom("directory_groups as d").innerJoin("people_groups as g", (join) => join.onRef("g.tenant_id", "=", "d.tenant_id").onRef("g.group_id", "=", "d.group_id")).select(["g.group_id", "g.name"]).where("g.group_id", "in", groupIds).execute();
  return rows.map(({ group_id: id, name }) => ({ id, name }));
}

/** Who may not be put into, or taken out of, a group by hand, in words. */
export const followsDirectory = (name: string): string => `“${name}” follows the Microsoft 365 directory: who is in it is set there, or it is chosen no more`;

export async function refuseDirectoryGroup(tx: TenantTransaction, groupId: string): Promise<void> {
  const [group] = await fromDirectory(tx, [groupId]);
  if (group !== undefined) throw new Refusal("DIRECTORY_GROUP", 409, `“${group.name}” follows the Microsoft 365 directory, its name and its people. Change it there, or choose it no more under Settings, Directory.`);
}

import type { PersonSettings } from "@earwitness/contract";
import type { TenantTransaction } from "#db";

/**
 * Groups by which somebody sees something: mapped to an access profile, chosen by one, or managed by a supervisor. Who is in
 * them is not a matter of the directory alone: it says what people may see.
 */
export async function groupsGivingAccess(tx: TenantTransaction): Promise<ReadonlySet<string>> {
  const all = await tx
    .selectFrom("access_profile_groups")
    .select("group_id")
    .union(tx.selectFrom("access_profile_reach").select("group_id"))
    .union(tx.selectFrom("managed_groups").select("group_id"))
    .execute();
  return new Set(all.map(({ group_id }) => group_id));
}

/** What names a group, so that it cannot go: access profiles that are mapped to it or see its calls, and people who manage it. */
export async function usesOfGroup(tx: TenantTransaction, groupId: string): Promise<string[]> {
  const profiles = await tx
    .selectFrom("access_profiles")
    .select("name")
    .where((eb) =>
      eb.or([
        eb("access_profile_id", "in", eb.selectFrom("access_profile_groups").select("access_profile_id").where("group_id", "=", groupId)),
        eb("access_profile_id", "in", eb.selectFrom("access_profile_reach").select("access_profile_id").where("group_id", "=", groupId)),
      ]),
    )
    .orderBy((eb) => eb.fn("lower", ["name"]))
    .execute();
  const managers = await tx.selectFrom("people").select("display_name").where("person_id", "in", (eb) => eb.selectFrom("managed_groups").select("person_id").where("group_id", "=", groupId)).orderBy((eb) => eb.fn("lower", ["display_name"])).execute();
  return [...profiles.map(({ name }) => `the access profile ${name}`), ...managers.map(({ display_name: name }) => `${name}, who manages it`)];
}

/** The first field of a person's settings that says what somebody may see, and changes; null: none does. `giving`: where it is known already. */
export async function accessFieldThatDiffers(tx: TenantTransaction, before: PersonSettings | null, after: PersonSettings, giving?: ReadonlySet<string>): Promise<"role" | "managedGroupIds" | "groupIds" | null> {
  if (after.role !== (before?.role ?? "User")) return "role";
  if (changed(before?.managedGroupIds ?? [], after.managedGroupIds).length > 0) return "managedGroupIds";
  const groups = changed(before?.groupIds ?? [], after.groupIds);
  if (groups.length === 0) return null;
  const known = giving ?? (await groupsGivingAccess(tx));
  return groups.some((id) => known.has(id)) ? "groupIds" : null;
}

const changed = (before: readonly string[], after: readonly string[]): string[] => [...after.filter((id) => !before.includes(id)), ...before.filter((id) => !after.includes(id))];

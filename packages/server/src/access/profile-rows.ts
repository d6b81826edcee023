/** Access profiles as the tables have them, and how many people have each. */
import { sql } from "kysely";
import type { AccessProfile } from "@earwitness/contract";
import type { TenantTransaction } from "#db";

/** All of them by name, or those with these ids. */
export async function findProfiles(tx: TenantTransaction, ids: readonly string[] | null): Promise<Omit<AccessProfile, "people">[]> {
  const rows = await tx.selectFrom("access_profiles").selectAll().$if(ids !== null, (query) => query.where("access_profile_id", "in", ids!)).orderBy((eb) => eb.fn("lower", ["name"])).execute();
  if (rows.length === 0) return [];
  const of = rows.map((row) => row.access_profile_id);
  const mapped = await tx.selectFrom("access_profile_groups").select(["access_profile_id", "group_id"]).where("access_profile_id", "in", of).orderBy("group_id").execute();
  const reached = await tx.selectFrom("access_profile_reach").select(["access_profile_id", "group_id"]).where("access_profile_id", "in", of).orderBy("group_id").execute();
  const [groupIds, ofGroupIds] = [mapped, reached].map((some) => Map.groupBy(some, (row) => row.access_profile_id));
  const idsOf = (some: typeof groupIds, id: string) => (some?.get(id) ?? []).map((row) => row.group_id);
  return rows.map(({ access_profile_id: id, name, description, level, permissions }) => ({
    id,
    settings: { name, description, level, ofGroupIds: idsOf(ofGroupIds, id), permissions, groupIds: idsOf(groupIds, id) },
  }));
}

/** Who has a profile by a group or by a grant that holds now, each counted once. */
export async function peopleByProfile(tx: TenantTransaction, now: Date, ids: readonly string[] | null): Promise<ReadonlyMap<string, number>> {
  const only = ids === null ? sql`true` : sql`access_profile_id = any(${ids}::uuid[])`;
  const { rows } = await sql<{ access_profile_id: string; people: number }>`
    select access_profile_id, count(*)::int as people from (
      select g.access_profile_id, m.person_id from access_profile_groups g join group_members m on m.tenant_id = g.tenant_id and m.group_id = g.group_id where g.tenant_id = ${tx.tenantId}
      union
      select a.access_profile_id, a.person_id from access_grants a join people p on p.tenant_id = a.tenant_id and p.person_id = a.person_id
       where a.tenant_id = ${tx.tenantId} and a.ended_at is null and a.valid_until > ${now} and p.deleted_at is null
    ) as has where ${only} group by access_profile_id`.execute(tx);
  return new Map(rows.map(({ access_profile_id, people }) => [access_profile_id, people]));
}

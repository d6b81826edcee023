/** Rights as the database has them at this moment: read with every request, so that what is taken away is gone with the next one. */
import { sql } from "kysely";
import type { Permission, Role } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { roleSource, unite, type Rights, type Source } from "./rights.ts";

interface ProfileRow {
  readonly access_profile_id: string;
  readonly name: string;
  readonly level: Source["level"];
  readonly permissions: Permission[];
  readonly of_group_ids: string[];
  readonly via_group_ids: string[];
  readonly granted_until: Date | null;
}

const columns = sql`p.access_profile_id, p.name, p.level, p.permissions,
  array(select r.group_id from access_profile_reach r where r.tenant_id = p.tenant_id and r.access_profile_id = p.access_profile_id order by 1) as of_group_ids`;

export async function rightsOfPerson(tx: TenantTransaction, personId: string, role: Role, now: Date): Promise<Rights> {
  // One round trip: every session's every request makes it.
  const { rows } = await sql<ProfileRow & { managed: string[] }>`
    with through as (
      select g.access_profile_id, m.group_id, null::timestamptz as until
        from group_members m join access_profile_groups g on g.tenant_id = m.tenant_id and g.group_id = m.group_id
       where m.tenant_id = ${tx.tenantId} and m.person_id = ${personId}
      union all
      select access_profile_id, null, valid_until from access_grants
       where tenant_id = ${tx.tenantId} and person_id = ${personId} and ended_at is null and valid_until > ${now}
    )
    select ${columns},
           array_remove(array_agg(t.group_id order by t.group_id), null) as via_group_ids, max(t.until) as granted_until
      from through t join access_profiles p on p.tenant_id = ${tx.tenantId} and p.access_profile_id = t.access_profile_id
     group by p.tenant_id, p.access_profile_id
     order by lower(p.name)`.execute(tx);
  const managed = role === "Supervisor" ? (await tx.selectFrom("managed_groups").select("group_id").where("person_id", "=", personId).orderBy("group_id").execute()).map(({ group_id }) => group_id) : [];
  return unite(role, [roleSource(role, managed), ...rows.map(sourceOf)], personId);
}

/** A program's: those of a role, or of the profile that its key names. */
export async function rightsOfKey(tx: TenantTransaction, key: { readonly role: Role; readonly access_profile_id: string | null }): Promise<Rights> {
  if (key.access_profile_id === null) return unite(key.role, [roleSource(key.role, [])], null);
  const { rows } = await sql<ProfileRow>`
    select ${columns}, array[]::uuid[] as via_group_ids, null::timestamptz as granted_until
      from access_profiles p where p.tenant_id = ${tx.tenantId} and p.access_profile_id = ${key.access_profile_id}`.execute(tx);
  return unite(key.role, [roleSource(key.role, []), ...rows.map(sourceOf)], null);
}

function sourceOf(row: ProfileRow): Source {
  return {
    kind: "profile",
    id: row.access_profile_id,
    name: row.name,
    groupIds: row.via_group_ids,
    until: row.via_group_ids.length > 0 ? null : row.granted_until,
    level: row.level,
    ofGroupIds: row.level === "groups" ? row.of_group_ids : [],
    permissions: row.permissions,
  };
}

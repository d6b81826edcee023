/** Groups and people by name, for whoever maps a profile or grants one. */
import { sql } from "kysely";
import type { AccessChoices } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { isStorable } from "#tenants";

const mostPeople = 20;

export async function choices(tx: TenantTransaction, q: string): Promise<AccessChoices> {
  const { rows: groups } = await sql<AccessChoices["groups"][number]>`
    select g.group_id as id, g.name, (select count(*)::int from group_members m where m.tenant_id = g.tenant_id and m.group_id = g.group_id) as people
      from people_groups g order by lower(g.name)`.execute(tx);
  const typed = q.trim().toLowerCase();
  if (!isStorable(typed)) return { groups, people: [] };
  const pattern = `%${typed.replace(/[\\%_]/g, (character) => `\\${character}`)}%`;
  const people = await tx
    .selectFrom("people")
    .select(["person_id as id", "display_name as name", "upn"])
    .where("deleted_at", "is", null)
    .where((eb) => eb.or([eb(eb.fn("lower", ["display_name"]), "like", pattern), eb(eb.fn("lower", ["upn"]), "like", pattern)]))
    .orderBy((eb) => eb.fn("lower", ["display_name"]))
    .limit(mostPeople)
    .execute();
  return { groups, people };
}

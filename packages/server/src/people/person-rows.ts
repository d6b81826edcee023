/** People as the tables have them: one row each, their addresses, extensions and groups in tables of their own. */
import type { Person, PersonSettings } from "@earwitness/contract";
import type { Database, TenantTransaction } from "#db";
import type { Selectable } from "kysely";

type PersonRow = Selectable<Database["people"]>;

/** Rows that go into one statement: far fewer parameters than the 65,535 that the protocol has. */
const rowsPerStatement = 1_000;

/** Living people; all of them where `ids` is null. Throws away no order: it is that of the ids, or none. */
export async function readPeople(tx: TenantTransaction, ids: readonly string[] | null): Promise<Person[]> {
  if (ids?.length === 0) return [];
  const rows = await tx.selectFrom("people").selectAll().where("deleted_at", "is", null).$if(ids !== null, (query) => query.where("person_id", "in", ids!)).execute();
  const addresses = await tx.selectFrom("person_addresses").select(["person_id", "address"]).$if(ids !== null, (query) => query.where("person_id", "in", ids!)).execute();
  const extensions = await tx.selectFrom("person_extensions").select(["person_id", "extension"]).$if(ids !== null, (query) => query.where("person_id", "in", ids!)).execute();
  const members = await tx.selectFrom("group_members").select(["person_id", "group_id"]).$if(ids !== null, (query) => query.where("person_id", "in", ids!)).execute();
  const managed = await tx.selectFrom("managed_groups").select(["person_id", "group_id"]).$if(ids !== null, (query) => query.where("person_id", "in", ids!)).execute();
  const addressesOf = Map.groupBy(addresses, (row) => row.person_id);
  const extensionsOf = Map.groupBy(extensions, (row) => row.person_id);
  const groupsOf = Map.groupBy(members, (row) => row.person_id);
  const managedBy = Map.groupBy(managed, (row) => row.person_id);
  const people = rows.map((row) => ({
    id: row.person_id,
    settings: settingsOf(row, {
      addresses: (addressesOf.get(row.person_id) ?? []).map(({ address }) => address).sort(),
      extensions: (extensionsOf.get(row.person_id) ?? []).map(({ extension }) => extension).sort(),
      groupIds: (groupsOf.get(row.person_id) ?? []).map(({ group_id }) => group_id).sort(),
      managedGroupIds: (managedBy.get(row.person_id) ?? []).map(({ group_id }) => group_id).sort(),
    }),
  }));
  if (ids === null) return people;
  const byId = new Map(people.map((person) => [person.id, person]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

function settingsOf(row: PersonRow, more: Pick<PersonSettings, "addresses" | "extensions" | "groupIds" | "managedGroupIds">): PersonSettings {
  return {
    displayName: row.display_name,
    upn: row.upn,
    givenName: row.given_name,
    familyName: row.family_name,
    role: row.role,
    recorded: row.recorded,
    ...more,
  };
}

/** Makes the people what they are to be: new ones and known ones alike. */
export async function writePeople(tx: TenantTransaction, people: readonly Person[], isNew: (id: string) => boolean): Promise<void> {
  const known = people.filter(({ id }) => !isNew(id)).map(({ id }) => id);
  for (const ids of chunks(known)) {
    await tx.deleteFrom("person_addresses").where("person_id", "in", ids).execute();
    await tx.deleteFrom("person_extensions").where("person_id", "in", ids).execute();
    await tx.deleteFrom("group_members").where("person_id", "in", ids).execute();
    await tx.deleteFrom("managed_groups").where("person_id", "in", ids).execute();
  }
  const tenant = { tenant_id: tx.tenantId };
  for (const some of chunks(people)) {
    await tx
      .insertInto("people")
      .values(
        some.map(({ id, settings }) => ({
          ...tenant,
          person_id: id,
          upn: settings.upn,
          display_name: settings.displayName,
          given_name: settings.givenName,
          family_name: settings.familyName,
          role: settings.role,
          recorded: settings.recorded,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(["tenant_id", "person_id"]).doUpdateSet((eb) => ({
          upn: eb.ref("excluded.upn"),
          display_name: eb.ref("excluded.display_name"),
          given_name: eb.ref("excluded.given_name"),
          family_name: eb.ref("excluded.family_name"),
          role: eb.ref("excluded.role"),
          recorded: eb.ref("excluded.recorded"),
        })),
      )
      .execute();
  }
  const addresses = people.flatMap(({ id, settings }) => settings.addresses.map((address) => ({ ...tenant, person_id: id, address })));
  for (const some of chunks(addresses)) await tx.insertInto("person_addresses").values(some).execute();
  const extensions = people.flatMap(({ id, settings }) => settings.extensions.map((extension) => ({ ...tenant, person_id: id, extension })));
  for (const some of chunks(extensions)) await tx.insertInto("person_extensions").values(some).execute();
  const members = people.flatMap(({ id, settings }) => settings.groupIds.map((groupId) => ({ ...tenant, person_id: id, group_id: groupId })));
  for (const some of chunks(members)) await tx.insertInto("group_members").values(some).execute();
  const managed = people.flatMap(({ id, settings }) => settings.managedGroupIds.map((groupId) => ({ ...tenant, person_id: id, group_id: groupId })));
  for (const some of chunks(managed)) await tx.insertInto("managed_groups").values(some).execute();
}

export function chunks<T>(items: readonly T[], size = rowsPerStatement): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** Why somebody may, or may not: everything that they have, and where it is from. */
import { levels, permissions as allPermissions, permissionWords, type AccessExplanation, type AccessSource, type Permission } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { isId, mintedAt } from "#ids";
import { findProfiles } from "./profile-rows.ts";
import { rightsOfPerson } from "./read-rights.ts";
import { rolesGive } from "./permissions.ts";
import type { Rights } from "./rights.ts";

const label = (permission: Permission): string => (permission === "interaction.list" ? "See Calls" : permissionWords[permission].label);

export async function explainAccess(tx: TenantTransaction, personId: string, interactionId: string | null, now: Date): Promise<AccessExplanation> {
  const person = await tx.selectFrom("people").select(["person_id", "display_name", "upn", "role"]).where("person_id", "=", personId).where("deleted_at", "is", null).executeTakeFirst();
  if (person === undefined) throw new Refusal("PERSON_NOT_FOUND", 404, "There is no such person.");
  const rights = await rightsOfPerson(tx, personId, person.role, now);
  const groups = await groupNames(tx, rights.sources.flatMap(({ groupIds, ofGroupIds }) => [...groupIds, ...ofGroupIds]));
  const sources = rights.sources.map(
    ({ kind, id, name, groupIds, until, level, ofGroupIds, permissions }): AccessSource => ({ kind, id, name, groups: groupIds.map(groups), until: until?.toISOString() ?? null, level, ofGroups: ofGroupIds.map(groups), permissions: [...permissions] }),
  );
  const others = (await findProfiles(tx, null)).filter(({ id }) => !rights.sources.some((source) => source.id === id));
  const wouldGive = (permission: Permission): string[] => [
    ...others.filter(({ settings }) => (settings.permissions as readonly string[]).includes(permission) || (permission === "interaction.list" && settings.level !== "none")).map(({ settings }) => `The access profile ${settings.name} would give it, and the person does not have it.`),
    ...Object.entries(rolesGive).filter(([name, role]) => name !== person.role && role.permissions.includes(permission)).map(([name]) => `The role ${name} would give it; the person has the role ${person.role}.`),
  ];
  return {
    person: { id: person.person_id, name: person.display_name, upn: person.upn },
    sources,
    level: rights.level,
    permissions: allPermissions.map((permission) => {
      const giving = sources.filter((source) => source.permissions.includes(permission) || (permission === "interaction.list" && source.level !== "none"));
      return { permission: label(permission), allowed: giving.length > 0, because: giving.length > 0 ? giving.map(inWords) : wouldGive(permission) };
    }),
    call: interactionId === null ? null : await explainCall(tx, interactionId, rights, sources, groups),
  };
}

function inWords({ kind, name, groups, until }: AccessSource): string {
  if (kind === "role") return `The role ${name} gives it.`;
  const how = groups.length > 0 ? `which members of ${list(groups)} have` : `granted to the person until ${until?.slice(0, 10) ?? "further notice"}`;
  return `The access profile ${name} gives it, ${how}.`;
}

async function explainCall(tx: TenantTransaction, id: string, rights: Rights, sources: readonly AccessSource[], groups: (id: string) => string): Promise<AccessExplanation["call"]> {
  const row = isId(id) ? await tx.selectFrom("interactions").select(["person_id", "user_name"]).where("minted_at", "=", mintedAt(id)).where("interaction_id", "=", id).executeTakeFirst() : undefined;
  if (row === undefined) throw new Refusal("INTERACTION_NOT_FOUND", 404, "There is no such interaction.");
  const { person_id: ownerId, user_name: person } = row;
  const because: string[] = [];
  const { scope } = rights;
  if (scope.kind === "all") because.push(...sources.filter(({ level }) => level === "all").map(({ kind, name }) => `The ${kind === "role" ? "role" : "access profile"} ${name} gives “${levels.all}”.`));
  if (scope.kind === "some" && ownerId !== null && ownerId === scope.personId) because.push("It is their own call.");
  if (scope.kind === "some" && ownerId !== null && scope.groupIds.length > 0) {
    const shared = await tx.selectFrom("group_members").select("group_id").where("person_id", "=", ownerId).where("group_id", "in", scope.groupIds).execute();
    because.push(...shared.map(({ group_id }) => `${person} is in the group ${groups(group_id)}, whose calls they see.`));
  }
  if (because.length > 0) return { id, person, visible: true, because };
  const why = scope.kind === "none" ? `Nothing that they have lets them see any call: “${levels.none}”.` : ownerId === null ? "It belongs to nobody who is known, and they see calls of people only." : `It is a call of ${person}, who is not in any group whose calls they see.`;
  return { id, person, visible: false, because: [why] };
}

async function groupNames(tx: TenantTransaction, ids: readonly string[]): Promise<(id: string) => string> {
  const rows = ids.length === 0 ? [] : await tx.selectFrom("people_groups").select(["group_id", "name"]).where("group_id", "in", [...new Set(ids)]).execute();
  const names = new Map(rows.map(({ group_id, name }) => [group_id, name]));
  return (id) => names.get(id) ?? id;
}

const list = (names: readonly string[]): string => (names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)!}`);

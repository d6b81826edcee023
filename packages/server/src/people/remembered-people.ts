/** Who was removed because a directory said so, and what of theirs was let go: for as long as they can be restored there. */
import { PersonSettings } from "@earwitness/contract";
import { Value } from "typebox/value";
import type { TenantTransaction } from "#db";
import { chunks } from "./person-rows.ts";

/** Microsoft keeps deleted users for thirty days. */
const keptMs = 30 * 86_400_000;

export interface RememberedPerson {
  readonly id: string;
  readonly deletedAt: Date | null;
  /** As their row has them, with nothing that was let go. */
  readonly now: PersonSettings;
  /** As they come back: with what nobody else has taken meanwhile; null: what they were is not known, so they begin afresh. */
  readonly was: PersonSettings | null;
}

/** Of these people, those who are gone, by id. */
export async function readRemembered(tx: TenantTransaction, personIds: readonly string[]): Promise<Map<string, RememberedPerson>> {
  const found = new Map<string, RememberedPerson>();
  for (const ids of chunks(personIds)) {
    const rows = await tx
      .selectFrom("people as p")
      .innerJoin("directory_people as d", (join) => join.onRef("d.tenant_id", "=", "p.tenant_id").onRef("d.person_id", "=", "p.person_id"))
      .select(["p.person_id", "p.upn", "p.display_name", "p.given_name", "p.family_name", "p.role", "p.recorded", "p.deleted_at", "d.removed_with"])
      .where("p.person_id", "in", ids)
      .where("p.deleted_at", "is not", null)
      .execute();
    for (const row of rows) {
      const now: PersonSettings = { displayName: row.display_name, upn: row.upn, givenName: row.given_name, familyName: row.family_name, role: row.role, recorded: row.recorded, addresses: [], extensions: [], groupIds: [], managedGroupIds: [] };
      found.set(row.person_id, { id: row.person_id, deletedAt: row.deleted_at, now, was: Value.Check(PersonSettings, row.removed_with) ? row.removed_with : null });
    }
  }
  return await withoutTaken(tx, found);
}

/** An address, an extension or a group that is somebody's or nobody's by now does not come back. */
async function withoutTaken(tx: TenantTransaction, found: Map<string, RememberedPerson>): Promise<Map<string, RememberedPerson>> {
  const all = [...found.values()].flatMap(({ was }) => was ?? []);
  const taken = new Set<string>();
  const groups = { own: new Set<string>(), all: new Set<string>() };
  for (const some of chunks(all.flatMap(({ addresses }) => addresses))) for (const { address } of await tx.selectFrom("person_addresses").select("address").where("address", "in", some).execute()) taken.add(address);
  for (const some of chunks(all.flatMap(({ extensions }) => extensions))) for (const { extension } of await tx.selectFrom("person_extensions").select("extension").where("extension", "in", some).execute()) taken.add(extension);
  // Who is in a group of the directory is read there; who manages it is said here.
  for (const some of chunks(all.flatMap(({ groupIds, managedGroupIds }) => [...groupIds, ...managedGroupIds]))) {
    const there = await tx.selectFrom("people_groups as g").leftJoin("directory_groups as d", (join) => join.onRef("d.tenant_id", "=", "g.tenant_id").onRef("d.group_id", "=", "g.group_id")).select(["g.group_id", "d.object_id"]).where("g.group_id", "in", some).execute();
    for (const { group_id, object_id } of there) {
      groups.all.add(group_id);
      if (object_id === null) groups.own.add(group_id);
    }
  }
  /** True once: two who come back may have had the same, one after the other. */
  const isFree = (text: string): boolean => !taken.has(text) && taken.add(text) !== undefined;
  return new Map([...found].map(([id, person]) => {
    const { was } = person;
    return [id, was === null ? person : { ...person, was: { ...was, addresses: was.addresses.filter(isFree), extensions: was.extensions.filter(isFree), groupIds: was.groupIds.filter((group) => groups.own.has(group)), managedGroupIds: was.managedGroupIds.filter((group) => groups.all.has(group)) } }];
  }));
}

/** Who can be restored no more is somebody new if they ever come back. */
export async function forgetRemembered(tx: TenantTransaction, now: Date): Promise<void> {
  await tx.deleteFrom("directory_people").where("removed_at", "<", new Date(now.getTime() - keptMs)).execute();
}

import { withTenant, type TenantTransaction } from "#db";
import type { Action, Item } from "@earwitness/contract";
import { append, provisionFile, type Actor } from "#evidence";
import { digestColumns, isSameDigest, toldDigest } from "./digest.ts";
import { newRecordingUser } from "./recording-user.ts";
import type { Provision, ProvisionedPerson, ProvisionedTenant, ProvisionedTrunk } from "./provision-file.ts";
import { beingInDirectoryGroups, membershipsOf, putGroup, putMemberships, putProfile } from "./provision-access.ts";
import { columnOf, storedTrunk, trunkColumns, trunkSettings } from "./trunk-row.ts";
import { createTenant, listTenants, type TenantsContext } from "./tenants.ts";

/** How many tenants, people and trunks were made or changed. Zero when everything was as it should be. */
export interface Provisioned {
  readonly changes: number;
}

/**
 * Brings tenants, people and trunks to what the file says. What it does not name stays as it is: the file adds and changes,
 * it never removes. Each real change is one evidence row in the transaction of the change; applying the same file again
 * changes nothing and leaves no trace.
 */
export async function provision(context: TenantsContext, { tenants }: Provision): Promise<Provisioned> {
  const by = provisionFile;
  const known = new Set((await listTenants(context.db)).map(({ tenantId }) => tenantId));
  let changes = 0;
  for (const tenant of tenants) {
    if (!known.has(tenant.tenantId)) {
      await createTenant(context, tenant, by);
      changes++;
    }
    changes += await withTenant(context.db, tenant.tenantId, (tx) => provisionTenant(tx, tenant, { ...context, by }));
  }
  return { changes };
}

type Act = Pick<TenantsContext, "clock" | "nodeId"> & { readonly by: Actor };

async function provisionTenant(tx: TenantTransaction, tenant: ProvisionedTenant, act: Act): Promise<number> {
  // Two nodes may start with the same file at the same moment.
  await tx.selectFrom("tenants").select("tenant_id").forUpdate().execute();
  let changes = (await updateTenant(tx, tenant, act)) ? 1 : 0;
  for (const group of tenant.groups) if (await putGroup(tx, group, (isNew, change) => tell(tx, act, isNew ? "Add" : "Modify", "Group", group.groupId, group.name, change))) changes++;
  for (const person of tenant.people) if (await putPerson(tx, person, act)) changes++;
  for (const profile of tenant.accessProfiles) if (await putProfile(tx, profile, (isNew, change) => tell(tx, act, isNew ? "Add" : "Modify", "Access Profile", profile.accessProfileId, profile.name, change))) changes++;
  for (const trunk of tenant.trunks) if (await putTrunk(tx, trunk, act)) changes++;
  return changes;
}

async function updateTenant(tx: TenantTransaction, tenant: ProvisionedTenant, act: Act): Promise<boolean> {
  const wanted = { slug: tenant.slug, display_name: tenant.displayName, m365_tenant_id: tenant.m365TenantId, sandbox: tenant.sandbox, keep_original: tenant.keepOriginal };
  const row = await tx.selectFrom("tenants").select(["slug", "display_name", "m365_tenant_id", "sandbox", "keep_original"]).executeTakeFirstOrThrow();
  const change = difference(row, wanted);
  if (change === null) return false;
  await tx.updateTable("tenants").set(wanted).execute();
  await tell(tx, act, "Modify", "Tenant", tenant.tenantId, tenant.displayName, change);
  return true;
}

async function putPerson(tx: TenantTransaction, person: ProvisionedPerson, act: Act): Promise<boolean> {
  const wanted = {
    upn: person.upn,
    display_name: person.displayName,
    given_name: person.givenName,
    family_name: person.familyName,
    role: person.role,
    recorded: person.recorded,
    deleted_at: null,
  };
  const row = await tx
    .selectFrom("people")
    .select(["upn", "display_name", "given_name", "family_name", "role", "recorded", "deleted_at"])
    .where("person_id", "=", person.personId)
    .executeTakeFirst();
  const addresses = (await tx.selectFrom("person_addresses").select("address").where("person_id", "=", person.personId).execute()).map(({ address }) => address).sort();
  const extensions = (await tx.selectFrom("person_extensions").select("extension").where("person_id", "=", person.personId).execute()).map(({ extension }) => extension).sort();
  const has = { addresses, extensions, group_ids: await membershipsOf(tx, "group_members", person.personId), managed_group_ids: await membershipsOf(tx, "managed_groups", person.personId) };
  const groups = person.groups === null ? null : await beingInDirectoryGroups(tx, person.groups, has.group_ids);
  const said = { extensions: person.extensions, group_ids: groups, managed_group_ids: person.managedGroups };
  const change = difference(row && { ...row, ...has }, { ...wanted, addresses: person.addresses, ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null)) });
  if (change === null) return false;
  const other = await tx.selectFrom("people").select("person_id").where((eb) => eb(eb.fn("lower", ["upn"]), "=", person.upn.toLowerCase())).where("deleted_at", "is", null).where("person_id", "<>", person.personId).executeTakeFirst();
  if (other !== undefined) throw new Error(`The provision file gives the UPN ${person.upn} to person ${person.personId}, but it is that of person ${other.person_id}. Name that id in the file, or take the person out in the portal.`);

  await tx
    .insertInto("people")
    .values({ tenant_id: tx.tenantId, person_id: person.personId, ...wanted })
    .onConflict((conflict) => conflict.columns(["tenant_id", "person_id"]).doUpdateSet(wanted))
    .execute();
  await takeFromOthers(tx, person, act);
  await tx.deleteFrom("person_addresses").where("person_id", "=", person.personId).execute();
  for (const address of person.addresses) await tx.insertInto("person_addresses").values({ tenant_id: tx.tenantId, address, person_id: person.personId }).execute();
  if (person.extensions !== null) {
    await tx.deleteFrom("person_extensions").where("person_id", "=", person.personId).execute();
    for (const extension of person.extensions) await tx.insertInto("person_extensions").values({ tenant_id: tx.tenantId, extension, person_id: person.personId }).execute();
  }
  if (groups !== null) await putMemberships(tx, "group_members", person.personId, groups);
  if (person.managedGroups !== null) await putMemberships(tx, "managed_groups", person.personId, person.managedGroups);
  await tell(tx, act, row === undefined ? "Add" : "Modify", "User", person.personId, person.displayName, change);
  return true;
}

/** An address moves to whom the file gives it to; whoever had it was changed by that, and their record says so. */
async function takeFromOthers(tx: TenantTransaction, { personId, addresses, extensions }: ProvisionedPerson, act: Act): Promise<void> {
  const owned = await tx.selectFrom("person_addresses").select(["person_id", "address as text"]).where("person_id", "<>", personId).where("address", "in", ["", ...addresses]).execute();
  const extended = await tx.selectFrom("person_extensions").select(["person_id", "extension as text"]).where("person_id", "<>", personId).where("extension", "in", ["", ...(extensions ?? [])]).execute();
  for (const other of new Set([...owned, ...extended].map(({ person_id }) => person_id))) {
    const { display_name: name } = await tx.selectFrom("people").select("display_name").where("person_id", "=", other).executeTakeFirstOrThrow();
    const has = {
      addresses: (await tx.selectFrom("person_addresses").select("address").where("person_id", "=", other).execute()).map(({ address }) => address).sort(),
      extensions: (await tx.selectFrom("person_extensions").select("extension").where("person_id", "=", other).execute()).map(({ extension }) => extension).sort(),
    };
    const keeps = { addresses: has.addresses.filter((address) => !addresses.includes(address)), extensions: has.extensions.filter((extension) => extensions?.includes(extension) !== true) };
    const change = difference(has, keeps);
    if (change === null) continue;
    await tx.deleteFrom("person_addresses").where("person_id", "=", other).where("address", "in", ["", ...addresses]).execute();
    await tx.deleteFrom("person_extensions").where("person_id", "=", other).where("extension", "in", ["", ...(extensions ?? [])]).execute();
    await tell(tx, act, "Modify", "User", other, name, change);
  }
}

/** A trunk that exists keeps what the file does not name: people may have set it in the portal since. */
async function putTrunk(tx: TenantTransaction, { trunkId, settings, named, recordingUser, digest }: ProvisionedTrunk, act: Act): Promise<boolean> {
  const row = await tx.selectFrom("trunks").selectAll().where("trunk_id", "=", trunkId).executeTakeFirst();
  const user = recordingUser ?? (row === undefined ? newRecordingUser() : null);
  const all = { ...trunkColumns(settings), ...(user === null ? {} : { recording_user: user }) };
  const columns = new Set<string>([...named.map((name) => columnOf[name]), "recording_user"]);
  const wanted = row === undefined ? all : (Object.fromEntries(Object.entries(all).filter(([column]) => columns.has(column))) as Partial<typeof all>);
  const changed = difference(row && { ...trunkColumns(trunkSettings(row)), recording_user: row.recording_user }, wanted);
  // That it was set, and when, is told; nothing of the password is, and no fingerprint: somebody chose it, so it could be guessed by one.
  const secret = digest === null || (row !== undefined && isSameDigest(row, digest)) ? null : digestColumns(digest, act.clock.now());
  if (changed === null && secret === null) return false;
  if (row === undefined) await tx.insertInto("trunks").values({ tenant_id: tx.tenantId, trunk_id: trunkId, recording_user: user!, ...storedTrunk(all), ...secret }).execute();
  else await tx.updateTable("trunks").set({ ...storedTrunk(wanted), ...secret }).where("trunk_id", "=", trunkId).execute();
  const change = { ...changed, ...(secret === null ? {} : { digest: { from: row === undefined ? null : toldDigest(row), to: toldDigest(secret) } }) };
  await tell(tx, act, row === undefined ? "Add" : "Modify", "Trunk", trunkId, settings.name, change);
  return true;
}

/** Per column what it was and what it becomes; null when nothing differs. */
function difference(row: Readonly<Record<string, unknown>> | undefined, wanted: Readonly<Record<string, unknown>>): Record<string, { from: unknown; to: unknown }> | null {
  const different = Object.entries(wanted).filter(([column, to]) => row === undefined || JSON.stringify(row[column]) !== JSON.stringify(to));
  return different.length === 0 ? null : Object.fromEntries(different.map(([column, to]) => [column, { from: row?.[column] ?? null, to }]));
}

async function tell(tx: TenantTransaction, act: Act, action: Action, item: Item, subject: string, name: string, change: Record<string, unknown>): Promise<void> {
  await append(tx, { actor: act.by, action, item, subject, occurredAt: act.clock.now(), nodeId: act.nodeId, detail: { name, change } });
}

/** Access profiles of a tenant: made, changed and removed by form. Every change is one evidence row in the transaction of the change. */
import type { AccessProfile, AccessProfilePage, AccessProfileSettings, Action } from "@earwitness/contract";
import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce } from "#evidence";
import { newUuid } from "#ids";
import { profileMistakes } from "#tenants";
import { entityTag, refuseStale } from "./entity-tag.ts";
import type { Origin } from "./http.ts";
import { withoutGain } from "./no-escalation.ts";
import { findProfiles, peopleByProfile } from "./profile-rows.ts";

export interface ProfileStoreOptions {
  readonly db: Db;
  readonly clock: Clock;
}

export interface ProfileStore {
  list(tenantId: string, by: Origin): Promise<AccessProfilePage>;
  get(tenantId: string, id: string, by: Origin): Promise<AccessProfile>;
  create(tenantId: string, settings: AccessProfileSettings, by: Origin): Promise<AccessProfile>;
  change(tenantId: string, id: string, settings: AccessProfileSettings, by: Origin, ifMatch?: string): Promise<AccessProfile>;
  /** Whoever had it loses what it gave, with their next request. */
  remove(tenantId: string, id: string, by: Origin): Promise<void>;
}

const mostProfiles = 1_000;

interface Mistake {
  readonly where: string;
  readonly message: string;
}

export const profileTag = ({ settings }: AccessProfile): string => entityTag(settings);

export function createProfileStore({ db, clock }: ProfileStoreOptions): ProfileStore {
  const tell = (tx: TenantTransaction, by: Origin, action: Action, id: string, detail: Record<string, unknown>) => append(tx, { ...by, action, item: "Access Profile", subject: id, detail });

  async function one(tx: TenantTransaction, id: string): Promise<AccessProfile> {
    const [settings] = await findProfiles(tx, [id]);
    if (settings === undefined) throw new Refusal("ACCESS_PROFILE_NOT_FOUND", 404, "There is no such access profile.");
    return { ...settings, people: (await peopleByProfile(tx, clock.now(), [id])).get(id) ?? 0 };
  }

  /** One change of rights at a time for each tenant, as with its people: what is looked at first is still so when it is written. */
  async function changing<T>(tenantId: string, by: Origin, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
    return await withTenant(db, tenantId, async (tx) => {
      await tx.selectFrom("tenants").select("tenant_id").forNoKeyUpdate().execute();
      return await withoutGain(tx, by.actor, clock.now(), () => work(tx));
    });
  }

  return {
    list: (tenantId, by) =>
      withTenant(db, tenantId, async (tx) => {
        await appendOnce(tx, { ...by, action: "Access", item: "Access Profile" });
        const profiles = await findProfiles(tx, null);
        const people = await peopleByProfile(tx, clock.now(), null);
        const administrators = await tx.selectFrom("people").select(["person_id as id", "display_name as name", "upn"]).where("role", "=", "Admin").where("deleted_at", "is", null).orderBy((eb) => eb.fn("lower", ["display_name"])).execute();
        return { profiles: profiles.map((profile) => ({ ...profile, people: people.get(profile.id) ?? 0 })), administrators };
      }),

    get: (tenantId, id, by) =>
      withTenant(db, tenantId, async (tx) => {
        const profile = await one(tx, id);
        await appendOnce(tx, { ...by, action: "View", item: "Access Profile", subject: id, detail: { name: profile.settings.name } });
        return profile;
      }),

    create: (tenantId, wanted, by) =>
      changing(tenantId, by, async (tx) => {
        const settings = await checked(tx, null, wanted);
        const { count } = await tx.selectFrom("access_profiles").select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
        if (count >= mostProfiles) throw new Refusal("TOO_MANY_ACCESS_PROFILES", 409, `There are ${mostProfiles} access profiles already; that is as many as there can be.`);
        const id = newUuid();
        await tx.insertInto("access_profiles").values({ tenant_id: tenantId, access_profile_id: id, ...columnsOf(settings) }).execute();
        await putGroups(tx, id, settings);
        await tell(tx, by, "Add", id, { name: settings.name, change: changeOf(null, settings) });
        return await one(tx, id);
      }),

    change: (tenantId, id, wanted, by, ifMatch) =>
      changing(tenantId, by, async (tx) => {
        const before = await one(tx, id);
        refuseStale(ifMatch, profileTag(before), "access profile");
        const settings = await checked(tx, id, wanted);
        const change = changeOf(before.settings, settings);
        if (Object.keys(change).length === 0) return before;
        await tx.updateTable("access_profiles").set(columnsOf(settings)).where("access_profile_id", "=", id).execute();
        await putGroups(tx, id, settings);
        await tell(tx, by, "Modify", id, { name: settings.name, change });
        return await one(tx, id);
      }),

    remove: (tenantId, id, by) =>
      changing(tenantId, by, async (tx) => {
        const { settings } = await one(tx, id);
        const key = await tx.selectFrom("api_keys").select("name").where("access_profile_id", "=", id).where("revoked_at", "is", null).executeTakeFirst();
        if (key !== undefined) throw new Refusal("IN_USE", 409, `The API key “${key.name}” has its rights from this access profile. Revoke the key first.`);
        await tx.deleteFrom("access_profiles").where("access_profile_id", "=", id).execute();
        await tell(tx, by, "Delete", id, { name: settings.name, was: fieldsOf(settings) });
      }),
  };
}

/** The settings in one spelling, or a refusal with every mistake. */
async function checked(tx: TenantTransaction, id: string | null, wanted: AccessProfileSettings): Promise<AccessProfileSettings> {
  const unique = (ids: readonly string[]) => [...new Set(ids.map((one) => one.toLowerCase()))].sort();
  const settings: AccessProfileSettings = { ...wanted, name: wanted.name.trim(), description: wanted.description.trim(), ofGroupIds: unique(wanted.ofGroupIds), permissions: [...new Set(wanted.permissions)].sort(), groupIds: unique(wanted.groupIds) };
  const mistakes: Mistake[] = profileMistakes({ ...settings, permissions: wanted.permissions });
  const all = [...new Set([...settings.ofGroupIds, ...settings.groupIds])];
  const known = new Set(all.length === 0 ? [] : (await tx.selectFrom("people_groups").select("group_id").where("group_id", "in", all).execute()).map(({ group_id }) => group_id));
  for (const where of ["ofGroupIds", "groupIds"] as const) wanted[where].forEach((group, at) => known.has(group.toLowerCase()) || mistakes.push({ where: `${where}.${at}`, message: "is no group of yours" }));
  if (mistakes.length > 0) throw refusalOf(mistakes, 400, "VALIDATION");
  const other = await tx.selectFrom("access_profiles").select("access_profile_id").where((eb) => eb(eb.fn("lower", ["name"]), "=", eb.fn("lower", [eb.val(settings.name)]))).$if(id !== null, (query) => query.where("access_profile_id", "<>", id!)).executeTakeFirst();
  if (other !== undefined) throw refusalOf([{ where: "name", message: "is the name of another access profile already" }], 409, "TAKEN");
  return settings;
}

function refusalOf(mistakes: readonly Mistake[], status: number, code: string): Refusal {
  return new Refusal(code, status, mistakes.map(({ where, message }) => `${where} ${message}.`).join(" "), mistakes.map(({ where, message }) => ({ where: `body.${where}`, message })));
}

const columnsOf = ({ name, description, level, permissions }: AccessProfileSettings) => ({ name, description, level, permissions });

async function putGroups(tx: TenantTransaction, id: string, { groupIds, ofGroupIds }: AccessProfileSettings): Promise<void> {
  for (const [table, ids] of [["access_profile_groups", groupIds], ["access_profile_reach", ofGroupIds]] as const) {
    await tx.deleteFrom(table).where("access_profile_id", "=", id).execute();
    if (ids.length > 0) await tx.insertInto(table).values(ids.map((groupId) => ({ tenant_id: tx.tenantId, access_profile_id: id, group_id: groupId }))).execute();
  }
}

/** As evidence names them. */
function fieldsOf({ name, description, level, ofGroupIds, permissions, groupIds }: AccessProfileSettings): Record<string, unknown> {
  return { name, description, level, of_group_ids: ofGroupIds, permissions, group_ids: groupIds };
}

function changeOf(before: AccessProfileSettings | null, after: AccessProfileSettings): Record<string, { from: unknown; to: unknown }> {
  const [from, to] = [before === null ? null : fieldsOf(before), fieldsOf(after)];
  return Object.fromEntries(Object.entries(to).flatMap(([field, value]) => (from !== null && JSON.stringify(from[field]) === JSON.stringify(value) ? [] : [[field, { from: from?.[field] ?? null, to: value }]])));
}

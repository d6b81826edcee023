/** People of a tenant, kept by form. Every change is one evidence row in the transaction of the change. */
import { sql } from "kysely";
import type { Person, PersonPage, PersonSettings } from "@earwitness/contract";
import { entityTag, refuseStale, refuseStandingFor } from "#access";
import { withTenant, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce } from "#evidence";
import { newUuid } from "#ids";
import { isStorable } from "#tenants";
import { changing, evidenceOf, invalid, type Act, type PeopleOptions } from "./act.ts";
import { accessFieldThatDiffers } from "./access-groups.ts";
import { followsDirectory, fromDirectory } from "./directory-group-guard.ts";
import { readPeople, writePeople } from "./person-rows.ts";
import { checkPersonSettings, personChange, personFields, type PersonMistake } from "./person-settings.ts";

export interface PersonQuery {
  readonly q?: string | undefined;
  readonly group?: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}

export interface PersonStore {
  list(act: Act, query: PersonQuery): Promise<PersonPage>;
  get(act: Act, personId: string): Promise<Person>;
  create(act: Act, settings: PersonSettings): Promise<Person>;
  change(act: Act, personId: string, settings: PersonSettings, ifMatch?: string): Promise<Person>;
  /** The person is gone from lists and calls; what was recorded of them stays. */
  remove(act: Act, personId: string): Promise<void>;
}

export const personTag = ({ settings }: Person): string => entityTag(settings);

export function createPersonStore(options: PeopleOptions): PersonStore {
  const { db, clock } = options;

  async function one(tx: TenantTransaction, personId: string): Promise<Person> {
    const [person] = await readPeople(tx, [personId]);
    if (person === undefined) throw new Refusal("PERSON_NOT_FOUND", 404, "There is no such person.");
    return person;
  }

  return {
    list: (act, query) =>
      withTenant(db, act.tenantId, async (tx) => {
        const page = await list(tx, query);
        const filter = { ...(query.q === undefined ? {} : { q: query.q.toWellFormed().replaceAll("\0", "\ufffd") }), ...(query.group === undefined ? {} : { group: query.group }) };
        await appendOnce(tx, Object.keys(filter).length === 0 ? evidenceOf(options, act, "Access", "Directory", null, {}) : evidenceOf(options, act, "Search", "User", null, { filter }));
        return page;
      }),
    get: (act, personId) =>
      withTenant(db, act.tenantId, async (tx) => {
        const person = await one(tx, personId);
        await appendOnce(tx, evidenceOf(options, act, "View", "User", personId, { name: person.settings.displayName }));
        return person;
      }),

    create: (act, wanted) =>
      changing(options, act, async (tx) => {
        const person = { id: newUuid(), settings: await checked(tx, act, null, wanted, clock.now()) };
        await writePeople(tx, [person], () => true);
        await append(tx, evidenceOf(options, act, "Add", "User", person.id, { name: person.settings.displayName, change: personChange(null, person.settings) }));
        return await one(tx, person.id);
      }),

    change: (act, personId, wanted, ifMatch) =>
      changing(options, act, async (tx) => {
        const before = await one(tx, personId);
        refuseStale(ifMatch, personTag(before), "person");
        const settings = await checked(tx, act, before, wanted, clock.now());
        const change = personChange(before.settings, settings);
        if (Object.keys(change).length === 0) return before;
        await writePeople(tx, [{ id: personId, settings }], () => false);
        await append(tx, evidenceOf(options, act, "Modify", "User", personId, { name: settings.displayName, change }));
        return await one(tx, personId);
      }),

    remove: (act, personId) =>
      changing(options, act, async (tx) => {
        const before = await one(tx, personId);
        if (act.by.kind === "person" && act.by.id === personId) throw new Refusal("YOURSELF", 409, "You cannot remove yourself; somebody else has to.");
        if (before.settings.role !== "User" && !act.mayGiveAccess) throw mayNotGiveAccess("role");
        await tx.updateTable("people").set({ deleted_at: clock.now() }).where("person_id", "=", personId).execute();
        await tx.deleteFrom("person_addresses").where("person_id", "=", personId).execute();
        await tx.deleteFrom("person_extensions").where("person_id", "=", personId).execute();
        await tx.deleteFrom("group_members").where("person_id", "=", personId).execute();
        await tx.deleteFrom("managed_groups").where("person_id", "=", personId).execute();
        for (const table of ["person_identities", "local_accounts", "local_enrollments"] as const) await tx.deleteFrom(table).where("person_id", "=", personId).execute();
        await append(tx, evidenceOf(options, act, "Delete", "User", personId, { name: before.settings.displayName, was: personFields(before.settings) }));
      }),
  };
}

const mayNotGiveAccess = (field: string) => new Refusal("FORBIDDEN", 403, "Saying what people may see needs the permission access.manage.", [{ where: `body.${field}`, message: "needs the permission access.manage" }]);

/** The settings in one spelling, or a refusal with every mistake: of form, and of what belongs to somebody else. */
async function checked(tx: TenantTransaction, act: Act, before: Person | null, wanted: PersonSettings, now: Date): Promise<PersonSettings> {
  const { settings, mistakes } = checkPersonSettings(wanted);
  if (mistakes.length > 0) throw invalid(mistakes);
  const field = await accessFieldThatDiffers(tx, before?.settings ?? null, settings);
  if (field !== null && !act.mayGiveAccess) throw mayNotGiveAccess(field);
  if (field === "role" && act.by.kind === "person" && act.by.id === before?.id) throw new Refusal("YOURSELF", 409, "You cannot change your own role; somebody else has to.", [{ where: "body.role", message: "is your own" }]);
  // By the UPN people sign in, where no account is bound yet: whoever changes it hands out the way in.
  if (before !== null && before.settings.upn.toLowerCase() !== settings.upn.toLowerCase()) await refuseStandingFor(tx, act.by, before.id, now);
  const isOther = before?.id ?? newUuid();
  const taken: PersonMistake[] = [];
  const upn = await tx.selectFrom("people").select("display_name").where((eb) => eb(eb.fn("lower", ["upn"]), "=", settings.upn.toLowerCase())).where("deleted_at", "is", null).where("person_id", "<>", isOther).executeTakeFirst();
  if (upn !== undefined) taken.push({ where: "upn", message: `is the UPN of ${upn.display_name} already` });
  if (settings.addresses.length > 0) {
    const owned = await tx.selectFrom("person_addresses as a").innerJoin("people as p", (join) => join.onRef("p.tenant_id", "=", "a.tenant_id").onRef("p.person_id", "=", "a.person_id")).select(["a.address", "p.display_name"]).where("a.address", "in", settings.addresses).where("a.person_id", "<>", isOther).execute();
    for (const { address, display_name } of owned) taken.push({ where: `addresses.${wanted.addresses.findIndex((text) => normalized(text) === address)}`, message: `is an address of ${display_name} already` });
  }
  if (settings.extensions.length > 0) {
    const owned = await tx.selectFrom("person_extensions as e").innerJoin("people as p", (join) => join.onRef("p.tenant_id", "=", "e.tenant_id").onRef("p.person_id", "=", "e.person_id")).select(["e.extension", "p.display_name"]).where("e.extension", "in", settings.extensions).where("e.person_id", "<>", isOther).execute();
    for (const { extension, display_name } of owned) taken.push({ where: `extensions.${wanted.extensions.indexOf(extension)}`, message: `is an extension of ${display_name} already` });
  }
  if (taken.length > 0) throw invalid(taken, 409, "TAKEN");
  const groupIds = [...settings.groupIds, ...settings.managedGroupIds];
  if (groupIds.length > 0) {
    const known = new Set((await tx.selectFrom("people_groups").select("group_id").where("group_id", "in", groupIds).execute()).map(({ group_id }) => group_id));
    const unknown = (["groupIds", "managedGroupIds"] as const).flatMap((where) => wanted[where].flatMap((id, at) => (known.has(id.toLowerCase()) ? [] : [{ where: `${where}.${at}`, message: "is no group of yours" }])));
    if (unknown.length > 0) throw invalid(unknown);
  }
  const had = before?.settings.groupIds ?? [];
  const moved = [...settings.groupIds.filter((id) => !had.includes(id)), ...had.filter((id) => !settings.groupIds.includes(id))];
  const following = await fromDirectory(tx, moved);
  if (following.length > 0) throw invalid(following.map(({ name }) => ({ where: "groupIds", message: `: ${followsDirectory(name)}` })), 409, "DIRECTORY_GROUP");
  return settings;
}

const normalized = (text: string): string => checkPersonSettings({ displayName: "x", upn: "x@x", givenName: null, familyName: null, role: "User", recorded: true, addresses: [text], extensions: [], groupIds: [], managedGroupIds: [] }).settings.addresses[0]!;

async function list(tx: TenantTransaction, { q = "", group, limit, after }: PersonQuery): Promise<PersonPage> {
  let query = tx.selectFrom("people").where("deleted_at", "is", null);
  const typed = q.trim();
  if (!isStorable(typed)) return { people: [], next: null, total: 0 };
  if (typed !== "") {
    const pattern = `%${typed.toLowerCase().replace(/[\\%_]/g, (character) => `\\${character}`)}%`;
    const digits = typed.replace(/[\s().\-/]/g, "");
    const number = /^\+?\d+$/.test(digits) ? `%${digits}%` : pattern;
    query = query.where((eb) =>
      eb.or([
        eb(eb.fn("lower", ["display_name"]), "like", pattern),
        eb(eb.fn("lower", ["upn"]), "like", pattern),
        eb("person_id", "in", eb.selectFrom("person_addresses").select("person_id").where((address) => address.or([address("address", "like", pattern), address("address", "like", number)]))),
        eb("person_id", "in", eb.selectFrom("person_extensions").select("person_id").where("extension", "like", number)),
      ]),
    );
  }
  if (group !== undefined) query = query.where("person_id", "in", (eb) => eb.selectFrom("group_members").select("person_id").where("group_id", "=", group));
  const { total } = await query.select((eb) => eb.fn.countAll<number>().as("total")).executeTakeFirstOrThrow();
  const name = sql<string>`lower(display_name)`;
  if (after !== undefined) {
    const from = parseCursor(after);
    query = query.where((eb) => eb.or([eb(name, ">", from.name), eb.and([eb(name, "=", from.name), eb("person_id", ">", from.id)])]));
  }
  const found = await query.select(["person_id", name.as("name")]).orderBy(name).orderBy("person_id").limit(limit + 1).execute();
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return { people: await readPeople(tx, page.map(({ person_id }) => person_id)), next: found.length > limit && last !== undefined ? formatCursor(last.name, last.person_id) : null, total };
}

/** Opaque on purpose: the order of the list may change, and then so may this. */
const formatCursor = (name: string, id: string): string => Buffer.from(`${id}${name}`, "utf8").toString("base64url");

function parseCursor(text: string): { name: string; id: string } {
  const [, id, name] = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(.*)$/s.exec(Buffer.from(text, "base64url").toString("utf8")) ?? [];
  if (id === undefined || name === undefined || !isStorable(name)) {
    const message = "is not the `next` of a page of this list";
    throw new Refusal("VALIDATION", 400, `\`after\` ${message}.`, [{ where: "query.after", message }]);
  }
  return { id, name };
}

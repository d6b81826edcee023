/** Users of a tenant's Microsoft 365 directory become its people, and stay what they are there (M365-54, M365-58). */
import { setImmediate as breathe } from "node:timers/promises";
import type { Person } from "@earwitness/contract";
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { sql } from "kysely";
import { putRows, withTenant, type TenantTransaction } from "#db";
import { readUsers, type DeltaPage, type GraphClient, type UserChange } from "#directory";
import { append, appendMany, type EvidenceEntry } from "#evidence";
import { isStorable } from "#tenants";
import { changing, evidenceOf, type Act, type PeopleOptions } from "./act.ts";
import { keepWalk, readWalk, refuseOvertaken, type Walk } from "./directory-walk.ts";
import { lastAdministrators } from "./last-administrator.ts";
import { chunks, readPeople, writePeople } from "./person-rows.ts";
import { personFields } from "./person-settings.ts";
import { planUsers, type KnownBefore } from "./plan-users.ts";
import { forgetRemembered, readRemembered } from "./remembered-people.ts";

const Counts = Type.Object({
  added: Type.Integer(),
  changed: Type.Integer(),
  removed: Type.Integer(),
  restored: Type.Integer(),
  kept: Type.Integer(),
  problems: Type.Integer(),
  told: Type.Array(Type.Object({ objectId: Type.String(), message: Type.String() })),
  requests: Type.Integer(),
  repeated: Type.Integer(),
  waitedMs: Type.Integer(),
});
type Counts = Static<typeof Counts>;

/** What a run did, of which a person can be told. Counted over all of its parts, where it was stopped and went on. */
export interface ReplicationReport {
  /** false: only what changed since the run before was read. */
  readonly everything: boolean;
  /** It went on where an earlier one was stopped. */
  readonly resumed: boolean;
  readonly begunAt: string;
  /** People who are new. */
  readonly added: number;
  /** People who became something else, or came by form and are the directory's from now on. */
  readonly changed: number;
  /** People who are in the directory no more. */
  readonly removed: number;
  /** People who had been removed, and are back. */
  readonly restored: number;
  /** Read, and so already. */
  readonly kept: number;
  /** Users who could not become people; `told` names the first hundred. */
  readonly problems: number;
  readonly told: readonly { readonly objectId: string; readonly message: string }[];
  /** For the pages that were taken: asked of Microsoft, of these again, and time waited because we were told to or because of a failure. */
  readonly requests: number;
  readonly repeated: number;
  readonly waitedMs: number;
}

export interface Replicating {
  /** Everything is read, though the changes would do. */
  readonly everything?: boolean;
  /** Unless that was begun after this moment, by a run that was stopped since. */
  readonly everythingSince?: Date;
  /** Problems of the run before are left to one that reads everything. */
  readonly onlyChanges?: boolean;
  /** Where nothing changed, no row of evidence says that it was looked at. */
  readonly quietly?: boolean;
  /** Whether the calls of those who are new are recorded. */
  readonly recordsNew: boolean;
  readonly signal?: AbortSignal;
}

const mostTold = 100;
/** So many may be gone, though not everybody; of more it has to be less than half, or something is wrong with what was read. */
const goneWithoutQuestion = 10;
const nothing: Counts = { added: 0, changed: 0, removed: 0, restored: 0, kept: 0, problems: 0, told: [], requests: 0, repeated: 0, waitedMs: 0 };

/**
 * Goes on where a run was stopped (also where everything was asked for), else reads what changed since the one before; everything where there was none, where it had
 * problems, or where Microsoft has forgotten the link. Ends with an error as soon as Microsoft or the database does; what was read until
 * then stays.
 */
export async function replicateUsers(options: PeopleOptions, act: Act, graph: GraphClient, replicating: Replicating): Promise<ReplicationReport> {
  const found = await withTenant(options.db, act.tenantId, readUsersWalk);
  const resumed = found !== null && !found.finished;
  const isReadSince = found !== null && replicating.everythingSince !== undefined && found.everything && found.begunAt >= replicating.everythingSince;
  const anew = found === null || (found.finished && !isReadSince && (replicating.everything === true || (replicating.onlyChanges !== true && found.counts.problems > 0)));
  let walk = found;
  let asked = graph.usage();
  for await (const page of readUsers(graph, anew ? null : found.link, { signal: replicating.signal })) {
    const usage = graph.usage();
    const more = { requests: usage.requests - asked.requests, repeated: usage.repeated - asked.repeated, waitedMs: usage.waitedMs - asked.waitedMs };
    asked = usage;
    const before = walk;
    walk = await changing(options, act, (tx) => takePage(tx, options, act, before, page, more, replicating));
  }
  if (walk === null) throw new Error("a walk has at least one page");
  const { everything, begunAt, counts } = walk;
  return { everything, resumed, begunAt: begunAt.toISOString(), ...counts };
}

async function takePage(
  tx: TenantTransaction, options: PeopleOptions, act: Act, before: Walk<Counts> | null, page: DeltaPage<UserChange>, more: Pick<Counts, "requests" | "repeated" | "waitedMs">, { recordsNew, quietly = false }: Replicating,
): Promise<Walk<Counts>> {
  refuseOvertaken(await readUsersWalk(tx), before);
  const isNew = page.startsOver || before === null || before.finished;
  const pass = (before?.pass ?? 0) + (page.startsOver ? 1 : 0);
  const everything = page.startsOver || (!isNew && before.everything);
  const counts = structuredClone(isNew ? nothing : before.counts);
  counts.requests += more.requests;
  counts.repeated += more.repeated;
  counts.waitedMs += more.waitedMs;
  const rows = await takeUsers(tx, options, act, page.items, pass, recordsNew, counts);
  const finished = page.deltaLink !== null;
  if (finished && everything) rows.push(...(await takeAway(tx, options, act, pass, counts)));
  for (const some of chunks(rows)) {
    await appendMany(tx, some);
    await breathe();
  }
  const walk: Walk<Counts> = { link: page.deltaLink ?? page.nextLink, finished, everything, pass, begunAt: isNew ? options.clock.now() : before.begunAt, counts };
  await keepWalk(tx, "users", walk);
  if (finished && everything) await forgetRemembered(tx, options.clock.now());
  const isNothing = counts.added + counts.changed + counts.removed + counts.restored + counts.problems === 0;
  if (finished && !(quietly && isNothing)) {
    const { told, ...numbers } = counts;
    await append(tx, evidenceOf(options, act, "Import", "Auto Sync with AAD", null, { what: "users", everything, ...numbers, told: told.slice(0, 10) }));
  }
  return walk;
}

/** Makes people of one page's users; returns the rows of evidence, one for each who changed. */
async function takeUsers(tx: TenantTransaction, options: PeopleOptions, act: Act, users: readonly UserChange[], pass: number, recordsNew: boolean, counts: Counts): Promise<EvidenceEntry[]> {
  const latest = eachOnce(users);
  const linked = await linksOf(tx, "object_id", latest.map(({ id }) => id.toLowerCase()));
  const [gone, present] = [latest.filter((user) => user["@removed"] !== undefined), latest.filter((user) => user["@removed"] === undefined)];
  const removed = await removePeople(tx, options, act, gone.flatMap((user) => {
    const personId = linked.get(user.id.toLowerCase());
    return personId === undefined ? [] : [{ personId, forGood: user["@removed"]?.reason === "deleted" }];
  }), counts);
  const known = await knownBefore(tx, present, linked);
  const plan = planUsers(present, known, recordsNew);

  const changed = plan.users.filter(({ change, isNewLink, back }) => isNewLink || back !== null || Object.keys(change).length > 0);
  const isNew = new Set(changed.flatMap(({ before, back, after }) => (before === null && back === null ? [after.id] : [])));
  await writePeople(tx, changed.map(({ after }) => after), (id) => isNew.has(id));
  const back = new Set(changed.flatMap((user) => (user.back === null ? [] : [user.after.id])));
  for (const ids of chunks([...back])) await tx.updateTable("people").set({ deleted_at: null }).where("person_id", "in", ids).execute();
  // Whoever could not be taken is there all the same.
  const living = new Set(known.people.map(({ id }) => id));
  const untaken = plan.problems.flatMap(({ objectId }) => {
    const personId = linked.get(objectId);
    return personId === undefined || !living.has(personId) ? [] : [{ objectId, personId }];
  });
  await keepLinks(tx, [...plan.users.map(({ objectId, after }) => ({ objectId, personId: after.id })), ...untaken], pass);

  counts.removed += removed.length;
  counts.added += isNew.size;
  counts.restored += back.size;
  counts.changed += changed.length - isNew.size - back.size;
  counts.kept += plan.users.length - changed.length;
  counts.problems += plan.problems.length;
  counts.told = [...counts.told, ...plan.problems].slice(0, mostTold);
  // Who is in a group of the directory may be somebody here only now, or no more.
  if (removed.length > 0 || changed.some(({ isNewLink, back }) => isNewLink || back !== null)) await tx.updateTable("directory_groups").set({ stale: true }).where("stale", "=", false).execute();
  return [
    ...removed,
    ...changed.map(({ objectId, before, back, after, change, isNewLink }) => {
      const wholly = back === null ? change : { deleted_at: { from: back.deletedAt, to: null }, ...change };
      return evidenceOf(options, act, isNew.has(after.id) ? "Add" : "Modify", "User", after.id, { name: after.settings.displayName, change: wholly, ...(isNewLink || before === null ? { directoryObject: objectId } : {}) });
    }),
  ];
}

/** The same user may come several times on a page, each time with what changed then. */
function eachOnce(users: readonly UserChange[]): UserChange[] {
  const latest = new Map<string, UserChange>();
  for (const user of users) {
    const before = latest.get(user.id.toLowerCase());
    const goesOn = before !== undefined && before["@removed"] === undefined && user["@removed"] === undefined;
    latest.set(user.id.toLowerCase(), goesOn ? { ...before, ...user } : user);
  }
  return [...latest.values()];
}

async function livingPeople(tx: TenantTransaction, ids: readonly string[]): Promise<Person[]> {
  const people: Person[] = [];
  for (const some of chunks(ids)) people.push(...(await readPeople(tx, some)));
  return people;
}

async function knownBefore(tx: TenantTransaction, users: readonly UserChange[], linked: ReadonlyMap<string, string>): Promise<KnownBefore> {
  const byUpn: string[] = [];
  for (const some of chunks(users.flatMap(({ userPrincipalName }) => userPrincipalName?.toLowerCase() ?? []).filter(isStorable))) {
    const rows = await tx.selectFrom("people").select("person_id").where((eb) => eb(eb.fn<string>("lower", ["upn"]), "in", some)).where("deleted_at", "is", null).execute();
    byUpn.push(...rows.map(({ person_id }) => person_id));
  }
  const ids = [...new Set([...byUpn, ...users.flatMap(({ id }) => linked.get(id.toLowerCase()) ?? [])])];
  const taken = new Set<string>();
  for (const some of chunks(users.map(({ id }) => id.toLowerCase()))) {
    for (const { person_id } of await tx.selectFrom("people").select("person_id").where("person_id", "in", some).execute()) taken.add(person_id);
  }
  const remembered = await readRemembered(tx, users.flatMap(({ id }) => linked.get(id.toLowerCase()) ?? []));
  return { linked, people: await livingPeople(tx, ids), claimed: new Set((await linksOf(tx, "person_id", ids)).values()), taken, remembered };
}

/** Person by object id. */
async function linksOf(tx: TenantTransaction, by: "object_id" | "person_id", ids: readonly string[]): Promise<Map<string, string>> {
  const links = new Map<string, string>();
  for (const some of chunks(ids)) {
    for (const { object_id, person_id } of await tx.selectFrom("directory_people").select(["object_id", "person_id"]).where(by, "in", some).execute()) links.set(object_id, person_id);
  }
  return links;
}

async function keepLinks(tx: TenantTransaction, links: readonly { readonly objectId: string; readonly personId: string }[], pass: number): Promise<void> {
  for (const some of chunks(links)) await putRows(tx, "directory_people", ["tenant_id", "object_id"], some.map(({ objectId, personId }) => ({ tenant_id: tx.tenantId, object_id: objectId, person_id: personId, pass, removed_at: null, removed_with: null })));
}

/** After everything was read: whoever was not in it is gone. */
async function takeAway(tx: TenantTransaction, options: PeopleOptions, act: Act, pass: number, counts: Counts): Promise<EvidenceEntry[]> {
  const gone = (await tx.selectFrom("directory_people").select("person_id").where("pass", "<", pass).where("removed_at", "is", null).execute()).map(({ person_id }) => person_id);
  const { all } = await tx.selectFrom("directory_people").select((eb) => eb.fn.countAll<number>().as("all")).where("removed_at", "is", null).executeTakeFirstOrThrow();
  if (gone.length * 2 > all && (gone.length > goneWithoutQuestion || gone.length === all)) {
    tell(counts, { objectId: "", message: `${gone.length} of ${all} people are not in the directory any more; that is more than half, so none of them was removed` });
    return [];
  }
  const rows = await removePeople(tx, options, act, gone.map((personId) => ({ personId, forGood: false })), counts);
  counts.removed += rows.length;
  if (rows.length > 0) await tx.updateTable("directory_groups").set({ stale: true }).where("stale", "=", false).execute();
  return rows;
}

/** What concerns everybody is told before what concerns one. */
function tell(counts: Counts, problem: Counts["told"][number]): void {
  counts.problems++;
  counts.told = [problem, ...counts.told].slice(0, mostTold);
}

/** They are gone from lists and calls; what was recorded of them stays (M365-59). `forGood`: they cannot be restored there. */
async function removePeople(tx: TenantTransaction, options: PeopleOptions, act: Act, going: readonly { readonly personId: string; readonly forGood: boolean }[], counts: Counts): Promise<EvidenceEntry[]> {
  const found = await livingPeople(tx, going.map(({ personId }) => personId));
  const staying = await lastAdministrators(tx, found);
  for (const { id, settings } of found) {
    if (staying.has(id)) tell(counts, { objectId: id, message: `${settings.displayName} is gone from the directory, and the last person with full access: they were not removed. Give full access to somebody else` });
  }
  const people = found.filter(({ id }) => !staying.has(id));
  const now = options.clock.now();
  const forGood = going.filter(({ personId, forGood: good }) => good && !staying.has(personId)).map(({ personId }) => personId);
  for (const ids of chunks(people.map(({ id }) => id))) {
    await tx.updateTable("people").set({ deleted_at: now }).where("person_id", "in", ids).execute();
    for (const table of ["person_identities", "local_accounts", "local_enrollments"] as const) await tx.deleteFrom(table).where("person_id", "in", ids).execute();
    await tx.deleteFrom("person_addresses").where("person_id", "in", ids).execute();
    await tx.deleteFrom("person_extensions").where("person_id", "in", ids).execute();
    await tx.deleteFrom("group_members").where("person_id", "in", ids).execute();
    await tx.deleteFrom("managed_groups").where("person_id", "in", ids).execute();
  }
  const others = going.filter(({ personId, forGood: good }) => !good && !staying.has(personId)).map(({ personId }) => personId);
  for (const ids of chunks(others)) await tx.updateTable("directory_people").set({ removed_at: now }).where("person_id", "in", ids).where("removed_at", "is", null).execute();
  for (const some of chunks(people)) {
    await sql`update directory_people d set removed_with = g.settings from jsonb_to_recordset(${JSON.stringify(some.map(({ id, settings }) => ({ id, settings })))}::jsonb) as g (id uuid, settings jsonb) where d.tenant_id = ${tx.tenantId} and d.person_id = g.id`.execute(tx);
  }
  for (const ids of chunks(forGood)) await tx.deleteFrom("directory_people").where("person_id", "in", ids).execute();
  return people.map(({ id, settings }) => evidenceOf(options, act, "Delete", "User", id, { name: settings.displayName, was: personFields(settings) }));
}

const readUsersWalk = async (tx: TenantTransaction): Promise<Walk<Counts> | null> => await readWalk(tx, "users", (stored) => Value.Parse(Counts, stored));

/** Chosen groups of a tenant's Microsoft 365 directory have the names and the people that they have there, nested ones included (M365-58, CON-35). */
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { sql } from "kysely";
import { withTenant, type TenantTransaction } from "#db";
import { readGroups, type DeltaPage, type GraphClient, type GroupChange } from "#directory";
import { append } from "#evidence";
import { changing, evidenceOf, type Act, type PeopleOptions } from "./act.ts";
import { applyMemberships } from "./apply-memberships.ts";
import { freeName } from "./chosen-groups.ts";
import { keepWalk, readWalk, refuseOvertaken, type Walk, type WalkName } from "./directory-walk.ts";
import { groupsOfBatch, placeWatches } from "./watched-groups.ts";

const Progress = Type.Object({
  /** A group came back that was gone: what is in it has to be read from the beginning. */
  again: Type.Boolean(),
});
type Progress = Static<typeof Progress>;

export interface ReplicatingGroups {
  /** Everything is read, though the changes would do, unless that was begun after this moment. */
  readonly everythingSince?: Date | undefined;
  readonly signal?: AbortSignal;
}

export interface GroupsReport {
  /** Groups that are read: the chosen ones and those in them. */
  readonly read: number;
  /** How often somebody came into a group, and went out of one. */
  readonly came: number;
  readonly went: number;
  /** Chosen groups that are not in the directory any more. */
  readonly missing: readonly { readonly objectId: string; readonly name: string }[];
  readonly requests: number;
  readonly repeated: number;
  readonly waitedMs: number;
}

/** Groups in groups in groups: each step down is a round. Nobody nests as deep as this. */
const mostRounds = 100;

/**
 * Each batch goes on where it was stopped, else reads what changed. Groups that are found in groups are read in the next round, until there
 * are no new ones; then everybody is put where they belong.
 */
export async function replicateGroups(options: PeopleOptions, act: Act, graph: GraphClient, { everythingSince, signal }: ReplicatingGroups = {}): Promise<GroupsReport> {
  const before = graph.usage();
  for (let round = 0; round < mostRounds; round++) {
    const anew = round === 0 && everythingSince !== undefined && !(await withTenant(options.db, act.tenantId, (tx) => isBegunSince(tx, everythingSince)));
    const batches = await changing({ ...options, announce: () => undefined }, act, async (tx) => {
      // Whatever else has changed who is in a group is put right by the next whole reading.
      if (round === 0 && everythingSince !== undefined) await tx.updateTable("directory_groups").set({ stale: true }).where("stale", "=", false).execute();
      return await placeWatches(tx, anew);
    });
    let isQuiet = true;
    for (const batch of batches) {
      const walk = await withTenant(options.db, act.tenantId, (tx) => readGroupsWalk(tx, `groups ${batch}`));
      if (round > 0 && walk !== null && walk.link !== null && walk.finished) continue;
      isQuiet = false;
      await readBatch(options, act, graph, batch, walk, everythingSince, signal);
    }
    if (isQuiet) break;
  }
  const { came, went } = await applyMemberships(options, act, signal);
  const usage = graph.usage();
  return await withTenant(options.db, act.tenantId, async (tx) => {
    const { read } = await tx.selectFrom("directory_watches").select((eb) => eb.fn.countAll<number>().as("read")).executeTakeFirstOrThrow();
    const missing = await tx.selectFrom("directory_groups as d").innerJoin("people_groups as g", (join) => join.onRef("g.tenant_id", "=", "d.tenant_id").onRef("g.group_id", "=", "d.group_id")).select(["d.object_id as objectId", "g.name"]).where("d.missing_since", "is not", null).orderBy("g.name").execute();
    return { read, came, went, missing, requests: usage.requests - before.requests, repeated: usage.repeated - before.repeated, waitedMs: usage.waitedMs - before.waitedMs };
  });
}

async function readBatch(options: PeopleOptions, act: Act, graph: GraphClient, batch: number, found: Walk<Progress> | null, everythingSince: Date | undefined, signal: AbortSignal | undefined): Promise<void> {
  const groupIds = await withTenant(options.db, act.tenantId, (tx) => groupsOfBatch(tx, batch));
  const isOld = everythingSince !== undefined && found !== null && found.finished && !(found.everything && found.begunAt >= everythingSince);
  let walk = found;
  for await (const page of readGroups(graph, groupIds, isOld ? null : (found?.link ?? null), { signal })) {
    const known = walk;
    walk = await changing(options, act, (tx) => takePage(tx, options, act, batch, known, page));
  }
}

async function takePage(tx: TenantTransaction, options: PeopleOptions, act: Act, batch: number, before: Walk<Progress> | null, page: DeltaPage<GroupChange>): Promise<Walk<Progress>> {
  const name: WalkName = `groups ${batch}`;
  refuseOvertaken(await readGroupsWalk(tx, name), before);
  const isNew = page.startsOver || before === null || before.finished;
  const everything = page.startsOver || (!isNew && before.everything);
  const pass = page.startsOver ? (await lastPass(tx, batch)) + 1 : (before?.pass ?? 1);
  const watched = new Map((await tx.selectFrom("directory_watches").select(["object_id", "missing"]).where("batch", "=", batch).execute()).map(({ object_id, missing }) => [object_id, missing]));
  let again = !isNew && before.counts.again;
  let isChanged = false;
  for (const group of page.items) {
    const objectId = group.id.toLowerCase();
    const wasMissing = watched.get(objectId);
    if (wasMissing === undefined) continue; // it was in a group once, or is chosen no more
    if (group["@removed"] !== undefined) {
      await goMissing(tx, options, [objectId]);
      isChanged = true;
      continue;
    }
    if (wasMissing && !everything) again = true;
    await tx.updateTable("directory_watches").set({ pass, missing: false }).where("object_id", "=", objectId).execute();
    if (wasMissing) await tx.updateTable("directory_groups").set({ missing_since: null }).where("object_id", "=", objectId).execute();
    if (typeof group.displayName === "string") await follow(tx, options, act, objectId, group.displayName);
    if (await takeMembers(tx, objectId, group["members@delta"] ?? [], pass)) isChanged = true;
  }
  const finished = page.deltaLink !== null;
  if (finished && everything && (await takeAway(tx, options, batch, pass))) isChanged = true;
  if (isChanged) await tx.updateTable("directory_groups").set({ stale: true }).where("stale", "=", false).execute();
  const link = finished && again ? null : (page.deltaLink ?? page.nextLink);
  const walk: Walk<Progress> = { link, finished, everything, pass, begunAt: isNew ? options.clock.now() : before.begunAt, counts: { again: again && !finished } };
  await keepWalk(tx, name, walk);
  return walk;
}

/** Of everything that this batch was ever read with, so that what is older can be told from what is there. */
async function lastPass(tx: TenantTransaction, batch: number): Promise<number> {
  const { rows } = await sql<{ pass: number | null }>`
    select greatest(max(w.pass), max(m.pass), (select max(pass) from directory_walks where tenant_id = ${tx.tenantId} and walk = ${`groups ${batch}`})) as pass
      from directory_watches w left join directory_members m on m.tenant_id = w.tenant_id and m.group_object_id = w.object_id
     where w.tenant_id = ${tx.tenantId} and w.batch = ${batch}`.execute(tx);
  return rows[0]?.pass ?? 0;
}

/** True where somebody came or went. The same may be said twice. */
async function takeMembers(tx: TenantTransaction, groupId: string, members: NonNullable<GroupChange["members@delta"]>, pass: number): Promise<boolean> {
  const latest = new Map(members.map((member) => [member.id.toLowerCase(), member]));
  const gone = [...latest].flatMap(([id, member]) => (member["@removed"] === undefined ? [] : [id]));
  const here = [...latest].flatMap(([id, member]) => (member["@removed"] === undefined ? [{ id, is_group: member["@odata.type"]?.toLowerCase() === "#microsoft.graph.group" }] : []));
  let isChanged = false;
  if (gone.length > 0) {
    const { numDeletedRows } = await tx.deleteFrom("directory_members").where("group_object_id", "=", groupId).where((eb) => eb("member_object_id", "=", sql<string>`any(${gone}::uuid[])`)).executeTakeFirstOrThrow();
    isChanged = numDeletedRows > 0n;
  }
  if (here.length > 0) {
    const { rows } = await sql<{ added: number }>`
      with put as (
        insert into directory_members (tenant_id, group_object_id, member_object_id, is_group, pass)
        select ${tx.tenantId}::uuid, ${groupId}::uuid, g.id, g.is_group, ${pass}::integer from json_to_recordset(${JSON.stringify(here)}::json) as g (id uuid, is_group boolean)
        on conflict (tenant_id, group_object_id, member_object_id) do update set pass = excluded.pass, is_group = excluded.is_group
        returning xmax = 0 as is_new)
      select count(*) filter (where is_new)::integer as added from put`.execute(tx);
    isChanged ||= (rows[0]?.added ?? 0) > 0;
  }
  return isChanged;
}

/** After everything was read: members and groups that were not in it are gone. */
async function takeAway(tx: TenantTransaction, options: PeopleOptions, batch: number, pass: number): Promise<boolean> {
  const { rows } = await sql<{ gone: number }>`
    with gone as (
      delete from directory_members m using directory_watches w
       where m.tenant_id = ${tx.tenantId} and w.tenant_id = m.tenant_id and w.object_id = m.group_object_id and w.batch = ${batch} and m.pass < ${pass}
      returning 1)
    select count(*)::integer as gone from gone`.execute(tx);
  const missing = await tx.selectFrom("directory_watches").select("object_id").where("batch", "=", batch).where("pass", "<", pass).where("missing", "=", false).execute();
  await goMissing(tx, options, missing.map(({ object_id }) => object_id));
  return (rows[0]?.gone ?? 0) > 0 || missing.length > 0;
}

/** Whoever is in a group that is gone there stays in it here until an administrator decides; what it held of others is not known any more. */
async function goMissing(tx: TenantTransaction, options: PeopleOptions, objectIds: readonly string[]): Promise<void> {
  if (objectIds.length === 0) return;
  await tx.updateTable("directory_watches").set({ missing: true }).where("object_id", "in", objectIds).execute();
  await tx.updateTable("directory_groups").set({ missing_since: options.clock.now() }).where("object_id", "in", objectIds).where("missing_since", "is", null).execute();
  await tx.deleteFrom("directory_members").where("group_object_id", "in", objectIds).execute();
}

/** A chosen group is called what it is called there. */
async function follow(tx: TenantTransaction, options: PeopleOptions, act: Act, objectId: string, theirs: string): Promise<void> {
  const group = await tx.selectFrom("directory_groups as d").innerJoin("people_groups as g", (join) => join.onRef("g.tenant_id", "=", "d.tenant_id").onRef("g.group_id", "=", "d.group_id")).select(["g.group_id", "g.name"]).where("d.object_id", "=", objectId).executeTakeFirst();
  if (group === undefined) return;
  const name = await freeName(tx, theirs, group.group_id);
  if (name === group.name) return;
  await tx.updateTable("people_groups").set({ name }).where("group_id", "=", group.group_id).execute();
  await append(tx, evidenceOf(options, act, "Modify", "Group", group.group_id, { name, change: { name: { from: group.name, to: name } } }));
}

/** A run that was stopped had begun to read everything again already. */
async function isBegunSince(tx: TenantTransaction, moment: Date): Promise<boolean> {
  const row = await tx.selectFrom("directory_walks").select("walk").where("walk", "<>", "users").where("everything", "=", true).where("begun_at", ">=", moment).limit(1).executeTakeFirst();
  return row !== undefined;
}

const readGroupsWalk = async (tx: TenantTransaction, name: WalkName): Promise<Walk<Progress> | null> => await readWalk(tx, name, (stored) => Value.Parse(Progress, stored));

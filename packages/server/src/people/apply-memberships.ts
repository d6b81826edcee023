/** People come into the groups that they stand in in the directory, directly or through groups in them, and go out of the others. */
import { setImmediate as breathe } from "node:timers/promises";
import { sql } from "kysely";
import type { TenantTransaction } from "#db";
import { appendMany, type EvidenceEntry } from "#evidence";
import { changing, evidenceOf, type Act, type PeopleOptions } from "./act.ts";
import { chunks } from "./person-rows.ts";

interface Move {
  readonly group_id: string;
  readonly person_id: string;
  /** false: they went. */
  readonly came: boolean;
}

/** In one transaction; each is a row of evidence, and so is each of their groups. */
const peopleAtATime = 500;
/** What comes while it is being done is done in the next turn. */
const mostTurns = 5;

export async function applyMemberships(options: PeopleOptions, act: Act, signal?: AbortSignal): Promise<{ readonly came: number; readonly went: number }> {
  let [came, went] = [0, 0];
  for (let turn = 0; turn < mostTurns; turn++) {
    const moves = await changing({ ...options, announce: () => undefined }, act, async (tx) => {
      const found = await movesOf(tx);
      if (found.length === 0) await tx.updateTable("directory_groups").set({ stale: false }).where("stale", "=", true).where("missing_since", "is", null).execute();
      return found;
    });
    if (moves.length === 0) break;
    const people = [...Map.groupBy(moves, ({ person_id }) => person_id).values()];
    for (const some of chunks(people, peopleAtATime)) {
      signal?.throwIfAborted();
      const done = await changing(options, act, (tx) => move(tx, options, act, some.flat()));
      for (const { came: isComing } of done) if (isComing) came++; else went++;
      await breathe();
    }
  }
  return { came, went };
}

/** Of the groups that may have changed: who is to be in them and is not, and the other way around. */
async function movesOf(tx: TenantTransaction): Promise<Move[]> {
  const { tenantId } = tx;
  const { rows } = await sql<Move>`
    with recursive chosen as materialized (select object_id, group_id from directory_groups where tenant_id = ${tenantId} and stale and missing_since is null),
    reached (group_id, object_id) as (
      select group_id, object_id from chosen
      union select r.group_id, m.member_object_id from reached r join directory_members m on m.tenant_id = ${tenantId} and m.group_object_id = r.object_id where m.is_group),
    wanted as (
      select distinct r.group_id, p.person_id
        from reached r
        join directory_members m on m.tenant_id = ${tenantId} and m.group_object_id = r.object_id
        join directory_people d on d.tenant_id = ${tenantId} and d.object_id = m.member_object_id and d.removed_at is null
        join people p on p.tenant_id = ${tenantId} and p.person_id = d.person_id and p.deleted_at is null),
    have as (select m.group_id, m.person_id from group_members m join chosen c on c.group_id = m.group_id where m.tenant_id = ${tenantId})
    select coalesce(w.group_id, h.group_id) as group_id, coalesce(w.person_id, h.person_id) as person_id, h.person_id is null as came
      from wanted w full join have h on h.group_id = w.group_id and h.person_id = w.person_id
     where h.person_id is null or w.person_id is null
     order by 2, 1`.execute(tx);
  return rows;
}

/** Of what was found to be different, what still can be done: people may have been removed since, and groups chosen no more. */
async function move(tx: TenantTransaction, options: PeopleOptions, act: Act, moves: readonly Move[]): Promise<readonly Move[]> {
  const personIds = [...new Set(moves.map(({ person_id }) => person_id))];
  const names = new Map((await tx.selectFrom("people").select(["person_id", "display_name"]).where("person_id", "in", personIds).where("deleted_at", "is", null).execute()).map((row) => [row.person_id, row.display_name]));
  const groups = new Map((await tx.selectFrom("directory_groups as d").innerJoin("people_groups as g", (join) => join.onRef("g.tenant_id", "=", "d.tenant_id").onRef("g.group_id", "=", "d.group_id")).select(["g.group_id", "g.name"]).execute()).map((row) => [row.group_id, row.name]));
  const had = Map.groupBy(await tx.selectFrom("group_members").select(["person_id", "group_id"]).where("person_id", "in", personIds).execute(), ({ person_id }) => person_id);
  const done = moves.filter(({ person_id, group_id, came }) => names.has(person_id) && groups.has(group_id) && (had.get(person_id) ?? []).some((row) => row.group_id === group_id) !== came);
  if (done.length === 0) return [];
  const pairs = (came: boolean) => JSON.stringify(done.filter((one) => one.came === came).map(({ group_id, person_id }) => ({ group_id, person_id })));
  await sql`insert into group_members (tenant_id, group_id, person_id) select ${tx.tenantId}::uuid, group_id, person_id from json_to_recordset(${pairs(true)}::json) as g (group_id uuid, person_id uuid)`.execute(tx);
  await sql`delete from group_members m using json_to_recordset(${pairs(false)}::json) as g (group_id uuid, person_id uuid) where m.tenant_id = ${tx.tenantId} and m.group_id = g.group_id and m.person_id = g.person_id`.execute(tx);

  const rows: EvidenceEntry[] = [];
  for (const [personId, own] of Map.groupBy(done, ({ person_id }) => person_id)) {
    const from = (had.get(personId) ?? []).map(({ group_id }) => group_id).toSorted();
    const gone = new Set(own.filter(({ came }) => !came).map(({ group_id }) => group_id));
    const to = [...from.filter((id) => !gone.has(id)), ...own.filter(({ came }) => came).map(({ group_id }) => group_id)].toSorted();
    rows.push(evidenceOf(options, act, "Modify", "User", personId, { name: names.get(personId)!, change: { group_ids: { from, to } } }));
  }
  for (const [groupId, own] of Map.groupBy(done, ({ group_id }) => group_id)) {
    const who = (came: boolean): string[] => own.filter((one) => one.came === came).map(({ person_id }) => person_id).toSorted();
    rows.push(evidenceOf(options, act, "Modify", "Group", groupId, { name: groups.get(groupId)!, came: who(true), went: who(false) }));
  }
  for (const some of chunks(rows)) await appendMany(tx, some);
  return done;
}

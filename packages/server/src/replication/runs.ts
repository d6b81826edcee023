/** Runs of a tenant: one at a time, each from being asked for to its end. */
import { DirectoryRunReport, type DirectoryRun } from "@earwitness/contract";
import type { Selectable } from "kysely";
import { Value } from "typebox/value";
import type { Database, TenantTransaction } from "#db";
import { Refusal } from "#errors";
import type { Actor } from "#evidence";
import { newUuid } from "#ids";

type Row = Selectable<Database["directory_runs"]>;

/** The job of a node that says nothing for so long is taken for dead; it says something every ten seconds. */
export const silentMs = 60_000;
export const beatMs = 10_000;
/** Runs are kept so long, to be read. */
const keptMs = 400 * 86_400_000;

export function describeRun(row: Row): DirectoryRun {
  return {
    id: row.run_id,
    kind: row.kind,
    cause: row.cause,
    state: row.state,
    askedBy: row.actor_name,
    askedAt: row.asked_at.toISOString(),
    begunAt: row.begun_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    report: Value.Check(DirectoryRunReport, row.report) ? row.report : null,
    error: row.error,
    repeated: row.repeated,
  };
}

export async function listRuns(tx: TenantTransaction, limit: number, before?: Date): Promise<DirectoryRun[]> {
  const rows = await tx.selectFrom("directory_runs").selectAll().$if(before !== undefined, (query) => query.where("asked_at", "<", before!)).orderBy("asked_at", "desc").limit(limit).execute();
  return rows.map(describeRun);
}

/** In the tenant's place in line. */
export async function newRun(tx: TenantTransaction, kind: Row["kind"], cause: Row["cause"], by: Actor, now: Date): Promise<Row> {
  const other = await tx.selectFrom("directory_runs").select(["state", "asked_at"]).where("state", "in", ["waiting", "running"]).executeTakeFirst();
  if (other !== undefined) throw new Refusal("RUN_UNDER_WAY", 409, `A run that was asked for at ${other.asked_at.toISOString()} ${other.state === "running" ? "is under way" : "waits for a node"}. Wait for its end.`);
  return await tx
    .insertInto("directory_runs")
    .values({ tenant_id: tx.tenantId, run_id: newUuid(), kind, cause, state: "waiting", actor_kind: by.kind, actor_id: by.id, actor_name: by.name, asked_at: now, begun_at: null, seen_at: null, node_id: null, ended_at: null, error: null })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Null: it has ended, or another node has it. `wasHere`: this process has none of its own, so one that says it runs here died. */
export async function claimRun(tx: TenantTransaction, runId: string, nodeId: string, now: Date, isHere: boolean): Promise<Row | null> {
  const row = await tx.selectFrom("directory_runs").selectAll().where("run_id", "=", runId).forUpdate().executeTakeFirst();
  if (row === undefined || (row.state !== "waiting" && row.state !== "running")) return null;
  if (row.state === "running" && !isDead(row, nodeId, now, isHere)) return null;
  const claimed = { state: "running", node_id: nodeId, seen_at: now, begun_at: row.begun_at ?? now } as const;
  await tx.updateTable("directory_runs").set(claimed).where("run_id", "=", runId).execute();
  return { ...row, ...claimed };
}

export function isDead({ node_id, seen_at }: Pick<Row, "node_id" | "seen_at">, nodeId: string, now: Date, isHere: boolean): boolean {
  return (node_id === nodeId && !isHere) || seen_at === null || now.getTime() - seen_at.getTime() > silentMs;
}

export async function beat(tx: TenantTransaction, runId: string, nodeId: string, now: Date): Promise<void> {
  await tx.updateTable("directory_runs").set({ seen_at: now }).where("run_id", "=", runId).where("node_id", "=", nodeId).where("state", "=", "running").execute();
}

/** It was stopped in between, and goes on with whoever takes it next. */
export async function layDown(tx: TenantTransaction, runId: string): Promise<void> {
  await tx.updateTable("directory_runs").set({ state: "waiting", seen_at: null, node_id: null }).where("run_id", "=", runId).where("state", "=", "running").execute();
}

export async function endRun(tx: TenantTransaction, run: Pick<Row, "run_id" | "cause">, end: { readonly report: DirectoryRunReport | null; readonly error: string | null }, now: Date): Promise<{ readonly isNews: boolean }> {
  await tx.updateTable("directory_connections").set({ looked_at: now }).execute();
  await tx.deleteFrom("directory_runs").where("asked_at", "<", new Date(now.getTime() - keptMs)).execute();
  if (run.cause === "watch" && end.report !== null && isNothing(end.report) && (await previous(tx, run.run_id))?.state === "done") {
    await tx.deleteFrom("directory_runs").where("run_id", "=", run.run_id).execute();
    return { isNews: false };
  }
  if (end.error !== null && run.cause === "watch") {
    const before = await previous(tx, run.run_id);
    if (before?.state === "failed" && before.error === end.error) {
      await tx.updateTable("directory_runs").set({ ended_at: now, repeated: before.repeated + 1 }).where("run_id", "=", before.run_id).execute();
      await tx.deleteFrom("directory_runs").where("run_id", "=", run.run_id).execute();
      return { isNews: false };
    }
  }
  await tx.updateTable("directory_runs").set({ state: end.error === null ? "done" : "failed", ended_at: now, report: end.report === null ? null : JSON.stringify(end.report), error: end.error }).where("run_id", "=", run.run_id).execute();
  return { isNews: true };
}

const previous = (tx: TenantTransaction, runId: string): Promise<Row | undefined> => tx.selectFrom("directory_runs").selectAll().where("run_id", "<>", runId).where("ended_at", "is not", null).orderBy("asked_at", "desc").limit(1).executeTakeFirst();

function isNothing({ people, groups, noticed, everything }: DirectoryRunReport): boolean {
  return !everything && people.added + people.changed + people.removed + people.restored + people.problems + groups.came + groups.went + noticed.length === 0;
}

/** Looks every few seconds which tenants' runs are due, or were left by a node that died, and gives them to the job queue. */
import { withSystem } from "#db";
import { messageOf } from "#errors";
import { dueRun } from "./due-run.ts";
import type { Failing } from "./failing.ts";
import { replicator } from "./perform-run.ts";
import { changing, type Parts } from "./replicating.ts";
import { isDead, newRun } from "./runs.ts";

const everyMs = 15_000;
/** A job that waits longer was lost with its queue. */
const waitsMs = 120_000;

export interface Watch {
  /** Once, now. */
  look(): Promise<void>;
  close(): Promise<void>;
}

export function createWatch(parts: Parts, running: ReadonlySet<string>, failing: Failing, ready: Promise<void>): Watch {
  const { db, clock, log, nodeId, enqueue } = parts;

  async function look(): Promise<void> {
    const tenants = await withSystem(db, (tx) => tx.selectFrom("directory_connections").select("tenant_id").execute());
    failing.keepOnly(tenants.map(({ tenant_id }) => tenant_id));
    for (const { tenant_id: tenantId } of tenants) {
      await changing(parts, tenantId, async (tx) => {
        const now = clock.now();
        const ended = await tx.selectFrom("directory_runs").select(["state", "asked_at"]).where("ended_at", "is not", null).orderBy("asked_at", "desc").limit(1).executeTakeFirst();
        failing.set(tenantId, ended?.state === "failed" ? ended.asked_at : null);
        const open = await tx.selectFrom("directory_runs").selectAll().where("state", "in", ["waiting", "running"]).executeTakeFirst();
        if (open !== undefined) {
          const isLost = open.state === "running" ? isDead(open, nodeId, now, running.has(open.run_id)) : !running.has(open.run_id) && now.getTime() - (open.seen_at ?? open.asked_at).getTime() > waitsMs;
          if (!isLost) return;
          // Its next sign of life is when it was given away again: not at every look.
          await tx.updateTable("directory_runs").set({ state: "waiting", node_id: null, seen_at: now }).where("run_id", "=", open.run_id).execute();
          return await enqueue(tx, open.run_id);
        }
        const whole = await tx.selectFrom("directory_runs").select((eb) => eb.fn.max("asked_at").as("at")).where("kind", "=", "everything").executeTakeFirst();
        const connection = await tx.selectFrom("directory_connections").select("looked_at").executeTakeFirst();
        if (connection === undefined) return;
        const due = dueRun(tenantId, { wholeAskedAt: whole?.at ?? null, lookedAt: connection.looked_at }, now);
        if (due !== null) await enqueue(tx, (await newRun(tx, due.kind, due.cause, replicator, now)).run_id);
      }).catch((error: unknown) => log.warn({ tenantId, error: messageOf(error) }, "a run of the directory was not begun; trying again"));
    }
  }

  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look).catch((error: unknown) => log.warn({ error: messageOf(error) }, "which directories are due was not seen; trying again"));
  }, everyMs);
  void ready.then(() => (looking = looking.then(look).catch(() => undefined)));
  return {
    look,
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}

/**
 * Gives every tenant's rows of evidence their place in the tenant's log, round after round: tenants of which little waits share a
 * transaction, any other has its own. Many nodes may do it at once: whoever locks a log has it for that batch.
 *
 * A round begins 250 ms after the one before, and at once where somebody waits for a place or more waits than one batch takes. Rows do
 * not wake it one by one: what comes in between shares a transaction, a signature and a sync.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "#clock";
import { isConnectionError, withTenant, type Db } from "#db";
import { messageOf, Refusal } from "#errors";
import type { Log } from "#log";
import type { Actor } from "./append.ts";
import type { KeptCheckpoint } from "./checkpoints.ts";
import type { LogSeeds } from "./log-key.ts";
import { pendingTenants } from "./pending.ts";
import { placeTogether } from "./place-together.ts";
import { hasId } from "./stored-row.ts";
import { createTenantLog, type Placing, type RememberedHeads, type TenantLog } from "./tenant-log.ts";

export interface SequencerOptions {
  readonly db: Db;
  readonly seeds: LogSeeds;
  readonly heads: RememberedHeads;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeId: string;
  readonly originOf: (tenantId: string) => string;
  /** When the schema is there; nothing is looked at before. */
  readonly ready?: Promise<void>;
  readonly beatMs?: number;
  readonly batchRows?: number;
}

export interface SequencerState {
  /** Rows that got their place since the start. */
  readonly placed: number;
  /** How long the row that waits longest has waited. */
  readonly oldestMs: number;
  /** Longest wait of any row, from its recording to its place, since the start. */
  readonly longestMs: number;
  /** Tenants with rows that have waited for more than 5 s. */
  readonly late: number;
  readonly stopped: ReadonlyMap<string, string>;
  /** Rows that cannot have been written by us, and get no place. */
  readonly unplaceable: number;
  /** How often a clock was seen to go back. */
  readonly setBack: number;
}

export interface Sequencer {
  state(): SequencerState;
  /** What somebody should look at, in words and without names. */
  warnings(): string[];
  /** Resolves when these rows, which are committed, have their place. */
  place(tenantId: string, evidenceIds: readonly string[], withinMs?: number): Promise<void>;
  /** Keeps the tenant's newest head, behind everything that waits now; null where nothing ever happened. */
  keep(tenantId: string): Promise<(KeptCheckpoint & { readonly isNew: boolean }) | null>;
  /** Lets a log go on that was stopped. */
  resume(tenantId: string, reason: string, by: Actor): Promise<void>;
  close(): Promise<void>;
}

/** Rows that wait so long raise an alarm (core decision 13). */
const lateMs = 5_000;
/** What was signed is durable outside of the database after this, and before it is published. */
const rememberMs = 1_000;
/** A stopped log is looked at again: the right database may be back. */
const recheckMs = 5_000;
/** Transactions at once. */
const lanes = 4;
/** Tenants in one transaction. */
const groupTenants = 64;

export function createSequencer({ db, clock, log, ready = Promise.resolve(), beatMs = 250, batchRows = 1_000, ...rest }: SequencerOptions): Sequencer {
  const logs = new Map<string, TenantLog>();
  const waits = new Map<string, { readonly oldest: number; readonly sinceMs: number; ageMs: number; isLate: boolean }>();
  const told = new Map<string, string>();
  const strangeTold = new Map<string, number>();
  const toCheck = new Set<string>();
  let [placed, longestMs, setBack] = [0, 0, 0];
  const closed = new AbortController();
  let wake: () => void = () => undefined;
  let isWoken = false;

  function logOf(tenantId: string): TenantLog {
    const found = logs.get(tenantId) ?? createTenantLog(tenantId, { db, clock, batchRows, ...rest });
    logs.set(tenantId, found);
    return found;
  }

  function wakeUp(): void {
    isWoken = true;
    wake();
  }

  async function run(): Promise<void> {
    await Promise.race([ready, aborted(closed.signal)]);
    let isAway = true; // at the start every remembered head is held against the database, as after each absence
    while (!closed.signal.aborted) {
      const startedMs = performance.now();
      let isMore = false;
      isWoken = false;
      try {
        if (isAway) for (const tenantId of await rest.heads.list()) toCheck.add(tenantId);
        isMore = await round();
        isAway = false;
      } catch (error) {
        // Whatever it was, the database may be another one when it answers again.
        if (!isAway) log[isConnectionError(error) ? "warn" : "error"]({ err: messageOf(error) }, "rows of evidence get no place just now; trying again");
        isAway = true;
        for (const one of logs.values()) one.mistrust();
      }
      if (isMore) continue;
      const tookMs = performance.now() - startedMs;
      // A round that takes longer than a beat leaves the writers a beat to themselves: the next one's batches are larger, and cheaper.
      const pauseMs = isAway ? Math.max(beatMs, 500) : tookMs < beatMs ? beatMs - tookMs : beatMs;
      if (!isWoken && !closed.signal.aborted) await pause(pauseMs);
    }
  }

  async function pause(ms: number): Promise<void> {
    const awake = new AbortController();
    wake = () => awake.abort();
    await sleep(ms, undefined, { signal: awake.signal }).catch(() => undefined); // woken
    wake = () => undefined;
  }

  /** One batch at most for each tenant, so that none waits behind another's backlog. True where more waits. */
  async function round(): Promise<boolean> {
    const pending = await pendingTenants(db);
    measure(pending.map(({ tenantId, oldest }) => ({ tenantId, oldest: oldest.getTime() })));
    for (const tenantId of toCheck) {
      await logOf(tenantId).check();
      toCheck.delete(tenantId);
      tell(tenantId);
    }
    let isMore = false;
    const queue = transactionsFor(pending.map(({ tenantId }) => logOf(tenantId)));
    const failures: unknown[] = [];
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        for (let next = queue.shift(); next !== undefined && !closed.signal.aborted; next = queue.shift()) {
          try {
            const { done, left } = next.length > 1 ? await placeGroup(next) : { done: new Map([[next[0]!, await next[0]!.place()]]), left: [] };
            for (const [one, placing] of done) if (took(one, placing)) isMore = true;
            queue.push(...left.map((one) => [one]));
          } catch (error) {
            if (isConnectionError(error)) failures.push(error);
            else log.error({ tenantId: next[0]!.tenantId, err: messageOf(error) }, "a tenant's rows of evidence get no place; trying again");
          }
        }
      }),
    );
    if (failures.length > 0) throw failures[0];
    return isMore;
  }

  /** What fails in a group leaves nothing behind; each of its tenants then has a transaction of its own, and keeps what is wrong to itself. */
  async function placeGroup(group: readonly TenantLog[]): Promise<{ done: ReadonlyMap<TenantLog, Placing>; left: readonly TenantLog[] }> {
    try {
      const done = await placeTogether({ db, clock, batchRows }, group);
      return { done, left: group.filter((one) => !done.has(one)) };
    } catch (error) {
      if (isConnectionError(error)) throw error;
      log.warn({ tenants: group.length, err: messageOf(error) }, "rows of several tenants could not get their places together; trying each tenant alone");
      return { done: new Map(), left: group };
    }
  }

  /** True where more waits. */
  function took(one: TenantLog, done: Placing): boolean {
    const { tenantId } = one;
    const before = strangeTold.get(tenantId) ?? 0;
    for (const [evidenceId, why] of [...one.unplaceable()].slice(before)) log.error({ tenantId, evidenceId, why }, "a row of evidence was not written by Earwitness, and gets no place in the log");
    strangeTold.set(tenantId, one.unplaceable().size);
    tell(tenantId);
    if (done.kind === "elsewhere" && !done.hasKey && told.get(tenantId) !== "no key") {
      told.set(tenantId, "no key");
      log.warn({ tenantId }, "this node does not hold the key of the tenant's log; another one has to sign");
    }
    if (done.kind !== "placed") return false;
    placed += done.placed;
    if (done.placed > 0) longestMs = Math.max(longestMs, clock.now().getTime() - done.oldest);
    if (done.setBackMs > 0) {
      setBack += 1;
      log.warn({ tenantId, byMs: done.setBackMs }, "rows of evidence were recorded at an earlier time than those before them: a clock was set back");
    }
    return done.more && done.placed > 0;
  }

  /** Says once that a log is stopped, and once that it is not any more. */
  function tell(tenantId: string): void {
    const why = logOf(tenantId).stopped();
    if (why !== null && told.get(tenantId) !== why) log.error({ tenantId, why }, "the tenant's log is stopped: nothing is signed until it is resumed (earwitness log resume)");
    if (why === null && told.has(tenantId) && told.get(tenantId) !== "no key") log.info({ tenantId }, "the tenant's log goes on");
    if (why !== null) told.set(tenantId, why);
    else if (told.get(tenantId) !== "no key") told.delete(tenantId);
  }

  function measure(pending: readonly { tenantId: string; oldest: number }[]): void {
    const [now, nowMs] = [clock.now().getTime(), performance.now()];
    const seen = new Set(pending.map(({ tenantId }) => tenantId));
    for (const [tenantId, wait] of waits) {
      if (seen.has(tenantId)) continue;
      if (wait.isLate) log.info({ tenantId }, "rows of evidence get their place in time again");
      waits.delete(tenantId);
    }
    for (const { tenantId, oldest } of pending) {
      const before = waits.get(tenantId);
      const sinceMs = before?.oldest === oldest ? before.sinceMs : nowMs;
      // By both clocks: the wall's may be set, and a backlog moves on while everything in it waits.
      const ageMs = Math.max(nowMs - sinceMs, now - oldest, 0);
      const isLate = ageMs > lateMs;
      if (isLate && before?.isLate !== true) log.error({ tenantId, oldestMs: Math.round(ageMs) }, "rows of evidence have waited more than 5 s for their place in the log");
      waits.set(tenantId, { oldest, sinceMs, ageMs, isLate });
      longestMs = Math.max(longestMs, ageMs);
    }
  }

  function rememberAll(): Promise<void>[] {
    return [...logs].map(([tenantId, one]) => one.remember().catch((error: unknown) => log.error({ tenantId, err: messageOf(error) }, "the signed head could not be written down outside of the database; trying again")));
  }

  const remembering = setInterval(() => void rememberAll(), rememberMs);
  const rechecking = setInterval(() => {
    for (const [tenantId, one] of logs) if (one.stopped() !== null) toCheck.add(tenantId);
  }, recheckMs);
  const running = run();
  let closing: Promise<void> | null = null;

  const stopped = (): Map<string, string> => new Map([...logs].flatMap(([tenantId, one]) => (one.stopped() === null ? [] : [[tenantId, one.stopped()!]])));
  const unplaceable = (): number => [...logs.values()].reduce((sum, one) => sum + one.unplaceable().size, 0);
  const late = (): number => [...waits.values()].filter(({ isLate }) => isLate).length;

  async function place(tenantId: string, evidenceIds: readonly string[], withinMs = 10_000): Promise<void> {
    const untilMs = performance.now() + withinMs;
    for (;;) {
      wakeUp();
      const waiting = await withTenant(db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").where(hasId(evidenceIds)).where("tree_index", "is", null).limit(1).executeTakeFirst());
      if (waiting === undefined) return;
      if (closed.signal.aborted || performance.now() > untilMs) throw new Refusal("LOG_IS_LATE", 503, "The log has not taken these rows yet. Try again in a moment.");
      await sleep(20);
    }
  }

  return {
    state: () => ({ placed, oldestMs: Math.max(0, ...[...waits.values()].map(({ ageMs }) => ageMs)), longestMs, late: late(), stopped: stopped(), unplaceable: unplaceable(), setBack }),
    warnings() {
      const [stops, slow, strange] = [stopped().size, late(), unplaceable()];
      return [
        ...(stops > 0 ? [`${stops === 1 ? "The log of one tenant is" : `The logs of ${stops} tenants are`} stopped, because the database is not the one that was signed last: see the server's log, then earwitness log resume.`] : []),
        ...(slow > 0 ? [`Evidence of ${slow === 1 ? "one tenant" : `${slow} tenants`} has waited more than 5 s for its place in the log.`] : []),
        ...(strange > 0 ? [`${strange === 1 ? "One row" : `${strange} rows`} of evidence in the database cannot have been written by Earwitness: see the server's log.`] : []),
      ];
    },
    place,
    async keep(tenantId) {
      const waiting = await withTenant(db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").where("tree_index", "is", null).orderBy("recorded_at", "desc").limit(100).execute());
      // What cannot be placed is not waited for; it is told of elsewhere.
      const ids = waiting.map(({ evidence_id }) => evidence_id).filter((id) => !logOf(tenantId).unplaceable().has(id));
      if (ids.length > 0 && logOf(tenantId).stopped() === null) await place(tenantId, ids);
      return await logOf(tenantId).keep();
    },
    async resume(tenantId, reason, by) {
      await logOf(tenantId).check();
      await logOf(tenantId).resume(reason, by);
      tell(tenantId);
      wakeUp();
    },
    close: () =>
      (closing ??= (async () => {
        closed.abort();
        clearInterval(remembering);
        clearInterval(rechecking);
        wakeUp();
        await running;
        await Promise.all(rememberAll());
      })()),
  };
}

/** The logs that share a transaction, and those that have one to themselves: because much waits, or because they have to be looked at. */
function transactionsFor(logs: readonly TenantLog[]): TenantLog[][] {
  const { together = [], alone = [] } = Object.groupBy(logs, (one) => (one.mayJoin() ? "together" : "alone"));
  const groups = Array.from({ length: Math.ceil(together.length / groupTenants) }, (_, at) => together.slice(at * groupTenants, (at + 1) * groupTenants));
  return [...groups, ...alone.map((one) => [one])];
}

const aborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

import { sql } from "kysely";
import { PgBoss, fromKysely, type Job } from "pg-boss";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { isConnectionError } from "./availability.ts";
import type { TenantTransaction } from "./tenant.ts";

/** Ids only: a job finds the state of things when it runs, in a tenant transaction of its own (core decision 5). */
export interface JobIds {
  readonly tenantId: string;
  readonly [id: string]: string;
}

export interface QueueSettings {
  /** A job that takes longer is taken for dead and given to someone else. */
  readonly expireInSeconds?: number;
  readonly retryLimit?: number;
  /** Wakes the workers at once, by a NOTIFY in the enqueueing transaction; not for what calls enqueue (core decision 3). Otherwise they look every 2 s. */
  readonly prompt?: boolean;
}

export interface Jobs<Name extends string> {
  /** Part of the transaction: the jobs are there if and only if that commits. */
  enqueue(tx: TenantTransaction, name: Name, jobs: readonly Omit<JobIds, "tenantId">[]): Promise<void>;
  /** Runs `handler` for the queue's jobs, `concurrency` at a time; a handler that throws is tried again later, ever more rarely. */
  work(name: Name, handler: (ids: JobIds, signal: AbortSignal) => Promise<void>, concurrency?: number): void;
  /** Resolves when jobs can be taken and given; the database need not be there when `createJobs` is called. */
  ready(): Promise<void>;
  /** Waits for running handlers, not longer than 30 s. */
  close(): Promise<void>;
}

export interface JobsOptions<Name extends string> {
  /** Direct, not through a pooler: prompt queues LISTEN. */
  readonly url: string;
  readonly log: Log;
  readonly queues: Readonly<Record<Name, QueueSettings>>;
}

/** Also where a NOTIFY wakes: it does so for new jobs, not for those whose time to be tried again has come. */
const lookSeconds = 2;

export function createJobs<Name extends string>({ url, log, queues }: JobsOptions<Name>): Jobs<Name> {
  const all = Object.entries<QueueSettings>(queues);
  const boss = new PgBoss({ connectionString: url, schema: "pgboss", useListenNotify: all.some(([, { prompt }]) => prompt), schedule: false, max: 4, application_name: "earwitness jobs" });
  // While the database is away every look of every worker fails; others say that loudly enough.
  boss.on("error", (error) => log[isConnectionError(error) ? "debug" : "warn"]({ error: messageOf(error) }, "job queue"));
  boss.on("warning", (warning) => log.warn({ warning: warning.message }, "job queue"));

  const closed = new AbortController();
  const started = start();
  started.catch(() => undefined); // rejects only when closed before it came to be; whoever waits in ready() is told

  async function start(): Promise<void> {
    for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 5_000)) {
      closed.signal.throwIfAborted();
      try {
        await boss.start();
        for (const [name, { prompt = false, ...settings }] of all) {
          await boss.createQueue(name, { notify: prompt, retryLimit: 20, retryDelay: 2, retryBackoff: true, retryDelayMax: 3_600, ...settings });
        }
        return;
      } catch (error) {
        log.warn({ error: messageOf(error) }, "the job queue cannot start; trying again");
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs);
          closed.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
        });
      }
    }
  }

  let closing: Promise<void> | null = null;
  return {
    async enqueue(tx, name, jobs) {
      await started;
      // The queue's tables belong to the login role alone; the tenant's role has no business there.
      await sql`select set_config('role', 'none', true)`.execute(tx);
      await boss.insert(name, jobs.map((ids) => ({ data: { ...ids, tenantId: tx.tenantId } satisfies JobIds })), { db: fromKysely(tx) });
      await sql`select set_config('role', 'earwitness_app', true)`.execute(tx);
    },
    work(name, handler, concurrency = 1) {
      const run = async ([job]: Job<JobIds>[]): Promise<void> => {
        if (job === undefined) return;
        try {
          await handler(job.data, job.signal);
        } catch (error) {
          log.warn({ job: name, ids: job.data, error: messageOf(error) }, "a job failed; it will be tried again");
          throw error;
        }
      };
      void started
        .then(() => boss.work<JobIds>(name, { localConcurrency: concurrency, pollingIntervalSeconds: lookSeconds, notifyPollingIntervalSeconds: lookSeconds }, run))
        .catch((error: unknown) => closed.signal.aborted || log.error({ job: name, error: messageOf(error) }, "a queue has no worker"));
    },
    ready: () => started,
    close: () =>
      (closing ??= (async () => {
        closed.abort(new Error("the job queue was closed"));
        await started.catch(() => undefined); // it gives up by itself
        await boss.stop({ graceful: true, timeout: 30_000 });
      })()),
  };
}

/**
 * Takes pieces from the spool into the store. A store that is down is tried again for as long as it takes, while the piece
 * stays in the spool; a tenant whose pieces would fill the spool is stopped by its quota, so that one tenant's dead storage
 * never makes another's call fail. Files are left where they are: the recording's release removes them.
 */
import { messageOf } from "#errors";
import type { Log } from "#log";
import { ObjectConflict, type ObjectStore } from "#vault";
import type { SealedPiece } from "./media.ts";

export interface StoredPiece extends SealedPiece {
  readonly storedAtMs: number;
}

export interface Uploader {
  /** Resolves when the piece is durable in the store. Rejects with QuotaExceeded, or where trying again cannot help. */
  enqueue(piece: SealedPiece): Promise<StoredPiece>;
  /** The quota was exceeded, and less than a tenth of it is free again. */
  isFull(tenantId: string): boolean;
  /** What waits, by tenant. */
  lag(): ReadonlyMap<string, { readonly bytes: number; readonly pieces: number; readonly oldestMs: number }>;
  onStored(listener: (piece: StoredPiece) => void): void;
  /** Stops; what is not stored is taken up again at the next start. */
  close(): Promise<void>;
}

export class QuotaExceeded extends Error {
  constructor(tenantId: string, quotaBytes: number) {
    super(`tenant ${tenantId} has more than ${quotaBytes} bytes waiting for its store`);
    this.name = "QuotaExceeded";
  }
}

export interface UploaderOptions {
  readonly store: ObjectStore;
  /** For each tenant. */
  readonly quotaBytes: number;
  readonly log: Log;
  readonly now?: () => number;
  readonly retryMs?: readonly number[];
}

/** Each tenant has its own lanes: a store that hangs holds up its own tenant only. */
const lanesPerTenant = 64;
const defaultRetryMs = [500, 1_000, 2_000, 5_000, 15_000, 30_000];

interface Job {
  readonly piece: SealedPiece;
  readonly sinceMs: number;
  /** `resting`: failed, and not tried again before its time. */
  state: "waiting" | "running" | "resting";
  failures: number;
  readonly stored: PromiseWithResolvers<StoredPiece>;
}

export function createUploader({ store, quotaBytes, log, now = Date.now, retryMs = defaultRetryMs }: UploaderOptions): Uploader {
  /** Jobs of each tenant, in the order in which they came. */
  const tenants = new Map<string, Job[]>();
  const full = new Set<string>();
  const running = new Set<Promise<void>>();
  const retries = new Set<NodeJS.Timeout>();
  const listeners = new Set<(piece: StoredPiece) => void>();
  let closed = false;

  /** Starts what may start: a recording's pieces go one after the other, so only its oldest is looked at. */
  function pump(jobs: Job[]): void {
    if (closed) return;
    let busy = jobs.filter((job) => job.state === "running").length;
    const seen = new Set<string>();
    for (const job of jobs) {
      if (busy >= lanesPerTenant) return;
      if (seen.has(job.piece.recordingId)) continue;
      seen.add(job.piece.recordingId);
      if (job.state !== "waiting") continue;
      busy += 1;
      const run = attempt(jobs, job).finally(() => running.delete(run));
      running.add(run);
    }
  }

  async function attempt(jobs: Job[], job: Job): Promise<void> {
    const { piece } = job;
    job.state = "running";
    try {
      await store.putFile(piece.objectName, piece.path);
      jobs.splice(jobs.indexOf(job), 1);
      if (bytesOf(jobs) < quotaBytes * 0.9) full.delete(piece.tenantId);
      const stored = { ...piece, storedAtMs: now() };
      job.stored.resolve(stored);
      for (const listener of listeners) listener(stored);
    } catch (error) {
      if (isFinal(error)) {
        jobs.splice(jobs.indexOf(job), 1);
        job.stored.reject(error);
      } else {
        rest(jobs, job, error);
      }
    }
    pump(jobs);
  }

  function rest(jobs: Job[], job: Job, error: unknown): void {
    const waitMs = retryMs[Math.min(job.failures, retryMs.length - 1)] ?? 0;
    job.state = "resting";
    job.failures += 1;
    const { tenantId, recordingId, seq } = job.piece;
    log.warn({ tenantId, recordingId, seq, failures: job.failures, err: messageOf(error) }, "piece could not be stored yet");
    const timer = setTimeout(() => {
      retries.delete(timer);
      job.state = "waiting";
      pump(jobs);
    }, waitMs);
    retries.add(timer);
  }

  return {
    enqueue(piece) {
      if (closed) return Promise.reject(new Error("the uploader is closed"));
      const jobs = tenants.get(piece.tenantId) ?? [];
      tenants.set(piece.tenantId, jobs);
      const known = jobs.find((job) => job.piece.objectName === piece.objectName);
      if (known !== undefined) return known.stored.promise;
      if (bytesOf(jobs) + piece.sizeBytes > quotaBytes) {
        full.add(piece.tenantId);
        return Promise.reject(new QuotaExceeded(piece.tenantId, quotaBytes));
      }
      const job: Job = { piece, sinceMs: now(), state: "waiting", failures: 0, stored: Promise.withResolvers() };
      jobs.push(job);
      pump(jobs);
      return job.stored.promise;
    },
    isFull: (tenantId) => full.has(tenantId),
    lag() {
      const waiting = [...tenants].filter(([, jobs]) => jobs.length > 0);
      return new Map(waiting.map(([tenantId, jobs]) => [tenantId, { bytes: bytesOf(jobs), pieces: jobs.length, oldestMs: now() - jobs[0]!.sinceMs }]));
    },
    onStored(listener) {
      listeners.add(listener);
    },
    async close() {
      closed = true;
      for (const timer of retries) clearTimeout(timer);
      await Promise.all(running);
    },
  };
}

const bytesOf = (jobs: readonly Job[]): number => jobs.reduce((sum, job) => sum + job.piece.sizeBytes, 0);

/** Another object under this name, or no such piece in the spool: no waiting will mend it. */
function isFinal(error: unknown): boolean {
  return error instanceof ObjectConflict || (error instanceof Error && "code" in error && error.code === "ENOENT");
}

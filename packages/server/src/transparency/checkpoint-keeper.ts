/** Keeps a checkpoint of each log on a beat while it grows, and on demand; then lets others sign it. */
import { withLog, withTenant, type Db } from "#db";
import { messageOf, Refusal } from "#errors";
import { addToCheckpoint, append, newestCheckpoint, unkeptTenants, type EvidenceEntry, type KeptCheckpoint, type Sequencer } from "#evidence";
import type { Log } from "#log";

/**
 * What is done with a checkpoint once it is kept: witnesses cosign it, an authority stamps it. Steps run one after the other, each
 * sees what those before it added, and none keeps the others, or the next checkpoint, from being done.
 */
export interface AfterKept {
  /** For the log, such as `cosign`. */
  readonly name: string;
  /** What to add to the checkpoint; null where there is nothing. Bounded in time by itself. */
  run(tenantId: string, kept: KeptCheckpoint): Promise<{ readonly lines?: readonly string[]; readonly timestampToken?: Uint8Array } | null>;
}

export interface CheckpointKeeperOptions {
  readonly db: Db;
  readonly sequencer: Sequencer;
  readonly log: Log;
  readonly everyMs: number;
  readonly afterKept: readonly AfterKept[];
  /** When the schema is there. */
  readonly ready?: Promise<void>;
}

export interface CheckpointKeeper {
  /** Keeps what is there now, with a row of evidence that says who asked for it: that row is the last one covered. */
  keepFor(tenantId: string, origin: Pick<EvidenceEntry, "actor" | "occurredAt" | "nodeId" | "remoteAddress">): Promise<KeptCheckpoint>;
  close(): Promise<void>;
}

/** Tenants whose checkpoints are kept, and signed by others, at once. */
const lanes = 4;

export function createCheckpointKeeper({ db, sequencer, log, everyMs, afterKept, ready = Promise.resolve() }: CheckpointKeeperOptions): CheckpointKeeper {
  const closed = new AbortController();
  let isReady = false;
  ready.then(() => (isReady = true), () => undefined);
  let beating: Promise<void> | null = null;

  async function keep(tenantId: string): Promise<KeptCheckpoint | null> {
    const kept = await sequencer.keep(tenantId);
    if (kept === null) return null;
    // Somebody else kept the same one: the others sign for them.
    return kept.isNew ? await sign(tenantId, kept) : kept;
  }

  async function sign(tenantId: string, kept: KeptCheckpoint): Promise<KeptCheckpoint> {
    let signed = kept;
    for (const step of afterKept) {
      try {
        const added = await step.run(tenantId, signed);
        if (added === null) continue;
        await withLog(db, tenantId, (tx) => addToCheckpoint(tx, kept.size, added));
        signed = (await withTenant(db, tenantId, (tx) => newestCheckpoint(tx, kept.size))) ?? signed;
      } catch (error) {
        log.warn({ tenantId, step: step.name, size: kept.size, err: messageOf(error) }, "a kept checkpoint was not signed by somebody else; the next one is tried again");
      }
    }
    return signed;
  }

  async function beat(): Promise<void> {
    if (!isReady) return;
    const queue = await unkeptTenants(db);
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        for (let next = queue.shift(); next !== undefined && !closed.signal.aborted; next = queue.shift()) {
          const tenantId = next;
          // A log that is stopped raises its own alarm.
          await keep(tenantId).catch((error: unknown) => error instanceof Refusal || log.warn({ tenantId, err: messageOf(error) }, "no checkpoint of the tenant's log could be kept; trying again"));
        }
      }),
    );
  }

  const timer = setInterval(() => {
    beating ??= beat()
      .catch((error: unknown) => log.warn({ err: messageOf(error) }, "no checkpoints could be kept; trying again"))
      .finally(() => (beating = null));
  }, everyMs);

  return {
    async keepFor(tenantId, origin) {
      const id = await withTenant(db, tenantId, (tx) => append(tx, { ...origin, action: "Add", item: "Log", subject: tenantId, detail: { name: "checkpoint" } }));
      await sequencer.place(tenantId, [id]);
      const kept = await keep(tenantId);
      if (kept === null) throw new Refusal("LOG_NOT_HERE", 503, "Another node keeps the log. Try again in a moment.");
      return kept;
    },
    async close() {
      closed.abort();
      clearInterval(timer);
      await beating;
    },
  };
}

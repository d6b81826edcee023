/** Puts the recording path together, finishes what an earlier start left, and only then takes calls. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#clock";
import type { Db, TenantTransaction } from "#db";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { Vault } from "#vault";
import { createFactLog } from "./fact-log.ts";
import { createLedger } from "./ledger.ts";
import type { MediaStats, RecordingSummary } from "./media.ts";
import { createMediaPool } from "./media-pool.ts";
import { createPipeline } from "./pipeline.ts";
import { createProjector, type Projector } from "./project.ts";
import { createRecorder, type LiveRecorder, type RecorderOptions, type RecordingTenant } from "./recorder.ts";
import { recoverSpool } from "./recover.ts";
import { createUploader, type Uploader } from "./upload.ts";

export interface RecordingOptions {
  readonly db: Db;
  readonly vault: Vault;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly spoolDir: string;
  /** Key of the call journal; the keyring's directory. */
  readonly keyPath: string;
  readonly workers: number;
  readonly bindAddress: string;
  readonly rtpPorts: readonly [from: number, to: number];
  readonly limits: RecorderOptions["limits"] & { readonly uploadQuotaBytes: number };
  tenantOf(tenantId: string): Omit<RecordingTenant, "trunk" | "identify"> & { readonly sandbox: boolean } | null;
  trunkOf: RecorderOptions["tenantOf"];
  notReady: RecorderOptions["notReady"];
  activity: RecorderOptions["activity"];
  /** Interactions of the tenant whose rows have just changed. */
  changed(tenantId: string, interactionIds: readonly string[]): void;
  readonly databaseReady: Promise<unknown>;
  /** In the transaction that finishes a recording: what has to follow. */
  finalizing(tx: TenantTransaction, recordingId: string): Promise<void>;
}

export interface Recording {
  readonly recorder: LiveRecorder;
  media(): MediaStats;
  facts(): ReturnType<Projector["waiting"]>;
  uploads(): ReturnType<Uploader["lag"]>;
  close(): Promise<void>;
}

export async function startRecording(options: RecordingOptions): Promise<Recording> {
  const { vault, nodeId, clock, log, spoolDir } = options;
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  const facts = await createFactLog({ dir: join(spoolDir, "facts"), keyPath: options.keyPath, log });
  const ledger = createLedger();
  for (const { fact } of facts.earlier) ledger.note(fact);

  const recovered = await recoverSpool({ spoolDir, vault, tenantOf: options.tenantOf, now: () => clock.now(), log });

  const pool = await createMediaPool({ workers: options.workers, bindAddress: options.bindAddress, rtpPorts: options.rtpPorts, spoolDir, log });
  const uploader = createUploader({ store: vault.store, quotaBytes: options.limits.uploadQuotaBytes, log });
  const pipeline = createPipeline({ pool, vault, facts, ledger, nodeId, clock, log, upload: (piece) => uploader.enqueue(piece), tenantOf: options.tenantOf });
  const projector = createProjector({
    db: options.db,
    nodeId,
    log,
    isSandboxTenant: (tenantId) => options.tenantOf(tenantId)?.sandbox ?? false,
    databaseReady: options.databaseReady,
    finalizing: options.finalizing,
    applied(fact, seq) {
      if (fact.kind === "interaction.changed") options.changed(fact.tenantId, [fact.interaction.interactionId]);
      if (fact.kind === "recording.finalized") {
        options.changed(fact.tenantId, fact.interactions.map((interaction) => interaction.interactionId));
      }
      pipeline.applied(fact, seq);
    },
  });
  projector.push(facts.earlier);
  facts.onDurable((stored) => projector.push(stored));

  const orphans = new Map(recovered.map(({ summary }) => [summary.recordingId, summary]));
  const unfinished = ledger.unfinished();
  for (const entry of unfinished) pipeline.finish(entry.opened.recordingId, orphans.get(entry.opened.recordingId) ?? silent(entry.opened));
  // Finished in the database by an earlier start, which died before it could tidy the spool.
  for (const recordingId of orphans.keys()) if (!ledger.has(recordingId)) await pool.release(recordingId);
  if (unfinished.length > 0) log.warn({ recordings: unfinished.length }, "an earlier start was cut off in the middle of calls; they are being finished");

  /** A worker died under a call, or could not close it: what it had on disk is finished while other calls go on. */
  async function rescue(recordingId: string): Promise<void> {
    try {
      const [found] = await recoverSpool({ spoolDir, vault, tenantOf: options.tenantOf, now: () => clock.now(), log, only: new Set([recordingId]) });
      const entry = ledger.get(recordingId);
      if (entry !== undefined) pipeline.finish(recordingId, found?.summary ?? silent(entry.opened));
    } catch (error) {
      log.error({ recordingId, err: messageOf(error) }, "recording could not be rescued now; the next start finishes it");
    }
  }

  const recorder = createRecorder({
    pool,
    vault,
    facts,
    spoolDir,
    clock,
    log,
    limits: options.limits,
    tenantOf: options.trunkOf,
    notReady: options.notReady,
    finished: (recordingId, summary) => pipeline.finish(recordingId, summary),
    abandoned: (recordingId) => void rescue(recordingId),
    activity: options.activity,
  });

  return {
    recorder,
    media: () => pool.stats(),
    facts: () => projector.waiting(),
    uploads: () => uploader.lag(),
    async close() {
      await recorder.close();
      await pipeline.settle(5_000);
      await projector.drain(3_000);
      await projector.close();
      await uploader.close();
      await pool.close();
      await facts.close();
    },
  };
}

/** A call that was opened, and cut off before any of its audio was on disk. */
function silent(opened: { recordingId: string; tenantId: string; atMs: number }): RecordingSummary {
  return { recordingId: opened.recordingId, tenantId: opened.tenantId, startedAtMs: opened.atMs, durationMs: 0, tracks: [], pieces: [], recovered: true };
}

/** Puts the recording path together and takes calls; what an earlier start left is finished meanwhile. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#clock";
import type { Db, TenantTransaction } from "#db";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { MintedKey, Vault } from "#vault";
import { createContinuations } from "./continuations.ts";
import { createFactLog } from "./fact-log.ts";
import type { Fact } from "./facts.ts";
import { createLedger } from "./ledger.ts";
import type { MediaStats, RecordingSummary } from "./media.ts";
import { createMediaPool } from "./media-pool.ts";
import { createPipeline } from "./pipeline.ts";
import { createProjector, isFinished, type Projector } from "./project.ts";
import { createRecorder, type LiveRecorder, type RecorderOptions, type RecordingTenant } from "./recorder.ts";
import { findLeftBehind, recoverSpool } from "./recover.ts";
import type { UdpBackEnd } from "./udp-choice.ts";
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
  readonly udp?: UdpBackEnd | null;
  readonly limits: RecorderOptions["limits"] & { readonly uploadQuotaBytes: number };
  tenantOf(tenantId: string): Omit<RecordingTenant, "trunk" | "identify"> | null;
  /** Trunks over which the sandbox places its calls; left out: it is not there. */
  readonly sandboxTrunks?: ReadonlySet<string>;
  trunkOf: RecorderOptions["tenantOf"];
  notReady: RecorderOptions["notReady"];
  activity: RecorderOptions["activity"];
  /** Interactions of the tenant whose rows have just changed. */
  changed(tenantId: string, interactionIds: readonly string[]): void;
  readonly databaseReady: Promise<unknown>;
  /** In the transaction that finishes recordings: what has to follow. */
  finalizing(tx: TenantTransaction, recordingIds: readonly string[]): Promise<void>;
}

export interface Recording {
  readonly recorder: LiveRecorder;
  media(): MediaStats;
  facts(): ReturnType<Projector["waiting"]>;
  uploads(): ReturnType<Uploader["lag"]>;
  close(): Promise<void>;
}

/** A moment, in which all calls of a dead worker come together; and until what could not be rescued is tried again. */
const rescueMs = 50;
const rescueAgainMs = 5_000;

export async function startRecording(options: RecordingOptions): Promise<Recording> {
  const { vault, nodeId, clock, log, spoolDir } = options;
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  const facts = await createFactLog({ dir: join(spoolDir, "facts"), keyPath: options.keyPath, log });
  const ledger = createLedger();
  const continuations = createContinuations();
  for (const { fact } of facts.earlier) {
    ledger.note(fact);
    continuations.note(fact, true);
  }

  const recovery = { spoolDir, vault, tenantOf: options.tenantOf, now: () => clock.now(), log };
  // Looked at before a worker writes into the spool; how much it is decides how long recovering takes, and no call waits for that.
  const left = await findLeftBehind({ ...recovery, onWaiting: tryAgain });

  const pool = await createMediaPool({ workers: options.workers, bindAddress: options.bindAddress, rtpPorts: options.rtpPorts, udp: options.udp ?? null, spoolDir, log });
  const uploader = createUploader({ store: vault.store, quotaBytes: options.limits.uploadQuotaBytes, log });
  const pipeline = createPipeline({ pool, vault, facts, ledger, nodeId, clock, log, upload: (piece) => uploader.enqueue(piece), overQuota: (tenantId, message) => recorder.failTenant(tenantId, message), tenantOf: options.tenantOf });
  const projector = createProjector({
    db: options.db,
    nodeId,
    log,
    sandboxTrunks: options.sandboxTrunks ?? new Set(),
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
  /** Recordings that nobody could close: a worker died, a disk refused, a key could not be had. With the facts owed for each. */
  const lost = new Map<string, readonly Fact[]>();
  let rescuing: NodeJS.Timeout | null = null;
  let closing = false;

  /** What is lost is looked for together, after a moment: each look reads all journals, and a worker dies with many calls. */
  function rescueLost(afterMs = rescueMs): void {
    if (lost.size > 0 && !closing) rescuing ??= setTimeout(() => void rescue(), afterMs);
  }

  /** An earlier start's, which could not be recovered now. */
  function tryAgain(recordingId: string): void {
    if (unfinished.has(recordingId)) lost.set(recordingId, []);
    rescueLost(rescueAgainMs);
  }

  async function rescue(): Promise<void> {
    // Where a worker still has the recording, its memory holds more than the disk.
    for (const recordingId of [...lost.keys()].filter(pool.holds)) {
      try {
        saved(recordingId, await pool.finish(recordingId, Math.max(0, clock.now().getTime() - (ledger.get(recordingId)?.opened.atMs ?? 0))));
      } catch (error) {
        log.error({ recordingId, err: messageOf(error) }, "recording cannot be closed yet; its worker keeps it");
      }
    }
    const only = new Set([...lost.keys()].filter((recordingId) => !pool.holds(recordingId)));
    try {
      const still = new Set<string>();
      const found = only.size === 0 ? [] : await recoverSpool({ ...recovery, only, onWaiting: (recordingId) => still.add(recordingId) });
      const rescued = new Map(found.map((one) => [one.summary.recordingId, one]));
      for (const recordingId of only) if (!still.has(recordingId)) saved(recordingId, rescued.get(recordingId)?.summary ?? null, rescued.get(recordingId)?.key ?? null);
    } catch (error) {
      log.error({ recordings: only.size, err: messageOf(error) }, "recordings could not be rescued yet");
    }
    rescuing = null;
    rescueLost(rescueAgainMs);
  }

  /** `summary` null: nothing of it ever came to be on disk. */
  function saved(recordingId: string, summary: RecordingSummary | null, key: MintedKey | null = null): void {
    const owed = lost.get(recordingId) ?? [];
    lost.delete(recordingId);
    const entry = ledger.get(recordingId);
    if (entry !== undefined) pipeline.finish(recordingId, summary ?? silent(entry.opened), { owed, ...(key && { key }) });
    else key?.bytes.fill(0);
  }

  /**
   * In the spool, and not in the call journal: finished by an earlier start, which died before it could tidy up. That is
   * taken from the database, never from the silence of a journal that may be damaged: what nobody knows is kept.
   */
  async function releaseFinished({ tenantId, recordingId }: RecordingSummary): Promise<void> {
    try {
      await options.databaseReady;
      if (await isFinished(options.db, tenantId, recordingId)) await pool.release(tenantId, recordingId);
      else log.error({ tenantId, recordingId }, "recording in the spool is in no journal and not finished in the database; it is kept");
    } catch (error) {
      log.warn({ recordingId, err: messageOf(error) }, "recording stays in the spool until it is known to be finished");
    }
  }

  projector.push(facts.earlier);
  facts.onDurable((stored) => {
    projector.push(stored);
    for (const { fact } of stored) continuations.note(fact, false);
  });

  const unfinished = new Map(ledger.unfinished().map(({ opened }) => [opened.recordingId, opened]));
  for (const [recordingId, opened] of unfinished) if (!left.recordingIds.has(recordingId)) pipeline.finish(recordingId, silent(opened));
  if (unfinished.size > 0) log.warn({ recordings: unfinished.size }, "an earlier start was cut off in the middle of calls; they are being finished");
  const began = performance.now();
  const recovering = left
    .recover(({ summary, key }) => {
      if (unfinished.has(summary.recordingId)) return pipeline.finish(summary.recordingId, summary, key === null ? {} : { key });
      key?.bytes.fill(0);
      if (!ledger.has(summary.recordingId)) void releaseFinished(summary);
    })
    .then(
      () => left.recordingIds.size > 0 && log.info({ recordings: left.recordingIds.size, tookMs: Math.round(performance.now() - began) }, "what an earlier start left in the spool is recovered"),
      (error: unknown) => log.error({ err: messageOf(error) }, "journals of an earlier start could not be removed; the next start tries again"),
    );

  const recorder = createRecorder({
    pool,
    vault,
    facts,
    continuations,
    spoolDir,
    clock,
    log,
    limits: options.limits,
    tenantOf: options.trunkOf,
    notReady: options.notReady,
    tenantFault: (tenantId) => (uploader.isFull(tenantId) ? "The store of this tenant takes no more recordings, and its quota of the spool is used up." : null),
    finished: (recordingId, summary, key, owed) => pipeline.finish(recordingId, summary, { key, owed }),
    abandoned(recordingId, owed) {
      lost.set(recordingId, owed);
      rescueLost();
    },
    activity: options.activity,
  });

  return {
    recorder,
    media: () => pool.stats(),
    facts: () => projector.waiting(),
    uploads: () => uploader.lag(),
    async close() {
      await recorder.close();
      closing = true; // what is lost now is found by the next start
      left.stop();
      await recovering;
      clearTimeout(rescuing ?? undefined);
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

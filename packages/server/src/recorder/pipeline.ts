/**
 * From a sealed piece to a finished recording: pieces go to the store, each named by a fact; when a call has ended and all
 * of its pieces are stored, it is finalized; when the database has that, the spool lets go of it. Every step may be
 * repeated after a crash, and each waits for its store or database without holding up another tenant's calls.
 */
import type { Clock } from "#clock";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { Vault } from "#vault";
import type { FactLog } from "./fact-log.ts";
import type { Fact, PieceStored } from "./facts.ts";
import { finalize } from "./finalize.ts";
import type { Ledger } from "./ledger.ts";
import type { MediaPool, RecordingSummary, SealedPiece } from "./media.ts";
import { QuotaExceeded } from "./upload.ts";

export interface Pipeline {
  /** The call has ended and its last piece is sealed. `owed`: facts of it that the call journal has refused so far. */
  finish(recordingId: string, summary: RecordingSummary, owed?: readonly Fact[]): void;
  /** The database has applied this fact. */
  applied(fact: Fact, seq: number): void;
  /** Recordings that have ended and are not yet finalized. */
  finishing(): number;
  /** Waits for what can be finished within the time; the rest is finished at the next start. */
  settle(withinMs: number): Promise<void>;
}

export interface PipelineOptions {
  readonly pool: MediaPool;
  readonly vault: Vault;
  readonly facts: FactLog;
  readonly ledger: Ledger;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Puts the piece into the tenant's store; retries by itself and resolves when it is durable there. */
  upload(piece: SealedPiece): Promise<unknown>;
  /** The tenant's store takes so little that its pieces fill the spool. */
  overQuota(tenantId: string, message: string): void;
  tenantOf(tenantId: string): { tenantId: string; publicKey: Uint8Array; publicKeyId: string } | null;
}

const retryMs = [100, 500, 2_000, 10_000, 30_000];

export function createPipeline(options: PipelineOptions): Pipeline {
  const { pool, facts, ledger, log } = options;
  /** Pieces on their way into the store, by recording and number. */
  const storing = new Map<string, Promise<void>>();
  const finishing = new Map<string, Promise<void>>();
  let trimming = Promise.resolve();

  function store(piece: SealedPiece): Promise<void> {
    const name = `${piece.recordingId}/${piece.objectName}`;
    const known = storing.get(name);
    if (known !== undefined) return known;
    const stored = (async () => {
      const already = ledger.get(piece.recordingId)?.pieces.some((fact) => fact.object.objectName === piece.objectName);
      if (already === true) return;
      await options.upload(piece);
      await facts.append(pieceStored(piece, options.clock.now()));
    })();
    storing.set(name, stored);
    stored.catch((error: unknown) => {
      log.error({ recordingId: piece.recordingId, seq: piece.seq, err: messageOf(error) }, "piece is not stored; it stays in the spool");
      storing.delete(name);
      if (error instanceof QuotaExceeded) options.overQuota(piece.tenantId, error.message);
    });
    return stored;
  }

  async function finishOnce(recordingId: string, summary: RecordingSummary): Promise<void> {
    const entry = ledger.get(recordingId);
    // Refused before its first fact was on disk, and so before any of its audio: there is nothing to finish.
    if (entry === undefined || entry.finalized !== null) return;
    const tenant = options.tenantOf(entry.opened.tenantId);
    if (tenant === null) throw new Error("its tenant is not in the node's snapshot");
    // A key of its own, made in this process: nothing is ever sealed under a key that was read back (core decision 12).
    const [key] = await Promise.all([options.vault.createDataKey(tenant), ...summary.pieces.map(store)]);
    await facts.append(await finalize(entry, summary, { vault: options.vault, nodeId: options.nodeId, key, now: options.clock.now() }));
  }

  async function finish(recordingId: string, summary: RecordingSummary, owed: readonly Fact[]): Promise<void> {
    let due = owed;
    for (let attempt = 0; ; attempt++) {
      try {
        if (due.length > 0 && ledger.has(recordingId)) await facts.append(...due);
        due = [];
        await finishOnce(recordingId, summary);
        return;
      } catch (error) {
        log.error({ recordingId, attempt, err: messageOf(error) }, "recording could not be finalized yet");
        await new Promise((resolve) => setTimeout(resolve, retryMs[Math.min(attempt, retryMs.length - 1)]!).unref());
      }
    }
  }

  async function letGo(recordingId: string, seq: number): Promise<void> {
    await pool.release(recordingId);
    for (const name of storing.keys()) if (name.startsWith(`${recordingId}/`)) storing.delete(name);
    ledger.forget(recordingId);
    await facts.trim(seq, (id) => ledger.has(id));
  }

  facts.onDurable((stored) => {
    for (const { fact } of stored) ledger.note(fact);
  });
  pool.onEvent((event) => {
    if (event.kind === "piece") void store(event.piece).catch(() => undefined);
  });

  return {
    finish(recordingId, summary, owed = []) {
      if (finishing.has(recordingId)) return;
      const done = finish(recordingId, summary, owed).finally(() => finishing.delete(recordingId));
      finishing.set(recordingId, done);
    },
    applied(fact, seq) {
      if (fact.kind !== "recording.finalized") return;
      trimming = trimming
        .then(() => letGo(fact.recordingId, seq))
        .catch((error: unknown) => log.error({ recordingId: fact.recordingId, err: messageOf(error) }, "spool of a finished recording could not be tidied"));
    },
    finishing: () => finishing.size,
    async settle(withinMs) {
      const timeout = new Promise((resolve) => setTimeout(resolve, withinMs).unref());
      await Promise.race([Promise.all(finishing.values()).then(() => trimming), timeout]);
    },
  };
}

function pieceStored(piece: SealedPiece, now: Date): PieceStored {
  const { tenantId, recordingId, objectName, seq, keyId, sizeBytes, sha256, fromMs, toMs } = piece;
  return { kind: "piece.stored", tenantId, recordingId, atMs: now.getTime(), object: { objectName, kind: "piece", seq, keyId, sizeBytes, sha256, fromMs, toMs } };
}

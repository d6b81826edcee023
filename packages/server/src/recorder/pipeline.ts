/**
 * From a sealed piece to a finished recording: pieces go to the store, each named by a fact; when a call has ended and all
 * of its pieces are stored, it is finalized; when the database has that, the spool lets go of it. Every step may be
 * repeated after a crash, and each waits for its store or database without holding up another tenant's calls.
 */
import type { Clock } from "#clock";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { MintedKey, Vault } from "#vault";
import type { FactLog } from "./fact-log.ts";
import type { Fact, PieceStored } from "./facts.ts";
import { finalize, objectOf, type Finalized } from "./finalize.ts";
import type { Ledger } from "./ledger.ts";
import type { MediaPool, RecordingSummary, SealedPiece } from "./media.ts";
import { QuotaExceeded } from "./upload.ts";

export interface Pipeline {
  /** The call has ended and its last piece is sealed. */
  finish(recordingId: string, summary: RecordingSummary, of?: Ending): void;
  /** The database has applied this fact. */
  applied(fact: Fact, seq: number): void;
  /** Recordings that have ended and are not yet finalized. */
  finishing(): number;
  /** Waits for what can be finished within the time; the rest is finished at the next start. */
  settle(withinMs: number): Promise<void>;
}

export interface Ending {
  /** The recording's, if it never left this process's memory; without one the end has a key of its own. */
  readonly key?: MintedKey;
  /** Facts of it that the call journal has refused so far. */
  readonly owed?: readonly Fact[];
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

  /** Made in this process: nothing is ever sealed under a key that was read back (core decision 12). */
  async function newKey(tenantId: string): Promise<MintedKey> {
    const tenant = options.tenantOf(tenantId);
    if (tenant === null) throw new Error("its tenant is not in the node's snapshot");
    return options.vault.createDataKey(tenant);
  }

  async function finish(recordingId: string, summary: RecordingSummary, { key, owed = [] }: Ending): Promise<void> {
    let due = owed;
    let sealed: Finalized | null = null;
    for (let attempt = 0; ; attempt++) {
      try {
        if (due.length > 0 && ledger.has(recordingId)) await facts.append(...due);
        due = [];
        const entry = ledger.get(recordingId);
        // Refused before its first fact was on disk, and so before any of its audio: there is nothing to finish.
        if (entry === undefined || entry.finalized !== null) return;
        // Once, and before anything waits for a store: from here on nobody holds the key.
        sealed ??= finalize(entry, summary, { nodeId: options.nodeId, key: key ?? (await newKey(entry.opened.tenantId)), now: options.clock.now() });
        await Promise.all(summary.pieces.map(store));
        await Promise.all(sealed.objects.map(({ name, bytes }) => options.vault.store.put(name, bytes)));
        await facts.append({ ...sealed.fact, atMs: options.clock.now().getTime() });
        return;
      } catch (error) {
        log.error({ recordingId, attempt, err: messageOf(error) }, "recording could not be finalized yet");
        await new Promise((resolve) => setTimeout(resolve, retryMs[Math.min(attempt, retryMs.length - 1)]!).unref());
      }
    }
  }

  async function letGo({ tenantId, recordingId }: Fact & { kind: "recording.finalized" }, seq: number): Promise<void> {
    await pool.release(tenantId, recordingId);
    for (const { object } of ledger.get(recordingId)?.pieces ?? []) storing.delete(`${recordingId}/${object.objectName}`);
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
    finish(recordingId, summary, of = {}) {
      if (finishing.has(recordingId)) return;
      const done = finish(recordingId, summary, of).finally(() => {
        of.key?.bytes.fill(0);
        finishing.delete(recordingId);
      });
      finishing.set(recordingId, done);
    },
    applied(fact, seq) {
      if (fact.kind !== "recording.finalized") return;
      trimming = trimming
        .then(() => letGo(fact, seq))
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
  const { tenantId, recordingId } = piece;
  return { kind: "piece.stored", tenantId, recordingId, atMs: now.getTime(), object: objectOf(piece) };
}

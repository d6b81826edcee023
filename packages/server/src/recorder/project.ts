/**
 * Writes the call journal's facts to the database: in order, each exactly once, each with its one evidence row. The mark
 * of how far this node has come moves in the same transaction; when the database is away, facts wait in the journal.
 */
import { ensurePartitions, isConnectionError, withSystem, withTenant, type Db, type TenantTransaction } from "#db";
import { messageOf } from "#errors";
import { append, appendMany, type Actor, type EvidenceEntry } from "#evidence";
import { mintedAt } from "#ids";
import type { Log } from "#log";
import type { Fact } from "./facts.ts";
import type { StoredFact } from "./fact-log.ts";
import { toldAtEnd, toldOfChange } from "./told-of-interactions.ts";
import { writeFacts } from "./write-facts.ts";

export interface Projector {
  push(facts: readonly StoredFact[]): void;
  /** Facts that are on disk and not yet in the database. */
  waiting(): { facts: number; oldestMs: number | null; rejected: number };
  /** Waits until nothing waits, but not longer, and not for a database that is away; what is left stays in the call journal. */
  drain(withinMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface ProjectorOptions {
  readonly db: Db;
  readonly nodeId: string;
  readonly log: Log;
  /** Trunks over which the sandbox places its calls. */
  readonly sandboxTrunks: ReadonlySet<string>;
  /** Resolves when the database is set up: schema, this node's row, job queue. */
  readonly databaseReady: Promise<unknown>;
  /** In the transaction that finishes recordings: what has to follow. */
  finalizing(tx: TenantTransaction, recordingIds: readonly string[]): Promise<void>;
  applied(fact: Fact, seq: number): void;
}

const retryMs = [200, 500, 1_000, 2_000, 5_000];
/** A fact that the database refuses this often for its own sake is set aside, so that those behind it are not held up. */
const attempts = 3;
/** Facts of one tenant that share a transaction, and one statement for each table: a thousand calls that end together are some thirty of these. */
const batchFacts = 2_000;
/** What comes within this time of the last round shares the next one: a call's facts come one by one, and each transaction costs as much as many of them. After a pause nothing waits. */
const roundMs = 100;

export function createProjector(options: ProjectorOptions): Projector {
  const { db, nodeId, log } = options;
  const queue: StoredFact[] = [];
  let rejected = 0;
  /** The database is set up, and took the last thing it was given. */
  let here = false;
  let idle = false;
  const closing = new AbortController();
  let wake: (() => void) | null = null;

  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      if (closing.signal.aborted) return resolve();
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  /** One transaction for all of them, or none. */
  async function apply(batch: readonly StoredFact[]): Promise<void> {
    const { tenantId } = batch[0]!.fact;
    await withTenant(db, tenantId, async (tx) => {
      const mark = await lockMark(tx, nodeId);
      // Facts below the mark were applied by an earlier start, before it could say so.
      const facts = batch.filter(({ seq }) => seq > mark).map(({ fact }) => fact);
      await writeFacts(tx, facts, nodeId, options.sandboxTrunks);
      await appendMany(tx, facts.map((fact) => evidenceOf(fact, options)));
      const finished = facts.flatMap((fact) => (fact.kind === "recording.finalized" ? [fact.recordingId] : []));
      if (finished.length > 0) await options.finalizing(tx, finished);
      await moveMark(tx, nodeId, batch.at(-1)!.seq);
    });
  }

  /** The first facts of the queue that belong to one tenant. */
  function nextBatch(): StoredFact[] {
    const tenantId = queue[0]?.fact.tenantId;
    const end = queue.findIndex((stored) => stored.fact.tenantId !== tenantId);
    return queue.slice(0, Math.min(end === -1 ? queue.length : end, batchFacts));
  }

  async function reject(stored: StoredFact, error: unknown): Promise<void> {
    log.error({ seq: stored.seq, kind: stored.fact.kind, err: messageOf(error) }, "the database refused a fact; it stays in the call journal");
    try {
      await withTenant(db, stored.fact.tenantId, async (tx) => {
        await lockMark(tx, nodeId);
        await moveMark(tx, nodeId, stored.seq);
        await append(tx, { ...evidenceOf(stored.fact, options), action: "Fact Rejected", detail: { seq: stored.seq, kind: stored.fact.kind, error: messageOf(error) } });
      });
    } catch (refused) {
      if (isConnectionError(refused)) throw refused;
      // Not even that can be written for its tenant (it is gone): the log above is all there is.
      await withSystem(db, (tx) => tx.updateTable("nodes").set({ facts_applied: stored.seq }).where("node_id", "=", nodeId).where("facts_applied", "<", stored.seq).execute());
    }
    rejected += 1;
  }

  async function run(): Promise<void> {
    let failures = 0;
    let away = 0;
    /** A round is what waited when it began. */
    let roundBegan = -roundMs;
    let leftOfRound = 0;
    await Promise.race([options.databaseReady, new Promise((done) => closing.signal.addEventListener("abort", done, { once: true }))]);
    here = true;
    while (!closing.signal.aborted) {
      if (leftOfRound <= 0) {
        const restMs = roundBegan + roundMs - performance.now();
        if (restMs > 0 && queue.length < batchFacts) await sleep(restMs);
        roundBegan = performance.now();
        leftOfRound = queue.length;
      }
      const batch = failures === 0 ? nextBatch() : queue.slice(0, 1);
      const [next] = batch;
      if (next === undefined) {
        idle = true;
        await sleep(60_000);
        idle = false;
        continue;
      }
      try {
        const refused = failures > attempts;
        if (refused) await reject(next, lastError);
        else await apply(batch);
        queue.splice(0, batch.length);
        leftOfRound -= batch.length;
        failures = 0;
        here = true;
        if (away > 0) log.info({ waiting: queue.length }, "database is back; facts are being written");
        away = 0;
        // A refused fact was not applied: spool and call journal keep what they have of its recording.
        if (!refused) for (const { fact, seq } of batch) options.applied(fact, seq);
      } catch (error) {
        lastError = error;
        if (isConnectionError(error) || isBusy(error)) {
          here = false;
          if (away === 0) log.warn({ err: messageOf(error) }, "database is away; facts wait in the call journal");
          await sleep(retryMs[Math.min(away++, retryMs.length - 1)]!);
        } else {
          failures += 1;
          // The one fault that can be mended here: a quarter whose partitions nobody has made yet.
          if ("recordingId" in next.fact) await ensurePartitions(db, mintedAt(next.fact.recordingId)).catch(() => undefined);
          await sleep(50);
        }
      }
    }
  }
  let lastError: unknown = null;
  const running = run();

  return {
    push(facts) {
      // One by one: days of an absent database are more facts than a call may have arguments.
      for (const stored of facts) queue.push(stored);
      if (idle) wake?.(); // and never out of the pause after a failure: a busy node would press on a database that is away
    },
    waiting: () => ({ facts: queue.length, oldestMs: queue[0]?.fact.atMs ?? null, rejected }),
    async drain(withinMs) {
      const worthIt = () => here && queue.length > 0;
      for (const deadline = Date.now() + withinMs; worthIt() && Date.now() < deadline; ) await new Promise((done) => setTimeout(done, 20));
    },
    async close() {
      closing.abort();
      wake?.();
      await running;
    },
  };
}

/** Deadlocks, serialization failures, locks held too long, statements cut off: the statement is in order and its time will come. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(40|55|57)...$/.test(String(error.code));
}

/** Whether the database has all of a recording, and nothing of it is needed in the spool any more. */
export async function isFinished(db: Db, tenantId: string, recordingId: string): Promise<boolean> {
  const media = await withTenant(db, tenantId, (tx) => tx.selectFrom("media").select("state").where("minted_at", "=", mintedAt(recordingId)).where("media_id", "=", recordingId).executeTakeFirst());
  return media !== undefined && media.state !== "recording" && media.state !== "finalizing";
}

async function lockMark(tx: TenantTransaction, nodeId: string): Promise<number> {
  const node = await tx.selectFrom("nodes").select("facts_applied").where("node_id", "=", nodeId).forUpdate().executeTakeFirstOrThrow();
  return node.facts_applied;
}

async function moveMark(tx: TenantTransaction, nodeId: string, seq: number): Promise<void> {
  await tx.updateTable("nodes").set({ facts_applied: seq }).where("node_id", "=", nodeId).where("facts_applied", "<", seq).execute();
}

/** The words of the audit trail for what a recorder does by itself. */
function evidenceOf(fact: Fact, { nodeId, sandboxTrunks }: Pick<ProjectorOptions, "nodeId" | "sandboxTrunks">): EvidenceEntry {
  const actor: Actor = { kind: "machine", id: nodeId, name: "Recorder" };
  const base = { actor, item: "Call", occurredAt: new Date(fact.atMs), nodeId } as const;
  switch (fact.kind) {
    case "recording.opened":
      return { ...base, action: "Recording Started", subject: fact.recordingId, remoteAddress: fact.remoteAddress, detail: { sipCallId: fact.sipCallId, trunk: fact.trunkName, keyId: fact.keyId, decision: fact.decision, ...(fact.continuesRecordingId === undefined ? {} : { continues: fact.continuesRecordingId }) } };
    case "interaction.changed": {
      const action = ({ opened: "Interaction Opened", changed: "Interaction Changed", released: "Interaction Released" } as const)[fact.change];
      return { ...base, action, subject: fact.interaction.interactionId, detail: toldOfChange(fact) };
    }
    case "call.event":
      return { ...base, action: "Call Event", subject: fact.recordingId, detail: { event: fact.event, atMs: fact.mediaMs, participant: fact.participant } };
    case "body.received":
      return { ...base, action: "Metadata Received", subject: fact.recordingId, detail: { contentType: fact.contentType, sha256: fact.sha256, ...(fact.origin === undefined ? {} : { origin: fact.origin }) } };
    case "speaker.assigned":
      return { ...base, action: "Speaker Assigned", subject: fact.recordingId, detail: { label: fact.label, sourceTrack: fact.sourceTrack, address: fact.address, name: fact.name, fromMs: fact.fromMs } };
    case "piece.stored":
      return { ...base, action: "Piece Stored", subject: fact.recordingId, detail: { ...fact.object } };
    case "recording.ended":
      return { ...base, action: "Recording Ended", subject: fact.recordingId, detail: { reason: fact.endReason } };
    case "recording.finalized":
      return { ...base, action: "Recording Finalized", subject: fact.recordingId, detail: { manifestSha256: fact.manifestSha256, durationMs: fact.durationMs, recovered: fact.recovered, endReason: fact.endReason, interactions: fact.interactions.map((one) => toldAtEnd(one, sandboxTrunks)) } };
    case "call.not-recorded":
      return { ...base, action: "Not Recorded", subject: fact.sipCallId, remoteAddress: fact.remoteAddress, detail: { why: fact.why, reasons: fact.reasons, trunk: fact.trunkName, parties: fact.parties } };
  }
}

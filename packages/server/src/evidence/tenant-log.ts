/** One tenant's log, as this node keeps it: rows get their place, heads are signed, and a database that was set back is noticed. */
import { sql } from "kysely";
import { hashBytes, rowCommitment, treeRoot } from "@earwitness/verify";
import type { Clock } from "#clock";
import { isConnectionError, withLog, withTenant, type Db, type LogTransaction } from "#db";
import { messageOf, Refusal } from "#errors";
import { append, type Actor } from "./append.ts";
import { keepCheckpoint, type KeptCheckpoint } from "./checkpoints.ts";
import { createLogSigner, openHead, type LogHead, type LogSeeds, type LogSigner } from "./log-key.ts";
import { readHashes, readTiles } from "./log-tiles.ts";
import { sha256 } from "./sha256.ts";
import { readRow, rowColumns, type RawRow } from "./stored-row.ts";
import { edgeOf, edgeTiles, emptyEdge, growTree, type TreeEdge } from "./tree-edge.ts";
import { writeLogs, type GrownLog } from "./write-logs.ts";

/** The last head of each log that this node signed or saw, kept outside of the database. */
export interface RememberedHeads {
  /** Tenants of which a head is remembered. */
  list(): Promise<readonly string[]>;
  /** A signed note; null where none is remembered. */
  read(tenantId: string): Promise<string | null>;
  /** Durable when it answers. */
  write(tenantId: string, note: string | null): Promise<void>;
}

export interface TenantLogOptions {
  readonly db: Db;
  readonly seeds: LogSeeds;
  readonly heads: RememberedHeads;
  readonly clock: Clock;
  readonly nodeId: string;
  /** Name of the tenant's log; fixed when the log is made. */
  readonly originOf: (tenantId: string) => string;
  readonly batchRows: number;
}

export type Placing =
  /** `placed` rows got their place, the oldest recorded at that time; `more` may wait. */
  | { readonly kind: "placed"; readonly placed: number; readonly more: boolean; readonly oldest: number; readonly setBackMs: number }
  /** Another node has the log just now, or alone holds its key. */
  | { readonly kind: "elsewhere"; readonly hasKey: boolean }
  | { readonly kind: "stopped" };

/** What rows that wait make of the log, before it is written. */
export interface Batch {
  /** Null where none of the rows gets a place. */
  readonly grown: GrownLog | null;
  readonly strange: ReadonlyMap<string, string>;
  readonly more: boolean;
}

export interface TenantLog {
  readonly tenantId: string;
  /** In a transaction of its own, in which the log may be made, looked at as a whole and stopped. */
  place(): Promise<Placing>;
  /** It is known well enough, and little enough waits, for a transaction with others. */
  mayJoin(): boolean;
  /** The locked log is the one that is known, under the key that is at hand; undefined where somebody else has it. */
  continues(log: (LogHead & { readonly vkey: string | null }) | undefined): boolean;
  /** What these rows make of the log that is known. */
  grow(rows: readonly RawRow[], atMost: number): Promise<Batch>;
  /** The batch is committed. */
  settle(batch: Batch): Placing;
  /** Holds the database against what is remembered, without signing anything. */
  check(): Promise<void>;
  /** Why nothing is signed; null when all is well. */
  stopped(): string | null;
  /** Rows that cannot have been written by us, and get no place. */
  unplaceable(): ReadonlyMap<string, string>;
  /** Makes what was signed last durable outside of the database; nothing to do is done at once. */
  remember(): Promise<void>;
  /** Keeps the newest head as a checkpoint; null where there is no row yet. */
  keep(): Promise<(KeptCheckpoint & { readonly isNew: boolean }) | null>;
  /** Goes on from what the database holds, although this node signed something else. */
  resume(reason: string, by: Actor): Promise<void>;
  /** The database was away: it may be another one when it is back. */
  mistrust(): void;
}

interface Known {
  readonly head: LogHead;
  readonly note: string;
}

/** Thrown inside of a transaction: nothing of it is kept. */
class Stopped extends Error {}

/** Rows may be recorded a transaction's length before they are seen; a clock that goes back by more was set. */
const clockSlackMs = 60_000;

interface LogRow extends LogHead {
  readonly origin: string;
  readonly head: string | null;
  /** Of the key that signs now. */
  readonly vkey: string;
  readonly vkeys: readonly string[];
}

export function createTenantLog(tenantId: string, { db, seeds, heads, clock, nodeId, originOf, batchRows }: TenantLogOptions): TenantLog {
  let signer: LogSigner | null = null;
  /** The tree as this process last saw it whole; null when it has to be looked at again. */
  let edge: TreeEdge | null = null;
  /** The last head that this node signed or saw; undefined as long as the file was not read. */
  let known: Known | null | undefined;
  let isRemembered = true;
  let remembering: Promise<void> = Promise.resolve();
  let whyStopped: string | null = null;
  let newestRecordedAt = 0;
  let isBehind = false;
  const unplaceable = new Map<string, string>();

  /** The log's row, locked until the end of the transaction. */
  async function lockLog(tx: LogTransaction, skipLocked: boolean): Promise<LogRow | null> {
    const { rows } = await sql<Omit<LogRow, "vkey" | "vkeys"> & { readonly keys: { vkey: string; retired: boolean }[] }>`
      select origin, size, root, head,
             (select coalesce(json_agg(json_build_object('vkey', vkey, 'retired', retired_at is not null) order by from_size, created_at), '[]') from log_keys where tenant_id = ${tenantId}) as keys
        from logs where tenant_id = ${tenantId} for update ${skipLocked ? sql`skip locked` : sql``}`.execute(tx);
    const [row] = rows;
    if (row === undefined) return null;
    const { keys, ...log } = row;
    return { ...log, vkey: keys.findLast(({ retired }) => !retired)?.vkey ?? "", vkeys: keys.map(({ vkey }) => vkey) };
  }

  async function findSigner({ origin, vkey }: LogRow): Promise<LogSigner | null> {
    if (signer?.vkey === vkey) return signer;
    signer = (await seeds.read(tenantId)).map((seed) => createLogSigner(origin, seed)).find((candidate) => candidate.vkey === vkey) ?? null;
    return signer;
  }

  async function readKnown(origin: string, vkeys: readonly string[]): Promise<Known | null> {
    const note = await heads.read(tenantId);
    if (note === null) return null;
    try {
      return { head: openHead(note, origin, vkeys), note };
    } catch (error) {
      throw new Stopped(`What this node remembers of the log does not fit the log in the database: ${messageOf(error)}.`);
    }
  }

  /** Throws Stopped unless the database continues what this node knows, and its tiles make up its head. */
  async function examine(tx: LogTransaction, log: LogRow): Promise<TreeEdge> {
    if (edge !== null && isHead(edge, log)) return edge;
    const last = known === undefined ? await readKnown(log.origin, log.vkeys) : known;
    known = last;
    if (last !== null) {
      const { size } = last.head;
      if (log.size < size) throw new Stopped(`The log in the database has ${log.size} rows, and this node signed ${size}: the database was set back.`);
      const then = log.size === size ? log.root : await treeRoot(sha256, size, readHashes(tx, size)).catch(tilesMissing);
      if (then === null || !isHead({ size, root: then }, last.head)) throw new Stopped(`The log in the database is not the one that this node signed at ${size} rows: it was rewritten, or comes from another copy.`);
    }
    if ((log.head === null) !== (log.size === 0)) throw new Stopped(`The log in the database says ${log.size} rows and ${log.head === null ? "has no signed head" : "has a signed head"}.`);
    if (log.head !== null) {
      let signed: LogHead;
      try {
        signed = openHead(log.head, log.origin, log.vkeys);
      } catch (error) {
        throw new Stopped(`The head of the log in the database cannot be trusted: ${messageOf(error)}.`);
      }
      if (!isHead(signed, log)) throw new Stopped(`The head of the log in the database was signed at ${signed.size} rows, and the database says ${log.size}.`);
    }
    const found = await loadEdge(tx, log.size);
    if (!isHead(found, log)) throw new Stopped(`The tiles of the log in the database do not make up its signed head of ${log.size} rows: they were changed.`);
    edge = found;
    return found;
  }

  /** Runs on the locked log; what stops the log is remembered here. */
  async function onLog<T>(skipLocked: boolean, work: (tx: LogTransaction, log: LogRow) => Promise<T>): Promise<T | "elsewhere" | "missing" | "stopped"> {
    try {
      return await withLog(db, tenantId, async (tx) => {
        const log = await lockLog(tx, skipLocked);
        if (log !== null) return await work(tx, log);
        const exists = await tx.selectFrom("logs").select("tenant_id").executeTakeFirst();
        return exists === undefined ? "missing" : "elsewhere";
      });
    } catch (error) {
      edge = null;
      if (!(error instanceof Stopped)) throw error;
      whyStopped = error.message;
      return "stopped";
    }
  }

  async function place(): Promise<Placing> {
    if (whyStopped !== null) return { kind: "stopped" };
    const done = await onLog(true, async (tx, log) => {
      if ((await findSigner(log)) === null) return "no key" as const;
      await examine(tx, log);
      const { rows } = await sql<RawRow>`select ${rowColumns} from unplaced_evidence(${[tenantId]}::uuid[], ${[...unplaceable.keys()]}::uuid[], ${batchRows})`.execute(tx);
      const batch = await grow(rows, batchRows);
      if (batch.grown !== null) await writeLogs(tx, [batch.grown], clock.now());
      return batch;
    });
    if (done === "stopped") return { kind: "stopped" };
    if (done === "elsewhere") return { kind: "elsewhere", hasKey: true };
    if (done === "no key") return { kind: "elsewhere", hasKey: false };
    if (done === "missing") {
      await makeLog();
      return whyStopped === null ? await place() : { kind: "stopped" };
    }
    return settle(done);
  }

  async function grow(raw: readonly RawRow[], atMost: number): Promise<Batch> {
    if (edge === null || signer === null) throw new Error("a log that was not looked at cannot grow");
    const rows = raw.map((one) => readRow(tenantId, one));
    const strange = new Map(rows.flatMap(({ row, flaw }) => (flaw === null ? [] : [[row.evidenceId, flaw]])));
    const good = rows.filter(({ flaw }) => flaw === null);
    const more = raw.length === atMost;
    if (good.length === 0) return { grown: null, strange, more };
    const key = signer;
    const { edge: after, tiles } = await growTree(edge, good.map(({ row, salt }) => rowCommitment(sha256, row, salt!)));
    return { grown: { tenantId, rows: good, tiles, edge: after, note: key.sign(after) }, strange, more };
  }

  function settle({ grown, strange, more }: Batch): Placing {
    for (const [evidenceId, flaw] of strange) unplaceable.set(evidenceId, flaw);
    isBehind = more;
    if (grown === null) return { kind: "placed", placed: 0, more, oldest: newestRecordedAt, setBackMs: 0 };
    edge = grown.edge;
    know(grown.edge, grown.note);
    const first = Date.parse(grown.rows[0]!.row.recordedAt);
    const setBackMs = newestRecordedAt - first > clockSlackMs ? newestRecordedAt - first : 0;
    newestRecordedAt = Date.parse(grown.rows.at(-1)!.row.recordedAt);
    return { kind: "placed", placed: grown.rows.length, more, oldest: first, setBackMs };
  }

  /** A log is made with its tenant's first row. */
  async function makeLog(): Promise<void> {
    const remembered = await heads.read(tenantId);
    if (remembered !== null) {
      whyStopped = "The database has no log of the tenant, and this node signed one: the database was set back.";
      return;
    }
    const origin = originOf(tenantId);
    const seed = (await seeds.read(tenantId)).at(-1) ?? (await seeds.make(tenantId));
    const { vkey } = createLogSigner(origin, seed);
    await withLog(db, tenantId, async (tx) => {
      const made = await tx.insertInto("logs").values({ tenant_id: tenantId, origin }).onConflict((conflict) => conflict.column("tenant_id").doNothing()).returning("tenant_id").executeTakeFirst();
      // Another node was faster: its key is the log's.
      if (made !== undefined) await tx.insertInto("log_keys").values({ tenant_id: tenantId, vkey, from_size: 0 }).execute();
    });
  }

  function know(head: LogHead, note: string): void {
    known = { head: { size: head.size, root: head.root }, note };
    isRemembered = false;
  }

  /** One write after the other, so that an older head never follows a newer one. */
  function remember(): Promise<void> {
    const next = remembering.catch(() => undefined).then(async () => {
      if (isRemembered || known === null || known === undefined) return;
      isRemembered = true;
      try {
        await heads.write(tenantId, known.note);
      } catch (error) {
        isRemembered = false;
        throw error;
      }
    });
    remembering = next;
    return next;
  }

  return {
    tenantId,
    place,
    mayJoin: () => whyStopped === null && edge !== null && signer !== null && !isBehind,
    continues: (log) => log !== undefined && edge !== null && isHead(edge, log) && signer?.vkey === log.vkey,
    grow,
    settle,
    remember,
    stopped: () => whyStopped,
    unplaceable: () => unplaceable,
    mistrust() {
      edge = null;
    },
    async check() {
      const wasStopped = whyStopped;
      whyStopped = null;
      edge = null;
      try {
        const found = await onLog(false, async (tx, log) => void (await examine(tx, log)));
        if (found === "missing" && (await heads.read(tenantId)) !== null) whyStopped = "The database has no log of the tenant, and this node signed one: the database was set back.";
      } catch (error) {
        whyStopped = wasStopped; // not looked at: as it was
        throw error;
      }
    },
    async keep() {
      // In this order: what is published as a checkpoint is always remembered outside of the database, durably, so that a database
      // without it is noticed. A crash between the two leaves a head remembered that the database has as well.
      const head = await onLog(false, async (tx, log) => {
        await examine(tx, log);
        if (log.head !== null && (known === null || known === undefined || !isHead(known.head, log))) know(log, log.head);
        return log;
      });
      if (head === "stopped") throw new Refusal("LOG_STOPPED", 409, `${whyStopped} Nothing is signed until it is resumed.`);
      if (head === "elsewhere" || head === "missing" || head.head === null) return null;
      await remember();
      const { size, head: note } = head;
      return await withLog(db, tenantId, (tx) => keepCheckpoint(tx, { size, note, keptAt: clock.now() }));
    },
    async resume(reason, by) {
      if (whyStopped === null) throw new Refusal("LOG_NOT_STOPPED", 409, "The log goes on: there is nothing to resume.");
      const signed = await heads.read(tenantId);
      const found = await withTenant(db, tenantId, async (tx) => {
        const log = await tx.selectFrom("logs").select(["size", "head"]).executeTakeFirst();
        const detail = { why: whyStopped, signed, database: log?.head ?? null, size: log?.size ?? 0 };
        await append(tx, { actor: by, action: "Resume", item: "Log", subject: tenantId, occurredAt: clock.now(), nodeId, reason, detail });
        return log?.head ?? null;
      });
      await heads.write(tenantId, found);
      known = undefined;
      edge = null;
      isRemembered = true;
      whyStopped = null;
    },
  };
}

/** Tiles that are gone or short make no root; a database that does not answer is another matter. */
function tilesMissing(error: unknown): null {
  if (isConnectionError(error)) throw error;
  return null;
}

const isHead = (a: LogHead, b: LogHead): boolean => a.size === b.size && Buffer.compare(a.root, b.root) === 0;

async function loadEdge(tx: LogTransaction, size: number): Promise<TreeEdge> {
  if (size === 0) return emptyEdge;
  const wanted = edgeTiles(size);
  const found = await readTiles(tx, wanted);
  if (wanted.some(({ width }, at) => found[at]!.length !== width * hashBytes)) return emptyEdge; // no head of any size
  return await edgeOf(size, new Map(wanted.map(({ level }, at) => [level, found[at]!])));
}

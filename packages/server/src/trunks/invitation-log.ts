/** What became of every INVITE that asked for a recording, and the messages that were exchanged: for the trunk's page. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { sql } from "kysely";
import type { InvitationOutcome, InvitationReason, UnknownParty } from "@earwitness/contract";
import type { Clock } from "#clock";
import { isConnectionError, withTenant, type Db, type TenantTransaction } from "#db";
import { messageOf } from "#errors";
import { newUuid } from "#ids";
import type { Log } from "#log";
import { plainAddress } from "./network-index.ts";

export interface TraceEntry {
  readonly at: Date;
  readonly direction: "in" | "out";
  readonly transport: "udp" | "tcp" | "tls";
  /** `address:port` of the other side. */
  readonly remote: string;
  /** The SIP message as it was on the wire, with keys and credentials masked. */
  readonly text: string;
}

export interface AnsweredInvitation {
  readonly at: Date;
  /** Null: nobody's (the address belongs to no trunk, and no trunk's recording address was called). */
  readonly tenantId: string | null;
  readonly trunkId: string | null;
  readonly remote: string;
  readonly transport: "udp" | "tcp" | "tls";
  readonly sipCallId: string;
  /** User-Agent. */
  readonly client: string | null;
  readonly status: number;
  readonly outcome: "recorded" | "ignored" | "refused";
  readonly reason: InvitationReason;
  readonly explanation: string;
  readonly recordingId: string | null;
  /** Of a call that was not recorded: whom the directory does not know. The name is the sender's word. */
  readonly unknownParties: readonly UnknownParty[];
  /** What was exchanged so far. */
  readonly trace: readonly TraceEntry[];
}

/** Neither method waits for anything or throws: a page never costs a call. */
export interface InvitationLog {
  /** `continue` it with the later messages of the dialog. */
  answered(invitation: AnsweredInvitation): { continue(entry: TraceEntry): void };
}

export interface LiveInvitationLog extends InvitationLog {
  /** Writes now what waits; the beat does so every second. */
  flush(): Promise<void>;
  counters(): { readonly waiting: number; readonly dropped: number };
  /** How many became what since the start. */
  outcomes(): Readonly<Record<InvitationOutcome, number>>;
  /** Writes what waits, if the database is there. */
  close(): Promise<void>;
}

export interface InvitationLogOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly log: Log;
  readonly flushMs?: number;
}

/** How many rows are kept; more than a page's reader looks through. */
const keptPerTrunk = 200;
const keptWithoutTrunk = 500;
/** The same result from the same address within this time is one row. */
const repeatWindowMs = 60_000;
const mostRepeats = 5_000;
/** Of one dialog, as text. */
const longestTrace = 256 * 1024;
/** What waits for the database: rows of one trunk, rows in all, text in all. The oldest goes first. */
const waitingPerTrunk = keptPerTrunk;
const waitingRows = 5_000;
const waitingTextLength = 16 * 1024 * 1024;
/** What stands around a message in a trace; also what keeps a dialog of empty messages within bounds. */
const headLength = 160;
const rowsPerStatement = 100;
/** A database that is away does not hold up a server that stops. */
const closeMs = 2_000;

interface Entry {
  readonly id: string;
  readonly invitation: AnsweredInvitation & { readonly tenantId: string };
  readonly place: string;
  /** Messages that no row has yet; most of a flood's are never written, so they become text only then. */
  messages: TraceEntry[];
  /** Length of all messages so far, written or not. */
  traceLength: number;
  repeated: number;
  isStored: boolean;
  /** Its row is gone, or never came to be: nothing more of it is kept. */
  isDropped: boolean;
}

/**
 * Keeps invitations in memory, at most a second's worth while the database answers, and writes them in batches, a
 * transaction for each tenant. Bounded in every direction: a flood of strangers repeats itself into few rows, and what the
 * database does not take for long is forgotten from the oldest on, and counted.
 */
export function createInvitationLog({ db, clock, nodeId, log, flushMs = 1_000 }: InvitationLogOptions): LiveInvitationLog {
  /** In the order of their coming: Map keeps it. */
  let waiting = new Map<string, Entry>();
  let perPlace = new Map<string, Set<Entry>>();
  let textLength = 0;
  let dropped = 0;
  /** All of them: those that are put together in one row, and nobody's, too. */
  const outcomes = { recorded: 0, ignored: 0, refused: 0 };
  let told = 0;
  const repeats = new Map<string, { readonly entry: Entry; readonly untilMs: number }>();
  let running: Promise<void> | null = null;
  let closed = false;

  function wait(entry: Entry): void {
    if (entry.isDropped || waiting.has(entry.id)) return;
    waiting.set(entry.id, entry);
    const here = perPlace.get(entry.place) ?? new Set();
    perPlace.set(entry.place, here.add(entry));
    if (here.size > waitingPerTrunk) forget(here.values().next().value!);
    while (waiting.size > waitingRows || (textLength > waitingTextLength && waiting.size > 0)) forget(waiting.values().next().value!);
  }

  function forget(entry: Entry): void {
    waiting.delete(entry.id);
    perPlace.get(entry.place)?.delete(entry);
    textLength -= lengthOf(entry.messages);
    entry.messages = [];
    entry.isDropped = !entry.isStored; // of a row that is there only the newest messages are lost
    dropped += 1;
  }

  function add(entry: Entry, message: TraceEntry): void {
    if (entry.isDropped || entry.traceLength >= longestTrace) return;
    entry.messages.push(message);
    entry.traceLength += lengthOf([message]);
    textLength += lengthOf([message]);
  }

  function repeatOf(invitation: AnsweredInvitation & { tenantId: string }, place: string): Entry | null {
    if (invitation.outcome === "recorded") return null;
    const source = plainAddress(invitation.remote.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""));
    // Calls that are ignored differ in whom they are between; refusals differ in nothing that matters.
    const key = [place, source, invitation.transport, invitation.status, invitation.reason, invitation.outcome === "ignored" ? invitation.explanation : ""].join(" ");
    const known = repeats.get(key);
    const atMs = invitation.at.getTime();
    if (known !== undefined && atMs < known.untilMs && !known.entry.isDropped) return known.entry;
    const entry = newEntry(invitation, place);
    repeats.delete(key); // so that it stands behind the others
    repeats.set(key, { entry, untilMs: atMs + repeatWindowMs });
    if (repeats.size > mostRepeats) repeats.delete(repeats.keys().next().value!);
    return entry;
  }

  function newEntry(answered: AnsweredInvitation & { tenantId: string }, place: string): Entry {
    // The messages are kept as text until they are written, and not beside it.
    return { id: newUuid(), invitation: { ...answered, trace: [] }, place, messages: [], traceLength: 0, repeated: -1, isStored: false, isDropped: false };
  }

  function record(invitation: AnsweredInvitation & { tenantId: string }): Entry | null {
    const place = `${invitation.tenantId} ${invitation.trunkId ?? ""}`;
    const entry = repeatOf(invitation, place) ?? newEntry(invitation, place);
    entry.repeated += 1;
    const isFirst = entry.repeated === 0;
    if (isFirst) for (const message of invitation.trace) add(entry, message);
    wait(entry);
    return isFirst ? entry : null;
  }

  async function write(): Promise<void> {
    if (waiting.size === 0) return;
    const batch = [...waiting.values()];
    waiting = new Map();
    perPlace = new Map();
    for (const [tenantId, entries] of Map.groupBy(batch, ({ invitation }) => invitation.tenantId)) {
      const parts: { entry: Entry; taken: TraceEntry[]; trace: Buffer | null }[] = [];
      for (const entry of entries) {
        const taken = entry.messages.splice(0);
        textLength -= lengthOf(taken);
        // One after the other: the pool that compresses is the one that syncs journals.
        parts.push({ entry, taken, trace: taken.length === 0 ? null : await promisify(gzip)(textOf(entry, taken)) });
      }
      try {
        await withTenant(db, tenantId, (tx) => writeRows(tx, nodeId, parts));
        for (const { entry } of parts) entry.isStored = true;
      } catch (error) {
        if (!isConnectionError(error)) {
          log.error({ tenantId, rows: parts.length, err: messageOf(error) }, "the database does not take these invitations; they are not on the trunks' pages");
          for (const { entry } of parts) entry.isDropped = !entry.isStored;
          dropped += parts.length;
          continue;
        }
        log.debug({ tenantId, err: messageOf(error) }, "invitations were not written; they wait");
        // Back to where they were, before what came meanwhile.
        const newer = waiting;
        waiting = new Map();
        perPlace = new Map();
        for (const { entry, taken } of parts) {
          entry.messages.unshift(...taken);
          textLength += lengthOf(taken);
          wait(entry);
        }
        for (const entry of newer.values()) wait(entry);
      }
    }
    const nowMs = clock.now().getTime();
    for (const [key, { untilMs }] of repeats) if (untilMs <= nowMs) repeats.delete(key);
    if (dropped > told) log.warn({ dropped: dropped - told }, "invitations came faster than they could be written; the oldest are not on the trunks' pages");
    told = dropped;
  }

  /** One at a time. Never rejects. */
  function flush(): Promise<void> {
    running ??= write()
      .catch((error: unknown) => log.error({ err: messageOf(error) }, "invitations could not be written"))
      .finally(() => (running = null));
    return running;
  }

  const beat = setInterval(() => void flush(), flushMs);
  beat.unref();

  return {
    answered(invitation) {
      const ignores = { continue: () => undefined };
      outcomes[invitation.outcome] += 1;
      if (closed || invitation.tenantId === null) return ignores;
      try {
        const entry = record({ ...invitation, tenantId: invitation.tenantId });
        if (entry === null) return ignores;
        return {
          continue(message) {
            if (closed || entry.isDropped || entry.traceLength >= longestTrace) return;
            try {
              add(entry, message);
              wait(entry);
            } catch (error) {
              log.error({ err: messageOf(error) }, "a message could not be kept");
            }
          },
        };
      } catch (error) {
        log.error({ err: messageOf(error) }, "an invitation could not be kept");
        return ignores;
      }
    },
    flush,
    counters: () => ({ waiting: waiting.size, dropped }),
    outcomes: () => ({ ...outcomes }),
    async close() {
      closed = true;
      clearInterval(beat);
      const last = (async () => {
        await running;
        await flush();
      })();
      await Promise.race([last, new Promise((later) => setTimeout(later, closeMs).unref())]);
    },
  };
}

const lengthOf = (messages: readonly TraceEntry[]): number => messages.reduce((sum, { text }) => sum + text.length + headLength, 0);

/** Everything of a message is shown as it came; the last one that fits is cut. */
function textOf({ traceLength }: Entry, messages: readonly TraceEntry[]): string {
  const surplus = Math.max(0, traceLength - longestTrace);
  return messages
    .map(({ at, direction, transport, remote, text }, place) => {
      const isCut = surplus > 0 && place === messages.length - 1;
      const shown = (isCut ? text.slice(0, Math.max(0, text.length - surplus)) : text).replaceAll("\r\n", "\n").trimEnd();
      const end = isCut ? `\n… the trace is cut here: it has reached ${longestTrace / 1024} kB` : "";
      return `${at.toISOString()} ${direction === "in" ? "received from" : "sent to"} ${remote} (${transport.toUpperCase()})\n\n${shown}${end}\n\n${"-".repeat(72)}\n`;
    })
    .join("");
}

const column = (text: string, longest: number): string => text.slice(0, longest).toWellFormed().replaceAll("\0", "\ufffd");

type Part = { readonly entry: Entry; readonly trace: Buffer | null };

async function writeRows(tx: TenantTransaction, nodeId: string, parts: readonly Part[]): Promise<void> {
  const fresh = parts.filter(({ entry }) => !entry.isStored);
  for (let at = 0; at < fresh.length; at += rowsPerStatement) {
    await tx
      .insertInto("trunk_invitations")
      .values(
        fresh.slice(at, at + rowsPerStatement).map(({ entry: { id, invitation, repeated }, trace }) => ({
          tenant_id: tx.tenantId,
          invitation_id: id,
          trunk_id: invitation.trunkId,
          at: invitation.at,
          node_id: nodeId,
          remote_address: column(invitation.remote, 100),
          transport: invitation.transport,
          sip_call_id: column(invitation.sipCallId, 300),
          client: invitation.client === null ? null : column(invitation.client, 300),
          status: invitation.status,
          outcome: invitation.outcome,
          reason: invitation.reason,
          explanation: column(invitation.explanation, 2_000),
          repeated,
          recording_id: invitation.recordingId,
          unknown_parties: JSON.stringify(invitation.unknownParties.map(({ address, name }) => ({ address: column(address, 500), name: name === null ? null : column(name, 200) }))),
          trace,
        })),
      )
      .onConflict((conflict) => conflict.columns(["tenant_id", "invitation_id"]).doNothing())
      .execute();
  }
  for (const { entry, trace } of parts.filter(({ entry }) => entry.isStored)) {
    // gzip members one after the other are one gzip file (RFC 1952 §2.2).
    await tx
      .updateTable("trunk_invitations")
      .set({ repeated: entry.repeated, ...(trace === null ? {} : { trace: sql<Buffer>`coalesce(trace, '') || ${trace}` }) })
      .where("invitation_id", "=", entry.id)
      .execute();
  }
  for (const trunkId of new Set(fresh.map(({ entry }) => entry.invitation.trunkId))) await keepNewest(tx, trunkId);
}

async function keepNewest(tx: TenantTransaction, trunkId: string | null): Promise<void> {
  const ofTrunk = trunkId === null ? sql`trunk_id is null` : sql`trunk_id = ${trunkId}`;
  // What comes in after its trunk was removed goes as well.
  if (trunkId !== null) await sql`delete from trunk_invitations where trunk_id = ${trunkId} and not exists (select from trunks where trunk_id = ${trunkId})`.execute(tx);
  await sql`delete from trunk_invitations where ${ofTrunk} and (at, invitation_id) <= (
    select at, invitation_id from trunk_invitations where ${ofTrunk} order by at desc, invitation_id desc offset ${trunkId === null ? keptWithoutTrunk : keptPerTrunk} limit 1
  )`.execute(tx);
}

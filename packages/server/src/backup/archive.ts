import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import type { Clock } from "#clock";
import { connectDirect, withDirect } from "#db";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { makeDirectory, writeFileDurably } from "#vault";
import { readArchiveFiles, readTimelines, sizeOf } from "./archive-files.ts";
import { readArchiveState, writeArchiveState } from "./archive-state.ts";
import { formatLsn, historyName, parseLsn, segmentBytes, segmentOf, segmentStart } from "./lsn.ts";
import { connectReplication, type ReplicationConnection } from "./replication.ts";
import { ArchiveConflict, createSegmentWriter, type SegmentWriter } from "./segment-writer.ts";

/** Keeps the log that was not archived yet in the database's own directory. */
const slot = "earwitness_archive";

export interface ArchiveReading {
  readonly timeline: number | null;
  /** Everything the database had committed by then is in the archive. */
  readonly completeAt: Date | null;
  readonly failure: { readonly since: Date; readonly message: string } | null;
  readonly failures: number;
}

export interface Archive {
  readonly walDir: string;
  reading(): ArchiveReading;
  /** Waits until the archive holds everything before this place. */
  reached(lsn: bigint, withinMs?: number): Promise<void>;
  /**
   * To be called when the database is being closed: its last bytes still come. An archive that does not work holds nobody up.
   */
  close(): Promise<void>;
}

export interface ArchiveOptions {
  readonly superuserUrl: string;
  readonly systemIdentifier: string;
  /** The cluster's directory among the backups. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How often what came is synced: the most that a loss of database and machine can cost. */
  readonly flushMs?: number;
  /** How often the database is asked how far it is. */
  readonly beatMs?: number;
}

/**
 * Receives the database's write-ahead log as it is written, by PostgreSQL's replication protocol, into the archive. The
 * database keeps what was not confirmed; when the archive comes back, it goes on where it was.
 */
export function createArchive({ superuserUrl, systemIdentifier, dir, clock, log, flushMs = 1_000, beatMs = 5_000 }: ArchiveOptions): Archive {
  const walDir = join(dir, "wal");
  const closing = new AbortController();
  let connection: ReplicationConnection | null = null;
  let writer: SegmentWriter | null = null;
  let timeline: number | null = null;
  let completeAt: Date | null = null;
  let failure: ArchiveReading["failure"] = null;
  let failures = 0;
  let toldAt = 0;
  /** What the archive wanted next is gone from the database: it goes on behind the hole. */
  let leap = false;

  async function run(): Promise<void> {
    for (let pauseMs = 500; !closing.signal.aborted; ) {
      try {
        await makeDirectory(walDir);
        await receive();
        pauseMs = 500;
      } catch (error) {
        if (closing.signal.aborted) return;
        failures++;
        failure = { since: failure?.since ?? clock.now(), message: messageOf(error) };
        if (Date.now() - toldAt > 60_000) {
          toldAt = Date.now();
          log.error({ err: failure.message, since: failure.since }, "the write-ahead log is not being archived; the database goes on and keeps it, trying again");
        }
        pauseMs = Math.min(pauseMs * 2, error instanceof ArchiveConflict ? 60_000 : 10_000);
      }
      await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined); // closing ends the pause
    }
  }

  async function receive(): Promise<void> {
    const sql = await connectDirect(superuserUrl, "archive");
    try {
      connection = await connectReplication(superuserUrl);
      const [server] = await connection.query("IDENTIFY_SYSTEM");
      if (server!["systemid"] !== systemIdentifier) throw new ArchiveConflict(`this is another database cluster (${server!["systemid"]}) than at the start (${systemIdentifier})`);
      const [sizes] = await connection.query("SHOW wal_segment_size");
      if (sizes!["wal_segment_size"] !== "16MB") throw new Error(`segments of the write-ahead log are ${sizes!["wal_segment_size"]}; backups are made for 16MB`);
      timeline = Number(server!["timeline"]);
      await keepHistory(connection, timeline);
      const kept = await keepSlot(sql);
      const from = await placeToBegin(timeline, kept, parseLsn(server!["xlogpos"]!));
      await reopen();
      if (closing.signal.aborted) return;
      writer = createSegmentWriter(walDir, timeline, from);
      await stream(connection, sql, writer, `START_REPLICATION SLOT ${slot} PHYSICAL ${formatLsn(segmentStart(from))} TIMELINE ${timeline}`);
    } catch (error) {
      if ((error as { code?: string }).code === "58P01") {
        leap = true;
        await sql.query("select pg_drop_replication_slot($1)", [slot]).catch(() => undefined); // still held by the connection that ends below: then it is dropped the next time
        throw new Error(`the write-ahead log from where the archive ended is gone from the database: the archive has a hole there, and a new base backup is needed (${messageOf(error)})`, { cause: error });
      }
      throw error;
    } finally {
      connection?.destroy();
      connection = null;
      await writer?.close();
      writer = null;
      await sql.end().catch(() => undefined); // it may be dead already
    }
  }

  /** What said “closed in order, nothing comes after” is no longer true. */
  async function reopen(): Promise<void> {
    const state = await readArchiveState(dir);
    if (state !== null && state.closedAt !== null) await writeArchiveState(dir, { ...state, closedAt: null });
  }

  /** A restore begins a timeline; how it came from the one before is needed to restore from it. */
  async function keepHistory(from: ReplicationConnection, of: number): Promise<void> {
    if (of === 1) return;
    const [history] = await from.query(`TIMELINE_HISTORY ${of}`);
    const path = join(walDir, historyName(of));
    if ((await sizeOf(path)) === 0) await writeFileDurably(path, [Buffer.from(history!["content"]!)]);
  }

  async function keepSlot(sql: Client): Promise<bigint> {
    const { rows } = await sql.query("select restart_lsn, wal_status from pg_replication_slots where slot_name = $1", [slot]);
    const [found] = rows as { restart_lsn: string | null; wal_status: string | null }[];
    if (found !== undefined && found.restart_lsn !== null && found.wal_status !== "lost") return parseLsn(found.restart_lsn);
    if (found !== undefined) await sql.query("select pg_drop_replication_slot($1)", [slot]);
    await sql.query("select pg_create_physical_replication_slot($1, true)", [slot]);
    return await keepSlot(sql);
  }

  /** The number of the segment to receive first. */
  async function placeToBegin(on: number, kept: bigint, serverAt: bigint): Promise<number> {
    const files = await readArchiveFiles(walDir);
    const later = files.timelines.find((known) => known > on);
    if (later !== undefined) throw new ArchiveConflict(`the archive is already on timeline ${later} and the database on ${on}: it was put back from a copy. Restore it from the backup, or move ${dir} away`);
    const mine = files.segments.filter((segment) => segment.timeline === on).sort((a, b) => a.segment - b.segment);
    const whole = mine.findLast(({ sha256 }) => sha256 !== null);
    const partial = mine.findLast(({ sha256 }) => sha256 === null);
    const end = Math.max(whole === undefined ? 0 : (whole.segment + 1) * segmentBytes, partial === undefined ? 0 : partial.segment * segmentBytes + (await sizeOf(join(walDir, partial.file))));
    if (BigInt(end) > serverAt) {
      throw new ArchiveConflict(`the database is at ${formatLsn(serverAt)}, behind its own archive, which reaches ${formatLsn(BigInt(end))}: it was put back from a copy. Restore it from the backup, or move ${dir} away`);
    }
    if (leap) {
      leap = false;
      return Math.max(segmentOf(kept), whole === undefined ? 0 : whole.segment + 1);
    }
    if (whole !== undefined) return whole.segment + 1;
    if (partial !== undefined) return partial.segment;
    if (on > 1) return segmentOf((await readTimelines(walDir, on)).at(-1)!.from);
    return segmentOf(kept);
  }

  async function stream(from: ReplicationConnection, sql: Client, to: SegmentWriter, command: string): Promise<void> {
    const inbox: Buffer[] = [];
    let waiting = 0;
    let wake = Promise.withResolvers<void>();
    let ended: { error: unknown } | null = null;
    from.follow(command, (message) => {
      inbox.push(message);
      waiting += message.length;
      if (waiting > 8_000_000) from.pause();
      wake.resolve();
    }).then(
      () => (ended = { error: null }),
      (error: unknown) => (ended = { error }),
    ).finally(() => wake.resolve());

    let syncedAt = 0;
    let beatAt = 0;
    let beat: { readonly lsn: bigint; readonly at: Date } | null = null;
    for (;;) {
      const isEnd = ended !== null;
      let asked = false;
      for (const message of inbox.splice(0)) {
        if (message[0] === 0x77) await to.write(message.readBigUInt64BE(1), message.subarray(25)); // w: log
        else if (message[0] === 0x6b) asked ||= message[17] === 1; // k: how far the server is, and whether it waits for us
      }
      waiting = 0;
      from.resume();
      const now = Date.now();
      if (asked || isEnd || now - syncedAt >= flushMs) {
        syncedAt = now;
        await to.flush();
        if (!isEnd) from.send(statusUpdate(to.position(), to.flushed(), now));
      }
      if (beat !== null && to.flushed() >= beat.lsn) {
        await complete(beat.at, beat.lsn, null);
        beat = null;
      }
      if (isEnd) {
        const { error } = ended as unknown as { error: unknown };
        if (error !== null) throw error;
        // The database closed in order, and waited until we had everything.
        await complete(clock.now(), to.flushed(), clock.now());
        return;
      }
      if (beat === null && now - beatAt >= beatMs && !closing.signal.aborted) {
        beatAt = now;
        beat = await whereIsIt(sql);
      }
      await Promise.race([wake.promise, sleep(flushMs)]);
      wake = Promise.withResolvers();
      if (inbox.length > 0) wake.resolve();
    }
  }

  async function complete(at: Date, lsn: bigint, closedAt: Date | null): Promise<void> {
    await writeArchiveState(dir, { format: 1, systemIdentifier, timeline: timeline!, completeAt: at.toISOString(), completeLsn: formatLsn(lsn), partial: writer?.partial() ?? null, closedAt: closedAt?.toISOString() ?? null });
    completeAt = at;
    if (failure !== null) log.warn({ since: failure.since }, "the write-ahead log is archived again");
    failure = null;
    toldAt = 0;
  }

  const running = run();
  return {
    walDir,
    reading: () => ({ timeline, completeAt, failure, failures }),
    async reached(lsn, withinMs = 60_000) {
      for (const deadline = Date.now() + withinMs; (writer?.flushed() ?? 0n) < lsn; await sleep(25)) {
        if (closing.signal.aborted) throw new Error("the archive is closed");
        if (Date.now() > deadline) throw new Error(`the archive did not come to ${formatLsn(lsn)} within ${withinMs / 1000} s${failure === null ? "" : `: ${failure.message}`}`);
      }
    },
    async close() {
      closing.abort();
      if (failure !== null || writer === null) connection?.destroy();
      const patience = sleep(10_000).then(() => connection?.destroy());
      await Promise.race([running, patience]);
      await running;
    },
  };
}

async function whereIsIt(sql: Client): Promise<{ lsn: bigint; at: Date }> {
  const { rows } = await sql.query("select pg_current_wal_flush_lsn() as lsn, clock_timestamp() as at");
  return { lsn: parseLsn(rows[0].lsn), at: rows[0].at };
}

/** How far what came is written and safe; PostgreSQL's clock begins in 2000. */
function statusUpdate(written: bigint, flushed: bigint, nowMs: number): Buffer {
  const message = Buffer.alloc(34);
  message.write("r");
  message.writeBigUInt64BE(written, 1);
  message.writeBigUInt64BE(flushed, 9);
  message.writeBigUInt64BE(flushed, 17);
  message.writeBigInt64BE(BigInt(nowMs - Date.UTC(2000, 0, 1)) * 1000n, 25);
  return message;
}

/** Without backups nobody takes the log: a slot that was left would keep it for nothing. */
export async function forgetArchive(superuserUrl: string): Promise<void> {
  await withDirect(superuserUrl, "archive", (sql) => sql.query("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active", [slot]));
}

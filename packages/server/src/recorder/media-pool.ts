/** The media workers as one: gives each recording to the least busy one, and says so when one dies. */
import { randomBytes } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
// Held by this thread as long as the process lives: a thread that ends as the last one to hold it unloads its code too early, and the process falls.
import "@evan/opus";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { temporaryPrefix } from "#vault";
import type { MediaEvent, MediaPool, MediaStats } from "./media.ts";
import { splitPorts } from "./port-range.ts";
import { closeLeftBehind, createOpenDescriptors } from "./udp-batch.ts";
import { chooseUdp, type UdpBackEnd } from "./udp-choice.ts";
import type { Answers, Command, FromWorker, Request, ThreadOptions } from "./worker-protocol.ts";

export interface MediaPoolOptions {
  /** Threads; one for each core but one is right. */
  readonly workers: number;
  readonly bindAddress: string;
  /** First and last port for RTP and RTCP; [0, 0]: the system chooses. */
  readonly rtpPorts: readonly [number, number];
  readonly spoolDir: string;
  readonly log: Log;
  /** 0: no `silent` events. */
  readonly silentMs?: number;
  readonly pieceMs?: number;
  readonly segmentBytes?: number;
  /** Absent or null: in batches where that works. */
  readonly udp?: UdpBackEnd | null;
}

/** With the seconds that wait to settle at the end of a call a piece stays within 60 s. */
const defaultPieceMs = 55_000;
const defaultSegmentBytes = 64 * 1024 * 1024;

interface Member {
  readonly worker: Worker;
  readonly recordings: Set<string>;
  readonly waiting: Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>;
  stats: MediaStats;
  /** False from its death until another takes its place. */
  alive: boolean;
}

/** Workers that die this young one after the other do not die of a call: the next waits, longer each time. */
const shortLifeMs = 10_000;
const longestRestMs = 30_000;

export async function createMediaPool(options: MediaPoolOptions): Promise<MediaPool> {
  const incarnation = `${Date.now().toString(36)}${randomBytes(4).toString("hex")}`;
  const ranges = options.rtpPorts[0] === 0 ? Array.from({ length: options.workers }, () => options.rtpPorts) : splitPorts(options.rtpPorts, options.workers);
  const udp = await chooseUdp(options.udp ?? null, options.log);
  const listeners = new Set<(event: MediaEvent) => void>();
  const byRecording = new Map<string, Member>();
  let requests = 0;
  let births = 0;
  let closing: Promise<void> | null = null;
  const members = ranges.map((range, place) => hire(range, place));
  await Promise.all(members.map((member) => new Promise((resolve, reject) => member.worker.once("online", () => resolve(undefined)).once("error", reject))));

  function tell(event: MediaEvent): void {
    for (const listener of listeners) listener(event);
  }

  function hire(rtpPorts: readonly [number, number], place: number, youngDeaths = 0): Member {
    births += 1;
    const openDescriptors = createOpenDescriptors();
    const workerData: ThreadOptions = {
      owner: `${incarnation}-${births}`,
      bindAddress: options.bindAddress,
      rtpPorts,
      spoolDir: options.spoolDir,
      pieceMs: options.pieceMs ?? defaultPieceMs,
      segmentBytes: options.segmentBytes ?? defaultSegmentBytes,
      silentMs: options.silentMs ?? 0,
      udp,
      openDescriptors,
    };
    const worker = new Worker(new URL("./media-worker.ts", import.meta.url), { workerData, name: `media ${place + 1}` });
    const member: Member = { worker, recordings: new Set(), waiting: new Map(), stats: noStats, alive: true };
    const bornAt = performance.now();
    worker.on("message", (message: FromWorker) => hear(member, message));
    worker.on("error", (error) => options.log.error({ err: error.message, worker: place + 1 }, "media worker failed"));
    worker.on("exit", () => {
      member.alive = false;
      member.stats = noStats;
      for (const { reject } of member.waiting.values()) reject(new Error("the media worker died"));
      member.waiting.clear();
      // Before its successor begins: that is to have the same ports.
      const cleared = closeLeftBehind(openDescriptors).catch((error: unknown) => options.log.error({ err: messageOf(error), worker: place + 1 }, "sockets of a dead media worker stay open"));
      if (closing !== null) return;
      const recordingIds = [...member.recordings];
      for (const id of recordingIds) byRecording.delete(id);
      const deaths = performance.now() - bornAt < shortLifeMs ? youngDeaths + 1 : 0;
      const replace = async (): Promise<void> => {
        await cleared;
        if (closing === null) members[place] = hire(rtpPorts, place, deaths);
      };
      if (deaths < 2) void replace();
      else setTimeout(() => void replace(), Math.min(longestRestMs, 1_000 * 2 ** (deaths - 2))).unref();
      if (recordingIds.length > 0) tell({ kind: "fault", recordingIds, code: "WORKER_DIED", message: "A media worker died; what it recorded is on disk and is recovered at the next start." });
    });
    return member;
  }

  function hear(member: Member, message: FromWorker): void {
    switch (message.kind) {
      case "event":
        return tell(message.event);
      case "stats":
        member.stats = message.stats;
        return;
      case "answer":
        member.waiting.get(message.id)?.resolve(message.value as never);
        member.waiting.delete(message.id);
        return;
      case "refusal":
        member.waiting.get(message.id)?.reject(new Refused(message.message, message.isLeft));
        member.waiting.delete(message.id);
        return;
    }
  }

  function ask<C extends Command>(member: Member, command: C): Promise<Answers[C["kind"]]> {
    requests += 1;
    const request: Request = { id: requests, command };
    return new Promise((resolve, reject) => {
      member.waiting.set(request.id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      member.worker.postMessage(request);
    });
  }

  function memberOf(recordingId: string): Member {
    const member = byRecording.get(recordingId);
    if (member === undefined) throw new Error(`recording ${recordingId} is not open`);
    return member;
  }

  function letGo(recordingId: string, member: Member): void {
    byRecording.delete(recordingId);
    member.recordings.delete(recordingId);
  }

  return {
    async open(recording) {
      if (closing !== null) throw new Error("the media pool is closed");
      const member = members.filter((candidate) => candidate.alive).toSorted((a, b) => a.recordings.size - b.recordings.size)[0];
      if (member === undefined) throw new Error("no media worker is running");
      if (byRecording.has(recording.recordingId)) throw new Error(`recording ${recording.recordingId} is open already`);
      byRecording.set(recording.recordingId, member);
      member.recordings.add(recording.recordingId);
      try {
        await ask(member, { kind: "open", recording });
      } catch (error) {
        letGo(recording.recordingId, member);
        throw error;
      }
    },
    addTrack: async (recordingId, track, stream, atMs) => ask(memberOf(recordingId), { kind: "addTrack", recordingId, track, stream, atMs }),
    changeTrack: async (recordingId, track, stream, atMs) => ask(memberOf(recordingId), { kind: "changeTrack", recordingId, track, stream, atMs }),
    async removeTrack(recordingId, track, atMs) {
      await ask(memberOf(recordingId), { kind: "removeTrack", recordingId, track, atMs });
    },
    async finish(recordingId, atMs) {
      const member = memberOf(recordingId);
      try {
        const summary = await ask(member, { kind: "finish", recordingId, atMs });
        letGo(recordingId, member);
        return summary;
      } catch (error) {
        if (error instanceof Refused && error.isLeft) letGo(recordingId, member);
        throw error;
      }
    },
    holds: (recordingId) => byRecording.has(recordingId),
    async release(tenantId, recordingId) {
      if (!/^[0-9a-f]{24}$/.test(recordingId)) throw new Error(`not a recording: ${recordingId}`);
      const dir = join(options.spoolDir, "pieces", tenantId);
      // Out of sight in one step, so that a crash leaves all of it or nothing for recovery to find.
      const released = join(dir, `${temporaryPrefix}${recordingId}`);
      await rename(join(dir, recordingId), released).catch(() => undefined);
      await rm(released, { recursive: true, force: true });
    },
    onEvent(listener) {
      listeners.add(listener);
    },
    workers: () => members.filter((member) => member.alive).length,
    stats: () => members.map((member) => member.stats).reduce(addStats, noStats),
    close() {
      closing ??= Promise.all(
        members.filter((member) => member.alive).map(async (member) => {
          const exited = new Promise((resolve) => member.worker.once("exit", resolve));
          // A worker that is dying anyway has nothing more to close.
          await ask(member, { kind: "close" }).catch(() => member.worker.terminate());
          await exited;
        }),
      ).then(() => undefined);
      return closing;
    },
  };
}

class Refused extends Error {
  readonly isLeft: boolean;

  constructor(message: string, isLeft: boolean) {
    super(message);
    this.name = "Refused";
    this.isLeft = isLeft;
  }
}

const noStats: MediaStats = { recordings: 0, tracks: 0, packets: 0, packetsLost: 0, packetsLate: 0, packetsDropped: 0, packetsRefusedSrtp: 0, gaps: 0, journalBytes: 0, journalLagMs: 0, lastSyncMs: 0 };

function addStats(a: MediaStats, b: MediaStats): MediaStats {
  return {
    recordings: a.recordings + b.recordings,
    tracks: a.tracks + b.tracks,
    packets: a.packets + b.packets,
    packetsLost: a.packetsLost + b.packetsLost,
    packetsLate: a.packetsLate + b.packetsLate,
    packetsDropped: a.packetsDropped + b.packetsDropped,
    packetsRefusedSrtp: a.packetsRefusedSrtp + b.packetsRefusedSrtp,
    gaps: a.gaps + b.gaps,
    journalBytes: a.journalBytes + b.journalBytes,
    journalLagMs: Math.max(a.journalLagMs, b.journalLagMs),
    lastSyncMs: Math.max(a.lastSyncMs, b.lastSyncMs),
  };
}

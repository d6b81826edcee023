/**
 * What a media worker does: owns a range of ports, the recordings whose streams come in there, and one journal for all of
 * them. Apart from the thread it runs in (media-worker.ts), so that a test can give it a failing disk.
 */
import { join } from "node:path";
import { messageOf } from "#errors";
import type { writeFileDurably } from "#vault";
import type { LocalPorts, StreamOffer } from "./call.ts";
import { createSlices, type Slices } from "./in-slices.ts";
import type { FrameHeader } from "./journal-frame.ts";
import { createJournal, JournalRefused, type OpenJournalFile } from "./journal.ts";
import { createLiveRecording, type LiveRecording } from "./live-recording.ts";
import type { MediaEvent, MediaStats, OpenRecording, RecordingSummary } from "./media.ts";
import { createPortRange } from "./port-range.ts";
import { openReceiver, type PacketListener, type Receiver } from "./receiver.ts";
import { openDgramSocket, type OpenUdpSocket } from "./udp.ts";
import type { WorkerOptions } from "./worker-protocol.ts";

export interface MediaWork {
  open(recording: OpenRecording): void;
  addTrack(recordingId: string, track: number, stream: StreamOffer, atMs: number): Promise<LocalPorts>;
  changeTrack(recordingId: string, track: number, stream: StreamOffer, atMs: number): Promise<LocalPorts>;
  removeTrack(recordingId: string, track: number, atMs: number): Promise<void>;
  finish(recordingId: string, atMs: number): Promise<RecordingSummary>;
  stats(): MediaStats;
  close(): Promise<void>;
}

/** What tests replace. */
export interface Surroundings {
  readonly openSocket?: OpenUdpSocket;
  readonly openJournalFile?: OpenJournalFile;
  readonly writeFile?: typeof writeFileDurably;
  readonly sealing?: Slices;
}

/** The worker has let go of the recording: what the journal has of it is to be recovered. */
export class LeftToJournal extends Error {
  constructor(cause: unknown) {
    super(`its end could not be sealed, and is recovered from the journal: ${messageOf(cause)}`, { cause });
    this.name = "LeftToJournal";
  }
}

const beatMs = 200;
/** Piece files synced at once: the thread pool that does it also syncs the journal, which must not wait behind them. */
const pieceWriters = 2;
const pieceRetryMs = 2_000;
/** Of a thousand calls that end together the first can be played while the last are sealed, and the loop comes to its timers and sockets in between. */
const sealingSliceMs = 10;
/** Ports that another program holds are passed over, so many times. */
const portTries = 16;

export function createMediaWork(options: WorkerOptions, emit: (event: MediaEvent) => void, surroundings: Surroundings = {}): MediaWork {
  const openSocket = surroundings.openSocket ?? openDgramSocket;
  const journal = createJournal({ dir: join(options.spoolDir, "journal"), owner: options.owner, segmentBytes: options.segmentBytes, onSynced: synced, ...(surroundings.openJournalFile && { openFile: surroundings.openJournalFile }) });
  const ports = options.rtpPorts[0] === 0 ? null : createPortRange(...options.rtpPorts);
  const recordings = new Map<string, LiveRecording>();
  const faulty = new Set<string>();
  const silent = new Set<string>();
  const pieceRetryAt = new Map<string, number>();
  const ended = { packets: 0, packetsLost: 0, packetsLate: 0, packetsDropped: 0, packetsRefusedSrtp: 0, gaps: 0 };
  let lastBeat = performance.now();
  let lastSyncMs = 0;
  let committing: Promise<void> | null = null;
  let writers = 0;
  const sealing = surroundings.sealing ?? createSlices(sealingSliceMs);

  function recordingOf(recordingId: string): LiveRecording {
    const recording = recordings.get(recordingId);
    if (recording === undefined) throw new Error(`no recording ${recordingId} in this worker`);
    return recording;
  }

  async function openOnFreePorts(stream: StreamOffer, onPacket: PacketListener, now: () => number): Promise<Receiver> {
    const openOn = (rtpPort: number): Promise<Receiver> => openReceiver({ bindAddress: options.bindAddress, rtpPort, open: openSocket, stream, onPacket, now });
    if (ports === null) return openOn(0);
    for (let attempt = 0; attempt < portTries; attempt += 1) {
      const rtpPort = ports.take();
      if (rtpPort === null) throw new Error(`all ports of ${options.rtpPorts.join("-")} are in use`);
      try {
        const receiver = await openOn(rtpPort);
        const close = receiver.close;
        let released = false;
        receiver.close = async () => {
          await close();
          if (!released) ports.release(rtpPort);
          released = true;
        };
        return receiver;
      } catch (error) {
        ports.release(rtpPort);
        if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
      }
    }
    throw new Error(`${portTries} ports of ${options.rtpPorts.join("-")} in a row are held by other programs`);
  }

  function fault(recordingIds: readonly string[], error: unknown): void {
    const news = recordingIds.filter((id) => recordings.has(id) && !faulty.has(id));
    for (const id of news) faulty.add(id);
    if (news.length > 0) emit({ kind: "fault", recordingIds: news, code: "SPOOL", message: messageOf(error) });
  }

  function synced(frames: readonly FrameHeader[]): void {
    for (const { kind, recordingId, track } of frames) {
      const atMs = kind === "packets" ? (recordings.get(recordingId)?.synced(track) ?? null) : null;
      if (atMs !== null) emit({ kind: "first-frame", recordingId, track, atMs: Math.round(atMs) });
    }
  }

  async function commit(): Promise<void> {
    const began = performance.now();
    const waited = journal.oldestUnsyncedAt !== null;
    try {
      await journal.commit();
      if (waited) lastSyncMs = performance.now() - began;
    } catch (error) {
      fault(error instanceof JournalRefused ? error.recordingIds : [...recordings.keys()], error);
    }
  }

  async function writePieces(recording: LiveRecording): Promise<void> {
    writers += 1;
    try {
      await recording.writePieces();
      pieceRetryAt.delete(recording.recordingId);
    } catch (error) {
      pieceRetryAt.set(recording.recordingId, performance.now() + pieceRetryMs);
      fault([recording.recordingId], error);
    } finally {
      writers -= 1;
    }
  }

  function beat(): void {
    const now = performance.now();
    const onTime = now - lastBeat < 3 * beatMs;
    lastBeat = now;
    for (const recording of recordings.values()) {
      try {
        // Asked each time: a beat may itself be held up, and the sockets have not been read since it began.
        recording.beat(onTime && performance.now() - now < 3 * beatMs);
      } catch (error) {
        fault([recording.recordingId], error); // a defect, but one recording's, not the worker's
        continue;
      }
      if (recording.piecesDue && writers < pieceWriters && now >= (pieceRetryAt.get(recording.recordingId) ?? 0)) void writePieces(recording);
      sayWhenSilent(recording);
    }
    committing ??= commit().finally(() => {
      committing = null;
    });
    const activity = [...recordings.values()].map((recording) => ({ recordingId: recording.recordingId, tracks: recording.activity() })).filter(({ tracks }) => tracks.length > 0);
    if (activity.length > 0) emit({ kind: "activity", recordings: activity });
  }

  /** Once for each silence. */
  function sayWhenSilent(recording: LiveRecording): void {
    if (options.silentMs === 0) return;
    const forMs = recording.silentForMs();
    if (forMs < options.silentMs) {
      silent.delete(recording.recordingId);
    } else if (!silent.has(recording.recordingId)) {
      silent.add(recording.recordingId);
      emit({ kind: "silent", recordingId: recording.recordingId, forMs: Math.round(forMs) });
    }
  }

  /** False where that was done before. */
  function letGo(recordingId: string, recording: LiveRecording): boolean {
    if (!recordings.delete(recordingId)) return false;
    const { packets, packetsLost, packetsLate, packetsDropped, packetsRefusedSrtp } = recording.stats();
    ended.packets += packets;
    ended.packetsLost += packetsLost;
    ended.packetsLate += packetsLate;
    ended.packetsDropped += packetsDropped;
    ended.packetsRefusedSrtp += packetsRefusedSrtp;
    for (const memory of [faulty, silent, pieceRetryAt]) memory.delete(recordingId);
    return true;
  }

  const timer = setInterval(beat, beatMs);

  return {
    open(recording) {
      if (recordings.has(recording.recordingId)) throw new Error(`recording ${recording.recordingId} is open already`);
      // Media time runs by the monotonic clock: a step of the wall clock must not tear a hole into a call.
      const zero = performance.now() - (Date.now() - recording.startedAtMs);
      const now = (): number => performance.now() - zero;
      const live = createLiveRecording({
        recording,
        journal,
        piecesDir: join(options.spoolDir, "pieces"),
        pieceMs: options.pieceMs,
        now,
        onPiece: (piece) => emit({ kind: "piece", piece }),
        openReceiver: (stream, onPacket) => openOnFreePorts(stream, onPacket, now),
        sealing,
        ...(surroundings.writeFile && { writeFile: surroundings.writeFile }),
      });
      recordings.set(recording.recordingId, live);
    },
    async addTrack(recordingId, track, stream, atMs) {
      const { rtpPort, rtcpPort } = await recordingOf(recordingId).addTrack(track, stream, atMs);
      return { rtpPort, rtcpPort };
    },
    async changeTrack(recordingId, track, stream, atMs) {
      const { rtpPort, rtcpPort } = await recordingOf(recordingId).changeTrack(track, stream, atMs);
      return { rtpPort, rtcpPort };
    },
    removeTrack: (recordingId, track, atMs) => recordingOf(recordingId).removeTrack(track, atMs),
    async finish(recordingId, atMs) {
      const recording = recordingOf(recordingId);
      const summary = await recording.finish(atMs).catch(async (error: unknown) => {
        if (!recording.isBroken) throw error;
        await recording.writePieces().catch(() => undefined); // what is sealed before it; the journal has that as well
        await recording.close();
        await commit();
        letGo(recordingId, recording);
        throw new LeftToJournal(error);
      });
      if (letGo(recordingId, recording)) ended.gaps += summary.tracks.reduce((sum, track) => sum + track.gaps.length, 0);
      return summary;
    },
    stats() {
      const running = [...recordings.values()].map((recording) => recording.stats());
      const sum = (of: (one: ReturnType<LiveRecording["stats"]>) => number): number => running.reduce((total, one) => total + of(one), 0);
      return {
        recordings: recordings.size,
        tracks: sum((one) => one.tracks),
        packets: ended.packets + sum((one) => one.packets),
        packetsLost: ended.packetsLost + sum((one) => one.packetsLost),
        packetsLate: ended.packetsLate + sum((one) => one.packetsLate),
        packetsDropped: ended.packetsDropped + sum((one) => one.packetsDropped),
        packetsRefusedSrtp: ended.packetsRefusedSrtp + sum((one) => one.packetsRefusedSrtp),
        gaps: ended.gaps,
        journalBytes: journal.bytes,
        journalLagMs: journal.oldestUnsyncedAt === null ? 0 : Math.round(performance.now() - journal.oldestUnsyncedAt),
        lastSyncMs: Math.round(lastSyncMs),
      };
    },
    /** Recordings that still run are not finished: what the journal has of them is recovered at the next start. */
    async close() {
      clearInterval(timer);
      await committing;
      for (const recording of recordings.values()) await recording.close();
      await commit();
      await journal.close();
    },
  };
}

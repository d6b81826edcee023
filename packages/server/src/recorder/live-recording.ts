/**
 * A recording while it runs, inside its media worker. Audio takes two ways at once: as frames into the crash journal within
 * 400 ms, and second by second into the next piece. When a piece is synced the journal may forget what it holds.
 */
import { join } from "node:path";
import { createMerkleTree, type MerkleTree } from "@earwitness/verify";
import { createSealingKey, type writeFileDurably } from "#vault";
import type { StreamOffer } from "./call.ts";
import { rateOfTrack } from "./codecs.ts";
import type { Slices } from "./in-slices.ts";
import { maxLogBytes } from "./journal-frame.ts";
import type { Journal } from "./journal.ts";
import { createLiveTrack, type Frame, type LiveTrack } from "./live-track.ts";
import type { OpenRecording, RecordingSummary, SealedPiece } from "./media.ts";
import { cutLog } from "./packet-log.ts";
import { chunkLeaf, createPieceSealer, pieceObjectName, sha256, writePiece, type SealedChunk } from "./piece.ts";
import { createLevelMeter } from "./pcm.ts";
import type { PacketListener, Receiver } from "./receiver.ts";
import type { RefusedSpan } from "./refusals.ts";
import { encodeState, type RecordingState, type TrackState } from "./recording-state.ts";
import { sealSecondLog } from "./seal-second.ts";
import { createSlabs } from "./slabs.ts";
import { createTrackAnalysis, type TrackAnalysis } from "./track-analysis.ts";

/** Audio younger than this waits in the open for packets that the network delayed; the journal has it already. */
const settleMs = 3_000;
/** Unless the loop is late at every beat: then memory has to be thought of, and what is older than this is closed. */
const maxBehindSeconds = 10;
/** A frame goes out at the first beat at which its oldest packet is so old, so it holds at most a beat more. */
const frameMs = 190;

export interface LiveRecordingOptions {
  readonly recording: OpenRecording;
  readonly journal: Journal;
  readonly piecesDir: string;
  readonly pieceMs: number;
  readonly now: () => number;
  readonly onPiece: (piece: SealedPiece) => void;
  readonly openReceiver: (stream: StreamOffer, onPacket: PacketListener) => Promise<Receiver>;
  /** In which the ends of calls are sealed. Absent: at once. */
  readonly sealing?: Slices;
  readonly writeFile?: typeof writeFileDurably;
}

interface Track {
  readonly number: number;
  readonly label: string;
  readonly sampleRate: number;
  readonly live: LiveTrack;
  readonly analysis: TrackAnalysis;
  readonly tree: MerkleTree;
  readonly sending: { fromMs: number; toMs: number | null }[];
  receiver: Receiver | null;
  droppedBefore: number;
  /** Of receivers that are closed. */
  readonly refusedBefore: { packets: number; spans: RefusedSpan[] };
  firstFrameAtMs: number | null;
}

export interface LiveRecording {
  readonly recordingId: string;
  addTrack(track: number, stream: StreamOffer, atMs: number): Promise<Receiver>;
  /** Also takes up a track again that was removed. */
  changeTrack(track: number, stream: StreamOffer, atMs: number): Promise<Receiver>;
  removeTrack(track: number, atMs: number): Promise<void>;
  /** Every 200 ms: frames into the journal; seconds that have settled into the next piece. `onTime`: the loop was not held up. */
  beat(onTime: boolean): void;
  /** A frame of the track is synced; answers when it began if it is the first. */
  synced(track: number): number | null;
  /** Writes the pieces that are due. Throws when the disk refuses; may be called again. */
  writePieces(): Promise<void>;
  readonly piecesDue: boolean;
  /** Throws when the disk refuses; may be called again. */
  finish(atMs: number): Promise<RecordingSummary>;
  /** Its end could not be sealed, for a reason that is not the disk's, and never can be here: what the journal has of it is the whole. */
  readonly isBroken: boolean;
  activity(): { track: number; level: number; speaking: boolean }[];
  /** How long nothing came on any track that should send; 0 when none should. */
  silentForMs(): number;
  stats(): { tracks: number; packets: number; packetsLost: number; packetsLate: number; packetsDropped: number; packetsRefusedSrtp: number };
  /** Stops receiving; what came is in the journal's queue. */
  close(): Promise<void>;
}

export function createLiveRecording(options: LiveRecordingOptions): LiveRecording {
  const { recording, journal } = options;
  const { recordingId, tenantId, startedAtMs, key } = recording;
  const sealing = createSealingKey(key, "journal");
  const slabs = createSlabs();
  const sealer = createPieceSealer(key, { tenantId, recordingId }, slabs.put);
  const tracks = new Map<number, Track>();
  const pieces: SealedPiece[] = [];
  /** Sealed bytes that are not yet in a file. */
  const unwritten: { path: string; parts: Buffer[]; piece: Omit<SealedPiece, "sizeBytes" | "sha256">; toSecond: number; marks: number; letGo: () => void }[] = [];
  let chunks: SealedChunk[] = [];
  let pieceFrom = 0;
  let sealedBefore = 0;
  let seq = 0;
  let revision = 0;
  let ended: RecordingState["ended"] = null;
  let lastPacketMs = 0;
  let writing: Promise<void> | null = null;
  /** The call is over; what came of it is sealed, in memory at least. */
  let closing: Promise<void> | null = null;
  let finishing: Promise<RecordingSummary> | null = null;
  let isBroken = false;

  function state(): RecordingState {
    revision += 1;
    return { revision, startedAtMs, tracks: [...tracks.values()].map(stateOf), ended };
  }

  function stateOf({ number, label, sampleRate, sending, receiver, refusedBefore, live }: Track): TrackState {
    const refused = [...refusedBefore.spans, ...(receiver?.refused.spans ?? [])];
    const { quiet } = live;
    return { track: number, label, sampleRate, sending: structuredClone(sending), gaps: live.gaps, ...(refused.length > 0 && { refused: structuredClone(refused) }), ...(quiet.length > 0 && { quiet }) };
  }

  function mark(atMs: number): void {
    const header = { kind: "mark", recordingId, tenantId, keyId: key.keyId, track: 0, startedAtMs, fromMs: Math.round(atMs), toMs: Math.round(atMs) } as const;
    journal.append({ sealing, header, body: encodeState(state()), second: null });
  }

  function journalFrame(track: Track, { firstSample, lastSample, log }: Frame): void {
    const second = Math.floor(lastSample / track.sampleRate);
    const ms = (samples: number): number => Math.floor((samples * 1000) / track.sampleRate);
    const header = { kind: "packets", recordingId, tenantId, keyId: key.keyId, track: track.number, startedAtMs, fromMs: ms(firstSample), toMs: ms(lastSample) } as const;
    // A sender of the largest packets that call themselves the shortest, and a loop that stood still, make more than recovery reads as one.
    for (const body of cutLog(log, maxLogBytes)) journal.append({ sealing, header, body, second });
  }

  /** Frames of what has waited long enough at this media time; Infinity: of everything. */
  function journalAll(now: number): void {
    for (const track of tracks.values()) {
      track.live.drain(now);
      const frame = track.live.takeFrame(now - frameMs);
      if (frame !== null) journalFrame(track, frame);
    }
  }

  /** Everything before this second is now in chunks; later packets for it are too late. */
  function settle(before: number): void {
    for (const track of tracks.values()) {
      if (track.live.hasUnframed(before)) journalFrame(track, track.live.takeFrame(Infinity)!); // came late: a piece is not written yet when it is sealed
      for (const log of track.live.takeSeconds(before)) {
        const chunk = sealSecondLog(sealer, track.number, track.sampleRate, log, track.analysis);
        log.letGo();
        chunks.push(chunk);
        track.tree.append(chunkLeaf(chunk));
      }
    }
    sealedBefore = before;
  }

  function sealPiece(toSecond: number, final: boolean): void {
    const now = state();
    const heard = new Map([...tracks.values()].map((track) => [track.number, track.analysis.takePart()]));
    const parts = sealer.sealPiece({ seq, fromSecond: pieceFrom, toSecond, final, chunks, state: now, heard });
    const path = join(options.piecesDir, tenantId, recordingId, `${seq}.ewp`);
    const piece = { recordingId, tenantId, seq, keyId: key.keyId, path, objectName: pieceObjectName({ tenantId, recordingId }, seq, key.keyId), fromMs: pieceFrom * 1000, toMs: final ? Math.max(pieceFrom * 1000, endMs()) : toSecond * 1000 };
    unwritten.push({ path, parts, piece, toSecond, marks: journal.marks(), letGo: slabs.cut() });
    chunks = [];
    pieceFrom = toSecond;
    seq += 1;
  }

  async function writeUnwritten(): Promise<void> {
    for (let next = unwritten[0]; next !== undefined; next = unwritten[0]) {
      const digest = await writePiece(next.path, next.parts, options.writeFile);
      const piece = { ...next.piece, ...digest };
      unwritten.shift();
      next.letGo();
      pieces.push(piece);
      journal.covered(recordingId, next.toSecond, next.marks);
      options.onPiece(piece);
    }
  }

  /** One writer at a time, so that pieces appear in order. */
  function writePieces(): Promise<void> {
    return (writing ??= writeUnwritten().finally(() => (writing = null)));
  }

  const endMs = (): number => Math.max(0, ...[...tracks.values()].map((track) => track.analysis.endMs));

  function trackOf(number: number): Track {
    const track = tracks.get(number);
    if (track === undefined) throw new Error(`recording ${recordingId} has no track ${number}`);
    return track;
  }

  function setSending(track: Track, sending: boolean, atMs: number): void {
    const last = track.sending.at(-1);
    const open = last !== undefined && last.toMs === null;
    if (sending && !open) track.sending.push({ fromMs: atMs, toMs: null });
    if (!sending && open) last.toMs = Math.max(last.fromMs, atMs);
  }

  function receive(track: Track, stream: StreamOffer): Promise<Receiver> {
    if (closing !== null) throw new Error(`recording ${recordingId} has ended`);
    return options.openReceiver(stream, (packet, codec, bytes, from, length, arrivalMs, clockRateHz) => {
      lastPacketMs = arrivalMs;
      track.live.receive(packet, codec, bytes, from, length, arrivalMs, clockRateHz);
    });
  }

  async function closeAudio(atMs: number): Promise<void> {
    for (const track of tracks.values()) setSending(track, false, atMs);
    // What the kernel has already received belongs to the call: one turn of the loop reads it.
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.allSettled([...tracks.values()].map(closeReceiver)); // a socket that cannot be closed keeps no audio from its piece
    ended = { atMs, recovered: false };
    journalAll(Infinity);
    mark(atMs); // should the process die before the piece is synced, recovery has all of it and knows that the call was over
    await inItsTurn(() => {
      settle(Infinity);
      sealPiece(Math.max(pieceFrom, Math.ceil(endMs() / 1000)), true);
    });
  }

  /** Where many end together their seconds are sealed one call after the other. */
  function inItsTurn(seal: () => void): Promise<void> {
    const { sealing: slices } = options;
    if (slices === undefined) return Promise.resolve(seal());
    return new Promise((resolve, reject) =>
      slices.add(() => {
        try {
          seal();
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      }),
    );
  }

  async function finish(atMs: number): Promise<RecordingSummary> {
    await (closing ??= closeAudio(atMs).catch((error: unknown) => {
      isBroken = true; // some of its seconds are taken out of memory by now
      throw error;
    }));
    await writing?.catch(() => undefined);
    await writePieces();
    journal.append({ sealing, header: { kind: "sealed", recordingId, tenantId, keyId: key.keyId, track: 0, startedAtMs, fromMs: Math.round(atMs), toMs: Math.round(atMs) }, body: Buffer.alloc(0), second: null });
    await journal.commit();
    journal.forget(recordingId);
    return {
      recordingId,
      tenantId,
      startedAtMs,
      durationMs: endMs(),
      tracks: [...tracks.values()].map((track) => ({
        ...track.analysis.summary(stateOf(track), ended?.atMs ?? atMs),
        merkleRoot: Buffer.from(track.tree.root()).toString("hex"),
        chunks: track.tree.size,
      })),
      pieces: [...pieces],
      recovered: false,
    };
  }

  async function closeReceiver(track: Track): Promise<void> {
    const receiver = track.receiver;
    track.receiver = null;
    if (receiver === null) return;
    await receiver.close(); // reads what the socket still holds, which counts too
    track.droppedBefore += receiver.dropped;
    track.refusedBefore.packets += receiver.refused.packets;
    track.refusedBefore.spans.push(...receiver.refused.spans);
  }

  mark(0);

  return {
    recordingId,
    async addTrack(number, stream, atMs) {
      if (tracks.has(number)) throw new Error(`recording ${recordingId} has track ${number} already`);
      const sampleRate = rateOfTrack(stream.payloads.map(({ codec }) => codec));
      const live = createLiveTrack({ sampleRate, firstSecond: sealedBefore, level: createLevelMeter() });
      const track: Track = { number, label: stream.label, sampleRate, live, analysis: createTrackAnalysis(sampleRate), tree: createMerkleTree(sha256), sending: [], receiver: null, droppedBefore: 0, refusedBefore: { packets: 0, spans: [] }, firstFrameAtMs: null };
      tracks.set(number, track);
      try {
        track.receiver = await receive(track, stream);
      } catch (error) {
        tracks.delete(number);
        throw error;
      }
      setSending(track, stream.sending, atMs);
      lastPacketMs = Math.max(lastPacketMs, atMs);
      mark(atMs);
      return track.receiver;
    },
    async changeTrack(number, stream, atMs) {
      const track = trackOf(number);
      const known = track.receiver;
      const receiver = known ?? (track.receiver = await receive(track, stream));
      await known?.change(stream);
      setSending(track, stream.sending, atMs);
      mark(atMs);
      return receiver;
    },
    async removeTrack(number, atMs) {
      const track = trackOf(number);
      setSending(track, false, atMs);
      mark(atMs);
      await closeReceiver(track);
    },
    beat(onTime) {
      if (closing !== null) return;
      const now = options.now();
      for (const track of tracks.values()) track.receiver?.report();
      journalAll(now);
      // After a stall the sockets hold seconds of audio that the timers ran ahead of: they get a beat to be read.
      const before = Math.floor((now - settleMs) / 1000);
      const until = onTime ? before : before - maxBehindSeconds;
      if (until > sealedBefore) settle(until);
      if ((sealedBefore - pieceFrom) * 1000 >= options.pieceMs) sealPiece(sealedBefore, false);
    },
    synced(number) {
      const track = tracks.get(number);
      if (track === undefined || track.firstFrameAtMs !== null) return null;
      return (track.firstFrameAtMs = options.now());
    },
    writePieces,
    get piecesDue() {
      return unwritten.length > 0 && writing === null;
    },
    finish(atMs) {
      // A disk that refuses may be asked again: until then this memory is where the audio is.
      return (finishing ??= finish(atMs).catch((error: unknown) => {
        finishing = null;
        throw error;
      }));
    },
    get isBroken() {
      return isBroken;
    },
    activity() {
      return [...tracks.values()].filter((track) => track.receiver !== null).map((track) => {
        const level = track.live.takeLevel();
        return { track: track.number, level, speaking: level > speakingLevel };
      });
    },
    silentForMs() {
      const anySending = [...tracks.values()].some((track) => track.sending.at(-1)?.toMs === null);
      return anySending ? options.now() - lastPacketMs : 0;
    },
    stats() {
      const all = [...tracks.values()];
      const sum = (of: (track: Track) => number): number => all.reduce((total, track) => total + of(track), 0);
      return {
        tracks: all.length,
        packets: sum((track) => track.live.packets),
        packetsLost: sum((track) => track.live.lost),
        packetsLate: sum((track) => track.live.late),
        packetsDropped: sum((track) => track.droppedBefore + (track.receiver?.dropped ?? 0) + track.live.refused),
        packetsRefusedSrtp: sum((track) => track.refusedBefore.packets + (track.receiver?.refused.packets ?? 0)),
      };
    },
    async close() {
      await closing?.catch(() => undefined); // its last frames are to be in the journal's queue as well
      await Promise.all([...tracks.values()].map(closeReceiver));
      if (closing === null) journalAll(Infinity);
    },
  };
}

/** -36 dB of full scale: speech on a telephone line lies 10 to 20 dB above, line noise well below. */
const speakingLevel = 0.016;

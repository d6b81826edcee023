/**
 * At boot, while calls are taken already: finishes what a dead process left in the spool. What is in synced pieces is complete; what came
 * after lies in the journal, is opened with the dead process's key and sealed into pieces under a new one (nothing is ever
 * sealed under a key that was read back).
 *
 * It may itself be killed at any step and run again: pieces appear whole or not at all and say which seconds they hold, a
 * recording counts as finished only by its final piece, and journal segments go last.
 */
import { hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { readdir, readFile, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Gap } from "@earwitness/contract";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { createOpeningKey, KeyMissing, NotAuthentic, temporaryPrefix, type MintedKey, type OpeningKey, type StoredKey, type Vault, type writeFileDurably } from "#vault";
import { createHeardTracks, type HeardTracks } from "./heard-tracks.ts";
import { frameMagic, readFrame, type FrameHeader } from "./journal-frame.ts";
import { segmentOwner } from "./journal.ts";
import type { RecordingSummary, SealedPiece } from "./media.ts";
import { mergeGaps } from "./merge-gaps.ts";
import { entriesOf, samplesAt } from "./packet-log.ts";
import { createPieceSealer, openPiece, openPieceFile, pieceObjectName, readPieceHead, writePiece, type OpenPiece, type PieceHead, type PieceIdentity, type PieceSource } from "./piece.ts";
import { decodeState, type RecordingState } from "./recording-state.ts";
import { SecondLog } from "./second-log.ts";

export interface RecoveredRecording {
  readonly summary: RecordingSummary;
  /** What could not be read back; each is also a gap of reason `decrypt`. */
  readonly errors: readonly string[];
  /** Under which the rest was sealed, in this process: what else belongs to the recording's end may be sealed under it. To be wiped. Null: it was whole already. */
  readonly key: MintedKey | null;
}

export interface RecoverOptions {
  readonly spoolDir: string;
  readonly vault: Vault;
  /** Whose public key the new pieces are sealed to; null: unknown here, the recording waits in the spool. */
  tenantOf(tenantId: string): { readonly tenantId: string; readonly publicKey: Uint8Array; readonly publicKeyId: string } | null;
  readonly now: () => Date;
  readonly log: Log;
  /** Pieces that are no longer in the spool, but in the store. */
  readonly storedPieces?: (recordingId: string) => Promise<readonly SealedPiece[]>;
  /** Only these recordings, while others run: after a worker died. Journal segments then stay for the next start to remove. */
  readonly only?: ReadonlySet<string>;
  /** What could not be recovered now, and stays in the spool as it is: keyring or tenant unknown, disk full. */
  readonly onWaiting?: (recordingId: string) => void;
  /** For tests, which let each step fail. */
  readonly steps?: { readonly writeFile?: typeof writeFileDurably; readonly removeSegment?: (path: string) => Promise<void> };
}

/** As while recording. */
const pieceSeconds = 60;

/** Recordings recovered side by side: most of the time goes into waiting for the disk. */
const atOnce = 16;

interface FrameAt {
  readonly header: FrameHeader;
  readonly segment: SegmentFile;
  readonly at: number;
  readonly length: number;
}

/** What dead processes left, as it was when it was looked at: what is written into the spool from then on is none of it. */
export interface LeftBehind {
  readonly recordingIds: ReadonlySet<string>;
  /** Tells of each recording as soon as it is whole. */
  recover(recovered: (recording: RecoveredRecording) => void): Promise<void>;
  /** Begins with no further recording: the next start goes on. */
  stop(): void;
}

export async function recoverSpool(options: RecoverOptions): Promise<RecoveredRecording[]> {
  const recovered: RecoveredRecording[] = [];
  await (await findLeftBehind(options)).recover((recording) => recovered.push(recording));
  return recovered;
}

export async function findLeftBehind(given: RecoverOptions): Promise<LeftBehind> {
  const cameBack = given.now();
  const options = { ...given, now: () => cameBack }; // what is missing of a recording ends here, however late its turn comes
  const { spoolDir, log, only } = options;
  const segments = await readSegments(join(spoolDir, "journal"));
  const orphans = await findOrphans(join(spoolDir, "pieces"), segments, only);
  const waiting = new Set(orphans.map(({ recordingId }) => recordingId));
  let stopped = false;

  async function recoverOne(orphan: Orphan, recovered: (recording: RecoveredRecording) => void): Promise<void> {
    try {
      recovered(await recoverRecording(options, orphan));
      waiting.delete(orphan.recordingId);
    } catch (error) {
      // Not the recording's fault: keyring unreachable, disk full. It stays as it is for the next start.
      options.onWaiting?.(orphan.recordingId);
      log.error({ recordingId: orphan.recordingId, tenantId: orphan.tenantId, err: messageOf(error) }, "recording in the spool could not be recovered now");
    }
  }

  return {
    recordingIds: new Set(waiting),
    async recover(recovered) {
      const next = orphans.values();
      const lane = async (): Promise<void> => {
        for (const orphan of next) {
          if (stopped) return;
          await recoverOne(orphan, recovered);
        }
      };
      try {
        await Promise.all(Array.from({ length: atOnce }, lane));
      } finally {
        for (const { file } of segments) file.close();
      }
      if (only !== undefined) return;
      const remove = options.steps?.removeSegment ?? unlink;
      for (const segment of segments) {
        if (!segment.frames.some((frame) => waiting.has(frame.header.recordingId))) await remove(segment.file.path);
      }
    },
    stop() {
      stopped = true;
    },
  };
}

/**
 * A journal segment, open once for all of its frames. They are read at once and not through the thread pool: readSegments has just had
 * the file in memory, so a frame costs 5 µs where opening, reading and closing cost 80, and a minute of 200 calls is 100,000 frames.
 */
interface SegmentFile {
  readonly path: string;
  read(at: number, length: number): Buffer;
  close(): void;
}

function openSegment(path: string): SegmentFile {
  let file: number | null = null;
  return {
    path,
    read(at, length) {
      const bytes = Buffer.allocUnsafe(length);
      file ??= openSync(path, "r");
      return bytes.subarray(0, readSync(file, bytes, 0, length, at));
    },
    close() {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

interface Segment {
  readonly file: SegmentFile;
  readonly frames: readonly FrameAt[];
}

/** All whole frames. What a crash cut off at the end of a segment is passed over, and so is damage in the middle: the next header is looked for. */
async function readSegments(dir: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of (await list(dir)).filter((entry) => segmentOwner(entry) !== null)) {
    const segment = openSegment(join(dir, name));
    const bytes = await readFile(segment.path);
    const frames: FrameAt[] = [];
    for (let at = 0; at >= 0 && at < bytes.length; ) {
      const read = readFrame(bytes, at);
      if (read !== null) frames.push({ header: read.frame.header, segment, at, length: read.next - at });
      at = read === null ? bytes.indexOf(frameMagic, at + 1) : read.next;
    }
    segments.push({ file: segment, frames });
  }
  return segments;
}

interface Orphan extends PieceIdentity {
  readonly pieceFiles: readonly string[];
  readonly frames: readonly FrameAt[];
  readonly dir: string;
}

/** Nothing of a recording that is not among `only` is touched: it may be running. */
async function findOrphans(piecesDir: string, segments: readonly Segment[], only?: ReadonlySet<string>): Promise<Orphan[]> {
  const wanted = (recordingId: string): boolean => only?.has(recordingId) ?? true;
  const orphans = new Map<string, { tenantId: string; pieceFiles: string[]; frames: FrameAt[] }>();
  const orphan = (tenantId: string, recordingId: string) => {
    const known = orphans.get(recordingId) ?? { tenantId, pieceFiles: [], frames: [] };
    orphans.set(recordingId, known);
    return known;
  };
  for (const tenantId of await list(piecesDir)) {
    for (const recordingId of await list(join(piecesDir, tenantId))) {
      if (recordingId.startsWith(temporaryPrefix)) {
        if (only === undefined) await rm(join(piecesDir, tenantId, recordingId), { recursive: true, force: true }); // was being released
        continue;
      }
      if (!wanted(recordingId)) continue;
      for (const name of await list(join(piecesDir, tenantId, recordingId))) {
        const path = join(piecesDir, tenantId, recordingId, name);
        if (name.startsWith(temporaryPrefix)) await rm(path, { force: true });
        else if (/^\d+\.ewp$/.test(name)) orphan(tenantId, recordingId).pieceFiles.push(path);
      }
    }
  }
  const frames = segments.flatMap((segment) => segment.frames);
  const sealed = new Set(frames.filter(({ header }) => header.kind === "sealed").map(({ header }) => header.recordingId));
  for (const frame of frames) {
    const { tenantId, recordingId } = frame.header;
    if (wanted(recordingId) && !sealed.has(recordingId)) orphan(tenantId, recordingId).frames.push(frame);
  }
  return [...orphans].map(([recordingId, found]) => ({ recordingId, ...found, dir: join(piecesDir, found.tenantId, recordingId) }));
}

/** A piece and, unless its key is gone or it was altered, what is in it. */
interface FoundPiece {
  readonly path: string;
  readonly head: PieceHead;
  readonly source: PieceSource;
  readonly opened: OpenPiece | null;
}

async function recoverRecording(options: RecoverOptions, orphan: Orphan): Promise<RecoveredRecording> {
  const { vault } = options;
  const identity: PieceIdentity = { tenantId: orphan.tenantId, recordingId: orphan.recordingId };
  const errors = new Set<string>();
  const found: FoundPiece[] = [];
  /** Null when the key is gone for good; other failures are thrown. */
  const keyFor = async (keyId: string): Promise<StoredKey | null> => {
    try {
      return await vault.openDataKey(identity.tenantId, keyId);
    } catch (error) {
      return note(errors, error);
    }
  };

  try {
    for (const path of orphan.pieceFiles) await take(found, errors, identity, await openPieceFile(path), path, keyFor);
    for (const piece of (await options.storedPieces?.(identity.recordingId)) ?? []) {
      if (!found.some(({ head }) => head.header.seq === piece.seq)) await take(found, errors, identity, storeSource(vault, piece.objectName), piece.path, keyFor);
    }
    found.sort((a, b) => a.head.header.seq - b.head.header.seq);
    const known = latest(found.map(({ opened }) => opened?.state ?? null));
    if (found.at(-1)?.head.header.final === true) {
      const state = known ?? stateOfHeaders(found);
      const tracks = createHeardTracks(state, errors);
      const pieces = await hearPieces(found, tracks, identity);
      return { summary: summarize(identity, state, tracks, pieces), errors: [...errors], key: null };
    }
    const tenant = options.tenantOf(identity.tenantId);
    if (tenant === null) throw new Error(`tenant ${identity.tenantId} is not known on this node`);
    const covered = Math.max(0, ...found.map(({ head }) => head.header.toSecond));
    const journal = await readJournal(orphan, covered, known, errors, keyFor);
    const tracks = createHeardTracks(journal.state, errors);
    const pieces = await hearPieces(found, tracks, identity);
    const key = await vault.createDataKey(tenant);
    const rest = await sealRest(options, orphan, { covered, seq: (found.at(-1)?.head.header.seq ?? -1) + 1 }, journal, tracks, key);
    return { summary: summarize(identity, rest.state, tracks, [...pieces, ...rest.pieces]), errors: [...errors], key };
  } finally {
    await Promise.all(found.map(({ source }) => source.close()));
  }
}

/** Notes an error that says "cannot be read any more"; throws every other. */
function note(errors: Set<string>, error: unknown): null {
  if (!(error instanceof KeyMissing || error instanceof NotAuthentic)) throw error;
  errors.add(error.message);
  return null;
}

function orNoted<T>(errors: Set<string>, read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    return note(errors, error);
  }
}

async function take(found: FoundPiece[], errors: Set<string>, identity: PieceIdentity, source: PieceSource, path: string, keyFor: (keyId: string) => Promise<StoredKey | null>): Promise<void> {
  let head: PieceHead;
  try {
    head = await readPieceHead(source);
  } catch (error) {
    note(errors, error); // not even its header can be read: nothing can be said about it but that
    await source.close();
    return;
  }
  const key = await keyFor(head.header.keyId);
  const opened = key === null ? null : await openPiece(source, head, key, identity).catch((error: unknown) => note(errors, error));
  found.push({ path, head, source, opened });
}

async function hearPieces(found: readonly FoundPiece[], tracks: HeardTracks, identity: PieceIdentity): Promise<SealedPiece[]> {
  const pieces: SealedPiece[] = [];
  for (const { path, head, source, opened } of found) {
    const bytes = await source.read(0, await source.size());
    tracks.hear(head, opened, bytes);
    const { seq, keyId, fromSecond, toSecond } = head.header;
    pieces.push({ ...identity, seq, keyId, path, objectName: pieceObjectName(identity, seq, keyId), sizeBytes: bytes.length, sha256: hash("sha256", bytes), fromMs: fromSecond * 1000, toMs: toSecond * 1000 });
  }
  return pieces;
}

/** Puts what the journal has beyond the pieces into new ones, the last of them final. */
async function sealRest(options: RecoverOptions, { recordingId, tenantId, dir }: Orphan, begin: { readonly covered: number; readonly seq: number }, journal: JournalContent, tracks: HeardTracks, key: MintedKey): Promise<{ state: RecordingState; pieces: SealedPiece[] }> {
  const { covered } = begin;
  const endMs = Math.ceil(Math.max(covered * 1000, ...journal.ends.values()));
  const sealer = createPieceSealer(key, { tenantId, recordingId });
  // A key that is pressed has a place beyond the last sound.
  const journaled = [...journal.seconds.values()].flatMap((seconds) => [...seconds.keys()]);
  const lastSecond = journaled.reduce((last, second) => Math.max(last, second + 1), Math.max(covered, Math.ceil(endMs / 1000)));
  const pieces: SealedPiece[] = [];
  for (let from = covered; ; from += pieceSeconds) {
    const to = Math.min(from + pieceSeconds, lastSecond);
    const final = to === lastSecond;
    const seq = begin.seq + pieces.length;
    const chunks = [...journal.seconds].flatMap(([track, seconds]) =>
      [...seconds.values()].filter(({ second }) => second >= from && second < to).toSorted((a, b) => a.second - b.second).map((log) => tracks.seal(sealer, track, log)),
    );
    const state = { ...(final ? finished(journal.state, endMs, (track) => journal.ends.get(track) ?? 0, options.now()) : journal.state), revision: journal.state.revision + 1 + pieces.length };
    const path = join(dir, `${seq}.ewp`);
    const written = await writePiece(path, sealer.sealPiece({ seq, fromSecond: from, toSecond: to, final, chunks, state, heard: tracks.takeParts() }), options.steps?.writeFile);
    pieces.push({ recordingId, tenantId, seq, keyId: key.keyId, path, objectName: pieceObjectName({ tenantId, recordingId }, seq, key.keyId), ...written, fromMs: from * 1000, toMs: to * 1000 });
    if (final) return { state, pieces };
  }
}

/** The call was over, or it was cut off: then every stream that was sending misses what came between its last audio and now. */
function finished(state: RecordingState, endMs: number, endOf: (track: number) => number, now: Date): RecordingState {
  if (state.ended !== null) return { ...state, ended: { ...state.ended, recovered: true } };
  const toMs = Math.max(endMs, now.getTime() - state.startedAtMs);
  const tracks = state.tracks.map((track) => {
    // Frames of two streams are cut at different moments: what one lacks at the end is its own.
    const gap: Gap = { fromMs: Math.round(endOf(track.track)) || endMs, toMs, reason: "recorder_restart" };
    const cutOff = track.sending.at(-1)?.toMs === null;
    const sending = track.sending.map((span) => ({ fromMs: span.fromMs, toMs: span.toMs ?? Math.max(span.fromMs, endMs) }));
    return { ...track, sending, gaps: cutOff ? [...track.gaps, gap] : track.gaps };
  });
  return { ...state, tracks, ended: { atMs: endMs, recovered: true } };
}

interface JournalContent {
  /** The newest that pieces and journal know, with every track that has frames. */
  readonly state: RecordingState;
  /** By track, then by second: what came, in the order in which it came. */
  readonly seconds: ReadonlyMap<number, ReadonlyMap<number, SecondLog>>;
  /** By track: where its last sound ends, media time. */
  readonly ends: ReadonlyMap<number, number>;
}

async function readJournal(orphan: Orphan, covered: number, known: RecordingState | null, errors: Set<string>, keyFor: (keyId: string) => Promise<StoredKey | null>): Promise<JournalContent> {
  let newest = known;
  const keys = new Map<string, OpeningKey | null>();
  const gaps = new Map<number, Gap[]>();
  const packets: { header: FrameHeader; body: Buffer }[] = [];
  for (const frame of orphan.frames) {
    const { header } = frame;
    if (header.kind === "packets" && header.toMs < covered * 1000) continue;
    if (!keys.has(header.keyId)) {
      const key = await keyFor(header.keyId);
      keys.set(header.keyId, key === null ? null : createOpeningKey(key, "journal"));
    }
    const body = openFrame(frame, keys.get(header.keyId) ?? null, errors);
    if (body !== null && header.kind === "mark") newest = latest([newest, decodeState(body).state]);
    if (body !== null && header.kind === "packets") packets.push({ header, body });
    if (body === null && header.kind === "packets") {
      // The header's time is where the last packet begins; it was one of 20 ms or so.
      const gap: Gap = { fromMs: Math.max(header.fromMs, covered * 1000), toMs: header.toMs + 20, reason: "decrypt" };
      gaps.set(header.track, [...(gaps.get(header.track) ?? []), gap]);
    }
  }
  const state = withTracksOf(orphan, newest ?? unknownState(orphan), gaps);
  const rates = new Map(state.tracks.map(({ track, sampleRate }) => [track, sampleRate]));
  const seconds = new Map<number, Map<number, SecondLog>>();
  const ends = new Map<number, number>();
  for (const { header, body } of packets) {
    const { track } = header;
    const rate = rates.get(track) ?? 8000;
    const ofTrack = seconds.get(track) ?? new Map<number, SecondLog>();
    seconds.set(track, ofTrack);
    const endSample = sortIntoSeconds(body, Math.floor(header.fromMs / 1000) * rate, rate, covered, ofTrack);
    ends.set(track, Math.max(ends.get(track) ?? 0, (endSample * 1000) / rate));
  }
  return { state, seconds, ends };
}

/** Answers where the last of its sound ends; 0 where it has none that is not covered. */
function sortIntoSeconds(log: Buffer, baseSample: number, rate: number, covered: number, seconds: Map<number, SecondLog>): number {
  let end = 0;
  for (const { at, codec, payloadAt, length } of entriesOf(log)) {
    const atSample = baseSample + at;
    const second = Math.floor(atSample / rate);
    if (second < covered) continue;
    let ofSecond = seconds.get(second);
    if (ofSecond === undefined) seconds.set(second, (ofSecond = new SecondLog(second, rate)));
    ofSecond.add(atSample, codec, log, payloadAt, length);
    end = Math.max(end, atSample + samplesAt(codec, log, payloadAt, length, rate));
  }
  return end;
}

/** A track whose marks cannot be read is still there to say what is missing. */
function withTracksOf(orphan: Orphan, state: RecordingState, gaps: ReadonlyMap<number, readonly Gap[]>): RecordingState {
  const tracks = new Map(state.tracks.map((track) => [track.track, track]));
  for (const { header } of orphan.frames) {
    if (header.kind !== "packets" || tracks.has(header.track)) continue;
    tracks.set(header.track, { track: header.track, label: `m${header.track}`, sampleRate: 8000, sending: [{ fromMs: header.fromMs, toMs: null }], gaps: [] });
  }
  return { ...state, tracks: [...tracks.values()].map((track) => ({ ...track, gaps: mergeGaps([...track.gaps, ...(gaps.get(track.track) ?? [])]) })) };
}

function openFrame({ segment, at, length }: FrameAt, opening: OpeningKey | null, errors: Set<string>): Buffer | null {
  return opening === null ? null : orNoted(errors, () => readFrame(segment.read(at, length), 0)?.frame.open(opening) ?? null);
}

function summarize(identity: PieceIdentity, state: RecordingState, tracks: HeardTracks, pieces: readonly SealedPiece[]): RecordingSummary {
  const summaries = state.tracks.map((track) => tracks.summary(track, state.ended?.atMs ?? null));
  const durationMs = Math.max(0, ...state.tracks.map(({ track }) => tracks.endMs(track)));
  return {
    ...identity,
    startedAtMs: state.startedAtMs,
    durationMs,
    tracks: summaries,
    pieces: pieces.map((piece, at) => (at === pieces.length - 1 ? { ...piece, toMs: Math.max(piece.fromMs, durationMs) } : piece)),
    recovered: state.ended?.recovered ?? true,
  };
}

function latest(states: readonly (RecordingState | null)[]): RecordingState | null {
  return states.reduce((best, state) => (state !== null && (best === null || state.revision > best.revision) ? state : best), null);
}

/** Without a readable mark: what the frames' headers say. */
function unknownState(orphan: Orphan): RecordingState {
  const startedAtMs = orphan.frames[0]?.header.startedAtMs ?? Number.parseInt(orphan.recordingId.slice(0, 8), 16) * 1000;
  return { revision: 0, startedAtMs, tracks: [], ended: null };
}

/** All keys are gone: what the pieces' headers say. */
function stateOfHeaders(found: readonly FoundPiece[]): RecordingState {
  const numbers = new Set(found.flatMap(({ head }) => head.header.chunks.map((chunk) => chunk.track)));
  const startedAtMs = found[0]?.head.header.startedAtMs ?? 0;
  return { revision: 0, startedAtMs, ended: null, tracks: [...numbers].map((track) => ({ track, label: `m${track}`, sampleRate: 8000, sending: [], gaps: [] })) };
}

function storeSource(vault: Vault, name: string): PieceSource {
  return { name, size: () => vault.store.size(name), read: (offset, length) => vault.store.read(name, offset, length), close: async () => undefined };
}

async function list(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).toSorted();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

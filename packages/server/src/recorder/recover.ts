/**
 * At boot, while calls are taken already: finishes what a dead process left in the spool. What is in synced pieces is complete; what came
 * after lies in the journal, is opened with the dead process's key and sealed into pieces under a new one (nothing is ever
 * sealed under a key that was read back).
 *
 * It may itself be killed at any step and run again: pieces appear whole or not at all and say which seconds they hold, a
 * recording counts as finished only by its final piece, and journal segments go last.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { readdir, readFile, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Gap } from "@earwitness/contract";
import { createMerkleTree } from "@earwitness/verify";
import { messageOf } from "#errors";
import type { Log } from "#log";
import { createOpeningKey, KeyMissing, NotAuthentic, temporaryPrefix, type OpeningKey, type StoredKey, type Vault, type writeFileDurably } from "#vault";
import { frameMagic, readFrame, type FrameHeader } from "./journal-frame.ts";
import { segmentOwner } from "./journal.ts";
import type { RecordingSummary, SealedPiece } from "./media.ts";
import { mergeGaps } from "./merge-gaps.ts";
import { decodePacketLog, samplesOf, type LogEntry } from "./packet-log.ts";
import { createPieceSealer, indexLeaf, openPiece, openPieceFile, pieceObjectName, readPieceHead, sha256, writePiece, type OpenPiece, type PieceHead, type PieceIdentity, type PieceSource } from "./piece.ts";
import { decodeState, type RecordingState } from "./recording-state.ts";
import { settleSecond } from "./settle.ts";
import { createTrackAnalysis } from "./track-analysis.ts";

export interface RecoveredRecording {
  readonly summary: RecordingSummary;
  /** What could not be read back; each is also a gap of reason `decrypt`. */
  readonly errors: readonly string[];
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
  readonly piece: SealedPiece;
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
      if (!found.some((known) => known.piece.seq === piece.seq)) await take(found, errors, identity, storeSource(vault, piece.objectName), piece.path, keyFor);
    }
    found.sort((a, b) => a.piece.seq - b.piece.seq);
    if (found.at(-1)?.head.header.final !== true) {
      for (const path of await sealRest(options, orphan, found, errors, keyFor)) await take(found, errors, identity, await openPieceFile(path), path, keyFor);
    }
    return { summary: await summarize(identity, found, errors), errors: [...errors] };
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
  const { seq, keyId, fromSecond, toSecond } = head.header;
  const key = await keyFor(keyId);
  const opened = key === null ? null : await openPiece(source, head, key, identity).catch((error: unknown) => note(errors, error));
  const { sizeBytes, digest } = await digestOf(source);
  found.push({
    head,
    source,
    opened,
    piece: { ...identity, seq, keyId, path, objectName: pieceObjectName(identity, seq, keyId), sizeBytes, sha256: digest, fromMs: fromSecond * 1000, toMs: toSecond * 1000 },
  });
}

/** Puts what the journal has beyond the pieces into new ones, the last of them final; answers their paths. */
async function sealRest(options: RecoverOptions, orphan: Orphan, found: readonly FoundPiece[], errors: Set<string>, keyFor: (keyId: string) => Promise<StoredKey | null>): Promise<string[]> {
  const { recordingId, tenantId } = orphan;
  const tenant = options.tenantOf(tenantId);
  if (tenant === null) throw new Error(`tenant ${tenantId} is not known on this node`);
  const covered = Math.max(0, ...found.map(({ head }) => head.header.toSecond));
  const journal = await readJournal(orphan, covered, errors, keyFor);

  let base = latest([...found.map(({ opened }) => opened?.state ?? null), journal.state]) ?? unknownState(orphan);
  const tracks = new Map(base.tracks.map((track) => [track.track, track]));
  // A track whose marks cannot be read is still there to say what is missing.
  for (const { header } of orphan.frames) {
    if (header.kind !== "packets" || tracks.has(header.track)) continue;
    tracks.set(header.track, { track: header.track, label: `m${header.track}`, sampleRate: 8000, sending: [{ fromMs: header.fromMs, toMs: null }], gaps: [] });
  }
  const rateOf = (track: number): number => tracks.get(track)?.sampleRate ?? 8000;
  const endOf = (track: number): number => {
    const ends = [...(journal.seconds.get(track)?.values() ?? [])].flat().map((entry) => ((entry.atSample + samplesOf(entry, rateOf(track))) * 1000) / rateOf(track));
    return ends.reduce((most, end) => Math.max(most, end), 0);
  };
  const endMs = Math.ceil([...journal.seconds.keys()].reduce((most, track) => Math.max(most, endOf(track)), audioEndMs(found)));
  base = {
    ...base,
    tracks: [...tracks.values()].map((track) => ({ ...track, gaps: mergeGaps([...track.gaps, ...(journal.gaps.get(track.track) ?? [])]) })),
  };

  const key = await options.vault.createDataKey(tenant);
  const sealer = createPieceSealer(key, { tenantId, recordingId });
  // A key that is pressed has a place beyond the last sound.
  const journaled = [...journal.seconds.values()].flatMap((seconds) => [...seconds.keys()]);
  const lastSecond = journaled.reduce((last, second) => Math.max(last, second + 1), Math.max(covered, Math.ceil(endMs / 1000)));
  const paths: string[] = [];
  let seq = (found.at(-1)?.piece.seq ?? -1) + 1;
  for (let from = covered; ; from += pieceSeconds) {
    const to = Math.min(from + pieceSeconds, lastSecond);
    const final = to === lastSecond;
    const chunks = [...journal.seconds].flatMap(([track, seconds]) =>
      [...seconds].filter(([second]) => second >= from && second < to).toSorted(([a], [b]) => a - b).map(([second, entries]) => sealer.sealSecond(track, second, settleSecond(entries, rateOf(track)), rateOf(track))),
    );
    const state = { ...(final ? finished(base, endMs, endOf, options.now()) : base), revision: base.revision + 1 + paths.length };
    const path = join(orphan.dir, `${seq}.ewp`);
    await writePiece(path, sealer.sealPiece({ seq, fromSecond: from, toSecond: to, final, chunks, state }), options.steps?.writeFile);
    paths.push(path);
    seq += 1;
    if (final) return paths;
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
  readonly state: RecordingState | null;
  /** By track, then by second. */
  readonly seconds: Map<number, Map<number, LogEntry[]>>;
  readonly gaps: Map<number, Gap[]>;
}

async function readJournal(orphan: Orphan, covered: number, errors: Set<string>, keyFor: (keyId: string) => Promise<StoredKey | null>): Promise<JournalContent> {
  const content: { state: RecordingState | null; seconds: JournalContent["seconds"]; gaps: JournalContent["gaps"] } = { state: null, seconds: new Map(), gaps: new Map() };
  const keys = new Map<string, OpeningKey | null>();
  const packets: { header: FrameHeader; body: Buffer }[] = [];
  for (const frame of orphan.frames) {
    const { header } = frame;
    if (header.kind === "packets" && header.toMs < covered * 1000) continue;
    if (!keys.has(header.keyId)) {
      const key = await keyFor(header.keyId);
      keys.set(header.keyId, key === null ? null : createOpeningKey(key, "journal"));
    }
    const body = openFrame(frame, keys.get(header.keyId) ?? null, errors);
    if (body !== null && header.kind === "mark") content.state = latest([content.state, decodeState(body)]);
    if (body !== null && header.kind === "packets") packets.push({ header, body });
    if (body === null && header.kind === "packets") {
      // The header's time is where the last packet begins; it was one of 20 ms or so.
      const gap: Gap = { fromMs: Math.max(header.fromMs, covered * 1000), toMs: header.toMs + 20, reason: "decrypt" };
      content.gaps.set(header.track, [...(content.gaps.get(header.track) ?? []), gap]);
    }
  }
  for (const { header, body } of packets) {
    const sampleRate = content.state?.tracks.find((track) => track.track === header.track)?.sampleRate ?? 8000;
    const seconds = content.seconds.get(header.track) ?? new Map<number, LogEntry[]>();
    content.seconds.set(header.track, seconds);
    for (const entry of decodePacketLog(body, Math.floor(header.fromMs / 1000) * sampleRate)) {
      const second = Math.floor(entry.atSample / sampleRate);
      if (second < covered) continue;
      const entries = seconds.get(second);
      if (entries === undefined) seconds.set(second, [entry]);
      else entries.push(entry);
    }
  }
  return content;
}

function openFrame({ segment, at, length }: FrameAt, opening: OpeningKey | null, errors: Set<string>): Buffer | null {
  return opening === null ? null : orNoted(errors, () => readFrame(segment.read(at, length), 0)?.frame.open(opening) ?? null);
}

async function summarize(identity: PieceIdentity, found: readonly FoundPiece[], errors: Set<string>): Promise<RecordingSummary> {
  const state = latest(found.map(({ opened }) => opened?.state ?? null)) ?? stateOfHeaders(found);
  const tracks = new Map(state.tracks.map((track) => [track.track, { track, analysis: createTrackAnalysis(track.sampleRate), tree: createMerkleTree(sha256), gaps: [...track.gaps] }]));
  for (const { head, opened, source, piece } of found) {
    const bytes = opened === null ? null : await source.read(head.chunksAt, piece.sizeBytes - head.chunksAt);
    for (const chunk of head.header.chunks) {
      const track = tracks.get(chunk.track);
      if (track === undefined) continue;
      track.tree.append(indexLeaf(chunk));
      const entries = opened === null || bytes === null ? null : orNoted(errors, () => opened.decodeSecond(chunk, bytes.subarray(chunk.offset, chunk.offset + chunk.length), track.track.sampleRate));
      if (entries === null) track.gaps.push({ fromMs: chunk.second * 1000, toMs: (chunk.second + 1) * 1000, reason: "decrypt" });
      else track.analysis.add(chunk.second, entries);
    }
  }
  const durationMs = Math.max(0, ...[...tracks.values()].map(({ analysis }) => analysis.endMs));
  return {
    ...identity,
    startedAtMs: state.startedAtMs,
    durationMs,
    tracks: [...tracks.values()].map(({ track, analysis, tree, gaps }) => ({ ...analysis.summary({ ...track, gaps: mergeGaps(gaps) }, state.ended?.atMs ?? analysis.endMs), merkleRoot: Buffer.from(tree.root()).toString("hex"), chunks: tree.size })),
    pieces: found.map(({ piece, head }) => (head.header.final ? { ...piece, toMs: Math.max(piece.fromMs, durationMs) } : piece)),
    recovered: state.ended?.recovered ?? true,
  };
}

/** Where the audio of the pieces can at most end. Exact ends are found when they are read; here it only bounds the crash. */
const audioEndMs = (found: readonly FoundPiece[]): number => Math.max(0, ...found.map(({ head }) => head.header.toSecond * 1000));

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

async function digestOf(source: PieceSource): Promise<{ sizeBytes: number; digest: string }> {
  const sizeBytes = await source.size();
  const hash = createHash("sha256");
  for (let at = 0; at < sizeBytes; at += digestStep) hash.update(await source.read(at, Math.min(digestStep, sizeBytes - at)));
  return { sizeBytes, digest: hash.digest("hex") };
}

const digestStep = 1024 * 1024;

async function list(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).toSorted();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

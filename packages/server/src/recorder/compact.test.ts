import { execFile, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { encodeG711 } from "@earwitness/media";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mintId } from "#ids";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, NotAuthentic, type Vault } from "#vault";
import { compact, type Compacted } from "./compact.ts";
import type { LogEntry } from "./packet-log.ts";
import { createPieceSealer, pieceObjectName } from "./piece.ts";
import { openRecordingReader, type ReadableObject, type RecordingReader } from "./reader.ts";

const tenantId = randomUUID();
const recordingId = mintId(new Date());
const offsetMs = 1_237;
const durationMs = 20_000;
let dir: string;
let vault: Vault;
let piece: ReadableObject & { sha256: string };
let compacted: Compacted;
let sent: Int16Array;

/** Speech-like: bursts of band-limited noise that never repeat, so that a shift shows in the correlation. */
function speechLike(samples: number): Int16Array {
  let seed = 7;
  let low = 0;
  let lower = 0;
  return Int16Array.from({ length: samples }, (_, i) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0;
    low += 0.35 * (seed / 2 ** 31 - low);
    lower += 0.35 * (low - lower);
    const syllable = Math.max(0, Math.sin((2 * Math.PI * i) / 2_400)) * (0.4 + 0.6 * Math.sin((2 * Math.PI * i) / 19_000) ** 2);
    return Math.round(30_000 * lower * syllable);
  });
}

/** Shift in samples (of `rate`) at which the two agree best, and how well. */
function bestShift(a: Int16Array, b: Int16Array, reach: number): { shift: number; correlation: number } {
  let best = { shift: 0, correlation: -1 };
  for (let shift = -reach; shift <= reach; shift += 1) {
    let ab = 0;
    let aa = 0;
    let bb = 0;
    for (let i = reach; i < Math.min(a.length, b.length) - reach; i += 1) {
      const y = b[i + shift]!;
      ab += a[i]! * y;
      aa += a[i]! * a[i]!;
      bb += y * y;
    }
    const correlation = ab / Math.sqrt(aa * bb);
    if (correlation > best.correlation) best = { shift, correlation };
  }
  return best;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-compact-"));
  vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
  const key = await vault.createDataKey(tenant);
  sent = speechLike(durationMs * 8);
  const wire = encodeG711("PCMU", sent);
  const bySecond = new Map<number, LogEntry[]>();
  for (let at = 0; at < wire.length; at += 160) {
    const atSample = offsetMs * 8 + at;
    const second = Math.floor(atSample / 8000);
    bySecond.set(second, [...(bySecond.get(second) ?? []), { atSample, codec: 1, payload: wire.subarray(at, at + 160) }]);
  }
  const sealer = createPieceSealer(key, { tenantId, recordingId });
  const chunks = [...bySecond].map(([second, entries]) => sealer.sealSecond(1, second, entries, 8000));
  const bytes = Buffer.concat(sealer.sealPiece({ seq: 0, fromSecond: 0, toSecond: 22, final: true, chunks, state: { revision: 1, startedAtMs: 0, tracks: [], ended: null } }));
  const objectName = pieceObjectName({ tenantId, recordingId }, 0, key.keyId);
  await vault.store.put(objectName, bytes);
  piece = { objectName, kind: "piece", keyId: key.keyId, seq: 0, fromMs: 0, toMs: offsetMs + durationMs, sizeBytes: bytes.length, sha256: "digest of the piece" };
  compacted = await compact({ vault, tenant, recordingId, pieces: [piece], tracks: [{ track: 1, sampleRate: 8000, offsetMs, durationMs }] });
});
afterAll(async () => {
  await vault.close();
  await rm(dir, { recursive: true });
});

const open = (objects: readonly ReadableObject[]): Promise<RecordingReader> => openRecordingReader({ vault, tenantId, recordingId, objects, tracks: [{ track: 1, sampleRate: 8000 }] });

describe("compaction to Opus", () => {
  test("every sample stays in its place to less than a millisecond, and sounds the same", async () => {
    const [before, after] = await Promise.all([open([piece]), open(compacted.objects)]);
    const original = await before.readPcm(1, 0, 22 * 8000);
    const opus = await after.readPcm(1, 0, 22 * 8000);
    const whole = bestShift(original, opus, 40);
    expect(Math.abs(whole.shift)).toBeLessThanOrEqual(1);
    expect(whole.correlation).toBeGreaterThan(0.97);
    // Nothing slides towards the end.
    const end = bestShift(original.subarray(18 * 8000), opus.subarray(18 * 8000), 40);
    expect(Math.abs(end.shift)).toBeLessThanOrEqual(1);
    expect(opus.subarray(0, offsetMs * 8).every((sample) => sample === 0)).toBe(true);
    expect(opus.subarray((offsetMs + durationMs) * 8).every((sample) => sample === 0)).toBe(true);
    expect(after.durationMs).toBe(offsetMs + durationMs);
  });

  test("a range read from the middle is the same part of the whole", async () => {
    const whole = await (await open(compacted.objects)).readPcm(1, 0, 22 * 8000);
    for (const [from, count] of [[8_000 * 5 + 123, 4_000], [offsetMs * 8 - 50, 300], [8_000 * 20, 16_000]] as const) {
      const part = await (await open(compacted.objects)).readPcm(1, from, count);
      const same = whole.subarray(from, from + count);
      let worst = 0;
      for (let i = 0; i < same.length; i += 1) worst = Math.max(worst, Math.abs(part[i]! - same[i]!));
      expect(part.length).toBe(count);
      expect(worst).toBeLessThan(64); // what 80 ms of pre-roll leave of the decoder's memory
    }
  });

  test.skipIf(spawnSync("ffmpeg", ["-version"]).error !== undefined)("a foreign decoder (ffmpeg) agrees on place and length", async () => {
    const [object] = compacted.objects;
    const ogg = await vault.readSealed(object!.objectName, tenantId, object!.keyId, 0, await vault.sealedSize(object!.objectName));
    await writeFile(join(dir, "track.opus"), ogg);
    await promisify(execFile)("ffmpeg", ["-v", "error", "-i", join(dir, "track.opus"), "-f", "s16le", "-ar", "48000", join(dir, "track.pcm")]);
    const pcm = await readFile(join(dir, "track.pcm"));
    const decoded = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2).filter((_, i) => i % 6 === 0);
    expect(Math.abs(decoded.length - durationMs * 8)).toBeLessThanOrEqual(1);
    const { shift, correlation } = bestShift(sent, decoded, 40);
    expect(Math.abs(shift)).toBeLessThanOrEqual(1);
    expect(correlation).toBeGreaterThan(0.97);
  });

  test("the derivation names sources, encoder and settings; the object is small and sealed under a new key", () => {
    const [object] = compacted.objects;
    expect(object).toMatchObject({ kind: "opus", seq: 1, fromMs: offsetMs, toMs: offsetMs + durationMs });
    expect(object!.keyId).not.toBe(piece.keyId);
    expect(object!.sizeBytes).toBeLessThan(piece.sizeBytes / 2);
    expect(compacted.derivation).toMatchObject({
      sources: [{ objectName: piece.objectName, sha256: piece.sha256 }],
      encoder: expect.stringMatching(/^@evan\/opus \d/),
      tracks: [{ track: 1, objectName: object!.objectName, sha256: object!.sha256, settings: { application: "restricted_lowdelay", bitrate: 24_000, complexity: 0, preSkip: 120 } }],
    });
  });

  test("an altered second of a piece is an error that names it; the others still play", async () => {
    const bytes = Buffer.from(await vault.store.read(piece.objectName, 0, piece.sizeBytes));
    bytes[bytes.length - 4_000]! ^= 1; // in the last or the last but one chunk
    const name = pieceObjectName({ tenantId, recordingId }, 9, piece.keyId);
    await vault.store.put(name, bytes);
    const reader = await open([{ ...piece, objectName: name }]);
    await expect(reader.readPcm(1, 20 * 8000, 2 * 8000)).rejects.toThrow(NotAuthentic);
    await expect(reader.readPcm(1, 20 * 8000, 2 * 8000)).rejects.toThrow(/second 2\d of track 1 in piece .*9-/);
    expect((await reader.readPcm(1, 3 * 8000, 8000)).some((sample) => sample !== 0)).toBe(true);
  });

  test("an index that leaves a second out is noticed, and so is another recording's piece", async () => {
    const bytes = Buffer.from(await vault.store.read(piece.objectName, 0, piece.sizeBytes));
    const altered = Buffer.from(bytes.toString("latin1").replace('"second":5,', '"second":6,'), "latin1");
    const name = pieceObjectName({ tenantId, recordingId }, 8, piece.keyId);
    await vault.store.put(name, altered);
    await expect((await open([{ ...piece, objectName: name }])).readPcm(1, 0, 8000)).rejects.toThrow(NotAuthentic);
    const other = openRecordingReader({ vault, tenantId, recordingId: mintId(new Date(0)), objects: [piece], tracks: [{ track: 1, sampleRate: 8000 }] });
    await expect((await other).readPcm(1, 0, 8000)).rejects.toThrow(NotAuthentic);
  });
});

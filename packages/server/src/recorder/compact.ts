/**
 * Makes Ogg/Opus of a recording's pieces, one file for each wire track, a fifth of the size: for the archive. What came as Opus
 * is carried over as it came. It leaves a record of the derivation (from which bytes, by which encoder, with which settings) for
 * the second manifest; whether the pieces are kept is for the caller to decide.
 */
import { Encoder } from "@evan/opus";
import opusPackage from "@evan/opus/package.json" with { type: "json" };
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { createOggOpusWriter, OPUS_RATE_HZ } from "@earwitness/media";
import type { MintedKey, Vault } from "#vault";
import { isOpusRate } from "./codecs.ts";
import type { StoredObject } from "./facts.ts";
import { objectPrefix } from "./object-prefix.ts";
import { packOpusTrack, type CarriedOver } from "./pack-opus-track.ts";
import { openRecordingReader, type ReadableObject, type RecordingReader } from "./reader.ts";

export interface CompactOptions {
  readonly vault: Vault;
  readonly tenant: { readonly tenantId: string; readonly publicKey: Uint8Array; readonly publicKeyId: string };
  readonly recordingId: string;
  /** All pieces, with the digests that the manifest names. */
  readonly pieces: readonly (ReadableObject & { readonly sha256: string })[];
  readonly tracks: readonly { readonly track: number; readonly sampleRate: number; readonly offsetMs: number; readonly durationMs: number }[];
}

export interface Compacted {
  readonly objects: readonly StoredObject[];
  readonly derivation: Derivation;
}

export interface Derivation {
  readonly sources: readonly { readonly objectName: string; readonly sha256: string }[];
  readonly encoder: string;
  readonly tracks: readonly { readonly track: number; readonly objectName: string; readonly sha256: string; readonly fromMs: number; readonly durationMs: number; readonly settings: EncoderSettings | CarriedOver }[];
}

export interface EncoderSettings {
  readonly application: "restricted_lowdelay";
  readonly sampleRate: number;
  readonly bitrate: number;
  readonly complexity: number;
  readonly frameMs: number;
  /** 48 kHz samples before the first one of the track. */
  readonly preSkip: number;
}

/**
 * CELT alone at the lowest complexity: as near to the original as SILK at the highest (1.0 dB log-spectral distance on
 * telephone speech), at fifteen times the speed.
 */
const application = "restricted_lowdelay";
const complexity = 0;
const frameMs = 20;
/** OPUS_GET_LOOKAHEAD; the package's own property is misspelled in its types. */
const getLookahead = 4027;
const bitrateOf = (sampleRate: number): number => (sampleRate <= 8000 ? 24_000 : 32_000);

export async function compact(options: CompactOptions): Promise<Compacted> {
  const { vault, tenant, recordingId, pieces } = options;
  const { tenantId } = tenant;
  const key = await vault.createDataKey(tenant);
  const objects: StoredObject[] = [];
  const tracks: Derivation["tracks"][number][] = [];
  for (const track of options.tracks) {
    if (track.durationMs === 0) continue;
    // Each alone: a reader counts in the highest rate of what it was opened with, an archive of a track in the track's.
    const reader = await openRecordingReader({ vault, tenantId, recordingId, objects: pieces, tracks: [track] });
    try {
      const { bytes, settings } = (await packOpusTrack(reader, track)) ?? (await encodeTrack(reader, track));
      const { objectName, ...stored } = await putTrack(vault, key, tenantId, recordingId, track.track, bytes);
      objects.push({ objectName, kind: "opus", seq: track.track, keyId: key.keyId, ...stored, fromMs: track.offsetMs, toMs: track.offsetMs + track.durationMs });
      tracks.push({ track: track.track, objectName, sha256: stored.sha256, fromMs: track.offsetMs, durationMs: track.durationMs, settings });
    } finally {
      await reader.close();
    }
  }
  const sources = pieces.map(({ objectName, sha256 }) => ({ objectName, sha256 }));
  return { objects, derivation: { sources, encoder: `${opusPackage.name} ${opusPackage.version}`, tracks } };
}

async function putTrack(vault: Vault, key: MintedKey, tenantId: string, recordingId: string, track: number, bytes: Uint8Array): Promise<{ objectName: string; sizeBytes: number; sha256: string }> {
  const objectName = `${objectPrefix(tenantId, recordingId)}/track-${track}-${key.keyId}.opus`;
  return { objectName, ...(await vault.putSealed(objectName, key, tenantId, bytes)) };
}

/** Second by second, letting others run in between: a second takes about a millisecond. */
async function encodeTrack(reader: RecordingReader, track: CompactOptions["tracks"][number]): Promise<{ bytes: Buffer; settings: EncoderSettings }> {
  const { sampleRate } = track;
  if (!isOpusRate(sampleRate)) throw new Error(`Opus cannot encode ${sampleRate} Hz`);
  const encoder = new Encoder({ channels: 1, sample_rate: sampleRate, application });
  encoder.bitrate = bitrateOf(sampleRate);
  encoder.complexity = complexity;
  const lookahead = encoder.ctl(getLookahead);
  const upsampled = OPUS_RATE_HZ / sampleRate;
  const settings: EncoderSettings = { application, sampleRate, bitrate: encoder.bitrate, complexity, frameMs, preSkip: lookahead * upsampled };
  const writer = createOggOpusWriter({ serial: randomBytes(4).readUInt32LE(0), channels: 1, inputSampleRate: sampleRate, preSkip: settings.preSkip, comments: [`ENCODER=${opusPackage.name} ${opusPackage.version}`] });

  const from = (track.offsetMs * sampleRate) / 1000;
  const samples = (track.durationMs * sampleRate) / 1000;
  const frame = (sampleRate * frameMs) / 1000;
  const parts: Uint8Array[] = [writer.header];
  // The encoder answers `lookahead` samples late: that many more go in, so that the last real one comes out.
  for (let at = 0; at < samples + lookahead; at += sampleRate) {
    const pcm = new Int16Array(sampleRate);
    const wanted = Math.max(0, Math.min(sampleRate, samples - at));
    if (wanted > 0) pcm.set(await reader.readPcm(track.track, from + at, wanted));
    for (let start = 0; start < sampleRate && at + start < samples + lookahead; start += frame) {
      parts.push(writer.write(encoder.encode(pcm.subarray(start, start + frame)).slice()));
    }
    await setImmediate();
  }
  parts.push(writer.end(samples * upsampled));
  return { bytes: Buffer.concat(parts), settings };
}

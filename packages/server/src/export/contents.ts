/** The files of a bundle, in the order in which they are sent. Each can be opened more than once. */
import { checkpointPath, handoverPath, interactionPaths, mixedSpan, timestampPath, voicesOf, type ByteStream, type Voice } from "@earwitness/verify";
import { withTenant, type Db } from "#db";
import type { KeptCheckpoint } from "#evidence";
import { recordedSound } from "./opus-decoder.ts";
import { placedRows } from "./placed-rows.ts";
import type { Prepared, PreparedRecording } from "./prepare.ts";
import { packetsOf, trackFile } from "./track-records.ts";
import { vconOf, type VconAudio } from "./vcon.ts";

export interface Content {
  readonly path: string;
  /** Text; sound does not get smaller. */
  readonly compress: boolean;
  open(): ByteStream;
}

export interface LogParts {
  readonly checkpoint: KeptCheckpoint;
  readonly handovers: readonly string[];
}

const bytesOf = (path: string, content: Uint8Array | string): Content => ({
  path,
  compress: true,
  async *open() {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    if (bytes.length > 0) yield bytes;
  },
});

export function* logContents({ checkpoint, handovers }: LogParts): Generator<Content> {
  yield bytesOf(checkpointPath, checkpoint.note);
  for (const [at, note] of handovers.entries()) yield bytesOf(handoverPath(at + 1), note);
  if (checkpoint.timestampToken !== null) yield bytesOf(timestampPath, checkpoint.timestampToken);
}

export interface InteractionContentsOptions {
  readonly db: Db;
  readonly tenantId: string;
  readonly size: number;
  /** Files for other players; without them, packets and proofs alone. */
  readonly audio: boolean;
}

export async function* interactionContents({ db, tenantId, size, audio }: InteractionContentsOptions, { detail, metadata, recording }: Prepared): AsyncGenerator<Content> {
  const paths = interactionPaths(detail.id);
  yield bytesOf(paths.interaction, metadata);
  yield bytesOf(paths.evidence, await withTenant(db, tenantId, (tx) => placedRows(tx, [...(recording === null ? [] : [recording.recordingId]), detail.id], size)));
  if (recording !== null) yield* recordingContents(paths, recording, audio);
}

async function* recordingContents(paths: ReturnType<typeof interactionPaths>, recording: PreparedRecording, audio: boolean): AsyncGenerator<Content> {
  const { manifest, part } = recording;
  yield bytesOf(paths.manifest, recording.manifestBytes);
  for (const [revision, bytes] of recording.derivations) yield bytesOf(paths.derivation(revision), bytes);
  for (const [at, body] of recording.bodies.entries()) if (body !== null) yield bytesOf(paths.metadata(at + 1), body);
  for (const { track } of manifest.sources) yield { path: paths.packets(track), compress: false, open: () => trackFile(recording, track) };
  if (!audio) return;

  const voices = voicesOf(manifest, part, (track) => packetsOf(recording, track));
  for (const [track, voice] of voices) {
    if (await recordedSound.isOpus(voice)) yield { path: paths.audio(track, "ogg"), compress: false, open: () => later(recordedSound.ogg(voice)) };
    else yield { path: paths.audio(track, "wav"), compress: false, open: () => later(recordedSound.wav(voice)) };
  }
  if (voices.size > 0) yield { path: paths.mixed, compress: false, open: () => mixedOf(recording, [...voices.values()]) };
}

const mixedOf = ({ manifest, part }: PreparedRecording, voices: readonly Voice[]): ByteStream => later(recordedSound.mixed(voices, mixedSpan(manifest, part)));

async function* later(stream: Promise<ByteStream | null>): AsyncGenerator<Uint8Array> {
  const bytes = await stream;
  if (bytes === null) throw new Error("there is no decoder for this track"); // there is one for every codec that is recorded
  yield* bytes;
}

/** After the audio, whose digest is in it. */
export function vconContent({ detail, recording }: Prepared, bundleId: string, exportedAt: Date, mixedSha512: Uint8Array | null): Content {
  const paths = interactionPaths(detail.id);
  const audio: VconAudio | null = recording === null || mixedSha512 === null ? null : { path: "audio/mixed.wav", mediatype: "audio/wav", sha512: mixedSha512, ...mixedSpan(recording.manifest, recording.part) };
  return bytesOf(paths.vcon, vconOf(detail, bundleId, exportedAt, audio));
}

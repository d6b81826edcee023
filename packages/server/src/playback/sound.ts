import type { ReadableObject, RecordingReader } from "#recorder";
import type { Vault } from "#vault";
import { sampleRateOf } from "./file.ts";
import type { ObjectRow, Playable } from "./playable.ts";

/** How the recorder's own reader is opened (`openRecordingReader`); the app hands it in. */
export type OpenReader = (recording: {
  readonly vault: Vault;
  readonly tenantId: string;
  readonly recordingId: string;
  readonly objects: readonly ReadableObject[];
  readonly tracks: readonly { readonly track: number; readonly sampleRate: number }[];
}) => Promise<RecordingReader>;

/** Opens the sound of a recording: pieces while they exist, else the Opus that compaction made of them. */
export async function openSound(openReader: OpenReader, vault: Vault, playable: Playable, objects: readonly ObjectRow[]): Promise<RecordingReader> {
  const { media } = playable.part;
  // The reader knows wire tracks; several speakers may have been on one.
  const wireTracks = new Set(playable.tracks.map((track) => track.source_track));
  return await openReader({
    vault,
    tenantId: media.tenant_id,
    recordingId: media.media_id,
    objects: objects.map((object) => ({
      objectName: object.object_name,
      kind: object.kind,
      keyId: object.key_id,
      seq: object.seq,
      fromMs: object.from_ms,
      toMs: object.to_ms,
      sizeBytes: object.size_bytes,
    })),
    tracks: [...wireTracks].map((track) => ({ track, sampleRate: sampleRateOf(playable.tracks.filter((row) => row.source_track === track)) })),
  });
}

/** What is known while a bundle is checked. */
import type { BundleFile, BundleFiles } from "./bundle-files.ts";
import type { BundleIndex } from "./bundle-index.ts";
import type { ReportWriter } from "./bundle-report.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { NoteKey } from "./note.ts";
import type { Packet } from "./packet-chunk.ts";
import type { Sha256 } from "./sha256.ts";

/** What whoever checks brings along. None of it comes out of the bundle. */
export interface BundleTrust {
  readonly sha256: Sha256;
  /** The log's public key; null: the bundle's own, which shows that it is of one piece and not whose it is. */
  readonly key: NoteKey | null;
  readonly witnesses: readonly NoteKey[];
  /** Decoders; null: audio files are not compared with the packets. */
  readonly sound: SoundOf | null;
  readonly timestamp: TimestampCheck | null;
  /** Files that are in the bundle and not at hand here, such as audio in a page: not checked, not missing. */
  readonly notHere?: (path: string) => boolean;
  /** It was asked for to be checked on the spot, with packets and proofs alone: that no audio file was made is no failure. */
  readonly packetsAlone?: boolean;
}

/** What every check needs. */
export interface Bundle {
  readonly files: BundleFiles;
  readonly index: BundleIndex;
  readonly trust: BundleTrust;
  readonly report: ReportWriter;
  /** Listed files that are there, whole and as listed. Only these are looked into. */
  readonly intact: ReadonlyMap<string, BundleFile>;
  /** SHA-256 of intact files, in hex. */
  readonly digests: ReadonlyMap<string, string>;
  /** Files that some check has looked into; the rest is named as not covered. */
  readonly covered: Set<string>;
}

/** When an authority saw the checkpoint. Throws Malformed where the token does not hold. */
export type TimestampCheck = (token: Uint8Array, note: string) => Promise<{ readonly at: string; readonly by: string }>;

export interface TimedPackets {
  readonly second: number;
  readonly packets: readonly Packet[];
}

/** A stretch of a wire track that is one speaker's. */
export interface Voice {
  readonly sampleRate: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Its seconds in order; may be asked for more than once. */
  seconds(): AsyncIterable<TimedPackets>;
}

/** How packets become files; whoever has decoders hands it in. Null: there is no decoder for that here. */
export interface SoundOf {
  wav(voice: Voice): Promise<ByteStream | null>;
  ogg(voice: Voice): Promise<ByteStream | null>;
  /** All voices from `fromMs` to `toMs`. */
  mixed(voices: readonly Voice[], span: { readonly fromMs: number; readonly toMs: number }): Promise<ByteStream | null>;
}

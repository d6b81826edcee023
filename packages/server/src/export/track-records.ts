import { coverLeaves, encodeTrackRecord, parsePacketLog, trackFileHead, type Manifest, type TimedPackets } from "@earwitness/verify";
import { sha256 } from "#evidence";
import { isKnownUnreadable, type RecordedSecond, type RecordedSeconds } from "#recorder";
import { NotAuthentic } from "#vault";

export interface Part {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Seconds go out whole or not at all: one that is only partly inside of the part could not be proved, and is not somebody's to have. */
function isInside(second: number, { fromMs, toMs }: Part, manifest: Manifest): boolean {
  return second * 1000 >= fromMs && ((second + 1) * 1000 <= toMs || toMs >= manifest.durationMs);
}

async function* opened(recording: RecordedSeconds, track: number, part: Part, manifest: Manifest): AsyncGenerator<{ readonly of: RecordedSecond; readonly content: { readonly plaintext: Uint8Array; readonly salt: Uint8Array } | null }> {
  for await (const of of recording.seconds(track)) {
    let content: { readonly plaintext: Uint8Array; readonly salt: Uint8Array } | null = null;
    if (isInside(of.second, part, manifest)) {
      try {
        content = await of.open();
      } catch (error) {
        if (!(error instanceof NotAuthentic && isKnownUnreadable(of.second, track, manifest))) throw error;
      }
    }
    yield { of, content };
  }
}

/** The file of a wire track: its seconds, and what stands for those that do not go out. */
export async function* trackFile(recording: RecordedSeconds, track: number, part: Part, manifest: Manifest): AsyncGenerator<Uint8Array> {
  yield trackFileHead;
  let at = 0;
  let withheld: Uint8Array[] = [];
  function* cover(): Generator<Uint8Array> {
    for (const { level, root } of coverLeaves(sha256, withheld, at - withheld.length)) yield encodeTrackRecord({ kind: "withheld", level, root });
    withheld = [];
  }
  for await (const { of, content } of opened(recording, track, part, manifest)) {
    if (content === null) withheld.push(of.leaf);
    else {
      yield* cover();
      yield encodeTrackRecord({ kind: "second", second: of.second, ciphertextDigest: of.ciphertextDigest, ...content });
    }
    at += 1;
  }
  yield* cover();
}

/** What of a wire track can be heard. */
export async function* packetsOf(recording: RecordedSeconds, track: number, part: Part, manifest: Manifest): AsyncGenerator<TimedPackets> {
  for await (const { of, content } of opened(recording, track, part, manifest)) if (content !== null) yield { second: of.second, packets: parsePacketLog(content.plaintext) };
}

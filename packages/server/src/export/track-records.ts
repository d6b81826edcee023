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

/** Number of a wire track, and of a second in it. */
export interface UnopenedSecond {
  readonly track: number;
  readonly second: number;
}

/** What of a recording is handed out. */
export interface HandedOut {
  readonly seconds: RecordedSeconds;
  readonly part: Part;
  readonly manifest: Manifest;
  readonly unopened: readonly UnopenedSecond[];
}

/** Seconds that the manifest does not know as unreadable, and that are. */
export async function findUnopened({ seconds, part, manifest }: Omit<HandedOut, "unopened">): Promise<UnopenedSecond[]> {
  const found: UnopenedSecond[] = [];
  for (const { track } of manifest.sources) {
    for await (const { second, open } of seconds.seconds(track)) {
      if (!isInside(second, part, manifest) || isKnownUnreadable(second, track, manifest)) continue;
      await open().catch((error: unknown) => {
        if (!(error instanceof NotAuthentic)) throw error;
        found.push({ track, second });
      });
    }
  }
  return found;
}

async function* opened({ seconds, part, manifest, unopened }: HandedOut, track: number): AsyncGenerator<{ readonly of: RecordedSecond; readonly content: { readonly plaintext: Uint8Array; readonly salt: Uint8Array } | null }> {
  const isLeftOut = (second: number): boolean => unopened.some((one) => one.track === track && one.second === second) || isKnownUnreadable(second, track, manifest);
  for await (const of of seconds.seconds(track)) {
    let content: { readonly plaintext: Uint8Array; readonly salt: Uint8Array } | null = null;
    if (isInside(of.second, part, manifest)) {
      try {
        content = await of.open();
      } catch (error) {
        if (!(error instanceof NotAuthentic && isLeftOut(of.second))) throw error;
      }
    }
    yield { of, content };
  }
}

/** The file of a wire track: its seconds, and what stands for those that do not go out. */
export async function* trackFile(recording: HandedOut, track: number): AsyncGenerator<Uint8Array> {
  yield trackFileHead;
  let at = 0;
  let withheld: Uint8Array[] = [];
  function* cover(): Generator<Uint8Array> {
    for (const { level, root } of coverLeaves(sha256, withheld, at - withheld.length)) yield encodeTrackRecord({ kind: "withheld", level, root });
    withheld = [];
  }
  for await (const { of, content } of opened(recording, track)) {
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
export async function* packetsOf(recording: HandedOut, track: number): AsyncGenerator<TimedPackets> {
  for await (const { of, content } of opened(recording, track)) if (content !== null) yield { second: of.second, packets: parsePacketLog(content.plaintext) };
}

/** Sound of packet-log entries. */
import { decodeG711, decodeG711Into } from "@earwitness/media";
import { codecById } from "./codecs.ts";
import { samplesOf, type LogEntry } from "./packet-log.ts";

/** Writes the entry's samples into `target`, whose first sample lies at `targetAt` on the timeline. What lies outside is left out. */
export function decodeEntryInto(entry: LogEntry, target: Int16Array, targetAt: number): void {
  const codec = codecById(entry.codec);
  if (codec === undefined) return; // lost
  const skip = Math.max(0, targetAt - entry.atSample);
  const count = Math.min(samplesOf(entry) - skip, targetAt + target.length - (entry.atSample + skip));
  if (count <= 0) return;
  decodeG711Into(codec.name, entry.payload.subarray(skip, skip + count), target, entry.atSample + skip - targetAt);
}

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const loudness = new Map((["PCMU", "PCMA"] as const).map((name) => [name, decodeG711(name, everyByte).map((sample) => Math.abs(sample))] as const));

/** Loudest sample of a payload, 0…1, looking at every fourth: for the moving level in the portal, once per packet. */
export function roughLevel(codecId: number, payload: Uint8Array): number {
  const codec = codecById(codecId);
  const table = codec === undefined ? undefined : loudness.get(codec.name);
  if (table === undefined) return 0;
  let loudest = 0;
  for (let i = 0; i < payload.length; i += 4) loudest = Math.max(loudest, table[payload[i]!]!);
  return loudest / 32_768;
}

/**
 * A track that came as Opus throughout, in an Ogg file (RFC 7845) with its packets as they came from the wire: nothing is
 * decoded, so nothing is lost. Where there are none there is silence, in packets of its own: players make what they like of a
 * granule position that jumps, and a decoder that is told of loss invents sound.
 */
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { createOggOpusWriter, isOpusPacket, OPUS_RATE_HZ, opusPacketSamples, type OggOpusWriter } from "@earwitness/media";
import { codecById, isSound } from "./codecs.ts";
import type { PacketReader } from "./reader.ts";

export interface CarriedOver {
  readonly application: "carried_over";
  readonly packets: number;
  /** 48 kHz samples of silence that were put in between. */
  readonly silence: number;
  readonly preSkip: number;
}

/** The shortest frame, 2.5 ms: silence fills a gap to half of it, and the place of every packet is that exact. */
const step = 120;
/** CELT's frame of silence (RFC 6716 4.3), longest first: 20, 10, 5 and 2.5 ms. */
const silences = [31, 30, 29, 28].map((config, shorter) => ({ samples: 960 >> shorter, packet: Uint8Array.of(config << 3, 0xff, 0xfe) }));

/** Null where anything else came than Opus. */
export async function packOpusTrack(reader: Pick<PacketReader, "readEntries">, track: { readonly track: number; readonly sampleRate: number; readonly offsetMs: number; readonly durationMs: number }): Promise<{ bytes: Buffer; settings: CarriedOver } | null> {
  const factor = OPUS_RATE_HZ / track.sampleRate;
  const begin = (track.offsetMs * OPUS_RATE_HZ) / 1000;
  const total = (track.durationMs * OPUS_RATE_HZ) / 1000;
  const parts: Uint8Array[] = [];
  let [packets, silence, preSkip, position] = [0, 0, 0, 0];
  let writer: OggOpusWriter | null = null;

  /** What is skipped at the beginning lets the first packet lie exactly where it was. */
  function open(firstAt: number): OggOpusWriter {
    preSkip = firstAt < 0 ? -firstAt : (step - (firstAt % step)) % step;
    const made = createOggOpusWriter({ serial: randomBytes(4).readUInt32LE(0), channels: 1, inputSampleRate: OPUS_RATE_HZ, preSkip });
    parts.push(made.header);
    return made;
  }

  function fill(into: OggOpusWriter, until: number): void {
    let left = Math.round((until - position) / step) * step;
    for (const { samples, packet } of silences) {
      for (; left >= samples; left -= samples) {
        parts.push(into.write(packet));
        position += samples;
        silence += samples;
      }
    }
  }

  for (let second = Math.floor(track.offsetMs / 1000); second * 1000 < track.offsetMs + track.durationMs; second += 1) {
    for (const entry of await reader.readEntries(track.track, second)) {
      if (!isSound(entry.codec)) continue;
      if (codecById(entry.codec)?.name !== "OPUS") return null;
      const at = entry.atSample * factor - begin;
      if (!isOpusPacket(entry.payload) || at + opusPacketSamples(entry.payload) <= 0 || at >= total) continue;
      writer ??= open(at);
      fill(writer, at + preSkip);
      parts.push(writer.write(entry.payload));
      position += opusPacketSamples(entry.payload);
      packets += 1;
    }
    await setImmediate();
  }
  if (writer === null) return null;
  fill(writer, Math.ceil((total + preSkip) / step) * step);
  parts.push(writer.end(total));
  return { bytes: Buffer.concat(parts), settings: { application: "carried_over", packets, silence, preSkip } };
}

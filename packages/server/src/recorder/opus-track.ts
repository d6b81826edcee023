/** Sound of a compacted track: Ogg/Opus in a sealed object, decoded from just before the wanted place. */
import { Decoder } from "@evan/opus";
import { OPUS_RATE_HZ, parseOggOpus, type OpusPacket } from "@earwitness/media";
import { NotAuthentic, type Vault } from "#vault";
import { isOpusRate } from "./codecs.ts";
import { preRollMs } from "./pcm.ts";

export interface OpusTrack {
  /** Of the recording's timeline, at the track's rate; zeros where there is no audio. */
  decodeSecond(second: number): Int16Array;
}

const preRollSamples = (OPUS_RATE_HZ * preRollMs) / 1000;

export async function openOpusTrack(options: {
  readonly vault: Vault;
  readonly tenantId: string;
  readonly object: { readonly objectName: string; readonly keyId: string; readonly fromMs: number | null };
  readonly sampleRate: number;
}): Promise<OpusTrack> {
  const { vault, tenantId, object, sampleRate } = options;
  if (!isOpusRate(sampleRate)) throw new Error(`Opus cannot decode to ${sampleRate} Hz`);
  const bytes = await vault.readSealed(object.objectName, tenantId, object.keyId, 0, await vault.sealedSize(object.objectName));
  const parsed = parseOggOpus(bytes);
  if (!parsed.ok) throw new NotAuthentic(object.objectName); // it was sealed by us, so it was Ogg/Opus when it was
  const file = parsed.value;
  /** Output samples for one of 48 kHz. */
  const ratio = sampleRate / OPUS_RATE_HZ;
  const startsAt = ((object.fromMs ?? 0) * sampleRate) / 1000;
  const total = Math.round(file.totalSamples * ratio);
  const decoder = new Decoder({ channels: 1, sample_rate: sampleRate });

  function decode(packet: OpusPacket): Int16Array {
    try {
      const bytes = decoder.decode(packet.data);
      return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    } catch {
      return new Int16Array(Math.round(packet.samples * ratio)); // as it came from the wire: nobody can hear it
    }
  }

  return {
    decodeSecond(second) {
      const pcm = new Int16Array(sampleRate);
      const fromSample = second * sampleRate;
      const from = Math.max(0, fromSample - startsAt);
      const to = Math.min(fromSample + sampleRate - startsAt, total);
      if (from >= to) return pcm;
      const wanted = from / ratio + file.preSkip;
      const end = to / ratio + file.preSkip;
      decoder.reset();
      let index = packetAt(file.packets, Math.max(0, wanted - preRollSamples));
      for (let packet = file.packets[index]; packet !== undefined && packet.fromSample < end; packet = file.packets[index]) {
        const samples = decode(packet);
        const at = Math.round((packet.fromSample - file.preSkip) * ratio) + startsAt - fromSample;
        const first = Math.max(0, -at, from + startsAt - fromSample - at);
        const last = Math.min(samples.length, to + startsAt - fromSample - at);
        if (last > first) pcm.set(samples.subarray(first, last), at + first);
        index += 1;
      }
      return pcm;
    },
  };
}

/** Last packet that begins at or before the sample. */
function packetAt(packets: readonly OpusPacket[], sample: number): number {
  let low = 0;
  let high = packets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (packets[middle]!.fromSample <= sample) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

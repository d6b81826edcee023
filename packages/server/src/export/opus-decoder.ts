import { Decoder } from "@evan/opus";
import { createRecordedSound, type MakeOpusDecoder } from "@earwitness/media";

const rates = [8_000, 12_000, 16_000, 24_000, 48_000] as const;

const makeOpusDecoder: MakeOpusDecoder = (sampleRate) => {
  const decoder = new Decoder({ channels: 1, sample_rate: rates.find((rate) => rate === sampleRate) ?? 48_000 });
  return (payload) => {
    const bytes = decoder.decode(payload);
    return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  };
};

/** Makes files for ordinary players of packets of every codec that is recorded. */
export const recordedSound = createRecordedSound(makeOpusDecoder);

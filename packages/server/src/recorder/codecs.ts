/** The numbers under which codecs are written into packet logs. They are on disk for years: never change or reuse one. */

export interface Codec {
  readonly id: number;
  readonly name: "PCMU" | "PCMA";
  readonly sampleRate: number;
  /** How many samples a payload of so many bytes holds. */
  samplesIn(payloadBytes: number): number;
  /** Largest payload that is still a packet of this codec; anything longer is not speech but an attack or a mistake. */
  readonly maxPayloadBytes: number;
}

/** Not a codec: an entry that says so many samples were sent and never came (RTP sequence numbers are missing). */
export const lostEntry = 0;
/** Not a codec either: a packet without sound, such as a key press or comfort noise. Counted in the sequence, never written. */
export const noSound = -1;

const oneBytePerSample = (bytes: number): number => bytes;

const codecs: readonly Codec[] = [
  { id: 1, name: "PCMU", sampleRate: 8000, samplesIn: oneBytePerSample, maxPayloadBytes: 1600 },
  { id: 2, name: "PCMA", sampleRate: 8000, samplesIn: oneBytePerSample, maxPayloadBytes: 1600 },
];

const byId = new Map(codecs.map((codec) => [codec.id, codec]));
const byName = new Map<string, Codec>(codecs.map((codec) => [codec.name, codec]));

export const codecById = (id: number): Codec | undefined => byId.get(id);

export function codecByName(name: string): Codec {
  const codec = byName.get(name);
  if (codec === undefined) throw new Error(`no codec ${name}`);
  return codec;
}

/** Rates that Opus codes at. */
export type OpusRate = 8000 | 12000 | 16000 | 24000 | 48000;
export const isOpusRate = (rate: number): rate is OpusRate => [8000, 12000, 16000, 24000, 48000].includes(rate);

/**
 * Files for ordinary players, made of recorded packets, so that whoever has the packets can make the same bytes again: a WAV of what
 * G.711 and G.722 decode to, an Ogg of Opus packets as they came, all voices mixed. Every decoder runs from a track's first packet on;
 * packets lie where they were recorded, and what is missing is silence.
 */
import { decodeG711, decodeG711Into } from "./g711.ts";
import { createG722Decoder } from "./g722.ts";
import { createOggOpusWriter } from "./ogg-opus.ts";
import { OPUS_RATE_HZ, opusPacketSamples } from "./opus-packet.ts";
import { createResampler } from "./resample.ts";
import { wavHeader } from "./wav.ts";

export interface RecordedPacket {
  /** From the beginning of its second, in samples of the track. */
  readonly offset: number;
  /** 1 PCMU, 2 PCMA, 3 G.722, 4 Opus; others have no sound. */
  readonly codec: number;
  readonly payload: Uint8Array;
}

export interface RecordedSecond {
  readonly second: number;
  readonly packets: readonly RecordedPacket[];
}

export interface RecordedVoice {
  readonly sampleRate: number;
  /** Only this stretch of the track is to be heard. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Of the whole track, in order; asked for anew for each file. */
  seconds(): AsyncIterable<RecordedSecond>;
}

type Bytes = AsyncIterable<Uint8Array>;
type Decode = (payload: Uint8Array) => Int16Array;
/** Makes a decoder that goes on where its last packet ended. There is none in this package. */
export type MakeOpusDecoder = (sampleRate: number) => Decode;

export interface RecordedSound {
  /** Null where there is no decoder for a codec in it. */
  wav(voice: RecordedVoice): Promise<Bytes | null>;
  ogg(voice: RecordedVoice): Promise<Bytes>;
  mixed(voices: readonly RecordedVoice[], span: Span): Promise<Bytes | null>;
  /** Whether the voice is Opus and nothing else: then an Ogg of it needs no decoder and loses nothing. */
  isOpus(voice: RecordedVoice): Promise<boolean>;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const [pcmu, pcma, g722, opus] = [1, 2, 3, 4];
const codecRates = new Map([[pcmu, 8_000], [pcma, 8_000], [g722, 16_000], [opus, OPUS_RATE_HZ]]);

/** What an Opus packet that says nonsense of its length counts for. */
const oddOpusSamples = (OPUS_RATE_HZ * 20) / 1000;

export function createRecordedSound(makeOpusDecoder: MakeOpusDecoder | null): RecordedSound {
  async function codecsOf(voice: RecordedVoice): Promise<Set<number>> {
    const codecs = new Set<number>();
    for await (const { packets } of voice.seconds()) for (const { codec } of packets) if (codecRates.has(codec)) codecs.add(codec);
    return codecs;
  }
  const isHeard = async (voice: RecordedVoice): Promise<boolean> => makeOpusDecoder !== null || !(await codecsOf(voice)).has(opus);

  return {
    wav: async (voice) => ((await isHeard(voice)) ? wavOf(voice.sampleRate, voice, pcmOf(voice, voice, makeOpusDecoder)) : null),
    ogg: async (voice) => oggOf(voice),
    async mixed(voices, span) {
      for (const voice of voices) if (!(await isHeard(voice))) return null;
      const rate = Math.max(8_000, ...voices.map((voice) => voice.sampleRate));
      return wavOf(rate, span, mix(voices.map((voice) => raised(pcmOf(voice, span, makeOpusDecoder), voice.sampleRate, rate)), rate, span));
    },
    async isOpus(voice) {
      const codecs = await codecsOf(voice);
      return codecs.size === 1 && codecs.has(opus);
    },
  };
}

const samples = (ms: number, rate: number): number => Math.round((ms * rate) / 1000);

async function* wavOf(sampleRate: number, { fromMs, toMs }: Span, pcm: AsyncIterable<Int16Array>): AsyncGenerator<Uint8Array> {
  yield wavHeader({ format: "pcm16", channels: 1, sampleRate, samples: samples(toMs, sampleRate) - samples(fromMs, sampleRate) });
  for await (const block of pcm) yield new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
}

/** The voice from `fromMs` to `toMs` in blocks of a second, silent outside of its own stretch. */
async function* pcmOf(voice: RecordedVoice, { fromMs, toMs }: Span, makeOpusDecoder: MakeOpusDecoder | null): AsyncGenerator<Int16Array> {
  const rate = voice.sampleRate;
  const [from, to] = [samples(fromMs, rate), samples(toMs, rate)];
  const [heardFrom, heardTo] = [samples(voice.fromMs, rate), samples(voice.toMs, rate)];
  const decode = createDecoders(rate, makeOpusDecoder);
  /** Two seconds that packets of the next one may reach into, and one more for a packet's own length. */
  const held = new Int16Array(3 * rate);
  let base = from;

  function take(): Int16Array {
    const block = held.slice(0, Math.min(rate, to - base));
    block.fill(0, 0, Math.min(Math.max(heardFrom - base, 0), block.length));
    block.fill(0, Math.min(Math.max(heardTo - base, 0), block.length));
    held.copyWithin(0, rate).fill(0, 2 * rate);
    base += rate;
    return block;
  }

  for await (const { second, packets } of voice.seconds()) {
    while (base < to && base + rate <= second * rate) yield take();
    if (base >= to) return;
    for (const packet of packets) decode(packet, held, second * rate + packet.offset - base);
  }
  while (base < to) yield take();
}

function lay(pcm: Int16Array, at: number, target: Int16Array): void {
  const skip = Math.max(0, -at);
  const length = Math.min(pcm.length - skip, target.length - (at + skip));
  if (length > 0) target.set(pcm.subarray(skip, skip + length), at + skip);
}

type DecodeInto = (packet: RecordedPacket, target: Int16Array, at: number) => void;

/** Lays a packet's sound, as long as it is on the track, at its place in `target`; what lies outside is left out. What cannot be decoded is silence. */
function createDecoders(rate: number, makeOpusDecoder: MakeOpusDecoder | null): DecodeInto {
  const decoders = new Map<number, Decode>();
  function make(codec: number): Decode {
    if (codec === opus) return makeOpusDecoder?.(rate) ?? (() => new Int16Array(0));
    const resampler = createResampler(codecRates.get(codec)!, rate);
    if (codec === g722) {
      const decoder = createG722Decoder();
      return (payload) => resampler.push(decoder.decode(payload));
    }
    return (payload) => resampler.push(decodeG711(codec === pcmu ? "PCMU" : "PCMA", payload));
  }
  return ({ codec, payload }, target, at) => {
    const codecRate = codecRates.get(codec);
    if (codecRate === undefined) return;
    // Most of what was ever recorded: G.711 at its own rate remembers nothing.
    if (codecRate === rate && (codec === pcmu || codec === pcma) && at >= 0) {
      decodeG711Into(codec === pcmu ? "PCMU" : "PCMA", payload, target, at);
      return;
    }
    const decoder = decoders.get(codec) ?? make(codec);
    decoders.set(codec, decoder);
    const own = codec === opus ? opusPacketSamples(payload) || oddOpusSamples : codec === g722 ? payload.length * 2 : payload.length;
    const pcm = new Int16Array(Math.floor((own * rate) / codecRate));
    pcm.set(decodedOrNothing(decoder, payload).subarray(0, pcm.length));
    lay(pcm, at, target);
  };
}

function decodedOrNothing(decode: Decode, payload: Uint8Array): Int16Array {
  try {
    return decode(payload);
  } catch {
    return new Int16Array(0);
  }
}

async function* raised(blocks: AsyncIterable<Int16Array>, from: number, to: number): AsyncGenerator<Int16Array> {
  const resampler = createResampler(from, to);
  for await (const block of blocks) yield resampler.push(block);
}

async function* mix(voices: readonly AsyncGenerator<Int16Array>[], rate: number, { fromMs, toMs }: Span): AsyncGenerator<Int16Array> {
  for (let left = samples(toMs, rate) - samples(fromMs, rate); left > 0; left -= rate) {
    const sum = new Int32Array(Math.min(rate, left));
    const blocks = await Promise.all(voices.map(async (voice) => (await voice.next()).value as Int16Array | undefined));
    for (const block of blocks) if (block !== undefined) add(block, sum);
    yield clipped(sum);
  }
}

function add(block: Int16Array, sum: Int32Array): void {
  const length = Math.min(block.length, sum.length);
  for (let at = 0; at < length; at += 1) sum[at]! += block[at]!;
}

function clipped(sum: Int32Array): Int16Array {
  const pcm = new Int16Array(sum.length);
  for (let at = 0; at < sum.length; at += 1) {
    const level = sum[at]!;
    pcm[at] = level > 32_767 ? 32_767 : level < -32_768 ? -32_768 : level;
  }
  return pcm;
}

/** A packet of nothing but its first byte says that nothing was sent: 20 ms and 2.5 ms of it fill what is missing. */
const fillers = [
  { packet: Uint8Array.of(31 << 3), samples: 960 },
  { packet: Uint8Array.of(28 << 3), samples: 120 },
] as const;
const stereo = 0x04;

async function* oggOf(voice: RecordedVoice): AsyncGenerator<Uint8Array> {
  const { sampleRate } = voice;
  const factor = OPUS_RATE_HZ / sampleRate;
  const [from, to] = [samples(voice.fromMs, OPUS_RATE_HZ), samples(voice.toMs, OPUS_RATE_HZ)];
  let channels: 1 | 2 = 1;
  for await (const packet of opusPackets(voice)) if ((packet.payload[0]! & stereo) !== 0) channels = 2;
  const writer = createOggOpusWriter({ serial: 1, channels, inputSampleRate: OPUS_RATE_HZ, preSkip: 0 });
  yield writer.header;
  let at = from;
  function* fill(until: number): Generator<Uint8Array> {
    for (const filler of fillers) {
      for (; at + filler.samples <= until; at += filler.samples) {
        const page = writer.write(filler.packet);
        if (page.length > 0) yield page;
      }
    }
  }
  for await (const { second, offset, payload } of opusPackets(voice)) {
    const begins = Math.round((second * sampleRate + offset) * factor);
    if (begins < from || begins >= to) continue;
    yield* fill(begins);
    const page = writer.write(payload);
    if (page.length > 0) yield page;
    at += opusPacketSamples(payload);
  }
  yield* fill(to);
  yield writer.end(to - from);
}

async function* opusPackets(voice: RecordedVoice): AsyncGenerator<RecordedPacket & { readonly second: number }> {
  for await (const { second, packets } of voice.seconds()) {
    for (const packet of packets) if (packet.codec === opus && opusPacketSamples(packet.payload) > 0) yield { ...packet, second };
  }
}

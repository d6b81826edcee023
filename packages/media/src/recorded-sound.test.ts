import { describe, expect, test } from "vitest";
import { createRecordedSound, createResampler, decodeG711, encodeG711, OPUS_RATE_HZ, parseOggOpus, parseWavHeader, type RecordedPacket, type RecordedSecond, type RecordedVoice } from "./index.ts";

const sound = createRecordedSound(null);
const tone = (length: number, hz: number, rate = 8_000): Int16Array => Int16Array.from({ length }, (_, at) => Math.round(9_000 * Math.sin((2 * Math.PI * hz * at) / rate)));
const voiceOf = (seconds: readonly RecordedSecond[], span: { fromMs: number; toMs: number }, sampleRate = 8_000): RecordedVoice => ({
  sampleRate,
  ...span,
  async *seconds() {
    yield* seconds;
  },
});
async function bytesOf(stream: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream!) parts.push(part);
  return Buffer.concat(parts);
}
function samplesOf(wav: Buffer): Int16Array {
  const header = parseWavHeader(wav);
  if (!header.ok) throw new Error("no WAV");
  expect(header.value.dataBytes).toBe(wav.length - header.value.dataOffset);
  return Int16Array.from({ length: header.value.dataBytes / 2 }, (_, at) => wav.readInt16LE(header.value.dataOffset + 2 * at));
}
const pcmu = (offset: number, pcm: Int16Array): RecordedPacket => ({ offset, codec: 1, payload: encodeG711("PCMU", pcm) });

describe("files made of recorded packets", () => {
  test("CAP-70 a packet is heard where it was recorded, what is missing is silence, a packet may reach into the next second", async () => {
    const one = tone(160, 440);
    const seconds = [
      { second: 0, packets: [pcmu(0, one), pcmu(7_920, one)] },
      { second: 2, packets: [pcmu(80, one), { offset: 0, codec: 0, payload: Uint8Array.of(0, 0, 0, 80) }, { offset: 0, codec: 16, payload: Uint8Array.of(1, 0, 100) }, { offset: 0, codec: 99, payload: one as never }] },
    ];
    const heard = samplesOf(await bytesOf(await sound.wav(voiceOf(seconds, { fromMs: 0, toMs: 3_000 }))));
    const expected = new Int16Array(24_000);
    const decoded = decodeG711("PCMU", encodeG711("PCMU", one));
    for (const at of [0, 7_920, 16_080]) expected.set(decoded, at);
    expect(heard).toEqual(expected);
    // A stretch of it is the same stretch.
    expect(samplesOf(await bytesOf(await sound.wav(voiceOf(seconds, { fromMs: 991, toMs: 2_013 }))))).toEqual(expected.slice(7_928, 16_104));
  });

  test("G.722 and G.711 in one track, and a rate above both", async () => {
    const g722 = { offset: 0, codec: 3, payload: Uint8Array.from({ length: 160 }, (_, at) => (at * 37) & 0xff) };
    const heard = samplesOf(await bytesOf(await sound.wav(voiceOf([{ second: 0, packets: [g722, pcmu(8_000, tone(160, 300))] }], { fromMs: 0, toMs: 1_000 }, 16_000))));
    expect(heard).toHaveLength(16_000);
    expect(heard.subarray(0, 320).some((sample) => sample !== 0)).toBe(true);
    expect(heard.subarray(320, 8_000).every((sample) => sample === 0)).toBe(true);
    expect(heard.slice(8_000, 8_320)).toEqual(createResampler(8_000, 16_000).push(decodeG711("PCMU", encodeG711("PCMU", tone(160, 300)))));
  });

  test("CAP-70 all voices mixed: sums that stop at the loudest, each silent outside of its own stretch", async () => {
    const loud = new Int16Array(8_000).fill(30_000);
    const voice = (fromMs: number, toMs: number) => voiceOf([{ second: 0, packets: [pcmu(0, loud)] }], { fromMs, toMs });
    const level = decodeG711("PCMU", encodeG711("PCMU", Int16Array.of(30_000)))[0]!;
    const heard = samplesOf(await bytesOf(await sound.mixed([voice(0, 1_000), voice(250, 500)], { fromMs: 0, toMs: 1_000 })));
    expect([heard[0], heard[1_999], heard[2_000], heard[3_999], heard[4_000], heard[7_999]]).toEqual([level, level, 32_767, 32_767, level, level]);
    expect(samplesOf(await bytesOf(await sound.mixed([], { fromMs: 0, toMs: 20 })))).toEqual(new Int16Array(160));
    const wide = samplesOf(await bytesOf(await sound.mixed([voice(0, 1_000), voiceOf([], { fromMs: 0, toMs: 1_000 }, 16_000)], { fromMs: 0, toMs: 1_000 })));
    expect(wide).toHaveLength(16_000);
  });

  test("Opus goes into an Ogg as it came; time without packets is time in the file", async () => {
    const packet = (first: number): Uint8Array => Uint8Array.of(31 << 3, first, 2, 3);
    const seconds = [
      { second: 0, packets: [{ offset: 4_800, codec: 4, payload: packet(1) }, { offset: 5_760, codec: 4, payload: packet(2) }] },
      { second: 1, packets: [{ offset: 0, codec: 4, payload: packet(3) }, { offset: 960, codec: 4, payload: new Uint8Array(0) }] },
    ];
    const voice = voiceOf(seconds, { fromMs: 0, toMs: 2_000 }, OPUS_RATE_HZ);
    expect(await sound.isOpus(voice)).toBe(true);
    expect(await sound.wav(voice)).toBeNull();
    expect(await sound.mixed([voice], { fromMs: 0, toMs: 2_000 })).toBeNull();
    const file = parseOggOpus(await bytesOf(await sound.ogg(voice)));
    if (!file.ok) throw new Error("no Ogg");
    expect(file.value.totalSamples).toBe(2 * OPUS_RATE_HZ);
    const ours = file.value.packets.filter(({ data }) => data.length > 1);
    expect(ours.map(({ data, fromSample }) => [data[1], fromSample])).toEqual([[1, 4_800], [2, 5_760], [3, 48_000]]);
    expect(await sound.isOpus(voiceOf([{ second: 0, packets: [pcmu(0, tone(160, 1)), { offset: 0, codec: 4, payload: packet(1) }] }], { fromMs: 0, toMs: 1 }))).toBe(false);
  });

  test("with a decoder, Opus is heard too; one that fails makes silence", async () => {
    const voice = voiceOf([{ second: 0, packets: [{ offset: 0, codec: 4, payload: Uint8Array.of(31 << 3, 1) }] }], { fromMs: 0, toMs: 20 }, OPUS_RATE_HZ);
    const deaf = createRecordedSound(() => () => new Int16Array(960).fill(5));
    expect(samplesOf(await bytesOf(await deaf.wav(voice)))).toEqual(new Int16Array(960).fill(5));
    const broken = createRecordedSound(() => () => {
      throw new Error("no Opus");
    });
    expect(samplesOf(await bytesOf(await broken.wav(voice)))).toEqual(new Int16Array(960));
  });
});

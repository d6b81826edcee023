import { createG722Decoder, createOggOpusWriter, findOpusPage, opusPacketSamples, parseOggOpus, parseWavHeader, wavHeader } from "@earwitness/media";
import { demand, demandSameAnywhere, harness, hex, refused, sayAll, taken } from "../harness.ts";
import type { Verdict } from "../harness.ts";

function oggFile(packets: number, bytesEach: number): Uint8Array {
  const writer = createOggOpusWriter({ serial: 7, channels: 1, inputSampleRate: 16_000, preSkip: 312, comments: ["TITLE=a"] });
  const parts = [writer.header];
  // TOC 0x48: SILK, 20 ms, mono, one frame.
  for (let count = 0; count < packets; count += 1) parts.push(writer.write(new Uint8Array(bytesEach).fill(0x48, 0, 1)));
  parts.push(writer.end(packets * 960 - 400));
  return new Uint8Array(Buffer.concat(parts));
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  return crc >>> 0;
});

/** Right checksums for every page that is whole, so that what is in them is looked at. */
function repairOgg(input: Uint8Array): Uint8Array {
  const fixed = input.slice();
  for (let at = fixed.indexOf(0x4f); at >= 0 && at + 27 <= fixed.length; at = fixed.indexOf(0x4f, at + 1)) {
    if (fixed[at + 1] !== 0x67 || fixed[at + 2] !== 0x67 || fixed[at + 3] !== 0x53) continue;
    const segments = fixed[at + 26]!;
    const length = 27 + segments + fixed.subarray(at + 27, at + 27 + segments).reduce((sum, size) => sum + size, 0);
    if (at + length > fixed.length) continue;
    fixed.fill(0, at + 22, at + 26);
    let crc = 0;
    for (let index = at; index < at + length; index += 1) crc = (crc << 8) ^ crcTable[((crc >>> 24) ^ fixed[index]!) & 0xff]!;
    new DataView(fixed.buffer).setUint32(at + 22, crc >>> 0, true);
  }
  return fixed;
}

function runOgg(input: Uint8Array): Verdict {
  const result = parseOggOpus(input);
  demandSameAnywhere(input, parseOggOpus);
  if (!result.ok) return "refused";
  const file = result.value;
  demand(file.skippedBytes >= 0 && file.skippedBytes <= input.length && file.totalSamples >= 0, "figures are inside the file");
  demand(file.packets.reduce((sum, { data }) => sum + data.length, 0) <= input.length, "no byte is in two packets");
  let position = 0;
  for (const packet of file.packets) {
    demand(packet.fromSample >= position && Number.isSafeInteger(packet.fromSample), "packets lie one behind the other");
    demand(packet.samples > 0 && packet.samples === opusPacketSamples(packet.data), "a packet is as long as it says");
    position = packet.fromSample + packet.samples;
  }
  for (const page of file.pages) {
    demand(page.offset >= 0 && page.length > 0 && page.offset + page.length <= input.length && file.packets[page.firstPacket] !== undefined, "a page lies in the file and begins a packet");
    const found = findOpusPage(file.pages, page.fromSample);
    demand(found !== null && found.fromSample <= page.fromSample, "a seek does not go past what is looked for");
  }
  const writable = file.packets.filter(({ data }) => data.length < 255 * 254);
  const writer = createOggOpusWriter({ serial: 1, channels: 1, inputSampleRate: 8_000, preSkip: 0 });
  const written = Buffer.concat([writer.header, ...writable.map(({ data }) => writer.write(data)), writer.end()]);
  const again = parseOggOpus(new Uint8Array(written));
  demand(again.ok && again.value.skippedBytes === 0 && sayAll(again.value.packets.map(({ data }) => data)) === sayAll(writable.map(({ data }) => data)), "packets survive writing");
  return "taken";
}

export const oggOpus = harness({
  name: "ogg-opus",
  run: runOgg,
  alone: parseOggOpus,
  repair: repairOgg,
  words: ["OggS", "OpusHead", "OpusTags"],
  maxBytes: 48 * 1024,
  seeds: [
    taken("two seconds", oggFile(100, 30)),
    taken("packets over several segments", oggFile(6, 1_000)),
    taken("cut short", oggFile(60, 40).subarray(0, 1_500)),
    taken("noise before it", new Uint8Array(Buffer.concat([Buffer.from("OgOggOggS noise"), oggFile(3, 20)]))),
    refused("no Ogg", hex("00010203")),
    refused("a wrong checksum", oggFile(2, 20).fill(1, 22, 23)),
    refused("nothing", hex("")),
  ],
});

function runPacket(input: Uint8Array): Verdict {
  const samples = opusPacketSamples(input);
  demandSameAnywhere(input, opusPacketSamples);
  demand(Number.isInteger(samples) && samples >= 0 && samples <= 5_760 && samples % 120 === 0, "an Opus packet lasts 2.5 to 120 ms");
  return samples > 0 ? "taken" : "refused";
}

export const opusPacket = harness({
  name: "opus-packet",
  run: runPacket,
  words: [],
  maxBytes: 2_048,
  seeds: [taken("20 ms", hex("48 00")), taken("two frames", hex("49 00 00")), taken("three by count", hex("4b 03 00")), refused("no frame", hex("4b 00")), refused("over 120 ms", hex("1b 3f")), refused("nothing", hex(""))],
});

const wavFile = (channels: number): Uint8Array => new Uint8Array(Buffer.concat([wavHeader({ format: channels === 1 ? "pcma" : "pcm16", channels, sampleRate: 8_000, samples: 4 }), Buffer.alloc(8 * channels)]));
const riff = (...chunks: readonly string[]): Uint8Array => hex(`52494646 ffffffff 57415645 ${chunks.join("")}`);

function runWav(input: Uint8Array): Verdict {
  const result = parseWavHeader(input);
  demandSameAnywhere(input, parseWavHeader);
  if (!result.ok) return "refused";
  const { format, channels, sampleRate, dataOffset, dataBytes } = result.value;
  demand(dataOffset <= input.length && channels > 0 && channels <= 0xffff && dataBytes <= 0xffff_ffff, "the samples begin inside the file");
  // 8 channels and more make frames whose size does not fit the header's 16 bits.
  if (channels > 8) return "taken";
  const again = parseWavHeader(wavHeader({ format, channels, sampleRate, samples: 1 }));
  demand(again.ok && again.value.format === format && again.value.channels === channels && again.value.sampleRate === sampleRate, "a header survives writing");
  return "taken";
}

export const wav = harness({
  name: "wav",
  run: runWav,
  words: ["RIFF", "WAVE", "fmt ", "data", "LIST"],
  maxBytes: 4_096,
  seeds: [
    taken("one channel", wavFile(1)),
    taken("extensible", wavFile(4)),
    taken("another chunk before", riff("4c495354 03000000 61626300", "666d7420 10000000 0100 0100 401f0000 803e0000 0200 1000", "64617461 00000000")),
    refused("no format", riff("64617461 00000000")),
    refused("a format past the end", riff("666d7420 ffffffff 0100")),
    refused("24 bits", riff("666d7420 10000000 0100 0100 401f0000 803e0000 0300 1800", "64617461 00000000")),
    refused("nothing", hex("")),
  ],
});

/** A decoder has a state that hostile bytes drive as far as it goes; how the stream was cut into packets must not matter to it. */
function runG722(input: Uint8Array): Verdict {
  const whole = createG722Decoder().decode(input);
  const pieces = createG722Decoder();
  const cut = input.length >> 1;
  const [before, after] = [pieces.decode(input.subarray(0, cut)), pieces.decode(input.subarray(cut))];
  demand(whole.length === 2 * input.length, "each byte is two samples");
  demand(sayAll([...whole]) === sayAll([...before, ...after]), "a stream decodes the same however it is cut");
  return input.length > 0 ? "taken" : "refused";
}

export const g722 = harness({
  name: "g722",
  run: runG722,
  alone: (input) => createG722Decoder().decode(input),
  words: [],
  maxBytes: 4_096,
  seeds: [taken("silence", new Uint8Array(160).fill(0xfa)), taken("loud", Uint8Array.from({ length: 160 }, (_, at) => (at % 2 === 0 ? 0x3f : 0xc0))), refused("nothing", hex(""))],
});

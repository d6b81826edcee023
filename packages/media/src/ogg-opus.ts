/** Ogg Opus (RFC 7845): one stream per file, written page by page, read whole. */
import { buildOggPage, MAX_SEGMENTS, readOggPages, segmentsOf } from "./ogg-page.ts";
import { OPUS_RATE_HZ, opusPacketSamples } from "./opus-packet.ts";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

export interface OggOpusOptions {
  /** Tells streams of one file apart; any 32-bit number. */
  readonly serial: number;
  readonly channels: 1 | 2;
  /** Of the audio that was encoded; only told, never used in decoding. */
  readonly inputSampleRate: number;
  /** 48 kHz samples that the decoder throws away at the beginning: the encoder's look-ahead. */
  readonly preSkip: number;
  readonly vendor?: string;
  /** `NAME=value` each. */
  readonly comments?: readonly string[];
}

export interface OggOpusWriter {
  /** OpusHead and OpusTags, to be written first. */
  readonly header: Uint8Array;
  /** Answers the bytes that are complete now, often none. Throws RangeError for what is no Opus packet. */
  write(packet: Uint8Array): Uint8Array;
  /**
   * The last page. `totalSamples` (48 kHz, without pre-skip) cuts the end of the last packet off where the audio does not
   * fill it.
   */
  end(totalSamples?: number): Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** One second: what a seek has to read at most before it is where it wants to be. */
const PAGE_SAMPLES = OPUS_RATE_HZ;

export function createOggOpusWriter(options: OggOpusOptions): OggOpusWriter {
  const { serial } = options;
  let sequence = 2;
  let granule = 0;
  let ended = false;
  let packets: Uint8Array[] = [];
  let segments = 0;
  let samples = 0;

  function takePage(last: boolean, granuleAtEnd: number): Uint8Array {
    const page = buildOggPage({ serial, sequence, granule: granuleAtEnd, last, packets });
    sequence += 1;
    packets = [];
    segments = 0;
    samples = 0;
    return page;
  }

  return {
    header: joinBytes([
      buildOggPage({ serial, sequence: 0, granule: 0, first: true, packets: [buildHead(options)] }),
      buildOggPage({ serial, sequence: 1, granule: 0, packets: [buildTags(options)] }),
    ]),
    write(packet) {
      const duration = opusPacketSamples(packet);
      if (duration === 0 || segmentsOf(packet) > MAX_SEGMENTS) throw new RangeError("not an Opus packet");
      if (ended) throw new RangeError("the stream has ended");
      // A full page waits for the packet after it, so that the last page always has something to carry its mark.
      const full = samples + duration > PAGE_SAMPLES || segments + segmentsOf(packet) > MAX_SEGMENTS;
      const bytes = full && packets.length > 0 ? takePage(false, granule) : NOTHING;
      packets.push(packet);
      segments += segmentsOf(packet);
      samples += duration;
      granule += duration;
      return bytes;
    },
    end(totalSamples) {
      if (ended) return NOTHING;
      ended = true;
      const trimmed = totalSamples === undefined ? granule : options.preSkip + totalSamples;
      // Only the last packets may be cut: not below where the page began (RFC 7845 4.4).
      return takePage(true, Math.max(granule - samples, Math.min(granule, trimmed)));
    },
  };
}

function buildHead({ channels, preSkip, inputSampleRate }: OggOpusOptions): Uint8Array {
  const bytes = new Uint8Array(19);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("OpusHead"));
  view.setUint8(8, 1);
  view.setUint8(9, channels);
  view.setUint16(10, preSkip, true);
  view.setUint32(12, inputSampleRate, true);
  return bytes; // output gain 0, mapping family 0
}

function buildTags({ vendor = "Earwitness", comments = [] }: OggOpusOptions): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [encoder.encode("OpusTags")];
  const addText = (text: string): void => void parts.push(uint32(encoder.encode(text).length), encoder.encode(text));
  addText(vendor);
  parts.push(uint32(comments.length));
  for (const comment of comments) addText(comment);
  return joinBytes(parts);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export interface OpusPacket {
  readonly data: Uint8Array;
  /** Where it begins, in 48 kHz samples of the decoder's output, pre-skip included. */
  readonly fromSample: number;
  readonly samples: number;
}

/** One page with audio: where it lies in the file, and which packet begins in it first. */
export interface OpusPage {
  readonly offset: number;
  readonly length: number;
  readonly firstPacket: number;
  /** Where that packet begins. */
  readonly fromSample: number;
}

export interface OggOpusFile {
  readonly channels: number;
  readonly preSkip: number;
  readonly inputSampleRate: number;
  /** 48 kHz samples to be heard: without pre-skip, cut where the last page says so. */
  readonly totalSamples: number;
  readonly packets: readonly OpusPacket[];
  readonly pages: readonly OpusPage[];
  /** Bytes that belong to no whole page: damage, or a file that was cut. */
  readonly skippedBytes: number;
}

/** The first Opus stream of a file; pages of other streams are passed over. */
export function parseOggOpus(bytes: Uint8Array): Parsed<OggOpusFile> {
  const { pages: allPages, skippedBytes } = readOggPages(bytes);
  const firstPage = allPages.find((page) => page.first && readHead(page.packets[0] ?? NOTHING) !== null);
  const head = readHead(firstPage?.packets[0] ?? NOTHING);
  if (firstPage === undefined || head === null) return refused("not an Ogg Opus file");

  const packets: OpusPacket[] = [];
  const pages: OpusPage[] = [];
  let position = 0;
  let end = 0;
  let pending: Uint8Array[] = [];
  let tagsRead = false;
  for (const page of allPages) {
    if (page.serial !== firstPage.serial || page === firstPage) continue;
    if (!page.continued) pending = [];
    const firstPacket = packets.length;
    const begin = position;
    for (const [index, piece] of page.packets.entries()) {
      const orphan = index === 0 && page.continued && pending.length === 0; // its beginning was lost
      if (orphan && !(page.unfinished && page.packets.length === 1)) continue;
      pending.push(piece);
      if (page.unfinished && index === page.packets.length - 1) break;
      const data = pending.length === 1 ? piece : joinBytes(pending);
      pending = [];
      if (!tagsRead) {
        tagsRead = true;
        continue;
      }
      const samples = opusPacketSamples(data);
      if (samples === 0) continue;
      packets.push({ data, fromSample: position, samples });
      position += samples;
    }
    // A page before this one is lost: the granule position says how far on this one really is.
    const lost = page.last ? 0 : Math.max(0, (page.granule ?? 0) - position);
    if (lost > 0 && packets.length > firstPacket) {
      for (const [index, packet] of packets.slice(firstPacket).entries()) {
        packets[firstPacket + index] = { ...packet, fromSample: packet.fromSample + lost };
      }
      position += lost;
    }
    if (packets.length > firstPacket) pages.push({ offset: page.offset, length: page.length, firstPacket, fromSample: begin + lost });
    end = page.last && page.granule !== null ? Math.min(page.granule, position) : position;
  }
  return parsed({ ...head, totalSamples: Math.max(0, end - head.preSkip), packets, pages, skippedBytes });
}

function readHead(packet: Uint8Array): Pick<OggOpusFile, "channels" | "preSkip" | "inputSampleRate"> | null {
  if (packet.length < 19 || new TextDecoder().decode(packet.subarray(0, 8)) !== "OpusHead") return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  // The upper half of the version is the incompatible one.
  if (view.getUint8(8) >> 4 !== 0 || view.getUint8(9) === 0) return null;
  return { channels: view.getUint8(9), preSkip: view.getUint16(10, true), inputSampleRate: view.getUint32(12, true) };
}

/** The page to begin decoding with in order to hear `sample` (48 kHz, pre-skip included): null before any audio. */
export function findOpusPage(pages: readonly OpusPage[], sample: number): OpusPage | null {
  let low = 0;
  let high = pages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pages[middle] as OpusPage).fromSample <= sample) low = middle + 1;
    else high = middle;
  }
  return pages[low - 1] ?? pages[0] ?? null;
}

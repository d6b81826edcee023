/**
 * What is known of a track besides its audio: codec, extent, loss, speech, peaks, gaps. Fed second by second while the call
 * runs, so that the end of a call costs nothing; fed by recovery from pieces with the same result.
 */
import type { Gap } from "@earwitness/contract";
import { createSpeechDetector, decodeG711Into, isOpusPacket, type SpeechPart } from "@earwitness/media";
import { codecById, isG711, keyPressEntry, lostEntry } from "./codecs.ts";
import { mergeGaps } from "./merge-gaps.ts";
import { entryHead, keyOf, readPress, samplesOf, type LoggedPress, type LogEntry } from "./packet-log.ts";
import { copyInto, createTrackDecoder } from "./pcm.ts";
import { createSpanList, type SpanPart } from "./span-list.ts";
import type { TrackState } from "./recording-state.ts";
import type { KeyPress, TrackSummary } from "./media.ts";

export interface TrackAnalysis {
  /** The settled entries of one second; seconds come in rising order and may be left out. */
  add(second: number, entries: readonly LogEntry[]): void;
  /** The same of a settled packet log that counts from the second's first sample; of speech in G.711 without an object for each packet. */
  addLog(second: number, log: Buffer): void;
  readonly endMs: number;
  /** `untilMs`: end of the recording, where an open sending span ends. */
  summary(state: TrackState, untilMs: number): Omit<TrackSummary, "merkleRoot" | "chunks">;
  /** What is known now beyond what the parts before told of; sealed with a piece, so that nobody has to decode its seconds again. */
  takePart(): AnalysisPart;
  /** Goes on behind a part that was taken, in the order in which they were. False: this version makes nothing of it, and nothing is changed. */
  takeUp(part: AnalysisPart): boolean;
}

/** Lists hold what came since the part before; everything else is as it stands. */
export interface AnalysisPart {
  readonly version: typeof partVersion;
  readonly codecs: readonly string[];
  readonly codec: string;
  readonly first: number;
  readonly end: number;
  readonly packets: number;
  readonly undecodable: number;
  readonly packetSamples: number;
  readonly lostSamples: number;
  readonly losses: SpanPart;
  readonly unheard: SpanPart;
  readonly wire: SpanPart;
  readonly presses: readonly LoggedPress[];
  /** Base64 of its samples. */
  readonly carried: { readonly atSample: number; readonly pcm: string } | null;
  /** Of the detector; peaks in base64. */
  readonly speech: Omit<SpeechPart, "peaks"> & { readonly peaks: string };
}

/** Rises when a part means something else: then pieces of before are decoded. */
const partVersion = 1;

/** A sender that sends nothing for this long is missing, not pausing. */
const noMediaMs = 2_000;

/** Who speaks when, and how loud, is told at the lowest rate: a stream that was only offered a wider codec costs no more than others, and nothing is to be heard here. */
const heardRate = 8_000;

type Span = { readonly from: number; readonly to: number };

/** A second of sound while it is looked at; one for all tracks of the thread. */
const heard = new Int16Array(heardRate);

export function createTrackAnalysis(sampleRate: number): TrackAnalysis {
  const speech = createSpeechDetector({ sampleRate: heardRate });
  const factor = sampleRate / heardRate;
  const noMediaSamples = (noMediaMs * sampleRate) / 1000;
  const codecs = new Set<string>();
  /** Of the last packet. */
  let codec = "";
  let first = -1;
  let end = 0;
  let packets = 0;
  let undecodable = 0;
  let packetSamples = 0;
  let lostSamples = 0;
  const losses = createSpanList();
  const unheard = createSpanList();
  /** Where anything came, or is known to have been lost; shorter silences on the wire are joined. */
  const wire = createSpanList();
  const decoder = createTrackDecoder(heardRate);
  /** Sound of the packet that runs over into the next second. */
  let carried: { readonly atSample: number; readonly pcm: Int16Array } | null = null;
  const presses = new Map<string, LoggedPress>();
  const untoldPresses = new Set<string>();
  const ms = (samples: number): number => (samples * 1000) / sampleRate;

  function notePress(press: LoggedPress): void {
    const name = `${press.fromSample}/${press.event}`;
    const known = presses.get(name);
    if (known !== undefined && known.durationMs >= press.durationMs) return;
    presses.set(name, press);
    untoldPresses.add(name);
  }

  function noteSound(name: string | undefined, from: number, to: number): void {
    if (name !== undefined && name !== codec) codecs.add((codec = name));
    packets += 1;
    packetSamples = to - from;
    if (first < 0) first = from;
    if (to > end) end = to;
  }

  function note(entry: LogEntry): void {
    const from = entry.atSample;
    const to = from + samplesOf(entry, sampleRate);
    if (entry.codec === keyPressEntry) {
      const press = readPress(entry);
      notePress(press);
      wire.join(press.fromSample, Math.max(to, press.fromSample + (press.durationMs * sampleRate) / 1000), noMediaSamples);
      return;
    }
    if (entry.codec === lostEntry) {
      lostSamples += to - from;
      losses.join(from, to, 0);
    } else {
      const name = codecById(entry.codec)?.name;
      noteSound(name, from, to);
      if (name === "OPUS" && !isOpusPacket(entry.payload)) {
        undecodable += 1;
        unheard.join(from, to, 0);
      }
    }
    wire.join(from, to, noMediaSamples);
  }

  /** The second's sound, which `hear` adds to and `heardAll` gives to speech and peaks. */
  function beginSecond(from: number): void {
    heard.fill(0);
    if (carried !== null) copyInto(carried.pcm, carried.atSample, heard, from);
    carried = null;
  }

  function hear(told: LogEntry, from: number): void {
    const entry = factor === 1 ? told : { ...told, atSample: Math.floor(told.atSample / factor) };
    const runsOver = entry.codec !== lostEntry && entry.atSample + samplesOf(entry, heardRate) > from + heardRate;
    if (!runsOver) decoder.decodeInto(entry, heard, from);
    else {
      const sound = decoder.decode(entry);
      if (sound === null) return;
      copyInto(sound, entry.atSample, heard, from);
      carried = { atSample: entry.atSample, pcm: sound };
    }
  }

  function heardAll(from: number): void {
    if (first < 0) return;
    // Of the first and the last second only what is really there.
    const soundFrom = Math.max(from, Math.floor(first / factor));
    speech.push(heard.subarray(soundFrom - from, Math.max(0, Math.ceil(end / factor) - from)), soundFrom);
  }

  return {
    add(second, entries) {
      const from = second * heardRate;
      beginSecond(from);
      for (const entry of entries) {
        note(entry);
        hear(entry, from);
      }
      heardAll(from);
    },
    addLog(second, log) {
      const from = second * heardRate;
      const baseSample = second * sampleRate;
      beginSecond(from);
      for (let at = 0; at < log.length; ) {
        const offset = log.readUInt32BE(at);
        const id = log[at + 4]!;
        const payloadAt = at + entryHead;
        const next = payloadAt + log.readUInt16BE(at + 5);
        const known = codecById(id);
        if (factor === 1 && known !== undefined && isG711(known) && offset + next - payloadAt <= heardRate) {
          const to = baseSample + offset + next - payloadAt;
          noteSound(known.name, baseSample + offset, to);
          wire.join(baseSample + offset, to, noMediaSamples);
          decodeG711Into(known.name, log, heard, offset, payloadAt, next);
        } else {
          const entry = { atSample: baseSample + offset, codec: id, payload: log.subarray(payloadAt, next) };
          note(entry);
          hear(entry, from);
        }
        at = next;
      }
      heardAll(from);
    },
    get endMs() {
      return Math.ceil(ms(end));
    },
    summary(state, untilMs) {
      const offsetMs = first < 0 ? 0 : Math.floor(ms(first));
      const gapsOf = (spans: readonly Span[], reason: Gap["reason"]): Gap[] => spans.map(({ from, to }) => gapOf(reason)({ from: ms(from), to: ms(to) }));
      // Loss that showed when its second was sealed already is no entry of the log.
      const lostLate = state.gaps.filter(({ reason }) => reason === "loss");
      const logged = losses.all.map(({ from, to }) => ({ from: ms(from), to: ms(to) }));
      const lostLateMs = lostLate.flatMap(({ fromMs, toMs }) => without({ from: fromMs, to: toMs }, logged)).reduce((sum, { from, to }) => sum + to - from, 0);
      const onWire = wire.all.map((span) => ({ from: ms(span.from), to: ms(span.to) }));
      // What the sender left out on purpose (comfort noise, discontinuous transmission) is silence, not missing.
      const quiet = (state.quiet ?? []).map(({ fromMs, toMs }) => ({ from: fromMs, to: toMs ?? Math.max(fromMs, untilMs) }));
      const known = state.gaps.filter(({ reason }) => reason === "late" || reason === "loss").map(({ fromMs, toMs }) => ({ from: fromMs, to: toMs }));
      const silent = state.sending
        .flatMap(({ fromMs, toMs }) => without({ from: fromMs, to: toMs ?? untilMs }, onWire))
        .flatMap((span) => without(span, quiet))
        .flatMap((span) => without(span, known));
      // Where packets came all the while that no key fitted, audio was there and could not be decrypted. A few are anybody's.
      const refused = (state.refused ?? []).map(({ fromMs, toMs }) => ({ from: fromMs, to: toMs }));
      const undecrypted = silent.flatMap((span) => within(span, refused)).filter(isLong);
      const noMedia = silent.flatMap((span) => without(span, undecrypted)).filter(isLong);
      return {
        track: state.track,
        codec: [...codecs].join(", "),
        sampleRate,
        offsetMs,
        durationMs: first < 0 ? 0 : Math.ceil(ms(end)) - offsetMs,
        packets,
        packetsLost: packetSamples === 0 ? 0 : Math.round((lostSamples + (lostLateMs * sampleRate) / 1000) / packetSamples),
        packetsUndecodable: undecodable,
        speech: speech.segments(),
        gaps: [...mergeGaps([...gapsOf(losses.all, "loss"), ...lostLate]), ...gapsOf(unheard.all, "undecodable"), ...noMedia.map(gapOf("no_media")), ...undecrypted.map(gapOf("decrypt")), ...state.gaps.filter(({ reason }) => reason !== "loss")].toSorted((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs),
        peaks: speech.peaks(),
        keyPresses: keyPressesOf(presses.values(), ms),
      };
    },
    takePart() {
      const { peaks, ...heardSoFar } = speech.takePart();
      const told = [...untoldPresses].map((name) => presses.get(name)!);
      untoldPresses.clear();
      return {
        version: partVersion,
        codecs: [...codecs],
        codec,
        first,
        end,
        packets,
        undecodable,
        packetSamples,
        lostSamples,
        losses: losses.takePart(),
        unheard: unheard.takePart(),
        wire: wire.takePart(),
        presses: told,
        carried: carried && { atSample: carried.atSample, pcm: toBase64(carried.pcm) },
        speech: { ...heardSoFar, peaks: toBase64(peaks) },
      };
    },
    takeUp(part) {
      if (part.version !== partVersion) return false;
      for (const name of part.codecs) codecs.add(name);
      ({ codec, first, end, packets, undecodable, packetSamples, lostSamples } = part);
      losses.takeUp(part.losses);
      unheard.takeUp(part.unheard);
      wire.takeUp(part.wire);
      for (const press of part.presses) notePress(press);
      untoldPresses.clear();
      carried = part.carried && { atSample: part.carried.atSample, pcm: samplesFrom(part.carried.pcm) };
      speech.takeUp({ ...part.speech, peaks: Buffer.from(part.speech.peaks, "base64") });
      return true;
    },
  };
}

const toBase64 = (values: Uint8Array | Int16Array): string => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");

function samplesFrom(text: string): Int16Array {
  const bytes = new Uint8Array(Buffer.from(text, "base64")); // a copy, which begins at an even place
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/** Events that are no keys are left out. */
function keyPressesOf(presses: Iterable<LoggedPress>, ms: (samples: number) => number): KeyPress[] {
  const found: KeyPress[] = [];
  for (const press of [...presses].sort((a, b) => a.fromSample - b.fromSample)) {
    const key = keyOf(press);
    if (key !== null) found.push({ atMs: Math.floor(ms(press.fromSample)), key, durationMs: press.durationMs });
  }
  return found;
}

const isLong = (span: Span): boolean => span.to - span.from > noMediaMs;

function gapOf(reason: Gap["reason"]): (span: Span) => Gap {
  return ({ from, to }) => ({ fromMs: Math.floor(from), toMs: Math.ceil(to), reason });
}

/** What of `whole` one of the parts covers. */
function within(whole: Span, parts: readonly Span[]): Span[] {
  return parts.map(({ from, to }) => ({ from: Math.max(from, whole.from), to: Math.min(to, whole.to) })).filter(({ from, to }) => from < to);
}

/** What of `whole` none of the (ordered) `parts` covers. */
function without(whole: Span, parts: readonly Span[]): Span[] {
  const left: Span[] = [];
  let at = whole.from;
  for (const part of parts) {
    if (part.to <= at) continue;
    if (part.from >= whole.to) break;
    if (part.from > at) left.push({ from: at, to: part.from });
    at = part.to;
  }
  if (at < whole.to) left.push({ from: at, to: whole.to });
  return left;
}

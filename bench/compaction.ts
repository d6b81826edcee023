/**
 * npm run bench compaction: what a minute of a call costs the encoder, by codec of the wire and setting of Opus, and what is left of the
 * sound: its distance from what came over the wire in decibels (spectral-distance.ts), samples kept, size. Synthesized voices, two tracks
 * that take turns, so half of each is pause, as in a call. Then `compact` itself, from sealed pieces to sealed Ogg files, as it is set.
 *
 *   npm run bench compaction -- [--seconds 60] [--rounds 5] [--into FILE]
 */
import { Decoder, Encoder } from "@evan/opus";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createG722Decoder, createResampler, decodeG711, encodeG711 } from "@earwitness/media";
import { parseClauses } from "../packages/sandbox/src/speech/clauses.ts";
import { synthesize } from "../packages/sandbox/src/speech/klatt.ts";
import { buildTrack } from "../packages/sandbox/src/speech/track.ts";
import { buildUtterance } from "../packages/sandbox/src/speech/utterance.ts";
import { toTelephone } from "../packages/sandbox/src/speech/telephone.ts";
import { voices, type VoiceName } from "../packages/sandbox/src/speech/voices.ts";
import { mintId } from "../packages/server/src/ids/index.ts";
import { codecByName } from "../packages/server/src/recorder/codecs.ts";
import { compact } from "../packages/server/src/recorder/compact.ts";
import { openOpusTrack } from "../packages/server/src/recorder/opus-track.ts";
import type { LogEntry } from "../packages/server/src/recorder/packet-log.ts";
import { createPieceSealer, pieceObjectName, sha256 } from "../packages/server/src/recorder/piece.ts";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault } from "../packages/server/src/vault/index.ts";
import { median, table } from "./figures.ts";
import { openResults, rounded } from "./results.ts";
import { spectralDistance } from "./spectral-distance.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, rounds: { type: "string", default: "5" }, into: { type: "string" } } });
const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
if ([seconds, rounds].some((number) => !Number.isInteger(number) || number < 1)) throw new Error("--seconds and --rounds are whole numbers from 1");

type Wire = "PCMU" | "G722" | "OPUS";
type Rate = 8_000 | 16_000 | 48_000;

/** A track as it came: packets of 20 ms, and what they sound like. */
interface WireTrack {
  readonly packets: readonly Uint8Array[];
  readonly pcm: Int16Array;
}

interface Setting {
  readonly application: "voip" | "audio" | "restricted_lowdelay";
  readonly bitrate: number;
  readonly complexity: 0 | 5 | 10;
}

export interface Run {
  readonly wire: Wire;
  /** Null: `compact`, with what it chooses. */
  readonly setting: Setting | null;
  /** Processor time, all threads, of a call-minute: two tracks. */
  readonly cpuMs: number;
  readonly distanceDb: number;
  readonly samplesSent: number;
  readonly samplesKept: number;
  /** Of a call-minute. */
  readonly kilobytes: number;
}

const rateOf: Record<Wire, Rate> = { PCMU: 8_000, G722: 16_000, OPUS: 48_000 };
const settingsOf: Record<Wire, readonly Setting[]> = { PCMU: settings([16_000, 24_000, 32_000]), G722: settings([24_000, 32_000, 48_000]), OPUS: settings([24_000, 32_000, 48_000]) };

/** SILK and CELT by turns: `voip` lets the encoder choose SILK for speech, `restricted_lowdelay` is CELT alone. */
function settings(bitrates: readonly number[]): Setting[] {
  return bitrates.flatMap((bitrate) => [{ application: "restricted_lowdelay", bitrate, complexity: 0 } as const, { application: "restricted_lowdelay", bitrate, complexity: 10 } as const, ...([0, 5, 10] as const).map((complexity) => ({ application: "voip", bitrate, complexity }) as const)]);
}

const lines: readonly (readonly [VoiceName, string])[] = [
  [Object.keys(voices)[0] as VoiceName, "Good morning, this is the trading desk. I would like to confirm the order of four thousand shares at seventeen point two, and the settlement on Friday. Please read it back to me before we go on."],
  [Object.keys(voices)[1] as VoiceName, "Certainly. Four thousand shares at seventeen point two, settled on Friday the ninth. Is there anything else that you would like to change, or shall I send the confirmation to the usual address now?"],
];

/** Turn by turn, as long as is wanted: 16 kHz, one array for each speaker. */
function speech(): Float32Array[] {
  const said = lines.map(([name, text], speaker) => {
    let state = 77 + speaker;
    const noise = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return state / 2 ** 31;
    };
    const voice = voices[name];
    return synthesize(buildTrack(buildUtterance(parseClauses(text), voice), voice, noise), voice, noise);
  });
  const tracks = said.map(() => new Float32Array(seconds * 16_000));
  for (let at = 0, turn = 0; at < seconds * 16_000; turn += 1) {
    const words = said[turn % 2]!;
    tracks[turn % 2]!.set(words.subarray(0, Math.max(0, seconds * 16_000 - at)), at);
    at += words.length;
  }
  return tracks;
}

function resampled(samples: Float32Array, toHz: Rate): Int16Array {
  const most = samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 1e-9);
  const pcm = Int16Array.from(samples, (sample) => Math.round((sample / most) * 16_000));
  if (toHz === 16_000) return pcm;
  const all = new Int16Array((pcm.length * toHz) / 16_000);
  const up = createResampler(16_000, toHz);
  all.set(up.push(pcm).subarray(0, all.length));
  return all;
}

/** Null where a program that is needed is missing. */
function onTheWire(samples: Float32Array, wire: Wire): WireTrack | null {
  if (wire === "PCMU") {
    const bytes = encodeG711("PCMU", toTelephone(samples).subarray(0, seconds * 8_000));
    return { packets: packetsOf(bytes, 160), pcm: decodeG711("PCMU", bytes) };
  }
  if (wire === "G722") {
    const pcm = resampled(samples, 16_000);
    const encoded = spawnSync("ffmpeg", ["-v", "error", "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "g722", "-f", "g722", "pipe:1"], { input: Buffer.from(pcm.buffer), maxBuffer: 1 << 28 });
    if (encoded.status !== 0) return null;
    const packets = packetsOf(encoded.stdout, 160);
    const decoder = createG722Decoder();
    return { packets, pcm: joined(packets.map((packet) => decoder.decode(packet))) };
  }
  // What a softphone sends: SILK and CELT as the encoder likes, more than it needs.
  const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application: "voip" });
  encoder.bitrate = 40_000;
  const pcm = resampled(samples, 48_000);
  const decoder = new Decoder({ channels: 1, sample_rate: 48_000 });
  const packets = Array.from({ length: Math.floor(pcm.length / 960) }, (_, at) => encoder.encode(pcm.subarray(at * 960, (at + 1) * 960)).slice());
  return { packets, pcm: joined(packets.map((packet) => samplesOf(decoder.decode(packet)))) };
}

const packetsOf = (bytes: Uint8Array, size: number): Uint8Array[] => Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
const samplesOf = (bytes: Uint8Array): Int16Array => new Int16Array(bytes.slice().buffer);

function joined(parts: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function cpuOf<T>(work: () => T): { value: T; cpuMs: number } {
  const before = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(before);
  return { value, cpuMs: (user + system) / 1000 };
}

const ofMinute = (value: number): number => (value * 60) / seconds;
const getLookahead = 4027;

function encode(pcm: Int16Array, rate: Rate, { application, bitrate, complexity }: Setting): { packets: Uint8Array[]; lookahead: number } {
  const encoder = new Encoder({ channels: 1, sample_rate: rate, application });
  encoder.bitrate = bitrate;
  encoder.complexity = complexity;
  const frame = rate / 50;
  const lookahead = encoder.ctl(getLookahead);
  const packets: Uint8Array[] = [];
  for (let at = 0; at < pcm.length + lookahead; at += frame) {
    const part = new Int16Array(frame);
    part.set(pcm.subarray(at, at + frame));
    packets.push(encoder.encode(part).slice());
  }
  return { packets, lookahead };
}

function measure(wire: Wire, setting: Setting, tracks: readonly WireTrack[]): Run {
  const rate = rateOf[wire];
  let [cpuMs, distance, sent, kept, bytes] = [0, 0, 0, 0, 0];
  for (const { pcm } of tracks) {
    const costs = Array.from({ length: rounds }, () => cpuOf(() => encode(pcm, rate, setting)));
    cpuMs += median(costs.map((cost) => cost.cpuMs));
    const { packets, lookahead } = costs[0]!.value;
    const decoder = new Decoder({ channels: 1, sample_rate: rate });
    const decoded = joined(packets.map((packet) => samplesOf(decoder.decode(packet)))).subarray(lookahead);
    distance += spectralDistance(pcm, decoded, rate) / tracks.length;
    sent += pcm.length;
    kept += Math.min(decoded.length, pcm.length);
    bytes += packets.reduce((sum, packet) => sum + packet.length, 0);
  }
  return { wire, setting, cpuMs: rounded(ofMinute(cpuMs), 1), distanceDb: rounded(distance, 2), samplesSent: sent, samplesKept: kept, kilobytes: rounded(ofMinute(bytes) / 1000, 1) };
}

/** From sealed pieces to sealed Ogg files, with reading, decoding, digests and disk. */
async function measureCompact(wire: Wire, tracks: readonly WireTrack[]): Promise<Run> {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-bench-"));
  const vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  try {
    const rate = rateOf[wire];
    const [tenantId, recordingId] = [randomUUID(), mintId(new Date())];
    const tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
    const key = await vault.createDataKey(tenant);
    const sealer = createPieceSealer(key, { tenantId, recordingId });
    const chunks = tracks.flatMap(({ packets }, at) =>
      Array.from({ length: seconds }, (_, second) => {
        const entries = packets.slice(second * 50, (second + 1) * 50).map((payload, packet): LogEntry => ({ atSample: ((second * 50 + packet) * rate) / 50, codec: codecByName(wire).id, payload }));
        return sealer.sealSecond(at + 1, second, entries, rate);
      }),
    );
    const bytes = Buffer.concat(sealer.sealPiece({ seq: 0, fromSecond: 0, toSecond: seconds, final: true, chunks, state: { revision: 1, startedAtMs: 0, tracks: [], ended: null } }));
    const objectName = pieceObjectName({ tenantId, recordingId }, 0, key.keyId);
    await vault.store.put(objectName, bytes);
    const piece = { objectName, kind: "piece", keyId: key.keyId, seq: 0, fromMs: 0, toMs: seconds * 1000, sizeBytes: bytes.length, sha256: sha256(bytes).toString("hex") } as const;
    const wanted = tracks.map((_, at) => ({ track: at + 1, sampleRate: rate, offsetMs: 0, durationMs: seconds * 1000 }));
    const costs: number[] = [];
    let compacted = await compact({ vault, tenant, recordingId, pieces: [piece], tracks: wanted });
    for (let round = 0; round < rounds; round += 1) {
      const before = process.cpuUsage();
      compacted = await compact({ vault, tenant, recordingId, pieces: [piece], tracks: wanted });
      const { user, system } = process.cpuUsage(before);
      costs.push((user + system) / 1000);
    }
    let [distance, kept] = [0, 0];
    for (const [at, { pcm }] of tracks.entries()) {
      const object = compacted.objects.find(({ seq }) => seq === at + 1)!;
      const track = await openOpusTrack({ vault, tenantId, object, sampleRate: rate });
      const decoded = new Int16Array(seconds * rate);
      for (let second = 0; second < seconds; second += 1) decoded.set(track.decodeSecond(second), second * rate);
      distance += spectralDistance(pcm, decoded, rate) / tracks.length;
      kept += ((object.toMs! - object.fromMs!) * rate) / 1000;
    }
    return { wire, setting: null, cpuMs: rounded(ofMinute(median(costs)), 1), distanceDb: rounded(distance, 2), samplesSent: tracks.reduce((sum, { pcm }) => sum + pcm.length, 0), samplesKept: kept, kilobytes: rounded(ofMinute(compacted.objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)) / 1000, 1) };
  } finally {
    await vault.close();
    await rm(dir, { recursive: true, force: true });
  }
}

const results = openResults<Run>("compaction", { seconds, rounds }, { into: values.into });
const voicesSaid = speech();
for (const wire of ["PCMU", "G722", "OPUS"] as const) {
  const tracks = voicesSaid.map((samples) => onTheWire(samples, wire)).filter((track) => track !== null);
  if (tracks.length < 2) {
    console.log(`${wire} is left out: ffmpeg is missing.`);
    continue;
  }
  for (const setting of settingsOf[wire]) results.add(measure(wire, setting, tracks));
  results.add(await measureCompact(wire, tracks));
  console.log(`\nA minute of a two-track call that came as ${wire}, ${rateOf[wire] / 1000} kHz`);
  table(
    ["", "bit/s", "complexity", "CPU ms", "distance dB", "samples kept", "kB"],
    results.runs
      .filter((run) => run.wire === wire)
      .map(({ setting, cpuMs, distanceDb, samplesSent, samplesKept, kilobytes }) => [setting === null ? "compact, whole" : setting.application, setting?.bitrate ?? "", setting?.complexity ?? "", cpuMs, distanceDb, samplesKept === samplesSent ? "all" : `${samplesKept} of ${samplesSent}`, kilobytes]),
  );
}
console.log(`\nThe raw runs: ${results.path}`);

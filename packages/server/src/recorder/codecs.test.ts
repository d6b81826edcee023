/** Codecs, key presses and silence through the media pool: real packets, from a socket of ours and from ffmpeg. */
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildReceiverReport, buildRtp, encodeG711, parseRtcp } from "@earwitness/media";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { mintId } from "#ids";
import { createLog } from "#log";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "#vault";
import { ffmpegMissing, runTool } from "../../../media/src/testing/ffmpeg.ts";
import type { LocalPorts, PayloadType, StreamOffer } from "./call.ts";
import { compact } from "./compact.ts";
import { createMediaPool } from "./media-pool.ts";
import type { MediaPool, RecordingSummary } from "./media.ts";
import { openRecordingReader } from "./reader.ts";
import { loudSpans, purity, tone } from "./test-phone.ts";

const tenantId = randomUUID();
let dir: string;
let vault: Vault;
let pool: MediaPool;
let tenant: { tenantId: string; publicKey: Uint8Array; publicKeyId: string };
let sender: Socket;

const pcmu: PayloadType = { number: 0, codec: "PCMU", clockRateHz: 8_000 };
const g722: PayloadType = { number: 9, codec: "G722", clockRateHz: 8_000 };
const opus: PayloadType = { number: 96, codec: "OPUS", clockRateHz: 48_000 };
const offer = (payloads: readonly PayloadType[], more: Partial<StreamOffer> = {}): StreamOffer => ({ label: "1", payloads, remote: null, sending: true, ...more });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-codecs-"));
  vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
  pool = await createMediaPool({ workers: 1, bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir: join(dir, "spool"), log: createLog("silent") });
  sender = createSocket("udp4");
  sender.bind(0, "127.0.0.1");
  await once(sender, "listening");
});
afterEach(async () => {
  sender.close();
  await pool.close();
  await vault.close();
  await rm(dir, { recursive: true });
});

async function open(): Promise<{ recordingId: string; nowMs(): number }> {
  const startedAtMs = Date.now();
  const recordingId = mintId(new Date(startedAtMs));
  await pool.open({ recordingId, tenantId, startedAtMs, key: await vault.createDataKey(tenant) });
  return { recordingId, nowMs: () => Date.now() - startedAtMs };
}

/** A stream whose every packet the test writes; it keeps the sequence, and real time. */
function streamTo(ports: LocalPorts) {
  let sequence = 65_530;
  const start = performance.now();
  return {
    skip: (packets: number) => (sequence += packets),
    async send(atMs: number, payloadType: number, timestamp: number, payload: Uint8Array, marker = false): Promise<void> {
      const wait = start + atMs - performance.now();
      if (wait > 1) await pause(wait);
      sequence = (sequence + 1) & 0xffff;
      sender.send(buildRtp({ payloadType, sequence, timestamp: timestamp >>> 0, ssrc: 0xabc, marker, payload }), ports.rtpPort, "127.0.0.1");
    },
  };
}

async function soundOf(summary: RecordingSummary, track = 1): Promise<{ pcm: Int16Array; rate: number }> {
  for (const piece of summary.pieces) await vault.store.putFile(piece.objectName, piece.path);
  const reader = await openRecordingReader({ vault, tenantId, recordingId: summary.recordingId, objects: summary.pieces.map((piece) => ({ ...piece, kind: "piece" as const })), tracks: summary.tracks });
  return { pcm: await reader.readPcm(track, 0, (reader.durationMs * reader.sampleRate) / 1000), rate: reader.sampleRate };
}

/** `purity` counts in 8 kHz. */
const pure = (pcm: Int16Array, hz: number, rate: number): number => purity(pcm, (hz * 8_000) / rate);
const part = ({ pcm, rate }: { pcm: Int16Array; rate: number }, fromMs: number, toMs: number): Int16Array => pcm.subarray((fromMs * rate) / 1000, (toMs * rate) / 1000);

describe.skipIf(ffmpegMissing() !== null)("from ffmpeg", () => {
  test.each([
    ["G.722", g722, ["-ar", "16000", "-c:a", "g722"], 16_000],
    ["Opus", opus, ["-ar", "48000", "-c:a", "libopus", "-b:a", "32k"], 48_000],
  ] as const)("%s is recorded whole and heard as it was sent, from the pieces and after compaction", async (_, payload, encode, rate) => {
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer([payload]), call.nowMs());
    const ffmpeg = spawn("ffmpeg", ["-v", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=700:duration=3", ...encode, "-ac", "1", "-payload_type", String(payload.number), "-f", "rtp", `rtp://127.0.0.1:${ports.rtpPort}`], { stdio: "ignore" });
    await once(ffmpeg, "exit");
    await pause(100);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    const [track] = summary.tracks;
    expect(track).toMatchObject({ codec: payload.codec, sampleRate: rate, packetsLost: 0 });
    expect(track!.gaps.filter(({ reason }) => reason === "loss")).toEqual([]);
    expect(track!.durationMs).toBeGreaterThan(2_850);
    const sound = await soundOf(summary);
    const middle = part(sound, track!.offsetMs + 300, track!.offsetMs + 2_600);
    expect(pure(middle, 700, rate)).toBeGreaterThan(0.98);

    const objects = summary.pieces.map((piece) => ({ ...piece, kind: "piece" as const }));
    const compacted = await compact({ vault, tenant, recordingId: summary.recordingId, pieces: objects, tracks: summary.tracks });
    const reader = await openRecordingReader({ vault, tenantId, recordingId: summary.recordingId, objects: compacted.objects, tracks: summary.tracks });
    const again = await reader.readPcm(1, ((track!.offsetMs + 300) * rate) / 1000, (2_300 * rate) / 1000);
    expect(pure(again, 700, rate)).toBeGreaterThan(0.98);
  });

  test("reading in steps sounds like reading in one: a decoder that begins in the middle has caught up", async () => {
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer([opus]), call.nowMs());
    const ffmpeg = spawn("ffmpeg", ["-v", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=700:duration=3", "-ar", "48000", "-c:a", "libopus", "-ac", "1", "-payload_type", "96", "-f", "rtp", `rtp://127.0.0.1:${ports.rtpPort}`], { stdio: "ignore" });
    await once(ffmpeg, "exit");
    const summary = await pool.finish(call.recordingId, call.nowMs());
    const { pcm, rate } = await soundOf(summary);
    const reader = await openRecordingReader({ vault, tenantId, recordingId: summary.recordingId, objects: summary.pieces.map((piece) => ({ ...piece, kind: "piece" as const })), tracks: summary.tracks });
    let [difference, energy] = [0, 0];
    for (let from = 48_000; from < 2.4 * 48_000; from += 12_345) {
      const step = await reader.readPcm(1, from, 12_345);
      for (let at = 0; at < step.length; at += 1) {
        difference += (step[at]! - pcm[from + at]!) ** 2;
        energy += pcm[from + at]! ** 2;
      }
    }
    expect(rate).toBe(48_000);
    expect(difference / energy).toBeLessThan(0.01);
  });

  test("a sender that changes between its codecs is heard on, from the next packet", async () => {
    const wide = Int16Array.from({ length: 16_000 }, (_, at) => Math.round(8_000 * Math.sin((2 * Math.PI * 900 * at) / 16_000)));
    const encoded = runTool("ffmpeg", ["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "g722", "-f", "g722", "pipe:1"], new Uint8Array(wide.buffer));
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer([pcmu, g722]), call.nowMs());
    const stream = streamTo(ports);
    for (let index = 0; index < 100; index += 1) {
      const payload = index < 50 ? encodeG711("PCMU", tone(440, index * 160, 160)) : encoded.subarray((index - 50) * 160, (index - 49) * 160);
      await stream.send(index * 20, index < 50 ? 0 : 9, index * 160, payload);
    }
    await pause(60);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]).toMatchObject({ sampleRate: 16_000, packets: 100, packetsLost: 0, gaps: [] });
    const sound = await soundOf(summary);
    const { offsetMs } = summary.tracks[0]!;
    expect(pure(part(sound, offsetMs + 100, offsetMs + 900), 440, 16_000)).toBeGreaterThan(0.98);
    expect(pure(part(sound, offsetMs + 1_100, offsetMs + 1_900), 900, 16_000)).toBeGreaterThan(0.98);
    expect(summary.tracks[0]!.durationMs).toBeGreaterThanOrEqual(1_990);
    expect(summary.tracks[0]!.durationMs).toBeLessThanOrEqual(2_040);
  });
});

test("Opus on a stream that began with G.711 is recorded, and heard at the rate it began with", async () => {
  const call = await open();
  const ports = await pool.addTrack(call.recordingId, 1, offer([pcmu]), call.nowMs());
  const stream = streamTo(ports);
  for (let index = 0; index < 25; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)));
  expect(await pool.changeTrack(call.recordingId, 1, offer([opus]), call.nowMs())).toEqual(ports);
  const { Encoder } = await import("@evan/opus");
  const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application: "audio" });
  for (let index = 0; index < 50; index += 1) {
    const pcm = Int16Array.from({ length: 960 }, (_, at) => Math.round(8_000 * Math.sin((2 * Math.PI * 900 * (index * 960 + at)) / 48_000)));
    await stream.send(500 + index * 20, 96, 7_000_000 + index * 960, encoder.encode(pcm).slice());
  }
  await pause(60);
  const summary = await pool.finish(call.recordingId, call.nowMs());
  expect(summary.tracks[0]).toMatchObject({ sampleRate: 8_000, codec: "PCMU, OPUS", packets: 75, packetsLost: 0, gaps: [] });
  const { offsetMs } = summary.tracks[0]!;
  expect(pure(part(await soundOf(summary), offsetMs + 700, offsetMs + 1_400), 900, 8_000)).toBeGreaterThan(0.95);
});

test("bytes that are no Opus are kept, and never end the call", async () => {
  const call = await open();
  const ports = await pool.addTrack(call.recordingId, 1, offer([opus]), call.nowMs());
  const stream = streamTo(ports);
  for (let index = 0; index < 60; index += 1) await stream.send(index * 10, 96, index * 960, randomBytes(1 + (index * 37) % 200));
  const summary = await pool.finish(call.recordingId, call.nowMs());
  expect(summary.tracks[0]!.packets).toBeGreaterThan(50);
  expect((await soundOf(summary)).rate).toBe(48_000);
});

describe("keys that are pressed (RFC 4733)", () => {
  const event = (key: number, ends: boolean, duration: number): Uint8Array => Uint8Array.of(key, ends ? 0x8a : 0x0a, duration >> 8, duration & 0xff);

  test("each once, at its time and as long as it was; repeated and lost packets change nothing, and no sound is missing", async () => {
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer([pcmu], { keyPresses: [{ number: 101, clockRateHz: 8_000 }] }), call.nowMs());
    const stream = streamTo(ports);
    const speak = async (from: number, to: number) => {
      for (let index = from; index < to; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)));
    };
    const press = async (atIndex: number, key: number, packets: number, endPackets: number) => {
      for (let n = 1; n <= packets + endPackets; n += 1) await stream.send((atIndex + Math.min(n, packets)) * 20, 101, atIndex * 160, event(key, n > packets, Math.min(n, packets) * 160), n === 1);
    };
    await speak(0, 50);
    await press(50, 5, 5, 3); // 100 ms, its end said thrice
    await speak(55, 80);
    await press(80, 11, 4, 0); // the end is lost
    stream.skip(0);
    await speak(84, 110);
    await pause(500);
    await press(140, 9, 3, 1);
    await pause(100);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    const [track] = summary.tracks;
    expect(track).toMatchObject({ packets: 50 + 25 + 26, packetsLost: 0 });
    expect(track!.keyPresses.map(({ key }) => key)).toEqual(["5", "#", "9"]);
    const [five, hash] = track!.keyPresses;
    expect(Math.abs(five!.atMs - track!.offsetMs - 1_000)).toBeLessThanOrEqual(25);
    expect(five!.durationMs).toBe(100);
    expect(Math.abs(hash!.atMs - track!.offsetMs - 1_600)).toBeLessThanOrEqual(25);
    expect(track!.gaps).toEqual([]);
  });

  test("events that are no keys, and packets too short to be one, are nothing", async () => {
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer([pcmu], { keyPresses: [{ number: 101, clockRateHz: 8_000 }] }), call.nowMs());
    const stream = streamTo(ports);
    for (let index = 0; index < 20; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)));
    for (const payload of [event(200, true, 160), Uint8Array.of(5), Uint8Array.of(5, 0x80, 1), new Uint8Array(500)]) await stream.send(400, 101, 3_200, payload);
    await pause(500);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]!.keyPresses).toEqual([]);
    expect(summary.tracks[0]!.packetsLost).toBe(0);
  });
});

describe("silence that the sender leaves out on purpose", () => {
  test.each([
    ["with comfort noise in between", true],
    ["with nothing in between", false],
  ])("%s is silence, neither loss nor missing media", async (_, noise) => {
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer([pcmu], { comfortNoise: [13] }), call.nowMs());
    const stream = streamTo(ports);
    for (let index = 0; index < 50; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)));
    if (noise) for (let second = 1; second < 4; second += 1) await stream.send(second * 1_000, 13, second * 8_000, Uint8Array.of(60));
    for (let index = 200; index < 250; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)), index === 200);
    await pause(60);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    const [track] = summary.tracks;
    expect(track).toMatchObject({ packets: 100, packetsLost: 0, gaps: [] });
    expect(track!.durationMs).toBeGreaterThanOrEqual(4_980);
    expect(loudSpans((await soundOf(summary)).pcm)).toHaveLength(2);
  });

  test("a sender that is cut off is missing all the same", async () => {
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer([pcmu]), call.nowMs());
    const stream = streamTo(ports);
    for (let index = 0; index < 25; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)));
    stream.skip(150);
    for (let index = 175; index < 200; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)));
    await pause(60);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]!.gaps.map(({ reason }) => reason)).toEqual(["loss"]);
    expect(summary.tracks[0]!.packetsLost).toBe(150);
  });
});

test("RTP and RTCP on one port: reports come and go there, and no second port is taken", async () => {
  const call = await open();
  const { port } = sender.address();
  const ports = await pool.addTrack(call.recordingId, 1, offer([pcmu], { rtcpMux: true, remote: { address: "127.0.0.1", rtpPort: port, rtcpPort: port } }), call.nowMs());
  expect(ports.rtcpPort).toBe(ports.rtpPort);
  const reports: { bytes: Buffer; from: number }[] = [];
  sender.on("message", (bytes, from) => reports.push({ bytes, from: from.port }));
  const stream = streamTo(ports);
  sender.send(buildReceiverReport({ ssrc: 0xabc, cname: "client", blocks: [] }), ports.rtpPort, "127.0.0.1");
  const speaking = (async () => {
    for (let index = 0; index < 400 && reports.length === 0; index += 1) await stream.send(index * 20, 0, index * 160, encodeG711("PCMU", tone(440, index * 160, 160)));
  })();
  await vi.waitFor(() => expect(reports.length).toBeGreaterThan(0), { timeout: 9_000 });
  await speaking;
  expect(reports[0]!.from).toBe(ports.rtpPort);
  expect(parseRtcp(reports[0]!.bytes).ok).toBe(true);
  const summary = await pool.finish(call.recordingId, call.nowMs());
  expect(summary.tracks[0]).toMatchObject({ packetsLost: 0 });
});

import { Encoder } from "@evan/opus";
import { encodeG711, parseOggOpus } from "@earwitness/media";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ffmpegMissing, runTool } from "../../../media/src/testing/ffmpeg.ts";
import type { PayloadType, StreamOffer } from "./call.ts";
import { compact, type Compacted } from "./compact.ts";
import type { RecordingSummary } from "./media.ts";
import { openRecordingReader, type RecordingReader } from "./reader.ts";
import { purity } from "./test-phone.ts";
import { createWireCall, wireAddress, type WireCall } from "./test-wire.ts";

const pcmu: PayloadType = { number: 0, codec: "PCMU", clockRateHz: 8_000 };
const g722: PayloadType = { number: 9, codec: "G722", clockRateHz: 8_000 };
const opus: PayloadType = { number: 96, codec: "OPUS", clockRateHz: 48_000 };
const offer = (label: string, payloads: readonly PayloadType[]): StreamOffer => ({ label, payloads, remote: { address: wireAddress, rtpPort: 4_000, rtcpPort: 4_001 }, sending: true });

/** Swept and swelling, so that a shift shows and a decoder has something to remember. */
const sound = (rate: number, from: number, count: number): Int16Array => Int16Array.from({ length: count }, (_, i) => Math.round(9_000 * Math.sin(2 * Math.PI * (300 + 90 * Math.sin((from + i) / rate)) * ((from + i) / rate)) * Math.abs(Math.sin((5 * (from + i)) / rate))));
const toneAt = (rate: number, hz: number, from: number, count: number): Int16Array => Int16Array.from({ length: count }, (_, i) => Math.round(8_000 * Math.sin((2 * Math.PI * hz * (from + i)) / rate)));
const noRange = fc.tuple(fc.nat(5_900), fc.integer({ min: 1, max: 2_500 }));

describe.skipIf(ffmpegMissing() !== null)("CAP-70 any range is bit for bit the same part of the whole", () => {
  test.each([["G.722", 9, 16_000], ["Opus", 96, 48_000]] as const)("%s, from the pieces and from what compaction made of them", { timeout: 60_000 }, async (_, payloadType, rate) => {
    const call = await createWireCall();
    try {
      await call.addTrack(1, offer("1", [payloadType === 9 ? g722 : opus]));
      const pcm = sound(rate, 0, rate * 6);
      const wide = payloadType === 9 ? runTool("ffmpeg", ["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "g722", "-f", "g722", "pipe:1"], new Uint8Array(pcm.buffer)) : null;
      const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application: "voip" });
      const frame = rate / 50;
      for (let index = 0; index < 300; index += 1) {
        if (index % 71 === 50) continue; // lost
        const payload = wide === null ? encoder.encode(pcm.subarray(index * frame, (index + 1) * frame)).slice() : wide.subarray(index * 160, (index + 1) * 160);
        call.send(137 + index * 20, { sequence: index, timestamp: index * (payloadType === 9 ? 160 : 960), payload, payloadType });
      }
      const summary = await call.finish(6_400);
      expect(summary.tracks[0]!.packetsLost).toBe(4);
      const pieces = summary.pieces.map((piece) => ({ ...piece, kind: "piece" as const }));
      const { objects } = await compact({ vault: call.vault, tenant: call.tenant, recordingId: call.recordingId, pieces, tracks: summary.tracks });
      for (const readable of [pieces, objects]) {
        const open = (): Promise<RecordingReader> => openRecordingReader({ vault: call.vault, tenantId: call.tenant.tenantId, recordingId: call.recordingId, objects: readable, tracks: summary.tracks });
        const whole = await (await open()).readPcm(1, 0, rate * 6.4);
        expect(whole.some((sample) => Math.abs(sample) > 4_000)).toBe(true);
        const reader = await open();
        await fc.assert(
          fc.asyncProperty(noRange, fc.boolean(), async ([fromMs, forMs], fresh) => {
            const [from, count] = [Math.round((fromMs * rate) / 1_000) + (fromMs % 7), Math.round((forMs * rate) / 1_000)];
            expect(await (fresh ? await open() : reader).readPcm(1, from, count)).toEqual(Int16Array.from({ length: count }, (__, i) => whole[from + i] ?? 0));
          }),
          { numRuns: 20 },
        );
      }
    } finally {
      await call.close();
    }
  });
});

describe("compaction", () => {
  let call: WireCall;
  let summary: RecordingSummary;
  let compacted: Compacted;
  const sent: Uint8Array[] = [];
  const opusAt = 330;

  beforeAll(async () => {
    call = await createWireCall();
    await call.addTrack(1, offer("1", [pcmu]));
    await call.addTrack(2, offer("2", [g722]));
    await call.addTrack(3, offer("3", [opus]));
    const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application: "voip" });
    const quiet16 = new Uint8Array(160).fill(0xfa);
    const sending: { atMs: number; send(): void }[] = [];
    const send = (atMs: number, port: number, packet: Parameters<WireCall["send"]>[1]): void => void sending.push({ atMs, send: () => call.send(atMs, packet, { port }) });
    for (let index = 0; index < 400; index += 1) {
      // G.711 from 1.237 s on; Opus with a pause and a loss, and what is no Opus at all.
      if (index < 300) send(1_237 + index * 20, 0, { sequence: index, timestamp: index * 160, payload: encodeG711("PCMU", toneAt(8_000, index < 150 ? 440 : 1_200, index * 160, 160)) });
      send(1_237 + index * 20 + 1, 2, { sequence: index, timestamp: index * 160, payload: quiet16, payloadType: 9 });
      const payload = encoder.encode(toneAt(48_000, index < 200 ? 600 : 1_500, index * 960, 960)).slice();
      if (index === 77 || (index >= 120 && index < 200)) continue;
      const broken = index === 300;
      if (!broken) sent.push(payload);
      const sequence = index < 120 ? index : index - 80;
      send(1_237 + opusAt + index * 20, 4, { sequence, timestamp: index * 960 + 7, payload: broken ? Uint8Array.of(3) : payload, payloadType: 96 });
    }
    for (const one of sending.sort((a, b) => a.atMs - b.atMs)) one.send();
    summary = await call.finish(11_000);
    const pieces = summary.pieces.map((piece) => ({ ...piece, kind: "piece" as const }));
    compacted = await compact({ vault: call.vault, tenant: call.tenant, recordingId: call.recordingId, pieces, tracks: summary.tracks });
  });
  afterAll(() => call.close());

  const open = (objects: Parameters<typeof openRecordingReader>[0]["objects"]): Promise<RecordingReader> => openRecordingReader({ vault: call.vault, tenantId: call.tenant.tenantId, recordingId: call.recordingId, objects, tracks: summary.tracks });

  test("a G.711 track beside wider ones stays in its place", async () => {
    const reader = await open(compacted.objects);
    const part = async (fromMs: number, toMs: number): Promise<Int16Array> => reader.readPcm(1, fromMs * 48, (toMs - fromMs) * 48);
    expect(reader.sampleRate).toBe(48_000);
    expect(purity(await part(1_300, 4_200), 440 / 6)).toBeGreaterThan(0.98);
    expect(purity(await part(4_280, 7_200), 1_200 / 6)).toBeGreaterThan(0.98);
    expect((await part(0, 1_230)).every((sample) => Math.abs(sample) < 50)).toBe(true);
    expect((await part(7_245, 9_000)).every((sample) => Math.abs(sample) < 50)).toBe(true);
  });

  test("Opus from the wire is carried over packet for packet, with silence where there was none", async () => {
    const stored = compacted.objects.find(({ seq }) => seq === 3)!;
    const bytes = await call.vault.readSealed(stored.objectName, call.tenant.tenantId, stored.keyId, 0, await call.vault.sealedSize(stored.objectName));
    const parsed = parseOggOpus(bytes);
    if (!parsed.ok) throw new Error(parsed.reason);
    const wanted = new Set(sent.map((packet) => Buffer.from(packet).toString("base64")));
    const carried = parsed.value.packets.filter(({ data }) => wanted.has(Buffer.from(data).toString("base64")) || data.length > 3);
    expect(carried.map(({ data }) => Buffer.from(data).toString("base64"))).toEqual(sent.map((packet) => Buffer.from(packet).toString("base64")));
    expect(parsed.value.totalSamples).toBe(summary.tracks[2]!.durationMs * 48);
    const settings = compacted.derivation.tracks.find(({ track }) => track === 3)!.settings;
    expect(settings).toMatchObject({ application: "carried_over", packets: sent.length });
    if (ffmpegMissing() === null) {
      const decoded = runTool("ffmpeg", ["-v", "error", "-xerror", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", "48000", "pipe:1"], bytes);
      expect(Math.abs(decoded.length / 2 - parsed.value.totalSamples)).toBeLessThanOrEqual(48);
    }
  });

  test("and every sound of it is where it was in the pieces", async () => {
    const pieces = await open(summary.pieces.map((piece) => ({ ...piece, kind: "piece" as const })));
    const after = await open(compacted.objects);
    for (const [fromMs, toMs, hz] of [[1_700, 3_000, 600], [3_200, 3_900, 600], [5_700, 7_500, 1_500], [7_700, 9_500, 1_500]] as const) {
      const [one, other] = await Promise.all([pieces, after].map((reader) => reader.readPcm(3, fromMs * 48, (toMs - fromMs) * 48)));
      expect(purity(other!, hz / 6)).toBeGreaterThan(0.98);
      let [difference, energy] = [0, 0];
      for (const [i, sample] of one!.entries()) {
        difference += (sample - other![i]!) ** 2;
        energy += sample ** 2;
      }
      expect(difference / energy).toBeLessThan(0.05);
    }
    expect((await after.readPcm(3, 4_020 * 48, 1_500 * 48)).every((sample) => Math.abs(sample) < 30)).toBe(true);
  });

  test("a packet that is no Opus is counted, and a gap that says why", () => {
    const track = summary.tracks[2]!;
    expect(track).toMatchObject({ codec: "OPUS", packetsUndecodable: 1 });
    const [gap] = track.gaps.filter(({ reason }) => reason === "undecodable");
    expect(gap).toMatchObject({ fromMs: Math.floor(1_237 + opusAt + 6_000), reason: "undecodable" });
  });
});

test("a stream that was only offered Opus and sends G.711 is told of as one that was not: speech and peaks to the last number", async () => {
  const summaries: RecordingSummary[] = [];
  for (const payloads of [[pcmu], [opus, g722, pcmu]]) {
    const call = await createWireCall();
    await call.addTrack(1, offer("1", payloads));
    for (let index = 0; index < 250; index += 1) {
      if (index < 80 || index > 140) call.send(index * 20, { sequence: index, timestamp: index * 160, payload: encodeG711("PCMU", sound(8_000, index * 160, 160)) });
    }
    summaries.push(await call.finish(5_200));
    await call.close();
  }
  const [narrow, wide] = summaries.map(({ tracks }) => tracks[0]!);
  expect(wide!.peaks).toEqual(narrow!.peaks);
  expect(wide!.speech).toEqual(narrow!.speech);
  expect([narrow!.codec, wide!.codec]).toEqual(["PCMU", "PCMU"]);
});

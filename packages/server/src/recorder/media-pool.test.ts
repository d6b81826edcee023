import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRtp, encodeG711, parseRtcp } from "@earwitness/media";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { mintId } from "#ids";
import { createLog } from "#log";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "#vault";
import type { StreamOffer } from "./call.ts";
import { createMediaPool, type MediaPoolOptions } from "./media-pool.ts";
import type { MediaEvent, MediaPool, RecordingSummary } from "./media.ts";
import { openRecordingReader, type RecordingReader } from "./reader.ts";
import { createPhone, loudSpans, purity, tone, type Phone } from "./test-phone.ts";

const log = createLog("silent");
const tenantId = randomUUID();
let dir: string;
let vault: Vault;
let pool: MediaPool;
let events: MediaEvent[];
const phones: Phone[] = [];

const offer = (label: string, more: Partial<StreamOffer> = {}): StreamOffer => ({
  label,
  payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }, { number: 8, codec: "PCMA", clockRateHz: 8000 }],
  remote: null,
  sending: true,
  ...more,
});

async function startPool(more: Partial<MediaPoolOptions> = {}): Promise<void> {
  pool = await createMediaPool({ workers: 1, bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir: join(dir, "spool"), log, ...more });
  events = [];
  pool.onEvent((event) => events.push(event));
}

async function open(): Promise<{ recordingId: string; startedAtMs: number; nowMs(): number }> {
  const startedAtMs = Date.now();
  const recordingId = mintId(new Date(startedAtMs));
  const key = await vault.createDataKey({ tenantId, ...(await vault.keyring.ensure(tenantId)) });
  await pool.open({ recordingId, tenantId, startedAtMs, key });
  return { recordingId, startedAtMs, nowMs: () => Date.now() - startedAtMs };
}

async function phone(options: Parameters<typeof createPhone>[0]): Promise<Phone> {
  const one = await createPhone(options);
  phones.push(one);
  return one;
}

/** Takes the pieces into the store and reads the recording back from there. */
async function listen(summary: RecordingSummary): Promise<RecordingReader> {
  for (const piece of summary.pieces) await vault.store.putFile(piece.objectName, piece.path);
  return openRecordingReader({
    vault,
    tenantId,
    recordingId: summary.recordingId,
    objects: summary.pieces.map((piece) => ({ ...piece, kind: "piece" })),
    tracks: summary.tracks,
  });
}

const all = async (reader: RecordingReader, track: number): Promise<Int16Array> => reader.readPcm(track, 0, reader.durationMs * 8);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-pool-"));
  vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
});
afterEach(async () => {
  for (const one of phones.splice(0)) one.close();
  await pool.close();
  await vault.close();
  await rm(dir, { recursive: true });
});

describe("a call through the media pool, with real packets", () => {
  test("two speakers: every sample of each, in its place to 20 ms, and nobody else's", async () => {
    await startPool();
    const call = await open();
    const [a, b] = await Promise.all([pool.addTrack(call.recordingId, 1, offer("1"), 0), pool.addTrack(call.recordingId, 2, offer("2"), 0)]);
    expect(new Set([a!.rtpPort, a!.rtcpPort, b!.rtpPort, b!.rtcpPort]).size).toBe(4);
    const alice = await phone({ to: a!, frequencyHz: 440 });
    const bob = await phone({ to: b!, frequencyHz: 1000, codec: "PCMA", ssrc: 77 });
    const aliceAt = (await alice.speak(1_400)) - call.startedAtMs;
    const bobAt = (await bob.speak(600)) - call.startedAtMs;
    const summary = await pool.finish(call.recordingId, call.nowMs());

    const reader = await listen(summary);
    const [first, second] = await Promise.all([all(reader, 1), all(reader, 2)]);
    const spansOfAlice = loudSpans(first);
    const spansOfBob = loudSpans(second);
    expect(spansOfAlice).toHaveLength(1);
    expect(spansOfBob).toHaveLength(1);
    expect(Math.abs(spansOfAlice[0]!.from / 8 - aliceAt)).toBeLessThan(20);
    expect(Math.abs(spansOfBob[0]!.from / 8 - bobAt)).toBeLessThan(20);
    expect(Math.abs(spansOfAlice[0]!.to - spansOfAlice[0]!.from - 1_400 * 8)).toBeLessThan(8);
    expect(purity(first.subarray(spansOfAlice[0]!.from, spansOfAlice[0]!.to), 440)).toBeGreaterThan(0.99);
    expect(purity(second.subarray(spansOfBob[0]!.from, spansOfBob[0]!.to), 1000)).toBeGreaterThan(0.99);

    expect(summary.recovered).toBe(false);
    expect(summary.tracks[0]).toMatchObject({ track: 1, codec: "PCMU", packets: 70, packetsLost: 0, gaps: [] });
    expect(summary.tracks[1]).toMatchObject({ track: 2, codec: "PCMA", packets: 30, packetsLost: 0 });
    expect(Math.abs(summary.tracks[1]!.speech[0]![0] - bobAt)).toBeLessThan(80);
    expect(summary.durationMs).toBe(summary.tracks[1]!.offsetMs + summary.tracks[1]!.durationMs);
    expect(events.filter((event) => event.kind === "first-frame")).toHaveLength(2);
    expect(events.some((event) => event.kind === "activity" && event.recordings[0]!.tracks.some((track) => track.track === 1 && track.speaking))).toBe(true);
    expect(pool.stats()).toMatchObject({ recordings: 0, packets: 100, packetsLost: 0, packetsLate: 0, packetsDropped: 0 });
  });

  test("loss is a gap of its length, doubles and disorder leave no trace, sequence and timestamp wrap", async () => {
    await startPool();
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer("1"), 0);
    const caller = await phone({ to: ports, frequencyHz: 500, firstSequence: 65_516, firstTimestamp: 2 ** 32 - 2_000 });
    let held: (() => void) | null = null;
    await caller.speak(2_000, ({ index, send }) => {
      if (index >= 50 && index < 55) return; // lost: 100 ms
      if (index === 20) {
        held = send; // comes after its successor
        return;
      }
      send();
      if (index === 21) held!();
      if (index === 30 || index === 70) send(); // twice
    });
    const summary = await pool.finish(call.recordingId, call.nowMs());

    const track = summary.tracks[0]!;
    expect(track).toMatchObject({ packets: 95, packetsLost: 5 });
    expect(Math.abs(track.durationMs - 2_000)).toBeLessThanOrEqual(1); // both ends are rounded outwards
    expect(track.gaps).toEqual([{ fromMs: expect.any(Number), toMs: expect.any(Number), reason: "loss" }]);
    expect(Math.abs(track.gaps[0]!.fromMs - (track.offsetMs + 1_000))).toBeLessThanOrEqual(1);
    expect(track.gaps[0]!.toMs - track.gaps[0]!.fromMs).toBeGreaterThanOrEqual(100);
    expect(track.gaps[0]!.toMs - track.gaps[0]!.fromMs).toBeLessThanOrEqual(101);
    const pcm = await all(await listen(summary), 1);
    const spans = loudSpans(pcm);
    expect(spans).toHaveLength(2);
    expect(spans[1]!.from - spans[0]!.to).toBeGreaterThanOrEqual(100 * 8 - 8);
    expect(spans[1]!.from - spans[0]!.to).toBeLessThanOrEqual(100 * 8 + 24);
    // The very samples that were sent, in order: what was out of order is back in its place.
    const start = track.offsetMs * 8;
    const sent = tone(500, 0, 1_000 * 8);
    const offset = spans[0]!.from - sent.findIndex((value) => Math.abs(value) >= 500);
    expect(Math.abs(offset - start)).toBeLessThan(16);
    let worst = 0;
    for (let i = 0; i < sent.length; i += 1) worst = Math.max(worst, Math.abs(pcm[offset + i]! - sent[i]!));
    expect(worst).toBeLessThan(400); // quantization of µ-law at this loudness
  });

  test("a new SSRC from the same phone goes on, a stranger's packets do not come in", async () => {
    await startPool();
    const call = await open();
    const caller = await phone({ to: { rtpPort: 0 } });
    const ports = await pool.addTrack(call.recordingId, 1, offer("1", { remote: { address: "127.0.0.1", rtpPort: caller.port, rtcpPort: caller.port + 1 } }), 0);
    const phoneTo = await phone({ to: ports, frequencyHz: 440 });
    const stranger = await phone({ to: ports, frequencyHz: 2_000, ssrc: 666 });
    await phoneTo.speak(500);
    phoneTo.changeSsrc(0x9999, 40_000, 123_456);
    await Promise.all([phoneTo.speak(500), stranger.speak(500)]);
    phoneTo.send(randomBytes(172)); // and noise
    phoneTo.send(Buffer.from("OPTIONS sip:x SIP/2.0\r\n"));
    await phoneTo.speak(40);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]).toMatchObject({ packets: 52, packetsLost: 0 });
    const pcm = await all(await listen(summary), 1);
    expect(purity(pcm.subarray(loudSpans(pcm)[0]!.from, loudSpans(pcm).at(-1)!.to), 2_000)).toBeLessThan(0.01);
    expect(pool.stats().packetsDropped).toBeGreaterThanOrEqual(26);
  });

  test("key presses among the speech are neither sound nor loss", async () => {
    await startPool();
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer("1"), 0);
    const caller = await phone({ to: ports });
    await caller.speak(300);
    const pressed = Array.from({ length: 5 }, (_, i) => buildRtp({ payloadType: 101, sequence: 115 + i, timestamp: 5_000 + 15 * 160, ssrc: 0x1234, payload: Buffer.from([5, 10, 0, 160 * i]) }));
    for (const packet of pressed) caller.send(packet);
    caller.changeSsrc(0x1234, 120, 5_000 + 20 * 160);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await caller.speak(300);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]).toMatchObject({ packets: 30, packetsLost: 0, gaps: [] });
    expect(Math.abs(summary.tracks[0]!.durationMs - 700)).toBeLessThanOrEqual(20);
  });

  test("a stream that was taken away may come back on its track", async () => {
    await startPool();
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer("1"), 0);
    const caller = await phone({ to: ports });
    await caller.speak(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await pool.removeTrack(call.recordingId, 1, call.nowMs());
    const again = await pool.changeTrack(call.recordingId, 1, offer("1"), call.nowMs());
    await (await phone({ to: again, ssrc: 9 })).speak(200);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks).toMatchObject([{ track: 1, packets: 20, packetsLost: 0, gaps: [] }]);
  });

  test("hold is no gap; a stream that should send and does not is one", async () => {
    await startPool({ silentMs: 700 });
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer("1"), 0);
    await pool.addTrack(call.recordingId, 2, offer("2"), 0);
    const caller = await phone({ to: ports });
    await caller.speak(300);
    await pool.changeTrack(call.recordingId, 1, offer("1", { sending: false }), call.nowMs());
    await caller.pause(2_300);
    const again = await pool.changeTrack(call.recordingId, 1, offer("1"), call.nowMs());
    expect(again).toEqual(ports);
    await caller.speak(300);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]!.gaps).toEqual([]);
    expect(summary.tracks[0]!.codec).toBe("PCMU");
    expect(summary.tracks[1]).toMatchObject({ codec: "", packets: 0, durationMs: 0 });
    expect(summary.tracks[1]!.gaps).toMatchObject([{ fromMs: 0, reason: "no_media" }]);
    expect(summary.tracks[1]!.gaps[0]!.toMs).toBeGreaterThan(2_800);
    expect(events.filter((event) => event.kind === "silent")).toHaveLength(1);
  });

  test("receiver reports go to who sends reports", { timeout: 15_000 }, async () => {
    await startPool();
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer("1"), 0);
    const caller = await phone({ to: ports, ssrc: 4711 });
    const rtcp = createSocket("udp4");
    rtcp.bind(0, "127.0.0.1");
    await once(rtcp, "listening");
    const report = once(rtcp, "message") as Promise<[Buffer]>;
    await caller.speak(40);
    const senderReport = Buffer.alloc(28);
    senderReport.writeUInt16BE(0x80c8, 0);
    senderReport.writeUInt16BE(6, 2);
    senderReport.writeUInt32BE(4711, 4);
    senderReport.writeUInt32BE(3_900_000_000, 8);
    rtcp.send(senderReport, ports.rtcpPort, "127.0.0.1");
    const [bytes] = await report;
    rtcp.close();
    const packets = parseRtcp(bytes);
    expect(packets).toMatchObject({ ok: true, value: [{ kind: "receiver-report", blocks: [{ ssrc: 4711, fractionLost: 0, cumulativeLost: 0 }] }, { kind: "source-description" }] });
    await pool.finish(call.recordingId, call.nowMs());
  });

  test("pieces free the journal, and nothing that was said lies in the spool or the store in the clear", async () => {
    await startPool({ pieceMs: 1_000, segmentBytes: 20_000 });
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer("Adele's line"), 0);
    const caller = await phone({ to: ports, frequencyHz: 440 });
    await caller.speak(6_000);
    await vi.waitFor(() => expect(events.filter((event) => event.kind === "piece").length).toBeGreaterThanOrEqual(2), 3_000);
    // The journal lets go after the piece is told of.
    await vi.waitFor(async () => expect((await readdir(join(dir, "spool", "journal"))).some((name) => name.endsWith("-000001.ewj"))).toBe(false), 3_000);
    expect((await readdir(join(dir, "spool", "journal"))).length).toBeGreaterThan(0);
    expect(pool.stats().journalBytes).toBeLessThan(6_000 * 8 * 1.2); // and not all that ever came
    const summary = await pool.finish(call.recordingId, call.nowMs());
    const pcm = await all(await listen(summary), 1);
    expect(loudSpans(pcm)).toHaveLength(1);
    expect(summary.tracks[0]).toMatchObject({ packets: 300, packetsLost: 0, gaps: [] });
    expect(summary.pieces.map((piece) => piece.seq)).toEqual(summary.pieces.map((_, i) => i));

    const wire = Buffer.from(encodeG711("PCMU", tone(440, 0, 80)));
    for (const [root, files] of [[join(dir, "spool"), await readdir(join(dir, "spool"), { recursive: true, withFileTypes: true })], [join(dir, "store"), await readdir(join(dir, "store"), { recursive: true, withFileTypes: true })]] as const) {
      expect(files.some((file) => file.isFile()), root).toBe(true);
      for (const file of files.filter((entry) => entry.isFile())) {
        const bytes = await readFile(join(file.parentPath, file.name));
        expect(bytes.includes(wire)).toBe(false);
        expect(bytes.includes("Adele")).toBe(false);
      }
    }
    await pool.release(tenantId, call.recordingId);
    expect(await readdir(join(dir, "spool", "pieces", tenantId))).toEqual([]);
  });

  test("streams get pairs of the range; a freed pair rests before it is given out again", async () => {
    const from = 40_000 + 2 * Math.floor(Math.random() * 5_000);
    await startPool({ rtpPorts: [from, from + 3] });
    const call = await open();
    const one = await pool.addTrack(call.recordingId, 1, offer("1"), 0);
    const two = await pool.addTrack(call.recordingId, 2, offer("2"), 0);
    for (const ports of [one, two]) expect([ports.rtpPort % 2, ports.rtcpPort - ports.rtpPort]).toEqual([0, 1]);
    await expect(pool.addTrack(call.recordingId, 3, offer("3"), 0)).rejects.toThrow(/in use/);
    await pool.removeTrack(call.recordingId, 1, 100);
    await expect(pool.addTrack(call.recordingId, 3, offer("3"), 0)).rejects.toThrow(/in use/);
    await vi.waitFor(async () => expect(await pool.addTrack(call.recordingId, 3, offer("3"), 0)).toEqual(one), 4_000);
  });
});

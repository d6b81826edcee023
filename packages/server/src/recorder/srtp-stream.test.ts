/** Protected streams through the media pool: real packets, from a phone of ours and from programs that we did not write. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildReceiverReport, buildRtp, createSrtpReceiver, encodeG711, mintSrtpMasterKey, parseRtcp, srtpSuites, type SrtpKeys, type SrtpMasterKey, type SrtpSuite } from "@earwitness/media";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { mintId } from "#ids";
import { createLog } from "#log";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "#vault";
import { createSrtpSender } from "../../../media/src/testing/srtp-sender.ts";
import type { StreamOffer } from "./call.ts";
import { createMediaPool } from "./media-pool.ts";
import type { MediaPool, RecordingSummary } from "./media.ts";
import { openRecordingReader } from "./reader.ts";
import { createPhone, loudSpans, purity, tone, type Phone } from "./test-phone.ts";

const tenantId = randomUUID();
let dir: string;
let vault: Vault;
let pool: MediaPool;
const phones: Phone[] = [];
const programs: ChildProcess[] = [];
const sockets: Socket[] = [];

const mint = (suite: SrtpSuite, mki: Uint8Array | null = null): SrtpMasterKey => ({ ...mintSrtpMasterKey(suite, (bytes) => new Uint8Array(randomBytes(bytes))), mki });
const keysOf = (suite: SrtpSuite, theirs = mint(suite)): SrtpKeys => ({ suite, theirs: [theirs], ours: mint(suite), clearRtcp: false });
const offer = (srtp: SrtpKeys, more: Partial<StreamOffer> = {}): StreamOffer => ({ label: "1", payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true, srtp, ...more });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function open(): Promise<{ recordingId: string; nowMs(): number }> {
  const startedAtMs = Date.now();
  const recordingId = mintId(new Date(startedAtMs));
  await pool.open({ recordingId, tenantId, startedAtMs, key: await vault.createDataKey({ tenantId, ...(await vault.keyring.ensure(tenantId)) }) });
  return { recordingId, nowMs: () => Date.now() - startedAtMs };
}

async function phone(options: Parameters<typeof createPhone>[0]): Promise<Phone> {
  const one = await createPhone(options);
  phones.push(one);
  return one;
}

async function socket(): Promise<Socket> {
  const one = createSocket("udp4");
  sockets.push(one);
  one.bind(0, "127.0.0.1");
  await once(one, "listening");
  return one;
}

async function heard(summary: RecordingSummary): Promise<Int16Array> {
  for (const piece of summary.pieces) await vault.store.putFile(piece.objectName, piece.path);
  const objects = summary.pieces.map((piece) => ({ ...piece, kind: "piece" as const }));
  const reader = await openRecordingReader({ vault, tenantId, recordingId: summary.recordingId, objects, tracks: summary.tracks });
  return reader.readPcm(1, 0, reader.durationMs * 8);
}

/** All that is loud, as one stretch. */
async function voice(summary: RecordingSummary): Promise<Int16Array> {
  const pcm = await heard(summary);
  const spans = loudSpans(pcm);
  return pcm.subarray(spans[0]?.from ?? 0, spans.at(-1)?.to ?? 0);
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-srtp-"));
  vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  pool = await createMediaPool({ workers: 1, bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir: join(dir, "spool"), log: createLog("silent") });
});
afterEach(async () => {
  for (const one of programs.splice(0)) one.kill("SIGKILL");
  for (const one of phones.splice(0)) one.close();
  for (const one of sockets.splice(0)) one.close();
  await pool.close();
  await vault.close();
  await rm(dir, { recursive: true });
});

describe("a protected stream", () => {
  test("is recorded whole; what is injected or replayed beside it, from the right address too, is counted and never heard", async () => {
    const keys = keysOf("AES_CM_128_HMAC_SHA1_80");
    const [sender, foreign] = [createSrtpSender(keys.suite, keys.theirs[0]!), createSrtpSender(keys.suite, mint(keys.suite))];
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer(keys, { remote: { address: "127.0.0.1", rtpPort: 9, rtcpPort: 0 } }), 0);

    // Before the sender's first packet: whoever comes first must not become the source.
    const intruder = await phone({ to: ports, frequencyHz: 2_000, protect: (packet) => foreign.protect(packet) });
    await intruder.speak(100);
    const sealed: Uint8Array[] = [];
    const caller = await phone({
      to: ports,
      protect: (packet) => {
        sealed.push(sender.protect(packet));
        return sealed.at(-1)!;
      },
    });
    let forged = 0;
    await caller.speak(1_000, ({ index, sequence, send }) => {
      const payload = encodeG711("PCMU", tone(2_000, 160 * index, 160));
      const clear = buildRtp({ payloadType: 0, sequence: sequence + 1, timestamp: 5_000 + 160 * (index + 1), ssrc: 0x1234, payload });
      for (const bytes of [clear, foreign.protect(clear), sealed[index >> 1]!, Buffer.concat([sealed[0]!, Buffer.alloc(1)])]) {
        if (index === 0) continue;
        caller.send(bytes);
        forged += 1;
      }
      send();
    });
    const stranger = await phone({ to: ports });
    const copies = sealed.length;
    for (const bytes of sealed) stranger.send(bytes);
    await pause(50);
    await caller.speak(500);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]).toMatchObject({ packets: 75, packetsLost: 0, gaps: [] });
    expect(purity(await voice(summary), 440)).toBeGreaterThan(0.9);
    expect(purity(await voice(summary), 2_000)).toBeLessThan(0.01);
    expect(pool.stats()).toMatchObject({ packets: 75, packetsRefusedSrtp: 5 + forged, packetsDropped: copies });
  });

  test("goes on under new keys without losing a packet, also while the sender has not heard of them", async () => {
    const [before, after] = [keysOf("AES_CM_128_HMAC_SHA1_80"), keysOf("AEAD_AES_256_GCM")];
    const [first, second] = [createSrtpSender(before.suite, before.theirs[0]!), createSrtpSender(after.suite, after.theirs[0]!)];
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer(before), 0);
    let sent = 0;
    const caller = await phone({ to: ports, firstSequence: 65_520, protect: (packet) => ((sent += 1) <= 30 ? first.protect(packet, sent > 16 ? 1 : 0) : second.protect(packet, 1)) });
    const speaking = caller.speak(1_200);
    await pause(400);
    expect(await pool.changeTrack(call.recordingId, 1, offer(after), call.nowMs())).toEqual(ports);
    await speaking;
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]).toMatchObject({ packets: 60, packetsLost: 0, gaps: [] });
    expect(purity(await voice(summary), 440)).toBeGreaterThan(0.99);
    expect(pool.stats().packetsRefusedSrtp).toBe(0);
  });

  test("whose keys do not fit says so: counted, and the gap is not that nothing came", async () => {
    const keys = keysOf("AEAD_AES_128_GCM");
    const wrong = createSrtpSender(keys.suite, mint(keys.suite));
    const right = createSrtpSender(keys.suite, keys.theirs[0]!);
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer(keys), call.nowMs());
    let sent = 0;
    const caller = await phone({ to: ports, protect: (packet) => ((sent += 1) <= 130 ? wrong : right).protect(packet) });
    const speaksAtMs = call.nowMs();
    await caller.speak(3_000);
    await caller.pause(2_500);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(pool.stats()).toMatchObject({ packets: 20, packetsRefusedSrtp: 130 });
    const [first, last, ...more] = summary.tracks[0]!.gaps;
    expect(more).toEqual([]);
    expect(first).toMatchObject({ reason: "decrypt" });
    expect(first!.fromMs - speaksAtMs).toBeLessThan(500);
    expect(Math.abs(first!.toMs - first!.fromMs - 2_580)).toBeLessThan(100);
    expect(last).toMatchObject({ reason: "no_media" });
    expect(last!.fromMs - speaksAtMs).toBeGreaterThan(2_900);
  });

  test("a few forged packets in a silence do not make it one that could not be decrypted", async () => {
    const keys = keysOf("AES_CM_128_HMAC_SHA1_80");
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer(keys), 0);
    const wrong = createSrtpSender(keys.suite, mint(keys.suite));
    await (await phone({ to: ports, protect: (packet) => wrong.protect(packet) })).speak(200);
    await pause(2_300);
    const summary = await pool.finish(call.recordingId, call.nowMs());
    expect(summary.tracks[0]!.gaps).toMatchObject([{ reason: "no_media" }]);
  });

  test("its reports are protected both ways; one that is not authentic is not answered", { timeout: 15_000 }, async () => {
    const keys = keysOf("AEAD_AES_256_GCM");
    const [theirs, ours] = [createSrtpSender(keys.suite, keys.theirs[0]!), createSrtpSender(keys.suite, keys.ours)];
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer(keys), 0);
    const caller = await phone({ to: ports, ssrc: 4711, protect: (packet) => theirs.protect(packet) });
    const [rtcp, intruder] = [await socket(), await socket()];
    let misled = false;
    intruder.on("message", () => (misled = true));
    const report = once(rtcp, "message") as Promise<[Buffer]>;
    await caller.speak(40);
    const senderReport = Buffer.from(`80c80006${(4711).toString(16).padStart(8, "0")}${"e8754700".repeat(5)}`, "hex");
    rtcp.send(theirs.protectRtcp(senderReport, 1), ports.rtcpPort, "127.0.0.1");
    await pause(50);
    intruder.send(senderReport, ports.rtcpPort, "127.0.0.1");
    intruder.send(theirs.protectRtcp(senderReport, 1), ports.rtcpPort, "127.0.0.1"); // again
    const [bytes] = await report;
    expect(parseRtcp(ours.unprotectRtcp(bytes).packet)).toMatchObject({ ok: true, value: [{ kind: "receiver-report", blocks: [{ ssrc: 4711, cumulativeLost: 0, lastSenderReport: 0x4700e875 }] }, { kind: "source-description" }] });
    expect(misled).toBe(false);
    await pool.finish(call.recordingId, call.nowMs());
    expect(pool.stats().packetsRefusedSrtp).toBe(2);
  });
});

/** Why a program cannot be asked here, or null. Under EARWITNESS_REQUIRE_ALL=1 it has to be there. */
function missing(command: string, ...args: string[]): string | null {
  if (spawnSync(command, args).status === 0) return null;
  if (process.env["EARWITNESS_REQUIRE_ALL"] === "1") throw new Error(`${command} ${args.join(" ")} is required`);
  return `${command} is not installed`;
}

function run(command: string, ...args: string[]): void {
  programs.push(spawn(command, args, { stdio: "ignore" }));
}

/** Until a second of sound came; the programs are then told to stop. */
async function finish(call: { recordingId: string; nowMs(): number }): Promise<RecordingSummary> {
  await vi.waitFor(() => expect(pool.stats().packets).toBeGreaterThanOrEqual(50), { timeout: 15_000, interval: 50 });
  for (const one of programs) one.kill("SIGKILL");
  return pool.finish(call.recordingId, call.nowMs());
}

describe.skipIf(missing("ffmpeg", "-version") !== null)("ffmpeg", () => {
  test.each(["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"] as const)("sends %s, and its tone is heard", { timeout: 30_000 }, async (suite) => {
    const keys = keysOf(suite);
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer(keys), 0);
    const params = Buffer.concat([keys.theirs[0]!.key, keys.theirs[0]!.salt]).toString("base64");
    run("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=700:sample_rate=8000:duration=10", "-c:a", "pcm_mulaw", "-f", "rtp", "-srtp_out_suite", suite, "-srtp_out_params", params, `srtp://127.0.0.1:${ports.rtpPort}?rtcpport=${ports.rtcpPort}&pkt_size=182`);
    const summary = await finish(call);
    expect(summary.tracks[0]!.packetsLost).toBe(0);
    expect(purity(await voice(summary), 700)).toBeGreaterThan(0.98);
    expect(pool.stats().packetsRefusedSrtp).toBe(0);
  });
});

const ciphers: Readonly<Record<SrtpSuite, readonly [cipher: string, auth: string]>> = {
  AES_CM_128_HMAC_SHA1_80: ["aes-128-icm", "hmac-sha1-80"],
  AES_CM_128_HMAC_SHA1_32: ["aes-128-icm", "hmac-sha1-32"],
  AEAD_AES_128_GCM: ["aes-128-gcm", "null"],
  AEAD_AES_256_GCM: ["aes-256-gcm", "null"],
};

/** GStreamer protects with libsrtp, which most equipment uses too. */
describe.skipIf(missing("gst-inspect-1.0", "srtpenc") !== null)("GStreamer", () => {
  test.each(srtpSuites.flatMap((suite) => [[suite, null], [suite, Uint8Array.of(1, 2, 3, 4)]] as const))("sends %s with MKI %s, and its tone and its reports are understood", { timeout: 30_000 }, async (suite, mki) => {
    const [cipher, auth] = ciphers[suite];
    const keys = keysOf(suite, mint(suite, mki));
    const call = await open();
    const ports = await pool.addTrack(call.recordingId, 1, offer(keys), 0);
    const key = Buffer.concat([keys.theirs[0]!.key, keys.theirs[0]!.salt]).toString("hex");
    const srtpenc = `srtpenc name=e key=${key} ${mki === null ? "" : `mki=${Buffer.from(mki).toString("hex")}`} rtp-cipher=${cipher} rtcp-cipher=${cipher} rtp-auth=${auth} rtcp-auth=${auth === "null" ? auth : "hmac-sha1-80"}`;
    const source = "audiotestsrc wave=sine freq=700 volume=0.3 samplesperbuffer=160 is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay min-ptime=20000000 max-ptime=20000000";
    const rtcp = `b.send_rtcp_src_0 ! e.rtcp_sink_0 e.rtcp_src_0 ! udpsink host=127.0.0.1 port=${ports.rtcpPort} sync=false async=false`;
    run("gst-launch-1.0", "-q", ...`rtpbin name=b ${source} ! b.send_rtp_sink_0 b.send_rtp_src_0 ! ${srtpenc} ! udpsink host=127.0.0.1 port=${ports.rtpPort} ${rtcp}`.split(/\s+/));
    const summary = await finish(call);
    expect(summary.tracks[0]!.packetsLost).toBe(0);
    expect(purity(await voice(summary), 700)).toBeGreaterThan(0.98);
    expect(pool.stats().packetsRefusedSrtp).toBe(0);
  });

  test.each(srtpSuites)("understands our reports under %s", { timeout: 30_000 }, async (suite) => {
    const [cipher, auth] = ciphers[suite];
    const keys = keysOf(suite);
    const reader = await socket();
    // A port that is free now: the program binds it.
    const { port } = (await socket()).address();
    sockets.pop()!.close();
    const key = Buffer.concat([keys.ours.key, keys.ours.salt]).toString("hex");
    const caps = `application/x-srtcp,ssrc=(uint)4711,srtp-key=(buffer)${key},srtp-cipher=(string)${cipher},srtcp-cipher=(string)${cipher},srtp-auth=(string)${auth},srtcp-auth=(string)${auth === "null" ? auth : "hmac-sha1-80"}`;
    run("gst-launch-1.0", "-q", "udpsrc", "address=127.0.0.1", `port=${port}`, `caps=${caps}`, "!", "d.rtcp_sink", "srtpdec", "name=d", "d.rtcp_src", "!", "udpsink", "host=127.0.0.1", `port=${reader.address().port}`, "sync=false", "async=false");

    const report = buildReceiverReport({ ssrc: 4711, cname: "earwitness", blocks: [{ ssrc: 5, fractionLost: 1, cumulativeLost: 2, extendedSequence: 3, jitter: 4, lastSenderReport: 5, delaySinceLastSenderReport: 6 }] });
    const receiver = createSrtpReceiver(keys);
    let understood: Buffer | null = null;
    reader.on("message", (bytes) => (understood = bytes));
    await vi.waitFor(
      () => {
        reader.send(receiver.protectRtcp(report)!, port, "127.0.0.1"); // until the program listens
        expect(understood).toEqual(Buffer.from(report));
      },
      { timeout: 20_000, interval: 100 },
    );
  });
});

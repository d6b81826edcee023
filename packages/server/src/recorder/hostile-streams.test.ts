/** Streams as broken and hostile senders send them, from the datagram to what is sealed and heard. The clock is the test's. */
import { buildRtp, encodeG711, parseRtcp } from "@earwitness/media";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { PayloadType, StreamOffer } from "./call.ts";
import type { RecordingSummary } from "./media.ts";
import { purity, tone } from "./test-phone.ts";
import { createWireCall, wireAddress, type WireCall } from "./test-wire.ts";

const pcmu: PayloadType = { number: 0, codec: "PCMU", clockRateHz: 8_000 };
const opus: PayloadType = { number: 96, codec: "OPUS", clockRateHz: 48_000 };
const offer = (more: Partial<StreamOffer> = {}): StreamOffer => ({ label: "1", payloads: [pcmu], remote: { address: wireAddress, rtpPort: 4_000, rtcpPort: 4_001 }, sending: true, ...more });
const withKeys = offer({ keyPresses: [{ number: 101, clockRateHz: 8_000 }] });

const calls: WireCall[] = [];
afterEach(async () => {
  for (const call of calls.splice(0)) await call.close();
});

async function open(stream: StreamOffer = offer(), options?: Parameters<typeof createWireCall>[0]): Promise<WireCall> {
  const call = await createWireCall(options);
  calls.push(call);
  await call.addTrack(1, stream);
  return call;
}

const voice = (index: number, hz = 440): Uint8Array => encodeG711("PCMU", tone(hz, index * 160, 160));
/** The packet of 20 ms that is spoken `index · 20 ms` after the beginning. */
const spoken = (index: number, hz?: number) => ({ sequence: index, timestamp: index * 160, payload: voice(index, hz) });

function speak(call: WireCall, from: number, to: number, more: { hz?: number; ssrc?: number; sequence?: number; timestamp?: number } = {}): void {
  const { hz, sequence = 0, timestamp = 0, ...rest } = more;
  for (let index = from; index < to; index += 1) call.send(index * 20, { ...rest, sequence: index + sequence, timestamp: index * 160 + timestamp, payload: voice(index, hz) });
}

async function heard(call: WireCall, summary: RecordingSummary): Promise<Int16Array> {
  const reader = await call.read(summary);
  return reader.readPcm(1, 0, (summary.durationMs * reader.sampleRate) / 1000);
}

test("a loss of ten seconds, whose first seconds are sealed when it shows, is one gap and all of its packets", async () => {
  const call = await open();
  speak(call, 0, 25);
  speak(call, 525, 560);
  const summary = await call.finish(11_220);
  expect(summary.tracks[0]).toMatchObject({ packets: 60, packetsLost: 500, gaps: [{ fromMs: 500, toMs: 10_500, reason: "loss" }] });
  expect(call.stats().packetsLost).toBe(500);
});

describe("late packets", () => {
  /** Packet 50 is waited for, given up, and comes 300 ms late. */
  async function lateBy(timestamp: number): Promise<{ call: WireCall; summary: RecordingSummary }> {
    const call = await open();
    speak(call, 0, 50);
    speak(call, 51, 66);
    call.send(1_310, { ...spoken(50), timestamp });
    speak(call, 66, 150);
    return { call, summary: await call.finish(3_020) };
  }

  test("with a true timestamp lies where it was spoken, and nothing is missing", async () => {
    const { call, summary } = await lateBy(50 * 160);
    expect(summary).toMatchObject({ durationMs: 3_000, tracks: [{ packets: 150, packetsLost: 0, gaps: [] }] });
    expect(purity(await heard(call, summary), 440)).toBeGreaterThan(0.999);
  });

  test.each([
    ["hours ahead", 50 * 160 + 3 * 3_600 * 8_000],
    ["hours back", 50 * 160 - 3 * 3_600 * 8_000],
    ["on its neighbor", 51 * 160],
    ["a second ahead", 100 * 160],
  ])("with a timestamp that says %s lies where its sequence number says", async (_, timestamp) => {
    const { call, summary } = await lateBy(timestamp);
    expect(summary).toMatchObject({ durationMs: 3_000, tracks: [{ packets: 150, packetsLost: 0, gaps: [] }] });
    expect(purity(await heard(call, summary), 440)).toBeGreaterThan(0.999);
  });

  test("that came just before its second is sealed is in the journal too, as no piece has it yet", async () => {
    const call = await open();
    const long = (index: number) => ({ sequence: index, timestamp: index * 480, payload: encodeG711("PCMU", tone(440, index * 480, 480)) }); // 60 ms
    for (let index = 0; index < 64; index += 1) if (index !== 12) call.send(index * 60, long(index));
    call.send(3_950, long(12)); // of 720 ms; the beat at 4,000 seals its second, and frames hold what is older
    call.pass(4_050);
    const summary = await call.crash();
    expect(summary.tracks[0]).toMatchObject({ packets: 64, packetsLost: 0, gaps: [expect.objectContaining({ reason: "recorder_restart" })] });
    expect(purity((await heard(call, summary)).subarray(0, 30_000), 440)).toBeGreaterThan(0.999);
  });

  test("that has no place by its number, nor by its timestamp, is counted and nothing else", async () => {
    const call = await open();
    speak(call, 0, 50);
    // A silence in which one packet was lost: where it was is known by its timestamp only, and that is false.
    for (let index = 100; index < 130; index += 1) call.send(index * 20, { ...spoken(index), sequence: index - 49 });
    call.send(2_610, { ...spoken(70), sequence: 50, timestamp: 4_000 * 160 });
    const summary = await call.finish(2_700);
    expect(summary).toMatchObject({ durationMs: 2_600, tracks: [{ packets: 80, packetsLost: 1 }] });
    expect(call.stats().packetsDropped).toBe(1);
  });

  test("two packets that overtake each other at the very beginning are both kept", async () => {
    const call = await open();
    call.send(20, spoken(1));
    call.send(25, spoken(0));
    speak(call, 2, 50);
    expect(await call.finish(1_100)).toMatchObject({ tracks: [{ packets: 50, packetsLost: 0, gaps: [] }] });
  });

  test("a number and a clock that jump ahead together do not cost what follows", async () => {
    const call = await open();
    speak(call, 0, 50);
    for (let index = 50; index < 200; index += 1) call.send(index * 20, { sequence: index + 2_900, timestamp: (index + 2_900) * 160, payload: voice(index) });
    const summary = await call.finish(4_100);
    expect(summary.tracks[0]!.packets).toBe(200);
    expect(summary.durationMs).toBeLessThanOrEqual(4_100);
  });
});

describe("sources", () => {
  test.each([
    ["one packet at a time, between those of the stream", 1],
    ["several at once", 4],
  ])("strays from the sender's own port are not mixed in: %s", async (_, burst) => {
    const call = await open();
    let strays = 0;
    for (let index = 0; index < 250; index += 1) {
      call.send(index * 20, spoken(index));
      if (index % 3 !== 1) continue;
      for (let one = 0; one < burst; one += 1) call.send(index * 20 + 5, { ssrc: 0xbad, sequence: 9_000 + strays, timestamp: 77_000 + strays++ * 160, payload: voice(index, 2_000) });
    }
    const summary = await call.finish(5_100);
    expect(summary).toMatchObject({ durationMs: 5_000, tracks: [{ packets: 250, packetsLost: 0, gaps: [] }] });
    expect(purity(await heard(call, summary), 440)).toBeGreaterThan(0.999);
    expect(call.stats().packetsDropped).toBe(strays);
  });

  test("a source for each packet is nobody's", async () => {
    const call = await open();
    for (let index = 0; index < 100; index += 1) {
      call.send(index * 20, spoken(index));
      for (let one = 0; one < 5; one += 1) call.send(index * 20 + 5, { ...spoken(index, 2_000), ssrc: 0x1_0000 + index * 5 + one });
    }
    const summary = await call.finish(2_100);
    expect(summary.tracks[0]).toMatchObject({ packets: 100, packetsLost: 0, gaps: [] });
    expect(call.stats().packetsDropped).toBe(500);
  });

  test("a sender that changes its source without a word is followed, from the first packet on", async () => {
    const call = await open();
    speak(call, 0, 100);
    speak(call, 100, 200, { ssrc: 0xdef, sequence: 31_000, timestamp: 123_456, hz: 900 });
    const summary = await call.finish(4_100);
    expect(summary.tracks[0]).toMatchObject({ packets: 200, packetsLost: 0, gaps: [] });
    const pcm = await heard(call, summary);
    expect(purity(pcm.subarray(0, 16_000), 440)).toBeGreaterThan(0.999);
    expect(purity(pcm.subarray(16_160, 32_000), 900)).toBeGreaterThan(0.99);
    expect(call.stats().packetsDropped).toBe(0);
  });

  test("the last of one source after the first of the next: both whole", async () => {
    const call = await open();
    speak(call, 0, 99);
    call.send(1_990, { ssrc: 0xdef, sequence: 500, timestamp: 5_000, payload: voice(100, 900) });
    call.send(2_000, spoken(99));
    for (let index = 1; index < 100; index += 1) call.send(2_000 + index * 20, { ssrc: 0xdef, sequence: 500 + index, timestamp: 5_000 + index * 160, payload: voice(index, 900) });
    const summary = await call.finish(4_100);
    expect(summary.tracks[0]).toMatchObject({ packets: 200, packetsLost: 0 });
    expect(call.stats().packetsDropped).toBe(0);
  });

  /** A stray beside a sender that is silent for three seconds. */
  async function strayInSilence(strayFrom: number): Promise<{ call: WireCall; summary: RecordingSummary; pcm: Int16Array }> {
    const call = await open();
    for (let index = 0; index < 500; index += 1) {
      if (index < 150) call.send(index * 20, spoken(index));
      if (index >= 300) call.send(index * 20, { ...spoken(index), sequence: index - 150, marker: index === 300 });
      if (index >= strayFrom) call.send(index * 20 + 3, { ssrc: 0xbad, sequence: 9_000 + index, timestamp: index * 160, payload: voice(index, 2_000) });
    }
    const summary = await call.finish(10_100);
    return { call, summary, pcm: await heard(call, summary) };
  }

  test("a stray that was heard beside the sender for long is not taken for it when it is silent", async () => {
    const { summary, pcm } = await strayInSilence(0);
    expect(summary).toMatchObject({ durationMs: 10_000, tracks: [{ packets: 350, packetsLost: 0, gaps: [] }] });
    for (const [from, to] of [[0, 3_000], [6_000, 10_000]] as const) expect(purity(pcm.subarray(from * 8, to * 8), 440)).toBeGreaterThan(0.999);
    expect(pcm.subarray(3_000 * 8, 6_000 * 8).every((sample) => sample === 0)).toBe(true);
  });

  test("one that begins in the silence is, until the sender is back: of the sender not a packet is missing", async () => {
    const { call, pcm } = await strayInSilence(160);
    expect(purity(pcm.subarray(0, 3_000 * 8), 440)).toBeGreaterThan(0.999);
    expect(purity(pcm.subarray(6_500 * 8, 9_900 * 8), 440)).toBeGreaterThan(0.99);
    // 350 of the sender, and 140 of the stray until it was found out; some of these in the tenth of a second that it took.
    const { packets, packetsDropped } = call.stats();
    expect(packets).toBeLessThanOrEqual(350 + 146);
    expect(packets + packetsDropped).toBe(350 + 340);
  });
});

const event = (key: number, ends: boolean, duration: number): Uint8Array => Uint8Array.of(key, ends ? 0x8a : 0x0a, (duration >> 8) & 0xff, duration & 0xff);

describe("RFC 4733 key presses", () => {
  /** Presses a key for so many packets of 20 ms; `how` writes timestamp and duration. Answers the next sequence number. */
  function press(call: WireCall, from: number, packets: number, options: { sequence: number; key?: number; how?: "segments" | "wraps" | "saturates"; skip?: (n: number) => boolean; payloadType?: number; clock?: number; base?: number }): number {
    const { how = "segments", skip = () => false, key = 5, payloadType = 101, clock = 8_000, base = from * 160 } = options;
    const step = clock / 50;
    let { sequence } = options;
    for (let n = 1; n <= packets + 2; n += 1) {
      const whole = Math.min(n, packets) * step;
      const ends = n >= packets;
      let [timestamp, duration] = [base, whole];
      if (how === "segments") {
        const segment = Math.floor((whole - 1) / 0xffff);
        [timestamp, duration] = [base + segment * 0xffff, whole - segment * 0xffff];
      } else if (how === "wraps") duration = whole % 0x1_0000;
      else duration = Math.min(whole, 0xffff);
      const at = (from + Math.min(n, packets)) * 20;
      if (!skip(n)) call.send(at, { sequence, timestamp, payload: event(key, ends, duration), payloadType, marker: n === 1 });
      sequence += 1;
    }
    return sequence;
  }

  test.each(["segments", "wraps", "saturates"] as const)("a key held for 20 s is one press of 20 s, also long after its beginning is sealed: a sender whose duration %s", async (how) => {
    const call = await open(withKeys);
    speak(call, 0, 50);
    const sequence = press(call, 50, 1_000, { sequence: 50, how });
    for (let index = 1_050; index < 1_100; index += 1) call.send(index * 20, { ...spoken(index), sequence: sequence + index - 1_050 });
    const summary = await call.finish(22_100);
    expect(summary.tracks[0]!.keyPresses).toHaveLength(1);
    const [one] = summary.tracks[0]!.keyPresses;
    expect(one).toMatchObject({ atMs: 1_000, key: "5" });
    expect(Math.abs(one!.durationMs - 20_000)).toBeLessThanOrEqual(25);
    expect(summary.tracks[0]).toMatchObject({ packets: 100, packetsLost: 0, gaps: [] });
  });

  test("packets that a press loses are no lost speech: in its middle, at its beginning, of its end", async () => {
    const call = await open(withKeys);
    speak(call, 0, 50);
    let sequence = press(call, 50, 20, { sequence: 50, skip: (n) => n >= 8 && n <= 12 });
    for (let index = 70; index < 100; index += 1) call.send(index * 20, { ...spoken(index), sequence: sequence++ });
    sequence = press(call, 100, 20, { sequence, key: 6, skip: (n) => n <= 4 });
    for (let index = 120; index < 150; index += 1) call.send(index * 20, { ...spoken(index), sequence: sequence++ });
    sequence = press(call, 150, 20, { sequence, key: 7, skip: (n) => n > 20 });
    for (let index = 170; index < 200; index += 1) call.send(index * 20, { ...spoken(index), sequence: sequence++ });
    const summary = await call.finish(4_100);
    expect(summary.tracks[0]!.keyPresses).toMatchObject([{ key: "5", durationMs: 400 }, { key: "6", durationMs: 400 }, { key: "7", durationMs: 400 }]);
    expect(summary.tracks[0]).toMatchObject({ packets: 140, packetsLost: 0, gaps: [] });
    expect(call.stats().packetsLost).toBe(0);
  });

  test("speech that is lost before a press, and beside one, is lost", async () => {
    const call = await open(withKeys);
    speak(call, 0, 47); // 47, 48 and 49 never come
    let sequence = press(call, 50, 10, { sequence: 50 });
    for (let index = 60; index < 100; index += 1) call.send(index * 20, { ...spoken(index), sequence: sequence++ });
    // The sender goes on speaking while the key is down; one packet of speech is lost.
    for (let index = 100; index < 120; index += 1) {
      call.send(index * 20, { sequence: sequence++, timestamp: 100 * 160, payload: event(8, index === 119, (index - 99) * 160), payloadType: 101, marker: index === 100 });
      if (index !== 110) call.send(index * 20 + 1, { ...spoken(index), sequence });
      sequence += 1;
    }
    for (let index = 120; index < 150; index += 1) call.send(index * 20, { ...spoken(index), sequence: sequence++ });
    const summary = await call.finish(3_100);
    expect(summary.tracks[0]).toMatchObject({ packetsLost: 4, gaps: [{ fromMs: 940, toMs: 1_000, reason: "loss" }, { fromMs: 2_200, toMs: 2_220, reason: "loss" }] });
    expect(summary.tracks[0]!.keyPresses).toMatchObject([{ key: "5", durationMs: 200 }, { key: "8", durationMs: 400 }]);
  });

  test("a clock of its own beside Opus: the press lies where it came, and the speech where it was", async () => {
    const call = await open(offer({ payloads: [opus], keyPresses: [{ number: 101, clockRateHz: 8_000 }] }));
    const { Encoder } = await import("@evan/opus");
    const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application: "audio" });
    const say = (index: number, sequence: number, lateMs = 0): void => {
      const pcm = Int16Array.from({ length: 960 }, (_, at) => Math.round(8_000 * Math.sin((2 * Math.PI * 900 * (index * 960 + at)) / 48_000)));
      call.send(index * 20 + lateMs, { sequence, timestamp: 90_000_000 + index * 960, payload: encoder.encode(pcm).slice(), payloadType: 96 });
    };
    for (let index = 0; index < 100; index += 1) say(index, index);
    const sequence = press(call, 100, 10, { sequence: 100, base: 1_234_567 });
    for (let index = 110; index < 200; index += 1) say(index, sequence + index - 110, Math.max(0, 60 - (index - 110) * 15));
    const summary = await call.finish(4_100);
    expect(summary.durationMs).toBe(4_000);
    expect(summary.tracks[0]).toMatchObject({ packets: 190, packetsLost: 0, gaps: [] });
    const [one] = summary.tracks[0]!.keyPresses;
    expect(one).toMatchObject({ key: "5", durationMs: 200 });
    expect(Math.abs(one!.atMs - 2_000)).toBeLessThanOrEqual(25);
  });

  test("a press is in the journal as soon as it begins: a crash in the middle of it does not lose it", async () => {
    const call = await open(withKeys);
    speak(call, 0, 50);
    for (let n = 1; n <= 15; n += 1) call.send((50 + n) * 20, { sequence: 49 + n, timestamp: 50 * 160, payload: event(9, false, n * 160), payloadType: 101, marker: n === 1 });
    call.pass(1_600);
    const summary = await call.crash();
    expect(summary.tracks[0]!.keyPresses).toMatchObject([{ atMs: 1_000, key: "9" }]);
  });

  test("and of one that lasts, no more than a second of its length", async () => {
    const call = await open(withKeys, { pieceMs: 2_000 });
    speak(call, 0, 50);
    for (let n = 1; n <= 500; n += 1) call.send((50 + n) * 20, { sequence: 49 + n, timestamp: 50 * 160, payload: event(9, false, n * 80), payloadType: 101, marker: n === 1 });
    call.pass(11_400);
    const summary = await call.crash();
    expect(summary.tracks[0]!.keyPresses).toHaveLength(1);
    expect(summary.tracks[0]!.keyPresses[0]!.durationMs).toBeGreaterThanOrEqual(4_000);
  });
});

describe("comfort noise (RFC 3389)", () => {
  test("after it nothing need come: the rest of the call is silence, not missing media", async () => {
    const call = await open(offer({ comfortNoise: [13] }));
    speak(call, 0, 50);
    call.send(1_000, { sequence: 50, timestamp: 50 * 160, payload: Uint8Array.of(60), payloadType: 13 });
    const summary = await call.finish(60_000);
    expect(summary.tracks[0]).toMatchObject({ packets: 50, packetsLost: 0, gaps: [] });
  });

  test("a stream that begins with it and then stops with no word is missing from where it stopped", async () => {
    const call = await open(offer({ comfortNoise: [13] }));
    call.send(0, { sequence: 0, timestamp: 0, payload: Uint8Array.of(60), payloadType: 13 });
    for (let index = 200; index < 250; index += 1) call.send(index * 20, { ...spoken(index), sequence: index - 199 });
    const summary = await call.finish(12_000);
    expect(summary.tracks[0]!.gaps).toEqual([{ fromMs: 5_000, toMs: 12_000, reason: "no_media" }]);
  });

  test("the same after a crash", async () => {
    const call = await open(offer({ comfortNoise: [13] }), { pieceMs: 2_000 });
    speak(call, 0, 50);
    call.send(1_000, { sequence: 50, timestamp: 50 * 160, payload: Uint8Array.of(60), payloadType: 13 });
    call.pass(14_000);
    const summary = await call.crash();
    expect(summary.tracks[0]!.gaps.filter(({ reason }) => reason !== "recorder_restart")).toEqual([]);
  });

  test("reports count neither noise nor keys as lost", async () => {
    const call = await open(offer({ comfortNoise: [13], keyPresses: [{ number: 101, clockRateHz: 8_000 }] }));
    for (let index = 0; index < 500; index += 1) {
      if (index % 10 === 3) call.send(index * 20, { ...spoken(index), payload: Uint8Array.of(60), payloadType: 13 });
      else if (index % 10 === 4) call.send(index * 20, { ...spoken(index), payload: event(1, true, 160), payloadType: 101 });
      else call.send(index * 20, spoken(index));
    }
    const reports = call.ports[1]!.sent.flatMap((bytes) => {
      const parsed = parseRtcp(bytes);
      return parsed.ok ? parsed.value : [];
    });
    const blocks = reports.flatMap((report) => (report.kind === "receiver-report" ? report.blocks : []));
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) expect(block).toMatchObject({ cumulativeLost: 0, fractionLost: 0 });
    expect(blocks.at(-1)!.jitter).toBeLessThan(10);
  });
});

describe("RTP and RTCP on one port (RFC 5761)", () => {
  const report = (ssrc: number): Buffer => {
    const bytes = Buffer.alloc(28);
    bytes.writeUInt8(0x80);
    bytes.writeUInt8(200, 1);
    bytes.writeUInt16BE(6, 2);
    bytes.writeUInt32BE(ssrc, 4);
    bytes.writeUInt32BE(0x1234_5678, 8);
    return bytes;
  };

  test("agreed in mid-call: reports go and come there from then on, and back again", async () => {
    const call = await open();
    speak(call, 0, 500);
    expect(call.ports[1]!.sent.length).toBeGreaterThan(0);
    expect(call.ports[0]!.sent).toHaveLength(0);
    const muxed = await call.changeTrack(1, offer({ rtcpMux: true }));
    expect(muxed.rtcpPort).toBe(muxed.rtpPort);
    call.sendBytes(10_000, report(0xabc));
    const before = call.ports[1]!.sent.length;
    speak(call, 501, 1_000);
    expect(call.ports[1]!.sent).toHaveLength(before);
    const sent = call.ports[0]!.sent;
    expect(sent.length).toBeGreaterThan(0);
    const parsed = parseRtcp(sent.at(-1)!);
    expect(parsed.ok && parsed.value[0]).toMatchObject({ blocks: [{ lastSenderReport: 0x5678_0000 }] });
    const apart = await call.changeTrack(1, offer());
    expect(apart.rtcpPort).not.toBe(apart.rtpPort);
  });

  test("given up in mid-call by a sender that began with it: a port for its reports is opened", async () => {
    const call = await open(offer({ rtcpMux: true }));
    speak(call, 0, 50);
    const apart = await call.changeTrack(1, offer());
    expect(apart.rtcpPort).not.toBe(apart.rtpPort);
    speak(call, 50, 550);
    expect(call.ports.find(({ port }) => port === apart.rtcpPort)!.sent.length).toBeGreaterThan(0);
    expect(call.ports[0]!.sent).toHaveLength(0);
  });

  test("where it was not agreed, audio whose type looks like RTCP once its marker is set is audio", async () => {
    const call = await open(offer({ payloads: [{ ...pcmu, number: 77 }] }));
    for (let index = 0; index < 100; index += 1) call.sendBytes(index * 20, buildRtp({ ...spoken(index), payloadType: 77, ssrc: 0xabc, marker: index % 10 === 0 }));
    expect(await call.finish(2_100)).toMatchObject({ tracks: [{ packets: 100, packetsLost: 0, gaps: [] }] });
  });
});

describe("a recorder that reads too late", () => {
  test("says so: what it read when the second was sealed is counted, and a gap of its own", async () => {
    const call = await open(offer(), { pieceMs: 2_000 });
    speak(call, 0, 200);
    // Packets 200 to 249 lay in the socket while the beats went on.
    call.pass(12_000);
    for (let index = 200; index < 250; index += 1) call.send(index * 20, spoken(index), { waitedMs: 12_000 - index * 20 });
    speak(call, 600, 700, { sequence: -350 });
    const summary = await call.finish(14_100);
    const { gaps } = summary.tracks[0]!;
    expect(gaps.filter(({ reason }) => reason === "late")).toEqual([{ fromMs: 4_000, toMs: 5_000, reason: "late" }]);
    expect(call.stats().packetsLate).toBe(50);
    for (const gap of gaps.filter(({ reason }) => reason !== "late")) expect(gap.fromMs >= 5_000 || gap.toMs <= 4_000).toBe(true);
  });

  test("also after a crash", async () => {
    const call = await open(offer(), { pieceMs: 2_000 });
    speak(call, 0, 200);
    call.pass(12_000);
    for (let index = 200; index < 250; index += 1) call.send(index * 20, spoken(index), { waitedMs: 12_000 - index * 20 });
    speak(call, 600, 900, { sequence: -350 });
    await call.addTrack(2, offer({ label: "2" })); // whatever writes the state next
    const summary = await call.crash();
    expect(summary.tracks[0]!.gaps).toContainEqual({ fromMs: 4_000, toMs: 5_000, reason: "late" });
  });
});

describe("whatever the order of arrival", () => {
  test("packets that the network swaps within what is waited for make the same recording, to the sample", { timeout: 60_000 }, async () => {
    const inOrder = await open(withKeys);
    speak(inOrder, 0, 150);
    const want = await heard(inOrder, await inOrder.finish(3_500));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(150), { minLength: 150, maxLength: 150 }), async (delays) => {
        const call = await open(withKeys);
        const arrivals = delays.map((delay, index) => ({ index, atMs: index * 20 + (index === 0 ? 0 : delay) })).sort((a, b) => a.atMs - b.atMs);
        for (const { index, atMs } of arrivals) call.send(atMs, spoken(index));
        const summary = await call.finish(3_500);
        expect(summary.tracks[0]).toMatchObject({ packets: 150, packetsLost: 0, gaps: [] });
        expect(await heard(call, summary)).toEqual(want);
      }),
      { numRuns: 12 },
    );
  });

  test("whatever comes, no packet lies on another, none hours away, and each is kept or counted", { timeout: 60_000 }, async () => {
    const packet = fc.record({
      step: fc.nat(60),
      sequence: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: fc.integer({ min: -20, max: 20 }) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
      timestamp: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(0xffff_ffff) }),
      ssrc: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(3) }),
      kind: fc.oneof({ weight: 8, arbitrary: fc.constant("voice" as const) }, { weight: 1, arbitrary: fc.constantFrom("noise" as const, "key" as const, "rubbish" as const) }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { maxLength: 120 }), async (packets) => {
        const call = await open({ ...withKeys, comfortNoise: [13] });
        let [atMs, voices] = [0, 0];
        for (const [index, { step, sequence, timestamp, ssrc, kind }] of packets.entries()) {
          atMs += step;
          const payload = kind === "voice" ? voice(index) : kind === "noise" ? Uint8Array.of(60) : kind === "key" ? event(index & 15, index % 3 === 0, index * 997) : Uint8Array.of(1, 2, 3);
          const payloadType = { voice: 0, noise: 13, key: 101, rubbish: 99 }[kind];
          if (kind === "voice") voices += 1;
          call.send(atMs, { sequence: sequence === null ? index : index + sequence, timestamp: timestamp ?? index * 160, ssrc, payload, payloadType });
        }
        const summary = await call.finish(atMs + 300);
        const [track] = summary.tracks;
        expect(summary.durationMs).toBeLessThanOrEqual(atMs + 16_000);
        expect(track!.packets).toBeLessThanOrEqual(voices);
        for (const gap of track!.gaps) expect(gap.toMs).toBeGreaterThan(gap.fromMs);
        await call.read(summary).then((reader) => reader.readPcm(1, 0, summary.durationMs * 8));
      }),
      { numRuns: 60 },
    );
  });
});

test("PLT-03 the largest packets that call themselves the shortest, in one go after a stall, come back from the journal: no frame is longer than recovery reads", async () => {
  const call = await open(offer({ payloads: [opus] }));
  const payload = Buffer.alloc(7_600, 0x55);
  payload[0] = 0xe0; // one frame of 2.5 ms, it says
  const packets = 640; // 4.9 MB, where a frame has 4 MiB at most
  for (let index = 0; index < packets; index += 1) call.send(index * 2.5, { sequence: index, timestamp: index * 120, payload, payloadType: 96 }, { waitedMs: 1_900 - index * 2.5 });
  call.pass(2_200);
  expect(call.stats()).toMatchObject({ packets, packetsDropped: 0 });
  const summary = await call.crash();
  expect(summary.tracks[0]).toMatchObject({ packets, packetsLost: 0 });
  expect(summary.tracks[0]!.gaps.map(({ reason }) => reason)).not.toContain("decrypt");
});

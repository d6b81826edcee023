import { parseSdp } from "@earwitness/media";
import type { SdpMedia, SipResponse } from "@earwitness/media";
import { describe, expect, test } from "vitest";
import type { StreamOffer } from "#recorder";
import type { Sdes } from "./protection.ts";
import { byAddress, createTestServer, trunk } from "./test-server.ts";

function answerOf(response: SipResponse): readonly SdpMedia[] {
  const sdp = parseSdp(response.body);
  if (!sdp.ok) throw new Error(`${response.status}: ${sdp.reason}`);
  return sdp.value.media;
}

const offerOf = (...lines: readonly string[]) => ({ contentType: "application/sdp", body: ["v=0", "o=src 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", ...lines, ""].join("\r\n") });

async function negotiate(...lines: readonly string[]): Promise<{ readonly status: number; readonly offer: StreamOffer | undefined; readonly answer: string[] }> {
  await using it = await createTestServer();
  const response = await (await it.call()).establish(offerOf(...lines));
  const answer = new TextDecoder().decode(response.body).split("\r\n");
  return { status: response.status, offer: it.recorder.calls[0]?.offer.streams[0], answer: answer.slice(answer.findIndex((line) => line.startsWith("m=")), -1) };
}

describe("codecs", () => {
  test.each([
    ["theirs first: G.722 before G.711", ["m=audio 30000 RTP/AVP 9 8 0", "a=sendonly"], ["m=audio 40002 RTP/AVP 9", "a=rtpmap:9 G722/8000", "a=recvonly"]],
    ["theirs first: G.711 before Opus", ["m=audio 30000 RTP/AVP 0 111", "a=rtpmap:111 opus/48000/2", "a=sendonly"], ["m=audio 40002 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=recvonly"]],
    ["what cannot be played back is passed over", ["m=audio 30000 RTP/AVP 18 96 9", "a=rtpmap:96 AMR-WB/16000", "a=sendonly"], ["m=audio 40002 RTP/AVP 9", "a=rtpmap:9 G722/8000", "a=recvonly"]],
    [
      "key presses and comfort noise come with the codec",
      ["m=audio 30000 RTP/AVP 8 101 13", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16,32", "a=sendonly"],
      ["m=audio 40002 RTP/AVP 8 101 13", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=rtpmap:13 CN/8000", "a=recvonly"],
    ],
    [
      "Opus: key presses in its clock, no comfort noise, one channel",
      ["m=audio 30000 RTP/AVP 111 101 110 13", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 stereo=1; sprop-stereo=1", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:110 telephone-event/48000", "a=sendonly"],
      ["m=audio 40002 RTP/AVP 111 110", "a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000", "a=fmtp:110 0-15", "a=recvonly"],
    ],
  ])("%s", async (_name, lines, expected) => {
    expect((await negotiate(...lines)).answer).toEqual(expected);
  });

  test("the recorder hears of every payload type that may come", async () => {
    const { offer } = await negotiate("m=audio 30000 RTP/AVP 111 9 0 101 13", "a=rtpmap:111 opus/48000", "a=rtpmap:9 G722/16000", "a=rtpmap:101 telephone-event/8000", "a=rtcp-mux", "a=sendonly");
    expect(offer).toEqual({
      label: "m0",
      payloads: [
        { number: 111, codec: "OPUS", clockRateHz: 48_000 },
        { number: 9, codec: "G722", clockRateHz: 8000 },
        { number: 0, codec: "PCMU", clockRateHz: 8000 },
      ],
      remote: { address: "127.0.0.1", rtpPort: 30_000, rtcpPort: 30_000 },
      sending: true,
      keyPresses: [{ number: 101, clockRateHz: 8000 }],
      comfortNoise: [13],
      rtcpMux: true,
    });
  });

  test("rtcp-mux is answered where the recorder shares the port", async () => {
    await using it = await createTestServer();
    it.recorder.mux = true;
    const call = await it.call();
    const [line] = answerOf(await call.establish(offerOf("m=audio 30000 RTP/AVP 8", "a=rtcp-mux", "a=sendonly")));
    expect(line).toMatchObject({ rtcpMux: true, port: 40_002 });
  });

  test.each([
    ["G.729 alone", "m=audio 30000 RTP/AVP 18"],
    ["a dynamic number that nothing maps", "m=audio 30000 RTP/AVP 96"],
    ["stereo G.711", "m=audio 30000 RTP/AVP 96\r\na=rtpmap:96 PCMA/8000/2"],
    ["key presses alone", "m=audio 30000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000"],
    ["no format at all", "m=audio 30000 RTP/AVP"],
    ["keys by DTLS", "m=audio 30000 UDP/TLS/RTP/SAVPF 8\r\na=fingerprint:sha-256 00"],
  ])("%s is no recording: 488", async (_name, line) => {
    expect((await negotiate(line, "a=sendonly")).status).toBe(488);
  });
});

/** Reads `<tag> <suite> inline:<24 or so characters>`; takes one suite, and answers with our key in hex, so that tests can compare it. */
const plainSdes: Sdes = {
  choose(values) {
    for (const value of values) {
      const [tag, suite, key = ""] = value.split(" ");
      if (suite === "AES_CM_128_HMAC_SHA1_80") return { ok: true, value: { tag: Number(tag), suite, keys: [{ key: Buffer.from(key), salt: new Uint8Array(14), mki: null }], clearRtcp: false } };
    }
    return { ok: false, reason: "no suite that is supported" };
  },
  answer: (tag, suite, ours) => `${tag} ${suite} inline:${Buffer.from(ours.key).toString("hex")}`,
};

describe("SRTP by SDES", () => {
  const secured = (key: string, ...more: readonly string[]) => offerOf("m=audio 30000 RTP/SAVP 8", `a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^31`, "a=sendonly", ...more);

  test("the offered tag and suite with a key of ours, which stays until theirs changes", async () => {
    await using it = await createTestServer({ sdes: plainSdes });
    const call = await it.call();
    const [line] = answerOf(await call.establish(secured("first")));
    expect([line!.protocol, line!.port]).toEqual(["RTP/SAVP", 40_002]);
    expect(line!.crypto).toEqual([expect.stringMatching(/^2 AES_CM_128_HMAC_SHA1_80 inline:[0-9a-f]{32}$/)]);
    const [recorded] = it.recorder.calls;
    const { srtp } = recorded!.offer.streams[0]!;
    expect(Buffer.from(srtp!.ours.key).toString("hex")).toBe(line!.crypto[0]!.slice(-32));
    expect([srtp!.ours.salt.length, srtp!.suite, srtp!.clearRtcp]).toEqual([14, "AES_CM_128_HMAC_SHA1_80", false]);

    const same = answerOf(await call.establish(secured("first")));
    expect(same[0]!.crypto).toEqual(line!.crypto);
    expect(recorded!.told.filter(({ kind }) => kind === "change")).toEqual([]);

    const rekeyed = answerOf(await call.establish(secured("second")));
    expect(rekeyed[0]!.crypto).not.toEqual(line!.crypto);
    const changed = recorded!.told.findLast((told) => told.kind === "change");
    expect(changed?.kind === "change" && Buffer.from(changed.stream.srtp!.theirs[0]!.key).toString()).toBe("inline:second|2^31");
  });

  test("a stream that went and comes again with its old keys gets a new one of ours", async () => {
    await using it = await createTestServer({ sdes: plainSdes });
    const call = await it.call();
    const [first] = answerOf(await call.establish(secured("first")));
    await call.establish(offerOf("m=audio 0 RTP/SAVP 8"));
    const [again] = answerOf(await call.establish(secured("first")));
    expect(again!.crypto[0]).toMatch(/inline:[0-9a-f]{32}$/);
    expect(again!.crypto).not.toEqual(first!.crypto);
  });

  test("keys that come in the clear are taken, and somebody is told", async () => {
    await using it = await createTestServer({ sdes: plainSdes });
    await (await it.call()).establish(secured("first"));
    expect(it.logged.join()).toContain("signaling in the clear");
    expect(it.logged.join()).not.toContain("inline:first");
  });

  test.each([
    ["without keys", ["m=audio 30000 RTP/SAVP 8", "a=sendonly"], "a=crypto is missing"],
    ["with suites that nobody should use", ["m=audio 30000 RTP/SAVPF 8", "a=crypto:1 F8_128_HMAC_SHA1_80 inline:x", "a=sendonly"], "no suite that is supported"],
  ])("SAVP %s: 488 says so", async (_name, lines, reason) => {
    await using it = await createTestServer({ sdes: plainSdes });
    const refused = await (await it.call()).establish(offerOf(...lines));
    expect([refused.status, refused.headers.get("Warning")]).toEqual([488, expect.stringContaining(reason)]);
  });

  test("a trunk that takes SRTP only refuses media in the clear: all of it 488, one line among others port 0", async () => {
    await using it = await createTestServer({ sdes: plainSdes, ...byAddress(() => ({ ...trunk, media: "srtp" })) });
    const refused = await (await it.call()).establish(offerOf("m=audio 30000 RTP/AVP 8", "a=sendonly"));
    expect([refused.status, refused.headers.get("Warning")]).toEqual([488, expect.stringContaining("SRTP only")]);
    const taken = answerOf(await (await it.call()).establish(secured("key", "m=audio 30002 RTP/AVP 8", "a=sendonly")));
    expect(taken.map(({ port }) => port)).toEqual([40_002, 0]);
  });

  test("a protected stream does not become a clear one on a trunk that wants SRTP: the whole offer is refused", async () => {
    await using it = await createTestServer({ sdes: plainSdes, ...byAddress(() => ({ ...trunk, media: "srtp" })) });
    const call = await it.call();
    await call.establish(secured("key"));
    expect((await call.establish(offerOf("m=audio 30000 RTP/AVP 8", "a=sendonly"))).status).toBe(488);
    expect(it.recorder.calls[0]!.told).toEqual([]);
  });

  test("keys never stand in what is kept, theirs nor ours; everything else does", async () => {
    await using it = await createTestServer({ sdes: plainSdes });
    const call = await it.call();
    await call.establish(secured("c2VjcmV0"));
    const [recorded] = it.recorder.calls;
    await expect.poll(() => recorded!.kept.length).toBe(1);
    const kept = [...recorded!.offer.raw, ...recorded!.kept].map(({ body }) => new TextDecoder().decode(body));
    expect(kept[0]).toBe(secured("c2VjcmV0").body.replace("inline:c2VjcmV0", "inline:***"));
    expect(kept[1]).toContain("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:***\r\n");
    expect(recorded!.kept[0]).toMatchObject({ contentType: "application/sdp", origin: "recorder" });
  });
});

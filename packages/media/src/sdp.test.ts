import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answerSdp } from "./sdp-answer.ts";
import type { SdpDecision } from "./sdp-answer.ts";
import { isSending, mediaAddress, parseSdp } from "./sdp.ts";
import type { SdpMedia, SdpSession } from "./sdp.ts";

function sdp(...lines: readonly string[]): SdpSession {
  const result = parseSdp(["v=0", "o=src 20001 1 IN IP4 192.0.2.10", "s=-", ...lines].join("\r\n"));
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

function media(...lines: readonly string[]): SdpMedia {
  const [first] = sdp(...lines).media;
  if (first === undefined) throw new Error("no media line");
  return first;
}

const LOCAL = { address: "198.51.100.5", sessionId: "77", version: 3 };
const take = (payloadTypes: readonly number[], rtpPort = 40_000, rtcpPort = 40_001): SdpDecision => ({ kind: "take", rtpPort, rtcpPort, payloadTypes });

describe("reading", () => {
  test("CAP-69 a recording offer gives one labelled stream per speaker", () => {
    const session = sdp(
      "c=IN IP4 192.0.2.10",
      "t=0 0",
      "m=audio 30000 RTP/AVP 8 101",
      "a=rtpmap:8 PCMA/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-16",
      "a=ptime:20",
      "a=sendonly",
      "a=label:a_leg",
      "m=audio 30002/1 RTP/SAVP 0",
      "c=IN IP6 2001:db8::7",
      "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
      "a=inactive",
      "a=label:16777227",
    );
    expect(session.origin).toEqual({ username: "src", sessionId: "20001", version: "1", address: "192.0.2.10" });
    const [first, second] = session.media;
    expect(first).toMatchObject({ kind: "audio", port: 30_000, protocol: "RTP/AVP", direction: "sendonly", label: "a_leg", ptimeMs: 20 });
    expect(first?.payloads).toEqual([
      { number: 8, encoding: "PCMA", clockRateHz: 8000, channels: 1, fmtp: null },
      { number: 101, encoding: "TELEPHONE-EVENT", clockRateHz: 8000, channels: 1, fmtp: "0-16" },
    ]);
    expect(second).toMatchObject({ direction: "inactive", label: "16777227", connection: { family: "IP6", address: "2001:db8::7" } });
    expect(second?.crypto).toEqual(["1 AES_CM_128_HMAC_SHA1_80 inline:x"]);
  });

  test("static payload types need no rtpmap; a dynamic one without stays unknown; opus has channels", () => {
    const { payloads } = media("m=audio 9 RTP/AVP 0 8 18 96 111", "a=rtpmap:111 opus/48000/2");
    expect(payloads.map((one) => [one.encoding, one.clockRateHz, one.channels])).toEqual([
      ["PCMU", 8000, 1],
      ["PCMA", 8000, 1],
      ["G729", 8000, 1],
      ["", 0, 1],
      ["OPUS", 48_000, 2],
    ]);
  });

  test("connection and direction of the session hold where a line has none", () => {
    const session = sdp("c=IN IP4 192.0.2.9", "a=sendonly", "m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0", "a=recvonly", "c=IN IP4 192.0.2.8/127");
    expect(session.media.map((one) => [one.connection?.address, one.direction])).toEqual([
      ["192.0.2.9", "sendonly"],
      ["192.0.2.8", "recvonly"],
    ]);
    expect(media("m=audio 4000 RTP/AVP 0").direction).toBe("sendrecv");
  });

  test("old line ends and white space are tolerated", () => {
    const result = parseSdp(new TextEncoder().encode("v=0\ns=x\n m=audio  5000  RTP/AVP  0 \na=label: 7 \n"));
    expect(result.ok && result.value.media[0]).toMatchObject({ port: 5000, label: "7" });
  });

  test("as many lines as 128 media lines could need, and a format that is said twice counts once", () => {
    const result = parseSdp(`v=0\r\nm=audio 1 RTP/AVP ${"0 8 ".repeat(60)}\r\na=rtpmap:0 PCMU/8000/1/${"/".repeat(100_000)}\r\n${"a=b\r\n".repeat(4_990)}`);
    expect(result.ok && result.value.media[0]!.attributes).toHaveLength(4_991);
    expect(result.ok && result.value.media[0]!.payloads.map(({ number }) => number)).toEqual([0, 8]);
    expect(parseSdp(`v=0\n${"a=b\n".repeat(5_000)}`)).toEqual({ ok: false, reason: "SDP of more than 5000 lines" });
  });

  test.each([
    ["nothing", ""],
    ["no version", "o=x\r\nm=audio 1 RTP/AVP 0"],
    ["a media line without a port", "v=0\r\nm=audio"],
    ["a port that is none", "v=0\r\nm=audio 70000 RTP/AVP 0"],
    ["a protocol that is none", "v=0\r\nm=audio 7000 <x> 0"],
    ["too many media lines", `v=0\r\n${"m=audio 0 RTP/AVP 0\r\n".repeat(200)}`],
    ["too much", `v=0\r\n${"a".repeat(300_000)}`],
  ])("%s is refused", (_what, input) => {
    expect(parseSdp(input).ok).toBe(false);
  });
});

describe("where a stream comes from", () => {
  test("RTCP at the next port, at its own, or with RTP", () => {
    const lines = ["c=IN IP4 192.0.2.1", "m=audio 4000 RTP/AVP 0"];
    expect(mediaAddress(media(...lines))).toEqual({ address: "192.0.2.1", rtpPort: 4000, rtcpPort: 4001 });
    expect(mediaAddress(media(...lines, "a=rtcp:5001 IN IP4 192.0.2.1"))?.rtcpPort).toBe(5001);
    expect(mediaAddress(media(...lines, "a=rtcp-mux"))?.rtcpPort).toBe(4000);
  });

  test.each([
    ["no c-line", []],
    ["a name", ["c=IN IP4 sbc.example.org"]],
    ["the unspecified address", ["c=IN IP4 0.0.0.0"]],
    ["the unspecified address of IPv6", ["c=IN IP6 ::"]],
  ])("is not known from %s", (_what, lines) => {
    expect(mediaAddress(media(...lines, "m=audio 4000 RTP/AVP 0"))).toBeNull();
  });

  test("sending, and the three ways of not sending", () => {
    const c = "c=IN IP4 192.0.2.1";
    expect(isSending(media(c, "m=audio 4000 RTP/AVP 0", "a=sendonly"))).toBe(true);
    expect(isSending(media(c, "m=audio 4000 RTP/AVP 0", "a=inactive"))).toBe(false);
    expect(isSending(media("c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0", "a=sendonly"))).toBe(false);
    expect(isSending(media(c, "m=audio 0 RTP/AVP 0", "a=sendonly"))).toBe(false);
    expect(isSending(media("m=audio 4000 RTP/AVP 0", "a=sendonly"))).toBe(true); // no c-line at all is met in the field
  });
});

describe("answering (RFC 3264 6, RFC 7866 7.1)", () => {
  const offer = sdp(
    "c=IN IP4 192.0.2.10",
    "t=3724394400 3724398000",
    "m=audio 30000 RTP/AVP 8 0 101",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
    "a=ptime:20",
    "a=sendonly",
    "a=label:1",
    "m=video 30002 RTP/AVP 97",
    "a=label:2",
    "m=audio 30004 RTP/AVP 0",
    "a=inactive",
    "a=label:3",
    "m=audio 0 RTP/AVP 0",
    "a=label:4",
  );

  test("line for line: taken, refused, held, gone", () => {
    const answer = answerSdp(offer, [take([8, 101]), { kind: "refuse" }, take([0], 40_002, 40_003), take([0], 40_004, 40_005)], LOCAL);
    expect(answer.split("\r\n")).toEqual([
      "v=0",
      "o=- 77 3 IN IP4 198.51.100.5",
      "s=-",
      "c=IN IP4 198.51.100.5",
      "t=3724394400 3724398000",
      "m=audio 40000 RTP/AVP 8 101",
      "a=rtpmap:8 PCMA/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-15",
      "a=ptime:20",
      "a=recvonly",
      "a=label:1",
      "m=video 0 RTP/AVP 97",
      "a=label:2",
      "m=audio 40002 RTP/AVP 0",
      "a=rtpmap:0 PCMU/8000",
      "a=inactive",
      "a=label:3",
      "m=audio 0 RTP/AVP 0",
      "a=label:4",
      "",
    ]);
  });

  test("a line nobody decided about, or with no codec in common, is refused", () => {
    const ports = answerSdp(offer, [take([97])], LOCAL)
      .split("\r\n")
      .filter((line) => line.startsWith("m="))
      .map((line) => line.split(" ")[1]);
    expect(ports).toEqual(["0", "0", "0", "0"]);
  });

  test("a line may be taken without being sent to yet", () => {
    const answer = answerSdp(offer, [{ kind: "take", rtpPort: 4, rtcpPort: 5, payloadTypes: [8], inactive: true }], LOCAL);
    expect(answer).toContain("a=inactive\r\na=label:1");
    expect(answer).not.toContain("recvonly");
  });

  test("RTCP elsewhere is told; on the same port only where it was offered", () => {
    const plain = sdp("c=IN IP4 192.0.2.1", "m=audio 4000 RTP/AVP 0", "a=sendonly");
    const mux = sdp("c=IN IP4 192.0.2.1", "m=audio 4000 RTP/AVP 0", "a=sendonly", "a=rtcp-mux");
    expect(answerSdp(plain, [take([0], 5000, 6000)], LOCAL)).toContain("a=rtcp:6000\r\n");
    expect(answerSdp(mux, [take([0], 5000, 5000)], LOCAL)).toContain("a=rtcp-mux\r\n");
    expect(answerSdp(mux, [take([0], 5000, 5001)], LOCAL)).not.toContain("rtcp");
    expect(answerSdp(plain, [take([0], 5000, 5000)], LOCAL)).toContain("a=rtcp:5000\r\n");
  });

  test("IPv6", () => {
    expect(answerSdp(offer, [], { ...LOCAL, address: "2001:db8::5" })).toContain("c=IN IP6 2001:db8::5\r\n");
  });

  test("whatever is offered, the answer parses and has the same lines, kinds and labels in the same order", () => {
    const line = fc.record({
      kind: fc.constantFrom("audio", "video", "application"),
      port: fc.nat(65_535),
      formats: fc.array(fc.nat(140), { maxLength: 5 }),
      label: fc.stringMatching(/^[\w\-.]{1,12}$/),
      direction: fc.constantFrom("sendonly", "sendrecv", "recvonly", "inactive"),
    });
    const decision = fc.oneof(fc.constant<SdpDecision>({ kind: "refuse" }), fc.array(fc.nat(140), { maxLength: 5 }).map((numbers) => take(numbers)));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 10 }), fc.array(decision, { maxLength: 12 }), (lines, decisions) => {
        const offered = sdp(
          ...lines.flatMap((one) => [`m=${one.kind} ${one.port} RTP/AVP ${one.formats.join(" ")}`, `a=${one.direction}`, `a=label:${one.label}`]),
        );
        const answer = parseSdp(answerSdp(offered, decisions, LOCAL));
        if (!answer.ok) throw new Error(answer.reason);
        expect(answer.value.media.map((one) => [one.kind, one.label])).toEqual(lines.map((one) => [one.kind, one.label]));
        for (const [index, one] of answer.value.media.entries()) {
          const sends = lines[index]?.direction.startsWith("send") ?? false;
          if (one.port !== 0) expect(one.direction).toBe(sends ? "recvonly" : "inactive");
          if (lines[index]?.port === 0) expect(one.port).toBe(0);
        }
      }),
    );
  });
});

describe("hostile bytes", () => {
  test("any text is read or refused, and what is read can be answered", () => {
    const text = fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("v=0", "m=audio 1 RTP/AVP 0", "m=", "a=label:x\rm=audio 1 RTP/AVP 0", "c=IN IP4 1", "a=rtpmap:", "a=fmtp:0 x", "o=", "t=")));
    fc.assert(
      fc.property(text, (lines) => {
        const result = parseSdp(["v=0", ...lines].join("\n"));
        if (!result.ok) return;
        const again = parseSdp(answerSdp(result.value, result.value.media.map(() => take([0])), LOCAL));
        expect(again.ok && again.value.media.length).toBe(result.value.media.length);
      }),
      { numRuns: 1000 },
    );
  });

  test("long lines are read in linear time", () => {
    for (const char of [" ", "/", ":", ".", "a", "\r"]) {
      const started = performance.now();
      for (const prefix of ["a=rtpmap:", "m=audio 1 RTP/AVP ", "c=IN IP4 ", "a="]) parseSdp(`v=0\n${prefix}${char.repeat(250_000)}`);
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });
});

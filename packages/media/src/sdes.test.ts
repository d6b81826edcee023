import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseSdes, maskSdesKeys, parseSdesCrypto, sdesAnswer } from "./sdes.ts";
import { srtpSuites, type SrtpSuite } from "./srtp-keys.ts";
import { mintSrtpMasterKey, srtpSuiteFacts } from "./srtp-suite.ts";

/** RFC 4568 §9.1 and §4: keys of the document's own examples. */
const exampleKey = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
const otherKey = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
const base64 = (bytes: number): string => Buffer.alloc(bytes, 7).toString("base64");
const keyOf: Readonly<Record<SrtpSuite, string>> = { AES_CM_128_HMAC_SHA1_80: exampleKey, AES_CM_128_HMAC_SHA1_32: otherKey, AEAD_AES_128_GCM: base64(28), AEAD_AES_256_GCM: base64(44) };
const offerOf = (tag: number, suite: SrtpSuite, parameters = ""): string => `${tag} ${suite} inline:${keyOf[suite]} ${parameters}`;
const reasonOf = (...values: string[]): string => {
  const choice = chooseSdes(values);
  return choice.ok ? "taken" : choice.reason;
};

describe("reading one crypto attribute", () => {
  test("RFC 4568's example: suite, key, salt, lifetime, MKI and session parameters", () => {
    const read = parseSdesCrypto(`1 AES_CM_128_HMAC_SHA1_80 inline:${exampleKey}|2^20|1:4;inline:${otherKey}|2^20|2:4 KDR=0 UNENCRYPTED_SRTCP`);
    expect(read).toMatchObject({ ok: true, value: { tag: 1, suite: "AES_CM_128_HMAC_SHA1_80", parameters: ["KDR=0", "UNENCRYPTED_SRTCP"] } });
    if (!read.ok) return;
    const [first, second] = read.value.keys;
    expect(Buffer.concat([first!.key, first!.salt]).toString("base64")).toBe(exampleKey);
    expect(Buffer.concat([second!.key, second!.salt]).toString("base64")).toBe(otherKey);
    expect([first!.key.length, first!.salt.length]).toEqual([16, 14]);
    expect([first!.mki, second!.mki]).toEqual([Uint8Array.of(0, 0, 0, 1), Uint8Array.of(0, 0, 0, 2)]);
  });

  test.each([
    ["", null],
    ["|2^31", null],
    ["|2^48", null],
    ["|1048576", null],
    ["|1:4", Uint8Array.of(0, 0, 0, 1)],
    ["|2^31|1:4", Uint8Array.of(0, 0, 0, 1)],
    ["||258:2", Uint8Array.of(1, 2)],
    ["|2^20|66051:3", Uint8Array.of(1, 2, 3)],
  ])("lifetime and MKI %j", (fields, mki) => {
    const read = parseSdesCrypto(`7 AES_CM_128_HMAC_SHA1_32 inline:${exampleKey}${fields}`);
    expect(read.ok && read.value.keys[0]?.mki).toEqual(mki);
  });

  test("GCM keys are as long as RFC 7714 says, and padding may be missing", () => {
    for (const suite of ["AEAD_AES_128_GCM", "AEAD_AES_256_GCM"] as const) {
      for (const key of [keyOf[suite], keyOf[suite].replace(/=+$/, "")]) {
        const read = parseSdesCrypto(`1 ${suite} inline:${key}`);
        expect(read.ok && [read.value.keys[0]!.key.length, read.value.keys[0]!.salt.length]).toEqual([srtpSuiteFacts[suite].keyBytes, 12]);
      }
    }
  });

  test("a suite that we do not know is named, its keys are not looked at", () => {
    expect(parseSdesCrypto("3 F8_128_HMAC_SHA1_80 inline:?")).toEqual({ ok: true, value: { tag: 3, suite: null, suiteName: "F8_128_HMAC_SHA1_80", keys: [], parameters: [] } });
  });

  const cm = "AES_CM_128_HMAC_SHA1_80";
  test.each([
    ["", "without a tag"],
    [`x ${cm} inline:${exampleKey}`, "without a tag"],
    [`1234567890 ${cm} inline:${exampleKey}`, "without a tag"],
    ["1", "names no suite"],
    ["1 S(U)ITE inline:x", "names no suite"],
    [`1 ${cm}`, "has no key"],
    [`1 ${cm} uri:${exampleKey}`, "not inline"],
    [`1 ${cm} ${exampleKey}`, "not inline"],
    [`1 ${cm} inline:${exampleKey.slice(0, -1)}*`, "not base64"],
    [`1 ${cm} inline:`, "not base64"],
    [`1 ${cm} inline:${exampleKey.slice(4)}`, "have 27 bytes"],
    [`1 AEAD_AES_256_GCM inline:${exampleKey}`, "have 30 bytes, AEAD_AES_256_GCM needs 44"],
    [`1 ${cm} inline:${exampleKey}|2^49`, "lifetime"],
    [`1 ${cm} inline:${exampleKey}|0`, "lifetime"],
    [`1 ${cm} inline:${exampleKey}|2^31|1`, "without a length"],
    [`1 ${cm} inline:${exampleKey}|1:4|2^31`, "before the lifetime"],
    [`1 ${cm} inline:${exampleKey}|2^31|1:4|x`, "more than a lifetime"],
    [`1 ${cm} inline:${exampleKey}|1:0`, "length of 1 to 128"],
    [`1 ${cm} inline:${exampleKey}|1:129`, "length of 1 to 128"],
    [`1 ${cm} inline:${exampleKey}|256:1`, "does not fit"],
    [`1 ${cm} inline:${exampleKey}|1:4;inline:${otherKey}|2:3`, "different length"],
    [`1 ${cm} inline:${exampleKey}|1:4;inline:${otherKey}`, "different length"],
    [`1 ${cm} inline:${exampleKey};inline:${otherKey}`, "without MKIs"],
    [`1 ${cm} inline:${exampleKey}|1:4;inline:${otherKey}|1:4`, "one MKI"],
    [`1 ${cm} ${`inline:${exampleKey};`.repeat(17)}`, "more than 16 keys"],
    ["1 ".padEnd(9000, "x"), "too long"],
  ])("%j is refused: %s", (value, reason) => {
    const read = parseSdesCrypto(value);
    expect(read.ok).toBe(false);
    if (read.ok) return;
    expect(read.reason).toContain(reason);
    expect(read.reason).not.toContain(exampleKey.slice(0, 8));
    expect(read.reason.length).toBeLessThan(120);
  });
});

describe("choosing", () => {
  test("the strongest wins, whatever its place", () => {
    const all = srtpSuites.map((suite, index) => offerOf(index + 1, suite));
    expect(chooseSdes(all)).toMatchObject({ ok: true, value: { suite: "AEAD_AES_256_GCM", tag: 4 } });
    expect(chooseSdes(all.toReversed())).toMatchObject({ ok: true, value: { suite: "AEAD_AES_256_GCM", tag: 4 } });
    expect(chooseSdes([offerOf(1, "AES_CM_128_HMAC_SHA1_32"), offerOf(2, "AES_CM_128_HMAC_SHA1_80")])).toMatchObject({ ok: true, value: { tag: 2 } });
  });

  test("among equals the client's order counts, but RTCP stays encrypted where it may", () => {
    const suite = "AES_CM_128_HMAC_SHA1_80";
    expect(chooseSdes([offerOf(5, suite), offerOf(2, suite)])).toMatchObject({ ok: true, value: { tag: 5, clearRtcp: false } });
    expect(chooseSdes([offerOf(5, suite, "UNENCRYPTED_SRTCP"), offerOf(2, suite)])).toMatchObject({ ok: true, value: { tag: 2, clearRtcp: false } });
    expect(chooseSdes([offerOf(5, suite, "UNENCRYPTED_SRTCP WSH=64 -FANCY=1 KDR=0")])).toMatchObject({ ok: true, value: { tag: 5, clearRtcp: true } });
  });

  test("a line that cannot be served does not spoil the next", () => {
    expect(chooseSdes([offerOf(1, "AEAD_AES_256_GCM", "KDR=4"), "rubbish", "2 F8_128_HMAC_SHA1_80 inline:x", offerOf(3, "AES_CM_128_HMAC_SHA1_80")])).toMatchObject({ ok: true, value: { tag: 3 } });
  });

  test("why nothing is taken is said in words, and in few", () => {
    const suite = "AES_CM_128_HMAC_SHA1_80";
    expect(reasonOf()).toBe("no crypto attribute was offered");
    expect(reasonOf("2 F8_128_HMAC_SHA1_80 inline:x")).toBe("crypto 2: suite F8_128_HMAC_SHA1_80 is not supported");
    expect(reasonOf(offerOf(1, suite, "KDR=24"))).toMatch(/KDR/);
    expect(reasonOf(offerOf(1, suite, "UNENCRYPTED_SRTP"))).toMatch(/UNENCRYPTED_SRTP would leave the audio in the clear/);
    expect(reasonOf(offerOf(1, suite, "UNAUTHENTICATED_SRTP"))).toMatch(/forge/);
    expect(reasonOf(offerOf(1, suite, "FEC_ORDER=FEC_SRTP"))).toMatch(/FEC/);
    expect(reasonOf(offerOf(1, suite, `FEC_KEY=inline:${otherKey}`))).toBe("crypto 1: FEC is not supported");
    expect(reasonOf(offerOf(1, suite, "NEW_THING=1"))).toBe("crypto 1: session parameter NEW_THING is not known");
    expect(reasonOf(offerOf(1, suite, "WSH=x"))).toBe("crypto 1: session parameter WSH is not known");
    expect(reasonOf(offerOf(1, suite, "ä"))).toBe("crypto 1: session parameter is malformed");
    expect(reasonOf(offerOf(1, suite), offerOf(1, "AEAD_AES_128_GCM"))).toMatch(/two crypto attributes have the tag 1/);
    expect(reasonOf(...Array.from({ length: 30 }, (_, at) => `${at + 1} ${"U".repeat(40)} inline:x`)).length).toBeLessThan(400);
    expect(reasonOf(...Array.from({ length: 33 }, (_, at) => offerOf(at + 1, suite)))).toMatch(/more than 32/);
  });

  test("whatever text comes: an answer, never an exception, and no key in the reason", () => {
    const word = fc.constantFrom("1", "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "inline:", exampleKey, "|", "2^31", "1:4", ";", " ", "KDR=1", "=", "\u0000", "é");
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ maxLength: 60 }), fc.array(word, { maxLength: 12 }).map((words) => words.join("")), fc.array(word, { maxLength: 12 }).map((words) => words.join(" "))), { maxLength: 5 }), (values) => {
        const choice = chooseSdes(values);
        if (!choice.ok) expect(choice.reason).not.toContain(exampleKey.slice(0, 12));
      }),
    );
  });
});

describe("answering", () => {
  test("what we answer reads back as what we meant", () => {
    for (const suite of srtpSuites) {
      for (const mki of [null, Uint8Array.of(0, 0, 1, 2)]) {
        const ours = { ...mintSrtpMasterKey(suite, (bytes) => new Uint8Array(bytes).fill(bytes)), mki };
        expect(chooseSdes([sdesAnswer(9, suite, ours, true)])).toEqual({ ok: true, value: { tag: 9, suite, keys: [ours], clearRtcp: true } });
      }
    }
  });

  test("its form is the one every client knows", () => {
    const ours = { key: new Uint8Array(16), salt: new Uint8Array(14), mki: null };
    expect(sdesAnswer(1, "AES_CM_128_HMAC_SHA1_80", ours)).toBe(`1 AES_CM_128_HMAC_SHA1_80 inline:${"A".repeat(40)}`);
  });
});

describe("masking", () => {
  test("no key is left in an SDP; the rest stands", () => {
    const sdp = (key: string, other: string): string =>
      ["v=0", "m=audio 4000 RTP/SAVP 0", `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^20|1:4;inline:${other}|2^20|2:4 FEC_KEY=inline:${other}`, `a=crypto:2 AEAD_AES_128_GCM INLINE:${key}`, "a=label:1", ""].join("\r\n");
    expect(maskSdesKeys(sdp(exampleKey, otherKey))).toBe(sdp("…masked…", "…masked…"));
    expect(maskSdesKeys("inline:…masked…|1:4")).toBe("inline:…masked…|1:4");
  });

  test("malformed, quoted, spaced and older keys go too", () => {
    expect(maskSdesKeys(`inline: ${exampleKey.slice(0, 9)}*${exampleKey}`)).toBe("inline:…masked…");
    expect(maskSdesKeys(JSON.stringify({ sdp: `a=crypto:1 X inline:${exampleKey}\r\na=label:1\r\n` }))).toBe('{"sdp":"a=crypto:1 X inline:…masked…\\r\\na=label:1\\r\\n"}');
    expect(maskSdesKeys("v=0\r\nk=clear:secret word\r\na=key-mgmt:mikey AQAFgM0XflABAAAA\r\n")).toBe("v=0\r\nk=clear:…masked…\r\na=key-mgmt:mikey …masked…\r\n");
  });

  test("text without keys is left as it is, however long", () => {
    const text = `a=inactive\r\na=ptime:20\r\n${"inline ".repeat(20_000)}${" ".repeat(20_000)}`;
    const from = performance.now();
    expect(maskSdesKeys(text)).toBe(text);
    expect(performance.now() - from).toBeLessThan(500);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildRtp } from "./rtp.ts";
import { srtpSuites, type SrtpKeys, type SrtpMasterKey, type SrtpSuite } from "./srtp-keys.ts";
import { createSrtpReceiver, type SrtpReceiver } from "./srtp-receiver.ts";
import { mintSrtpMasterKey } from "./srtp-suite.ts";
import { createSrtpSender, type SrtpSender } from "./testing/srtp-sender.ts";

let seed = 1;
const pseudoRandom = (length: number): Uint8Array => Uint8Array.from({ length }, () => (seed = (seed * 48_271) % 0x7fff_ffff) & 0xff);
const mint = (suite: SrtpSuite, mki: Uint8Array | null = null): SrtpMasterKey => ({ ...mintSrtpMasterKey(suite, pseudoRandom), mki });
const keysOf = (suite: SrtpSuite, ...theirs: SrtpMasterKey[]): SrtpKeys => ({ suite, theirs, ours: mint(suite), clearRtcp: false });
const cm = "AES_CM_128_HMAC_SHA1_80";

const ssrcOfAll = 0xcafe_babe;
function rtp(sequence: number, { ssrc = ssrcOfAll, length = 160 } = {}): Uint8Array {
  return buildRtp({ payloadType: 0, sequence, timestamp: sequence * 160, ssrc, payload: new Uint8Array(length).fill(sequence & 0xff) });
}

/** What becomes of a packet: `ok` when its bytes are those that were meant. */
function fate(receiver: SrtpReceiver, sealed: Uint8Array, clear: Uint8Array): string {
  const bytes = Buffer.from(sealed);
  const verdict = receiver.unprotect(bytes);
  if (!verdict.ok) {
    expect(bytes.equals(sealed)).toBe(true); // what is refused is not touched
    return verdict.why;
  }
  expect(bytes.subarray(0, verdict.length).equals(clear)).toBe(true);
  return "ok";
}

function send(receiver: SrtpReceiver, sender: SrtpSender, index: number, ssrc = ssrcOfAll): string {
  const clear = rtp(index % 65_536, { ssrc });
  return fate(receiver, sender.protect(clear, Math.floor(index / 65_536)), clear);
}

describe.each(srtpSuites)("%s", (suite) => {
  test("packets of any header and length come out as they went in", () => {
    const master = mint(suite);
    const sender = createSrtpSender(suite, master);
    const headers = fc.record({ csrcs: fc.nat(15), extension: fc.option(fc.nat(8)), padding: fc.boolean() });
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 1400 }), fc.nat(65_535), fc.nat(0xffff_ffff), ({ csrcs, extension, padding }, payload, sequence, ssrc) => {
        const plain = Buffer.from(buildRtp({ payloadType: 96, sequence, timestamp: 1, ssrc, payload: new Uint8Array(0) }));
        plain[0] = 0x80 | csrcs | (extension === null ? 0 : 0x10) | (padding ? 0x20 : 0);
        const words = extension === null ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0xbe, 0xde, 0, extension]), Buffer.alloc(4 * extension, 3)]);
        const clear = Buffer.concat([plain, Buffer.alloc(4 * csrcs, 5), words, payload]);
        expect(fate(createSrtpReceiver(keysOf(suite, master)), sender.protect(clear), clear)).toBe("ok");
      }),
    );
  });

  test("a packet comes once: seen again it is a replay, at once and later", () => {
    const master = mint(suite);
    const sender = createSrtpSender(suite, master);
    const receiver = createSrtpReceiver(keysOf(suite, master));
    for (let index = 1000; index < 2000; index++) {
      expect(send(receiver, sender, index)).toBe("ok");
      if (index % 100 === 0) expect(send(receiver, sender, index)).toBe("replay");
    }
    for (let index = 1000; index < 2000; index += 37) expect(send(receiver, sender, index)).toBe("replay");
  });

  test("the wrong key, a changed bit anywhere, a cut: nothing passes, and the good one does after all", () => {
    const master = mint(suite);
    const sender = createSrtpSender(suite, master);
    const receiver = createSrtpReceiver(keysOf(suite, master));
    const clear = rtp(7);
    const good = sender.protect(clear);
    expect(send(receiver, createSrtpSender(suite, mint(suite)), 7)).toBe("auth");
    expect(fate(receiver, clear, clear)).not.toBe("ok"); // in the clear
    for (let bit = 0; bit < 8 * good.length; bit += 3) {
      const changed = Buffer.from(good);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(fate(receiver, changed, clear)).not.toBe("ok");
    }
    for (let length = 0; length < good.length; length++) expect(fate(receiver, good.subarray(0, length), clear)).not.toBe("ok");
    expect(fate(receiver, Buffer.concat([good, Buffer.alloc(1)]), clear)).not.toBe("ok");
    expect(fate(receiver, good, clear)).toBe("ok");
  });

  test("MKIs tell the keys apart; an unknown one is said to be", () => {
    const [one, two, other] = [1, 2, 3].map((id) => mint(suite, Uint8Array.of(0, 0, 0, id))) as [SrtpMasterKey, SrtpMasterKey, SrtpMasterKey];
    const receiver = createSrtpReceiver(keysOf(suite, one, two));
    const senders = [createSrtpSender(suite, one), createSrtpSender(suite, two)];
    for (let index = 0; index < 40; index++) expect(send(receiver, senders[index >> 2 & 1]!, index)).toBe("ok");
    expect(send(receiver, createSrtpSender(suite, other), 41)).toBe("key");
    expect(send(receiver, createSrtpSender(suite, { ...one, mki: two.mki }), 41)).toBe("auth");
    expect(send(receiver, createSrtpSender(suite, { ...one, mki: null }), 41)).not.toBe("ok");
  });

  test("reports come in once and go out numbered, encrypted or by agreement in the clear", () => {
    for (const mki of [null, Uint8Array.of(9, 9)]) {
      for (const clearRtcp of [false, true]) {
        const keys = { ...keysOf(suite, mint(suite, mki)), ours: mint(suite, mki), clearRtcp };
        const receiver = createSrtpReceiver(keys);
        const report = Buffer.from("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "hex");
        const theirs = createSrtpSender(suite, keys.theirs[0]!);
        for (const index of [1, 2, 5, 4]) {
          expect(receiver.unprotectRtcp(theirs.protectRtcp(report, index, !clearRtcp))).toEqual(report);
          expect(receiver.unprotectRtcp(theirs.protectRtcp(report, index, !clearRtcp))).toBeNull();
        }
        const sealed = theirs.protectRtcp(report, 6, !clearRtcp);
        for (let length = 0; length < sealed.length; length++) {
          const cut = Buffer.from(sealed.subarray(0, length));
          // With _32 a tag of four bytes is taken as well: ffmpeg sends it.
          if (suite !== "AES_CM_128_HMAC_SHA1_32" || length !== sealed.length - 6) expect(receiver.unprotectRtcp(cut)).toBeNull();
          else expect(createSrtpReceiver(keys).unprotectRtcp(cut)).toEqual(report);
        }
        for (let at = 0; at < sealed.length; at++) {
          const changed = Buffer.from(sealed);
          changed[at]! ^= 0x40;
          expect(receiver.unprotectRtcp(changed)).toBeNull();
        }
        expect(receiver.unprotectRtcp(Buffer.from(sealed))).toEqual(report);

        const ours = createSrtpSender(suite, keys.ours);
        for (const index of [0, 1, 2]) {
          const out = receiver.protectRtcp(report)!;
          expect(Buffer.from(out).includes(report.subarray(8, 20))).toBe(clearRtcp);
          expect(ours.unprotectRtcp(out)).toEqual({ packet: report, index, encrypted: !clearRtcp });
        }
        receiver.rekey({ ...keys, theirs: [mint(suite, mki)] });
        expect(ours.unprotectRtcp(receiver.protectRtcp(report)!).index).toBe(3); // RFC 3711 §3.4: new keys do not begin the count again
      }
    }
  });
});

describe("the roll-over counter", () => {
  const start = (suite: SrtpSuite = cm): { sender: SrtpSender; receiver: SrtpReceiver } => {
    const master = mint(suite);
    return { sender: createSrtpSender(suite, master), receiver: createSrtpReceiver(keysOf(suite, master)) };
  };

  test("goes up at each wrap, whatever the order around it", () => {
    const { sender, receiver } = start();
    for (let index = 65_500; index < 65_530; index++) expect(send(receiver, sender, index)).toBe("ok");
    for (const index of [65_537, 65_531, 65_540, 65_535, 65_536, 65_534, 65_539, 65_530]) expect(send(receiver, sender, index)).toBe("ok");
    for (let index = 65_541; index < 200_000; index += 97) expect(send(receiver, sender, index)).toBe("ok");
    expect(send(receiver, sender, 200_000 - 400)).toBe("ok"); // late
    expect(send(receiver, sender, 65_537)).toBe("replay");
  });

  test("the first packet was the last before the wrap, and came after it", () => {
    const { sender, receiver } = start();
    expect(send(receiver, sender, 65_537)).toBe("ok");
    expect(send(receiver, sender, 65_535)).toBe("ok");
    expect(send(receiver, sender, 65_538)).toBe("ok");
  });

  test("any order that a network makes of it, each packet once: nothing is lost to it, nothing doubled", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 140_000 }), fc.array(fc.record({ step: fc.integer({ min: 1, max: 300 }), late: fc.nat(60) }), { minLength: 2, maxLength: 80 }), (first, steps) => {
        const { sender, receiver } = start("AES_CM_128_HMAC_SHA1_32");
        let index = first % 65_536; // the sender's count begins at nought
        const sent = steps.map(({ step, late }) => ({ index: (index += step), at: index + late }));
        for (const one of sent.toSorted((a, b) => a.at - b.at)) {
          expect(send(receiver, sender, one.index)).toBe("ok");
          expect(send(receiver, sender, one.index)).toBe("replay");
        }
      }),
      { numRuns: 40 },
    );
  });

  test.each([33_000, 60_000, 65_500, 65_536, 66_000, 140_000, 250_000])("an outage of %i packets is got over within twelve", (outage) => {
    for (const from of [100, 40_000, 70_000, 110_000]) {
      const { sender, receiver } = start();
      const base = from % 65_536;
      for (let index = base; index < from + 1; index += 5_000) expect(send(receiver, sender, index)).toBe("ok");
      expect(send(receiver, sender, from + 1)).toBe("ok");
      const fates = Array.from({ length: 16 }, (_, at) => send(receiver, sender, from + 1 + outage + at));
      expect(fates.slice(12)).toEqual(["ok", "ok", "ok", "ok"]);
    }
  });

  test.each([0, 1])("a stream joined at count %i loses nothing", (rollovers) => {
    const { sender, receiver } = start();
    for (let index = 0; index < 10; index++) expect(send(receiver, sender, rollovers * 65_536 + 777 + index)).toBe("ok");
  });

  test.each([2, 17, 63])("a stream joined at count %i is found within 62 packets, with rubbish between them", (rollovers) => {
    const { sender, receiver } = start();
    const stranger = createSrtpSender(cm, mint(cm));
    let lost = 0;
    while (send(receiver, sender, rollovers * 65_536 + 777 + lost) !== "ok") lost++;
    expect(lost).toBeLessThanOrEqual(62);
    expect(send(receiver, stranger, 780 + lost)).toBe("auth");
    expect(send(receiver, sender, rollovers * 65_536 + 777 + lost + 1)).toBe("ok");
  });

  test("an old packet at another count is never believed again", () => {
    const { sender, receiver } = start();
    for (let index = 0; index < 140_000; index += 1_000) expect(send(receiver, sender, index)).toBe("ok");
    for (let index = 0; index < 130_000; index += 1_000) expect(send(receiver, sender, index)).not.toBe("ok");
    expect(send(receiver, sender, 140_000)).toBe("ok");
  });

  test("a key is used up with its last number, and says so", () => {
    const keys = keysOf(cm, mint(cm));
    const receiver = createSrtpReceiver(keys, { maxRollovers: 1, rtcpPackets: 2 });
    const sender = createSrtpSender(cm, keys.theirs[0]!);
    for (let index = 60_000; index < 131_000; index += 1_000) expect(send(receiver, sender, index)).toBe("ok");
    expect(send(receiver, sender, 131_071)).toBe("ok");
    expect(send(receiver, sender, 131_072)).toBe("key");
    expect(send(receiver, sender, 131_070)).toBe("ok");
    const report = rtp(1).slice(0, 8);
    expect([1, 2, 3].map(() => receiver.protectRtcp(report) === null)).toEqual([false, false, true]);
  });
});

describe("sources", () => {
  test("each has its own count and window", () => {
    const master = mint(cm);
    const sender = createSrtpSender(cm, master);
    const receiver = createSrtpReceiver(keysOf(cm, master));
    for (let index = 65_000; index < 66_000; index++) {
      expect(send(receiver, sender, index, 1)).toBe("ok");
      expect(send(receiver, sender, index - 65_000, 2)).toBe("ok");
    }
    expect(send(receiver, sender, 65_999, 1)).toBe("replay");
    expect(send(receiver, sender, 999, 2)).toBe("replay");
  });

  test("a flood of foreign sources is refused, and the stream goes on as if nothing had been", () => {
    const master = mint(cm);
    const [sender, stranger] = [createSrtpSender(cm, master), createSrtpSender(cm, mint(cm))];
    const receiver = createSrtpReceiver(keysOf(cm, master));
    for (let index = 0; index < 500; index++) {
      expect(send(receiver, sender, index)).toBe("ok");
      expect(send(receiver, stranger, index, index)).toBe("auth");
      expect(send(receiver, stranger, index + 1)).toBe("auth");
    }
  });

  test("a sender with the key that brings many is served, and remembered for the last 64", () => {
    const master = mint(cm);
    const sender = createSrtpSender(cm, master);
    const receiver = createSrtpReceiver(keysOf(cm, master));
    for (let ssrc = 0; ssrc < 300; ssrc++) expect(send(receiver, sender, 5, ssrc)).toBe("ok");
    for (let ssrc = 300 - 64; ssrc < 300; ssrc++) expect(send(receiver, sender, 5, ssrc)).toBe("replay");
  });
});

describe("new keys", () => {
  test("take over while late packets of the old ones still pass, for 128 packets", () => {
    for (const [before, after] of [[cm, cm], [cm, "AEAD_AES_256_GCM"], ["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_32"]] as const) {
      const [first, second] = [mint(before), mint(after)];
      const [old, fresh] = [createSrtpSender(before, first), createSrtpSender(after, second)];
      const receiver = createSrtpReceiver(keysOf(before, first));
      for (let index = 65_300; index < 65_500; index++) expect(send(receiver, old, index)).toBe("ok");
      receiver.rekey(keysOf(after, second));
      for (let index = 65_500; index < 65_520; index++) expect(send(receiver, old, index)).toBe("ok"); // has not heard of it yet
      for (let index = 65_525; index < 65_652; index++) expect(send(receiver, fresh, index)).toBe("ok");
      expect(send(receiver, old, 65_521)).toBe("ok");
      expect(send(receiver, old, 65_521)).toBe("replay");
      expect(send(receiver, fresh, 65_652)).toBe("ok");
      expect(send(receiver, old, 65_522)).not.toBe("ok");
    }
  });

  test("the count goes on under them, and a sender that begins it again is understood as well", () => {
    for (const rollovers of [0, 3]) {
      const [first, second] = [mint(cm), mint(cm)];
      const [old, fresh] = [createSrtpSender(cm, first), createSrtpSender(cm, second)];
      const receiver = createSrtpReceiver(keysOf(cm, first));
      for (let index = 65_000; index < 3 * 65_536; index += 500) expect(send(receiver, old, index)).toBe("ok");
      receiver.rekey(keysOf(cm, second));
      for (let index = 0; index < 5; index++) expect(send(receiver, fresh, rollovers * 65_536 + 50 + index)).toBe("ok");
    }
  });

  test("the same keys again, as in most offers of a running call, change nothing", () => {
    const master = mint(cm);
    const sender = createSrtpSender(cm, master);
    const receiver = createSrtpReceiver(keysOf(cm, master));
    for (let index = 0; index < 70_000; index += 100) expect(send(receiver, sender, index)).toBe("ok");
    receiver.rekey(keysOf(cm, { key: master.key.slice(), salt: master.salt.slice(), mki: null }));
    expect(send(receiver, sender, 69_900)).toBe("replay");
    expect(send(receiver, sender, 70_000)).toBe("ok");
  });

  test("a key that is offered among others keeps its sources", () => {
    const [one, two] = [mint(cm, Uint8Array.of(1)), mint(cm, Uint8Array.of(2))];
    const sender = createSrtpSender(cm, one);
    const receiver = createSrtpReceiver(keysOf(cm, one));
    expect(send(receiver, sender, 5)).toBe("ok");
    receiver.rekey(keysOf(cm, two, one));
    expect(send(receiver, sender, 5)).toBe("replay");
    expect(send(receiver, sender, 6)).toBe("ok");
    expect(send(receiver, createSrtpSender(cm, two), 7)).toBe("ok");
  });
});

describe("what nobody may ask for", () => {
  test("keys that do not fit their suite, several without MKIs, none at all", () => {
    const [one, two] = [mint(cm), mint(cm)];
    expect(() => createSrtpReceiver({ ...keysOf(cm, one), suite: "AEAD_AES_256_GCM" })).toThrow(/needs a key of 32/);
    expect(() => createSrtpReceiver(keysOf(cm, one, two))).toThrow(/MKIs/);
    expect(() => createSrtpReceiver(keysOf(cm, one, mint(cm, Uint8Array.of(1))))).toThrow(/MKIs/);
    expect(() => createSrtpReceiver(keysOf(cm))).toThrow(/without a master key/);
  });

  test("bytes of any kind: never an exception, never believed", () => {
    const receivers = srtpSuites.map((suite) => createSrtpReceiver(keysOf(suite, mint(suite))));
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 1, maxLength: 80 }).map((tail) => Uint8Array.of(0x80 | (tail[0]! & 0x3f), ...tail)));
    fc.assert(
      fc.property(bytes, (packet) => {
        for (const receiver of receivers) {
          expect(receiver.unprotect(Buffer.from(packet)).ok).toBe(false);
          expect(receiver.unprotectRtcp(Buffer.from(packet))).toBeNull();
        }
      }),
      { numRuns: 1_000 },
    );
    expect(receivers[0]!.unprotect(Buffer.alloc(20), 30)).toEqual({ ok: false, why: "malformed" });
  });
});

import { chooseSdes, createSrtpReceiver, maskSdesKeys, parseRtp, parseSdesCrypto, sdesAnswer, srtpSuites } from "@earwitness/media";
import type { SrtpKeys, SrtpMasterKey, SrtpSuite } from "@earwitness/media";
import { createSrtpSender } from "../../packages/media/src/testing/srtp-sender.ts";
import { demand, demandInside, equalBytes, harness, hex, refused, taken, text } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const keyBytes = (suite: SrtpSuite): number => (suite === "AEAD_AES_256_GCM" ? 32 : 16);

function masterKey(suite: SrtpSuite, fill: number, mki: Uint8Array | null): SrtpMasterKey {
  return { key: new Uint8Array(keyBytes(suite)).fill(fill), salt: new Uint8Array(suite.startsWith("AEAD") ? 12 : 14).fill(fill + 1), mki };
}

/** Every suite without and with MKIs. */
const agreements = srtpSuites.flatMap((suite) =>
  [null, hex("0001")].map((mki) => {
    const theirs = mki === null ? [masterKey(suite, 7, null)] : [masterKey(suite, 7, mki), masterKey(suite, 9, hex("0002"))];
    const keys: SrtpKeys = { suite, theirs, ours: masterKey(suite, 30, null), clearRtcp: false };
    return { keys, sender: createSrtpSender(suite, theirs[0]!) };
  }),
);

/** The first byte chooses the agreement, and whether the rest is a packet as it comes, or one that its owner protects first. */
const ownersBit = 0x80;

function opened(input: Uint8Array): { readonly keys: SrtpKeys; readonly packet: Uint8Array; readonly plain: Uint8Array | null } {
  const choice = input[0] ?? 0;
  const { keys, sender } = agreements[choice & 7]!;
  const rest = input.slice(1);
  const owners = (choice & ownersBit) !== 0 && parseRtp(rest).ok;
  return { keys, packet: owners ? new Uint8Array(sender.protect(rest)) : rest, plain: owners ? rest : null };
}

function runRtp(input: Uint8Array): Verdict {
  const { keys, packet, plain } = opened(input);
  const receiver = createSrtpReceiver(keys);
  const received = packet.slice();
  const verdict = receiver.unprotect(received);
  if (!verdict.ok) {
    demand(plain === null, "what its owner protected is taken");
    demand(equalBytes(received, packet), "a packet that is refused is left as it came");
    demand(!receiver.unprotect(received, received.length + 1).ok, "a length beyond the buffer is refused");
    return "refused";
  }
  demand(verdict.length <= received.length, "a packet does not grow");
  // Only who has the key gets this far, so what comes out is what went in.
  demand(plain !== null && equalBytes(received.subarray(0, verdict.length), plain), "nothing is taken that its owner did not protect");
  const again = receiver.unprotect(packet.slice());
  demand(!again.ok && again.why === "replay", "the same packet again is a replay");
  receiver.rekey({ ...keys, theirs: [masterKey(keys.suite, 77, keys.theirs[0]!.mki)] });
  demand(!receiver.unprotect(packet.slice()).ok, "a replay is one under new keys too");
  return "taken";
}

const rtpPacket = hex("8000 1234 00000320 deadbeef d5d5d5d5d5d5d5d5d5d5");
const withExtension = hex("9000 0001 00000000 00000001 bede0001 10aa0000 d5d5d5");
const prefixed = (choice: number, packet: Uint8Array): Uint8Array => Uint8Array.of(choice, ...packet);

export const srtp = harness({
  name: "srtp",
  run: runRtp,
  words: [],
  maxBytes: 2_048,
  seeds: [
    ...agreements.map((_, index) => taken(`agreement ${index}`, prefixed(ownersBit | index, rtpPacket))),
    taken("an extension", prefixed(ownersBit, withExtension)),
    refused("another's packet", prefixed(0, new Uint8Array(createSrtpSender("AES_CM_128_HMAC_SHA1_80", masterKey("AES_CM_128_HMAC_SHA1_80", 8, null)).protect(rtpPacket)))),
    refused("a packet in the clear", prefixed(0, rtpPacket)),
    refused("cut short", prefixed(4, rtpPacket.subarray(0, 11))),
    refused("nothing", hex("")),
  ],
});

function runRtcp(input: Uint8Array): Verdict {
  const choice = input[0] ?? 0;
  const { keys, sender } = agreements[choice & 7]!;
  const rest = input.slice(1);
  const owners = (choice & ownersBit) !== 0 && rest.length >= 8 && rest[0]! >> 6 === 2;
  const packet = owners ? new Uint8Array(sender.protectRtcp(rest, rest.length, (choice & 0x40) === 0)) : rest;
  const receiver = createSrtpReceiver(keys);
  const buffer = packet.slice();
  const report = receiver.unprotectRtcp(buffer);
  if (report === null) {
    demand(!owners, "what its owner protected is taken");
    demand(equalBytes(buffer, packet), "a report that is refused is left as it came");
    return "refused";
  }
  demandInside(report, buffer);
  demand(owners && equalBytes(report, rest), "nothing is taken that its owner did not protect");
  demand(receiver.unprotectRtcp(packet.slice()) === null, "the same report again is a replay");
  const ours = receiver.protectRtcp(rest);
  demand(ours !== null && ours.length > rest.length && equalBytes(new Uint8Array(createSrtpSender(keys.suite, keys.ours).unprotectRtcp(ours).packet), rest), "our own report can be opened with our key");
  return "taken";
}

const senderReport = hex("80c80006 00000001 e0000000 80000000 000003e8 00000064 00003e80");

export const srtcp = harness({
  name: "srtcp",
  run: runRtcp,
  words: [],
  maxBytes: 2_048,
  seeds: [
    ...agreements.map((_, index) => taken(`agreement ${index}`, prefixed(ownersBit | index, senderReport))),
    taken("authentic and in the clear", prefixed(ownersBit | 0x40, senderReport)),
    refused("a report in the clear", prefixed(0, senderReport)),
    refused("nothing", hex("")),
  ],
});

const key30 = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

/** One `a=crypto` value a line. */
function runSdes(input: Uint8Array): Verdict {
  const values = text(input).split("\n");
  for (const value of values) {
    const crypto = parseSdesCrypto(value);
    if (!crypto.ok) {
      demand(crypto.reason.length < 200, "a refusal gives a short reason");
      demand(!/[A-Za-z0-9+/]{24}/.test(crypto.reason.replaceAll(/[A-Z0-9]+_[A-Z0-9_]+/g, "")), "a refusal does not quote a key");
      continue;
    }
    for (const { key, salt, mki } of crypto.value.keys) {
      demand(key.length === keyBytes(crypto.value.suite!) && (salt.length === 12 || salt.length === 14), "a key has the length of its suite");
      demand(mki === null || (mki.length > 0 && mki.length <= 128), "an MKI has 1 to 128 bytes");
    }
  }
  const masked = maskSdesKeys(text(input));
  demand(!/inline[ \t]*:[ \t]*[A-Za-z0-9+/]{4}/i.test(masked), "no key stands in what is kept");
  demand(maskSdesKeys(masked) === masked, "masking settles");
  const choice = chooseSdes(values);
  if (!choice.ok) return "refused";
  demand(values.some((value) => value.includes(String(choice.value.tag))), "what is chosen was offered");
  const answer = parseSdesCrypto(sdesAnswer(choice.value.tag, choice.value.suite, choice.value.keys[0]!, choice.value.clearRtcp));
  demand(answer.ok && equalBytes(answer.value.keys[0]!.key, choice.value.keys[0]!.key), "an answer can be read");
  return "taken";
}

export const sdes = harness({
  name: "sdes",
  run: runSdes,
  alone: (input) => chooseSdes(text(input).split("\n")),
  words: ["\n", "1 ", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM", "F8_128_HMAC_SHA1_80", " inline:", key30, "|2^20", "|2^48", "|1:4", "|1:128", ";inline:", "UNENCRYPTED_SRTCP", "UNENCRYPTED_SRTP", "UNAUTHENTICATED_SRTP", "KDR=0", "WSH=64", "FEC_ORDER=FEC_SRTP", "-X", "=="],
  seeds: [
    taken("as the RFC has it", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|2^20|1:4 UNENCRYPTED_SRTCP`),
    taken("two suites", `1 AES_CM_128_HMAC_SHA1_32 inline:${key30}\n2 AES_CM_128_HMAC_SHA1_80 inline:${key30}|2^31`),
    taken("two keys", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|1:4;inline:${key30}|2:4`),
    taken("an unknown one first", `1 F8_128_HMAC_SHA1_80 inline:${key30}\n2 AES_CM_128_HMAC_SHA1_80 inline:${key30}`),
    refused("a key too short", "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"),
    refused("in the clear", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} UNENCRYPTED_SRTP`),
    refused("nothing", ""),
  ],
});

import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { buildRtp, createSrtpReceiver, srtpSuites, type SrtpKeys, type SrtpMasterKey, type SrtpSuite } from "@earwitness/media";
import { deriveSessionKeys } from "../packages/media/src/srtp-session-keys.ts";
import { createSrtpSender } from "../packages/media/src/testing/srtp-sender.ts";
import { sideBySide } from "./side-by-side.ts";

/* Taking the protection off 20 ms of G.711 (172 bytes and the tag), beside one object of node:crypto for each thing of each packet. */

/** What one would write first: no replay window, one source, no roll-over. */
function naive(suite: SrtpSuite, master: SrtpMasterKey): (packet: Uint8Array) => Uint8Array {
  const { encryption, authentication, salt } = deriveSessionKeys(suite, master, "rtp");
  const rollovers = Buffer.alloc(4);
  if (!suite.startsWith("AEAD")) {
    const tagBytes = suite.endsWith("_32") ? 4 : 10;
    return (packet) => {
      const end = packet.length - tagBytes;
      const mac = createHmac("sha1", authentication).update(packet.subarray(0, end)).update(rollovers).digest();
      if (!timingSafeEqual(mac.subarray(0, tagBytes), packet.subarray(end))) throw new Error("refused");
      const iv = Buffer.alloc(16);
      iv.set(packet.subarray(8, 12), 4);
      iv.set(packet.subarray(2, 4), 12);
      for (let at = 0; at < 14; at++) iv[at]! ^= salt[at]!;
      return createDecipheriv("aes-128-ctr", encryption, iv).update(packet.subarray(12, end));
    };
  }
  const name = suite === "AEAD_AES_256_GCM" ? "aes-256-gcm" : "aes-128-gcm";
  return (packet) => {
    const iv = Buffer.alloc(12);
    iv.set(packet.subarray(8, 12), 2);
    iv.set(packet.subarray(2, 4), 10);
    for (let at = 0; at < 12; at++) iv[at]! ^= salt[at]!;
    const decipher = createDecipheriv(name, encryption, iv);
    decipher.setAAD(packet.subarray(0, 12));
    decipher.setAuthTag(packet.subarray(packet.length - 16));
    const plain = decipher.update(packet.subarray(12, packet.length - 16));
    decipher.final();
    return plain;
  };
}

for (const suite of srtpSuites) {
  const master = { key: new Uint8Array(suite === "AEAD_AES_256_GCM" ? 32 : 16).fill(1), salt: new Uint8Array(suite.startsWith("AEAD") ? 12 : 14).fill(2), mki: null };
  const keys: SrtpKeys = { suite, theirs: [master], ours: master, clearRtcp: false };
  const clear = (sequence: number): Uint8Array => buildRtp({ payloadType: 0, sequence, timestamp: 160 * sequence, ssrc: 99, payload: new Uint8Array(160).fill(sequence) });
  const sender = createSrtpSender(suite, master);
  const sealed = Array.from({ length: 20_000 }, (_, sequence) => sender.protect(clear(sequence)));
  const stranger = createSrtpSender(suite, { ...master, key: master.key.map((byte) => byte ^ 1) });
  const forged = Array.from({ length: 64 }, (_, at) => stranger.protect(clear(101 + at)));

  // A packet can be opened once: each time it is copied, as a socket fills its buffer, and where the stream begins again so does the receiver.
  const buffer = new Uint8Array(256);
  const openNaively = naive(suite, master);
  let receiver = createSrtpReceiver(keys);
  let at = 0;
  const next = (): Uint8Array => {
    const packet = sealed[at++ % sealed.length]!;
    buffer.set(packet);
    return buffer.subarray(0, packet.length);
  };
  const attacked = createSrtpReceiver(keys);
  attacked.unprotect(Buffer.from(sealed[100]!));
  let forgery = 0;

  sideBySide(`Taking ${suite} off an RTP packet`, {
    createSrtpReceiver: () => {
      if (at >= sealed.length) [at, receiver] = [0, createSrtpReceiver(keys)];
      if (!receiver.unprotect(next()).ok) throw new Error("refused");
    },
    "an object of node:crypto for each packet": () => void openNaively(next()),
    "createSrtpReceiver, on a forged packet": () => {
      if (attacked.unprotect(forged[forgery++ % forged.length]!).ok) throw new Error("taken");
    },
  });
}

/* How that cheapness comes about. */
const ecb = createCipheriv("aes-128-ecb", new Uint8Array(16), null).setAutoPadding(false);
const [one, sixteen] = [new Uint8Array(160), new Uint8Array(16 * 160)];
sideBySide("AES-CM keystream of sixteen packets", {
  "in one call": () => void ecb.update(sixteen),
  "in sixteen calls": () => {
    for (let packet = 0; packet < 16; packet++) ecb.update(one);
  },
});

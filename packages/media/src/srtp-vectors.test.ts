/** The published vectors: RFC 3711 appendix B, RFC 7714 sections 16 and 17. */
import { describe, expect, test } from "vitest";
import { createKeystream } from "./srtp-keystream.ts";
import { deriveSessionKeys } from "./srtp-session-keys.ts";
import { createRtcpTransform, createRtpTransform } from "./srtp-transform.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

describe("RFC 3711 appendix B", () => {
  test("B.2 AES-CM keystream, from the first block to the 65,282nd", () => {
    const stream = new Uint8Array(0xff02 * 16);
    createKeystream(bytes("2B7E151628AED2A6ABF7158809CF4F3C"), bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), true).apply(stream, 0, stream.length, 0, 0, 0);
    const block = (at: number): string => hex(stream.subarray(at * 16, (at + 1) * 16)).toUpperCase();
    expect([0, 1, 2, 0xfeff, 0xff00, 0xff01].map(block)).toEqual([
      "E03EAD0935C95E80E166B16DD92B4EB4",
      "D23513162B02D0F72A43A2FE4A5F97AB",
      "41E95B3BB0A2E8DD477901E4FCA894C0",
      "EC8CDF7398607CB0F2D21675EA9EA1E4",
      "362B7C3C6773516318A077D7FC5073AE",
      "6A2CC3787889374FBEB4C81B17BA6C44",
    ]);
  });

  test("B.3 key derivation", () => {
    const master = { key: bytes("E1F97A0D3E018BE0D64FA32C06DE4139"), salt: bytes("0EC675AD498AFEEBB6960B3AABE6"), mki: null };
    const { encryption, authentication, salt } = deriveSessionKeys("AES_CM_128_HMAC_SHA1_80", master, "rtp");
    expect(hex(encryption).toUpperCase()).toBe("C61E7A93744F39EE10734AFE3FF7A087");
    expect(hex(salt).toUpperCase()).toBe("30CBBC08863D8C85D49DB34A9AE1");
    expect(hex(authentication).toUpperCase()).toBe("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
  });
});

describe("RFC 7714", () => {
  const key128 = "000102030405060708090a0b0c0d0e0f";
  const key256 = `${key128}101112131415161718191a1b1c1d1e1f`;
  const gcm = (key: string) => ({ encryption: bytes(key), authentication: new Uint8Array(0), salt: bytes("517569642070726f2071756f") });
  const rtpHeader = "8040f17b 8041f8d3 5501a0b2";
  const rtpPlain = "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";

  test.each([
    ["16.1", "AEAD_AES_128_GCM", key128, "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833", "899d7f27 beb16a91 52cf765e e4390cce"],
    ["16.2", "AEAD_AES_256_GCM", key256, "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b", "7aa3db36 dfffd6b0 f9bb7878 d7a76c13"],
  ] as const)("section %s SRTP %s", (_, suite, key, sealed, tag) => {
    const packet = bytes(rtpHeader + sealed + tag);
    const tagAt = packet.length - 16;
    expect(createRtpTransform(suite, gcm(key)).open(packet, 12, tagAt, tagAt, 0x5501a0b2, 0, 0xf17b)).toBe(true);
    expect(hex(packet.subarray(0, tagAt))).toBe(hex(bytes(rtpHeader + rtpPlain)));
    packet[20]! ^= 1;
    expect(createRtpTransform(suite, gcm(key)).open(packet, 12, tagAt, tagAt, 0x5501a0b2, 0, 0xf17b)).toBe(false);
  });

  const rtcpHeader = "81c8000d 4d617273";
  const rtcpPlain = "4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef";
  test.each([
    ["17.1", "AEAD_AES_128_GCM", key128, "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b", "c84aa458 96cf4d2f c5abf872 45d9eade", "800005d4"],
    ["17.2", "AEAD_AES_256_GCM", key256, "d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad", "1d1eb30c 4446839f 57ff6f6c b26ac3be", "800005d4"],
    ["17.3", "AEAD_AES_128_GCM", key128, rtcpPlain, "841dd968 3dd78ec9 2ae58790 125f62b3", "000005d4"],
    ["17.4", "AEAD_AES_256_GCM", key256, rtcpPlain, "91db4afb feee5a97 8fab4393 ed2615fe", "000005d4"],
  ] as const)("section %s SRTCP %s", (_, suite, key, body, tag, word) => {
    const sealed = bytes(rtcpHeader + body + tag + word);
    const tagAt = sealed.length - 20;
    const transform = createRtcpTransform(suite, gcm(key));

    const packet = sealed.slice();
    expect(transform.open(packet, tagAt, tagAt, 16, tagAt + 16, 0x4d617273, Number.parseInt(word, 16))).toBe(true);
    expect(hex(packet.subarray(0, tagAt))).toBe(hex(bytes(rtcpHeader + rtcpPlain)));

    packet.fill(0, tagAt, tagAt + 16);
    transform.seal(packet, tagAt, tagAt, tagAt + 16, 0x4d617273, Number.parseInt(word, 16));
    expect(hex(packet)).toBe(hex(sealed));
  });
});

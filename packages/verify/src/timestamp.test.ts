import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Malformed } from "./note.ts";
import { readPemCertificates } from "./pem.ts";
import { createTestAuthority, testPolicies, type TestAuthority } from "./testing/timestamp-authority.ts";
import { formatTimestampRequest, isOid, readTimestampResponse } from "./timestamp-exchange.ts";
import { checkpointTimestamp, readTimestampUnsafe, stampedDigest, verifyTimestamp } from "./timestamp.ts";

const digest = new Uint8Array(createHash("sha256").update("recorder.example/log\n9\n…\n").digest());
const other = new Uint8Array(createHash("sha256").update("something else").digest());
const nonce = Uint8Array.of(0x5a, ...randomBytes(15));
let authority: TestAuthority;
let roots: Uint8Array[];
/** One that verifies, of `P-256`. */
let token: Uint8Array;

beforeAll(async () => {
  authority = createTestAuthority();
  await authority.certify({ name: "Root", key: "rsa:2048" });
  await authority.certify({ name: "P-256", issuer: "Root" });
  roots = [authority.certificate("Root")];
  token = readTimestampResponse(await authority.reply(formatTimestampRequest({ digest, nonce }), "P-256"));
}, 60_000);
afterAll(() => authority.remove());

const ask = async (signer: string, options: Parameters<TestAuthority["reply"]>[2] = {}): Promise<Uint8Array> => readTimestampResponse(await authority.reply(formatTimestampRequest({ digest, nonce }), signer, options));
/** What a token says, to be signed again by others: the first octet string with an explicit tag around it. */
function contentOf(signed: Uint8Array): Uint8Array {
  const id = Buffer.from("060b2a864886f70d0109100104a0", "hex");
  const at = Buffer.from(signed).indexOf(id) + id.length;
  const length = (from: number): [start: number, count: number] => (signed[from]! < 0x80 ? [from + 1, signed[from]!] : [from + 1 + signed[from]! - 0x80, Array.from(signed.slice(from + 1, from + 1 + signed[from]! - 0x80)).reduce((sum, byte) => sum * 256 + byte, 0)]);
  const [inner] = length(at);
  const [start, count] = length(inner + 1);
  return signed.slice(start, start + count);
}

describe("MON-21 a timestamp (RFC 3161) of the real openssl ts", () => {
  test("says when, by whom and under which policy", async () => {
    const found = await verifyTimestamp(token, { digest, roots, nonce });
    expect(found).toMatchObject({ authority: "P-256", policy: testPolicies[0], accuracyMs: 1500.1 });
    expect(Math.abs(found.atMs - Date.now())).toBeLessThan(60_000);
    expect(found.serial).toMatch(/^[0-9a-f]+$/);
    expect(readTimestampUnsafe(token)).toMatchObject({ atMs: found.atMs, policy: found.policy, serial: found.serial, digest });
  });

  test.each([
    ["rsa:2048", "sha256"],
    ["rsa:3072", "sha512"],
    ["P-256", "sha256"],
    ["P-256", "sha384"],
    ["P-384", "sha384"],
    ["P-384", "sha512"],
  ] as const)("with a key of %s and %s", async (key, hash) => {
    await authority.certify({ name: `${key} ${hash}`, key, issuer: "Root" });
    const signed = await ask(`${key} ${hash}`, { digest: hash });
    expect(await verifyTimestamp(signed, { digest, roots, nonce })).toMatchObject({ authority: `${key} ${hash}` });
  });

  test("with RSA-PSS, in the token and in the certificate", async () => {
    await authority.certify({ name: "PSS", key: "rsa:2048", issuer: "Root", pss: true });
    expect(await verifyTimestamp(await ask("PSS"), { digest, roots, nonce })).toMatchObject({ authority: "PSS" });
    const signed = await authority.signContent(contentOf(token), "PSS", ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32"]);
    expect(await verifyTimestamp(signed, { digest, roots, nonce })).toMatchObject({ authority: "PSS" });
    await expect(verifyTimestamp(signed.with(signed.length - 9, signed.at(-9)! ^ 1), { digest, roots, nonce })).rejects.toThrow("does not fit");
  });

  test("with authorities between it and the root, in whatever order they come, and not without them", async () => {
    await authority.certify({ name: "Middle", key: "P-384", issuer: "Root", extensions: ["basicConstraints = critical, CA:true", "keyUsage = critical, keyCertSign", "extendedKeyUsage = timeStamping"] });
    await authority.certify({ name: "Lower", issuer: "Middle", extensions: ["basicConstraints = critical, CA:true, pathlen:0"] });
    await authority.certify({ name: "Signer", issuer: "Lower" });
    for (const chain of [["Lower", "Middle", "Root"], ["Root", "Middle", "Lower"], ["Middle", "Lower"]]) expect(await verifyTimestamp(await ask("Signer", { chain }), { digest, roots, nonce })).toMatchObject({ authority: "Signer" });
    await expect(verifyTimestamp(await ask("Signer", { chain: ["Lower"] }), { digest, roots, nonce })).rejects.toThrow("is not certified by an authority");
    // Whoever trusts the one in the middle needs no root.
    expect(await verifyTimestamp(await ask("Signer", { chain: ["Lower"] }), { digest, roots: [authority.certificate("Middle")], nonce })).toMatchObject({ authority: "Signer" });
  });

  test.each(["sha1", "sha256", "sha384"])("its certificate named by %s", async (essDigest) => {
    expect(await verifyTimestamp(await ask("P-256", { essDigest }), { digest, roots, nonce })).toMatchObject({ authority: "P-256" });
  });

  test("under a policy that was asked for", async () => {
    const signed = readTimestampResponse(await authority.reply(formatTimestampRequest({ digest, nonce, policy: testPolicies[1] }), "P-256"));
    expect(await verifyTimestamp(signed, { digest, roots, nonce, policy: testPolicies[1] })).toMatchObject({ policy: testPolicies[1] });
    await expect(verifyTimestamp(signed, { digest, roots, nonce, policy: testPolicies[0] })).rejects.toThrow(`under the policy ${testPolicies[1]}, not ${testPolicies[0]}`);
  });

  test("of a checkpoint is over its text, whoever signs it later", async () => {
    const note = "recorder.example/log/a\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u2014 recorder.example/log/a AAAAAAAA\n";
    const stamped = readTimestampResponse(await authority.reply(formatTimestampRequest({ digest: stampedDigest(note), nonce }), "P-256"));
    const check = checkpointTimestamp(roots);
    expect(await check(stamped, `${note}\u2014 witness.example/w1 BBBBBBBB\n`)).toEqual({ by: "P-256", at: expect.stringMatching(/^20..-..-..T..:..:..Z$/) as string });
    await expect(check(stamped, note.replace("\n1\n", "\n2\n"))).rejects.toThrow("of something else");
  });

  test("leaves the bytes that it reads as they were, whatever kind of array they come in", async () => {
    for (const bytes of [Buffer.from(token), new Uint8Array(token), new Uint8Array([0, ...token]).subarray(1)]) {
      await verifyTimestamp(bytes, { digest, roots: roots.map((root) => Buffer.from(root)), nonce });
      expect(Buffer.compare(bytes, token)).toBe(0);
    }
  });

  test("the request is one that openssl reads", async () => {
    writeFileSync(join(authority.dir, "our.tsq"), formatTimestampRequest({ digest, nonce, policy: "2.999.1234567890.5" }));
    const text = await authority.openssl("ts", "-query", "-in", "our.tsq", "-text");
    expect(text).toContain("Hash Algorithm: sha256");
    expect(text).toContain("Policy OID: 2.999.1234567890.5");
    expect(text).toContain(`Nonce: 0x${Buffer.from(nonce).toString("hex").toUpperCase()}`);
    expect(text).toContain("Certificate required: yes");
  });

  test("an authority that gives none says why", async () => {
    await expect(async () => readTimestampResponse(await authority.reply(formatTimestampRequest({ digest, nonce, policy: "1.2.9" }), "P-256"))).rejects.toThrow(/gives no timestamp \(status 2: .*policy/);
  });
});

describe("MON-21 a timestamp is refused", () => {
  const refused = async (signed: Uint8Array, reason: RegExp, expected: Partial<Parameters<typeof verifyTimestamp>[1]> = {}): Promise<void> => {
    const failure: unknown = await verifyTimestamp(signed, { digest, roots, nonce, ...expected }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Malformed);
    expect((failure as Malformed).message).toMatch(reason);
  };

  test("of another digest, with another nonce, of an authority that is not trusted", async () => {
    await refused(token, /of something else/, { digest: other });
    await refused(token, /its nonce/, { nonce: Uint8Array.of(1) });
    await authority.certify({ name: "Stranger" });
    await refused(token, /is not certified by an authority/, { roots: [authority.certificate("Stranger")] });
    await refused(token, /is not certified by an authority/, { roots: [] });
  });

  test("of an impostor with the root's name", async () => {
    const impostor = createTestAuthority();
    try {
      await impostor.certify({ name: "Root", key: "rsa:2048" });
      await impostor.certify({ name: "P-256", issuer: "Root" });
      const signed = readTimestampResponse(await impostor.reply(formatTimestampRequest({ digest, nonce }), "P-256", { chain: ["Root"] }));
      expect(await verifyTimestamp(signed, { digest, nonce, roots: [impostor.certificate("Root")] })).toMatchObject({ authority: "P-256" });
      await refused(signed, /is not certified by an authority/);
    } finally {
      impostor.remove();
    }
  });

  test("with a certificate that has expired, or begins later", async () => {
    await authority.certify({ name: "Expired", issuer: "Root", validity: ["20200101000000Z", "20211231000000Z"] });
    await authority.certify({ name: "Future", issuer: "Root", validity: ["20480101000000Z", "20491231000000Z"] });
    await refused(await authority.signContent(contentOf(token), "Expired"), /the certificate of Expired had expired/);
    await refused(await authority.signContent(contentOf(token), "Future"), /the certificate of Future was not valid yet/);
    await authority.certify({ name: "Old Root", key: "P-256", validity: ["20200101000000Z", "20211231000000Z"] });
    await authority.certify({ name: "Under Old", issuer: "Old Root" });
    await refused(await authority.signContent(contentOf(token), "Under Old"), /the certificate of Old Root had expired/, { roots: [authority.certificate("Old Root")] });
  });

  test.each([
    ["Server", ["extendedKeyUsage = critical, serverAuth"]],
    ["Both", ["extendedKeyUsage = critical, timeStamping, serverAuth"]],
    ["Casual", ["extendedKeyUsage = timeStamping"]],
    ["Purposeless", ["basicConstraints = CA:false"]],
    ["Issuer", ["extendedKeyUsage = critical, timeStamping", "keyUsage = critical, keyCertSign"]],
  ])("with the certificate of %s, which is not for timestamps alone: %j", async (name, extensions) => {
    await authority.certify({ name, issuer: "Root", extensions });
    await refused(await authority.signContent(contentOf(token), name), /is not one for timestamps alone/);
  });

  test.each([
    ["no authority", ["basicConstraints = critical, CA:false", "keyUsage = critical, digitalSignature"], /may not issue others/],
    ["an authority that may not sign certificates", ["basicConstraints = critical, CA:true", "keyUsage = critical, cRLSign"], /may not issue others/],
    ["an authority for servers", ["basicConstraints = critical, CA:true", "extendedKeyUsage = serverAuth"], /may not issue for timestamps/],
    ["an authority with a rule that is not known here", ["basicConstraints = critical, CA:true", "nameConstraints = critical, permitted;DNS:example.com"], /critical extension/],
  ] as const)("through %s", async (name, extensions, reason) => {
    await authority.certify({ name, issuer: "Root", extensions });
    await authority.certify({ name: `Under ${name}`, issuer: name });
    const signed = await authority.signContent(contentOf(token), `Under ${name}`, ["-certfile", `${name}.pem`]);
    await refused(signed, reason);
  });

  test("from further down than an authority allows", async () => {
    await authority.certify({ name: "Short", issuer: "Root", extensions: ["basicConstraints = critical, CA:true, pathlen:0"] });
    await authority.certify({ name: "Too low", issuer: "Short", extensions: ["basicConstraints = critical, CA:true"] });
    await authority.certify({ name: "Lowest", issuer: "Too low" });
    writeFileSync(join(authority.dir, "both.pem"), authority.pem("Short") + authority.pem("Too low"));
    await refused(await authority.signContent(contentOf(token), "Lowest", ["-certfile", "both.pem"]), /so far above the end/);
  });

  test("with keys that are too short or on another curve, and by SHA-1", async () => {
    await authority.certify({ name: "Short key", key: "rsa:1024", issuer: "Root" });
    await authority.certify({ name: "P-521", key: "P-521", issuer: "Root" });
    await refused(await authority.signContent(contentOf(token), "Short key"), /2048 to 8192 bits/);
    await refused(await authority.signContent(contentOf(token), "P-521"), /P-256 and P-384/);
    await refused(await authority.signContent(contentOf(token), "P-256", ["-md", "sha1"]), /hash function that is not accepted/);
  });

  test("without the certificate, or where the token does not say which", async () => {
    await refused(await authority.signContent(contentOf(token), "P-256", ["-nocerts"]), /without the certificate/);
    const signed = Buffer.from(await authority.signContent(contentOf(token), "P-256"));
    const id = Buffer.from("060b2a864886f70d010910022f", "hex"); // signingCertificateV2, made some other attribute
    signed[signed.indexOf(id) + id.length - 1] = 0x30;
    await refused(new Uint8Array(signed), /does not say which certificate/);
  });

  test("something else that is signed, and what is not signed at all", async () => {
    await refused(new Uint8Array(0), /DER/);
    await refused(authority.certificate("Root"), /DER|no timestamp/);
    await refused(new Uint8Array(70_000), /too long/);
    writeFileSync(join(authority.dir, "mail"), "hello");
    await authority.openssl("cms", "-sign", "-binary", "-nodetach", "-in", "mail", "-signer", "P-256.pem", "-inkey", "P-256.key", "-outform", "DER", "-out", "mail.p7");
    await refused(new Uint8Array(readFileSync(join(authority.dir, "mail.p7"))), /something else is signed/);
  });

  test("whichever bit of it is changed: it says the same as before, or nothing", async () => {
    const good = await verifyTimestamp(token, { digest, roots, nonce });
    let same = 0;
    for (let at = 0; at < token.length; at += 1) {
      const bent = token.with(at, token[at]! ^ (1 << (at % 8)));
      const found: unknown = await verifyTimestamp(bent, { digest, roots, nonce }).catch((error: unknown) => error);
      if (found instanceof Malformed) continue;
      expect(found, `bit ${at % 8} of byte ${at}`).toEqual(good);
      same += 1;
    }
    // A version number and the like are signed by nobody.
    expect(same).toBeLessThan(40);
  });

  test("whatever the bytes, the end is a timestamp or Malformed", async () => {
    const seen = async (bytes: Uint8Array): Promise<void> => {
      for (const read of [async () => await verifyTimestamp(bytes, { digest, roots }), async () => readTimestampResponse(bytes)]) await read().catch((error: unknown) => expect(error).toBeInstanceOf(Malformed));
    };
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), seen));
    await fc.assert(fc.asyncProperty(fc.nat(token.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), async (at, bytes) => await seen(Uint8Array.of(...token.slice(0, at), ...bytes, ...token.slice(at + bytes.length)))), { numRuns: 500 });
    for (let length = 0; length < token.length; length += 7) await seen(token.slice(0, length));
  });
});

describe("certificates in PEM, and object identifiers", () => {
  test("are read one after the other, with text between them", () => {
    expect(readPemCertificates(`# Root\n${authority.pem("Root")}\nand\r\n${authority.pem("P-256").replaceAll("\n", "\r\n")}`)).toEqual([authority.certificate("Root"), authority.certificate("P-256")]);
    expect(() => readPemCertificates("nothing")).toThrow(Malformed);
    expect(() => readPemCertificates("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----")).toThrow(Malformed);
  });

  test("a policy is an object identifier", () => {
    for (const good of ["1.2.3", "0.9.2342", "2.999.1", "2.25.329800735698586629295641978511506172918"]) expect(isOid(good), good).toBe(true);
    for (const wrong of ["", "1", "3.1", "1.40", "0.40.1", "1.2.", "1.02.3", "1..2", "a.b", "-1.2"]) expect(isOid(wrong), wrong).toBe(false);
  });
});

import { generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cosignedText, formatCheckpoint, formatNote, formatTlogProof, formatVkey, fromBase64, Malformed, noteKey, noteTypes, parseCheckpoint, parseNote, parseTlogProof, parseVkey, toBase64, verifyNote, type NoteKey } from "./index.ts";

/** The example of C2SP signed-note. */
const vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const example = "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

function signer(name: string, type: number = noteTypes.ed25519) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const key = noteKey(name, type, new Uint8Array(raw));
  const signText = (text: string): Uint8Array => new Uint8Array(sign(null, Buffer.from(text), privateKey));
  return {
    key,
    signature: (text: string) => ({ name, keyId: key.id, signature: signText(text) }),
    cosignature(text: string, atSeconds: number) {
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(atSeconds));
      return { name, keyId: key.id, signature: new Uint8Array([...time, ...signText(cosignedText(text, atSeconds))]) };
    },
  };
}

const text = formatCheckpoint({ origin: "earwitness.example/contoso", size: 12, root: new Uint8Array(32).fill(7), extensions: [] });

describe("signed notes", () => {
  test("the example of the document verifies under its key, and no longer once a letter is changed", async () => {
    const key = parseVkey(vkey);
    expect(formatVkey(key)).toBe(vkey);
    expect(await verifyNote(parseNote(example), [key])).toEqual([{ key, atSeconds: null }]);
    await expect(verifyNote(parseNote(example.replace("example message", "example massage")), [key])).rejects.toThrow(Malformed);
  });

  test("signatures of others are passed over: nobody known, nobody verified", async () => {
    const log = signer("log");
    const note = parseNote(formatNote({ text, signatures: [log.signature(text)] }));
    expect(await verifyNote(note, [signer("log").key, signer("other").key])).toEqual([]);
  });

  test("a witness vouches for a moment, and for that moment only", async () => {
    const log = signer("log");
    const witness = signer("witness.example/w1", noteTypes.cosignature);
    const signatures = [log.signature(text), witness.cosignature(text, 1_764_000_000)];
    const note = parseNote(formatNote({ text, signatures }));
    expect(await verifyNote(note, [log.key, witness.key])).toEqual([
      { key: log.key, atSeconds: null },
      { key: witness.key, atSeconds: 1_764_000_000 },
    ]);
    const later = signatures[1]!.signature.slice();
    later[7]! += 1;
    await expect(verifyNote({ text, signatures: [{ ...signatures[1]!, signature: later }] }, [witness.key])).rejects.toThrow(/does not fit/);
    // A plain signature of the same key is no cosignature.
    await expect(verifyNote({ text, signatures: [witness.signature(text)] }, [witness.key])).rejects.toThrow(/does not fit/);
  });

  test("the same key signing twice counts once", async () => {
    const log = signer("log");
    expect(await verifyNote({ text, signatures: [log.signature(text), log.signature(text)] }, [log.key])).toHaveLength(1);
  });

  test.each([
    ["no signatures", "text\n"],
    ["no newline at the end", example.slice(0, -1)],
    ["a control character", example.replace("This", "This\u0007")],
    ["a carriage return", example.replaceAll("\n", "\r\n")],
    ["a signature that is no base64", example.replace("Uw2Q", "U*2Q")],
    ["base64 in a second spelling", example.replace("QM=\n", "QN=\n")],
    ["an empty name", example.replace("example.com/foo Uw", " Uw")],
    ["only a key id", "text\n\n\u2014 name AAAAAA==\n"],
    ["half a surrogate", example.replace("This", "This\ud800")],
  ])("refused: %s", (_, note) => {
    expect(() => parseNote(note)).toThrow(Malformed);
  });

  test.each(["", "name", "name+530d903a", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "na me+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", `${vkey}AAAA`])("no public key: “%s”", (wrong) => {
    expect(() => parseVkey(wrong)).toThrow(Malformed);
  });

  test("whatever the bytes, parsing ends in a note or in Malformed", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string().map((tail) => example + tail), fc.nat(example.length).map((at) => example.slice(0, at) + example.slice(at + 1))), (note) => {
        try {
          parseNote(note);
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed);
        }
      }),
    );
  });
});

describe("checkpoints and proofs", () => {
  test("read back as they were written", () => {
    const checkpoint = { origin: "earwitness.example/contoso", size: 20_852_163, root: new Uint8Array(32).fill(9), extensions: [] };
    expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
    const proof = { index: 73, proof: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)], checkpoint: formatNote({ text, signatures: [signer("log").signature(text)] }) };
    expect(parseTlogProof(formatTlogProof(proof))).toEqual(proof);
    expect(parseTlogProof(formatTlogProof({ ...proof, proof: [] }).replace("\nindex", "\nextra AAAA\nindex"))).toEqual({ ...proof, proof: [] });
  });

  test.each(["", "origin\n", "origin\n12\n", "origin\n012\nAAAA\n", `origin\n-1\n${toBase64(new Uint8Array(32))}\n`, `origin\n99999999999999999\n${toBase64(new Uint8Array(32))}\n`, `origin\n1\n${toBase64(new Uint8Array(31))}\n`, `\n1\n${toBase64(new Uint8Array(32))}\n`, `origin\n1\n${toBase64(new Uint8Array(32))}`, `origin\n1\n${toBase64(new Uint8Array(32))}\n\nmore\n`])(
    "no checkpoint: %j",
    (wrong) => {
      expect(() => parseCheckpoint(wrong)).toThrow(Malformed);
    },
  );

  test.each(["", "c2sp.org/tlog-proof@v1\nindex 1\n", "c2sp.org/tlog-proof@v2\nindex 1\n\nx", "c2sp.org/tlog-proof@v1\nindex 01\n\nx", "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx", `c2sp.org/tlog-proof@v1\nindex 1\n${`${toBase64(new Uint8Array(32))}\n`.repeat(64)}\nx`])("no proof: %j", (wrong) => {
    expect(() => parseTlogProof(wrong)).toThrow(Malformed);
  });

  test("base64 has one spelling", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void expect(fromBase64(toBase64(bytes))).toEqual(bytes)));
    for (const wrong of ["A", "AA", "AAA", "AB==", "AAB=", "=AAA", "AA=A", "AA ==", "AA-_"]) expect(fromBase64(wrong)).toBeNull();
  });
});

test("keys of the same name and different kind have different ids", () => {
  const publicKey = new Uint8Array(32).fill(3);
  const ids = new Set([noteTypes.ed25519, noteTypes.cosignature].map((type): NoteKey["id"] => noteKey("same", type, publicKey).id));
  expect(ids.size).toBe(2);
});

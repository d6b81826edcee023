import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parseCheckpoint } from "./checkpoint.ts";
import { followHandovers, formatHandover, keysFor, parseHandover, verifyHandover } from "./handover.ts";
import { formatNote, formatVkey, Malformed, noteKey, noteTypes, type NoteKey } from "./note.ts";

interface Signer {
  readonly key: NoteKey;
  sign(text: string): Uint8Array;
}

const origin = "recorder.example/log/5c6a7b5e";

function signer(name = origin): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-32));
  return { key: noteKey(name, noteTypes.ed25519, raw), sign: (text) => sign(null, Buffer.from(text), privateKey) };
}

function handover(old: Signer, next: Signer, fromSize: number, by: readonly Signer[] = [old, next]): string {
  const text = formatHandover({ origin, old: old.key, new: next.key, fromSize });
  return formatNote({ text, signatures: by.map(({ key, sign: signWith }) => ({ name: key.name, keyId: key.id, signature: signWith(text) })) });
}

const [a, b, c, d] = [signer(), signer(), signer(), signer()];
const names = new Map([a, b, c, d].map(({ key }, at) => [formatVkey(key), "abcd"[at]!]));
const chain = [handover(a, b, 10), handover(b, c, 10), handover(c, d, 300)];
const periods = async (trusted: Signer, notes: readonly string[]) => (await followHandovers(trusted.key, notes)).map(({ key, fromSize, toSize }) => [names.get(formatVkey(key)), fromSize, toSize]);
const all = [["a", 0, 10], ["b", 10, 10], ["c", 10, 300], ["d", 300, null]];

describe("PLT-14 a log changes its key", () => {
  test("reads what it writes, and it is no checkpoint", async () => {
    const { old, new: next, fromSize } = await verifyHandover(chain[0]!);
    expect([old, next, fromSize]).toEqual([a.key, b.key, 10]);
    expect(() => parseCheckpoint(formatHandover({ origin, old, new: next, fromSize }))).toThrow(Malformed);
  });

  test("from any key of it, all others follow, in whatever order the notes come", async () => {
    for (const trusted of [a, b, c, d]) {
      expect(await periods(trusted, chain)).toEqual(all);
      expect(await periods(trusted, chain.toReversed())).toEqual(all);
    }
    expect(await periods(a, [])).toEqual([["a", 0, null]]);
    expect(await periods(c, chain.slice(0, 2))).toEqual(all.slice(0, 2).concat([["c", 10, null]]));
  });

  test("each size has its key; at the change, both", async () => {
    const found = await followHandovers(a.key, chain);
    const at = (size: number) => keysFor(found, size).map((key) => names.get(formatVkey(key))).join("");
    expect([0, 9, 10, 11, 299, 300, 301, 10_000].map(at)).toEqual(["a", "a", "abc", "c", "c", "cd", "d", "d"]);
  });

  test.each([
    ["one of the two did not sign", handover(a, b, 10, [a])],
    ["the other did not", handover(a, b, 10, [b])],
    ["somebody else signed", handover(a, b, 10, [a, c])],
    ["it was changed", handover(a, b, 10).replace("from 10", "from 11")],
    ["another key was put in", handover(a, b, 10).replace(formatVkey(b.key), formatVkey(c.key))],
  ])("refuses it where %s", async (_what, note) => {
    await expect(verifyHandover(note)).rejects.toThrow(Malformed);
  });

  test.each([
    ["a hand-over is missing in the middle", [chain[0]!, chain[2]!]],
    ["one key was given to two others", [...chain, handover(a, d, 20)]],
    ["two keys were given to one", [handover(a, c, 5), handover(b, c, 10)]],
    ["it goes round", [handover(a, b, 1), handover(b, a, 2)]],
    ["the log shrinks", [handover(a, b, 20), handover(b, c, 10)]],
    ["none of it is the trusted key's", [handover(b, c, 10)]],
  ])("refuses a chain where %s", async (_what, notes) => {
    await expect(followHandovers(a.key, notes)).rejects.toThrow(/do not make one chain|come back|shrinks/);
  });

  const good = formatHandover({ origin, old: a.key, new: b.key, fromSize: 10 });
  test.each([
    "",
    good.slice(0, -1),
    `${good}more\n`,
    good.replace("from 10", "from 010"),
    good.replace("from 10", "from 9999999999999999"),
    good.replace("old ", "old  "),
    good.replace(origin, "another.example/log"),
    formatHandover({ origin, old: a.key, new: a.key, fromSize: 10 }),
    formatHandover({ origin, old: a.key, new: noteKey(origin, noteTypes.cosignature, b.key.publicKey), fromSize: 10 }),
    formatHandover({ origin, old: a.key, new: signer("another.example/log").key, fromSize: 10 }),
  ])("no hand-over: %j", (text) => {
    expect(() => parseHandover(text)).toThrow(Malformed);
  });
});

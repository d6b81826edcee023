import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatAddCheckpoint, formatCheckpoint, formatNote, noteTypes, parseCheckpoint, parseNote, parseSignatureLine, parseVkey, verifyNote } from "@earwitness/verify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashOfOrigin } from "./heads.ts";
import { createTestKey, createTestLog } from "./test-log.ts";
import { ask, openWitness } from "./test-witness.ts";

const key = createTestKey("log.example/a");
const log = createTestLog(key);
const other = createTestLog(key, "another history", 5);
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ew-witness-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const open = () => openWitness(dir, { vkeys: [key.vkey] });
const send = async (oldSize: number, proof: readonly Uint8Array[], note: string) => (await open()).witness.addCheckpoint(Buffer.from(formatAddCheckpoint({ oldSize, proof, note })));

describe("PLT-14 a witness (C2SP tlog-witness)", () => {
  test("cosigns a first head and what continues it, and each line verifies with its public key", async () => {
    const { witness, key: own } = await open();
    expect(own.public.type).toBe(noteTypes.cosignature);
    for (const [first, second] of [[0, 3], [3, 8], [8, 8], [8, 200]] as const) {
      const { status, body } = await ask(witness, log, first, second);
      expect(status).toBe(200);
      expect(body).toMatch(/^\u2014 witness\.example\/w1 [A-Za-z0-9+/=]+\n$/);
      const verified = await verifyNote(parseNote(`${await log.head(second)}${body}`), [parseVkey(own.vkey), key.public]);
      expect(verified.map(({ key: { name } }) => name)).toEqual(["log.example/a", "witness.example/w1"]);
      expect(Math.abs(verified[1]!.atSeconds! - Date.now() / 1000)).toBeLessThan(5);
    }
  });

  test("shows the last head of a log, with the log's signature and its own and no others", async () => {
    const { witness, heads, key: own } = await open();
    const head = await log.head(7);
    const stranger = createTestKey("stranger.example");
    const text = parseNote(head).text;
    const decorated = formatNote({ text, signatures: [{ name: "stranger.example", keyId: stranger.public.id, signature: stranger.sign(text) }, ...parseNote(head).signatures] });
    const { body } = await witness.addCheckpoint(Buffer.from(formatAddCheckpoint({ oldSize: 0, proof: [], note: decorated })));
    const shown = await heads.show(hashOfOrigin("log.example/a"));
    expect(shown).toBe(`${head}${body}`);
    expect(await verifyNote(parseNote(shown!), [own.public, key.public])).toHaveLength(2);
    expect(await heads.show(hashOfOrigin("log.example/b"))).toBeNull();
    expect(await heads.show("../../logs")).toBeNull();
  });

  test("an empty log can be cosigned, with the one root that it has", async () => {
    const empty = (root: Uint8Array) => {
      const text = formatCheckpoint({ origin: key.public.name, size: 0, root, extensions: [] });
      return formatNote({ text, signatures: [{ name: key.public.name, keyId: key.public.id, signature: key.sign(text) }] });
    };
    expect(await send(0, [], empty(await log.root(0)))).toMatchObject({ status: 200 });
    expect(await send(0, [], empty(await log.root(1)))).toMatchObject({ status: 422 });
  });

  test("409 says the size that it saw last, whatever the old size that is wrong", async () => {
    const { witness } = await open();
    expect(await ask(witness, log, 4, 9)).toEqual({ status: 409, body: "0\n" });
    await ask(witness, log, 0, 9);
    expect(await ask(witness, log, 0, 20)).toEqual({ status: 409, body: "9\n" });
    expect(await ask(witness, log, 5, 9)).toEqual({ status: 409, body: "9\n" });
    expect(await ask(witness, log, 0, 5), "a smaller head").toEqual({ status: 409, body: "9\n" });
  });

  test("422 for another history, a wrong proof, one that is too long, one where none is due", async () => {
    const { witness } = await open();
    await ask(witness, log, 0, 9);
    expect(await ask(witness, other, 9, 20)).toMatchObject({ status: 422 });
    expect(await ask(witness, other, 9, 9)).toMatchObject({ status: 422 });
    const proof = await log.proof(9, 20);
    expect(await send(9, proof.toReversed(), await log.head(20))).toMatchObject({ status: 422 });
    expect(await send(9, [...proof, proof[0]!], await log.head(20))).toMatchObject({ status: 422 });
    expect(await send(9, [], await log.head(20))).toMatchObject({ status: 422 });
    expect(await send(9, proof.slice(0, 1), await log.head(9))).toMatchObject({ status: 422 });
    expect(await send(9, proof, await log.head(20))).toMatchObject({ status: 200 });
  });

  test("a first head comes without a proof", async () => {
    expect(await send(0, [new Uint8Array(32)], await log.head(9))).toMatchObject({ status: 422 });
  });

  test("400 for an old size that is larger than the new one, and for what is no request", async () => {
    const { witness } = await open();
    await ask(witness, log, 0, 9);
    expect(await ask(witness, log, 9, 5)).toMatchObject({ status: 400 });
    const head = await log.head(20);
    for (const body of ["", "old 0", "old 0\n", `old 0\n${head}`, `old -1\n\n${head}`, `old 01\n\n${head}`, `old\n\n${head}`, `OLD 0\n\n${head}`, `old 0\r\n\r\n${head}`, `old 0\nAAAA\n\n${head}`, `old 0\n\n${head.trimEnd()}`, "old 0\n\ntext\n", `old 0\n${"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(64)}\n${head}`, `old 99999999999999999999\n\n${head}`]) {
      expect(await witness.addCheckpoint(Buffer.from(body)), body).toMatchObject({ status: 400 });
    }
    expect(await witness.addCheckpoint(Buffer.concat([Buffer.from("old 0\n\n"), Buffer.from([0xff, 0xfe])]))).toEqual({ status: 400, body: "this is not UTF-8\n" });
    expect(await witness.addCheckpoint(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(`old 9\n\n${head}`)]))).toMatchObject({ status: 400 });
  });

  test("404 for a log that it does not know, before any signature is looked at", async () => {
    const stranger = createTestLog(createTestKey("log.example/b"));
    expect(await ask((await open()).witness, stranger, 0, 3)).toMatchObject({ status: 404 });
    expect(readdirSync(join(dir, "heads"))).toEqual([]);
  });

  test("403 without a signature of the log's key, and for one that does not fit", async () => {
    const { witness } = await open();
    const sameName = createTestLog(createTestKey("log.example/a"));
    expect(await ask(witness, sameName, 0, 3)).toMatchObject({ status: 403 });
    const head = parseNote(await log.head(3));
    const changed = formatNote({ ...head, text: head.text.replace("\n3\n", "\n4\n") });
    expect(await send(0, [], changed)).toMatchObject({ status: 403 });
    const good = head.signatures[0]!;
    const broken = { ...good, signature: good.signature.map((byte, at) => (at === 10 ? byte ^ 1 : byte)) };
    expect(await send(0, [], formatNote({ ...head, signatures: [good, broken] })), "one good and one broken of the same key").toMatchObject({ status: 403 });
    expect(await ask(witness, log, 0, 3)).toMatchObject({ status: 200 });
  });

  test("two trees of one size, both signed by the log, are kept as proof and told once", async () => {
    const { witness, alarms } = await open();
    await ask(witness, log, 0, 9);
    await ask(witness, other, 9, 9);
    await ask(witness, other, 0, 9);
    expect(alarms).toEqual(["log.example/a signed two different trees of 9 entries"]);
    const [name] = readdirSync(join(dir, "contradictions"));
    const kept = readFileSync(join(dir, "contradictions", name!), "utf8");
    for (const tree of [log, other]) expect(kept).toContain(await tree.head(9));
    expect(readFileSync(join(dir, "journal.jsonl"), "utf8").split("\n").filter((line) => line.includes("contradiction"))).toHaveLength(1);
  });

  test("requests for one log come one after the other: of many at once from the same old size, one is cosigned", async () => {
    const { witness } = await open();
    await ask(witness, log, 0, 10);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => ask(witness, log, 10, 20 + at)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(29);
  });

  test("what another process on the same directory cosigned counts, also in the same moment", async () => {
    const [one, two] = [await open(), await open()];
    await ask(one.witness, log, 0, 10);
    expect(await ask(two.witness, log, 0, 20)).toEqual({ status: 409, body: "10\n" });
    for (let size = 10; size < 60; size += 5) {
      const answers = await Promise.all([ask(one.witness, log, size, size + 5), ask(two.witness, other, size, size + 5), ask(two.witness, log, size, size + 5)]);
      expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1);
      expect(answers[1]!.status).not.toBe(200);
    }
  });

  test("a clock that goes back: nothing is signed until it is right again", async () => {
    let nowMs = Date.now();
    const { witness } = await openWitness(dir, { vkeys: [key.vkey], now: () => new Date(nowMs) });
    await ask(witness, log, 0, 10);
    nowMs -= 5_000;
    expect(await ask(witness, log, 10, 20)).toMatchObject({ status: 503 });
    nowMs += 6_000;
    expect(await ask(witness, log, 10, 20)).toMatchObject({ status: 200 });
  });

  test("a head on disk that was changed is not believed", async () => {
    const { witness, heads } = await open();
    await ask(witness, log, 0, 10);
    const at = join(dir, "heads", hashOfOrigin("log.example/a"));
    const [name] = readdirSync(at);
    const text = readFileSync(join(at, name!), "utf8");
    for (const wrong of ["", text.replace("\n10\n", "\n11\n"), text.replace("log.example", "lag.example"), await log.head(10)]) {
      writeFileSync(join(at, name!), wrong);
      await expect(ask(witness, log, 10, 20)).rejects.toThrow();
    }
    writeFileSync(join(at, name!), text);
    expect(await ask(witness, log, 10, 20)).toMatchObject({ status: 200 });
    expect(parseCheckpoint(parseNote((await heads.show(hashOfOrigin("log.example/a")))!).text).size).toBe(20);
    expect(parseSignatureLine((await ask(witness, log, 20, 30)).body.trimEnd()).signature).toHaveLength(72);
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatAddCheckpoint, parseVkey } from "@earwitness/verify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Failure, runCommand } from "./command.ts";
import type { WitnessServer } from "./server.ts";
import { createTestKey, createTestLog } from "./test-log.ts";

const key = createTestKey("log.example/a");
const log = createTestLog(key);
const second = createTestKey("log.example/a");
let dir: string;
let server: WitnessServer | null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ew-witness-"));
  server = null;
});
afterEach(async () => {
  await server?.close();
  rmSync(dir, { recursive: true });
});

async function run(...args: string[]): Promise<{ printed: string[]; reported: string[] }> {
  const printed: string[] = [];
  const reported: string[] = [];
  const started = await runCommand([...args, "--dir", dir], { print: (line) => printed.push(line), report: (sentence) => reported.push(sentence), env: {} });
  if (started !== null) server = started;
  return { printed, reported };
}
const start = (...args: string[]) => run("start", "--listen", "127.0.0.1:0", ...args);
const post = async (oldSize: number, size: number, of = log): Promise<number> =>
  (await fetch(`http://127.0.0.1:${server!.address.port}/add-checkpoint`, { method: "POST", body: formatAddCheckpoint({ oldSize, proof: await of.proof(oldSize, size), note: await of.head(size) }) })).status;
const journal = (): { event: string; reason?: string; size?: number }[] =>
  readFileSync(join(dir, "journal.jsonl"), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as { event: string });

describe("PLT-14 the witness's operator", () => {
  test("the first start makes the key, for its owner's eyes only, and prints the public half; later ones keep it", async () => {
    const { printed } = await start("--name", "witness.example/w1");
    expect(parseVkey(printed[0]!)).toMatchObject({ name: "witness.example/w1", type: 4 });
    expect(statSync(join(dir, "key")).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    await server!.close();
    expect((await start()).printed).toEqual(printed);
    expect((await run("key")).printed).toEqual(printed);
    await expect(start("--name", "witness.example/w2")).rejects.toThrow("is witness.example/w1, not witness.example/w2");
  });

  test("the first start asks for a name, and for one that can be one", async () => {
    await expect(start()).rejects.toThrow("a new witness needs a name");
    await expect(start("--name", "a b")).rejects.toThrow("cannot name a key");
    expect(readdirSync(dir)).not.toContain("key");
  });

  test("a log is trusted and forgotten while the witness runs; forgetting asks why, is loud, and stands in the journal", async () => {
    await start("--name", "witness.example/w1");
    expect(await post(0, 5)).toBe(404);
    expect((await run("trust", key.vkey)).reported).toEqual(["log.example/a is watched from now on"]);
    expect((await run("trust", key.vkey)).reported).toEqual(["log.example/a was trusted with this key already"]);
    expect(await post(0, 5)).toBe(200);
    expect((await run("list")).printed).toEqual([expect.stringMatching(/^log\.example\/a\+.*\t5 entries, 20/)]);
    await expect(run("forget", "log.example/a")).rejects.toThrow("say why");
    await expect(run("forget", "log.example/b", "--reason", "x")).rejects.toThrow("was not known here");
    const { reported } = await run("forget", "log.example/a", "--reason", "the tenant's log was begun anew after a lost disk");
    expect(reported[0]).toContain("FORGOTTEN: log.example/a, seen up to 5 entries");
    expect(await post(5, 9)).toBe(404);
    await run("trust", key.vkey);
    expect(await post(0, 3)).toBe(200);
    expect(journal().map(({ event }) => event)).toEqual(["key made", "trusted", "forgotten", "trusted"]);
    expect(journal()[2]).toMatchObject({ reason: "the tenant's log was begun anew after a lost disk", size: 5 });
    expect(readdirSync(join(dir, "forgotten"))).toHaveLength(1);
  });

  test("a log changes its key: both for a while, then the new one alone, and what was seen stays seen", async () => {
    await start("--name", "witness.example/w1");
    await run("trust", key.vkey);
    expect(await post(0, 5)).toBe(200);
    const renewed = createTestLog(second);
    expect(await post(5, 9, renewed)).toBe(403);
    expect((await run("trust", second.vkey)).reported[0]).toContain("has 2 keys now");
    expect(await post(5, 9, renewed)).toBe(200);
    expect(await post(9, 12)).toBe(200);
    await run("trust", second.vkey, "--alone");
    expect((await run("list")).printed).toHaveLength(1);
    expect(await post(12, 20)).toBe(403);
    expect(await post(12, 20, createTestLog(second, "another history", 3))).toBe(422);
    expect(await post(12, 20, renewed)).toBe(200);
  });

  test("comments in the file of logs stay; a line that is no key is named with its number", async () => {
    await start("--name", "witness.example/w1");
    writeFileSync(join(dir, "logs"), `# of Contoso\n${key.vkey}\n`);
    await run("trust", createTestKey("log.example/b").vkey);
    expect(readFileSync(join(dir, "logs"), "utf8")).toMatch(/^# of Contoso\nlog\.example\/a\+.*\nlog\.example\/b\+.*\n$/);
    writeFileSync(join(dir, "logs"), "# of Contoso\nlog.example/a+00000000+AAAA\n");
    await expect(run("list")).rejects.toThrow(/logs, line 2: the public key of log\.example\/a/);
    expect(await post(0, 5)).toBe(500);
  });

  test.each([
    [["dance"], "there is no command “dance”"],
    [["start", "now"], "start takes no “now”"],
    [["trust"], "needs the public key"],
    [["trust", "nonsense"], "a public key is written name+hash+base64"],
    [["start", "--listen", "8091"], "is not HOST:PORT"],
    [["start", "--rate", "0"], "is no number of requests"],
    [["start", "--colour"], "Unknown option"],
    [["list"], "there is no witness in"],
  ])("%j is refused in a sentence", async (args, sentence) => {
    if (args[0] === "start") await start("--name", "witness.example/w1").then(() => server!.close());
    const failure = await run(...args).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect((failure as Failure).message).toContain(sentence);
  });

  test("heads that were signed with another key stop the start", async () => {
    await start("--name", "witness.example/w1");
    await run("trust", key.vkey);
    await post(0, 5);
    await server!.close();
    rmSync(join(dir, "key"));
    await expect(start("--name", "witness.example/w1")).rejects.toThrow("that was signed with the key in this directory");
  });

  test("help shows the commands", async () => {
    expect((await run("--help")).printed[0]).toContain("earwitness witness forget ORIGIN --reason TEXT");
  });
});

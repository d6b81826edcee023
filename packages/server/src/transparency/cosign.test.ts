import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatNote, parseNote, parseVkey, verifyNote, type NoteKey } from "@earwitness/verify";
import { runCommand } from "@earwitness/witness";
import { createTestKey, createTestLog } from "@earwitness/witness/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cosign, type WitnessAddress } from "./cosign.ts";

const key = createTestKey("recorder.example/log/a");
const log = createTestLog(key);
const otherHistory = createTestLog(key, "another history", 5);
let dir: string;
let witness: WitnessAddress;
let close: () => Promise<void>;
const quiet = { print: () => undefined, report: () => undefined, env: {} };

/** The witness of packages/witness, over HTTP. */
async function startWitness(): Promise<void> {
  let vkey = "";
  const server = (await runCommand(["--dir", dir, "--name", "witness.example/w1", "--listen", "127.0.0.1:0"], { ...quiet, print: (line) => (vkey = line) }))!;
  witness = { url: `http://127.0.0.1:${server.address.port}`, key: parseVkey(vkey) };
  close = () => server.close();
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ew-cosign-"));
  await startWitness();
  await runCommand(["trust", key.vkey, "--dir", dir], quiet);
});
afterEach(async () => {
  await close();
  rmSync(dir, { recursive: true });
});

describe("PLT-14 a head is cosigned by a witness", () => {
  test("also where nothing is known of what it saw last: it says so, and gets the proof from there", async () => {
    for (const [size, oldSize] of [[5, 0], [20, 0], [20, 20], [100, 77], [200, 100]] as const) {
      const note = await log.head(size);
      const done = await cosign(note, log.read, witness, { oldSize });
      expect(done).toMatchObject({ kind: "cosigned", atSeconds: expect.any(Number) as number });
      if (done.kind !== "cosigned") continue;
      expect((await verifyNote(parseNote(`${note}${done.line}`), [key.public, witness.key])).map(({ key: { name } }) => name)).toEqual(["recorder.example/log/a", "witness.example/w1"]);
    }
  });

  test("one that saw another history contradicts", async () => {
    await cosign(await log.head(20), log.read, witness);
    expect(await cosign(await otherHistory.head(30), otherHistory.read, witness)).toMatchObject({ kind: "contradicted" });
    expect(await cosign(await otherHistory.head(20), otherHistory.read, witness)).toMatchObject({ kind: "contradicted" });
  });

  test("one that saw more than the log has says how much", async () => {
    await cosign(await log.head(20), log.read, witness);
    expect(await cosign(await log.head(10), log.read, witness)).toEqual({ kind: "ahead", size: 20 });
  });

  test("one that does not know the log, or its new key, refuses and says what to do", async () => {
    const stranger = createTestLog(createTestKey("recorder.example/log/b"));
    expect(await cosign(await stranger.head(3), stranger.read, witness)).toEqual({ kind: "refused", why: expect.stringContaining("does not know this log") as string });
    const renewed = createTestLog(createTestKey("recorder.example/log/a"));
    expect(await cosign(await renewed.head(3), renewed.read, witness)).toEqual({ kind: "refused", why: expect.stringContaining("new key") as string });
  });

  test("one that is away is unreachable, and cosigns once it is back", async () => {
    await cosign(await log.head(20), log.read, witness);
    await close();
    expect(await cosign(await log.head(30), log.read, witness)).toEqual({ kind: "unreachable", why: expect.any(String) as string });
    await startWitness();
    expect(await cosign(await log.head(30), log.read, witness)).toMatchObject({ kind: "cosigned" });
  });
});

describe("PLT-14 a witness that lies", () => {
  let server: Server;

  async function lying(answer: RequestListener): Promise<WitnessAddress> {
    server = createServer((request, response) => request.resume().on("end", () => answer(request, response)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: witness.key };
  }
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const ask = async (address: WitnessAddress) => await cosign(await log.head(20), log.read, address, { timeoutMs: 300 });
  const says = (status: number, body: string): RequestListener => (_request, response) => response.writeHead(status).end(body);
  const line = (name: string, { id }: Pick<NoteKey, "id">, signature: Uint8Array): string => formatNote({ text: "", signatures: [{ name, keyId: id, signature }] }).slice(1);

  test.each<[string, RequestListener, object]>([
    ["answers nothing", says(200, ""), { kind: "unreachable" }],
    ["answers a page", says(200, "<html>"), { kind: "unreachable" }],
    ["answers without end", (_request, response) => void response.writeHead(200).end("x".repeat(100_000)), { kind: "unreachable", why: "it answers without end" }],
    ["never answers", () => undefined, { kind: "unreachable", why: "no answer within 0.3 s" }],
    ["answers a byte and no more", (_request, response) => void response.writeHead(200).write("x"), { kind: "unreachable", why: "no answer within 0.3 s" }],
    ["hangs up", (request) => void request.socket.destroy(), { kind: "unreachable" }],
    ["sends elsewhere", (_request, response) => void response.writeHead(307, { location: "http://127.0.0.1:9/" }).end(), { kind: "unreachable" }],
    ["is broken", says(500, "oh"), { kind: "unreachable", why: "it answered 500" }],
    ["is overrun", says(429, "later"), { kind: "unreachable", why: "it answered 429" }],
    ["takes nothing", says(400, "no"), { kind: "refused", why: "it answered 400" }],
    ["names no size", says(409, "many\n"), { kind: "unreachable" }],
    ["names a negative size", says(409, "-1\n"), { kind: "unreachable" }],
    ["names one size after the other", (_request, response) => void response.writeHead(409).end(`${Math.floor(Math.random() * 20)}\n`), { kind: "unreachable", why: "it named another size 4 times" }],
    ["says the same size always", says(409, "3\n"), { kind: "unreachable", why: "it named another size 4 times" }],
  ])("%s", async (_what, answer, expected) => {
    expect(await ask(await lying(answer))).toMatchObject(expected);
  });

  test("a signature of another key, of none, or with a byte changed is not taken", async () => {
    const good = await cosign(await log.head(20), log.read, witness);
    const { signature } = parseNote(`x\n\n${good.kind === "cosigned" ? good.line : ""}`).signatures[0]!;
    const { name } = witness.key;
    const changed = signature.with(30, signature[30]! ^ 1);
    for (const body of [line("other.example", witness.key, signature), line(name, { id: 7 }, signature), line(name, witness.key, changed), line(name, witness.key, signature.with(7, signature[7]! ^ 1)), line(name, witness.key, signature.slice(0, 40)), `\n\n${line(name, witness.key, signature)}`]) {
      const address = await lying(says(200, body));
      expect(await ask(address), body).toMatchObject({ kind: "unreachable" });
      server.closeAllConnections();
      server.close();
    }
    expect(await ask(await lying(says(200, `${line("other.example", { id: 7 }, signature)}${line(name, witness.key, signature)}`)))).toEqual(good);
  });
});

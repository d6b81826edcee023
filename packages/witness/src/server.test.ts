import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatAddCheckpoint } from "@earwitness/verify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashOfOrigin } from "./heads.ts";
import { startServer, type WitnessServer } from "./server.ts";
import { createTestKey, createTestLog } from "./test-log.ts";
import { openWitness, type TestWitness } from "./test-witness.ts";

const key = createTestKey("log.example/a");
const log = createTestLog(key);
let dir: string;
let open: TestWitness;
let server: WitnessServer;
let reports: string[];

async function start(rate: number): Promise<void> {
  reports = [];
  server = await startServer({ witness: open.witness, heads: open.heads, vkey: open.key.vkey, host: "127.0.0.1", port: 0, rate, report: (sentence) => reports.push(sentence) });
}
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ew-witness-"));
  open = await openWitness(dir, { vkeys: [key.vkey] });
  await start(1_000);
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

const url = (path: string): string => `http://127.0.0.1:${server.address.port}${path}`;
const post = (body: string): Promise<Response> => fetch(url("/add-checkpoint"), { method: "POST", body });

describe("PLT-14 a witness over HTTP", () => {
  test("answers in the types that C2SP asks for", async () => {
    const first = await post(formatAddCheckpoint({ oldSize: 0, proof: [], note: await log.head(4) }));
    expect(first.status).toBe(200);
    const line = await first.text();
    const conflict = await post(formatAddCheckpoint({ oldSize: 0, proof: [], note: await log.head(9) }));
    expect([conflict.status, conflict.headers.get("content-type"), await conflict.text()]).toEqual([409, "text/x.tlog.size", "4\n"]);
    const shown = await fetch(url(`/${hashOfOrigin("log.example/a")}/checkpoint`));
    expect([shown.status, await shown.text()]).toEqual([200, `${await log.head(4)}${line}`]);
    expect(await (await fetch(url("/"))).text()).toBe(`${open.key.vkey}\n`);
  });

  test("nothing else is there", async () => {
    for (const path of ["/key", "/../key", "/logs", `/${hashOfOrigin("log.example/b")}/checkpoint`, `/${"0".repeat(64)}/../../key`, "/add-checkpoint/", "/%2e%2e/key", "//key"]) expect((await fetch(url(path))).status, path).toBe(404);
    expect((await fetch(url("/add-checkpoint"))).status).toBe(405);
    expect((await fetch(url("/"), { method: "DELETE" })).status).toBe(405);
  });

  test("a body that is too large is refused, whether it says so or not", async () => {
    expect((await post("x".repeat(200_000))).status).toBe(413);
    const chunked = await new Promise<number>((resolve) => {
      const sent = request(url("/add-checkpoint"), { method: "POST", headers: { "transfer-encoding": "chunked" } }, (response) => resolve(response.statusCode!));
      sent.on("error", () => resolve(-1));
      const more = (): void => {
        if (sent.destroyed) return;
        sent.write("x".repeat(16_384), () => setImmediate(more));
      };
      more();
    });
    expect(chunked).toBe(413);
    expect((await post(formatAddCheckpoint({ oldSize: 0, proof: [], note: await log.head(4) }))).status).toBe(200);
  });

  test("an address that asks too often is told to wait; others are not", async () => {
    await server.close();
    await start(2);
    const statuses = [];
    for (let i = 0; i < 30; i += 1) statuses.push((await post("old 0\n\nx")).status);
    expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 400));
    expect(statuses.slice(22).every((status) => status === 429)).toBe(true);
  });

  test("bytes that are no HTTP, connections that say nothing and callers who hang up leave it as it was", async () => {
    const talk = (bytes: string | Uint8Array): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(server.address.port, "127.0.0.1", () => socket.write(bytes, () => setTimeout(() => socket.destroy(), 20)));
        socket.on("close", () => resolve()).on("error", () => resolve());
        socket.resume();
      });
    await Promise.all([
      talk("\0\u0001\u0002"),
      talk("GET / HTTP/9.9\r\n\r\n"),
      talk("POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nold 0\n"),
      talk("POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
      talk("POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      talk(`GET /${"a".repeat(20_000)} HTTP/1.1\r\n\r\n`),
      talk(""),
    ]);
    expect(reports).toEqual([]);
    expect((await post(formatAddCheckpoint({ oldSize: 0, proof: [], note: await log.head(4) }))).status).toBe(200);
  });

  test("a disk that fails is a 500 without its reasons, and a report with them", async () => {
    rmSync(join(dir, "logs"));
    await server.close();
    const { heads, key: own } = open;
    const faulty = { addCheckpoint: () => Promise.reject(new Error("EIO: the disk is gone, read /secret/path")) };
    server = await startServer({ witness: faulty, heads, vkey: own.vkey, host: "127.0.0.1", port: 0, rate: 10, report: (sentence) => reports.push(sentence) });
    const answer = await post("x");
    expect([answer.status, await answer.text()]).toEqual([500, "this witness has a fault; its operator is told\n"]);
    expect(reports).toEqual(["a request failed: EIO: the disk is gone, read /secret/path"]);
  });
});

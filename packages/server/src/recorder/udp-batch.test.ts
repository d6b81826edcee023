import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { closeLeftBehind, createBatchedSockets, createOpenDescriptors } from "./udp-batch.ts";
import { udpContract } from "./udp-contract.ts";

udpContract("batches", createBatchedSockets);

const open = new URL("./udp-batch.ts", import.meta.url);
const descriptors = async (): Promise<number> => (await readdir("/proc/self/fd")).length;

describe("batches", () => {
  test.each([
    ["while packets come", 0],
    ["in a silence", 800],
  ])("a thread that is killed %s leaves its ports to be had again", async (_when, silenceMs) => {
    const noted = createOpenDescriptors();
    const source = `
      const { parentPort, workerData } = await import("node:worker_threads");
      const { createBatchedSockets } = await import(${JSON.stringify(open.href)});
      const open = await createBatchedSockets(workerData);
      const sockets = await Promise.all([1, 2, 3].map(() => open("127.0.0.1", 0, () => parentPort.postMessage("heard"))));
      parentPort.postMessage(sockets.map((socket) => socket.port));`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: noted });
    const [ports] = (await once(worker, "message")) as [number[]];
    const sender = createSocket("udp4");
    for (const port of ports) sender.send("x", port, "127.0.0.1");
    await once(worker, "message");
    await new Promise((resolve) => setTimeout(resolve, silenceMs));
    await worker.terminate();
    const openOn = await createBatchedSockets();
    await expect(openOn("127.0.0.1", ports[0]!, () => undefined)).rejects.toThrow("EADDRINUSE");
    const before = await descriptors();
    await closeLeftBehind(noted);
    expect(before - (await descriptors())).toBe(4);
    for (const port of ports) await (await openOn("127.0.0.1", port, () => undefined)).close();
    await closeLeftBehind(noted); // nothing is left, and nothing of others is closed
    sender.close();
  });

  test("a packet that came while the loop was held up is known to have come then", async () => {
    const openOn = await createBatchedSockets();
    const waits: number[] = [];
    const socket = await openOn("127.0.0.1", 0, (_bytes, _address, _port, waitedMs) => waits.push(waitedMs ?? Number.NaN));
    const sender = createSocket("udp4");
    await new Promise<void>((resolve) => sender.send("x", socket.port, "127.0.0.1", () => resolve()));
    const until = performance.now() + 150;
    while (performance.now() < until);
    await expect.poll(() => waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(140);
    expect(waits[0]).toBeLessThan(1_000);
    sender.close();
    await socket.close();
  });

  test("sockets on which nothing comes take no processor time", async () => {
    const openOn = await createBatchedSockets();
    const sockets = await Promise.all(Array.from({ length: 200 }, () => openOn("127.0.0.1", 0, () => undefined)));
    await new Promise((resolve) => setTimeout(resolve, 700));
    const wakes = performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(performance.eventLoopUtilization(wakes).utilization).toBeLessThan(0.02);
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  test("the packet is lent: a listener that keeps it without copying sees it overwritten", async () => {
    const openOn = await createBatchedSockets();
    const kept: Buffer[] = [];
    const socket = await openOn("127.0.0.1", 0, (bytes) => kept.push(bytes));
    const sender = createSocket("udp4");
    for (const text of ["first", "other"]) {
      sender.send(text, socket.port, "127.0.0.1");
      await expect.poll(() => kept.at(-1)?.toString()).toBe(text);
    }
    expect(kept[0]).toBe(kept[1]);
    sender.close();
    await socket.close();
  });
});

import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRtp } from "@earwitness/media";
import { expect, test } from "vitest";
import { mintId } from "#ids";
import { createMediaWork } from "./media-work.ts";
import type { UdpListener } from "./udp.ts";

const stallMs = 4_500;

test("a standstill in the middle of a beat costs the calls whose turn had not come nothing: what the sockets held is read first", { timeout: 30_000 }, async () => {
  const spoolDir = await mkdtemp(join(tmpdir(), "earwitness-work-"));
  const listeners: UdpListener[] = [];
  let stalledFrom = 0;
  const work = createMediaWork(
    { owner: "test-1", bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir, pieceMs: 60_000, segmentBytes: 1e6, silentMs: 1_500 },
    (event) => {
      // Told in the beat, after the first recording's part of it and before the second's.
      if (event.kind !== "silent" || event.recordingId !== silent || stalledFrom > 0) return;
      stalledFrom = performance.now();
      while (performance.now() < stalledFrom + stallMs);
    },
    {
      openSocket: async (_address, _port, listener) => {
        listeners.push(listener);
        return { port: 10_000 + listeners.length, send: () => undefined, close: async () => undefined };
      },
    },
  );
  const startedAtMs = Date.now();
  const [silent, speaking] = [mintId(new Date(startedAtMs)), mintId(new Date(startedAtMs))];
  for (const recordingId of [silent, speaking]) {
    work.open({ recordingId, tenantId: randomUUID(), startedAtMs, key: { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: randomBytes(32) } });
    await work.addTrack(recordingId, 1, { label: "1", payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true }, 0);
  }
  const start = performance.now();
  const packets = 400;
  for (let index = 0; index < packets; index += 1) {
    // Each left its sender on time; after the standstill those that came meanwhile are read at once.
    const wait = start + index * 20 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const packet = Buffer.from(buildRtp({ payloadType: 0, sequence: index, timestamp: index * 160, ssrc: 1, payload: new Uint8Array(160).fill(0x55) }));
    listeners[2]!(packet, "127.0.0.1", 4_000, Math.max(0, -wait));
  }
  expect(stalledFrom).toBeGreaterThan(0);
  const { tracks } = await work.finish(speaking, Date.now() - startedAtMs);
  expect(tracks[0]).toMatchObject({ packets, packetsLost: 0, gaps: [] });
  await work.close();
  await rm(spoolDir, { recursive: true });
});

test("of calls that end together two are sealed at a time; one that waits for its turn still hears", async () => {
  const spoolDir = await mkdtemp(join(tmpdir(), "earwitness-work-"));
  const listeners: UdpListener[] = [];
  const closing = new Set<number>();
  const mayClose = Promise.withResolvers<void>();
  const work = createMediaWork(
    { owner: "test-1", bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir, pieceMs: 60_000, segmentBytes: 1e6, silentMs: 0 },
    () => undefined,
    {
      openSocket: async (_address, _port, listener) => {
        const call = Math.floor(listeners.length / 2);
        listeners.push(listener);
        return {
          port: 10_000 + listeners.length,
          send: () => undefined,
          close: () => {
            closing.add(call);
            return mayClose.promise;
          },
        };
      },
    },
  );
  const startedAtMs = Date.now();
  const calls = Array.from({ length: 5 }, () => mintId(new Date(startedAtMs)));
  for (const recordingId of calls) {
    work.open({ recordingId, tenantId: randomUUID(), startedAtMs, key: { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: randomBytes(32) } });
    await work.addTrack(recordingId, 1, { label: "1", payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true }, 0);
  }
  const ends = Promise.all(calls.map((recordingId) => work.finish(recordingId, 100)));
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect([...closing]).toEqual([0, 1]);
  for (let index = 0; index < 3; index += 1) listeners[8]!(Buffer.from(buildRtp({ payloadType: 0, sequence: index, timestamp: index * 160, ssrc: 1, payload: new Uint8Array(160).fill(0x55) })), "127.0.0.1", 4_000, 0);
  mayClose.resolve();
  const summaries = await ends;
  expect([...closing]).toEqual([0, 1, 2, 3, 4]);
  expect(summaries.map(({ recordingId, pieces, tracks }) => [recordingId, pieces.length, tracks[0]!.packets])).toEqual(calls.map((recordingId, at) => [recordingId, 1, at === 4 ? 3 : 0]));
  await work.close();
  await rm(spoolDir, { recursive: true });
});

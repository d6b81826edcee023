import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRtp } from "@earwitness/media";
import { expect, test, vi } from "vitest";
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

test("of calls that end together each is whole as soon as its turn was; what waits is not heard any more, and on disk", async () => {
  const spoolDir = await mkdtemp(join(tmpdir(), "earwitness-work-"));
  const turns: (() => void)[] = [];
  let open = 0;
  let syncedBytes = 0;
  const work = createMediaWork(
    { owner: "test-1", bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir, pieceMs: 60_000, segmentBytes: 1e6, silentMs: 0 },
    () => undefined,
    {
      sealing: { add: (work) => void turns.push(work) },
      openSocket: async (_address, _port, listener) => {
        open += 1;
        listeners.push(listener);
        return { port: 10_000 + listeners.length, send: () => undefined, close: async () => void (open -= 1) };
      },
      openJournalFile: async () => {
        let writtenBytes = 0;
        return {
          writev: async (parts) => {
            const bytesWritten = parts.reduce((sum, part) => sum + part.length, 0);
            writtenBytes += bytesWritten;
            return { bytesWritten };
          },
          datasync: async () => void (syncedBytes = writtenBytes),
          close: async () => undefined,
        };
      },
    },
  );
  const listeners: UdpListener[] = [];
  const startedAtMs = Date.now();
  const calls = Array.from({ length: 3 }, () => mintId(new Date(startedAtMs)));
  for (const recordingId of calls) {
    work.open({ recordingId, tenantId: randomUUID(), startedAtMs, key: { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: randomBytes(32) } });
    await work.addTrack(recordingId, 1, { label: "1", payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true }, 0);
  }
  const packets = 10;
  for (const rtp of listeners.filter((_, at) => at % 2 === 0)) {
    for (let index = 0; index < packets; index += 1) rtp(Buffer.from(buildRtp({ payloadType: 0, sequence: index, timestamp: index * 160, ssrc: 1, payload: new Uint8Array(160).fill(0x55) })), "127.0.0.1", 4_000, 0);
  }
  const whole: string[] = [];
  const ends = calls.map((recordingId) =>
    work.finish(recordingId, 200).then((summary) => {
      whole.push(recordingId);
      return summary;
    }),
  );
  await vi.waitFor(() => expect(turns).toHaveLength(3));
  expect(open).toBe(0);
  await vi.waitFor(() => expect(syncedBytes).toBeGreaterThan(3 * packets * 160)); // by a beat: nothing that waits is in memory alone
  for (const [at, turn] of turns.entries()) {
    expect(whole).toEqual(calls.slice(0, at));
    turn();
    expect(await ends[at]).toMatchObject({ recordingId: calls[at], pieces: [{ seq: 0 }], tracks: [{ packets, packetsLost: 0, gaps: [] }] });
  }
  await work.close();
  await rm(spoolDir, { recursive: true });
});

test("a socket that cannot be closed costs its call nothing", async () => {
  const spoolDir = await mkdtemp(join(tmpdir(), "earwitness-work-"));
  const listeners: UdpListener[] = [];
  let isBroken = true;
  const work = createMediaWork({ owner: "test-1", bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir, pieceMs: 60_000, segmentBytes: 1e6, silentMs: 0 }, () => undefined, {
    openSocket: async (_address, _port, listener) => {
      listeners.push(listener);
      return { port: 10_000 + listeners.length, send: () => undefined, close: async () => { if (isBroken) throw new Error("EBADF"); } };
    },
  });
  const startedAtMs = Date.now();
  const recordingId = mintId(new Date(startedAtMs));
  work.open({ recordingId, tenantId: randomUUID(), startedAtMs, key: { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: randomBytes(32) } });
  await work.addTrack(recordingId, 1, { label: "1", payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true }, 0);
  for (let index = 0; index < 10; index += 1) listeners[0]!(Buffer.from(buildRtp({ payloadType: 0, sequence: index, timestamp: index * 160, ssrc: 1, payload: new Uint8Array(160).fill(0x55) })), "127.0.0.1", 4_000, 0);
  expect(await work.finish(recordingId, 200)).toMatchObject({ pieces: [{ seq: 0 }], tracks: [{ packets: 10, packetsLost: 0 }] });
  isBroken = false;
  await work.close();
  await rm(spoolDir, { recursive: true });
});

import { fork } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRtp, encodeG711 } from "@earwitness/media";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { mintId } from "#ids";
import { createLog } from "#log";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, writeFileDurably, type MintedKey, type Vault } from "#vault";
import type { LocalPorts } from "./call.ts";
import { createMediaWork, type MediaWork, type Surroundings } from "./media-work.ts";
import type { MediaEvent } from "./media.ts";
import { openRecordingReader } from "./reader.ts";
import { recoverSpool, type RecoveredRecording, type RecoverOptions } from "./recover.ts";
import { createPhone, loudSpans, purity, tone } from "./test-phone.ts";
import type { UdpListener } from "./udp.ts";

const log = createLog("silent");
const tenantId = randomUUID();
let dir: string;
let spoolDir: string;
let vault: Vault;
let tenant: { tenantId: string; publicKey: Uint8Array; publicKeyId: string };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-recover-"));
  spoolDir = join(dir, "spool");
  vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
});
afterEach(async () => {
  await vault.close();
  await rm(dir, { recursive: true });
});

const recover = (more: Partial<RecoverOptions> = {}): Promise<RecoveredRecording[]> => recoverSpool({ spoolDir, vault, tenantOf: (id) => (id === tenantId ? tenant : null), now: () => new Date(), log, ...more });

async function hear({ summary }: RecoveredRecording, track: number): Promise<Int16Array> {
  const read = new Map(await Promise.all(summary.pieces.map(async (piece) => [piece.objectName, await readFile(piece.path)] as const)));
  const store = { ...vault.store, read: async (name: string, offset: number, length: number) => read.get(name)!.subarray(offset, offset + length) };
  const reader = await openRecordingReader({ vault: { ...vault, store }, tenantId, recordingId: summary.recordingId, objects: summary.pieces.map((piece) => ({ ...piece, kind: "piece" })), tracks: summary.tracks });
  return reader.readPcm(track, 0, summary.durationMs * 8);
}

/** What must be the same however often recovery was interrupted; keys, and so digests, differ. */
function essence(recovered: RecoveredRecording) {
  const { summary } = recovered;
  return { ...summary, pieces: summary.pieces.map(({ seq, fromMs, toMs }) => ({ seq, fromMs, toMs })), tracks: summary.tracks.map(({ merkleRoot: _root, ...track }) => track) };
}

/** A media worker whose network is the test: audio comes as fast as it can be made, the clock stands at the test's word. */
async function recordWithoutNetwork(forMs: number, surroundings: Surroundings = {}): Promise<{ work: MediaWork; recordingId: string; startedAtMs: number; key: MintedKey; events: MediaEvent[] }> {
  const startedAtMs = Date.now();
  const recordingId = mintId(new Date(startedAtMs));
  const key = await vault.createDataKey(tenant);
  const events: MediaEvent[] = [];
  const listeners: UdpListener[] = [];
  const openSocket = async (_address: string, _port: number, listener: UdpListener) => {
    listeners.push(listener);
    return { port: 10_000 + listeners.length, send: () => undefined, close: async () => undefined };
  };
  const work = createMediaWork({ owner: `test-${randomBytes(3).toString("hex")}`, bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir, pieceMs: 1_000, segmentBytes: 15_000, silentMs: 0 }, (event) => events.push(event), { openSocket, ...surroundings });
  work.open({ recordingId, tenantId, startedAtMs, key });
  for (const track of [1, 2]) await work.addTrack(recordingId, track, { label: `${track}`, payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true }, 0);
  const start = performance.now();
  for (let index = 0; index * 20 < forMs; index += 1) {
    for (const [place, frequency] of [[0, 440], [2, 1000]] as const) {
      if (index === 40 && place === 0) continue; // one packet is lost
      const payload = encodeG711("PCMU", tone(frequency, index * 160, 160));
      listeners[place]!(Buffer.from(buildRtp({ payloadType: 0, sequence: index, timestamp: index * 160, ssrc: place + 1, payload })), "127.0.0.1", 4000);
    }
    const wait = start + (index + 1) * 20 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return { work, recordingId, startedAtMs, key, events };
}

describe("recovery of a killed recorder", () => {
  test("kill -9: the audio of both speakers is there to within a second of it, and the rest is a gap", { timeout: 30_000 }, async () => {
    const startedAtMs = Date.now();
    const recordingId = mintId(new Date(startedAtMs));
    const key = await vault.createDataKey(tenant);
    const child = fork(new URL("./test-recorder.ts", import.meta.url), [spoolDir, JSON.stringify({ recordingId, tenantId, startedAtMs, key: { keyId: key.keyId, bytes: Buffer.from(key.bytes).toString("hex") } })], { execArgv: [] });
    const [ports] = (await once(child, "message")) as [LocalPorts[]];
    const phones = await Promise.all([createPhone({ to: ports[0]!, frequencyHz: 440 }), createPhone({ to: ports[1]!, frequencyHz: 1000 })]);
    const speaking = Promise.all(phones.map((phone) => phone.speak(7_400)));
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    const killedAtMs = Date.now() - startedAtMs;
    child.kill("SIGKILL");
    await Promise.all([speaking, once(child, "exit")]);
    for (const phone of phones) phone.close();

    const [recovered, ...others] = await recover();
    expect(others).toEqual([]);
    const { summary, errors } = recovered!;
    expect(errors).toEqual([]);
    expect(summary).toMatchObject({ recordingId, tenantId, startedAtMs, recovered: true });
    expect(summary.pieces.length).toBeGreaterThanOrEqual(2);
    expect(new Set(summary.pieces.map((piece) => piece.keyId)).size).toBe(2); // nothing was sealed under the old key
    for (const track of summary.tracks) {
      const endMs = track.offsetMs + track.durationMs;
      expect(killedAtMs - endMs).toBeLessThan(1_000);
      expect(track.packetsLost).toBe(0);
      // Where the process takes long to start, nothing comes before the first packet, and that is said too.
      const gaps = track.gaps.filter(({ fromMs }) => fromMs >= track.offsetMs);
      expect(gaps).toMatchObject([{ reason: "recorder_restart" }]);
      expect(Math.abs(gaps[0]!.fromMs - endMs)).toBeLessThanOrEqual(2); // each is rounded
      expect(gaps[0]!.toMs).toBeGreaterThanOrEqual(killedAtMs);
    }
    const alice = await hear(recovered!, 1);
    expect(loudSpans(alice)).toHaveLength(1);
    expect(purity(alice.subarray(loudSpans(alice)[0]!.from, loudSpans(alice)[0]!.to), 440)).toBeGreaterThan(0.99);

    expect(await readdir(join(spoolDir, "journal"))).toEqual([]);
    const again = await recover();
    expect(again.map(essence)).toEqual([essence(recovered!)]);
    expect(again[0]!.summary.tracks.map((track) => track.merkleRoot)).toEqual(summary.tracks.map((track) => track.merkleRoot));
  });

  test("recovery itself may be killed before or after any of its steps: the same recording comes out", { timeout: 60_000 }, async () => {
    const { work, recordingId } = await recordWithoutNetwork(5_600);
    await work.close();
    const untouched = join(dir, "untouched");
    await cp(spoolDir, untouched, { recursive: true });
    const now = new Date();
    const [expected] = await recover({ now: () => now });
    const sound = [await hear(expected!, 1), await hear(expected!, 2)];
    expect(expected!.summary.tracks[0]).toMatchObject({ packetsLost: 1, packets: 279 });
    expect(expected!.summary.pieces.length).toBeGreaterThanOrEqual(2);

    let steps = Infinity;
    for (const mode of ["before", "after"] as const) {
      for (let deadAt = 0; deadAt < steps; deadAt += 1) {
        await rm(spoolDir, { recursive: true });
        await cp(untouched, spoolDir, { recursive: true });
        const sealedBefore = (await readdir(join(spoolDir, "pieces", tenantId, recordingId))).length;
        let taken = 0;
        const step = async <T>(work: () => Promise<T>): Promise<T> => {
          taken += 1;
          if (taken > deadAt + 1 || (taken === deadAt + 1 && mode === "before")) throw new Error("killed");
          const result = await work();
          if (taken === deadAt + 1) throw new Error("killed");
          return result;
        };
        await recover({
          now: () => now,
          steps: { writeFile: (...args) => step(() => writeFileDurably(...args)), removeSegment: (path) => step(() => rm(path)) },
        }).catch((error: unknown) => expect(String(error)).toContain("killed"));
        if (taken <= deadAt) steps = deadAt; // it ran to the end: every step has been killed once
        expect((await readdir(join(spoolDir, "pieces", tenantId, recordingId))).length).toBeGreaterThanOrEqual(sealedBefore);
        const after = await recover({ now: () => now });
        expect(after.map(essence)).toEqual([essence(expected!)]);
        expect(await hear(after[0]!, 1)).toEqual(sound[0]);
        expect(await hear(after[0]!, 2)).toEqual(sound[1]);
        expect(await readdir(join(spoolDir, "journal"))).toEqual([]);
      }
      expect(steps).toBeGreaterThanOrEqual(2);
    }
  });

  test("a torn, zeroed or altered journal never stops it; what cannot be read is a gap", { timeout: 60_000 }, async () => {
    const { work } = await recordWithoutNetwork(1_600);
    await work.close();
    const untouched = join(dir, "untouched");
    await cp(spoolDir, untouched, { recursive: true });
    const names = await readdir(join(untouched, "journal"));
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.constantFrom("cut", "flip", "zero"), async (pick, place, damage) => {
        await rm(spoolDir, { recursive: true, force: true });
        await cp(untouched, spoolDir, { recursive: true });
        const path = join(spoolDir, "journal", names[pick % names.length]!);
        const bytes = await readFile(path);
        const at = place % bytes.length;
        if (damage === "cut") await truncate(path, at);
        else {
          if (damage === "flip") bytes[at]! ^= 0x10;
          else bytes.fill(0, at);
          await writeFile(path, bytes);
        }
        const recovered = await recover();
        expect(recovered.length).toBeLessThanOrEqual(1);
        for (const one of recovered) {
          const packets = one.summary.tracks.reduce((sum, track) => sum + track.packets, 0);
          expect(packets).toBeLessThanOrEqual(159);
          if (damage === "flip") expect(packets).toBeGreaterThanOrEqual(159 - 21); // one frame, whatever was hit in it
          // Whatever comes out is what was said.
          const sound = one.summary.tracks.some((track) => track.track === 2) ? await hear(one, 2) : new Int16Array(0);
          if (loudSpans(sound).length > 0) for (const { from, to } of loudSpans(sound)) expect(purity(sound.subarray(from, to), 1000)).toBeGreaterThan(0.98);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("one altered frame costs its own 400 ms, no more", async () => {
    const { work } = await recordWithoutNetwork(2_400);
    await work.close();
    const names = (await readdir(join(spoolDir, "journal"))).toSorted();
    const path = join(spoolDir, "journal", names[0]!);
    const bytes = await readFile(path);
    // The last frame of the first segment is audio, some way into the call.
    bytes[bytes.length - 10]! ^= 1;
    await writeFile(path, bytes);
    const [recovered] = await recover();
    expect(recovered!.errors).toHaveLength(1);
    const gaps = recovered!.summary.tracks.flatMap((track) => track.gaps.filter((gap) => gap.reason === "decrypt"));
    expect(gaps).toHaveLength(1);
    expect(gaps[0]!.toMs - gaps[0]!.fromMs).toBeLessThanOrEqual(420);
    const packets = recovered!.summary.tracks.reduce((sum, track) => sum + track.packets, 0);
    expect(packets).toBeLessThan(239);
    expect(packets).toBeGreaterThanOrEqual(239 - 20);
  });

  test("a destroyed key gives a recording that says what is missing, with an error, and no crash", async () => {
    const { work, key, recordingId } = await recordWithoutNetwork(1_600);
    await work.close();
    await vault.keystore.destroy(tenantId, key.keyId);
    const [recovered] = await recover();
    expect(recovered!.summary.recordingId).toBe(recordingId);
    expect(recovered!.errors).toEqual([expect.stringContaining(key.keyId)]);
    expect(recovered!.summary.tracks.map((track) => track.track).toSorted()).toEqual([1, 2]);
    for (const track of recovered!.summary.tracks) {
      expect(track.packets).toBe(0);
      const missing = track.gaps.filter((gap) => gap.reason === "decrypt");
      expect(missing).toHaveLength(1);
      expect(missing[0]!.toMs - missing[0]!.fromMs).toBeGreaterThan(1_500);
    }
  });

  test("a keyring that does not answer is no reason to lose anything: it waits for the next start", async () => {
    const { work } = await recordWithoutNetwork(1_000);
    await work.close();
    const before = await readdir(spoolDir, { recursive: true });
    const silent: Vault = { ...vault, openDataKey: () => Promise.reject(new Error("key service is down")) };
    expect(await recover({ vault: silent })).toEqual([]);
    expect(await readdir(spoolDir, { recursive: true })).toEqual(before);
    expect(await recover()).toHaveLength(1);
  });

  test("a recording that was finished and released does not come back from frames that a longer call keeps in the journal", async () => {
    const { work, recordingId } = await recordWithoutNetwork(1_000);
    const longer = mintId(new Date());
    work.open({ recordingId: longer, tenantId, startedAtMs: Date.now(), key: await vault.createDataKey(tenant) });
    await work.finish(recordingId, 1_000);
    await rm(join(spoolDir, "pieces", tenantId, recordingId), { recursive: true });
    await work.close();
    const recovered = await recover();
    expect(recovered.map(({ summary }) => summary.recordingId)).toEqual([longer]);
  });

  test("one recording of a dead worker can be recovered while others run", async () => {
    const { work, recordingId } = await recordWithoutNetwork(1_000);
    await work.close();
    const journal = await readdir(join(spoolDir, "journal"));
    expect(await recover({ only: new Set(["000000000000000000000000"]) })).toEqual([]);
    const [recovered] = await recover({ only: new Set([recordingId]) });
    expect(recovered!.summary.tracks[1]!.packets).toBe(50);
    expect(await readdir(join(spoolDir, "journal"))).toEqual(journal);
    expect((await recover()).map(essence)).toEqual([essence(recovered!)]);
    expect(await readdir(join(spoolDir, "journal"))).toEqual([]);
  });

  test("a call that had ended when the process died has no restart gap", async () => {
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const { work, recordingId } = await recordWithoutNetwork(1_200, { writeFile: () => Promise.reject(full) });
    await expect(work.finish(recordingId, 1_250)).rejects.toThrow(/no space/);
    await work.close();
    const [recovered] = await recover();
    expect(recovered!.summary).toMatchObject({ recovered: true });
    expect(recovered!.summary.tracks.flatMap((track) => track.gaps.map((gap) => gap.reason))).toEqual(["loss"]);
    expect(recovered!.summary.tracks[1]!.packets).toBe(60);
  });
});

describe("a disk that refuses", () => {
  const full = (): Error => Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

  test("a full disk under the journal is a fault that names the recording; with room again the audio is complete", { timeout: 20_000 }, async () => {
    let isFull = false;
    const { open } = await import("node:fs/promises");
    const { work, recordingId, events } = await (async () => {
      const running = recordWithoutNetwork(3_000, {
        openJournalFile: async (path) => {
          const file = await open(path, "wx", 0o600);
          return { writev: (buffers) => (isFull ? Promise.reject(full()) : file.writev(buffers)), datasync: () => file.datasync(), close: () => file.close() };
        },
      });
      setTimeout(() => (isFull = true), 1_000);
      setTimeout(() => (isFull = false), 2_000);
      return running;
    })();
    expect(events.filter((event) => event.kind === "fault")).toEqual([{ kind: "fault", recordingIds: [recordingId], code: "SPOOL", message: expect.stringContaining("no space left") }]);
    const summary = await work.finish(recordingId, 3_000);
    expect(summary.tracks[1]).toMatchObject({ packets: 150, packetsLost: 0, gaps: [] });
    await work.close();
  });

  test("PLT-03 a call whose end cannot be sealed is let go of by its worker, and is whole when it is recovered from the journal while others run", { timeout: 20_000 }, async () => {
    const { work, recordingId } = await recordWithoutNetwork(1_600, { sealing: { add: () => { throw new Error("a defect"); } } });
    await expect(work.finish(recordingId, 1_650)).rejects.toThrow(/recovered from the journal: a defect/);
    await expect(work.finish(recordingId, 1_650)).rejects.toThrow(/no recording/);
    expect(work.stats()).toMatchObject({ recordings: 0, packets: 159 });
    const [recovered] = await recover({ only: new Set([recordingId]) });
    expect(recovered!.summary.tracks.map(({ packets }) => packets)).toEqual([79, 80]);
    expect(recovered!.summary.tracks.flatMap(({ gaps }) => gaps.map(({ reason }) => reason))).toEqual(["loss"]);
    await work.close();
  });

  test("a full disk under a piece is a fault too, and the audio stays in the journal", { timeout: 20_000 }, async () => {
    const { work, recordingId, events } = await recordWithoutNetwork(5_000, { writeFile: () => Promise.reject(full()) });
    expect(events).toContainEqual({ kind: "fault", recordingIds: [recordingId], code: "SPOOL", message: expect.stringContaining("no space left") });
    await work.close();
    const [recovered] = await recover();
    expect(recovered!.summary.tracks[1]!.packets).toBe(250);
  });
});

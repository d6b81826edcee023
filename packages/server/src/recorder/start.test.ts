import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "#clock";
import type { Db } from "#db";
import { mintId } from "#ids";
import { createLog } from "#log";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, ObjectMissing, type ObjectStore, type Vault } from "#vault";
import type { CallOffer, RecordedCall } from "./call.ts";
import { createFactLog } from "./fact-log.ts";
import type { Fact } from "./facts.ts";
import { createMediaPool } from "./media-pool.ts";
import { startRecording, type Recording, type RecordingOptions } from "./start.ts";
import { createPhone, type Phone } from "./test-phone.ts";

const log = createLog("silent");
const tenantId = randomUUID();
let dir = "";
let vault: Vault;
let wrapping: { tenantId: string; publicKey: Uint8Array; publicKeyId: string; sandbox: boolean };
const running: { close(): Promise<void> }[] = [];
const phones: Phone[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-start-"));
  vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  wrapping = { tenantId, ...(await vault.keyring.ensure(tenantId)), sandbox: false };
});
afterEach(async () => {
  for (const phone of phones.splice(0)) phone.close();
  for (const one of running.splice(0)) await one.close();
  await vault.close();
  await rm(dir, { recursive: true });
});

/** The recording path of a node whose database never comes. */
async function start(more: Partial<RecordingOptions> = {}): Promise<Recording> {
  const recording = await startRecording({
    db: {} as Db,
    vault,
    nodeId: "node",
    clock: systemClock,
    log,
    spoolDir: join(dir, "spool"),
    keyPath: join(dir, "keys/facts.key"),
    workers: 1,
    bindAddress: "127.0.0.1",
    rtpPorts: [0, 0],
    limits: { calls: 10, spoolFreeBytes: 0, uploadQuotaBytes: 1e9 },
    tenantOf: () => wrapping,
    trunkOf: () => ({ ...wrapping, trunk: { trunkId: "trunk", name: "SBC", unknown: "record" }, identify: () => null }),
    notReady: () => [],
    activity: () => undefined,
    changed: () => undefined,
    databaseReady: new Promise(() => undefined),
    finalizing: async () => undefined,
    ...more,
  });
  running.push(recording);
  return recording;
}

const payloads = [{ number: 0, codec: "PCMU", clockRateHz: 8000 }] as const;

function offer(more: Partial<CallOffer> = {}): CallOffer {
  const party = (name: string, sends: string) => ({ id: name, name, address: `sip:${name}@contoso.example`, joinedAt: null, leftAt: null, sends: [sends], onHold: false });
  return {
    tenantId,
    trunkId: "trunk",
    trunkName: "SBC",
    sipCallId: "rs@sbc",
    remoteAddress: "127.0.0.1",
    receivedAt: new Date(),
    streams: [{ label: "1", payloads, remote: null, sending: true }],
    facts: { conversations: [{ id: "s1", chainId: null, originalCallId: null, sipCallId: null, startedAt: null, endedAt: null, parties: [party("adele", "1"), party("bob", "2")] }] },
    raw: [],
    ...more,
  };
}

/** A call with so much sound, still running. */
async function talk(recording: Recording, forMs: number, more: Partial<CallOffer> = {}): Promise<RecordedCall> {
  const opened = await recording.recorder.open(offer(more));
  if (opened.kind !== "recording") throw new Error(JSON.stringify(opened));
  const phone = await createPhone({ to: opened.ports.get("1")! });
  phones.push(phone);
  await phone.speak(forMs);
  return opened.call;
}

/** What the call journal holds; the node has to be closed. */
async function facts(): Promise<Fact[]> {
  const journal = await createFactLog({ dir: join(dir, "spool/facts"), keyPath: join(dir, "keys/facts.key"), log });
  await journal.close();
  return journal.earlier.map(({ fact }) => fact);
}

async function closeAll(): Promise<void> {
  for (const one of running.splice(0)) await one.close();
}

/** Leaves what a killed node leaves: a call in the call journal, its sound in the media journal. */
async function die(): Promise<string> {
  const spoolDir = join(dir, "spool");
  const recordingId = mintId(new Date());
  const key = await vault.createDataKey(wrapping);
  await mkdir(join(dir, "keys"), { recursive: true });
  const journal = await createFactLog({ dir: join(spoolDir, "facts"), keyPath: join(dir, "keys/facts.key"), log });
  await journal.append({ kind: "recording.opened", tenantId, recordingId, atMs: Date.now(), sipCallId: "rs@sbc", trunkId: "trunk", trunkName: "SBC", remoteAddress: "127.0.0.1", keyId: key.keyId, decision: { record: true, reasons: [], ruleVersion: "1" } });
  await journal.close();
  const pool = await createMediaPool({ workers: 1, bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir, log });
  await pool.open({ recordingId, tenantId, startedAtMs: Date.now(), key });
  const phone = await createPhone({ to: await pool.addTrack(recordingId, 1, { label: "1", payloads, remote: null, sending: true }, 0) });
  await phone.speak(600);
  phone.close();
  await pool.close();
  return recordingId;
}

const finalized = (all: readonly Fact[]) => all.filter((fact) => fact.kind === "recording.finalized");

describe("a start after a crash", () => {
  test("PLT-03 a recording that cannot be recovered now stays in the spool, and is finished whole when it can", { timeout: 20_000 }, async () => {
    const recordingId = await die();
    let known = false;
    await start({ tenantOf: () => (known ? wrapping : null) });
    await new Promise((later) => setTimeout(later, 300));
    known = true;
    await vi.waitFor(async () => expect(await readdir(join(dir, "store", tenantId)).catch(() => [])).not.toEqual([]), 10_000);
    await closeAll();
    const [done, ...twice] = finalized(await facts());
    expect(twice).toEqual([]);
    expect(done).toMatchObject({ recordingId, recovered: true, tracks: [{ packets: 30 }] });
  });

  test("PLT-03 a call is taken and ends while what an earlier start left is still being recovered; neither disturbs the other", { timeout: 20_000 }, async () => {
    const cutOff = await die();
    const keys = Promise.withResolvers<void>();
    const slow: Vault = { ...vault, openDataKey: async (...of) => keys.promise.then(() => vault.openDataKey(...of)) };
    const recording = await start({ vault: slow });
    const call = await talk(recording, 400);
    await call.end("released", new Date());
    expect(await readdir(join(dir, "spool/journal"))).toHaveLength(2);
    keys.resolve();
    await vi.waitFor(async () => expect(await readdir(join(dir, "spool/journal"))).toHaveLength(1), 10_000);
    await closeAll();
    const done = new Map(finalized(await facts()).map((fact) => [fact.recordingId, fact]));
    expect([...done.keys()].toSorted()).toEqual([cutOff, call.recordingId].toSorted());
    expect(done.get(cutOff)).toMatchObject({ recovered: true });
    expect(done.get(cutOff)?.tracks[0]?.gaps.at(-1)?.reason).toBe("recorder_restart");
    expect(done.get(call.recordingId)?.recovered).toBe(false);
    expect(done.get(call.recordingId)?.tracks[0]?.gaps.map(({ reason }) => reason)).not.toContain("recorder_restart");
  });

  test("PLT-03 a node that is stopped before all is recovered leaves the rest to the next start", { timeout: 20_000 }, async () => {
    const recordingIds = [await die(), await die(), await die()];
    // Not one key can be opened before the node is told to stop.
    const stopping = Promise.withResolvers<void>();
    const slow: Vault = { ...vault, openDataKey: async (...of) => stopping.promise.then(() => vault.openDataKey(...of)) };
    const recording = await start({ vault: slow });
    const closed = recording.close();
    setTimeout(() => stopping.resolve(), 200);
    await closed;
    await start();
    await vi.waitFor(async () => expect(await readdir(join(dir, "store", tenantId)).catch(() => [])).not.toEqual([]), 10_000);
    await closeAll();
    expect(finalized(await facts()).map(({ recordingId }) => recordingId).toSorted()).toEqual(recordingIds.toSorted());
  });

  test("PLT-03 a recording that no journal knows is kept until the database says that it is finished", async () => {
    const recordingId = await die();
    await rm(join(dir, "spool/facts"), { recursive: true });
    await start();
    await new Promise((later) => setTimeout(later, 100));
    await closeAll();
    expect(await readdir(join(dir, "spool/pieces", tenantId))).toEqual([recordingId]);
  });
});

test("PLT-03 a call that a restart cut off goes on in a recording that says so; one that was hung up does not", { timeout: 20_000 }, async () => {
  const conversation = { ...offer().facts.conversations[0]!, id: "th5rpTaCTda4BGm4Sy1FHA==" };
  const again = { facts: { conversations: [conversation] } };
  const cut = await talk(await start(), 400, again);
  await closeAll();
  const restarted = await start();
  const next = await talk(restarted, 200, again);
  await next.end("released", new Date());
  const other = await talk(restarted, 200, again);
  await other.end("released", new Date());
  await closeAll();
  const all = (await facts()).filter((fact) => fact.kind === "recording.opened");
  expect(all.filter(({ recordingId }) => [next.recordingId, other.recordingId].includes(recordingId)).map(({ continuesRecordingId }) => continuesRecordingId ?? null)).toEqual([cut.recordingId, null]);
});

describe("a disk that refuses while calls run", () => {
  /** Whoever makes a file in the way of the pieces makes them fail, as a full disk would. */
  async function blockPieces(): Promise<() => Promise<void>> {
    const blocked = join(dir, "spool/pieces");
    const { writeFile } = await import("node:fs/promises");
    await writeFile(blocked, "in the way");
    return () => rm(blocked);
  }

  test("PLT-03 the worker keeps what cannot be written, and writes it when there is room: nothing is lost, nothing twice", { timeout: 20_000 }, async () => {
    const recording = await start();
    const room = await blockPieces();
    const call = await talk(recording, 600);
    await call.end("released", new Date());
    await new Promise((later) => setTimeout(later, 300));
    await room();
    await vi.waitFor(() => expect(recording.media().recordings).toBe(0), 10_000);
    await vi.waitFor(async () => expect(await readdir(join(dir, "store", tenantId))).not.toEqual([]), 5_000);
    await closeAll();
    const all = await facts();
    expect(finalized(all)).toMatchObject([{ recovered: false, endReason: "released", tracks: [{ packets: 30, gaps: [] }], interactions: [{ mediaStatus: "Available" }, { mediaStatus: "Available" }] }]);
    expect(all.filter((fact) => fact.kind === "piece.stored")).toHaveLength(1);
  });
});

test("PLT-03 a media worker that dies ends its calls as failed, tells the senders, and what was said is rescued at once", { timeout: 20_000 }, async () => {
  const workers: Worker[] = [];
  const noticed = (worker: Worker): void => void workers.push(worker);
  process.on("worker", noticed);
  const recording = await start();
  const told: string[] = [];
  const calls = await Promise.all([1, 2, 3].map(() => talk(recording, 1_000, { onEnded: (reason) => told.push(reason) })));
  process.off("worker", noticed);
  await new Promise((later) => setTimeout(later, 200)); // of which there is nothing: the gap
  await workers[0]!.terminate();
  await vi.waitFor(() => expect(told).toHaveLength(3), 2_000);
  await vi.waitFor(async () => expect(await readdir(join(dir, "spool/pieces", tenantId))).toHaveLength(3), 5_000);
  expect((await recording.recorder.open(offer())).kind).toBe("recording");
  await new Promise((later) => setTimeout(later, 500));
  await closeAll();
  const done = finalized(await facts()).filter(({ endReason }) => endReason === "fault");
  expect(done.map(({ recordingId }) => recordingId).toSorted()).toEqual(calls.map(({ recordingId }) => recordingId).toSorted());
  for (const one of done) {
    expect(one).toMatchObject({ recovered: true, interactions: [{ mediaStatus: "Available", releaseCause: "Failure", hasGaps: true }, {}] });
    expect(one.tracks[0]!.packets).toBeGreaterThan(25); // all but the last beat
  }
});

describe("a tenant whose store is dead", () => {
  test("its calls end as failed and say so to the sender, its new calls are refused, others' go on", { timeout: 20_000 }, async () => {
    const dead: ObjectStore = { putFile: () => new Promise(() => undefined), put: () => Promise.reject(new Error("down")), read: () => Promise.reject(new ObjectMissing("x")), size: () => Promise.reject(new ObjectMissing("x")), delete: async () => undefined, list: async function* () {} };
    const other = randomUUID();
    const otherKey = { tenantId: other, ...(await vault.keyring.ensure(other)), sandbox: false };
    const recording = await start({
      vault: { ...vault, store: dead },
      limits: { calls: 10, spoolFreeBytes: 0, uploadQuotaBytes: 100 },
      trunkOf: (tenant) => ({ ...(tenant === other ? otherKey : wrapping), trunk: { trunkId: "trunk", name: "SBC", unknown: "record" }, identify: () => null }),
    });
    const told: string[] = [];
    const others: string[] = [];
    await talk(recording, 100, { tenantId: other, onEnded: (reason) => others.push(reason) });
    await talk(recording, 100, { onEnded: (reason) => told.push(reason) });
    const short = await talk(recording, 100);
    await short.end("released", new Date()); // its piece is more than the quota
    await vi.waitFor(() => expect(told).toEqual([expect.stringContaining("waiting for its store")]), 5_000);
    expect(await recording.recorder.open(offer())).toMatchObject({ kind: "unavailable", reason: expect.stringContaining("quota") });
    expect((await recording.recorder.open(offer({ tenantId: other }))).kind).toBe("recording");
    expect(others).toEqual([]);
    expect(recording.recorder.ready()).toMatchObject({ ready: true });
    await closeAll();
    expect((await facts()).filter((fact) => fact.kind === "recording.ended").map(({ endReason }) => endReason)).toContain("quota");
  });
});

test("what a sender says of a call is kept up to a limit, and beyond it by its digest", async () => {
  const recording = await start();
  const opened = await recording.recorder.open(offer());
  if (opened.kind !== "recording") throw new Error("refused");
  const body = Buffer.alloc(1_500_000, "x");
  for (let time = 0; time < 3; time += 1) await opened.call.update(offer().facts, new Date(), [{ receivedAt: new Date(), contentType: "application/rs-metadata+xml", body }]);
  await closeAll();
  const kept = (await facts()).filter((fact) => fact.kind === "body.received");
  expect(kept.map(({ bodyBase64 }) => bodyBase64?.length ?? null)).toEqual([2_000_000, 2_000_000, null]);
  expect(new Set(kept.map(({ sha256 }) => sha256)).size).toBe(1);
});

test("a node that may record one call records one, and refuses the second", async () => {
  const recording = await start({ limits: { calls: 1, spoolFreeBytes: 0, uploadQuotaBytes: 1e9 } });
  const [one, two] = await Promise.all([recording.recorder.open(offer()), recording.recorder.open(offer())]);
  expect(one.kind).toBe("recording");
  expect(two.kind).toBe("unavailable");
});

import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRtp, encodeG711 } from "@earwitness/media";
import { expect, test, vi } from "vitest";
import { mintId } from "#ids";
import { createLog } from "#log";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "#vault";
import { createFactLog } from "./fact-log.ts";
import type { Fact } from "./facts.ts";
import { createMediaWork } from "./media-work.ts";
import type { MediaEvent, RecordingSummary } from "./media.ts";
import { recoverSpool } from "./recover.ts";
import { forgetSteps, layOut, rememberedSteps } from "./remembering-disk.ts";
import { tone } from "./test-phone.ts";
import type { UdpListener } from "./udp.ts";

vi.mock("node:fs/promises", async () => (await import("./remembering-disk.ts")).rememberingFs);
vi.mock("../vault/sync-file-system.ts", async (original) => (await import("./remembering-disk.ts")).rememberingSyncs(await original()));

/** A thousand in `npm run test:slow`. */
const cuts = Number(process.env["EARWITNESS_POWER_CUTS"] ?? 60);
/** A busy machine takes a second for a disk of the call journal. */
const patienceMs = 60_000 + 2_000 * cuts;
const callMs = 4_000;

/** The same numbers for the same seed, so that a failure can be repeated. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 12)) >>> 0) / 2 ** 32;
  };
}

/** An installation on one disk; `dir` decides which. */
const vaultIn = (dir: string): Vault => createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });

test(`PLT-03 power lost at any of ${cuts} points of a call: what was on disk by promise comes back, and nothing that was not said`, { timeout: patienceMs }, async () => {
  const base = mkdtempSync(join(tmpdir(), "earwitness-power-"));
  const disk = join(base, "disk");
  const tenantId = randomUUID();
  const vault = vaultIn(disk);
  const tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };

  // One call of two people is recorded, as fast as it would be; packets are handed over by the test instead of a network.
  const startedAtMs = Date.now();
  const recordingId = mintId(new Date(startedAtMs));
  const key = await vault.createDataKey(tenant);
  const listeners: UdpListener[] = [];
  const promised: { readonly step: number; readonly event: MediaEvent }[] = [];
  const openSocket = async (_address: string, _port: number, listener: UdpListener) => {
    listeners.push(listener);
    return { port: 10_000 + listeners.length, send: () => undefined, close: async () => undefined };
  };
  const work = createMediaWork(
    { owner: `test-${randomBytes(3).toString("hex")}`, bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir: join(disk, "spool"), pieceMs: 1_000, segmentBytes: 20_000, silentMs: 0 },
    (event) => promised.push({ step: rememberedSteps().length, event }),
    { openSocket },
  );
  const beganAt = performance.now();
  work.open({ recordingId, tenantId, startedAtMs, key });
  for (const track of [1, 2]) await work.addTrack(recordingId, track, { label: `${track}`, payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8000 }], remote: null, sending: true }, 0);
  const sentAtMs: number[] = [];
  for (let index = 0; index * 20 < callMs; index += 1) {
    for (const [place, frequency] of [[0, 440], [2, 1000]] as const) {
      listeners[place]!(Buffer.from(buildRtp({ payloadType: 0, sequence: index, timestamp: index * 160, ssrc: place + 1, payload: encodeG711("PCMU", tone(frequency, index * 160, 160)) })), "127.0.0.1", 4000);
    }
    sentAtMs.push(performance.now());
    const wait = beganAt + (index + 1) * 20 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  const finished: RecordingSummary = await work.finish(recordingId, callMs);
  const finishedStep = rememberedSteps().length;
  await work.close();
  const steps = [...rememberedSteps()];
  expect(finished.tracks.map((track) => track.packets)).toEqual([callMs / 20, callMs / 20]);

  const broken: string[] = [];
  let recoveredCalls = 0;
  for (let cut = 0; cut < cuts; cut += 1) {
    const chance = numbersFrom(cut + 1);
    const count = Math.floor(chance() * (steps.length + 1));
    const there = join(base, `cut-${cut}`);
    layOut(count, disk, there, chance);
    const vaultThere = vaultIn(there);
    const recovered = await recoverSpool({ spoolDir: join(there, "spool"), vault: vaultThere, tenantOf: (id) => (id === tenantId ? tenant : null), now: () => new Date(), log: createLog("silent") });
    await vaultThere.close();
    const mine = recovered.filter(({ summary }) => summary.recordingId === recordingId);
    recoveredCalls += mine.length;
    const say = (what: string): void => void broken.push(`cut ${cut} after step ${count} of ${steps.length}: ${what}`);

    if (recovered.length > mine.length || mine.length > 1) say("a recording that never was");
    const packetsOf = (track: number): number => mine[0]?.summary.tracks.find((one) => one.track === track)?.packets ?? 0;
    // "Recording" was said after the first frame was synced.
    const said = promised.filter(({ step, event }) => step <= count && event.kind === "first-frame");
    for (const { event } of said) if (event.kind === "first-frame" && packetsOf(event.track) === 0) say(`track ${event.track} was said to be recorded, and is empty`);
    // Sealed pieces that were announced are whole.
    for (const { step, event } of promised) if (step <= count && event.kind === "piece" && !mine[0]?.summary.pieces.some((piece) => piece.seq === event.piece.seq)) say(`piece ${event.piece.seq} is gone`);
    // Audio that is a second old is on disk.
    const cutAtMs = steps[count - 1]?.atMs ?? beganAt;
    const due = sentAtMs.filter((at) => at < cutAtMs - 1_000).length;
    if (Math.min(packetsOf(1), packetsOf(2)) < due) say(`${packetsOf(1)} and ${packetsOf(2)} packets, of ${due} that were a second old`);
    if (Math.max(packetsOf(1), packetsOf(2)) > sentAtMs.length) say("more was heard than said");
    // A finished recording is complete.
    if (count >= finishedStep && mine[0]?.summary.durationMs !== finished.durationMs) say("it was finished, and is not complete");
    rmSync(there, { recursive: true, force: true });
  }
  forgetSteps();
  rmSync(base, { recursive: true, force: true });
  expect(broken).toEqual([]);
  expect(recoveredCalls).toBeGreaterThan(cuts / 2); // the cuts reach far into the call
});

test(`PLT-03 power lost at any of ${cuts} points of the call journal: facts that were acknowledged are there, in order, and nothing else is`, { timeout: patienceMs }, async () => {
  const base = mkdtempSync(join(tmpdir(), "earwitness-power-"));
  const disk = join(base, "disk");
  const tenantId = randomUUID();
  const fact = (index: number): Fact => ({ kind: "call.not-recorded", tenantId, atMs: index, why: "ignored", sipCallId: String(index), trunkId: randomUUID(), trunkName: "x".repeat(40_000), remoteAddress: "192.0.2.1", parties: [], reasons: [] });
  const log = createLog("silent");
  const open = (under: string) => createFactLog({ dir: join(under, "facts"), keyPath: join(under, "facts.key"), log });
  const facts = await open(disk);
  const acknowledged: { readonly step: number; readonly index: number }[] = [];
  // 400 of 40 kB fill several files; some come together, as calls do.
  for (let index = 0; index < 400; index += 4) {
    await Promise.all([0, 1, 2, 3].map(async (more) => {
      await facts.append(fact(index + more));
      acknowledged.push({ step: rememberedSteps().length, index: index + more });
    }));
  }
  await facts.close();
  const steps = rememberedSteps().length;

  const broken: string[] = [];
  for (let cut = 0; cut < cuts; cut += 1) {
    const chance = numbersFrom(cut + 1);
    const count = Math.floor(chance() * (steps + 1));
    const there = join(base, `cut-${cut}`);
    layOut(count, disk, there, chance);
    const again = await open(there);
    const found = again.earlier.map(({ fact: one }) => one.atMs);
    const due = acknowledged.filter(({ step }) => step <= count).map(({ index }) => index);
    if (found.some((index, at) => index !== at) || found.length < due.length) broken.push(`cut ${cut} after step ${count} of ${steps}: ${found.length} facts of ${due.length} that were acknowledged`);
    await again.close();
    rmSync(there, { recursive: true, force: true });
  }
  forgetSteps();
  rmSync(base, { recursive: true, force: true });
  expect(broken).toEqual([]);
});

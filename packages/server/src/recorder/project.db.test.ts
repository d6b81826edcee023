import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ensurePartitions, withSystem, withTenant } from "#db";
import { mintId, newUuid } from "#ids";
import { addTenant, createTestDatabase, quietLog, type TestDatabase } from "../testing/index.ts";
import type { Fact, InteractionState, RecordingFinalized } from "./facts.ts";
import type { StoredFact } from "./fact-log.ts";
import { createProjector, type Projector, type ProjectorOptions } from "./project.ts";

let database: TestDatabase;
let tenantId = "";
let nodeId = "";
let seq = Date.now() * 1000;
const start = Date.parse("2026-11-20T09:15:00.000Z");
const projectors: Projector[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await ensurePartitions(database.db, new Date(start));
});
afterAll(() => database.close());
beforeEach(async () => {
  tenantId = await addTenant(database.db);
  nodeId = `node-${newUuid().slice(0, 8)}`;
  await withSystem(database.db, (tx) => tx.insertInto("nodes").values({ node_id: nodeId, roles: ["recorder"], version: "0", started_at: new Date(), seen_at: new Date() }).execute());
  return async () => void (await Promise.all(projectors.splice(0).map((projector) => projector.close())));
});

function open(more: Partial<ProjectorOptions> = {}): { projector: Projector; applied: Fact[] } {
  const applied: Fact[] = [];
  const projector = createProjector({ db: database.db, nodeId, log: quietLog, sandboxTrunks: new Set(), databaseReady: Promise.resolve(), finalizing: async () => undefined, applied: (fact) => applied.push(fact), ...more });
  projectors.push(projector);
  return { projector, applied };
}

const madeUp = async (interactionId: string) => (await withTenant(database.db, tenantId, (tx) => tx.selectFrom("interactions").select("sandbox").where("interaction_id", "=", interactionId).executeTakeFirstOrThrow())).sandbox;

const stored = (...facts: Fact[]): StoredFact[] => facts.map((fact) => ({ seq: ++seq, fact }));
const party = { name: "Adele Vance", address: "sip:adelev@contoso.example", upn: "adelev@contoso.example" };

function call(recordingId = mintId(new Date(start))) {
  const of = { tenantId, recordingId, atMs: start };
  const interaction: InteractionState = {
    interactionId: mintId(new Date(start)),
    personId: null,
    trunkId: newUuid(),
    user: party,
    mediaStatus: "Recording",
    startedAtMs: start - 19_130,
    answeredAtMs: start,
    releasedAtMs: null,
    direction: "Outgoing",
    callType: "P2P_PSTN",
    releaseCause: null,
    calling: party,
    called: { name: null, address: "+17325550142", upn: null },
    answering: null,
    transferredBy: null,
    transferredTo: null,
    participants: [party],
    sipCallId: "rs@sbc",
    sysCallId: "orig",
    chainId: null,
    hasGaps: false,
    decision: { record: true, reasons: ["because"], ruleVersion: "1" },
    fromMs: 0,
    toMs: null,
  };
  const opened: Fact = { kind: "recording.opened", ...of, sipCallId: "rs@sbc", trunkId: newUuid(), trunkName: "SBC", remoteAddress: "192.0.2.1", keyId: "k", decision: interaction.decision };
  const changed = (state: Partial<InteractionState>): Fact => ({ kind: "interaction.changed", ...of, change: "changed", interaction: { ...interaction, ...state } });
  const object = { objectName: `${recordingId}/0`, kind: "piece", seq: 0, keyId: "k", sizeBytes: 10, sha256: "00".repeat(32), fromMs: 0, toMs: 1000 } as const;
  const finalized: RecordingFinalized = {
    kind: "recording.finalized",
    ...of,
    startedAtMs: start,
    durationMs: 60_000,
    endReason: "released",
    recovered: false,
    manifestSha256: "ab".repeat(32),
    tracks: [{ track: 1, sourceTrack: 1, label: "1", name: "Adele Vance", address: party.address, codec: "PCMU", sampleRate: 8000, fromMs: 0, toMs: 60_000, offsetMs: 20, durationMs: 59_980, packets: 2999, packetsLost: 1, speech: [[100, 900]], gaps: [{ fromMs: 500, toMs: 520, reason: "loss" }] }],
    objects: [{ ...object, objectName: `${recordingId}/peaks`, kind: "peaks", fromMs: null, toMs: null }],
    interactions: [{ ...interaction, mediaStatus: "Available", releasedAtMs: start + 60_000, releaseCause: "Normal", toMs: 60_000 }],
  };
  return { recordingId, interaction, opened, changed, finalized, speaker: { kind: "speaker.assigned", ...of, track: 1, sourceTrack: 1, label: "1", name: null, address: party.address, fromMs: 0 } satisfies Fact, piece: { kind: "piece.stored", ...of, object } satisfies Fact };
}

const rows = <T extends "media" | "interactions" | "evidence" | "media_tracks" | "media_objects">(table: T) => withTenant(database.db, tenantId, (tx) => tx.selectFrom(table as "evidence").selectAll().execute());
const evidenceActions = async () => (await rows("evidence")).filter((row) => row.actor_kind === "machine" && row.node_id === nodeId).map((row) => row.action).toSorted();
const settled = (projector: Projector) => vi.waitFor(() => expect(projector.waiting().facts).toBe(0), { timeout: 10_000 });

describe("facts become rows", () => {
  test("CAP-25 a whole call: each fact one evidence row, and the interaction ends Available with its tracks", async () => {
    const { opened, changed, speaker, piece, finalized, interaction } = call();
    const { projector, applied } = open();
    projector.push(stored(opened, changed({}), speaker, piece, finalized));
    await settled(projector);
    expect(applied).toHaveLength(5);
    expect(await evidenceActions()).toEqual(["Interaction Changed", "Piece Stored", "Recording Finalized", "Recording Started", "Speaker Assigned"]);
    const [row] = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("interactions").selectAll().execute());
    expect(row).toMatchObject({ interaction_id: interaction.interactionId, media_status: "Available", release_cause: "Normal", participants: [party] });
    expect(row!.party_text).toBe("\u001fadele vance\u001f\u001fadelev@contoso.example\u001f");
    expect(await rows("media_tracks")).toMatchObject([{ participant_name: "Adele Vance", duration_ms: 59_980, speech: [[100, 900]] }]);
    expect(await rows("media_objects")).toHaveLength(2);
    expect(await rows("media")).toMatchObject([{ state: "available", duration_ms: 60_000 }]);
  });

  test("PLT-14 an interaction's rows and its recording's last one tell all that its row in the database has beyond the manifest", async () => {
    const { opened, changed, finalized, interaction } = call();
    const { projector } = open({ sandboxTrunks: new Set([interaction.trunkId]) });
    projector.push(stored(opened, { ...(changed({}) as Extract<Fact, { kind: "interaction.changed" }>), change: "opened" }, changed({ answering: party, direction: "None" }), finalized));
    await settled(projector);
    const detailOf = async (action: string) => (await rows("evidence")).find((row) => row.action === action)?.detail;
    const { personId, sipCallId, sysCallId, chainId, decision, calling, called, callType } = interaction;
    expect(await detailOf("Interaction Opened")).toMatchObject({ personId, sipCallId, sysCallId, chainId, decision, calling, called, answering: null, direction: "Outgoing", callType });
    const later = await detailOf("Interaction Changed");
    expect(later).toMatchObject({ calling, called, answering: party, direction: "None", callType });
    expect(later).not.toHaveProperty("decision");
    expect(await detailOf("Recording Finalized")).toMatchObject({ interactions: [{ interactionId: interaction.interactionId, answeredAt: "2026-11-20T09:15:00.000Z", releasedAt: "2026-11-20T09:16:00.000Z", mediaStatus: "Available", releaseCause: "Normal", sandbox: true }] });
    expect(JSON.stringify(await detailOf("Recording Finalized"))).not.toContain(party.address); // it outlives the erasure of the rows that name people
    expect((await withTenant(database.db, tenantId, (tx) => tx.selectFrom("interactions").select("updated_at").executeTakeFirstOrThrow())).updated_at).toEqual(new Date(finalized.atMs));
  });

  test("CAP-25 facts that were applied before a crash are not applied again by the next start", async () => {
    const { opened, changed, piece } = call();
    const facts = stored(opened, changed({}), piece);
    const first = open();
    first.projector.push(facts.slice(0, 2));
    await settled(first.projector);
    const second = open();
    second.projector.push(facts);
    await settled(second.projector);
    expect(await evidenceActions()).toEqual(["Interaction Changed", "Piece Stored", "Recording Started"]);
    expect(second.applied).toHaveLength(3);
  });

  test("a call is the sandbox's where it came over the sandbox's trunk, and nobody else's is", async () => {
    const [theirs, mine] = [call(), call()];
    const { projector } = open({ sandboxTrunks: new Set([theirs.interaction.trunkId]) });
    projector.push(stored(theirs.changed({}), theirs.finalized, mine.changed({}), mine.finalized));
    await settled(projector);
    expect([await madeUp(theirs.interaction.interactionId), await madeUp(mine.interaction.interactionId)]).toEqual([true, false]);
  });

  test("the row says when it happened and when it was written down", async () => {
    const { projector } = open();
    projector.push(stored(call().opened));
    await settled(projector);
    const [row] = (await rows("evidence")).filter((candidate) => candidate.action === "Recording Started");
    expect(row!.occurred_at).toEqual(new Date(start));
    expect(Math.abs(row!.recorded_at.getTime() - Date.now())).toBeLessThan(10_000);
  });

  test("one fact that the database refuses does not hold up the others; it leaves a row that says so", async () => {
    const bad = call();
    const good = call();
    const { projector, applied } = open();
    const wrong = { ...bad.opened, recordingId: "not an id at all, and too long" } as Fact;
    projector.push(stored(wrong, good.opened, good.changed({})));
    await settled(projector);
    expect(applied).toHaveLength(2); // what was refused is not said to be applied: spool and journal keep it
    expect(projector.waiting().rejected).toBe(1);
    expect(await evidenceActions()).toEqual(["Fact Rejected", "Interaction Changed", "Recording Started"]);
  });

  test("a fact of a tenant that does not exist is set aside as well", async () => {
    const { projector } = open();
    projector.push(stored({ ...call().opened, tenantId: newUuid() } as Fact, call().opened));
    await settled(projector);
    expect(projector.waiting().rejected).toBe(1);
    expect(await evidenceActions()).toEqual(["Recording Started"]);
  });

  test("what has to follow a finished recording is in its transaction: when that fails, nothing is written", async () => {
    const { opened, finalized } = call();
    let fail = true;
    const finalizing = vi.fn(async () => {
      if (fail) throw Object.assign(new Error("terminating connection"), { code: "57P01" });
    });
    const { projector } = open({ finalizing });
    projector.push(stored(opened, finalized));
    await vi.waitFor(() => expect(finalizing).toHaveBeenCalled());
    expect(await rows("media")).toEqual([]);
    fail = false;
    await settled(projector);
    expect(await rows("media")).toMatchObject([{ state: "available" }]);
    expect(await evidenceActions()).toEqual(["Recording Finalized", "Recording Started"]);
  });

  test("nothing is written before the database is said to be ready", async () => {
    const ready = Promise.withResolvers<void>();
    const { projector } = open({ databaseReady: ready.promise });
    projector.push(stored(call().opened));
    await new Promise((done) => setTimeout(done, 100));
    expect(projector.waiting().facts).toBe(1);
    ready.resolve();
    await settled(projector);
    expect(await rows("media")).toHaveLength(1);
  });

  test("more facts than a call may have arguments, left by days without a database, do not stop the start", async () => {
    const { projector } = open({ databaseReady: new Promise(() => undefined) });
    const [fact] = stored(call().opened);
    projector.push(Array.from({ length: 300_000 }, () => fact!));
    expect(projector.waiting().facts).toBe(300_000);
    await projector.drain(5_000); // does not wait for a database that is not there
  });
});

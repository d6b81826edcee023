import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Invitation } from "@earwitness/contract";
import { createDb, withTenant } from "#db";
import { mintId } from "#ids";
import { quietLog } from "#testing";
import { addInteraction, addRecording, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { createInvitationLog, type AnsweredInvitation, type LiveInvitationLog, type TraceEntry } from "./invitation-log.ts";

let stage: TestPortal;
let tenantId: string;
let trunkId: string;
let key: string;
let logs: LiveInvitationLog[] = [];
const by = { kind: "machine", id: "test", name: "Test" } as const;
const start = Date.parse("2026-11-27T10:00:00Z");

beforeAll(async () => {
  stage = await createTestPortal();
});
afterAll(() => stage?.close());
beforeEach(async () => {
  tenantId = await addSealingTenant(stage, `tenant-${randomUUID().slice(0, 8)}`);
  key = (await stage.apiKeys.create(tenantId, { name: "admin", profile: "Admin" }, by)).key;
  trunkId = randomUUID();
  await withTenant(stage.db, tenantId, (tx) => tx.insertInto("trunks").values({ tenant_id: tenantId, trunk_id: trunkId, name: "SBC", source_networks: [], recording_user: `u${randomUUID().replaceAll("-", "").slice(0, 12)}` }).execute());
});
afterEach(async () => {
  await Promise.all(logs.map((log) => log.close()));
  logs = [];
});

function openLog(db = stage.db, nodeId = "node-1", flushMs = 3_600_000): LiveInvitationLog {
  const log = createInvitationLog({ db, clock: { now: () => new Date(start) }, nodeId, log: quietLog, flushMs });
  logs.push(log);
  return log;
}

const message = (text: string, more: Partial<TraceEntry> = {}): TraceEntry => ({ at: new Date(start), direction: "in", transport: "udp", remote: "192.0.2.7:5060", text, ...more });
const invitation = (more: Partial<AnsweredInvitation> = {}): AnsweredInvitation => ({
  at: new Date(start),
  tenantId,
  trunkId,
  remote: "192.0.2.7:5060",
  transport: "udp",
  sipCallId: "call-1@sbc",
  client: "AudioCodes",
  status: 200,
  outcome: "recorded",
  reason: "RECORDING",
  explanation: "The call is recorded.",
  recordingId: null,
  unknownParties: [],
  trace: [message("INVITE sip:rec@host SIP/2.0\r\nCall-ID: call-1@sbc\r\n\r\n"), message("SIP/2.0 200 OK\r\n\r\n", { direction: "out" })],
  ...more,
});
const refused = (more: Partial<AnsweredInvitation> = {}) => invitation({ status: 403, outcome: "refused", reason: "SOURCE_NOT_ALLOWED", explanation: "Not allowed.", ...more });
const later = (ms: number) => new Date(start + ms);

async function list(query = ""): Promise<Invitation[]> {
  const answer = await stage.portal.app.inject({ url: `/api/v1/trunks/invitations${query}`, headers: { authorization: `Bearer ${key}` } });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().invitations;
}
const trace = (id: string) => stage.portal.app.inject({ url: `/api/v1/trunks/invitations/${id}/trace`, headers: { authorization: `Bearer ${key}` } });

describe("the log of invitations", () => {
  test("an invitation is on the trunk's page with its answer, its interactions and a readable trace that goes on with the dialog", async () => {
    const interactionId = await addInteraction(stage.db, tenantId);
    const recordingId = await addRecording(stage.db, tenantId, interactionId, { tracks: [], durationMs: 1_000 });
    const log = openLog();
    const handle = log.answered(invitation({ recordingId }));
    await log.flush();
    const [shown] = await list(`?trunk=${trunkId}`);
    expect(shown).toEqual({
      id: expect.any(String),
      at: "2026-11-27T10:00:00.000Z",
      trunk: { id: trunkId, name: "SBC" },
      node: "node-1",
      remoteAddress: "192.0.2.7:5060",
      transport: "udp",
      sipCallId: "call-1@sbc",
      client: "AudioCodes",
      status: 200,
      outcome: "recorded",
      reason: "RECORDING",
      explanation: "The call is recorded.",
      repeated: 0,
      interactionIds: [interactionId],
      unknownParties: [],
      hasTrace: true,
    });
    handle.continue(message("BYE sip:rec@host SIP/2.0\r\n\r\n", { at: later(5_000) }));
    await log.flush();
    const { body, headers } = await trace(shown!.id);
    expect(body).toBe(
      ["2026-11-27T10:00:00.000Z received from 192.0.2.7:5060 (UDP)", "", "INVITE sip:rec@host SIP/2.0", "Call-ID: call-1@sbc", "", "-".repeat(72), "2026-11-27T10:00:00.000Z sent to 192.0.2.7:5060 (UDP)", "", "SIP/2.0 200 OK", "", "-".repeat(72), "2026-11-27T10:00:05.000Z received from 192.0.2.7:5060 (UDP)", "", "BYE sip:rec@host SIP/2.0", "", "-".repeat(72), ""].join("\n"),
    );
    expect([headers["content-type"], headers["content-disposition"]]).toEqual(["text/plain; charset=utf-8", 'attachment; filename="sip-trace-20261127T100000Z-call-1_sbc.txt"']);
    expect((await stage.portal.app.inject({ url: `/api/v1/trunks/${trunkId}`, headers: { authorization: `Bearer ${key}` } })).json().lastInvitation).toEqual({ at: "2026-11-27T10:00:00.000Z", outcome: "recorded", explanation: "The call is recorded." });
  });

  test("the same refusal from the same address within a minute is one row that counts; recorded calls are never put together", async () => {
    const log = openLog();
    log.answered(refused());
    for (let n = 0; n < 5; n++) log.answered(refused({ remote: `192.0.2.7:${6_000 + n}`, at: later(n * 10_000), explanation: `Not allowed ${n}.`, sipCallId: `c${n}` }));
    await log.flush();
    for (let n = 0; n < 3; n++) log.answered(refused({ at: later(55_000) }));
    log.answered(refused({ remote: "192.0.2.8:5060", at: later(1) }));
    log.answered(refused({ reason: "TRUNK_OFF", at: later(2) }));
    log.answered(refused({ at: later(61_000) }));
    for (let n = 0; n < 2; n++) log.answered(invitation({ at: later(3 + n) }));
    for (const between of ["a and b", "c and d", "a and b"]) log.answered(invitation({ outcome: "ignored", reason: "NOT_TO_BE_RECORDED", explanation: between, at: later(10) }));
    await log.flush();
    const rows = await list();
    expect(rows.filter(({ outcome }) => outcome === "refused").map(({ remoteAddress, reason, repeated }) => [remoteAddress, reason, repeated])).toEqual([
      ["192.0.2.7:5060", "SOURCE_NOT_ALLOWED", 0],
      ["192.0.2.7:5060", "TRUNK_OFF", 0],
      ["192.0.2.8:5060", "SOURCE_NOT_ALLOWED", 0],
      ["192.0.2.7:5060", "SOURCE_NOT_ALLOWED", 8],
    ]);
    expect(rows.filter(({ outcome }) => outcome === "recorded")).toHaveLength(2);
    expect(rows.filter(({ outcome }) => outcome === "ignored").map(({ explanation, repeated }) => [explanation, repeated]).sort()).toEqual([["a and b", 1], ["c and d", 0]]);
  });

  test("200 of each trunk and 500 without one are kept, whichever nodes write; pages go from newest to oldest", async () => {
    const [one, two] = [openLog(stage.db, "node-1"), openLog(stage.db, "node-2")];
    for (let n = 0; n < 150; n++) {
      one.answered(invitation({ at: later(2 * n), sipCallId: `one-${n}` }));
      two.answered(invitation({ at: later(2 * n + 1), sipCallId: `two-${n}` }));
    }
    await Promise.all([one.flush(), two.flush()]);
    for (let batch = 0; batch < 4; batch++) {
      for (let n = 0; n < 150; n++) one.answered(invitation({ trunkId: null, at: later(1_000 + batch * 150 + n) }));
      await one.flush();
    }
    const count = async (isNull: boolean) => (await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("trunk_invitations").select("invitation_id").where("trunk_id", isNull ? "is" : "is not", null).execute())).length;
    expect([await count(false), await count(true)]).toEqual([200, 500]);
    const first = await list(`?trunk=${trunkId}&limit=120`);
    const rest = await list(`?trunk=${trunkId}&limit=120&after=${first.at(-1)!.id}`);
    expect([first.length, rest.length]).toEqual([120, 80]);
    expect([...first, ...rest].map(({ sipCallId }) => sipCallId)).toEqual(Array.from({ length: 200 }, (_, n) => `${n % 2 === 0 ? "two" : "one"}-${149 - Math.floor(n / 2)}`));
    expect((await list("?trunk=none&limit=200"))[0]).toMatchObject({ trunk: null, at: later(1_599).toISOString() });
    const unknown = await stage.portal.app.inject({ url: `/api/v1/trunks/invitations?after=${randomUUID()}`, headers: { authorization: `Bearer ${key}` } });
    expect([unknown.statusCode, unknown.json().errors[0].where]).toEqual([400, "query.after"]);
  });

  test("who was unknown in a call that was not recorded stands beside it, with strange names made storable and long ones cut", async () => {
    const log = openLog();
    const ignored = { status: 603, outcome: "ignored", reason: "NOT_TO_BE_RECORDED" } as const;
    log.answered(invitation({ ...ignored, explanation: "one", unknownParties: [{ address: "+49301234567", name: "Pat \u0000 \ud800" }, { address: "sip:front@pbx.example", name: null }] }));
    log.answered(invitation({ ...ignored, explanation: "two", at: later(10), unknownParties: [{ address: `sip:${"a".repeat(600)}@x`, name: "n".repeat(300) }] }));
    await log.flush();
    const [two, one] = await list();
    expect(one!.unknownParties).toEqual([{ address: "+49301234567", name: "Pat \ufffd \ufffd" }, { address: "sip:front@pbx.example", name: null }]);
    expect(two!.unknownParties.map(({ address, name }) => [address.length, name!.length])).toEqual([[500, 200]]);
  });

  test("only those of which one thing or the other became are asked for, page by page", async () => {
    const log = openLog();
    for (let n = 0; n < 3; n++) {
      log.answered(invitation({ at: later(10 * n), sipCallId: `recorded-${n}` }));
      log.answered(invitation({ at: later(10 * n + 1), sipCallId: `ignored-${n}`, outcome: "ignored", reason: "NOT_TO_BE_RECORDED", explanation: `nobody ${n}` }));
      log.answered(refused({ at: later(10 * n + 2), sipCallId: `refused-${n}`, remote: `192.0.2.${n}:5060` }));
    }
    await log.flush();
    const ids = async (query: string) => (await list(query)).map(({ sipCallId }) => sipCallId);
    log.answered(refused({ tenantId: null }));
    expect(log.outcomes(), "also nobody's").toEqual({ recorded: 3, ignored: 3, refused: 4 });
    expect(await ids("?outcome=refused")).toEqual(["refused-2", "refused-1", "refused-0"]);
    expect(await ids(`?trunk=${trunkId}&outcome=ignored&outcome=recorded&limit=3`)).toEqual(["ignored-2", "recorded-2", "ignored-1"]);
    const after = (await list("?outcome=ignored&limit=1"))[0]!.id;
    expect(await ids(`?outcome=ignored&after=${after}`)).toEqual(["ignored-1", "ignored-0"]);
    const unknown = await stage.portal.app.inject({ url: "/api/v1/trunks/invitations?outcome=waiting", headers: { authorization: `Bearer ${key}` } });
    expect(unknown.statusCode).toBe(400);
  });

  test("a trace is cut at 256 kB, however the dialog goes on, and holds what no text should", async () => {
    const log = openLog();
    const handle = log.answered(invitation({ trace: [message("\0\ud800 ünïcode")] }));
    for (let n = 0; n < 40; n++) handle.continue(message("x".repeat(10_000)));
    await log.flush();
    for (let n = 0; n < 40; n++) handle.continue(message("y".repeat(10_000)));
    await log.flush();
    const { body } = await trace((await list())[0]!.id);
    expect(body.length).toBeLessThan(256 * 1024 + 200);
    expect(body).toContain("ünïcode");
    expect(body).toContain("… the trace is cut here");
    expect(body).not.toContain("y");
  });

  test("what nobody is concerned by is kept nowhere; a trunk that was removed takes what came with it", async () => {
    const log = openLog();
    log.answered(refused({ tenantId: null, trunkId: null }));
    expect(log.counters().waiting).toBe(0);
    log.answered(refused());
    await log.flush();
    expect((await stage.portal.app.inject({ method: "DELETE", url: `/api/v1/trunks/${trunkId}`, headers: { authorization: `Bearer ${key}` } })).statusCode).toBe(204);
    log.answered(invitation());
    await log.flush();
    expect(await list()).toEqual([]);
  });

  test("while the database is away calls notice nothing: it waits, bounded, the oldest is forgotten and counted, and then it is there", async () => {
    const away = createDb({ url: "postgres://nobody@127.0.0.1:1/none", log: quietLog });
    try {
      const log = openLog(away);
      const began = performance.now();
      const handles = Array.from({ length: 2_000 }, (_, n) => log.answered(invitation({ at: later(n), sipCallId: `c${n}` })));
      expect(performance.now() - began, "2,000 calls").toBeLessThan(1_000);
      expect(log.counters()).toEqual({ waiting: 200, dropped: 1_800 });
      for (const handle of handles) handle.continue(message("BYE"));
      await log.flush();
      expect(log.counters().waiting, "still there").toBe(200);
      for (let n = 0; n < 300; n++) log.answered(invitation({ trunkId: randomUUID(), trace: [message("x".repeat(200_000))] }));
      expect(log.counters().waiting, "16 MB of text").toBeLessThan(100);
    } finally {
      await away.close();
    }
  });

  test("a batch that the database refuses is given up alone; strange texts are stored", async () => {
    const log = openLog();
    log.answered(invitation({ tenantId: randomUUID() }));
    log.answered(invitation({ sipCallId: "\0".repeat(10) + "x".repeat(5_000), client: "\ud800", explanation: "e".repeat(10_000), remote: "[2001:db8::1]:5060" }));
    await log.flush();
    const [row] = await list();
    expect([row!.sipCallId.length, row!.client, row!.explanation.length, row!.remoteAddress]).toEqual([300, "\ufffd", 2_000, "[2001:db8::1]:5060"]);
    expect(log.counters()).toEqual({ waiting: 0, dropped: 1 });
    expect((await trace(row!.id)).headers["content-disposition"]).toMatch(/filename="sip-trace-[\w.-]+\.txt"$/);
  });

  test("it is on the page within a second by itself, and what waits at the end is written", async () => {
    const log = openLog(stage.db, "node-1", 50);
    log.answered(invitation({ recordingId: mintId(new Date(start)) }));
    await expect.poll(async () => (await list()).length, { timeout: 1_000 }).toBe(1);
    log.answered(invitation());
    await log.close();
    expect(await list()).toHaveLength(2);
    log.answered(invitation()).continue(message("late"));
    expect(log.counters().waiting).toBe(0);
  });
});

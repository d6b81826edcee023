import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { withSystem } from "#db";
import { mintId, newUuid } from "#ids";
import type { CallFacts, CallParty, Conversation } from "../recorder/call.ts";
import type { Fact, InteractionChanged } from "../recorder/facts.ts";
import { settle } from "../recorder/finalize.ts";
import { createLegFollower } from "../recorder/legs.ts";
import type { RecordingSummary } from "../recorder/media.ts";
import { createProjector } from "../recorder/project.ts";
import { sealCall, type SealedCallOptions } from "../recorder/test-sealed-call.ts";
import { quietLog } from "../testing/index.ts";
import { createTestInstallation, type TestInstallation } from "../testing/test-installation.ts";
import { finder, type CheckedTenant, type Checking } from "./checking.ts";
import { partsThatDiffer } from "./parts-that-differ.ts";
import { readRecording } from "./recording-as-stored.ts";

vi.setConfig({ testTimeout: 120_000 });

/* Calls as the recorder follows them, whatever happens in them, written down in whatever portions: what rows tell and what the database says is one. */

let stage: TestInstallation<SealedCallOptions>;
beforeAll(async () => {
  stage = await createTestInstallation(sealCall);
});
afterAll(() => stage.close());

const start = Date.parse("2026-11-20T09:15:00.000Z");
const people = new Map(["adele", "bob", "megan"].map((name) => [`sip:${name}@contoso.example`, { personId: newUuid(), displayName: name, upn: `${name}@contoso.example`, recorded: true }]));
const addresses = [...people.keys(), "+17325550142", "sip:guest@elsewhere.example"];
let seq = Date.now() * 1_000;
let state = 7;
const below = (bound: number): number => (state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647) % bound;
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

/** One call: who comes, goes, passes it on, calls in whose name; ended, or cut off by the recorder's death. */
function randomCall(tenantId: string): { recordingId: string; trunkId: string; facts: Fact[] } {
  const [recordingId, trunkId] = [mintId(new Date(start)), newUuid()];
  const of = { tenantId, recordingId };
  const legs = createLegFollower({ ...of, recordingStartMs: start, trunk: { trunkId, name: "SBC", unknown: pick(["record", "ignore"] as const) }, sipCallId: `${recordingId}@sbc`, identify: (address) => people.get(address) ?? null, mintId });
  const decision = { record: true, reasons: [], ruleVersion: "1" };
  const facts: Fact[] = [{ kind: "recording.opened", ...of, atMs: start, sipCallId: "x@sbc", trunkId, trunkName: "SBC", remoteAddress: "192.0.2.1", keyId: "k", decision }];
  const conversation: Omit<Conversation, "parties"> = { id: "s1", chainId: pick([null, "null", "g1"]), originalCallId: pick([null, "orig"]), sipCallId: pick([null, "own@sbc"]), startedAt: new Date(start - below(20_000)), endedAt: null };
  let atMs = start;
  for (let turn = 1 + below(5); turn > 0; turn -= 1) {
    const parties = addresses.filter(() => below(2) === 0).map((address): CallParty => ({ id: address, name: pick([null, "Name", "O'Neil 🎧"]), address, joinedAt: pick([null, new Date(atMs)]), leftAt: below(4) === 0 ? new Date(atMs) : null, sends: [], onHold: below(4) === 0 }));
    const known: CallFacts = { conversations: [{ ...conversation, parties, ...(below(3) === 0 && { callingPartyId: pick(addresses) }) }] };
    facts.push(...legs.update(known, atMs, () => null));
    if (below(3) === 0) facts.push(...legs.audioArrived(atMs));
    atMs += 1 + below(15_000);
  }
  const isCutOff = below(3) === 0;
  if (!isCutOff) facts.push(...legs.end(pick(["released", "cancelled", "fault"] as const), atMs), { kind: "recording.ended", ...of, atMs, endReason: "released" });
  const summary: RecordingSummary = { ...of, startedAtMs: start, durationMs: atMs - start, tracks: [], pieces: [], recovered: isCutOff };
  const track = { track: 1, sourceTrack: 1, label: "1", name: null, address: "", codec: "PCMU", sampleRate: 8_000, fromMs: 0, toMs: atMs - start, offsetMs: 0, durationMs: atMs - start, packets: 1, packetsLost: 0, speech: [], gaps: [] };
  const tracks = below(2) === 0 ? [] : [track];
  const interactions = legs.interactions().map((one) => settle(one, summary, tracks, isCutOff ? null : atMs - start));
  facts.push({ kind: "recording.finalized", ...of, atMs: atMs + 500, startedAtMs: start, durationMs: atMs - start, endReason: "released", recovered: isCutOff, manifestSha256: "00".repeat(32), tracks, objects: [], interactions });
  return { recordingId, trunkId, facts };
}

async function write(facts: readonly Fact[], sandboxTrunks: ReadonlySet<string>): Promise<void> {
  await withSystem(stage.db, (tx) => tx.insertInto("nodes").values({ node_id: "node-1", roles: ["recorder"], version: "0", started_at: new Date(), seen_at: new Date() }).onConflict((conflict) => conflict.doNothing()).execute());
  const projector = createProjector({ db: stage.db, nodeId: "node-1", log: quietLog, sandboxTrunks, databaseReady: Promise.resolve(), finalizing: async () => undefined, applied: () => undefined });
  projector.push(facts.map((fact) => ({ seq: ++seq, fact })));
  await vi.waitFor(() => expect(projector.waiting().facts).toBe(0), { timeout: 20_000 });
  await projector.close();
}

const findingsOf = async (tenant: CheckedTenant, recordingId: string) => partsThatDiffer(finder("manifests", tenant), (await readRecording({ db: stage.db } as Checking, tenant, recordingId))!, null, []);

/** Of a fact that the database refuses, a row says so; the end brings what it said. */
const refused = (fact: InteractionChanged): Fact => ({ ...fact, interaction: { ...fact.interaction, direction: "Sideways" as "None" } });

test("PLT-14 whatever happens in a call and however it is written down, its rows tell what the database says of everybody's part; and a superuser's change of any of it is seen", async () => {
  const tenant = await stage.addTenant();
  const calls = Array.from({ length: 40 }, () => randomCall(tenant.tenantId));
  const unsure = new Set<string>();
  // Calls run beside each other, and the recorder that finishes them may have begun anew, with other settings.
  const [first, second] = [calls.flatMap(({ facts }) => facts.slice(0, -1)), calls.map(({ facts }) => facts.at(-1)!)];
  const sandboxTrunks = new Set(calls.filter(() => below(2) === 0).map(({ trunkId }) => trunkId));
  const refusedAt = new Set(first.flatMap((fact, at) => (fact.kind === "interaction.changed" && fact.change !== "opened" && below(30) === 0 ? [at] : [])));
  for (const at of refusedAt) unsure.add((first[at] as InteractionChanged).interaction.interactionId);
  for (let at = 0; at < first.length; ) {
    const until = at + 1 + below(120);
    await write(first.slice(at, until).map((fact, n) => (refusedAt.has(at + n) ? refused(fact as InteractionChanged) : fact)), new Set());
    at = until;
  }
  await write(second, sandboxTrunks);
  await stage.act(tenant, 1);

  const ends = (await stage.superuser.query("select interaction_id as id, release_cause as cause, media_status as status, sandbox, transferred_to is not null as transferred from interactions where tenant_id = $1", [tenant.tenantId])).rows;
  expect(ends.length).toBeGreaterThan(40);
  expect(new Set(ends.map(({ status }) => status as string))).toEqual(new Set(["Available", "Failed", "Unavailable"]));
  expect(ends.map(({ cause }) => cause as string)).toEqual(expect.arrayContaining(["Normal", "Failure", "Abandoned", "Transferred"]));
  expect([refusedAt.size > 0, ends.some(({ sandbox }) => sandbox as boolean), ends.some(({ transferred }) => transferred as boolean)]).toEqual([true, true, true]);
  for (const { recordingId } of calls) expect(await findingsOf(tenant, recordingId)).toEqual([]);

  await stage.superuser.query("set session_replication_role = replica");
  await stage.superuser.query(`update interactions set ${changes.map(([, change]) => change).join(", ")} where tenant_id = $1`, [tenant.tenantId]);
  const says = new Map<string, string>();
  for (const { recordingId } of calls) for (const { code, where, says: words } of await findingsOf(tenant, recordingId)) says.set(`${code} ${where.split(" ")[1]}`, `; ${words}`);
  for (const { id } of ends.filter((one) => !unsure.has(one.id as string))) expect([id, changes.map(([inWords]) => inWords).filter((inWords) => !says.get(`FACTS_DIFFER ${id}`)?.includes(`; ${inWords}: the database says `))]).toEqual([id, []]);
});

const mallory = `'{"upn": null, "name": "Mallory", "address": "sip:m@x.example"}'`;
const longer = (column: string): string => `${column} = coalesce(${column} || ' ', 'null')`;
const later = (column: string): string => `${column} = coalesce(${column}, '2026-11-20T09:15:00Z') + interval '1 millisecond'`;
const orElse = (column: string, one: string, two: string): string => `${column} = case when ${column} is distinct from '${one}' then '${one}' else '${two}' end`;
const changes = [
  ["whose it is", "person_id = gen_random_uuid()"],
  ["direction", orElse("direction", "None", "Incoming")],
  ["kind of call", orElse("call_type", "P2P_PSTN", "P2P_External")],
  ["who called", `calling = ${mallory}`],
  ["who was called", `called = ${mallory}`],
  ["who answered", `answering = ${mallory}`],
  ["transferred by", `transferred_by = ${mallory}`],
  ["transferred to", `transferred_to = ${mallory}`],
  ["the call's id", longer("sip_call_id")],
  ["id of the first call", longer("sys_call_id")],
  ["id of the chain of calls", longer("chain_id")],
  ["decision", `decision = ${mallory}`],
  ["answer", later("answered_at")],
  ["release", later("released_at")],
  ["whether there is sound", orElse("media_status", "Failed", "Available")],
  ["how it ended", orElse("release_cause", "Normal", "Failure")],
  ["whether the sandbox made it", "sandbox = not sandbox"],
  ["node", "node_id = 'node-2'"],
  ["last change", later("updated_at")],
] as const;

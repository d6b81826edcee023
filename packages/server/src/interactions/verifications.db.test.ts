import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mostVerificationSentences, type Interaction, type InteractionDetail, type InteractionPage } from "@earwitness/contract";
import { withTenant } from "#db";
import { addInteraction, addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { recordVerification, type Finding } from "./verifications.ts";

const by = { kind: "machine", id: "test", name: "Test" } as const;
const job = { actor: { kind: "job", id: "fsck", name: "fsck" }, nodeId: "node-1" } as const;
const root = Buffer.alloc(32, 7);

let stage: TestPortal;
let tenantId: string;
let key: string;

beforeAll(async () => {
  stage = await createTestPortal();
  tenantId = await addSealingTenant(stage, "contoso");
  key = (await stage.apiKeys.create(tenantId, { name: "compliance", profile: "Admin" }, by)).key;
});
afterAll(() => stage.close());

const get = async <T>(url: string): Promise<T> => (await stage.portal.app.inject({ url, headers: { authorization: `Bearer ${key}` } })).json() as T;
const post = (id: string, payload: object, headers: Record<string, string> = { authorization: `Bearer ${key}` }) => stage.portal.app.inject({ method: "POST", url: `/api/v1/interactions/${id}/verifications`, headers, payload });
const evidence = (subject: string) => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").selectAll().where("action", "=", "Verify").where("subject", "=", subject).execute());
const finding = (interactionId: string, more: Partial<Finding> = {}): Finding => ({ interactionId, means: "fsck", result: "holds", checked: ["All seconds."], differing: [], checkpoint: { size: 12, root }, ...more });
const record = (found: Finding, occurredAt = new Date()) => withTenant(stage.db, tenantId, (tx) => recordVerification(tx, { ...job, occurredAt }, found));

describe("when an interaction was last verified", () => {
  test("PLT-14 never, until somebody does; then the newest of all, in the list and on its page, with one row of evidence each", async () => {
    const id = await addInteraction(stage.db, tenantId);
    expect(await get<InteractionDetail>(`/api/v1/interactions/${id}`)).toMatchObject({ lastVerified: null, verification: null });
    await record(finding(id), new Date("2026-11-21T08:00:00.000Z"));
    await record(finding(id, { result: "differs", differing: ["Second 00:03 of track 1 cannot be opened."] }), new Date("2026-11-22T08:00:00.000Z"));
    await record(finding(id, { means: "export" }), new Date("2026-11-21T12:00:00.000Z"));
    const last = { at: "2026-11-22T08:00:00.000Z", result: "differs", means: "fsck", by: { kind: "job", name: "fsck" } };
    const { items } = await get<InteractionPage>("/api/v1/interactions");
    expect(items.find((one: Interaction) => one.id === id)!.lastVerified).toEqual(last);
    expect(await get<InteractionDetail>(`/api/v1/interactions/${id}`)).toMatchObject({ lastVerified: last, verification: { ...last, checked: ["All seconds."], differing: ["Second 00:03 of track 1 cannot be opened."], checkpoint: { size: 12, root: root.toString("hex") } } });
    expect((await evidence(id)).map(({ item, actor_name, detail }) => ({ item, actor_name, ...(detail as object) }))).toMatchObject([{ item: "Call", actor_name: "fsck", result: "holds", name: "Adele Vance" }, { result: "differs" }, { means: "export" }]);
  });

  test("what a browser found stands under the name of whoever sat before it", async () => {
    const id = await addInteraction(stage.db, tenantId);
    const answer = await post(id, { result: "holds", checked: ["All 8 seconds of track 1."], differing: [], checkpoint: { size: 3, root: root.toString("hex") } });
    expect([answer.statusCode, answer.json()]).toMatchObject([201, { result: "holds", means: "browser", by: { kind: "api_key", name: "compliance" }, checkpoint: { size: 3 } }]);
    expect((await evidence(id)).length).toBe(1);
  });

  test("a report that contradicts itself, or of what is not there, is refused and leaves nothing", async () => {
    const id = await addInteraction(stage.db, tenantId);
    const good = { result: "holds", checked: [], differing: [], checkpoint: null };
    for (const bad of [{ ...good, result: "differs" }, { ...good, differing: ["A second."] }, { ...good, result: "fine" }, { ...good, checkpoint: { size: 1, root: "00" } }, { ...good, means: "fsck" }]) expect((await post(id, bad)).statusCode, JSON.stringify(bad)).toBe(400);
    expect((await post("0123456789abcdef01234567", good)).statusCode).toBe(404);
    const { personId } = await addPerson(stage.db, tenantId, `own-${Date.now()}@contoso.example`, "User Self View");
    const session = await stage.sessions.create(tenantId, personId, { remoteAddress: "127.0.0.1" });
    expect((await post(id, good, { cookie: `${stage.sessionCookie}=${session!.cookie}`, "sec-fetch-site": "same-origin" })).statusCode).toBe(403);
    expect(await evidence(id)).toEqual([]);
    expect(await record(finding("0123456789abcdef01234567"))).toBeNull();
  });

  test("OVR-14 another tenant's is not found, and neither is what was said of it", async () => {
    const other = await addSealingTenant(stage, "fabrikam");
    const theirs = await addInteraction(stage.db, other);
    expect((await post(theirs, { result: "holds", checked: [], differing: [], checkpoint: null })).statusCode).toBe(404);
    await withTenant(stage.db, other, (tx) => recordVerification(tx, { ...job, occurredAt: new Date() }, finding(theirs)));
    expect(await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("verifications").selectAll().where("interaction_id", "=", theirs).execute())).toEqual([]);
  });

  test("nobody changes or deletes what was found", async () => {
    const id = await addInteraction(stage.db, tenantId);
    await record(finding(id));
    await expect(withTenant(stage.db, tenantId, (tx) => tx.updateTable("verifications").set({ result: "incomplete" }).where("interaction_id", "=", id).execute())).rejects.toThrow(/permission denied/);
    await expect(withTenant(stage.db, tenantId, (tx) => tx.deleteFrom("verifications").where("interaction_id", "=", id).execute())).rejects.toThrow(/permission denied/);
  });

  test("a store that is damaged all over does not fill the table", async () => {
    const id = await addInteraction(stage.db, tenantId);
    const told = await record(finding(id, { result: "differs", differing: Array.from({ length: 5_000 }, (_, second) => `Second ${second} ${"x".repeat(2_000)}`) }));
    expect([told!.differing.length, told!.differing.at(-1), told!.differing[0]!.length]).toEqual([mostVerificationSentences, "… and 4961 more.", 500]);
  });

  test("open lists hear of it", async () => {
    const id = await addInteraction(stage.db, tenantId);
    const abort = new AbortController();
    const url = await stage.portal.app.listen({ port: 0, host: "127.0.0.1" });
    const live = await fetch(`${url}/api/v1/live`, { headers: { authorization: `Bearer ${key}` }, signal: abort.signal });
    const reader = live.body!.pipeThrough(new TextDecoderStream()).getReader();
    await post(id, { result: "holds", checked: [], differing: [], checkpoint: null });
    let heard = "";
    while (!(heard.includes(id) && heard.includes('"result":"holds"'))) heard += (await reader.read()).value ?? "";
    abort.abort();
    expect(heard).toContain('"means":"browser"');
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withTenant } from "#db";
import { addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { append, type EvidenceEntry } from "./append.ts";

let database: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = await addTenant(database.db);
});
afterAll(() => database?.close());

const occurredAt = new Date("2026-11-21T09:30:00.123Z");
const entry: EvidenceEntry = { actor: { kind: "person", id: "p1", name: "Adele Vance" }, action: "Play", item: "Call", occurredAt, nodeId: "n1" };
const rowsOf = (tenant: string) => withTenant(database.db, tenant, (tx) => tx.selectFrom("evidence").selectAll().orderBy("recorded_at").execute());

describe("append", () => {
  test("writes who, what, to what, when and from where, with its own time beside that of the act", async () => {
    const before = Date.now();
    const evidenceId = await withTenant(database.db, tenantId, (tx) => append(tx, { ...entry, subject: "64b0c1d2a1b2c3d4e5f60718", remoteAddress: "192.0.2.1", reason: "Complaint 17", detail: { track: 1, "naïve": ["ä", null] } }));
    const [row] = await rowsOf(tenantId);
    expect(row).toEqual({
      tenant_id: tenantId,
      evidence_id: evidenceId,
      recorded_at: expect.any(Date),
      occurred_at: occurredAt,
      node_id: "n1",
      actor_kind: "person",
      actor_id: "p1",
      actor_name: "Adele Vance",
      action: "Play",
      item: "Call",
      subject: "64b0c1d2a1b2c3d4e5f60718",
      remote_address: "192.0.2.1",
      reason: "Complaint 17",
      detail: { track: 1, "naïve": ["ä", null] },
      tree_index: null,
      salt: expect.any(Buffer),
      erased_by: null,
    });
    expect(row!.salt).toHaveLength(32);
    expect(row!.recorded_at.getTime()).toBeGreaterThanOrEqual(before);
    expect(row!.recorded_at.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test("what is not known is null", async () => {
    const other = await addTenant(database.db);
    await withTenant(database.db, other, (tx) => append(tx, entry));
    expect(await rowsOf(other)).toMatchObject([{ subject: null, remote_address: null, reason: null, detail: {} }]);
  });

  test("is of the act's transaction: an act that fails leaves no evidence, and evidence that fails leaves no act", async () => {
    const other = await addTenant(database.db);
    const rename = (name: string, actor: EvidenceEntry["actor"], fail: boolean) =>
      withTenant(database.db, other, async (tx) => {
        await tx.updateTable("tenants").set({ display_name: name }).execute();
        await append(tx, { ...entry, actor });
        if (fail) throw new Error("the act failed");
      });
    await expect(rename("New", entry.actor, true)).rejects.toThrow("the act failed");
    await expect(rename("New", { ...entry.actor, kind: "ghost" as "person" }, false)).rejects.toThrow(/evidence_actor_kind_known/);
    expect(await rowsOf(other)).toEqual([]);
    expect(await withTenant(database.db, other, (tx) => tx.selectFrom("tenants").select("display_name").executeTakeFirst())).not.toEqual({ display_name: "New" });
    await rename("New", entry.actor, false);
    expect(await rowsOf(other)).toHaveLength(1);
  });

  test("is the tenant's alone, and its place in the tree is not the act's to choose", async () => {
    const other = await addTenant(database.db);
    expect(await rowsOf(other)).toEqual([]);
    await expect(
      withTenant(database.db, tenantId, (tx) => tx.insertInto("evidence").values({ tenant_id: tenantId, recorded_at: new Date(), evidence_id: tenantId, occurred_at: occurredAt, node_id: "n1", actor_kind: "machine", actor_id: "x", actor_name: "x", action: "x", item: "x", tree_index: 1 }).execute()),
    ).rejects.toThrow(/permission denied/);
    await expect(
      withTenant(database.db, tenantId, (tx) => tx.insertInto("evidence").values({ tenant_id: other, recorded_at: new Date(), evidence_id: tenantId, occurred_at: occurredAt, node_id: "n1", actor_kind: "machine", actor_id: "x", actor_name: "x", action: "x", item: "x" }).execute()),
    ).rejects.toThrow(/row-level security/);
  });
});

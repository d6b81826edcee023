import { afterAll, beforeAll, expect, test } from "vitest";
import { withTenant } from "#db";
import { addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { appendOnce } from "./append-once.ts";
import type { EvidenceEntry } from "./append.ts";

let database: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.close());

const start = Date.parse("2026-11-21T09:30:00Z");
const look = async (minute: number, more: Partial<EvidenceEntry> = {}) =>
  await withTenant(database.db, tenantId, (tx) => appendOnce(tx, { actor: { kind: "person", id: "p1", name: "Adele" }, action: "View", item: "Call", subject: "c1", occurredAt: new Date(start + minute * 60_000), nodeId: "n1", ...more }));
const minutes = async () => (await withTenant(database.db, tenantId, (tx) => tx.selectFrom("evidence").select("occurred_at").orderBy("occurred_at").execute())).map(({ occurred_at }) => (occurred_at.getTime() - start) / 60_000);
const remembered = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("recent_acts").select("act").execute());

test("MON-22 looking again is one act for a quarter of an hour from the first look, however often", async () => {
  tenantId = await addTenant(database.db);
  for (const minute of [0, 1, 7, 14.9, 15, 20, 29.9, 30]) await look(minute);
  expect(await minutes()).toEqual([0, 15, 30]);
});

test("another actor, action, item, subject or filter is another act", async () => {
  tenantId = await addTenant(database.db);
  const other: Partial<EvidenceEntry>[] = [{}, { actor: { kind: "person", id: "p2", name: "Bill" } }, { actor: { kind: "api_key", id: "p1", name: "Adele" } }, { action: "Access" }, { item: "User" }, { subject: "c2" }, { detail: { filter: { q: "a" } } }];
  for (const one of [...other, ...other]) await look(0, one);
  expect((await minutes()).length).toBe(other.length);
});

test("requests of one moment are one act, in whatever order they come", async () => {
  tenantId = await addTenant(database.db);
  await Promise.all([5, 4, 3, 2, 1, 0].map((tenth) => look(tenth / 600_000)));
  expect((await minutes()).length).toBe(1);
});

test("an act of the future, which a clock that was set back has left, is over", async () => {
  tenantId = await addTenant(database.db);
  await look(600);
  await look(0);
  await look(1);
  expect(await minutes()).toEqual([0, 600]);
});

test("what is over is forgotten, and acts that are opened again at the same moment do not wait for each other", async () => {
  tenantId = await addTenant(database.db);
  const acts = Array.from({ length: 12 }, (_, n) => `c${n}`);
  for (let round = 0; round < 20; round++) await Promise.all(acts.map((subject) => look(round * 16, { subject })));
  expect((await minutes()).length).toBe(20 * acts.length);
  await look(1_000);
  expect((await remembered()).length).toBe(1);
});

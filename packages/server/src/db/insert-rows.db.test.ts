import { afterAll, beforeAll, expect, test } from "vitest";
import { withTenant } from "#db";
import { mintedAt, mintId } from "#ids";
import { addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { insertRows, putRows } from "./insert-rows.ts";

let database: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = await addTenant(database.db);
});
afterAll(() => database?.close());

const newCall = () => {
  const media_id = mintId(new Date());
  const key = { tenant_id: tenantId, minted_at: mintedAt(media_id), media_id };
  const media = { ...key, node_id: "n", state: "recording" as const, started_at: new Date(), ended_at: null, duration_ms: null, end_reason: null };
  const track = (more: object = {}) => ({ ...key, track: 1, label: "1", participant_name: "Adele", participant_aor: "sip:a@x", source_track: 1, from_ms: 0, to_ms: 0, speech: [[1, 2]] as [number, number][], ...more });
  const read = () => withTenant(database.db, tenantId, (tx) => tx.selectFrom("media_tracks").selectAll().where("media_id", "=", media_id).execute());
  return { key, media, track, read };
};

test("rows come back as they were given: bytes, times, numbers, nothing, and values within jsonb", async () => {
  const { key, media, track, read } = newCall();
  const object = { ...key, object_name: "o", kind: "piece" as const, seq: 0, key_id: "k", size_bytes: 2 ** 40, sha256: Buffer.from([0, 92, 255]), from_ms: null, to_ms: 7, stored_at: new Date("2026-11-21T09:30:00.123Z") };
  await withTenant(database.db, tenantId, async (tx) => {
    await insertRows(tx, "media", [media]);
    await insertRows(tx, "media_objects", [object]);
    await insertRows(tx, "media_tracks", [track()]);
    await insertRows(tx, "media_tracks", []);
  });
  const [found] = await withTenant(database.db, tenantId, (tx) => tx.selectFrom("media_objects").selectAll().where("media_id", "=", key.media_id).execute());
  expect(found).toEqual(object);
  expect(await read()).toMatchObject([{ participant_name: "Adele", speech: [[1, 2]], gaps: [] }]);
});

test("a row that is there gets the columns that were named, and keeps the others", async () => {
  const { media, track, read } = newCall();
  const key = ["tenant_id", "minted_at", "media_id", "track"] as const;
  await withTenant(database.db, tenantId, async (tx) => {
    await insertRows(tx, "media", [media]);
    await putRows(tx, "media_tracks", key, [track()]);
    await putRows(tx, "media_tracks", key, [track({ participant_name: "Bill", to_ms: 9 })], ["participant_name"]);
  });
  expect(await read()).toMatchObject([{ participant_name: "Bill", to_ms: 0 }]);
  await withTenant(database.db, tenantId, (tx) => putRows(tx, "media_tracks", key, [track({ participant_name: null, to_ms: 9 })]));
  expect(await read()).toMatchObject([{ participant_name: null, to_ms: 9 }]);
});

test("any text goes in; half of a surrogate pair becomes a replacement character, and what only looks like its escape stays", async () => {
  for (const [text, expected] of [["\u{1f600} \\ud800 \\\\ud800 \"", "\u{1f600} \\ud800 \\\\ud800 \""], ["a\ud800b\\\udfff", "a\ufffdb\\\ufffd"]] as const) {
    const { media, track, read } = newCall();
    await withTenant(database.db, tenantId, async (tx) => {
      await insertRows(tx, "media", [media]);
      await insertRows(tx, "media_tracks", [track({ participant_name: text })]);
    });
    expect(await read()).toMatchObject([{ participant_name: expected }]);
  }
});

test("row-level security holds for rows of another tenant", async () => {
  const { media } = newCall();
  const other = await addTenant(database.db);
  await expect(withTenant(database.db, other, (tx) => insertRows(tx, "media", [media]))).rejects.toThrow(/row-level security/);
});
